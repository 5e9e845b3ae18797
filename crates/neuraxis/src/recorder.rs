//! A witness that writes everything down: the episode as MCAP (source of truth) and as a Rerun recording.
//!
//! Each record goes to both: what the window shows is in the file, and `neuraxis replay` shows it again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use neuraxis_brainstem::TickRecord;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{Instruction, Nanos, Observation, Prediction};
use neuraxis_episode::{
    CommandSample, DepthEncoding, EpisodeWriter, GazeRay, Header, Level, Points, PredictionDetail, Record, VirtualView,
};
use neuraxis_policy::DynamicLook;
use neuraxis_robot::Robot;
use neuraxis_vision::Cloud;
use neuraxis_viz::{Viz, VizConfig, VizError};
use serde_json::{Value, json};

use crate::{brain::Thought, config::Config, decisions, lockstep::Witness};

/// Names of the virtual views in the order of the policy's output.
const VIEWS: [&str; 6] = ["coarse_top", "coarse_front", "coarse_right", "fine_top", "fine_front", "fine_right"];
/// Name of the gripper where the robot's description has no joints for it.
pub const GRIPPER: &str = "gripper";
/// Joint states are written at this rate: every fifth millisecond.
const STATE_EVERY: u64 = 5;

/// Two files about one episode, or the MCAP alone.
pub struct Recorder {
    mcap: EpisodeWriter,
    viz: Option<Viz>,
    /// Somebody may be looking at the window.
    is_watched: bool,
    ticks: u64,
    now: Nanos,
    phase: String,
    files: Vec<PathBuf>,
}

/// What the viewer shows.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Open it at once, and stream to it.
    pub live: bool,
    /// The brain's panel in the place of the policy's views.
    pub brain: bool,
    /// Names of the cameras.
    pub cameras: Vec<String>,
}

impl Recorder {
    /// Creates `episode.mcap` in `out`, and with a window `episode.rrd`; `zero` is the start of the viewer's time line.
    pub fn create(
        out: &Path,
        config: &Config,
        robot: &Robot,
        instruction: &Instruction,
        meta: Value,
        zero: Nanos,
        window: Option<Window>,
    ) -> Result<Self> {
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        let mut files = vec![out.join("episode.mcap")];
        let urdf =
            std::fs::read_to_string(&config.robot.urdf).with_context(|| config.robot.urdf.display().to_string())?;
        let header = Header {
            joint_names: robot.joint_names().to_vec(),
            gripper_joint_names: match &config.robot.gripper_joints[..] {
                [] => vec![GRIPPER.to_string()],
                joints => joints.to_vec(),
            },
            robot_description: urdf,
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            depth: DepthEncoding::Millimetres,
            meta: json!({
                "configuration": serde_json::to_value(config)?,
                "run": meta,
                "version": { "neuraxis": env!("CARGO_PKG_VERSION"), "commit": env!("NEURAXIS_COMMIT") },
            }),
        };
        let mcap = EpisodeWriter::create(&files[0], &header)?;
        let subtitle = subtitle(&header.meta["run"]);
        let is_watched = window.as_ref().is_some_and(|window| window.live);
        let viz = match window {
            Some(window) => {
                let shown = VizConfig {
                    urdf: config.robot.urdf.clone(),
                    world_from_base: robot.world_from_base(),
                    joint_names: header.joint_names,
                    gripper_joint_names: config.robot.gripper_joints.clone(),
                    cameras: window.cameras,
                    virtual_views: if window.brain { Vec::new() } else { VIEWS.map(String::from).to_vec() },
                    brain: window.brain,
                    title: instruction.text.to_string(),
                    subtitle,
                    zero,
                    ..VizConfig::default()
                };
                files.push(out.join("episode.rrd"));
                Some(open(&shown, &config.root, &files[1], window.live)?)
            }
            None => None,
        };
        let mut recorder = Self { mcap, viz, is_watched, ticks: 0, now: zero, phase: String::new(), files };
        let Instruction { epoch, text, .. } = instruction;
        recorder.put(&Record::Instruction { stamp: zero, epoch: *epoch, text: text.to_string() })?;
        Ok(recorder)
    }

    /// Writes a record and shows it.
    fn put(&mut self, record: &Record) -> Result<()> {
        self.mcap.record(record)?;
        if let Some(viz) = &mut self.viz {
            viz.show(record)?;
        }
        Ok(())
    }

    /// The prediction's views and the cloud they were drawn from.
    pub fn views(
        &mut self,
        prediction: &Prediction,
        views: &neuraxis_policy::PredictionViews,
        cloud: &Cloud,
    ) -> Result<()> {
        let detail = detail(views);
        let points = Points { xyz_in_world: cloud.xyz_in_world.clone(), rgb: cloud.rgb.clone() };
        self.put(&Record::Detail(prediction.observed_at, Box::new(detail)))?;
        self.put(&Record::Cloud(prediction.observed_at, Box::new(points)))
    }

