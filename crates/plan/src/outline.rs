//! A plan for a person to read.

use crate::{
    monitor::RawTest,
    plan::{Maintain, Node, NodeKind, Plan, Rung},
    raw::RawNode,
    scene::Scene,
};

/// The tree, one node a line, indented: its id, what it does, `->` what is observed then, and in brackets its time
/// limit and what is done about its failure.
pub fn outline(plan: &Plan, scene: &Scene) -> String {
    let assumed: Vec<_> = plan.assumptions().iter().map(|literal| scene.literal_name(*literal)).collect();
    let mut text = format!("goal     {}\nassumes  {}\n", scene.names(plan.goal()).join(", "), assumed.join(", "));
    // Ends of the nodes that the present one is in.
    let mut open: Vec<u16> = Vec::new();
    for (at, node) in plan.nodes().iter().enumerate() {
        open.retain(|end| at < usize::from(*end));
        let raw = plan.raw().node(node.id);
        let head = format!("{:>3}  {}{}", node.id, "  ".repeat(open.len()), name(node, scene));
        text += format!("{head:<48}{}", notes(node, raw, plan, scene)).trim_end();
        text.push('\n');
        open.push(node.end);
    }
    text
}

/// What a node does.
pub(crate) fn name(node: &Node, scene: &Scene) -> String {
    match &node.kind {
        NodeKind::Sequence => "sequence".into(),
        NodeKind::Fallback => "fallback".into(),
        NodeKind::ReactiveSequence => "reactive_sequence".into(),
        NodeKind::ParallelAll => "parallel_all".into(),
        NodeKind::Retry { times } => format!("retry {times} times"),
        NodeKind::Timeout { secs } => format!("timeout {secs} s"),
        NodeKind::Condition(literal) => format!("condition {}", scene.literal_name(*literal)),
        NodeKind::Skill(step) => step.describe(scene),
        NodeKind::AskHuman { why } => format!("ask_human {why:?}"),
    }
}

fn notes(node: &Node, raw: Option<&RawNode>, plan: &Plan, scene: &Scene) -> String {
    let mut text = String::new();
    if !node.post.is_empty() {
        text += &format!("  -> {}", scene.names(&node.post).join(", "));
    }
    let mut watched: Vec<String> = raw.map_or_else(Vec::new, |raw| raw.guards.iter().map(test).collect());
    for maintain in &node.maintain {
        match maintain {
            Maintain::Fact { literal, .. } => watched.push(scene.literal_name(*literal)),
            Maintain::Test(_) => watched.push("a test".into()),
        }
    }
    if !watched.is_empty() {
        text += &format!("  while {}", watched.join(", "));
    }
    let mut bounds: Vec<String> = node.timeout_secs.iter().map(|secs| format!("{secs} s")).collect();
    bounds.extend(node.ladder.iter().map(|rung| match rung {
        Rung::Retry { max, vary: Some(vary) } => format!("retry {max} ({})", vary.name()),
        Rung::Retry { max, vary: None } => format!("retry {max}"),
        Rung::Goto { node } => {
            let id = plan.nodes().get(usize::from(*node)).map_or(0, |node| node.id);
            format!("goto {id}")
        }
        Rung::Recall => "recall".into(),
        Rung::Replan => "replan".into(),
        Rung::AskHuman => "ask".into(),
    }));
    if !bounds.is_empty() {
        text += &format!("  [{}]", bounds.join("; "));
    }
    text
}

/// As it was sent, without its counts: `force(norm) < 30 N`.
fn test(test: &RawTest) -> String {
    format!("{} {} {} {}", test.expr, test.op.name(), test.val, test.unit.name())
}
