//! A witness that writes everything down: the episode as MCAP (source of truth) and as a Rerun recording.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuraxis_brainstem::Tick;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{ArmState, Instruction, Nanos, Observation, Prediction};
use neuraxis_episode::{DepthEncoding, EpisodeWriter, Header};
use neuraxis_policy::DynamicLook;
use neuraxis_robot::Robot;
use neuraxis_vision::Cloud;
use neuraxis_viz::{GazeRay, Level, PredictionDetail, VirtualView, Viz, VizConfig, VizError};
use serde_json::json;

use crate::{brain::Thought, config::Config, lockstep::Witness};

/// Names of the virtual views in the order of the policy's output.
const VIEWS: [&str; 6] = ["coarse_top", "coarse_front", "coarse_right", "fine_top", "fine_front", "fine_right"];
/// Joint states are written at this rate: every fifth millisecond.
const STATE_EVERY: u64 = 5;

/// Two files about one episode.
pub struct Recorder {
    mcap: Option<EpisodeWriter>,
    viz: Option<Viz>,
    ticks: u64,
    now: Nanos,
    phase: String,
    files: [PathBuf; 2],
}

/// What the viewer shows.
#[derive(Copy, Clone, Debug, Default)]
pub struct Window {
    /// Open it at once, and stream to it.
    pub live: bool,
    /// The brain's panel in the place of the policy's views.
    pub brain: bool,
}

impl Recorder {
    /// Creates `episode.mcap` and `episode.rrd` in `out`; `zero` is the start of the viewer's time line.
    pub fn create(
        out: &Path,
        config: &Config,
        robot: &Robot,
        instruction: &Instruction,
        meta: serde_json::Value,
        zero: Nanos,
        window: Window,
    ) -> Result<Self> {
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        let files = [out.join("episode.mcap"), out.join("episode.rrd")];
        let urdf =
            std::fs::read_to_string(&config.robot.urdf).with_context(|| config.robot.urdf.display().to_string())?;
        let joint_names = robot.joint_names().to_vec();
        let fingers = vec!["fr3_finger_joint1".to_string(), "fr3_finger_joint2".to_string()];
        let header = Header {
            joint_names: joint_names.clone(),
            gripper_joint_names: fingers.clone(),
            robot_description: urdf,
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            depth: DepthEncoding::Millimetres,
            meta: json!({ "configuration": serde_json::to_value(config)?, "run": meta }),
        };
        let mut mcap = EpisodeWriter::create(&files[0], &header)?;
        mcap.instruction(zero, instruction.epoch, &instruction.text)?;
        let viz = VizConfig {
            urdf: config.robot.urdf.clone(),
            world_from_base: robot.world_from_base(),
            joint_names,
            gripper_joint_names: fingers,
            cameras: ["front", "left_shoulder", "right_shoulder", "wrist"].map(String::from).to_vec(),
            virtual_views: if window.brain { Vec::new() } else { VIEWS.map(String::from).to_vec() },
            brain: window.brain,
            title: instruction.text.to_string(),
            zero,
            ..VizConfig::default()
        };
        let viewer = config.root.join(".deps/rerun/rerun_sdk/rerun_cli/rerun");
        let shown = window.live.then(|| Viz::live(viewer.exists().then_some(viewer.as_path()), Some(&files[1]), &viz));
        let mut viz = match shown {
            Some(Err(error @ VizError::NoDisplay)) => {
                println!("viewer      {error}");
                Viz::to_file(&files[1], &viz)?
            }
            Some(viz) => viz?,
            None => Viz::to_file(&files[1], &viz)?,
        };
        viz.log_instruction(zero, &instruction.text)?;
        Ok(Self { mcap: Some(mcap), viz: Some(viz), ticks: 0, now: zero, phase: String::new(), files })
    }

    /// The prediction's views and the cloud they were drawn from.
    pub fn views(
        &mut self,
        prediction: &Prediction,
        views: &neuraxis_policy::PredictionViews,
        cloud: &Cloud,
    ) -> Result<()> {
        let Some(viz) = self.viz.as_mut() else { return Ok(()) };
        let side = views.side as u32;
        let mut detail = PredictionDetail {
            views: VIEWS
                .iter()
                .zip(views.rgb.iter().zip(&views.heat))
                .map(|(name, (rgb, heat))| VirtualView {
                    name: name.to_string(),
                    size: [side, side],
                    rgb: rgb.clone(),
                    heat: heat.clone(),
                })
                .collect(),
            gaze: None,
        };
        if let Some(look) = &views.dynamic {
            show_dynamic(look, &mut detail);
        }
        viz.log_prediction(prediction.observed_at, prediction, Some(&detail))?;
        viz.log_cloud(prediction.observed_at, &cloud.xyz_in_world, &cloud.rgb)?;
        Ok(())
    }

