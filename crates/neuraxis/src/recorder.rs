//! A witness that writes everything down: the episode as MCAP (source of truth) and as a Rerun recording.
//!
//! Each record goes to both: what the window shows is in the file, and `neuraxis replay` shows it again.

mod create;
mod title;

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use neuraxis_brainstem::TickRecord;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{Nanos, Observation, Prediction};
use neuraxis_episode::{CommandSample, EpisodeWriter, Keep, Level, Record, Saved, Saving};
use neuraxis_viz::Viz;
use serde_json::{Value, json};

pub use self::{
    create::Window,
    title::{actor, subtitle},
};
use crate::{
    brain::Thought, decisions, interrupt, lockstep::Witness, looked::Looked, lookout::Lookout, realtime::Drive,
    threads::Seen,
};

/// Name of the gripper where the robot's description has no joints for it.
pub const GRIPPER: &str = "gripper";
/// Joint states are written at this rate: every fifth millisecond.
const STATE_EVERY: u64 = 5;

/// Two files about one episode, or the MCAP alone, or parts of it, or what a ring saves.
pub struct Recorder {
    mcap: EpisodeWriter,
    viz: Option<Viz>,
    /// Somebody may be looking at the window.
    is_watched: bool,
    ticks: u64,
    now: Nanos,
    phase: String,
    rrd: Option<PathBuf>,
    keep: Keep,
    lookout: Lookout,
    is_leaving: bool,
    /// It was said that a ring makes no more files.
    is_enough: bool,
    lost: Option<[u64; 4]>,
    /// Age of a prediction at which the arm stops [s].
    lease_secs: f64,
}

/// What was recorded.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// One, or the numbered ones; in ring mode perhaps none.
    pub mcap: Vec<PathBuf>,
    /// For the viewer, where everything is kept in one file.
    pub rrd: Option<PathBuf>,
}

impl Recorder {
    /// Writes a record and shows it.
    fn put(&mut self, record: &Record) -> Result<()> {
        self.mcap.record(record)?;
        if let Some(viz) = &mut self.viz {
            viz.show(record)?;
        }
        Ok(())
    }

    /// What a policy was told, and what it did with an observation: its answer and what it rests on, or why there is none.
    pub fn looked(&mut self, seen: &Seen) -> Result<()> {
        if let Some((epoch, text)) = seen.told.clone() {
            self.put(&Record::Instruction { stamp: seen.at, epoch, text })?;
        }
        if let Some(prediction) = &seen.prediction {
            self.prediction(prediction)?;
        }
        if let Some(sight) = &seen.sight {
            self.put(&Record::Monitors(seen.at, sight.monitors(seen.age_secs, self.lease_secs)))?;
        }
        for (level, text) in &seen.news {
            self.put(&Record::Event(seen.at, *level, text.clone()))?;
        }
        for Looked { stamp, detail, cloud } in &seen.looked {
            self.put(&Record::Detail(*stamp, Box::new(detail.clone())))?;
            if let Some(cloud) = cloud {
                self.put(&Record::Cloud(*stamp, Box::new(cloud.clone())))?;
            }
        }
        Ok(())
    }

    /// What the cameras saw.
    pub fn seen(&mut self, observation: Arc<Observation>) -> Result<()> {
        self.put(&Record::Observation(observation))
    }

    /// What a brain decided, noticed and watches.
    pub fn thought(&mut self, thought: Thought) -> Result<()> {
        let Thought { at, events, monitors, panel } = thought;
        for (at, level, text) in events {
            let why = Lookout::event(level, &text);
            self.put(&Record::Event(at, level, text))?;
            why.map_or(Ok(()), |why| self.save(&why))?;
        }
        self.put(&Record::Monitors(at, monitors))?;
        if let Some((panel, things, points)) = panel {
            self.put(&Record::Brain(at, Box::new(panel)))?;
            self.put(&Record::Things(at, things))?;
            self.put(&Record::Cloud(at, Box::new(points)))?;
        }
        Ok(())
    }

    /// Tick records, decisions, images and prediction pictures that have not reached the recorder; written where that has
    /// changed.
    pub fn dropped(&mut self, lost: [u64; 4]) -> Result<()> {
        if self.lost.replace(lost) == Some(lost) {
            return Ok(());
        }
        let [ticks, decisions, images, pictures] = lost;
        let drops = json!({ "ticks": ticks, "decisions": decisions, "images": images, "pictures": pictures });
        self.put(&Record::Drops(self.now, drops))
    }

