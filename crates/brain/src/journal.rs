//! Events of the executor in words.

use neuraxis_executor::{Event, Outcome, Reason, WHOLE_PLAN, What};
use neuraxis_plan::{FactId, Plan, Scene, Truth};

/// One line: when, where, what, and why.
pub fn describe(event: &Event, plan: &Plan, scene: &Scene) -> String {
    let node = if event.node == WHOLE_PLAN { "plan".to_string() } else { node_text(event.node, plan) };
    let what = match event.what {
        What::Entered => "entered".to_string(),
        What::Started => format!("started, try {:.0}", event.value + 1.0),
        What::Confirming => "done, looks whether it worked".into(),
        What::Succeeded => "succeeded".into(),
        What::Failed => "failed".into(),
        What::Aborted => "told to stop".into(),
        What::Recovering(level) => format!("recovers, L{level}"),
        What::Passed(level) => format!("L{level} is spent"),
        What::Slowed => "slower".into(),
        What::Resumed => "at full speed again".into(),
        What::Peak(channel) => format!("peak of {} {:.3}", channel.name(), event.value),
        What::Late => "late, not used".into(),
        What::Contradiction(fact) => format!("contradiction about {}", scene.name(fact)),
        What::Ended => "ended".into(),
        other => format!("{other:?}"),
    };
    let why = event.reason.map_or_else(String::new, |reason| format!(": {}", reason_text(&reason, scene)));
    format!("{:8.3} s  {node}  {what}{why}", event.at.secs())
}

/// Why something failed, with the facts' names.
pub fn reason_text(reason: &Reason, scene: &Scene) -> String {
    let fact = |what: &str, fact: FactId, truth: Truth| {
        let is = match truth {
            Truth::True => "holds",
            Truth::False => "does not hold",
            Truth::Unknown => "is not known",
        };
        format!("{what} {} {is}", scene.name(fact))
    };
    match *reason {
        Reason::Skill(fault) => format!("the skill says {fault:?}"),
        Reason::Timeout => "it took too long".into(),
        Reason::Silent => "the skill does not answer".into(),
        Reason::Guard(i) => format!("guard {i} tripped"),
        Reason::Maintain(i) => format!("what had to stay so (entry {i}) is lost"),
        Reason::Blind(i) => format!("what watch {i} looks at is not sensed"),
        Reason::Channel(channel) => format!("{} is over its threshold", channel.name()),
        Reason::Body(fault) => format!("the arm reports {fault:?}"),
        Reason::Precondition(f, truth) => fact("precondition", f, truth),
        Reason::Post(f, truth) => fact("postcondition", f, truth),
        Reason::Condition(f, truth) => fact("condition", f, truth),
        Reason::Assumption(f, truth) => fact("assumption", f, truth),
        Reason::Budget(0) => "the task's budget is spent".into(),
        Reason::Budget(level) => format!("the budget of L{level} is spent"),
        Reason::NoAnswer => "nobody had an answer".into(),
        Reason::Human => "a person is needed".into(),
        Reason::Stopped => "somebody asked to stop".into(),
        other => format!("{other:?}"),
    }
}

/// The executor's word on how a plan ended.
pub fn outcome_text(outcome: &Outcome, scene: &Scene) -> String {
    match outcome {
        Outcome::Idle => "nothing was begun".into(),
        Outcome::Running => "it was broken off".into(),
        Outcome::Succeeded => "the plan ended well".into(),
        Outcome::Failed(reason) => format!("the plan failed: {}", reason_text(reason, scene)),
        Outcome::Yielded(reason) => format!("the plan was given up: {}", reason_text(reason, scene)),
    }
}

/// The node as a call: `3 place(red_block, yellow_plate)`.
fn node_text(id: u16, plan: &Plan) -> String {
    let Some(raw) = plan.raw().node(id) else { return format!("{id}") };
    let name = raw.skill.as_deref().unwrap_or_else(|| raw.kind.name());
    let args: Vec<&str> = raw.args.things().collect();
    format!("{id} {name}({})", args.join(", "))
}