    /// What the cameras saw.
    pub fn seen(&mut self, observation: Arc<Observation>) -> Result<()> {
        self.put(&Record::Observation(observation))
    }

    /// What a brain decided, noticed and watches.
    pub fn thought(&mut self, thought: Thought) -> Result<()> {
        let Thought { at, events, monitors, panel } = thought;
        for (at, level, text) in events {
            self.put(&Record::Event(at, level, text))?;
        }
        self.put(&Record::Monitors(at, monitors))?;
        if let Some((panel, things, points)) = panel {
            self.put(&Record::Brain(at, Box::new(panel)))?;
            self.put(&Record::Things(at, things))?;
            self.put(&Record::Cloud(at, Box::new(points)))?;
        }
        Ok(())
    }

    /// Tick records, decisions, images and prediction pictures that did not reach the recorder.
    pub fn dropped(&mut self, [ticks, decisions, images, pictures]: [u64; 4]) -> Result<()> {
        let drops = json!({ "ticks": ticks, "decisions": decisions, "images": images, "pictures": pictures });
        self.put(&Record::Drops(self.now, drops))
    }

    /// Writes the outcome and closes the files; returns their paths. `judged`: what the judge said of it; `None` where nobody
    /// judged.
    pub fn finish(mut self, judged: Option<bool>, summary: &Value) -> Result<Vec<PathBuf>> {
        let mut summary = summary.clone();
        summary["success"] = judged.into();
        self.put(&Record::Summary(self.now, summary))?;
        self.mcap.finish()?;
        if let Some(viz) = self.viz {
            if !self.is_watched {
                Viz::lay_out(std::slice::from_ref(&viz))?;
            }
            viz.finish()?;
        }
        Ok(self.files)
    }
}

/// Opens the viewer, if there is a display for it, or only its file.
fn open(config: &VizConfig, root: &Path, file: &Path, live: bool) -> Result<Viz> {
    let viewer = viewer(root);
    let shown = live.then(|| Viz::live(viewer.as_deref(), Some(file), config));
    Ok(match shown {
        Some(Err(error @ VizError::NoDisplay)) => {
            println!("viewer      {error}");
            Viz::to_file(file, config)?
        }
        Some(viz) => viz?,
        None => Viz::to_file(file, config)?,
    })
}

/// The viewer that `./neuraxis setup` installs, if it is there.
pub fn viewer(root: &Path) -> Option<PathBuf> {
    Some(crate::package::deps(root, "rerun/rerun_sdk/rerun_cli/rerun")).filter(|viewer| viewer.exists())
}

/// What acted in a run, from what the recorder was told of it: `expert`, `brain`, the name of the weights.
pub fn actor(run: &Value) -> Option<String> {
    match &run["actor"] {
        Value::String(name) => Some(name.to_lowercase()),
        Value::Object(named) => {
            let (kind, path) = named.iter().next()?;
            let stem = Path::new(path.as_str()?).file_stem()?.to_string_lossy().into_owned();
            Some(if kind == "Weights" { format!("weights {stem}") } else { format!("{} {stem}", kind.to_lowercase()) })
        }
        _ => None,
    }
}

/// Task, seed and what acts, as far as they are known.
pub fn subtitle(run: &Value) -> String {
    let task = run["task"].as_str().map(|task| format!("**{task}**"));
    let seed = run["seed"].as_u64().map(|seed| format!("seed {seed}"));
    [task, seed, actor(run)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a policy looked at on the way to its answer, under the names of its views.
pub fn detail(views: &neuraxis_policy::PredictionViews) -> PredictionDetail {
    let side = views.side as u32;
    let view = |(name, (rgb, heat)): (&&str, (&Vec<u8>, &Vec<f32>))| VirtualView {
        name: name.to_string(),
        size: [side, side],
        rgb: rgb.clone(),
        heat: heat.clone(),
    };
    let pictures = views.rgb.iter().zip(&views.heat);
    let mut detail = PredictionDetail { views: VIEWS.iter().zip(pictures).map(view).collect(), gaze: None };
    if let Some(look) = &views.dynamic {
        show_dynamic(look, &mut detail);
    }
    detail
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
        self.seen(Arc::new(observation.clone()))
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.put(&Record::Prediction(self.now, Box::new(*prediction)))
    }

    fn tick(&mut self, record: &TickRecord, mind: Option<&CerebellumTick>) -> Result<()> {
        self.now = record.tick.now;
        self.ticks += 1;
        self.put(&Record::Tick(Box::new(decisions::sample(record))))?;
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
