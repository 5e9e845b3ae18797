//! V4: from a list of nodes to a tree in preorder.

use std::collections::BTreeMap;

use super::Faults;
use crate::{
    ErrorKind,
    plan::{Node, NodeKind, Rung, children},
    raw::{MOST_CHILDREN, MOST_DEPTH, RawKind, RawNode, RawPlan},
    skill::Skill,
};

/// Places in `raw.nodes` in preorder, each with its end; empty if they make no tree.
pub(super) fn preorder(raw: &RawPlan, faults: &mut Faults) -> Vec<(usize, u16)> {
    let mut place = BTreeMap::new();
    for (i, node) in raw.nodes.iter().enumerate() {
        if place.insert(node.id, i).is_some() {
            faults.add(Some(node.id), ErrorKind::Structure, "two nodes have this id", "give each its own");
        }
    }
    let mut children = vec![Vec::new(); raw.nodes.len()];
    let mut roots = Vec::new();
    for (i, node) in raw.nodes.iter().enumerate() {
        match node.parent.map(|parent| place.get(&parent)) {
            None => roots.push(i),
            Some(Some(parent)) => children.get_mut(*parent).into_iter().for_each(|of| of.push(i)),
            Some(None) => {
                let what = format!("its parent {} does not exist", node.parent.unwrap_or_default());
                faults.add(Some(node.id), ErrorKind::Structure, what, "name the id of a node");
            }
        }
    }
    let [root] = roots[..] else {
        let what = format!("{} nodes without a parent", roots.len());
        faults.add(None, ErrorKind::Structure, what, "let exactly one have the parent null");
        return Vec::new();
    };
    for node in &raw.nodes {
        let above = |node: &RawNode| node.parent.and_then(|parent| raw.nodes.get(*place.get(&parent)?));
        // No way up is longer than there are nodes, unless it goes round.
        if std::iter::successors(Some(node), |node| above(node)).nth(raw.nodes.len()).is_some() {
            faults.add(Some(node.id), ErrorKind::Structure, "it hangs on itself", "break the cycle");
        }
    }
    let mut walk = Walk { raw, children: &children, order: Vec::new(), faults };
    walk.visit(root, 1);
    walk.order
}

struct Walk<'a> {
    raw: &'a RawPlan,
    children: &'a [Vec<usize>],
    order: Vec<(usize, u16)>,
    faults: &'a mut Faults,
}

impl Walk<'_> {
    fn visit(&mut self, at: usize, depth: usize) {
        let (Some(node), Some(children)) = (self.raw.nodes.get(at), self.children.get(at)) else { return };
        let (id, name) = (Some(node.id), node.kind.name());
        let mut fault = |what: String, fix: &str| self.faults.add(id, ErrorKind::Structure, what, fix);
        let count = children.len();
        match node.kind {
            RawKind::Condition | RawKind::Skill | RawKind::Hold | RawKind::AskHuman if count > 0 => {
                fault(format!("a {name} with children"), "hang them elsewhere");
            }
            RawKind::Retry | RawKind::Timeout if count != 1 => {
                fault(format!("a {name} with {count} children"), "give it exactly one");
            }
            RawKind::Sequence | RawKind::Fallback | RawKind::ReactiveSequence | RawKind::ParallelAll if count == 0 => {
                fault(format!("a {name} without children"), "give it some or leave it out");
            }
            _ => {}
        }
        if count > MOST_CHILDREN {
            fault(format!("{count} children"), "give it at most 8; group them in sequences");
        }
        if depth > MOST_DEPTH {
            fault(format!("at level {depth}"), "build at most 6 levels");
            return;
        }
        let slot = self.order.len();
        self.order.push((at, 0));
        for child in children {
            self.visit(*child, depth + 1);
        }
        let end = self.order.len() as u16;
        self.order.get_mut(slot).into_iter().for_each(|entry| entry.1 = end);
    }
}

/// Puts checked nodes in preorder and checks what can be reached.
pub(super) fn arrange(nodes: Vec<Node>, order: &[(usize, u16)], faults: &mut Faults) -> Vec<Node> {
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
    for (from, end) in order {
        nodes.extend(slots.get_mut(*from).and_then(Option::take).map(|node| Node { end: *end, ..node }));
    }
    if !nodes.is_empty() {
        reach(&nodes, 0, faults);
    }
    for at in 0..nodes.len() {
        if matches!(nodes.get(at), Some(Node { kind: NodeKind::ReactiveSequence, .. })) {
            one_async_child(&nodes, at, faults);
        }
    }
    go_back(&mut nodes, faults);
    nodes
}