    /// How late the loop woke, thinned out to the rate of the joint states.
    pub fn wake_latency(&mut self, now: Nanos, latency: Nanos) -> Result<()> {
        if let Some(viz) = self.viz.as_mut()
            && self.ticks.is_multiple_of(STATE_EVERY)
        {
            viz.log_wake_latency(now, latency.secs())?;
        }
        Ok(())
    }

    /// What a brain decided, noticed and watches.
    pub fn thought(&mut self, thought: &Thought) -> Result<()> {
        for (at, level, text) in &thought.events {
            if let Some(mcap) = self.mcap.as_mut() {
                mcap.event(*at, text)?;
            }
            if let Some(viz) = self.viz.as_mut() {
                viz.log_event(*at, *level, text)?;
            }
        }
        let Some(viz) = self.viz.as_mut() else { return Ok(()) };
        viz.log_monitors(thought.at, &thought.monitors)?;
        if let Some((panel, things, cloud)) = &thought.panel {
            viz.log_brain(thought.at, panel)?;
            viz.log_things(thought.at, things)?;
            viz.log_cloud(thought.at, &cloud.xyz_in_world, &cloud.rgb)?;
        }
        Ok(())
    }

    /// Writes the outcome and closes both files; returns their paths.
    pub fn finish(mut self, success: bool, summary: &serde_json::Value) -> Result<[PathBuf; 2]> {
        if let Some(mut mcap) = self.mcap.take() {
            mcap.summary(self.now, summary)?;
            mcap.finish()?;
        }
        if let Some(mut viz) = self.viz.take() {
            viz.log_success(self.now, success)?;
            viz.finish()?;
        }
        Ok(self.files.clone())
    }
}

/// Adds the dynamic stream's view with its heatmap, and of a gaze the frame before and the ray.
fn show_dynamic(look: &DynamicLook, detail: &mut PredictionDetail) {
    let view = |name: &str, rgb: &[u8], heat: &[f32]| VirtualView {
        name: name.into(),
        size: [look.side as u32; 2],
        rgb: rgb.to_vec(),
        heat: heat.to_vec(),
    };
    if let Some(gaze) = &look.gaze {
        detail.views.push(view("dynamic_before", &gaze.before_rgb, &[]));
        detail.gaze = Some(GazeRay {
            eye_in_world: look.world_from_camera.position().cast().into(),
            direction: gaze.ray_in_world.cast().into(),
            point_in_world: gaze.point_in_world.map(|p| p.cast().into()),
        });
    }
    detail.views.push(view("dynamic", &look.rgb, &look.heat));
}

impl Witness for Recorder {
    fn observation(&mut self, observation: &Observation, _mind: &CerebellumTick) -> Result<()> {
        if let Some(mcap) = self.mcap.as_mut() {
            mcap.observation(observation)?;
        }
        if let Some(viz) = self.viz.as_mut() {
            viz.log_observation(observation)?;
            viz.log_tool(observation.stamp, &observation.world_from_tool)?;
        }
        Ok(())
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        if let Some(mcap) = self.mcap.as_mut() {
            mcap.prediction(self.now, prediction)?;
        }
        Ok(())
    }

    fn tick(&mut self, state: &ArmState, tick: &Tick, mind: &CerebellumTick) -> Result<()> {
        self.now = state.stamp;
        self.ticks += 1;
        let phase = format!("{:?}", mind.phase);
        if phase != self.phase {
            if let Some(viz) = self.viz.as_mut() {
                viz.log_phase(self.now, &phase)?;
                if let Some(fault) = mind.fault {
                    viz.log_event(self.now, Level::Warning, &fault.to_string())?;
                }
            }
            if let Some(mcap) = self.mcap.as_mut() {
                mcap.event(self.now, &phase)?;
            }
            self.phase = phase;
        }
        if self.ticks % STATE_EVERY == 0 {
            if let Some(mcap) = self.mcap.as_mut() {
                mcap.state(state)?;
                mcap.command(self.now, &tick.command)?;
            }
            if let Some(viz) = self.viz.as_mut() {
                viz.log_state(state, Some(&tick.command))?;
            }
        }
        Ok(())
    }
}
