//! C_inf: how far a plan disagrees with what is known without the model (after arXiv 2603.15557): the scene's facts,
//! what its own skills do, and what the sentence asks for as the grammar reads it. Names that do not exist are the
//! validator's business; it lets none pass.

use neuraxis_plan::{Class, Effects, FactSet, Predicate, RawNode, RawPlan, Scene, Skill, Step, Truth, effects};

use crate::{PlanRequest, read_goals};

/// What was compared, and with which result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grounding {
    /// Claims that were looked at.
    pub claims: usize,
    /// Those that are known to be wrong, in words.
    pub contradicted: Vec<String>,
    /// Those that nothing speaks for, in words. Half weight.
    pub unsupported: Vec<String>,
    /// Faults that the validator found.
    pub faults: usize,
}

impl Grounding {
    /// Compares a plan with the request, whose sentence was said in another scene or in this one; without a plan there is
    /// nothing but conflict.
    pub(crate) fn of(
        plan: Option<&RawPlan>,
        request: &PlanRequest,
        said_in: &Scene,
        faults: usize,
        compare_goal: bool,
    ) -> Self {
        let mut grounding = Self { faults: faults.max(usize::from(plan.is_none())), ..Self::default() };
        let Some(plan) = plan else { return grounding };
        grounding.assumptions(plan, request.scene);
        grounding.posts(plan, request.scene);
        if compare_goal {
            grounding.goal(plan, request, said_in);
        }
        grounding
    }

    /// C_inf, 0 to 1.
    pub fn conflict(&self) -> f64 {
        let all = self.claims + self.faults;
        if all == 0 {
            return 0.0;
        }
        let wrong = (self.contradicted.len() + self.faults) as f64 + 0.5 * self.unsupported.len() as f64;
        (wrong / all as f64).min(1.0)
    }

    fn assumptions(&mut self, plan: &RawPlan, scene: &Scene) {
        for text in &plan.assumptions {
            self.claims += 1;
            let Ok(literal) = scene.literal(text) else { continue };
            match scene.state().truth(literal.fact) {
                Truth::Unknown => self.unsupported.push(format!("assumes {text}, which is not known")),
                truth if (truth == Truth::True) != literal.holds => {
                    self.contradicted.push(format!("assumes {text}, which is known to be otherwise"));
                }
                _ => {}
            }
        }
    }

    /// What is to be observed after a step must not be what the step undoes, and something must bring it about.
    fn posts(&mut self, plan: &RawPlan, scene: &Scene) {
        let all: Vec<(&RawNode, Effects)> =
            plan.nodes.iter().filter_map(|node| Some((node, effects(scene, &step(node, scene)?)?))).collect();
        let made = all.iter().fold(*scene.state().holds(), |made, (_, effects)| made.union(&effects.add));
        for (node, effects) in all {
            for text in &node.post {
                self.claims += 1;
                let Ok(literal) = scene.literal(text) else { continue };
                let name = node.skill.as_deref().unwrap_or_default();
                if effects.del.contains(literal.fact) {
                    self.contradicted.push(format!("node {}: {text} after {name}, which undoes it", node.id));
                } else if !made.contains(literal.fact) && name != Skill::Policy.name() {
                    self.unsupported.push(format!("node {}: nothing brings about {text}", node.id));
                }
            }
        }
    }

    /// What the sentence asks for must be among the goals; a button that it does not speak of must be left alone.
    fn goal(&mut self, plan: &RawPlan, request: &PlanRequest, said_in: &Scene) {
        let scene = request.scene;
        let Ok(goals) = read_goals(request.instruction, said_in) else { return };
        let asked = goals.stages.iter().fold(FactSet::default(), |all, stage| all.union(stage));
        let last = goals.stages.last().copied().unwrap_or_default();
        let named: FactSet =
            plan.goal.iter().filter_map(|text| scene.literal(text).ok()).map(|literal| literal.fact).collect();

        self.claims += last.union(&named).len();
        for fact in last.minus(&named).iter() {
            self.contradicted.push(format!("the task asks for {}, the plan's goal does not", scene.name(fact)));
        }
        for fact in named.minus(&asked).minus(scene.state().holds()).iter() {
            let of = scene.fact(fact).map(|fact| fact.predicate);
            if matches!(of, Some(Predicate::On | Predicate::In | Predicate::Open | Predicate::Closed)) {
                self.unsupported.push(format!("the task does not ask for {}, the plan's goal does", scene.name(fact)));
            }
        }
        // What cannot be undone is done only if it was asked for.
        for step in plan.nodes.iter().filter_map(|node| step(node, scene)) {
            let Some(button) = step.object.filter(|id| scene.class(*id) == Some(Class::Button)) else { continue };
            let pressed = scene.find(Predicate::Pressed, &[button]);
            if step.skill == Skill::Push && !pressed.is_some_and(|pressed| asked.contains(pressed)) {
                self.claims += 1;
                self.contradicted.push(format!("the task does not ask to press {}", scene.object_name(button)));
            }
        }
    }
}

