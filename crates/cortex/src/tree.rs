//! From steps to a tree that can be run: guards, postconditions, time limits and the ladder of recovery.

use neuraxis_plan::{
    Effects, FactSet, MOST_CHILDREN, MOST_ENTRIES, MOST_NODES, ObjectId, RawArgs, RawKind, RawMaintain, RawNode,
    RawPlan, RawRung, RawTest, Relation, RungAction, Scene, Skill, Step, Unit, Until, Vary,
};
use serde_json::json;

use crate::CortexError;

/// A step is broken off when the force on the tool exceeds this in two of three looks [N]; one that ends at resistance, later.
const FORCE_N: f64 = 30.0;
const PUSH_FORCE_N: f64 = 40.0;

/// A fallback: the steps, or else a person. Steps that belong together (from taking to putting) are a sequence.
pub(crate) fn tree(
    scene: &Scene,
    steps: &[(Step, Effects)],
    goal: &FactSet,
    instruction: &str,
) -> Result<RawPlan, CortexError> {
    let mut rows: Vec<Branch> = groups(steps);
    if steps.is_empty() {
        // All is as it shall be: look that it is.
        rows = goal.iter().map(|fact| Branch::Leaf(Leaf::Condition(scene.name(fact).to_string()))).collect();
    }
    while rows.len() > MOST_CHILDREN {
        rows = gathered(rows);
    }
    let why = Leaf::AskHuman(format!("could not do it: {}", instruction.chars().take(200).collect::<String>()));
    let root = Branch::Fallback(vec![Branch::Sequence(rows), Branch::Leaf(why)]);
    let mut writer = Writer { scene, nodes: Vec::new() };
    writer.write(root, None);
    if writer.nodes.len() > MOST_NODES {
        return Err(CortexError::TooLong { steps: steps.len() });
    }
    Ok(RawPlan {
        scene_check: Vec::new(),
        rationale: format!("{} steps by symbolic search", steps.len()),
        assumptions: assumptions(scene, steps),
        goal: scene.names(goal),
        nodes: writer.nodes,
    })
}

enum Branch<'a> {
    Fallback(Vec<Branch<'a>>),
    Sequence(Vec<Branch<'a>>),
    Leaf(Leaf<'a>),
}

enum Leaf<'a> {
    Step(&'a Step, &'a Effects),
    Condition(String),
    AskHuman(String),
}

/// Rows of steps that end with an empty hand; a row of one is that step.
fn groups(steps: &[(Step, Effects)]) -> Vec<Branch<'_>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    for (step, effects) in steps {
        row.push(Branch::Leaf(Leaf::Step(step, effects)));
        if !matches!(step.skill, Skill::Look | Skill::Grasp) {
            rows.push(one_or_sequence(std::mem::take(&mut row)));
        }
    }
    if !row.is_empty() {
        rows.push(one_or_sequence(row));
    }
    rows
}

