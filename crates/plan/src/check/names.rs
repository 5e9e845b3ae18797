//! V2 and V3: names, arguments, classes, units and ranges.

use super::Faults;
use crate::{
    ErrorKind,
    facts::FactSet,
    monitor::{RawTest, Test},
    plan::{Maintain, Node, NodeKind, Rung},
    raw::{MOST_SECS, RawKind, RawMaintain, RawNode, RawPlan, RawRung, RungAction, Until},
    scene::{Literal, Scene},
    skill::{Skill, Step},
};

/// Most tries of a `retry`, as node and as rung.
const MOST_TRIES: u8 = 5;

/// Assumptions and goal.
pub(super) fn ends(plan: &RawPlan, scene: &Scene, faults: &mut Faults) -> (Vec<Literal>, FactSet) {
    let mut names = Names { scene, node: None, faults };
    let assumptions = plan.assumptions.iter().filter_map(|text| names.literal(text)).collect();
    for name in &plan.scene_check {
        if scene.object(name).is_none() {
            names.unknown("object", name, &objects(scene));
        }
    }
    (assumptions, names.facts(&plan.goal))
}

/// A node by itself; where something is wrong with it the faults say so, and the node is not to be used. Its `end` and
/// the places that it goes back to are put right in [`super::tree::arrange`].
pub(super) fn node(raw: &RawNode, scene: &Scene, faults: &mut Faults) -> Node {
    let mut names = Names { scene, node: Some(raw.id), faults };
    let kind = names.kind(raw);
    names.only_where_it_belongs(raw);
    Node {
        id: raw.id,
        end: 0,
        kind,
        post: names.facts(&raw.post),
        guards: raw.guards.iter().filter_map(|test| names.test(test)).collect(),
        maintain: raw.maintain.iter().filter_map(|maintain| names.maintain(maintain, raw)).collect(),
        timeout_secs: raw.timeout_s.map(|secs| names.secs("timeout_s", secs)),
        ladder: names.ladder(&raw.on_fail),
    }
}

struct Names<'a> {
    scene: &'a Scene,
    node: Option<u16>,
    faults: &'a mut Faults,
}

