//! What an evaluation remembers of an episode: where the first prediction pointed, and a recording if one was asked for.

use std::path::Path;

use anyhow::Result;
use nalgebra::Vector3;
use neuraxis_brainstem::TickRecord;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{Instruction, Nanos, Observation, Prediction};
use serde_json::{Value, json};

use crate::{episode_run::Studio, keeping::RecordingSettings, lockstep::Witness, recorder::Recorder, threads::Seen};

/// A witness of one episode.
#[derive(Default)]
pub struct Tape {
    /// Of the first prediction, in the world [m].
    pub first_position: Option<Vector3<f64>>,
    recorder: Option<Recorder>,
}

impl Tape {
    /// With a recording `dir/TASK-SEED/episode.mcap`, which says of which scene it is: nobody trains on those of evaluation.
    pub fn record(dir: &Path, task: &str, seed: u64, studio: &Studio, words: &Instruction) -> Result<Self> {
        let (out, meta) = (dir.join(format!("{task}-{seed}")), json!({ "task": task, "seed": seed }));
        // Everything, whatever the configuration keeps of a run: it is what was asked for.
        let mut config = studio.config.clone();
        config.run.recording = RecordingSettings::default();
        let recorder = Recorder::create(&out, &config, &studio.robot, Some(words), meta, Nanos::default(), None)?;
        Ok(Self { first_position: None, recorder: Some(recorder) })
    }

    /// Writes how it ended, and the index.
    pub fn finish(self, success: bool, summary: &Value) -> Result<()> {
        self.recorder.map(|recorder| recorder.finish(Some(success), summary)).transpose()?;
        Ok(())
    }
}

impl Witness for Tape {
    fn observation(&mut self, observation: &Observation, mind: &CerebellumTick) -> Result<()> {
        self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.observation(observation, mind))
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.first_position.get_or_insert(prediction.keyframe.world_from_tool.position());
        self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.prediction(prediction))
    }

    fn keeps_views(&self) -> bool {
        self.recorder.is_some()
    }

    fn looked(&mut self, seen: &Seen) -> Result<()> {
        self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.looked(seen))
    }

    fn tick(&mut self, record: &TickRecord, mind: Option<&CerebellumTick>) -> Result<()> {
        self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.tick(record, mind))
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_episode::EpisodeReader;

    use super::*;
    use crate::config::{Config, workspace_root};

    #[test]
    fn a_recording_of_an_episode_names_its_task_and_seed() {
        let studio = Studio::new(Config::load(&workspace_root().unwrap(), "fr3").unwrap()).unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-tape-{}", std::process::id()));
        let words = Instruction { text: "push the red button".into(), epoch: 1, features: None };
        let tape = Tape::record(&dir, "push_buttons", 1_000_007, &studio, &words).unwrap();
        tape.finish(true, &json!({})).unwrap();
        let reader = EpisodeReader::open(&dir.join("push_buttons-1000007/episode.mcap")).unwrap();
        let run = reader.header().meta["run"].clone();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(run, json!({ "task": "push_buttons", "seed": 1_000_007 }));
    }
}
