//! Writes an episode as an MCAP file.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use mcap::{Compression, WriteOptions, Writer, records::MessageHeader};
use neuraxis_core::{ArmCommand, ArmState, Base, MAX_JOINTS, Nanos, Observation, Pose, Prediction, World};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    EpisodeError,
    messages::{self, CameraMeta, DepthEncoding, JointMessage, ObservationMeta},
    schemas::{self, RosSchema},
};

/// Bytes of messages after which a chunk is closed and handed to the system: what a kill may lose.
const CHUNK_BYTES: usize = 1 << 20;
/// The same as recorded time, for slow recordings.
const CHUNK_NANOS: u64 = 1_000_000_000;

pub(crate) const META: &str = "/neuraxis/meta";
pub(crate) const OBSERVATION: &str = "/neuraxis/observation";
pub(crate) const PREDICTION: &str = "/neuraxis/prediction";
pub(crate) const INSTRUCTION: &str = "/neuraxis/instruction";
pub(crate) const TICKS: &str = "/neuraxis/ticks";
pub(crate) const SEGMENTS: &str = "/neuraxis/segments";
pub(crate) const DROPS: &str = "/neuraxis/drops";
pub(crate) const SUMMARY: &str = "/neuraxis/summary";
pub(crate) const EVENTS: &str = "/events";
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
pub struct EpisodeWriter {
    path: PathBuf,
    header: Arc<Header>,
    mcap: Writer<File>,
    channels: BTreeMap<String, (u16, u32)>,
    buffer: Vec<u8>,
    unflushed_bytes: usize,
    last_flush: Nanos,
}

impl EpisodeWriter {
    /// Creates the file (replacing one that exists) and writes the header to disk.
    pub fn create(path: &Path, header: &Header) -> Result<Self, EpisodeError> {
        let joints = header.joint_names.len();
        if joints == 0 || joints > MAX_JOINTS || header.gripper_joint_names.is_empty() {
            let reason =
                format!("header names {joints} joints (1 to {MAX_JOINTS} allowed) and must name a gripper joint");
            return Err(EpisodeError::Format { path: path.to_path_buf(), reason });
        }
        let file = File::create(path).map_err(EpisodeError::io(path, "create"))?;
        let mcap = WriteOptions::new()
            .profile("ros2")
            .library(concat!("neuraxis ", env!("CARGO_PKG_VERSION")))
            .compression(Some(Compression::Zstd))
            // Fast, and on this thread: our threads are counted.
            .compression_level(1)
            .compression_threads(0)
            // Each chunk is built in memory and written at once, never half.
            .disable_seeking(true)
            .chunk_size(None)
            .create(file)
            .map_err(|source| EpisodeError::Mcap { path: path.to_path_buf(), source })?;
        let mut writer = Self {
            path: path.to_path_buf(),
            header: Arc::new(header.clone()),
            mcap,
            channels: BTreeMap::new(),
            buffer: Vec::new(),
            unflushed_bytes: 0,
            last_flush: Nanos(0),
        };
        writer.json(META, Nanos(0), header)?;
        writer.text(ROBOT_DESCRIPTION, Nanos(0), &header.robot_description)?;
        writer.flush()?;
        Ok(writer)
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
    pub fn command(&mut self, stamp: Nanos, command: &ArmCommand) -> Result<(), EpisodeError> {
        self.joints(JOINT_COMMANDS, stamp, [&command.q, &command.qd, &[]], (command.gripper_width_m, None))
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

    /// A new instruction.
    pub fn instruction(&mut self, stamp: Nanos, epoch: u32, text: &str) -> Result<(), EpisodeError> {
        self.text("/instruction", stamp, text)?;
        self.json(INSTRUCTION, stamp, &InstructionRecord { epoch, text: text.into() })
    }

    /// Something that happened, in words.
    pub fn event(&mut self, stamp: Nanos, text: &str) -> Result<(), EpisodeError> {
        self.text(EVENTS, stamp, text)
    }

    /// Decisions of the loop with the seq of each input they consumed; one message per batch.
    pub fn ticks<T: Serialize>(&mut self, stamp: Nanos, ticks: &[T]) -> Result<(), EpisodeError> {
        self.json(TICKS, stamp, &json!({ "ticks": ticks }))
    }

    /// Motion segments handed to the brainstem; one message per batch.
    pub fn segments(&mut self, stamp: Nanos, segments: &[neuraxis_core::Segment]) -> Result<(), EpisodeError> {
        self.json(SEGMENTS, stamp, &json!({ "segments": segments }))
    }

    /// Counters of what was dropped, by source.
    pub fn drops<T: Serialize>(&mut self, stamp: Nanos, drops: &T) -> Result<(), EpisodeError> {
        self.json(DROPS, stamp, drops)
    }

    /// How it ended.
    pub fn summary<T: Serialize>(&mut self, stamp: Nanos, summary: &T) -> Result<(), EpisodeError> {
        self.json(SUMMARY, stamp, summary)
    }

    /// Closes the chunk and hands it to the system.
    pub fn flush(&mut self) -> Result<(), EpisodeError> {
        self.unflushed_bytes = 0;
        self.mcap.flush().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })
    }

