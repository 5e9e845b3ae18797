//! What the viewer and the recording are told of a brain.

use neuraxis_brain::outcome_text;
use neuraxis_core::Nanos;
use neuraxis_episode::{BrainPanel, Level, Monitor, Points, SeenThing};
use neuraxis_executor::{Channel, Outcome};
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
        let events: Vec<_> = self.story.journal.since(*shown).cloned().collect();
        *shown = self.story.journal.count();
        let monitor = |name: &str, value, limit| Monitor { name: name.into(), value, limit };
        let mut monitors = vec![monitor("force on the tool [N]", report.felt.force_n, self.story.force_limit_n)];
        monitors.extend(report.to_go_m.map(|to_go_m| monitor("way to go [cm]", 100.0 * to_go_m, None)));
        monitors.extend(Channel::ALL.into_iter().zip(report.scores).filter_map(|(channel, score)| {
            let score = score?;
            let name = format!("{} [{}]", channel.name(), channel.unit());
            Some(Monitor { name, value: score.value, limit: score.threshold })
        }));
        let points = || {
            let cloud = self.cloud();
            Points { xyz_in_world: cloud.xyz_in_world.clone(), rgb: cloud.rgb.clone() }
        };
        let panel = (!events.is_empty()).then(|| (self.panel(), self.seen_things(), points()));
        Thought { at: report.now, events, monitors, panel }
    }

    /// The task's plan has ended, or there will be none. What is reported may still be of before the plan, or of the task
    /// before, and says nothing about this one.
    pub fn is_over(&self, report: &Report) -> bool {
        let is_of_plan = self.plan.as_ref().is_some_and(|plan| plan.epoch == report.epoch);
        is_of_plan && report.outcome != Outcome::Running || self.gave_up()
    }

    /// How the task goes, for who gave it.
    pub fn how_it_goes(&self, report: &Report) -> Account {
        let Some(PlanInForce { plan, scene, .. }) = &self.plan else {
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
        if self.is_over(report) {
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
        let [l2, l3, l4, l5, l6] = story.recoveries;
        BrainPanel {
            tree: format!("```\n{}\n```", tree.join("\n")),
            facts: format!(
                "### holds\n{}\n### not known\n{}",
                named(Truth::True),
                unknown.collect::<Vec<_>>().join("\n")
            ),
            costs: rows(&[
                ("plans", story.plans.to_string()),
                ("plans too late", story.late_plans.to_string()),
                ("memory", story.from_memory.clone().unwrap_or_else(|| "not asked".into())),
                ("VLM calls", story.model.calls.to_string()),
                ("VLM time [s]", format!("{:.1}", story.model.time.as_secs_f64())),
                ("tokens read, written", format!("{}, {}", story.model.tokens_in, story.model.tokens_out)),
                ("VLM asked in vain", story.model.failures.to_string()),
                ("again (L2)", l2.to_string()),
                ("back (L3)", l3.to_string()),
                ("memory (L4)", l4.to_string()),
                ("new plan (L5)", l5.to_string()),
                ("person (L6)", l6.to_string()),
            ]),
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

/// A table of two columns in Markdown; what would break a cell is written otherwise.
fn rows(all: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| format!("| {name} | {} |", value.replace('|', "/").replace('\n', " "));
    let rows: Vec<String> = all.iter().map(row).collect();
    format!("| | |\n|---|---|\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use neuraxis_brain::ModelUse;
    use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
    use neuraxis_executor::{Event, Reason, Score, Scores, What};
    use neuraxis_plan::{Limits, Scene, SceneFile, Validator};

    use super::*;
    use crate::{
        brain::reflex::{Felt, Told},
        config::{Config, workspace_root},
    };

    /// A brain with a plan in force.
    fn mind() -> Mind {
        let root = workspace_root().unwrap();
        let config = Config::load(&root, "fr3").unwrap();
        let text = std::fs::read_to_string(root.join("sim/scenes/workbench.yaml")).unwrap();
        let scene = Scene::try_from(serde_yaml::from_str::<SceneFile>(&text).unwrap()).unwrap();
        let instruction = "put the red block in the top drawer and close it";
        let raw = SymbolicPlanner.plan(&PlanRequest { instruction, scene: &scene, epoch: 1 }).unwrap().plan;
        let plan = Validator::new(&scene, &Limits::default()).check(&raw).unwrap();
        let mut mind = Mind::new(&config, true, Vec::new()).unwrap();
        mind.plan = Some(PlanInForce { plan, scene, epoch: 1 });
        mind
    }

    #[test]
    fn the_panel_says_what_calls_cost_what_memory_did_and_how_near_each_signal_is_to_its_limit() {
        let mut mind = mind();
        mind.story.plans = 2;
        mind.story.late_plans = 1;
        mind.story.model = ModelUse {
            calls: 3,
            tokens_in: 4100,
            tokens_out: 512,
            time: Duration::from_millis(7340),
            failures: 1,
            why: None,
        };
        let at = Nanos::from_secs(2.0);
        mind.remembers_this(at, "from memory: episode 4 | likeness 0.93\nworked twice".into());
        mind.late("vlm");
        let mut scores = Scores::default();
        scores[Channel::Stall as usize] = Some(Score { value: 1.2, threshold: Some(3.0) });
        scores[Channel::Slip as usize] = Some(Score { value: 0.001, threshold: None });
        let report = Report { scores, ..Report::default() };
        let mut shown = 0;
        let thought = mind.thought(&report, &mut shown);

        let (panel, ..) = thought.panel.unwrap();
        say!("{}", panel.costs);
        for row in [
            "| plans | 2 |",
            "| plans too late | 2 |",
            "| memory | from memory: episode 4 / likeness 0.93 worked twice |",
            "| VLM calls | 3 |",
            "| VLM time [s] | 7.3 |",
            "| tokens read, written | 4100, 512 |",
            "| VLM asked in vain | 1 |",
            "| new plan (L5) | 0 |",
        ] {
            assert!(panel.costs.lines().any(|line| line == row), "{row}\n{}", panel.costs);
        }
        assert!(panel.tree.contains("grasp"), "{}", panel.tree);
        let of = |name: &str| thought.monitors.iter().find(|monitor| monitor.name == name).map(|m| (m.value, m.limit));
        assert_eq!(of("stall [s]"), Some((1.2, Some(3.0))));
        assert_eq!(of("slip [m]"), Some((0.001, None)));
        assert_eq!(of("contact [-]"), None, "there is no signal of it");
        // Viewer and recording are told, once.
        let lines: Vec<&str> = thought.events.iter().map(|(_, _, line)| line.as_str()).collect();
        assert!(lines[0].starts_with("from memory: episode 4") && lines[1].contains("came too late"), "{lines:?}");
        assert!(mind.thought(&report, &mut shown).events.is_empty());
    }

    #[test]
    fn of_a_session_of_days_all_is_written_down_and_counted_and_only_the_newest_is_kept() {
        let mut mind = mind();
        let event = Event { epoch: 1, what: What::Recovering(2), ..Event::NONE };
        let between_looks = [Told { event, felt: Felt::default() }; 1000];
        let (mut shown, mut written, mut costs) = (0, 0, String::new());
        for _ in 0..100 {
            mind.note(&between_looks);
            let thought = mind.thought(&Report::default(), &mut shown);
            written += thought.events.len();
            costs = thought.panel.unwrap().0.costs;
        }
        assert_eq!(written, 100_000);
        assert!(costs.contains("| again (L2) | 100000 |"), "{costs}");
        let story = mind.story();
        let kept = [story.lines.iter().count(), story.told.iter().count(), story.journal.iter().count()];
        assert!(kept.iter().all(|kept| (10_000..100_000).contains(kept)), "{kept:?}");
    }

    #[test]
    fn a_task_ends_with_its_own_plan_and_not_with_the_one_before() {
        let mut mind = mind();
        let report = |epoch, outcome| Report { epoch, outcome, ..Report::default() };
        let done = report(1, Outcome::Succeeded);
        assert!(mind.is_over(&done) && !mind.is_over(&report(1, Outcome::Running)));
        assert!(!mind.is_over(&report(0, Outcome::Succeeded)), "it was not begun yet");
        // Another sentence comes, and its plan takes its time.
        assert!(mind.end_task(done.outcome, Nanos::default()).is_none(), "there was no memory");
        let stopped = report(2, Outcome::Yielded(Reason::Stopped));
        assert!(!mind.is_over(&done) && !mind.is_over(&stopped));
        assert_eq!(mind.how_it_goes(&stopped).ended, None);
        mind.story.trouble = Some("there is none".into());
        assert!(mind.is_over(&stopped));
        assert_eq!(mind.how_it_goes(&stopped).ended, Some(false));
    }
}
