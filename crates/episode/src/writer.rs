//! Writes an episode as an MCAP file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use neuraxis_core::{ArmState, Base, MAX_JOINTS, Nanos, Observation, Pose, Prediction, World};
use serde::{Deserialize, Serialize};

use crate::{
    BrainPanel, EpisodeError, Level, Monitor, Points, PredictionDetail, Record, SeenThing, TickSample,
    container::{Channel, Schema},
    display::{self, DetailMeta, ViewMeta},
    keep::{Keep, Output},
    messages::{self, CameraMeta, CommandSample, DepthEncoding, JointMessage, ObservationMeta},
    ring::{Saved, Saving},
    schemas::{self, RosSchema},
    tick,
    topics::Topics,
};

pub(crate) const META: &str = "/neuraxis/meta";
pub(crate) const OBSERVATION: &str = "/neuraxis/observation";
pub(crate) const PREDICTION: &str = "/neuraxis/prediction";
pub(crate) const INSTRUCTION: &str = "/neuraxis/instruction";
pub(crate) const INSTRUCTION_TEXT: &str = "/instruction";
pub(crate) const TICK: &str = "/neuraxis/tick";
pub(crate) const DETAIL: &str = "/neuraxis/detail";
pub(crate) const BRAIN: &str = "/neuraxis/brain";
pub(crate) const THINGS: &str = "/neuraxis/things";
pub(crate) const MONITORS: &str = "/neuraxis/monitors";
pub(crate) const DROPS: &str = "/neuraxis/drops";
pub(crate) const SUMMARY: &str = "/neuraxis/summary";
pub(crate) const LOG: &str = "/log";
/// Recordings had their log here once, without levels, and the cerebellum's phases among it.
pub(crate) const EVENTS: &str = "/events";
pub(crate) const OLD_PHASES: [&str; 4] = ["Waiting", "Moving", "Gripper", "Stopped"];
pub(crate) const PHASE: &str = "/phase";
pub(crate) const CLOUD: &str = "/cloud";
/// Folder of a policy's virtual views.
pub(crate) const VIEWS: &str = "/views";
pub(crate) const JOINT_STATES: &str = "/joint_states";
pub(crate) const JOINT_COMMANDS: &str = "/joint_commands";
pub(crate) const ROBOT_DESCRIPTION: &str = "/robot_description";
/// Frame of everything that is in world coordinates.
pub(crate) const WORLD_FRAME: &str = "world";

/// What holds for a whole recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Names of the arm's joints, in the order of every joint vector.
    pub joint_names: Vec<String>,
    /// Names of the gripper's joints; each is written as an equal part of the gripper's width. At least one.
    pub gripper_joint_names: Vec<String>,
    /// The robot's URDF, as text.
    pub robot_description: String,
    /// Name of the URDF's root link.
    pub base_frame: String,
    /// `X_WB`.
    pub world_from_base: Pose<World, Base>,
    /// How depth images are stored.
    pub depth: DepthEncoding,
    /// Resolved configuration, versions, seed.
    pub meta: serde_json::Value,
}

/// Writes an episode: ROS 2 messages for other tools, JSON for what ROS has no type for.
///
/// Chunks of 1 MB or one recorded second are closed and written whole, so a killed process loses at most the last
/// one; [`EpisodeWriter::finish`] adds the index. For one thread that may allocate and block.
///
/// With [`Keep::Parts`] the recording lies in numbered files, each complete on its own and together the same messages
/// with the same numbers; with [`Keep::Ring`] nothing is written until [`EpisodeWriter::save`].
pub struct EpisodeWriter {
    path: PathBuf,
    out: Output,
    topics: Topics,
    header: Arc<Header>,
    buffer: Vec<u8>,
}

impl EpisodeWriter {
    /// Creates the file (replacing one that exists) and writes the header to disk.
    pub fn create(path: &Path, header: &Header) -> Result<Self, EpisodeError> {
        Self::keep(path, header, Keep::All)
    }

