//! Reads an episode back as core types.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use mcap::McapError;
use memmap2::Mmap;
use neuraxis_core::{ArmState, CameraView, Nanos, Observation, Prediction, Segment};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    EpisodeError,
    cdr::CdrError,
    container::{Message, Messages},
    messages::{self, CommandSample, Image, ObservationMeta},
    writer::{self, Header, InstructionRecord},
};

/// One thing that was recorded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// Measured joints.
    State(ArmState),
    /// Commanded joints.
    Command(CommandSample),
    /// What a policy saw.
    Observation(Box<Observation>),
    /// A policy's answer and when it arrived.
    Prediction(Nanos, Box<Prediction>),
    /// A new instruction.
    Instruction {
        /// When.
        stamp: Nanos,
        /// Task instance.
        epoch: u32,
        /// The sentence.
        text: String,
    },
    /// Something that happened.
    Event(Nanos, String),
    /// A batch of the loop's decisions.
    Ticks(Nanos, Vec<serde_json::Value>),
    /// A batch of motion segments.
    Segments(Nanos, Vec<Segment>),
    /// Drop counters.
    Drops(Nanos, serde_json::Value),
    /// How it ended.
    Summary(Nanos, serde_json::Value),
}

/// How a recording ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With its index: the writer finished.
    Complete,
    /// Cut off: what was read is good, what followed is lost.
    Truncated,
}

/// An open recording.
pub struct EpisodeReader {
    path: PathBuf,
    map: Mmap,
    header: Header,
}

impl EpisodeReader {
    /// Opens a recording and reads its header.
    pub fn open(path: &Path) -> Result<Self, EpisodeError> {
        let file = File::open(path).map_err(EpisodeError::io(path, "open"))?;
        // SAFETY: the bytes are only read, and every pattern of them is parsed with checks; a recording being written
        // grows but never shrinks.
        let map = unsafe { Mmap::map(&file) }.map_err(EpisodeError::io(path, "map"))?;
        let format = |reason: String| EpisodeError::Format { path: path.to_path_buf(), reason };
        if !map.starts_with(mcap::MAGIC) {
            return Err(format("not a recording: the file does not start as MCAP".into()));
        }
        let first = match Messages::new(&map).next() {
            Some(Ok(message)) => message,
            Some(Err(source)) => return Err(EpisodeError::Mcap { path: path.to_path_buf(), source }),
            None => return Err(format("the recording is empty".into())),
        };
        if &*first.topic != writer::META {
            let topic = first.topic;
            return Err(format(format!(
                "the first message is on {topic}, not {}: another program's file",
                writer::META
            )));
        }
        let header = serde_json::from_slice(&first.data).map_err(|e| format(format!("{}: {e}", writer::META)))?;
        Ok(Self { path: path.to_path_buf(), map, header })
    }

    /// What holds for the whole recording.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All records in the order of writing. A message that cannot be decoded is an error item, and reading goes on;
    /// damage to the container ends it.
    pub fn records(&self) -> Records<'_> {
        Records { reader: self, messages: Messages::new(&self.map), images: BTreeMap::new(), end: None, damaged: false }
    }
}

/// Iterator over a recording.
pub struct Records<'a> {
    reader: &'a EpisodeReader,
    messages: Messages<'a>,
    /// Images by topic that wait for their observation.
    images: BTreeMap<String, (u64, Image)>,
    end: Option<End>,
    damaged: bool,
}