    /// In ring mode: saves what is in memory, and goes on saving for a while. A file that cannot be made is said; the ring
    /// goes on.
    pub fn save(&mut self, why: &str) -> Result<()> {
        let saving = self.mcap.save(why);
        match saving {
            Ok(None | Some(Saving::Extended)) => return Ok(()),
            Ok(Some(Saving::Begun(file))) => say!("saving      {}: {why}", file.display()),
            Ok(Some(Saving::Enough)) if self.is_enough => return Ok(()),
            Ok(Some(Saving::Enough)) => {
                self.is_enough = true;
                say_err!("warning: {why}: not saved, recording.ring_files in run.yaml are made");
                return Ok(());
            }
            Err(error) => {
                say_err!("warning: {why}: not saved, the ring goes on: {:#}", anyhow::Error::from(error));
                return Ok(());
            }
        }
        self.put(&Record::Event(self.now, Level::Info, format!("saved, because: {why}")))
    }

    /// Of a run in which this moves the arm; the program's own thinker, unless it is said.
    pub fn of(mut self, drive: Drive) -> Self {
        self.lookout = Lookout::of(drive);
        self
    }

    /// Whether the run ends: the stop that follows is asked for by the run itself.
    pub fn leaves(&mut self, is_leaving: bool) {
        self.is_leaving = is_leaving;
    }

    /// Called often: a ring does some of its work.
    pub fn step(&mut self) -> Result<()> {
        if matches!(self.keep, Keep::Ring(_)) {
            if interrupt::save_asked() {
                self.save("somebody asked for it")?;
            }
            tell(self.mcap.step()?);
        }
        Ok(())
    }

    /// Writes the outcome and closes the files; returns their paths. `judged`: what the judge said of it; `None` where nobody
    /// judged.
    pub fn finish(mut self, judged: Option<bool>, summary: &Value) -> Result<Files> {
        let mut summary = summary.clone();
        summary["success"] = judged.into();
        self.put(&Record::Summary(self.now, summary))?;
        let (mcap, saved) = self.mcap.finish()?;
        tell(saved);
        if let Some(viz) = self.viz {
            if !self.is_watched {
                Viz::lay_out(std::slice::from_ref(&viz))?;
            }
            viz.finish()?;
        }
        Ok(Files { mcap, rrd: self.rrd })
    }
}

/// Says how files of a ring have ended.
fn tell(saved: Vec<Saved>) {
    for Saved { path, reason, lost, error } in saved {
        match error {
            None => say!("saved       {}: {reason}", path.display()),
            Some(error) => {
                say_err!("warning: {reason}: saved in part only, the ring goes on: {:#}", anyhow::Error::from(error));
            }
        }
        if lost > 0 {
            say_err!("warning: {}: {lost} messages had to go before the disk took them", path.display());
        }
    }
}

impl Witness for Recorder {
    fn observation(&mut self, observation: &Observation, _mind: &CerebellumTick) -> Result<()> {
        self.seen(Arc::new(observation.clone()))
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.put(&Record::Prediction(self.now, Box::new(*prediction)))
    }

