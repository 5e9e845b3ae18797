//! The same plan about other things.

use std::collections::BTreeMap;

use neuraxis_plan::{RawNode, RawPlan};
use serde_json::Value;

/// From what a thing is called to what it shall be called; all at once, so that two can swap names.
pub(crate) type Names = BTreeMap<String, String>;

/// The plan with things renamed wherever the plan language names one.
pub(crate) fn plan(plan: &RawPlan, names: &Names) -> RawPlan {
    let facts = |facts: &[String]| facts.iter().map(|f| fact(f, names)).collect();
    RawPlan {
        scene_check: plan.scene_check.iter().map(|id| name(id, names)).collect(),
        rationale: plan.rationale.clone(),
        assumptions: facts(&plan.assumptions),
        goal: facts(&plan.goal),
        nodes: nodes(&plan.nodes, names),
    }
}

/// Nodes with things renamed.
pub(crate) fn nodes(nodes: &[RawNode], names: &Names) -> Vec<RawNode> {
    let mut nodes = nodes.to_vec();
    for node in &mut nodes {
        let args = &mut node.args;
        for thing in [&mut args.obj, &mut args.from, &mut args.to, &mut args.at].into_iter().flatten() {
            *thing = name(thing, names);
        }
        for said in node.post.iter_mut().chain(&mut args.fact) {
            *said = fact(said, names);
        }
        for maintain in &mut node.maintain {
            if let Some(said) = &mut maintain.pred {
                *said = fact(said, names);
            }
            if let Some(said) = &mut maintain.expr {
                expression(said, names);
            }
        }
        for guard in &mut node.guards {
            expression(&mut guard.expr, names);
        }
    }
    nodes
}

fn name(of: &str, names: &Names) -> String {
    names.get(of).cloned().unwrap_or_else(|| of.to_string())
}

/// `not in(red_block, top_drawer)`: what stands between brackets and commas is renamed, the predicate is not.
pub(crate) fn fact(text: &str, names: &Names) -> String {
    let Some((head, rest)) = text.split_once('(') else { return text.to_string() };
    let inside = rest.trim_end().trim_end_matches(')');
    let things: Vec<_> = inside.split(',').map(|thing| name(thing.trim(), names)).collect();
    format!("{head}({})", things.join(","))
}

/// In `[operator, ...]` the operator stays; every other text is a thing, or `thing.point`.
fn expression(json: &mut Value, names: &Names) {
    let Value::Array(parts) = json else { return };
    // Its argument is an axis.
    if parts.first().and_then(Value::as_str) == Some("force") {
        return;
    }
    for part in parts.iter_mut().skip(1) {
        if let Value::String(said) = part {
            let (thing, point) = said.split_once('.').map_or((said.as_str(), None), |(t, p)| (t, Some(p)));
            let renamed = name(thing, names);
            *said = point.map_or(renamed.clone(), |point| format!("{renamed}.{point}"));
        } else {
            expression(part, names);
        }
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::{Limits, Validator};

    use super::*;
    use crate::{stow_block, workbench};

    #[test]
    fn a_plan_about_another_block_and_drawer_is_a_valid_plan_and_renaming_back_gives_the_first() {
        // The plan also says that the bottom drawer is closed.
        let there: Names =
            [("red_block", "green_block"), ("top_drawer", "bottom_drawer"), ("bottom_drawer", "top_drawer")]
                .map(|(a, b)| (a.into(), b.into()))
                .into();
        let back: Names = there.iter().map(|(a, b)| (b.clone(), a.clone())).collect();
        let (scene, limits) = (workbench(), Limits::default());
        let other = plan(&stow_block(), &there);
        Validator::new(&scene, &limits).check(&other).unwrap();
        assert_eq!(other.goal, ["in(green_block,bottom_drawer)", "closed(bottom_drawer)"]);
        assert!(!serde_json::to_string(&other.nodes).unwrap().contains("top_drawer"));
        assert_eq!(plan(&other, &back), stow_block());
    }

    #[test]
    fn names_swap_and_operators_stay() {
        let swap: Names = [("z", "tilt"), ("tilt", "z")].map(|(a, b)| (a.to_string(), b.to_string())).into();
        let mut json =
            serde_json::json!(["sub", ["z", "z"], ["tilt", "tilt"], ["axis_angle", "z.x", "ee.z"], ["force", "z"]]);
        expression(&mut json, &swap);
        let swapped =
            serde_json::json!(["sub", ["z", "tilt"], ["tilt", "z"], ["axis_angle", "tilt.x", "ee.z"], ["force", "z"]]);
        assert_eq!(json, swapped);
        assert_eq!(fact("not on( z , tilt )", &swap), "not on(tilt,z)");
        assert_eq!(fact("hand_empty", &swap), "hand_empty");
    }
}