impl Records<'_> {
    /// How the recording ended; `None` until the iterator has, and after damage that is not a cut.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    fn decode(&mut self, message: &Message) -> Result<Option<Record>, CdrError> {
        let header = self.reader.header();
        let (joints, gripper) = (header.joint_names.len(), header.gripper_joint_names.len());
        let (stamp, data) = (Nanos(message.header.log_time), &message.data[..]);
        Ok(Some(match &*message.topic {
            writer::JOINT_STATES => Record::State(messages::decode_joints(data, joints, gripper)?.into_state(stamp)),
            writer::JOINT_COMMANDS => {
                Record::Command(messages::decode_joints(data, joints, gripper)?.into_command(stamp))
            }
            writer::OBSERVATION => Record::Observation(Box::new(self.observation(json(data)?)?)),
            writer::PREDICTION => Record::Prediction(stamp, Box::new(json(data)?)),
            writer::INSTRUCTION => {
                let InstructionRecord { epoch, text } = json(data)?;
                Record::Instruction { stamp, epoch, text }
            }
            writer::EVENTS => Record::Event(stamp, messages::decode_string(data)?),
            writer::TICKS => Record::Ticks(stamp, json::<Ticks>(data)?.ticks),
            writer::SEGMENTS => Record::Segments(stamp, json::<Segments>(data)?.segments),
            writer::DROPS => Record::Drops(stamp, json(data)?),
            writer::SUMMARY => Record::Summary(stamp, json(data)?),
            image if image.ends_with("/image") || image.ends_with("/depth") => {
                self.images.insert(image.to_owned(), (stamp.0, messages::decode_image(data)?));
                return Ok(None);
            }
            // Written for other tools: everything in it is in the records above.
            _ => return Ok(None),
        }))
    }

    fn observation(&mut self, meta: ObservationMeta) -> Result<Observation, CdrError> {
        let mut cameras = Vec::with_capacity(meta.cameras.len());
        for camera in meta.cameras {
            let mut image = |part: &str| {
                let topic = format!("/{}/{part}", camera.name);
                match self.images.remove(&topic) {
                    Some((stamp, image)) if stamp == meta.stamp.0 => Ok(image),
                    _ => Err(CdrError {
                        offset: 0,
                        reason: format!("observation {}: no {topic} of its stamp", meta.seq),
                    }),
                }
            };
            let (Image::Rgb(rgb), Image::DepthM(depth_m)) = (image("image")?, image("depth")?) else {
                let reason = format!("observation {}: camera {}: colour and depth are mixed up", meta.seq, camera.name);
                return Err(CdrError { offset: 0, reason });
            };
            cameras.push(CameraView {
                name: camera.name.into(),
                intrinsics: camera.intrinsics,
                world_from_camera: camera.world_from_camera,
                rgb,
                depth_m,
            });
        }
        Ok(Observation {
            seq: meta.seq,
            stamp: meta.stamp,
            cameras,
            q: meta.q,
            world_from_tool: meta.world_from_tool,
            gripper_width_m: meta.gripper_width_m,
            progress: meta.progress,
        })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, EpisodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let message = match self.messages.next() {
                Some(Ok(message)) => message,
                None => {
                    if !self.damaged {
                        self.end.get_or_insert(End::Complete);
                    }
                    return None;
                }
                Some(Err(McapError::UnexpectedEof)) => {
                    self.end = Some(End::Truncated);
                    return None;
                }
                Some(Err(source)) => {
                    self.damaged = true;
                    return Some(Err(EpisodeError::Mcap { path: self.reader.path.clone(), source }));
                }
            };
            match self.decode(&message) {
                Ok(None) => continue,
                Ok(Some(record)) => return Some(Ok(record)),
                Err(CdrError { offset, reason }) => {
                    return Some(Err(EpisodeError::Message {
                        path: self.reader.path.clone(),
                        channel: message.topic.to_string(),
                        sequence: message.header.sequence,
                        log_time_nanos: message.header.log_time,
                        offset,
                        reason,
                    }));
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Ticks {
    ticks: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Segments {
    segments: Vec<Segment>,
}

fn json<T: DeserializeOwned>(data: &[u8]) -> Result<T, CdrError> {
    // Our JSON is one line, so the column is the offset.
    serde_json::from_slice(data).map_err(|e| CdrError { offset: e.column(), reason: e.to_string() })
}
