//! The learned policy in the place of a skill without learning.

use neuraxis_plan::{
    FactSet, NodeKind, Plan, RawArgs, RawNode, RawPlan, RungAction, Scene, Skill, Step, Vary, effects,
};
use serde::{Deserialize, Serialize};

/// A skill that the policy can do instead, because it was trained on sentences for it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learned {
    /// Pulls drawers open.
    Pull,
}

impl Learned {
    /// Every one, with its name.
    pub const ALL: [(&'static str, Self); 1] = [("pull", Self::Pull)];

    fn skill(self) -> Skill {
        match self {
            Self::Pull => Skill::Pull,
        }
    }

    /// What the policy is told, in the words of its training.
    fn sentence(self, step: &Step, scene: &Scene) -> Option<String> {
        match self {
            Self::Pull => Some(format!("open the {}", scene.object_name(step.object?).replace('_', " "))),
        }
    }
}

/// The plan with the policy in the place of these skills. A policy may change anything, so its postcondition names all
/// that the rest of the plan rests on; without the proof that this is enough the plan must not run. Reads the plan's
/// leaves as a sequence, which those of the symbolic planner are.
pub fn with_learned(plan: &Plan, scene: &Scene, learned: &[Learned]) -> RawPlan {
    let mut raw = plan.raw().clone();
    let steps = plan.nodes().iter().filter_map(|node| match &node.kind {
        NodeKind::Skill(step) => Some((node.id, step, effects(scene, step)?)),
        _ => None,
    });
    let steps: Vec<_> = steps.collect();
    for (at, (id, step, done)) in steps.iter().enumerate() {
        let Some(by) = learned.iter().find(|learned| learned.skill() == step.skill) else { continue };
        let (Some(sentence), Some(node)) = (by.sentence(step, scene), raw.nodes.iter_mut().find(|n| n.id == *id))
        else {
            continue;
        };
        let mut post: FactSet = done.purpose.into_iter().collect();
        let mut made = FactSet::default();
        for (_, _, later) in steps.get(at + 1..).unwrap_or_default() {
            post = post.union(&later.pre.minus(&made));
            made = made.union(&later.add);
        }
        take_over(node, sentence, scene.names(&post));
    }
    raw
}

fn take_over(node: &mut RawNode, sentence: String, post: Vec<String>) {
    node.skill = Some(Skill::Policy.name().into());
    node.args = RawArgs { instruction: Some(sentence), speed: node.args.speed, ..RawArgs::default() };
    node.post = post;
    for rung in node.on_fail.iter_mut().filter(|rung| rung.action == RungAction::Retry) {
        rung.vary = Some(Vary::Speed);
    }
}
