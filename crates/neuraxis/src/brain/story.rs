//! What happened in an episode, for a person and for tables.

use std::collections::BTreeMap;

use neuraxis_brain::{BrainError, ModelUse, Peak, describe};
use neuraxis_core::Nanos;
use neuraxis_episode::Level;
use neuraxis_executor::{Event, What};
use neuraxis_plan::{Plan, RawTest, Scene};
use neuraxis_scene::Finding;

use super::{mind::Mind, recent::Recent, reflex::Told};

/// How a brain did, beside success.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What happened, in words.
    pub lines: Recent<String>,
    /// As it happened, each with its words.
    pub told: Recent<(Event, String)>,
    /// From here on that is about the present task.
    pub task_from: usize,
    /// For viewer and recording: what the executor told, and what became of questions for plans.
    pub journal: Recent<(Nanos, Level, String)>,
    /// What memory did for the plan in force, and why.
    pub from_memory: Option<String>,
    /// How far each node of the present plan is, as a sign: in work, done, failed.
    pub marks: BTreeMap<u16, char>,
    /// Force on the tool at which the skill that runs is broken off [N].
    pub force_limit_n: Option<f64>,
    /// Plans asked for, the first included.
    pub plans: u32,
    /// How a vision-language model has served.
    pub model: ModelUse,
    /// Its calls for the first plan.
    pub first_calls: u32,
    /// Plans that came when nobody waited for them any more, and were not used.
    pub late_plans: u32,
    /// How far the tool went from where it was at first [m].
    pub tool_moved_m: f64,
    /// The first plan came from memory.
    pub reused: bool,
    /// Highest scores of skills in which nothing went wrong.
    pub peaks: Recent<Peak>,
    /// Recoveries by level, L2 to L6.
    pub recoveries: [u32; 5],
    /// How it ended, by the brain's own account.
    pub ended: String,
    /// The plan's goal was seen to hold at the end.
    pub goal_seen: bool,
    /// Why there is no plan, if there is none.
    pub trouble: Option<String>,
}

impl Story {
    /// One more thing that happened, in words.
    pub(super) fn tell(&mut self, told: &Told, zero: Nanos, plan: &Plan, scene: &Scene) {
        let Told { event, felt } = told;
        let mut line = describe(&Event { at: event.at - zero, ..*event }, plan, scene);
        match event.what {
            What::Confirming => {
                line += &format!(", {:.0} N at most", felt.most_force_n);
                self.marks.insert(event.node, '>');
            }
            What::Entered | What::Started => drop(self.marks.insert(event.node, '>')),
            What::Succeeded => drop(self.marks.insert(event.node, '+')),
            What::Failed => drop(self.marks.insert(event.node, 'x')),
            What::Peak(channel) => {
                let skill = plan.raw().node(event.node).and_then(|node| node.skill.clone()).unwrap_or_default();
                self.peaks.push(Peak { skill, channel: channel.name().into(), value: event.value });
            }
            What::Recovering(level @ 2..=6) => self.recoveries[usize::from(level) - 2] += 1,
            _ => {}
        }
        if event.what == What::Started {
            self.force_limit_n = force_limit_n(event.node, plan);
        }
        let level = match event.what {
            What::Failed | What::Recovering(_) | What::Passed(_) => Level::Warning,
            _ => Level::Info,
        };
        self.told.push((*event, line.clone()));
        self.remark(event.at, level, line);
    }

    /// Something that no event tells.
    pub(super) fn remark(&mut self, at: Nanos, level: Level, line: String) {
        self.journal.push((at, level, line.clone()));
        self.lines.push(line);
    }

    /// A memory that cannot be told goes on record and is said on the terminal; it stops nothing.
    pub(super) fn untold(&mut self, at: Nanos, line: String) {
        say_err!("warning: {line}");
        self.remark(at, Level::Warning, line);
    }

    /// The same of what is told at every look: once.
    pub(super) fn heard(&mut self, at: Nanos, told: Result<(), BrainError>) {
        if let Err(error) = told {
            let line = format!("memory: {error}");
            if !self.lines.iter().any(|known| *known == line) {
                self.untold(at, line);
            }
        }
    }

    /// What happened, a line each.
    pub fn text(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Mind {
    /// What was not known of the facts that a node is about, and why; where its things were, and what the hand felt.
    pub(super) fn unclear(&self, told: &Told, plan: &Plan, scene: &Scene) -> Vec<String> {
        let raw = plan.raw().node(told.event.node);
        let names = raw
            .into_iter()
            .flat_map(|raw| raw.post.iter().chain(raw.maintain.iter().filter_map(|maintain| maintain.pred.as_ref())));
        let facts = names.filter_map(|name| scene.literal(name).ok());
        let findings = facts.filter_map(|literal| self.finding(literal.fact));
        let line = |f: &Finding| format!("            {} is {:?}: {}", scene.name(f.fact), f.truth, f.why);
        let args: Vec<&str> = raw.into_iter().flat_map(|raw| raw.args.things()).collect();
        let things = args.iter().filter_map(|name| Some((name, self.thing_named(name)?)));
        let things = things
            .map(|(name, track)| format!("            {name}: {}, seen at {:.1} s", track.thing, track.seen_at.secs()));
        let at = told.felt.tool_in_world;
        let force = format!(
            "            force on the tool {:.1} N, at ({:.3}, {:.3}, {:.3}) m",
            told.felt.force_n, at.x, at.y, at.z
        );
        let seats = args.iter().filter_map(|name| scene.object(name)).filter_map(|object| self.look().seat(object));
        let seats = seats.map(|seat| {
            let at = seat.translation.vector;
            format!("            room at ({:.3}, {:.3}, {:.3}) m", at.x, at.y, at.z)
        });
        findings.map(line).chain(things).chain(seats).chain([force]).collect()
    }
}

/// Where the guard of a node's force lies [N].
fn force_limit_n(node: u16, plan: &Plan) -> Option<f64> {
    let raw = plan.raw().node(node)?;
    let is_force = |guard: &&RawTest| guard.expr.get(0).and_then(|word| word.as_str()) == Some("force");
    raw.guards.iter().find(is_force).map(|guard| guard.val)
}
