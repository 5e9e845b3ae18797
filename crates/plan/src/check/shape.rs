//! V0 and V1: JSON, fields and sizes.

use serde_json::Value;

use super::Faults;
use crate::{
    ErrorKind, PlanErrors,
    raw::{MOST_CHARACTERS, MOST_ENTRIES, MOST_NODES, RawNode, RawPlan},
};

/// Longest text that is read [bytes].
const MOST_BYTES: usize = 256 * 1024;

/// Reads a plan, node by node, so that one broken node does not hide another.
pub(super) fn read(text: &str) -> Result<RawPlan, PlanErrors> {
    let mut faults = Faults::default();
    if text.len() > MOST_BYTES {
        faults.add(None, ErrorKind::NotJson, format!("{} bytes", text.len()), format!("send at most {MOST_BYTES}"));
        faults.stop()?;
    }
    let mut json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => {
            faults.add(None, ErrorKind::NotJson, error.to_string(), "send one JSON object and nothing else");
            faults.stop()?;
            Value::Null
        }
    };
    let nodes = match json.get_mut("nodes").map(Value::take) {
        Some(Value::Array(nodes)) => nodes,
        _ => {
            faults.add(None, ErrorKind::Shape, "no list `nodes`", "send the list `nodes`");
            Vec::new()
        }
    };
    if let Some(object) = json.as_object_mut() {
        object.insert("nodes".into(), Value::Array(Vec::new()));
    }
    let mut plan = serde_json::from_value(json).unwrap_or_else(|error| {
        faults.add(None, ErrorKind::Shape, error.to_string(), "send the fields of the schema and no others");
        RawPlan::default()
    });
    for node in nodes.into_iter().take(MOST_NODES + 1) {
        let id = node.get("id").and_then(Value::as_u64).and_then(|id| u16::try_from(id).ok());
        match serde_json::from_value::<RawNode>(node) {
            Ok(node) => plan.nodes.push(node),
            Err(error) => {
                faults.add(id, ErrorKind::Shape, error.to_string(), "send the fields of the schema and no others");
            }
        }
    }
    faults.stop()?;
    Ok(plan)
}

/// Lengths of lists and texts.
pub(super) fn sizes(plan: &RawPlan, faults: &mut Faults) {
    let mut list = |node: Option<u16>, what: &str, len: usize, most: usize| {
        if len > most {
            faults.add(node, ErrorKind::Shape, format!("{len} {what}"), format!("send at most {most}"));
        }
    };
    list(None, "nodes", plan.nodes.len(), MOST_NODES);
    list(None, "facts in `goal`", plan.goal.len(), MOST_ENTRIES);
    list(None, "facts in `assumptions`", plan.assumptions.len(), MOST_ENTRIES);
    list(None, "names in `scene_check`", plan.scene_check.len(), MOST_ENTRIES);
    list(None, "characters in `rationale`", plan.rationale.chars().count(), MOST_CHARACTERS);
    for node in plan.nodes.iter().take(MOST_NODES) {
        let id = Some(node.id);
        list(id, "facts in `post`", node.post.len(), MOST_ENTRIES);
        list(id, "tests in `guards`", node.guards.len(), MOST_ENTRIES);
        list(id, "entries in `maintain`", node.maintain.len(), MOST_ENTRIES);
        list(id, "rungs in `on_fail`", node.on_fail.len(), MOST_ENTRIES);
        let texts = [&node.args.instruction, &node.args.why, &node.args.fact];
        for text in texts.into_iter().flatten() {
            list(id, "characters in an argument", text.chars().count(), MOST_CHARACTERS);
        }
    }
    if plan.goal.is_empty() {
        faults.add(None, ErrorKind::Shape, "no goal", "name at least one fact in `goal`");
    }
    if plan.nodes.is_empty() {
        faults.add(None, ErrorKind::Shape, "no nodes", "send at least one node");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        read(text).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_broken_node_is_named() {
        let found = faults(
            r#"{"goal": [], "nodes": [{"id": 1, "parent": null, "kind": "loop"}, {"id": 2, "parent": 1, "kind": "hold"},
                {"id": 3, "parent": 1, "kind": "hold", "sped": 2}], "exec": "rm"}"#,
        );
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].starts_with("V1 plan: unknown field `exec`"));
        assert!(found[1].starts_with("V1 node 1: unknown variant `loop`, expected one of `sequence`"));
        assert!(found[2].starts_with("V1 node 3: unknown field `sped`"));
    }

    #[test]
    fn text_that_is_no_json_or_too_long_is_refused() {
        assert!(faults(r#"{"goal": ["#)[0].starts_with("V0 plan: EOF while parsing"));
        assert!(faults("[]")[0].starts_with("V1 plan: no list `nodes`"));
        assert!(faults(&" ".repeat(MOST_BYTES + 1))[0].starts_with("V0 plan: 262145 bytes"));
        assert!(faults(&"[".repeat(1000))[0].starts_with("V0 plan: recursion limit"));
    }
}
