//! What a model is told from memory beside sentence and scene: tasks like this one, what is usually so, what was tried.

use std::collections::BTreeSet;

use neuraxis_cortex::vlm::Context;
use neuraxis_hippocampus::{Cause, Memory, Ranking, Remembered, RepairId, Stamp};
use neuraxis_plan::{RawKind, RawPlan, Scene};

use crate::BrainError;

/// Adds to what a model is told. `now` is wall-clock time, as memory has it; `tried` are repairs that did not help. All of
/// it is data for the model; the prompt takes the first entries, as many as its contract allows.
pub fn recollect(
    memory: &mut Memory,
    instruction: &str,
    scene: &Scene,
    tried: &BTreeSet<RepairId>,
    now: Stamp,
    context: &mut Context,
) -> Result<(), BrainError> {
    let recalled = memory.recall(instruction, now, &Ranking::default())?;
    let store = memory.store();
    for hit in &recalled {
        if let Some(episode) = store.episode(hit.episode)? {
            context.episodes.push(told(&episode));
        }
    }
    let repairs = store.all_repairs()?;
    context.tried.extend(repairs.iter().filter(|repair| tried.contains(&repair.id)).map(ToString::to_string));
    let mut usual = store.facts_now(None)?;
    usual.retain(|known| known.cause == Cause::Consolidation && scene.object(&known.triple.subject).is_some());
    usual.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let usual = usual.iter().map(|known| format!("{}, confidence {:.2}", known.triple, known.confidence));
    // What mends a failure is worth more than where things mostly are.
    let skills = repairs.iter().filter(|repair| repair.is_skill() && !tried.contains(&repair.id));
    context.learned.extend(skills.map(ToString::to_string).chain(usual));
    Ok(())
}

/// An episode in one line: how it was done, and how it went.
fn told(episode: &Remembered) -> String {
    let plans = episode.attempts.iter().map(|tried| {
        let worked = if tried.worked { "led to the goal" } else { "did not lead to the goal" };
        format!("a plan by {} {worked}: {}", tried.source, steps(&tried.plan))
    });
    let failures = episode.leaves.iter().filter_map(|leaf| {
        let failure = leaf.failure.as_deref()?;
        Some(format!("{} of {} failed by {failure}", leaf.skill, leaf.class))
    });
    let told: Vec<String> = plans.chain(failures).collect();
    format!("{:?}: {}; {}", episode.instruction, episode.outcome, told.join("; "))
}

/// `grasp red_block, place red_block top_drawer`.
fn steps(plan: &RawPlan) -> String {
    let leaves = plan.nodes.iter().filter(|node| node.kind == RawKind::Skill);
    let step = |node: &neuraxis_plan::RawNode| {
        let things: Vec<&str> = node.args.things().collect();
        format!("{} {}", node.skill.as_deref().unwrap_or_default(), things.join(" "))
    };
    leaves.map(step).collect::<Vec<_>>().join(", ")
}
