//! A recorder at its beginning: what its files say of the run, and what shows it.

use std::path::Path;

use anyhow::{Context, Result};
use neuraxis_core::{Instruction, Nanos};
use neuraxis_episode::{DepthEncoding, EpisodeWriter, Header, Keep, Record};
use neuraxis_robot::Robot;
use neuraxis_viz::{Viz, VizConfig, VizError};
use serde_json::{Value, json};

use super::{GRIPPER, Recorder, subtitle};
use crate::{config::Config, interrupt, looked::VIEWS, lookout::Lookout, package};

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
    /// Creates `episode.mcap` in `out`, and with a window `episode.rrd`; `zero` is the start of the viewer's time line, 0 on
    /// simulated time. Where the configuration does not want all in one file, there are numbered MCAP files, and none for the
    /// viewer. Without an instruction the run begins with nothing to do.
    pub fn create(
        out: &Path,
        config: &Config,
        robot: &Robot,
        instruction: Option<&Instruction>,
        meta: Value,
        zero: Nanos,
        window: Option<Window>,
    ) -> Result<Self> {
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        let keep = config.run.recording.keep();
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
                "run": run_of(meta, keep, zero),
                "version": { "neuraxis": env!("CARGO_PKG_VERSION"), "commit": env!("NEURAXIS_COMMIT") },
            }),
        };
        let mcap = EpisodeWriter::keep(&out.join("episode.mcap"), &header, keep)?;
        if let Keep::Ring(ring) = keep {
            interrupt::listen_for_saves()?;
            say!(
                "ring        the last {} s, up to {} MB; kill -USR1 {} saves them",
                ring.before.secs(),
                ring.bytes / 1_000_000,
                std::process::id()
            );
        }
        let rrd = (window.is_some() && keep == Keep::All).then(|| out.join("episode.rrd"));
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
                    title: instruction.map_or("no instruction", |words| &*words.text).to_string(),
                    subtitle,
                    zero,
                    ..VizConfig::default()
                };
                open(&shown, &config.root, rrd.as_deref(), window.live)?
            }
            None => None,
        };
        let mut recorder = Self {
            mcap,
            viz,
            is_watched,
            ticks: 0,
            now: zero,
            phase: String::new(),
            rrd,
            keep,
            lookout: Lookout::default(),
            is_leaving: false,
            is_enough: false,
            lost: None,
            lease_secs: config.cerebellum.prediction_lease_secs,
        };
        // Times count from it, also where there is none.
        let (epoch, text) = instruction.map_or((0, String::new()), |words| (words.epoch, words.text.to_string()));
        recorder.put(&Record::Instruction { stamp: zero, epoch, text })?;
        Ok(recorder)
    }
}

/// What holds for the run. Files of two runs must not be taken for parts of one: they are told apart by when it began. On
/// simulated time one file says nothing of it: the same run gives the same bytes.
fn run_of(mut meta: Value, keep: Keep, zero: Nanos) -> Value {
    if (keep != Keep::All || zero > Nanos(0))
        && let Ok(since) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)
    {
        meta["began_unix_nanos"] = (since.as_nanos() as u64).into();
    }
    meta
}

/// Opens the viewer, if it is wanted and there is a display for it, or only its file, if there is to be one.
fn open(config: &VizConfig, root: &Path, file: Option<&Path>, live: bool) -> Result<Option<Viz>> {
    let viewer = package::viewer(root);
    match live.then(|| Viz::live(viewer.as_deref(), file, config)) {
        Some(Err(error @ VizError::NoDisplay)) => say!("viewer      {error}"),
        Some(viz) => return Ok(Some(viz?)),
        None => {}
    }
    Ok(file.map(|file| Viz::to_file(file, config)).transpose()?)
}