/// Whether a node can succeed, and whether it can fail. What stands after a sure end is never reached.
fn reach(nodes: &[Node], at: usize, faults: &mut Faults) -> (bool, bool) {
    let Some(node) = nodes.get(at) else { return (false, false) };
    let watched = !node.guards.is_empty() || !node.maintain.is_empty();
    let mut of_children = Vec::new();
    for child in children(nodes, at) {
        let ended = match node.kind {
            NodeKind::Sequence | NodeKind::ReactiveSequence => of_children.iter().any(|(can_succeed, _)| !can_succeed),
            NodeKind::Fallback => of_children.iter().any(|(_, can_fail)| !can_fail),
            _ => false,
        };
        if ended {
            let id = nodes.get(child).map(|node| node.id);
            let fix = "put it before what always ends the row, or leave it out";
            faults.add(id, ErrorKind::NeverReached, "it is never reached", fix);
        }
        of_children.push(reach(nodes, child, faults));
    }
    let can_fail = of_children.iter().any(|(_, can_fail)| *can_fail) || watched;
    match &node.kind {
        NodeKind::Condition(_) => (true, true),
        // Only a `hold` has no way to fail by itself.
        NodeKind::Skill(step) => (true, step.skill != Skill::Hold || watched),
        NodeKind::AskHuman { .. } => (false, true),
        NodeKind::Fallback => {
            let can_succeed = of_children.iter().any(|(can_succeed, _)| *can_succeed);
            (can_succeed, of_children.iter().all(|(_, can_fail)| *can_fail) || watched)
        }
        NodeKind::Timeout { .. } => (of_children.iter().all(|(can_succeed, _)| *can_succeed), true),
        _ => (of_children.iter().all(|(can_succeed, _)| *can_succeed), can_fail),
    }
}

/// A second child that takes time would be started anew, or never, when the first is ticked again (the rule of
/// BehaviorTree.CPP).
fn one_async_child(nodes: &[Node], at: usize, faults: &mut Faults) {
    let takes_time = |child: &usize| {
        let end = nodes.get(*child).map_or(0, |node| usize::from(node.end));
        nodes.get(*child..end).unwrap_or_default().iter().any(|node| node.kind.is_async())
    };
    let count = children(nodes, at).filter(takes_time).count();
    if count > 1 {
        let id = nodes.get(at).map(|node| node.id);
        let what = format!("{count} children of a reactive_sequence take time");
        faults.add(id, ErrorKind::Structure, what, "let one take time, and the others be conditions");
    }
}

/// Turns ids in `goto` into places, and lets them lead back along one sequence only.
fn go_back(nodes: &mut [Node], faults: &mut Faults) {
    let shape: Vec<(u16, bool, bool)> = nodes
        .iter()
        .map(|n| (n.end, matches!(n.kind, NodeKind::Sequence), matches!(n.kind, NodeKind::Skill(_))))
        .collect();
    let ids: BTreeMap<u16, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id, i)).collect();
    // The innermost node that both places are in.
    let meets_in_sequence = |back: usize, at: usize| {
        let around = |(i, (end, ..)): &(usize, &(u16, bool, bool))| *i <= back && at < usize::from(*end);
        shape.iter().enumerate().rfind(around).is_some_and(|(_, (_, is_sequence, _))| *is_sequence)
    };
    for (at, node) in nodes.iter_mut().enumerate() {
        let id = node.id;
        for rung in &mut node.ladder {
            let Rung::Goto { node: target } = rung else { continue };
            let back = ids.get(target).copied();
            let is_leaf = back.and_then(|back| shape.get(back)).is_some_and(|(.., is_skill)| *is_skill);
            match back.filter(|back| is_leaf && *back < at && meets_in_sequence(*back, at)) {
                Some(back) => *target = back as u16,
                None => {
                    let fix = "go back to an earlier skill of the same sequence";
                    faults.add(Some(id), ErrorKind::Structure, format!("goto {target}"), fix);
                }
            }
        }
    }
}