    /// As [`EpisodeWriter::create`], with a choice. Numbered files get their number before the ending of `path`, above all
    /// numbers that are in its folder, and replace nothing.
    pub fn keep(path: &Path, header: &Header, keep: Keep) -> Result<Self, EpisodeError> {
        let joints = header.joint_names.len();
        if joints == 0 || joints > MAX_JOINTS || header.gripper_joint_names.is_empty() {
            let reason =
                format!("header names {joints} joints (1 to {MAX_JOINTS} allowed) and must name a gripper joint");
            return Err(EpisodeError::Format { path: path.to_path_buf(), reason });
        }
        let mut writer = Self {
            path: path.to_path_buf(),
            out: Output::create(path, keep)?,
            topics: Topics::default(),
            header: Arc::new(header.clone()),
            buffer: Vec::new(),
        };
        writer.json(META, Nanos(0), header)?;
        writer.text(ROBOT_DESCRIPTION, Nanos(0), &header.robot_description)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Anything that a reader gives.
    pub fn record(&mut self, record: &Record) -> Result<(), EpisodeError> {
        match record {
            Record::State(state) => self.state(state),
            Record::Command(command) => self.command(command),
            Record::Tick(tick) => self.tick(tick),
            Record::Observation(observation) => self.observation(observation),
            Record::Prediction(stamp, prediction) => self.prediction(*stamp, prediction),
            Record::Detail(stamp, detail) => self.detail(*stamp, detail),
            Record::Cloud(stamp, points) => self.cloud(*stamp, points),
            Record::Phase(stamp, phase) => self.text(PHASE, *stamp, phase),
            Record::Brain(stamp, panel) => self.brain(*stamp, panel),
            Record::Things(stamp, things) => self.things(*stamp, things),
            Record::Monitors(stamp, monitors) => self.monitors(*stamp, monitors),
            Record::Instruction { stamp, epoch, text } => self.instruction(*stamp, *epoch, text),
            Record::Event(stamp, level, text) => self.event(*stamp, *level, text),
            Record::Drops(stamp, drops) => self.drops(*stamp, drops),
            Record::Summary(stamp, summary) => self.summary(*stamp, summary),
        }
    }

    /// Measured joints.
    pub fn state(&mut self, state: &ArmState) -> Result<(), EpisodeError> {
        self.joints(
            JOINT_STATES,
            state.stamp,
            [&state.q, &state.qd, &state.tau_nm],
            (state.gripper_width_m, state.grip_force_n),
        )
    }

    /// Commanded joints. Accelerations have no place in the ROS message: they belong to the tick records.
    pub fn command(&mut self, command: &CommandSample) -> Result<(), EpisodeError> {
        self.joints(JOINT_COMMANDS, command.stamp, [&command.q, &command.qd, &[]], (command.gripper_width_m, None))
    }

    /// One millisecond of the loop with all that it depended on.
    pub fn tick(&mut self, tick: &TickSample) -> Result<(), EpisodeError> {
        self.ros(TICK, &tick::TICK, tick.inputs.now, |buffer| tick.encode(buffer))
    }

    /// What a policy saw: images, depth, calibration, transforms, state, progress.
    pub fn observation(&mut self, observation: &Observation) -> Result<(), EpisodeError> {
        let stamp = observation.stamp;
        let frames: Vec<String> =
            observation.cameras.iter().map(|view| format!("{}_optical_frame", view.name)).collect();
        for (view, frame) in observation.cameras.iter().zip(&frames) {
            let pixels = view.intrinsics.width as usize * view.intrinsics.height as usize;
            if view.rgb.len() != 3 * pixels || view.depth_m.len() != pixels {
                let reason = format!(
                    "observation {}: camera {}: {} colour bytes and {} depths for {pixels} pixels",
                    observation.seq,
                    view.name,
                    view.rgb.len(),
                    view.depth_m.len()
                );
                return Err(EpisodeError::Format { path: self.path.clone(), reason });
            }
            let topic = |part: &str| format!("/{}/{part}", view.name);
            let depth = self.header.depth;
            self.ros(&topic("image"), &schemas::IMAGE, stamp, |b| messages::encode_rgb(b, stamp, view, frame))?;
            self.ros(&topic("depth"), &schemas::IMAGE, stamp, |b| {
                messages::encode_depth(b, stamp, view, frame, depth)
            })?;
            self.ros(&topic("camera_info"), &schemas::CAMERA_INFO, stamp, |b| {
                messages::encode_camera_info(b, stamp, &view.intrinsics, frame)
            })?;
        }
        let header = Arc::clone(&self.header);
        let mut transforms = vec![
            (WORLD_FRAME, header.base_frame.as_str(), header.world_from_base.iso),
            (WORLD_FRAME, "tool", observation.world_from_tool.iso),
        ];
        for (view, frame) in observation.cameras.iter().zip(&frames) {
            transforms.push((WORLD_FRAME, frame, view.world_from_camera.iso));
        }
        self.ros("/tf", &schemas::TF, stamp, |b| messages::encode_tf(b, stamp, &transforms))?;
        let camera = |view: &neuraxis_core::CameraView| CameraMeta {
            name: view.name.to_string(),
            intrinsics: view.intrinsics,
            world_from_camera: view.world_from_camera,
        };
        let meta = ObservationMeta {
            seq: observation.seq,
            stamp,
            cameras: observation.cameras.iter().map(camera).collect(),
            q: observation.q,
            world_from_tool: observation.world_from_tool,
            gripper_width_m: observation.gripper_width_m,
            progress: observation.progress,
        };
        self.json(OBSERVATION, stamp, &meta)
    }

    /// A policy's answer, logged at the moment it arrived.
    pub fn prediction(&mut self, stamp: Nanos, prediction: &Prediction) -> Result<(), EpisodeError> {
        let iso = prediction.keyframe.world_from_tool.iso;
        self.ros("/prediction", &schemas::POSE, stamp, |b| {
            messages::encode_pose(b, prediction.observed_at, WORLD_FRAME, &iso)
        })?;
        self.json(PREDICTION, stamp, prediction)
    }

    /// What the policy saw and thought: views as pictures (heatmaps in 65535ths of their largest value), gaze.
    pub fn detail(&mut self, stamp: Nanos, detail: &PredictionDetail) -> Result<(), EpisodeError> {
        let mut views = Vec::with_capacity(detail.views.len());
        for view in &detail.views {
            let pixels = view.size[0] as usize * view.size[1] as usize;
            if view.rgb.len() != 3 * pixels || !(view.heat.is_empty() || view.heat.len() == pixels) {
                let (rgb, heat) = (view.rgb.len(), view.heat.len());
                let reason = format!("view {}: {rgb} colour bytes and {heat} values for {pixels} pixels", view.name);
                return Err(EpisodeError::Format { path: self.path.clone(), reason });
            }
            let topic = |part: &str| format!("{VIEWS}/{}/{part}", view.name);
            self.ros(&topic("image"), &schemas::IMAGE, stamp, |b| {
                messages::encode_image(b, stamp, &view.name, view.size, "rgb8", 3, &view.rgb)
            })?;
            let mut peak = None;
            if !view.heat.is_empty() {
                let (largest, bytes) = display::pack_heat(&view.heat);
                peak = Some(largest);
                self.ros(&topic("heat"), &schemas::IMAGE, stamp, |b| {
                    messages::encode_image(b, stamp, &view.name, view.size, "mono16", 2, &bytes)
                })?;
            }
            views.push(ViewMeta { name: view.name.clone(), size: view.size, peak });
        }
        self.json(DETAIL, stamp, &DetailMeta { views, gaze: detail.gaze.clone() })
    }

    /// The scene as points, to half a millimetre.
    pub fn cloud(&mut self, stamp: Nanos, points: &Points) -> Result<(), EpisodeError> {
        self.ros(CLOUD, &schemas::POINT_CLOUD, stamp, |b| display::encode_cloud(b, stamp, WORLD_FRAME, points))
    }

    /// What a brain plans, knows and has spent.
    pub fn brain(&mut self, stamp: Nanos, panel: &BrainPanel) -> Result<(), EpisodeError> {
        self.json(BRAIN, stamp, panel)
    }

    /// The things that a brain sees.
    pub fn things(&mut self, stamp: Nanos, things: &[SeenThing]) -> Result<(), EpisodeError> {
        self.json(THINGS, stamp, &Things { things: things.into() })
    }

    /// Numbers that are watched.
    pub fn monitors(&mut self, stamp: Nanos, monitors: &[Monitor]) -> Result<(), EpisodeError> {
        self.json(MONITORS, stamp, &Monitors { monitors: monitors.into() })
    }

    /// A new instruction; an empty one: nothing is to be done from now on.
    pub fn instruction(&mut self, stamp: Nanos, epoch: u32, text: &str) -> Result<(), EpisodeError> {
        self.text(INSTRUCTION_TEXT, stamp, text)?;
        self.json(INSTRUCTION, stamp, &InstructionRecord { epoch, text: text.into() })
    }

    /// Something that happened, in words.
    pub fn event(&mut self, stamp: Nanos, level: Level, text: &str) -> Result<(), EpisodeError> {
        self.ros(LOG, &schemas::LOG, stamp, |buffer| display::encode_log(buffer, stamp, level, text))
    }

    /// Counters of what was dropped, by source.
    pub fn drops<T: Serialize>(&mut self, stamp: Nanos, drops: &T) -> Result<(), EpisodeError> {
        self.json(DROPS, stamp, drops)
    }

    /// How it ended.
    pub fn summary<T: Serialize>(&mut self, stamp: Nanos, summary: &T) -> Result<(), EpisodeError> {
        self.json(SUMMARY, stamp, summary)
    }

    /// Closes the chunk and hands it to the system; a ring keeps what it has.
    pub fn flush(&mut self) -> Result<(), EpisodeError> {
        self.out.flush()
    }

    /// In ring mode: puts what is in memory, and what comes in the time after, into a file; [`EpisodeWriter::step`] does the
    /// work. `None` in other modes, where everything is kept anyway.
    ///
    /// # Errors
    /// The file cannot be made. The ring goes on.
    pub fn save(&mut self, reason: &str) -> Result<Option<Saving>, EpisodeError> {
        match &mut self.out {
            Output::Ring(ring) => ring.save(reason).map(Some),
            Output::One(_) | Output::Parts(_) => Ok(None),
        }
    }

    /// In ring mode: writes some of what a file lacks (up to 16 MB before packing), and tells of the files that have ended.
    /// Call it often.
    ///
    /// # Errors
    /// The ring cannot pack. What goes wrong with a file is told and ends nothing else.
    pub fn step(&mut self) -> Result<Vec<Saved>, EpisodeError> {
        match &mut self.out {
            Output::Ring(ring) => ring.step().map(|()| ring.told()),
            Output::One(_) | Output::Parts(_) => Ok(Vec::new()),
        }
    }

    /// Messages that a ring holds in memory [bytes]; 0 in other modes.
    pub fn ring_bytes(&self) -> u64 {
        match &self.out {
            Output::Ring(ring) => ring.bytes(),
            Output::One(_) | Output::Parts(_) => 0,
        }
    }

    /// Writes the index, and all of it to disk; returns the files, and of a ring what has not been told. A writer that is
    /// dropped ends its file, but cannot say what failed.
    pub fn finish(self) -> Result<(Vec<PathBuf>, Vec<Saved>), EpisodeError> {
        self.out.finish()
    }

    fn joints(
        &mut self,
        topic: &str,
        stamp: Nanos,
        values: [&[f64]; 3],
        (gripper_width_m, grip_force_n): (f64, Option<f64>),
    ) -> Result<(), EpisodeError> {
        let header = Arc::clone(&self.header);
        let [position, velocity, effort] = values;
        let expected = header.joint_names.len();
        if position.len() != expected || velocity.len() != expected || ![0, expected].contains(&effort.len()) {
            let found = values.map(<[f64]>::len);
            let reason = format!("{topic} at {} ns: {found:?} values for {expected} joints", stamp.0);
            return Err(EpisodeError::Format { path: self.path.clone(), reason });
        }
        let message = JointMessage {
            stamp,
            joints: &header.joint_names,
            gripper_joints: &header.gripper_joint_names,
            position,
            velocity,
            effort,
            gripper_width_m,
            grip_force_n,
        };
        self.ros(topic, &schemas::JOINT_STATE, stamp, |buffer| messages::encode_joints(buffer, &message))
    }

    fn text(&mut self, topic: &str, stamp: Nanos, text: &str) -> Result<(), EpisodeError> {
        self.ros(topic, &schemas::STRING, stamp, |buffer| messages::encode_string(buffer, text))
    }

    fn ros(
        &mut self,
        topic: &str,
        schema: &RosSchema,
        stamp: Nanos,
        encode: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Result<(), EpisodeError> {
        let (channel, sequence) = self.topics.next(topic, || Channel {
            topic: topic.into(),
            schema: Schema { name: schema.name.into(), encoding: "ros2msg".into(), bytes: schema.text.into() }.into(),
            encoding: "cdr".into(),
        });
        self.buffer = encode(std::mem::take(&mut self.buffer));
        self.out.write(&channel, sequence, stamp, &self.buffer)
    }

    fn json<T: Serialize>(&mut self, topic: &str, stamp: Nanos, value: &T) -> Result<(), EpisodeError> {
        let (channel, sequence) = self.topics.next(topic, || Channel {
            topic: topic.into(),
            schema: Arc::new(Schema {
                name: format!("neuraxis.{}", topic.trim_start_matches("/neuraxis/")),
                encoding: "jsonschema".into(),
                bytes: br#"{"type":"object"}"#.into(),
            }),
            encoding: "json".into(),
        });
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, value)
            .map_err(|e| EpisodeError::Format { path: self.path.clone(), reason: format!("{topic}: {e}") })?;
        self.out.write(&channel, sequence, stamp, &self.buffer)
    }
}

/// The things of one look as recorded: JSON's outermost value is an object.
#[derive(Serialize, Deserialize)]
pub(crate) struct Things {
    pub(crate) things: Vec<SeenThing>,
}

/// Watched numbers as recorded.
#[derive(Serialize, Deserialize)]
pub(crate) struct Monitors {
    pub(crate) monitors: Vec<Monitor>,
}

/// An instruction as recorded.
#[derive(Serialize, Deserialize)]
pub(crate) struct InstructionRecord {
    pub(crate) epoch: u32,
    pub(crate) text: String,
}
