//! What the viewer and the recording are told of a brain.

use neuraxis_brain::outcome_text;
use neuraxis_core::Nanos;
use neuraxis_episode::{BrainPanel, Level, Monitor, Points, SeenThing};
use neuraxis_executor::{Outcome, What};
use neuraxis_plan::{Truth, outline};

use super::{
    mind::{Mind, PlanInForce},
    reflex::Report,
};
use crate::orders::Account;

/// Something to write down about a brain.
pub struct Thought {
    /// When.
    pub at: Nanos,
    /// What happened since the last one, in words.
    pub events: Vec<(Nanos, Level, String)>,
    /// Numbers that are watched, with their limits.
    pub monitors: Vec<Monitor>,
    /// The panel, the things in the scene and its cloud; only when something has happened.
    pub panel: Option<(BrainPanel, Vec<SeenThing>, Points)>,
}

impl Mind {
    /// What is to be written down now. `shown`: how much of the story was written before.
    pub fn thought(&self, report: &Report, shown: &mut usize) -> Thought {
        let told = self.story.told.get(*shown..).unwrap_or_default();
        let level = |what| match what {
            What::Failed | What::Recovering(_) | What::Passed(_) => Level::Warning,
            _ => Level::Info,
        };
        let events: Vec<_> = told.iter().map(|(event, line)| (event.at, level(event.what), line.clone())).collect();
        *shown = self.story.told.len();
        let monitor = |name: &str, value, limit| Monitor { name: name.into(), value, limit };
        let mut monitors = vec![monitor("force on the tool [N]", report.felt.force_n, self.story.force_limit_n)];
        monitors.extend(report.to_go_m.map(|to_go_m| monitor("way to go [cm]", 100.0 * to_go_m, None)));
        let points = || {
            let cloud = self.cloud();
            Points { xyz_in_world: cloud.xyz_in_world.clone(), rgb: cloud.rgb.clone() }
        };
        let panel = (!events.is_empty()).then(|| (self.panel(), self.seen_things(), points()));
        Thought { at: report.now, events, monitors, panel }
    }

    /// How the task goes, for who gave it. `is_over`: nothing runs any more; before its first plan that is no end.
    pub fn how_it_goes(&self, report: &Report, is_over: bool) -> Account {
        let Some(PlanInForce { plan, scene, epoch }) = &self.plan else {
            let (words, ended) = match &self.story.trouble {
                Some(why) => (why.clone(), Some(false)),
                None => ("looks and plans".into(), None),
            };
            return Account { words, progress: 0.0, ended };
        };
        let skills = plan.raw().nodes.iter().filter(|node| node.skill.is_some());
        let is_done = |id| self.story.marks.get(&id) == Some(&'+');
        let (all, done) =
            skills.fold((0.0, 0.0), |(all, done), node| (all + 1.0, done + f32::from(u8::from(is_done(node.id)))));
        let progress = if all > 0.0 { done / all } else { 0.0 };
        // What is reported may still be of before the plan.
        if is_over && report.epoch == *epoch {
            let words = outcome_text(&report.outcome, scene);
            return Account { words, progress, ended: Some(report.outcome == Outcome::Succeeded) };
        }
        let last = self.story.told.last().filter(|_| !self.story.marks.is_empty());
        let words = last.map_or_else(|| "begins with its plan".into(), |(_, line)| line.trim().to_string());
        Account { words, progress, ended: None }
    }

    fn panel(&self) -> BrainPanel {
        let Some(PlanInForce { plan, scene, .. }) = &self.plan else { return BrainPanel::default() };
        let story = self.story();
        let mark = |line: &str| -> String {
            let node = line.get(..3).and_then(|id| id.trim().parse::<u16>().ok());
            let mark = node.and_then(|node| story.marks.get(&node)).copied().unwrap_or(' ');
            let short = line.split(" ->").next().unwrap_or(line).split("  [").next().unwrap_or(line);
            format!("{mark} {}", short.trim_end())
        };
        let tree: Vec<String> = outline(plan, scene).lines().map(mark).collect();
        let state = self.look().observed.state;
        let named = |truth: Truth| {
            let facts = scene.fact_ids().filter(move |fact| state.truth(*fact) == truth);
            facts.map(|fact| format!("- {}", scene.name(fact))).collect::<Vec<_>>().join("\n")
        };
        let unknown = scene.fact_ids().filter(|fact| state.truth(*fact) == Truth::Unknown);
        let unknown = unknown.filter_map(|fact| {
            let why = self.finding(fact)?.why.to_string();
            Some(format!("- {}: {why}", scene.name(fact)))
        });
        let [l2, l3, l4, l5, l6] = story.recoveries();
        BrainPanel {
            tree: format!("```\n{}\n```", tree.join("\n")),
            facts: format!(
                "### holds\n{}\n### not known\n{}",
                named(Truth::True),
                unknown.collect::<Vec<_>>().join("\n")
            ),
            costs: format!(
                "| | |\n|---|---|\n| plans | {} |\n| VLM calls | {} |\n| again (L2) | {l2} |\n| back (L3) | {l3} |\n| memory (L4) | \
                 {l4} |\n| new plan (L5) | {l5} |\n| person (L6) | {l6} |",
                story.plans, story.model.calls
            ),
        }
    }

    fn seen_things(&self) -> Vec<SeenThing> {
        let things = self.things();
        things
            .map(|(name, track)| SeenThing {
                name: name.map_or_else(|| track.thing.shape.name().to_string(), str::to_string),
                centre_in_world: track.thing.bounds.centre_in_world,
                half_m: track.thing.bounds.half_m,
                yaw_rad: track.thing.bounds.yaw_rad,
                is_named: name.is_some(),
                is_held: track.held.is_some(),
            })
            .collect()
    }
}
