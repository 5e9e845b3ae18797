//! How a failure is called in memory: so that the same trouble with another thing, in another plan, has the same name.

use std::fmt::Debug;

use neuraxis_executor::Reason;
use neuraxis_plan::{FactId, Plan, Scene, Truth};

/// Name of a failure of a node: no numbers of nodes or facts, no names of things.
pub(crate) fn signature(reason: &Reason, node: u16, plan: &Plan, scene: &Scene) -> String {
    let raw = plan.raw().node(node);
    let fact = |what: &str, fact: FactId, truth: Truth| {
        let of = scene.fact(fact).map_or("fact", |fact| fact.predicate.name());
        let is = match truth {
            Truth::True => "holds",
            Truth::False => "fails",
            Truth::Unknown => "unknown",
        };
        format!("{what} {of} {is}")
    };
    match *reason {
        Reason::Skill(fault) => format!("skill {}", small(fault)),
        Reason::Timeout => "timeout".into(),
        Reason::Silent => "silent".into(),
        Reason::Guard(i) => {
            let expr = raw.and_then(|raw| raw.guards.get(usize::from(i))).map(|test| &test.expr);
            let of = expr.and_then(|expr| expr.get(0)).and_then(|operator| operator.as_str());
            format!("guard {}", of.unwrap_or("test"))
        }
        Reason::Maintain(i) => {
            let kept = raw.and_then(|raw| raw.maintain.get(usize::from(i))).and_then(|kept| kept.pred.as_deref());
            let of = kept.and_then(|pred| pred.trim_start_matches("not ").split('(').next());
            format!("lost {}", of.unwrap_or("test"))
        }
        Reason::Blind(_) => "blind".into(),
        Reason::Channel(channel) => channel.name().into(),
        Reason::Body(fault) => format!("body {}", small(fault)),
        Reason::Precondition(f, truth) => fact("precondition", f, truth),
        Reason::Post(f, truth) => fact("post", f, truth),
        Reason::Condition(f, truth) => fact("condition", f, truth),
        Reason::Assumption(f, truth) => fact("assumption", f, truth),
        Reason::Budget(_) => "budget".into(),
        Reason::NoAnswer => "no_answer".into(),
        Reason::Human => "human".into(),
        Reason::Stopped => "stopped".into(),
        ref other => small(other),
    }
}

/// `NotSeen` as `not_seen`.
fn small(of: impl Debug) -> String {
    let mut text = String::new();
    for c in format!("{of:?}").chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use neuraxis_executor::{Channel, SkillFault};
    use neuraxis_plan::{Limits, RawPlan, SceneFile, Validator};

    use super::*;

    #[test]
    fn the_same_trouble_has_the_same_name_whatever_it_is_about() {
        let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
        let scene = Scene::try_from(file).unwrap();
        let raw: RawPlan = serde_json::from_str(include_str!("../../plan/tests/plans/stow_block.json")).unwrap();
        let plan = Validator::new(&scene, &Limits::default()).check(&raw).unwrap();
        let fact = |text: &str| scene.literal(text).unwrap().fact;
        let of = |reason| signature(&reason, 5, &plan, &scene);
        assert_eq!(of(Reason::Skill(SkillFault::NotSeen)), "skill not_seen");
        assert_eq!(of(Reason::Guard(0)), "guard force");
        assert_eq!(of(Reason::Maintain(0)), "lost holding");
        assert_eq!(of(Reason::Channel(Channel::Slip)), "slip");
        assert_eq!(of(Reason::Post(fact("in(red_block,top_drawer)"), Truth::False)), "post in fails");
        assert_eq!(of(Reason::Post(fact("in(blue_block,top_drawer)"), Truth::Unknown)), "post in unknown");
        assert_eq!(signature(&Reason::Guard(9), 99, &plan, &scene), "guard test");
    }
}
