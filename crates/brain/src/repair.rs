//! Level 4 of the ladder: what mended such a failure before, in the plan that fails now.
//!
//! What is still to be done of the plan stays; done steps go; the repair stands in place of the failed leaf, or before it
//! if by itself it does not bring about what the leaf was for. The whole is proved from the present facts, as any plan.

use std::collections::{BTreeMap, BTreeSet};

use neuraxis_executor::Reason;
use neuraxis_hippocampus::{MemoryError, Repair, RepairId, Store};
use neuraxis_plan::{Plan, RawKind, RawNode, RawPlan, RungAction, Scene};

use crate::{
    draft::{Draft, Drafter, Origin},
    signature::signature,
};

/// Names a plan with a repair in it.
const REPAIR: &str = "repair";

/// A leaf that failed.
#[derive(Copy, Clone, Debug)]
pub struct FailedLeaf<'a> {
    /// Of this plan.
    pub plan: &'a Plan,
    /// The node, as it was sent.
    pub node: u16,
    /// Why it failed.
    pub reason: Reason,
}

/// Why memory has no repair.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoRepair {
    /// The node is no leaf that does a skill.
    #[error("node {0} of the plan does no skill")]
    NoSkill(u16),
    /// No repair for such a failure is known, or all were tried.
    #[error("no repair is known for {skill} of {class} failing by {failure}")]
    Unknown {
        /// The skill that failed.
        skill: String,
        /// Class of what it acts on.
        class: &'static str,
        /// How it failed.
        failure: String,
    },
    /// None that is known can be used here; for each, why.
    #[error("no repair fits here: {}", .0.join("; "))]
    Unfit(Vec<String>),
    /// Memory does not answer.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl Drafter {
    /// The plan with the best repair for its failed leaf that can be proved; none of `tried` ([`crate::Scribe::tried`]).
    pub fn repair(
        &self,
        store: &Store,
        failed: &FailedLeaf<'_>,
        tried: &BTreeSet<RepairId>,
        scene: &Scene,
        epoch: u32,
    ) -> Result<Draft, NoRepair> {
        let leaf = failed.plan.raw().node(failed.node).filter(|node| node.kind == RawKind::Skill);
        let Some((leaf, skill)) = leaf.and_then(|leaf| Some((leaf, leaf.skill.as_deref()?))) else {
            return Err(NoRepair::NoSkill(failed.node));
        };
        let class = leaf.args.obj.as_deref().and_then(|thing| scene.class(scene.object(thing)?));
        let failure = signature(&failed.reason, failed.node, failed.plan, scene);
        let known = store.repairs(skill, class, &failure, tried)?;
        if known.is_empty() {
            let class = class.map_or("nothing", |class| class.name());
            return Err(NoRepair::Unknown { skill: skill.into(), class, failure });
        }
        let mut why = Vec::new();
        for repair in &known {
            let Some(nodes) = repair.nodes(leaf) else {
                why.push(format!("{repair}: the leaf does not name all that it needs"));
                continue;
            };
            let mut refused = Vec::new();
            for is_before in [false, true] {
                let Some(raw) = spliced(failed.plan.raw(), leaf, &nodes, is_before, repair, scene) else { continue };
                let origin = Origin::Mended { repair: repair.id, nodes: nodes.clone() };
                match self.prove(&raw, REPAIR, origin, scene, epoch) {
                    Ok(draft) => return Ok(draft),
                    Err(error) => refused.push(error.to_string()),
                }
            }
            why.push(format!("{repair}: {}", refused.join(", or before the leaf: ")));
        }
        Err(NoRepair::Unfit(why))
    }
}

/// The rest of a plan with a repair at the failed leaf. `None` if the repair has no root, or numbers run out.
fn spliced(
    plan: &RawPlan,
    leaf: &RawNode,
    repair: &[RawNode],
    is_before: bool,
    from: &Repair,
    scene: &Scene,
) -> Option<RawPlan> {
    let path = path(plan, leaf.id);
    let mut next = plan.nodes.iter().map(|node| node.id).max()?.checked_add(1)?;
    let mut fresh = || {
        let id = next;
        next = next.checked_add(1)?;
        Some(id)
    };
    let row = if is_before { Some(fresh()?) } else { None };
    // The repair under numbers of its own, its root where the leaf was.
    let ids: BTreeMap<u16, u16> = repair.iter().map(|node| Some((node.id, fresh()?))).collect::<Option<_>>()?;
    let parent = row.or(leaf.parent);
    let mut mended: Vec<RawNode> = row.map(|id| RawNode::new(id, leaf.parent, RawKind::Sequence)).into_iter().collect();
    for node in repair {
        let own = |id: u16| ids.get(&id).copied();
        let mut node = RawNode { id: own(node.id)?, parent: node.parent.map_or(parent, own), ..node.clone() };
        node.on_fail.iter_mut().for_each(|rung| rung.node = rung.node.and_then(own));
        mended.push(node);
    }
    if is_before {
        mended.push(RawNode { parent: row, ..leaf.clone() });
    }

    let mut nodes = Vec::new();
    for node in &plan.nodes {
        if node.id == leaf.id {
            nodes.append(&mut mended);
        } else if !is_past(plan, node.id, &path) {
            nodes.push(node.clone());
        }
    }
    // Nobody goes back to what is not there any more.
    let there: BTreeSet<u16> = nodes.iter().map(|node| node.id).collect();
    for node in &mut nodes {
        node.on_fail.retain(|rung| rung.action != RungAction::Goto || rung.node.is_some_and(|id| there.contains(&id)));
    }
    let holds = |text: &&String| scene.literal(text).is_ok_and(|literal| scene.state().proves(literal));
    Some(RawPlan {
        scene_check: Vec::new(),
        rationale: format!("the rest of the plan, mended by repair {}", from.id.0),
        assumptions: plan.assumptions.iter().filter(holds).cloned().collect(),
        goal: plan.goal.clone(),
        nodes,
    })
}

/// From a node up to the root. A list that is no tree ends it.
fn path(plan: &RawPlan, node: u16) -> Vec<u16> {
    let mut path = vec![node];
    while let Some(parent) = path.last().and_then(|at| plan.node(*at)?.parent) {
        if path.contains(&parent) {
            break;
        }
        path.push(parent);
    }
    path
}

/// True of what lies before the failed leaf: steps of a sequence that are done, branches of a fallback that have failed.
fn is_past(plan: &RawPlan, node: u16, failed: &[u16]) -> bool {
    let own = path(plan, node);
    // The first of its ancestors, itself included, that is not on the way to the failed leaf, and its parent.
    let Some(branch) = own.iter().rev().find(|id| !failed.contains(id)) else { return false };
    let place = |id: &u16| plan.nodes.iter().position(|node| node.id == *id);
    let parent = plan.node(*branch).and_then(|node| node.parent);
    let is_row = plan
        .nodes
        .iter()
        .any(|node| Some(node.id) == parent && matches!(node.kind, RawKind::Sequence | RawKind::Fallback));
    let taken = failed.iter().find(|id| plan.nodes.iter().any(|node| node.id == **id && node.parent == parent));
    is_row && taken.is_some_and(|taken| place(branch) < place(taken))
}