    fn tick(&mut self, record: &TickRecord, mind: Option<&CerebellumTick>) -> Result<()> {
        self.now = record.tick.now;
        self.ticks += 1;
        self.put(&Record::Tick(Box::new(decisions::sample(record))))?;
        if let Some(why) = self.lookout.tick(record, mind.and_then(|mind| mind.fault), self.is_leaving) {
            self.save(&why)?;
        }
        let phase = mind.map(|mind| format!("{:?}", mind.phase)).filter(|phase| *phase != self.phase);
        if let Some(phase) = phase {
            self.put(&Record::Phase(self.now, phase.clone()))?;
            self.phase = phase;
            if let Some(fault) = mind.and_then(|mind| mind.fault) {
                self.put(&Record::Event(self.now, Level::Warning, fault.to_string()))?;
            }
        }
        // A state that could not be read is in the tick, and nothing to plot.
        if self.ticks.is_multiple_of(STATE_EVERY) && record.inputs.read.is_none() {
            let (state, command) = (record.inputs.state, &record.tick.command);
            let (stamp, q, qd, gripper_width_m) = (state.stamp, command.q, command.qd, command.gripper_width_m);
            self.put(&Record::State(state))?;
            self.put(&Record::Command(CommandSample { stamp, q, qd, gripper_width_m }))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::Instruction;
    use neuraxis_episode::{EpisodeReader, Glance, Info, merge};

    use super::*;
    use crate::{
        config::{Config, workspace_root},
        looked::{self, Sight},
    };

    #[test]
    fn a_gaze_and_a_refusal_are_in_the_file_as_they_were() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let robot = config.load_robot().unwrap();
        let out = std::env::temp_dir().join(format!("neuraxis-recorder-{}", std::process::id()));
        let words = Instruction { text: "push the red button".into(), epoch: 1, features: None };
        let mut recorder = Recorder::create(&out, &config, &robot, Some(&words), Value::Null, Nanos(0), None).unwrap();
        let (stamp, at) = (Nanos::from_millis(100), Nanos::from_millis(160));
        let detail = looked::detail(&looked::tests::gazing());
        let sight = Sight { left_out: vec!["wrist: hardly any depth reading".into()], before_age_secs: Some(0.25) };
        let looked = vec![Looked { stamp, detail: detail.clone(), cloud: None }];
        let answered = Seen { at, age_secs: Some(0.06), sight: Some(sight), looked, ..Seen::default() };
        recorder.looked(&answered).unwrap();
        let why = "no answer: no camera can be used";
        let news = vec![(Level::Warning, why.to_string())];
        recorder.looked(&Seen { at: Nanos::from_millis(260), news, ..Seen::default() }).unwrap();
        let files = recorder.finish(None, &json!({})).unwrap();

        let reader = EpisodeReader::open(&files.mcap[0]).unwrap();
        let records: Vec<Record> = reader.records().map(Result::unwrap).collect();
        std::fs::remove_dir_all(&out).unwrap();
        let shown = records.iter().find_map(|record| match record {
            Record::Detail(at, shown) => Some((*at, shown)),
            _ => None,
        });
        let (when, shown) = shown.expect("what it looked at");
        assert_eq!(when, stamp);
        let pictures = |of: &neuraxis_episode::PredictionDetail| -> Vec<(String, Vec<u8>)> {
            of.views.iter().map(|view| (view.name.clone(), view.rgb.clone())).collect()
        };
        assert_eq!((pictures(shown), &shown.gaze), (pictures(&detail), &detail.gaze));
        assert!(records.iter().any(|record| matches!(record, Record::Monitors(when, monitors)
            if *when == at && monitors.iter().any(|m| m.name == "frame before: age [s]" && m.value == 0.25))));
        assert!(records.iter().any(|record| matches!(record, Record::Event(_, Level::Warning, text) if text == why)));
    }

    #[test]
    fn what_a_run_is_told_while_it_goes_on_is_in_the_file_and_nothing_that_nobody_said() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let robot = config.load_robot().unwrap();
        let out = std::env::temp_dir().join(format!("neuraxis-told-{}", std::process::id()));
        let zero = Nanos::from_millis(1000);
        let mut recorder = Recorder::create(&out, &config, &robot, None, Value::Null, zero, None).unwrap();
        for (ms, epoch, text) in [(3000, 1, "push the red button"), (9000, 2, "")] {
            let told = Some((epoch, text.to_string()));
            recorder.looked(&Seen { at: Nanos::from_millis(ms), told, ..Seen::default() }).unwrap();
        }
        let files = recorder.finish(None, &json!({})).unwrap();
        let reader = EpisodeReader::open(&files.mcap[0]).unwrap();
        let (info, glance) = (Info::of(&reader), Glance::of(&reader));
        let epochs: Vec<u32> = reader
            .records()
            .filter_map(|record| match record.unwrap() {
                Record::Instruction { epoch, .. } => Some(epoch),
                _ => None,
            })
            .collect();
        std::fs::remove_dir_all(&out).unwrap();
        assert!(matches!(&info.instructions[..], [(_, text)] if text == "push the red button"), "{info:?}");
        assert_eq!((info.zero_nanos, glance.zero_nanos, epochs), (zero.0, zero.0, vec![0, 1, 2]));
        assert_eq!(glance.instruction.as_deref(), Some("push the red button"));
    }

    #[test]
    fn two_runs_on_the_wall_clock_are_no_parts_of_one_and_on_simulated_time_they_are_the_same() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let robot = config.load_robot().unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-two-runs-{}", std::process::id()));
        let joined = |zero: Nanos| {
            let parts = ["first", "second"].map(|name| {
                let (out, meta) = (dir.join(name), json!({ "seed": 7 }));
                let recorder = Recorder::create(&out, &config, &robot, None, meta, zero, None).unwrap();
                recorder.finish(None, &json!({})).unwrap().mcap.swap_remove(0)
            });
            merge(&parts, &dir.join("joined.mcap"), true).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(joined(Nanos(0)), Ok(()));
        let refused = joined(Nanos(1)).unwrap_err();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(refused.contains("are not of one run: meta.run.began_unix_nanos is "), "{refused}");
    }
}