impl Names<'_> {
    fn fault(&mut self, kind: ErrorKind, what: impl Into<String>, fix: impl Into<String>) {
        self.faults.add(self.node, kind, what, fix);
    }

    fn unknown(&mut self, what: &str, name: &str, known: &str) {
        let fix = format!("use one of {known}");
        let fault = crate::PlanError::new(self.node, ErrorKind::UnknownName, format!("no {what} {name:?}"), fix);
        self.faults.push(fault.missing(vec![name.to_string()]));
    }

    fn literal(&mut self, text: &str) -> Option<Literal> {
        match self.scene.literal(text) {
            Ok(literal) => Some(literal),
            Err(error) => {
                let fix = "use facts of this scene, written predicate(object,object)";
                let fault = crate::PlanError::new(self.node, ErrorKind::UnknownName, error.to_string(), fix);
                self.faults.push(fault.missing(vec![text.to_string()]));
                None
            }
        }
    }

    /// Facts, none of them with `not`.
    fn facts(&mut self, texts: &[String]) -> FactSet {
        let mut facts = FactSet::default();
        for text in texts {
            match self.literal(text) {
                Some(Literal { fact, holds: true }) => facts.insert(fact),
                Some(_) => self.fault(ErrorKind::Argument, format!("{text:?} among goals"), "name what shall hold"),
                None => {}
            }
        }
        facts
    }

    fn secs(&mut self, key: &str, secs: f64) -> f64 {
        if !(0.1..=MOST_SECS).contains(&secs) {
            self.fault(ErrorKind::Range, format!("{key} = {secs}"), format!("choose 0.1 to {MOST_SECS} s"));
        }
        secs
    }

    fn test(&mut self, raw: &RawTest) -> Option<Test> {
        match Test::compile(raw, self.scene) {
            Ok(test) => Some(test),
            Err(mut fault) => {
                fault.node = self.node;
                self.faults.push(fault);
                None
            }
        }
    }

    fn kind(&mut self, raw: &RawNode) -> NodeKind {
        if raw.kind != RawKind::Skill && raw.skill.is_some() {
            self.fault(ErrorKind::Argument, format!("a skill at a {}", raw.kind.name()), "leave `skill` out");
        }
        let takes: &[&str] = match raw.kind {
            RawKind::Retry => &["times"],
            RawKind::Timeout | RawKind::Hold => &["secs"],
            RawKind::Condition => &["fact"],
            RawKind::AskHuman => &["why"],
            RawKind::Skill => return self.skill(raw).map_or(NodeKind::Sequence, NodeKind::Skill),
            RawKind::Sequence | RawKind::Fallback | RawKind::ReactiveSequence | RawKind::ParallelAll => &[],
        };
        if !self.takes_just(raw, raw.kind.name(), takes, takes) {
            return NodeKind::Sequence;
        }
        match raw.kind {
            RawKind::Fallback => NodeKind::Fallback,
            RawKind::ReactiveSequence => NodeKind::ReactiveSequence,
            RawKind::ParallelAll => NodeKind::ParallelAll,
            RawKind::Retry => NodeKind::Retry { times: self.tries("times", raw.args.times.unwrap_or(0)) },
            RawKind::Timeout => NodeKind::Timeout { secs: self.secs("secs", raw.args.secs.unwrap_or(0.0)) },
            RawKind::Condition => {
                let fact = raw.args.fact.as_deref().unwrap_or_default();
                self.literal(fact).map_or(NodeKind::Sequence, NodeKind::Condition)
            }
            RawKind::Hold => self.step(raw, Skill::Hold).map_or(NodeKind::Sequence, NodeKind::Skill),
            RawKind::AskHuman => NodeKind::AskHuman { why: raw.args.why.clone().unwrap_or_default() },
            RawKind::Sequence | RawKind::Skill => NodeKind::Sequence,
        }
    }

    fn skill(&mut self, raw: &RawNode) -> Option<Step> {
        let Some(name) = raw.skill.as_deref() else {
            self.fault(ErrorKind::Argument, "no skill", "name one in `skill`");
            return None;
        };
        let Some(skill) = Skill::ALL.into_iter().find(|skill| skill.name() == name) else {
            let known: Vec<_> = Skill::ALL.iter().map(|skill| skill.name()).collect();
            self.unknown("skill", name, &known.join(", "));
            return None;
        };
        let objects = skill.objects().iter().map(|argument| argument.key);
        let text = (skill == Skill::Policy).then_some("instruction");
        let needed: Vec<_> = objects.chain(text).collect();
        let optional = skill.numbers().iter().map(|argument| argument.key);
        let allowed: Vec<_> = needed.iter().copied().chain(optional).collect();
        if !self.takes_just(raw, name, &needed, &allowed) {
            return None;
        }
        self.step(raw, skill)
    }

    /// True if the arguments are there that are needed, and no others than allowed.
    fn takes_just(&mut self, raw: &RawNode, name: &str, needed: &[&str], allowed: &[&str]) -> bool {
        let given = raw.args.given();
        let missing: Vec<_> = needed.iter().filter(|key| !given.contains(key)).map(|key| key.to_string()).collect();
        let strange: Vec<_> = given.iter().filter(|key| !allowed.contains(key)).copied().collect();
        let takes = if allowed.is_empty() { "no arguments".to_string() } else { allowed.join(", ") };
        if !missing.is_empty() {
            let what = format!("{name} without {}", missing.join(", "));
            let fault = crate::PlanError::new(self.node, ErrorKind::Argument, what, format!("{name} takes {takes}"));
            self.faults.push(fault.missing(missing.clone()));
        }
        if !strange.is_empty() {
            let what = format!("{name} with {}", strange.join(", "));
            self.fault(ErrorKind::Argument, what, format!("{name} takes {takes}"));
        }
        missing.is_empty() && strange.is_empty()
    }

    fn step(&mut self, raw: &RawNode, skill: Skill) -> Option<Step> {
        let mut things = [None; 2];
        for (slot, argument) in things.iter_mut().zip(skill.objects()) {
            let name = raw.args.name(argument.key)?;
            let Some(id) = self.scene.object(name) else {
                self.unknown("object", name, &objects(self.scene));
                return None;
            };
            if !self.scene.class(id).is_some_and(|class| argument.classes.contains(&class)) {
                let fits: Vec<_> = argument.classes.iter().map(|class| class.name()).collect();
                let what = format!("{} cannot be the `{}` of {}", name, argument.key, skill.name());
                self.fault(ErrorKind::Argument, what, format!("name a {}", fits.join(" or ")));
                return None;
            }
            *slot = Some(id);
        }
        let [object, place] = things;
        if object.is_some() && object == place {
            self.fault(ErrorKind::Argument, format!("{} with one thing twice", skill.name()), "name two things");
            return None;
        }
        let mut step = Step { instruction: raw.args.instruction.clone(), ..Step::new(skill, object, place) };
        for (slot, argument) in step.numbers.iter_mut().zip(skill.numbers()) {
            let Some(value) = raw.args.number(argument.key).or(argument.default) else { continue };
            if !(argument.low..=argument.high).contains(&value) {
                let what = format!("{} = {value}", argument.key);
                let unit = if argument.unit == "1" { String::new() } else { format!(" {}", argument.unit) };
                self.fault(ErrorKind::Range, what, format!("choose {} to {}{unit}", argument.low, argument.high));
            }
            *slot = value;
        }
        Some(step)
    }

    /// Fields that mean nothing at this kind of node.
    fn only_where_it_belongs(&mut self, raw: &RawNode) {
        let instant = matches!(raw.kind, RawKind::Condition | RawKind::AskHuman);
        let fields = [
            ("timeout_s", raw.timeout_s.is_some(), raw.kind == RawKind::Skill),
            ("on_fail", !raw.on_fail.is_empty(), raw.kind == RawKind::Skill),
            ("post", !raw.post.is_empty(), !instant),
            ("guards", !raw.guards.is_empty(), !instant),
            ("maintain", !raw.maintain.is_empty(), !instant),
        ];
        for (field, given, allowed) in fields {
            if given && !allowed {
                let what = format!("`{field}` at a {}", raw.kind.name());
                self.fault(ErrorKind::Argument, what, format!("leave `{field}` out"));
            }
        }
    }

    fn maintain(&mut self, raw: &RawMaintain, node: &RawNode) -> Option<Maintain> {
        let RawMaintain { pred, until, expr, op, val, unit, n, m } = raw.clone();
        let has_test = expr.is_some() || op.is_some() || val.is_some() || unit.is_some() || n.is_some() || m.is_some();
        match (pred, until, expr, op, val, unit, n, m) {
            (Some(pred), Some(until), ..) if !has_test => {
                if until == Until::Release && node.skill.as_deref() != Some(Skill::Place.name()) {
                    self.fault(ErrorKind::Argument, "`until` release without a place", r#"write "until": "end""#);
                }
                self.literal(&pred).map(|literal| Maintain::Fact { literal, until })
            }
            (None, None, Some(expr), Some(op), Some(val), Some(unit), Some(n), Some(m)) => {
                self.test(&RawTest { expr, op, val, unit, n, m }).map(Maintain::Test)
            }
            _ => {
                let fix = "write `pred` and `until`, or `expr`, `op`, `val`, `unit`, `n` and `m`";
                self.fault(ErrorKind::Argument, "an entry of `maintain` is neither a fact nor a test", fix);
                None
            }
        }
    }

    fn tries(&mut self, key: &str, times: u8) -> u8 {
        if !(1..=MOST_TRIES).contains(&times) {
            self.fault(ErrorKind::Range, format!("{key} = {times}"), format!("choose 1 to {MOST_TRIES}"));
        }
        times
    }

    fn ladder(&mut self, raw: &[RawRung]) -> Vec<Rung> {
        if raw.iter().zip(raw.iter().skip(1)).any(|(rung, next)| rung.level >= next.level) {
            self.fault(
                ErrorKind::Argument,
                "the rungs of `on_fail` do not rise",
                "list each level once, mildest first",
            );
        }
        raw.iter().filter_map(|rung| self.rung(rung)).collect()
    }

    fn rung(&mut self, raw: &RawRung) -> Option<Rung> {
        let name = raw.action.name();
        if raw.level != raw.action.level() {
            let what = format!("{name} at level {}", raw.level);
            self.fault(ErrorKind::Argument, what, format!("write level {}", raw.action.level()));
        }
        let rung = match (raw.action, raw.max, raw.vary, raw.node) {
            (RungAction::Retry, Some(max), vary, None) => Rung::Retry { max: self.tries("max", max), vary },
            (RungAction::Goto, None, None, Some(node)) => Rung::Goto { node },
            (RungAction::Recall, None, None, None) => Rung::Recall,
            (RungAction::Replan, None, None, None) => Rung::Replan,
            (RungAction::AskHuman, None, None, None) => Rung::AskHuman,
            _ => {
                let fix = "retry takes `max` and maybe `vary`, goto takes `node`, the others nothing";
                self.fault(ErrorKind::Argument, format!("arguments that do not fit {name}"), fix);
                return None;
            }
        };
        Some(rung)
    }
}

fn objects(scene: &Scene) -> String {
    scene.objects().iter().map(|object| object.id.as_str()).collect::<Vec<_>>().join(", ")
}
