//! A plan as BehaviorTree.CPP version 4 writes trees, to look at in Groot2. For viewing: guards and ladders stay behind.

use std::collections::BTreeMap;

use crate::{
    outline,
    plan::{Node, NodeKind, Plan},
    scene::Scene,
};

/// The XML text.
pub fn behavior_tree_xml(plan: &Plan, scene: &Scene) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root BTCPP_format=\"4\" main_tree_to_execute=\"Plan\">\n",
    );
    xml += "  <BehaviorTree ID=\"Plan\">\n";
    element(plan, scene, 0, 2, &mut xml);
    xml += "  </BehaviorTree>\n  <TreeNodesModel>\n";
    for ((tag, id), ports) in leaves(plan, scene) {
        xml += &format!("    <{tag} ID=\"{id}\">\n");
        for port in ports {
            xml += &format!("      <input_port name=\"{port}\"/>\n");
        }
        xml += &format!("    </{tag}>\n");
    }
    xml + "  </TreeNodesModel>\n</root>\n"
}

fn element(plan: &Plan, scene: &Scene, at: usize, depth: usize, xml: &mut String) {
    let Some(node) = plan.nodes().get(at) else { return };
    let (tag, attributes) = written(node, scene);
    *xml += &format!("{}<{tag}", "  ".repeat(depth));
    for (key, value) in attributes {
        *xml += &format!(" {key}=\"{}\"", escaped(&value));
    }
    if usize::from(node.end) == at + 1 {
        *xml += "/>\n";
        return;
    }
    *xml += ">\n";
    for child in plan.children(at) {
        element(plan, scene, child, depth + 1, xml);
    }
    *xml += &format!("{}</{tag}>\n", "  ".repeat(depth));
}

/// Element and attributes of a node.
fn written(node: &Node, scene: &Scene) -> (&'static str, Vec<(&'static str, String)>) {
    let title = ("name", format!("{} {}", node.id, outline::name(node, scene)));
    match &node.kind {
        NodeKind::Sequence => ("Sequence", vec![title]),
        NodeKind::Fallback => ("Fallback", vec![title]),
        NodeKind::ReactiveSequence => ("ReactiveSequence", vec![title]),
        NodeKind::ParallelAll => ("ParallelAll", vec![title, ("max_failures", "0".into())]),
        NodeKind::Retry { times } => ("RetryUntilSuccessful", vec![title, ("num_attempts", times.to_string())]),
        NodeKind::Timeout { secs } => ("Timeout", vec![title, ("msec", format!("{:.0}", secs * 1000.0))]),
        NodeKind::Condition(literal) => {
            ("Condition", vec![("ID", "observed".into()), title, ("fact", scene.literal_name(*literal))])
        }
        NodeKind::AskHuman { why } => ("Action", vec![("ID", "ask_human".into()), title, ("why", why.clone())]),
        NodeKind::Skill(step) => {
            let mut attributes = vec![("ID", step.skill.name().to_string()), title];
            let things = step.skill.objects().iter().zip([step.object, step.place]);
            attributes.extend(things.map(|(a, id)| (a.key, id.map_or("", |id| scene.object_name(id)).to_string())));
            attributes.extend(step.skill.numbers().iter().zip(step.numbers).map(|(a, v)| (a.key, v.to_string())));
            attributes.extend(step.instruction.iter().map(|text| ("instruction", text.clone())));
            if !node.post.is_empty() {
                attributes.push(("post", scene.names(&node.post).join(";")));
            }
            ("Action", attributes)
        }
    }
}

/// Leaves that occur, with their ports.
fn leaves(plan: &Plan, scene: &Scene) -> BTreeMap<(&'static str, String), Vec<&'static str>> {
    let mut found: BTreeMap<_, Vec<&'static str>> = BTreeMap::new();
    for node in plan.nodes() {
        let (tag, attributes) = written(node, scene);
        let Some((_, id)) = attributes.iter().find(|(key, _)| *key == "ID") else { continue };
        let ports = found.entry((tag, id.clone())).or_default();
        for (key, _) in attributes.iter().filter(|(key, _)| !["ID", "name"].contains(key)) {
            if !ports.contains(key) {
                ports.push(key);
            }
        }
    }
    found
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
