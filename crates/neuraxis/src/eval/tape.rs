//! What an evaluation remembers of an episode: where the first prediction pointed, and a recording if one was asked for.

use std::path::Path;

use anyhow::{Context, Result};
use nalgebra::Vector3;
use neuraxis_brainstem::Tick;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{ArmState, Instruction, Nanos, Observation, Prediction};
use neuraxis_episode::{DepthEncoding, EpisodeWriter, Header};
use serde_json::{Value, json};

use crate::{episode_run::Studio, lockstep::Witness};

/// Joint states are written at this rate: every fifth millisecond.
const STATE_EVERY: u64 = 5;

/// A witness of one episode.
#[derive(Default)]
pub struct Tape {
    /// Of the first prediction, in the world [m].
    pub first_position: Option<Vector3<f64>>,
    writer: Option<EpisodeWriter>,
    ticks: u64,
    now: Nanos,
}

impl Tape {
    /// With a recording `dir/TASK-SEED.mcap`.
    pub fn record(dir: &Path, name: &str, studio: &Studio, words: &Instruction) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let (config, robot) = (&studio.config, &studio.robot);
        let urdf = &config.robot.urdf;
        let header = Header {
            joint_names: robot.joint_names().to_vec(),
            gripper_joint_names: vec!["finger_joint1".into(), "finger_joint2".into()],
            robot_description: std::fs::read_to_string(urdf).with_context(|| urdf.display().to_string())?,
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            depth: DepthEncoding::Millimetres,
            meta: json!({ "configuration": serde_json::to_value(config)?, "run": { "episode": name } }),
        };
        let mut writer = EpisodeWriter::create(&dir.join(format!("{name}.mcap")), &header)?;
        writer.instruction(Nanos::default(), words.epoch, &words.text)?;
        Ok(Self { writer: Some(writer), ..Self::default() })
    }

    /// Writes how it ended, and the index.
    pub fn finish(&mut self, outcome: &Value) -> Result<()> {
        if let Some(mut writer) = self.writer.take() {
            writer.summary(self.now, outcome)?;
            writer.finish()?;
        }
        Ok(())
    }
}

impl Witness for Tape {
    fn observation(&mut self, observation: &Observation, _mind: &CerebellumTick) -> Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.observation(observation)?;
        }
        Ok(())
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.first_position.get_or_insert(prediction.keyframe.world_from_tool.position());
        if let Some(writer) = &mut self.writer {
            writer.prediction(self.now, prediction)?;
        }
        Ok(())
    }

    fn tick(&mut self, state: &ArmState, tick: &Tick, _mind: &CerebellumTick) -> Result<()> {
        self.now = state.stamp;
        self.ticks += 1;
        if let Some(writer) = &mut self.writer
            && self.ticks.is_multiple_of(STATE_EVERY)
        {
            writer.state(state)?;
            writer.command(self.now, &tick.command)?;
        }
        Ok(())
    }
}
