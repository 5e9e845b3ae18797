//! `neuraxis demo --policy brain`: one episode of the brain, recorded, with its tree and monitors in the viewer.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use neuraxis_brain::Drafter;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{Instruction, Nanos, Observation, PolicyError, Prediction};
use neuraxis_executor::What;
use neuraxis_plan::{Truth, outline};
use neuraxis_sim::{CameraRig, Plant, Setup};
use neuraxis_viz::{BrainPanel, Level, SeenThing};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    brain::{BrainPilot, open_memory},
    demo::{ClockChoice, DemoPlan, Together},
    episode_run::{Studio, instruction},
    eval::BrainRow,
    lockstep::{Moment, Pilot, Steer},
    recorder::{Recorder, Window},
};

/// Monitors are written at this rate: every tenth tick of 5 ms.
const MONITORS_EVERY: u64 = 10;

/// Runs one episode; true if the goal was met.
pub fn run(plan: &DemoPlan, studio: &Studio, setup: &Setup) -> Result<bool> {
    if plan.clock == ClockChoice::Realtime {
        bail!("the brain runs on simulated time so far: --clock lockstep");
    }
    let config = &studio.config;
    let words = instruction(setup.goal(), None)?;
    let meta = json!({ "task": plan.task, "seed": plan.seed, "actor": plan.actor, "clock": "Lockstep" });
    let window = Window { live: plan.live, brain: true };
    let recorder = Recorder::create(&plan.out, config, &studio.robot, &words, meta, Nanos(0), window)?;
    let recorder = Arc::new(Mutex::new(recorder));
    let memory = plan.memory.as_deref().map(|file| open_memory(config, file)).transpose()?;
    let brain = BrainPilot::new(config, studio.robot.clone(), Drafter::of(&config.brain)?, Vec::new())?
        .with_planned_ways(studio.surroundings != crate::config::Surroundings::Off)
        .with_memory(memory);
    let mut filmed = FilmedBrain { brain, recorder: recorder.clone(), shown: 0, ticks: 0, trouble: None };
    let mut lockstep = studio.lockstep(setup, true)?;
    let mut rig = CameraRig::new(setup)?;
    let mut witness = Together(recorder.clone());
    let outcome = lockstep.run(&mut filmed, &words, setup.goal(), Some(&mut rig), &mut witness)?;
    if let Some(error) = filmed.trouble.take() {
        return Err(error);
    }
    let FilmedBrain { brain, recorder: used, .. } = filmed;
    let (story, _) = brain.end();
    drop((used, witness));
    let row = BrainRow::of(&story, lockstep.plant().disturbed_at(), &outcome);
    println!("{}", story.lines.join("\n"));
    println!("clock       lockstep: simulated time, not the wall clock");
    println!("brain       {} plans, {} VLM calls, {} alarms", row.plans, row.vlm_calls, row.alarms);
    println!("success     {}, after {:.1} s", if outcome.success { "yes" } else { "no" }, outcome.secs);
    let recorder = Arc::into_inner(recorder).context("the recorder is still in use")?.into_inner();
    let summary =
        json!({ "task": plan.task, "seed": plan.seed, "success": outcome.success, "secs": outcome.secs, "brain": row });
    let files = recorder.finish(outcome.success, &summary)?;
    println!("recorded    {}  {}", files[0].display(), files[1].display());
    println!("look at it  .deps/rerun/rerun_sdk/rerun_cli/rerun {}", files[1].display());
    Ok(outcome.success)
}

/// The brain, with what it does shown to the recorder.
struct FilmedBrain {
    brain: BrainPilot,
    recorder: Arc<Mutex<Recorder>>,
    /// Events shown so far.
    shown: usize,
    ticks: u64,
    trouble: Option<anyhow::Error>,
}

impl FilmedBrain {
    fn show(&mut self, now: Nanos, mind: Option<&CerebellumTick>) -> Result<()> {
        let mut recorder = self.recorder.lock();
        let story = self.brain.story();
        let told = story.told.get(self.shown..).unwrap_or_default();
        for (event, line) in told {
            let level = match event.what {
                What::Failed | What::Recovering(_) | What::Passed(_) => Level::Warning,
                _ => Level::Info,
            };
            recorder.event(event.at, level, line)?;
        }
        let is_new = !told.is_empty();
        self.shown = story.told.len();
        self.ticks += 1;
        if self.ticks.is_multiple_of(MONITORS_EVERY) {
            recorder.monitors(now, &self.monitors(mind))?;
        }
        if is_new {
            recorder.brain(now, &self.panel(), &self.things(), self.brain.cloud())?;
        }
        Ok(())
    }

    fn monitors(&self, mind: Option<&CerebellumTick>) -> Vec<(String, f64, Option<f64>)> {
        let story = self.brain.story();
        let mut monitors = vec![("force on the tool [N]".to_string(), self.brain.force_n(), story.force_limit_n)];
        monitors.extend(mind.and_then(|mind| mind.active).map(|keyframe| {
            let to_go = (keyframe.world_from_tool.position() - self.brain.tool_in_world()).norm();
            ("way to go [cm]".to_string(), 100.0 * to_go, None)
        }));
        monitors
    }

    fn panel(&self) -> BrainPanel {
        let Some((plan, scene)) = self.brain.plan() else { return BrainPanel::default() };
        let story = self.brain.story();
        let mark = |line: &str| -> String {
            let node = line.get(..3).and_then(|id| id.trim().parse::<u16>().ok());
            let mark = node.and_then(|node| story.marks.get(&node)).copied().unwrap_or(' ');
            let short = line.split(" ->").next().unwrap_or(line).split("  [").next().unwrap_or(line);
            format!("{mark} {}", short.trim_end())
        };
        let tree: Vec<String> = outline(plan, scene).lines().map(mark).collect();
        let state = self.brain.look().observed.state;
        let named = |truth: Truth| {
            let facts = scene.fact_ids().filter(move |fact| state.truth(*fact) == truth);
            facts.map(|fact| format!("- {}", scene.name(fact))).collect::<Vec<_>>().join("\n")
        };
        let unknown = scene.fact_ids().filter(|fact| state.truth(*fact) == Truth::Unknown);
        let unknown = unknown.filter_map(|fact| {
            let why = self.brain.finding(fact)?.why.to_string();
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
            monitors: Vec::new(),
        }
    }

    fn things(&self) -> Vec<SeenThing> {
        let things = self.brain.things();
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

impl Pilot for FilmedBrain {
    fn looks(&self) -> bool {
        self.brain.looks()
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        self.brain.predict(seen, words, plant)
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        let steer = self.brain.steer(moment);
        if let Err(error) = self.show(moment.now, moment.mind) {
            self.trouble.get_or_insert(error);
        }
        steer
    }

    fn is_over(&self) -> bool {
        self.brain.is_over()
    }

    fn is_busy(&self) -> bool {
        self.brain.is_busy()
    }
}
