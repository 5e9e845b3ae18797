//! Learning from what helped: a leaf failed, another plan was taken over, and then what the leaf was for was observed.

use neuraxis_hippocampus::Mending;
use neuraxis_plan::{Class, FactSet, MOST_CHILDREN, RawKind, RawNode, RungAction, Scene, State, Truth};

use crate::{
    draft::{Draft, Origin},
    runs::seen,
};

/// A leaf that failed for good.
#[derive(Clone, Debug)]
struct Wound {
    leaf: RawNode,
    class: Option<Class>,
    failure: String,
}

/// Watches whether a plan that was taken over for a failed leaf brings about what the leaf was for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mender {
    wound: Option<Wound>,
    healing: Option<Healing>,
}

#[derive(Clone, Debug)]
struct Healing {
    wound: Wound,
    /// What was done since; of a repair from memory, its nodes.
    nodes: Vec<RawNode>,
    is_known: bool,
}

impl Mender {
    /// A leaf of the present plan failed, and its own rungs did not help.
    pub(crate) fn failed(&mut self, node: u16, failure: &str, draft: &Draft, scene: &Scene) {
        self.wound = draft.plan.raw().node(node).filter(|leaf| !leaf.post.is_empty()).map(|leaf| Wound {
            leaf: leaf.clone(),
            class: leaf.args.obj.as_deref().and_then(|thing| scene.class(scene.object(thing)?)),
            failure: failure.into(),
        });
    }

    /// A plan is taken over; a repair before it that has not helped by now has failed.
    pub(crate) fn attempt(&mut self, draft: &Draft, scene: &Scene) -> Option<Mending> {
        let before = self.end(scene, Truth::False);
        let (nodes, is_known) = match &draft.origin {
            Origin::Mended { nodes, .. } => (nodes.clone(), true),
            _ => (Vec::new(), false),
        };
        self.healing = self.wound.take().map(|wound| Healing { wound, nodes, is_known });
        before
    }

    /// A leaf of the present plan has worked.
    pub(crate) fn worked(&mut self, node: u16, draft: &Draft, scene: &Scene) -> Option<Mending> {
        self.wound = None;
        let leaf = draft.plan.raw().node(node)?;
        let mut healing = self.healing.take()?;
        if !healing.is_known {
            healing.nodes.push(leaf.clone());
        }
        // Its own postcondition was observed, perhaps in a later look than ours.
        let state = facts(&leaf.post, scene).iter().fold(*scene.state(), |state: State, fact| state.with(fact, true));
        let wanted = facts(&healing.wound.leaf.post, scene);
        if wanted.is_empty() || !wanted.is_subset(state.holds()) {
            self.healing = Some(healing);
            return None;
        }
        healing.into_mending(Truth::True)
    }

    /// It is over. What a known repair did is as seen, or as `otherwise` where nothing is seen; what was only under way
    /// teaches nothing.
    pub(crate) fn end(&mut self, scene: &Scene, otherwise: Truth) -> Option<Mending> {
        let healing = self.healing.take().filter(|healing| healing.is_known)?;
        let observed = match seen(&facts(&healing.wound.leaf.post, scene), scene) {
            Truth::Unknown => otherwise,
            known => known,
        };
        healing.into_mending(observed)
    }
}

impl Healing {
    fn into_mending(self, observed: Truth) -> Option<Mending> {
        let Wound { leaf, class, failure } = self.wound;
        let nodes = if self.is_known { self.nodes } else { row(self.nodes)? };
        Some(Mending { leaf, class, failure, nodes, observed })
    }
}

fn facts(texts: &[String], scene: &Scene) -> FactSet {
    texts.iter().filter_map(|text| scene.literal(text).ok()).filter(|literal| literal.holds).map(|l| l.fact).collect()
}

/// Leaves in a row under a root of their own; one is its own root. `None` if they are too many.
fn row(mut leaves: Vec<RawNode>) -> Option<Vec<RawNode>> {
    if leaves.is_empty() || leaves.len() > MOST_CHILDREN {
        return None;
    }
    let is_one = leaves.len() == 1;
    let first = if is_one { 0 } else { 1 };
    let ids: Vec<(u16, u16)> = leaves.iter().zip(first..).map(|(leaf, id)| (leaf.id, id)).collect();
    for (leaf, (_, id)) in leaves.iter_mut().zip(&ids) {
        (leaf.id, leaf.parent) = (*id, if is_one { None } else { Some(0) });
        // Back only to what is here.
        leaf.on_fail.retain_mut(|rung| {
            let to = ids.iter().find(|(old, _)| rung.node == Some(*old)).map(|(_, new)| *new);
            rung.node = to;
            rung.action != RungAction::Goto || to.is_some()
        });
    }
    if !is_one {
        leaves.insert(0, RawNode::new(0, None, RawKind::Sequence));
    }
    Some(leaves)
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::RawPlan;

    use super::*;

    #[test]
    fn a_row_stands_by_itself() {
        let plan: RawPlan = serde_json::from_str(include_str!("../../plan/tests/plans/stow_block.json")).unwrap();
        let leaf = |skill: &str| plan.nodes.iter().find(|node| node.skill.as_deref() == Some(skill)).unwrap().clone();
        let goto = |node: &RawNode| node.on_fail.iter().find_map(|rung| rung.node);
        let both = row(vec![leaf("grasp"), leaf("place")]).unwrap();
        let tree: Vec<_> = both.iter().map(|node| (node.id, node.parent)).collect();
        assert_eq!(tree, [(0, None), (1, Some(0)), (2, Some(0))]);
        assert_eq!((goto(&leaf("place")), goto(&both[2])), (Some(4), Some(1)), "back to where the grasp stands now");
        let one = row(vec![leaf("place")]).unwrap();
        assert_eq!((one.len(), one[0].parent, goto(&one[0])), (1, None, None));
        assert!(one[0].on_fail.iter().all(|rung| rung.action != RungAction::Goto));
        assert!(row(Vec::new()).is_none() && row(vec![leaf("push"); MOST_CHILDREN + 1]).is_none());
    }
}
