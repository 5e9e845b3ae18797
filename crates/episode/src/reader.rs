//! Reads an episode back as core types.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use mcap::McapError;
use memmap2::Mmap;
use neuraxis_core::{CameraView, Nanos, Observation};
use serde::de::DeserializeOwned;

use crate::{
    EpisodeError, Level, PredictionDetail, Record, TickSample,
    cdr::CdrError,
    container::{Message, Messages, Outline},
    display::{self, DetailMeta},
    messages::{self, Image, ObservationMeta},
    writer::{self, Header, InstructionRecord, Monitors, Things},
};

/// Images that may wait for their observation; of ours never more than a policy's views.
const MOST_WAITING: usize = 64;

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
        if path.is_dir() {
            let recording = path.join("episode.mcap");
            return Err(EpisodeError::format(path, format!("is a folder; a recording is {}", recording.display())));
        }
        // SAFETY: the bytes are only read, and every pattern of them is parsed with checks; a recording being written
        // grows but never shrinks, and one that takes its place is another file.
        let map = unsafe { Mmap::map(&file) }.map_err(EpisodeError::io(path, "map"))?;
        let format = |reason: String| EpisodeError::Format { path: path.to_path_buf(), reason };
        if !map.starts_with(mcap::MAGIC) {
            return Err(format("not a recording: the file does not start as MCAP".into()));
        }
        let mut messages = Messages::new(&map);
        let first = match messages.next() {
            Some(Ok(message)) => message,
            Some(Err(source)) => {
                return Err(EpisodeError::Damaged { path: path.to_path_buf(), offset: messages.offset(), source });
            }
            None => return Err(format("the recording is empty".into())),
        };
        let topic = &first.channel.topic;
        if topic != writer::META {
            return Err(format(format!(
                "the first message is on {topic}, not {}: another program's file",
                writer::META
            )));
        }
        let header = serde_json::from_slice(&first.data).map_err(|e| format(format!("{}: {e}", writer::META)))?;
        Ok(Self { path: path.to_path_buf(), map, header })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file [bytes].
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Its messages as they are.
    pub(crate) fn messages(&self) -> Messages<'_> {
        Messages::new(&self.map)
    }

    /// What the index at its end says, if there is a good one.
    pub(crate) fn outline(&self) -> Option<Outline> {
        Outline::of(&self.map)
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
        Ok(Some(match &*message.channel.topic {
            writer::JOINT_STATES => Record::State(messages::decode_joints(data, joints, gripper)?.into_state(stamp)),
            writer::JOINT_COMMANDS => {
                Record::Command(messages::decode_joints(data, joints, gripper)?.into_command(stamp))
            }
            writer::OBSERVATION => Record::Observation(self.observation(json(data)?)?.into()),
            writer::PREDICTION => Record::Prediction(stamp, Box::new(json(data)?)),
            writer::INSTRUCTION => {
                let InstructionRecord { epoch, text } = json(data)?;
                Record::Instruction { stamp, epoch, text }
            }
            writer::TICK => Record::Tick(Box::new(TickSample::decode(data)?)),
            writer::DETAIL => Record::Detail(stamp, Box::new(self.detail(stamp, json(data)?)?)),
            writer::CLOUD => Record::Cloud(stamp, Box::new(display::decode_cloud(data)?)),
            writer::PHASE => Record::Phase(stamp, messages::decode_string(data)?),
            writer::BRAIN => Record::Brain(stamp, Box::new(json(data)?)),
            writer::THINGS => Record::Things(stamp, json::<Things>(data)?.things),
            writer::MONITORS => Record::Monitors(stamp, json::<Monitors>(data)?.monitors),
            writer::LOG => {
                let (level, text) = display::decode_log(data)?;
                Record::Event(stamp, level, text)
            }
            writer::EVENTS => {
                let text = messages::decode_string(data)?;
                match writer::OLD_PHASES.contains(&text.as_str()) {
                    true => Record::Phase(stamp, text),
                    false => Record::Event(stamp, Level::Info, text),
                }
            }
            writer::DROPS => Record::Drops(stamp, json(data)?),
            writer::SUMMARY => Record::Summary(stamp, json(data)?),
            image if ["/image", "/depth", "/heat"].iter().any(|part| image.ends_with(part)) => {
                if self.images.len() >= MOST_WAITING && !self.images.contains_key(image) {
                    let reason = format!("{MOST_WAITING} images wait for what they belong to already");
                    return Err(CdrError { offset: 0, reason });
                }
                self.images.insert(image.to_owned(), (stamp.0, messages::decode_image(data)?));
                return Ok(None);
            }
            // Written for other tools: everything in it is in the records above.
            _ => return Ok(None),
        }))
    }

    /// The image that waits on a topic, if it is of this moment.
    fn image(&mut self, topic: String, stamp: Nanos) -> Result<Image, String> {
        match self.images.remove(&topic) {
            Some((taken, image)) if taken == stamp.0 => Ok(image),
            _ => Err(format!("no {topic} of its stamp")),
        }
    }

    fn detail(&mut self, stamp: Nanos, meta: DetailMeta) -> Result<PredictionDetail, CdrError> {
        let mut views = Vec::new();
        for view in meta.views {
            let topic = |part: &str| format!("{}/{}/{part}", writer::VIEWS, view.name);
            let rgb = self.image(topic("image"), stamp);
            let heat = view.peak.map(|_| self.image(topic("heat"), stamp)).transpose();
            let whole = rgb.and_then(|rgb| view.with(rgb, heat?));
            views.push(whole.map_err(|reason| CdrError { offset: 0, reason })?);
        }
        Ok(PredictionDetail { views, gaze: meta.gaze })
    }

    fn observation(&mut self, meta: ObservationMeta) -> Result<Observation, CdrError> {
        let mut cameras = Vec::with_capacity(meta.cameras.len());
        for camera in meta.cameras {
            let mut image = |part: &str| {
                self.image(format!("/{}/{part}", camera.name), meta.stamp)
                    .map_err(|reason| CdrError { offset: 0, reason: format!("observation {}: {reason}", meta.seq) })
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
                    let offset = self.messages.offset();
                    return Some(Err(EpisodeError::Damaged { path: self.reader.path.clone(), offset, source }));
                }
            };
            match self.decode(&message) {
                Ok(None) => continue,
                Ok(Some(record)) => return Some(Ok(record)),
                Err(CdrError { offset, reason }) => {
                    return Some(Err(EpisodeError::Message {
                        path: self.reader.path.clone(),
                        channel: message.channel.topic.clone(),
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

fn json<T: DeserializeOwned>(data: &[u8]) -> Result<T, CdrError> {
    // Our JSON is one line, so the column is the offset.
    serde_json::from_slice(data).map_err(|e| CdrError { offset: e.column(), reason: e.to_string() })
}