/// The step of a node, whatever its numbers.
fn step(node: &RawNode, scene: &Scene) -> Option<Step> {
    let skill = Skill::ALL.into_iter().find(|skill| Some(skill.name()) == node.skill.as_deref())?;
    let mut things = skill.objects().iter().map(|argument| scene.object(node.args.name(argument.key)?));
    let (object, place) = (things.next().flatten(), things.next().flatten());
    Some(Step::new(skill, object, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Planner, SymbolicPlanner, workbench};

    const SAY: &str = "put the red block in the top drawer and close it";

    fn plan() -> RawPlan {
        SymbolicPlanner.plan(&PlanRequest { instruction: SAY, scene: &workbench(), epoch: 0 }).unwrap().plan
    }

    fn grounding(plan: &RawPlan, say: &str) -> Grounding {
        let scene = workbench();
        Grounding::of(Some(plan), &PlanRequest { instruction: say, scene: &scene, epoch: 0 }, &scene, 0, true)
    }

    #[test]
    fn a_good_plan_contradicts_nothing() {
        let good = grounding(&plan(), SAY);
        assert_eq!((good.contradicted.len(), good.unsupported.len(), good.conflict()), (0, 0, 0.0));
        assert!(good.claims > 8);
    }

    #[test]
    fn claims_against_what_is_known_are_named() {
        let mut wrong = plan();
        wrong.assumptions.push("open(middle_drawer)".into());
        wrong.nodes.iter_mut().filter(|node| node.skill.as_deref() == Some("grasp")).for_each(|node| {
            node.post.push("hand_empty".into());
            node.post.push("pressed(pink_button)".into());
        });
        let found = grounding(&wrong, SAY);
        assert_eq!(found.contradicted[0], "assumes open(middle_drawer), which is known to be otherwise");
        assert!(found.contradicted[1].ends_with("hand_empty after grasp, which undoes it"));
        assert!(found.unsupported[0].ends_with("nothing brings about pressed(pink_button)"));
        assert!(found.conflict() > 0.1 && found.conflict() < 0.5);
    }

    #[test]
    fn a_plan_for_another_task_contradicts_the_sentence() {
        let found = grounding(&plan(), "put the green block in the top drawer and close it");
        assert_eq!(found.contradicted, ["the task asks for in(green_block,top_drawer), the plan's goal does not"]);
        assert_eq!(found.unsupported, ["the task does not ask for in(red_block,top_drawer), the plan's goal does"]);
        assert_eq!(grounding(&plan(), "hocus pocus").contradicted.len(), 0, "what is not understood is not compared");
    }

    #[test]
    fn a_button_is_pressed_only_if_the_task_says_so() {
        let mut sly = plan();
        let mut push = sly.nodes.iter().find(|node| node.skill.as_deref() == Some("push")).unwrap().clone();
        push.args.obj = Some("pink_button".into());
        push.post = vec!["pressed(pink_button)".into()];
        sly.nodes.push(push);
        assert_eq!(grounding(&sly, SAY).contradicted, ["the task does not ask to press pink_button"]);
    }

    #[test]
    fn without_a_plan_all_is_conflict() {
        let scene = workbench();
        let request = PlanRequest { instruction: SAY, scene: &scene, epoch: 0 };
        assert_eq!(Grounding::of(None, &request, &scene, 3, true).conflict(), 1.0);
        assert_eq!(Grounding::of(None, &request, &scene, 0, true).conflict(), 1.0);
    }
}