    /// Writes the index, and all of it to disk. A writer that is dropped does the same, but cannot say what failed.
    pub fn finish(mut self) -> Result<(), EpisodeError> {
        self.mcap.finish().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.mcap.into_inner().sync_all().map_err(EpisodeError::io(&self.path, "sync"))
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
        let channel = self.channel(topic, schema.name, "ros2msg", schema.text.as_bytes(), "cdr")?;
        let bytes = encode(std::mem::take(&mut self.buffer));
        self.write(channel, stamp, bytes)
    }

    fn json<T: Serialize>(&mut self, topic: &str, stamp: Nanos, value: &T) -> Result<(), EpisodeError> {
        let schema = format!("neuraxis.{}", topic.trim_start_matches("/neuraxis/"));
        let channel = self.channel(topic, &schema, "jsonschema", br#"{"type":"object"}"#, "json")?;
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        serde_json::to_writer(&mut bytes, value)
            .map_err(|e| EpisodeError::Format { path: self.path.clone(), reason: format!("{topic}: {e}") })?;
        self.write(channel, stamp, bytes)
    }

    fn channel(
        &mut self,
        topic: &str,
        schema: &str,
        schema_encoding: &str,
        schema_bytes: &[u8],
        encoding: &str,
    ) -> Result<(u16, u32), EpisodeError> {
        if let Some(channel) = self.channels.get_mut(topic) {
            channel.1 = channel.1.wrapping_add(1);
            return Ok(*channel);
        }
        let id = self
            .mcap
            .add_schema(schema, schema_encoding, schema_bytes)
            .and_then(|schema| self.mcap.add_channel(schema, topic, encoding, &BTreeMap::new()))
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.channels.insert(topic.to_owned(), (id, 0));
        Ok((id, 0))
    }

    fn write(&mut self, channel: (u16, u32), stamp: Nanos, bytes: Vec<u8>) -> Result<(), EpisodeError> {
        let (channel_id, sequence) = channel;
        let header = MessageHeader { channel_id, sequence, log_time: stamp.0, publish_time: stamp.0 };
        self.mcap
            .write_to_known_channel(&header, &bytes)
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.unflushed_bytes += bytes.len();
        self.buffer = bytes;
        if self.unflushed_bytes >= CHUNK_BYTES || (stamp - self.last_flush).0 >= CHUNK_NANOS {
            self.last_flush = stamp;
            self.flush()?;
        }
        Ok(())
    }
}

/// An instruction as recorded.
#[derive(Serialize, Deserialize)]
pub(crate) struct InstructionRecord {
    pub(crate) epoch: u32,
    pub(crate) text: String,
}