fn one_or_sequence(mut row: Vec<Branch<'_>>) -> Branch<'_> {
    match row.pop() {
        Some(only) if row.is_empty() => only,
        last => {
            row.extend(last);
            Branch::Sequence(row)
        }
    }
}

/// One level more, with as few sequences as possible.
fn gathered(rows: Vec<Branch<'_>>) -> Vec<Branch<'_>> {
    let mut gathered = Vec::new();
    let mut row = Vec::new();
    for branch in rows {
        row.push(branch);
        if row.len() == MOST_CHILDREN {
            gathered.push(Branch::Sequence(std::mem::take(&mut row)));
        }
    }
    if !row.is_empty() {
        gathered.push(one_or_sequence(row));
    }
    gathered
}

/// Preconditions that no earlier step brought about: what must be so at the start.
fn assumptions(scene: &Scene, steps: &[(Step, Effects)]) -> Vec<String> {
    let (mut holds, mut fails, mut made) = (FactSet::default(), FactSet::default(), FactSet::default());
    for (_, effects) in steps {
        holds = holds.union(&effects.pre.minus(&made));
        fails = fails.union(&effects.pre_not.minus(&made));
        made = made.union(&effects.add).union(&effects.del);
    }
    let contraries = fails.iter().map(|fact| format!("not {}", scene.name(fact)));
    scene.names(&holds).into_iter().chain(contraries).take(MOST_ENTRIES).collect()
}

struct Writer<'a> {
    scene: &'a Scene,
    nodes: Vec<RawNode>,
}

impl Writer<'_> {
    fn write(&mut self, branch: Branch<'_>, parent: Option<u16>) {
        let id = self.nodes.len() as u16;
        let node = |kind| RawNode::new(id, parent, kind);
        match branch {
            Branch::Fallback(children) => self.inner(node(RawKind::Fallback), children),
            Branch::Sequence(children) => self.inner(node(RawKind::Sequence), children),
            Branch::Leaf(Leaf::Condition(fact)) => {
                let args = RawArgs { fact: Some(fact), ..RawArgs::default() };
                self.nodes.push(RawNode { args, ..node(RawKind::Condition) });
            }
            Branch::Leaf(Leaf::AskHuman(why)) => {
                let args = RawArgs { why: Some(why), ..RawArgs::default() };
                self.nodes.push(RawNode { args, ..node(RawKind::AskHuman) });
            }
            Branch::Leaf(Leaf::Step(step, effects)) => {
                let leaf = self.leaf(node(RawKind::Skill), step, effects);
                self.nodes.push(leaf);
            }
        }
    }

    fn inner(&mut self, node: RawNode, children: Vec<Branch<'_>>) {
        let id = Some(node.id);
        self.nodes.push(node);
        for child in children {
            self.write(child, id);
        }
    }

    fn leaf(&self, node: RawNode, step: &Step, effects: &Effects) -> RawNode {
        let name = |id: Option<ObjectId>| id.map(|id| self.scene.object_name(id).to_string());
        let mut args = RawArgs { obj: name(step.object), ..RawArgs::default() };
        match step.skill {
            Skill::Grasp => args.from = name(step.place),
            Skill::Place => args.to = name(step.place),
            Skill::Look => args.at = name(step.place),
            _ => {}
        }
        // A block that was lost on the way is taken again, if it can be.
        let taken = self
            .nodes
            .last()
            .filter(|last| step.skill == Skill::Place && last.skill.as_deref() == Some(Skill::Grasp.name()));
        RawNode {
            skill: Some(step.skill.name().to_string()),
            post: effects.purpose.map(|fact| self.scene.name(fact).to_string()).into_iter().collect(),
            guards: if step.skill.touches() { vec![force(step.skill)] } else { Vec::new() },
            maintain: if step.skill == Skill::Place { vec![held(&args.obj)] } else { Vec::new() },
            timeout_s: Some(timeout_secs(step.skill)),
            on_fail: ladder(step.skill, taken.map(|node| node.id)),
            args,
            ..node
        }
    }
}

fn force(skill: Skill) -> RawTest {
    let (op, unit) = (Relation::Less, Unit::Newton);
    let val = if matches!(skill, Skill::Push | Skill::Place) { PUSH_FORCE_N } else { FORCE_N };
    RawTest { expr: json!(["force", "norm"]), op, val, unit, n: 2, m: 3 }
}

fn held(block: &Option<String>) -> RawMaintain {
    let pred = block.as_ref().map(|block| format!("holding({block})"));
    RawMaintain { pred, until: Some(Until::Release), ..RawMaintain::default() }
}

/// Several times what a simulated arm takes.
fn timeout_secs(skill: Skill) -> f64 {
    match skill {
        Skill::Look => 5.0,
        Skill::Reach => 15.0,
        Skill::Pull => 40.0,
        _ => 30.0,
    }
}

/// Mildest first: again, back, from memory, anew, a person.
fn ladder(skill: Skill, taken: Option<u16>) -> Vec<RawRung> {
    let rung = |action: RungAction| RawRung { level: action.level(), action, max: None, vary: None, node: None };
    let vary = match skill {
        Skill::Grasp => Vary::GraspRank,
        Skill::Place | Skill::Push => Vary::Offset,
        Skill::Pull | Skill::Look => Vary::Approach,
        Skill::Reach | Skill::Hold | Skill::Policy => Vary::Speed,
    };
    let mut rungs = vec![RawRung { max: Some(2), vary: Some(vary), ..rung(RungAction::Retry) }];
    rungs.extend(taken.map(|node| RawRung { node: Some(node), ..rung(RungAction::Goto) }));
    rungs.extend([RungAction::Recall, RungAction::Replan, RungAction::AskHuman].map(rung));
    rungs
}
