//! A bag as an episode: one pass for everything but pictures, another for those that are asked for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nalgebra::Isometry3;
use neuraxis_core::{Intrinsics, Nanos, Pose};
use neuraxis_episode::{About, EpisodeError, Moment, Picture, Pictures, Recorded, cdr::CdrError, judge_gripper};

use super::{
    frames::{Frames, Track},
    joints::{JointTrack, Parts},
    messages::{self, CAMERA_INFO, COMPRESSED, IMAGE, JOINT_STATE, POSE, STRING, TF},
    options::{CameraTopics, Options},
    storage::{Raw, Storage},
};
use neuraxis_picture::{Decoded, Pixels};

/// What is so far from a frame in time is not of it [s].
const NEAR_SECS: f64 = 0.05;
/// Most frames of an episode.
const MOST_FRAMES: usize = 200_000;
/// Most bytes of images that wait for others of their frame.
const MOST_WAITING: usize = 512 << 20;
/// Damage is told so often.
const MOST_NOTES: usize = 5;

/// A bag that has been gone through once.
pub struct Bag {
    path: PathBuf,
    storage: Storage,
    about: About,
    moments: Vec<Moment>,
    cameras: Vec<SeenCamera>,
    /// Places of each frame's images among all messages: colours and depth, camera by camera.
    images: Vec<Vec<(u64, Option<u64>)>>,
    frames: Frames,
    world: Option<String>,
}

/// What is known of a camera.
struct SeenCamera {
    topics: CameraTopics,
    intrinsics: Option<Intrinsics>,
    /// Name of its optical frame in its pictures, and in its calibration.
    frame: Option<String>,
    info_frame: Option<String>,
    /// Its pose on a topic of its own.
    poses: Track,
    colours: Series,
    depths: Series,
}

/// Stamps of a topic's images, and their places among all messages.
#[derive(Default)]
struct Series(Vec<(Nanos, u64)>);

impl Series {
    fn nearest(&self, stamp: Nanos) -> Option<u64> {
        let after = self.0.partition_point(|(known, _)| *known < stamp);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|i| self.0.get(i));
        let far = |(known, _): &(Nanos, u64)| known.secs_since(stamp).abs();
        around.min_by(|a, b| far(a).total_cmp(&far(b))).filter(|image| far(image) <= NEAR_SECS).map(|(_, place)| *place)
    }
}

/// What a topic is to the episode.
#[derive(Copy, Clone)]
enum Role {
    Joints,
    Colours(usize),
    Depth(usize),
    Info(usize),
    CameraPose(usize),
    ToolPose,
    Tf,
    TfStatic,
    Instruction,
    Description,
}

impl Role {
    /// Types that a topic of this role may have.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Joints => &[JOINT_STATE],
            Self::Colours(_) | Self::Depth(_) => &[IMAGE, COMPRESSED],
            Self::Info(_) => &[CAMERA_INFO],
            Self::CameraPose(_) | Self::ToolPose => &[POSE],
            Self::Tf | Self::TfStatic => &[TF],
            Self::Instruction | Self::Description => &[STRING],
        }
    }
}

/// What the first pass gathers.
#[derive(Default)]
struct Gathered {
    cameras: Vec<SeenCamera>,
    joints: JointTrack,
    tool: Track,
    frames: Frames,
    instruction: Option<String>,
    description: Option<String>,
    notes: Vec<String>,
    left_out: usize,
}

impl Gathered {
    fn note(&mut self, what: String) {
        match self.notes.len() < MOST_NOTES {
            true => self.notes.push(what),
            false => self.left_out += 1,
        }
    }

    fn take(&mut self, role: Role, place: u64, raw: &Raw) -> Result<(), CdrError> {
        let log = Nanos(raw.log_nanos);
        let data = raw.data.as_slice();
        let words = |reason: String| CdrError { offset: 0, reason };
        match role {
            Role::Joints => self.joints.add(&messages::joint_state(data)?, log).map_err(words)?,
            Role::Tf => self.frames.add(&messages::transforms(data)?, log, false).map_err(words)?,
            Role::TfStatic => self.frames.add(&messages::transforms(data)?, log, true).map_err(words)?,
            Role::ToolPose => {
                let (stamp, pose) = messages::pose_stamped(data)?;
                self.tool.push(stamp.unwrap_or(log), pose);
            }
            Role::Instruction if self.instruction.is_none() => {
                self.instruction = Some(messages::string(data)?.trim().to_string()).filter(|text| !text.is_empty());
            }
            Role::Description => self.description = Some(messages::string(data)?.to_string()),
            Role::Instruction => {}
            Role::Colours(c) | Role::Depth(c) | Role::Info(c) | Role::CameraPose(c) => {
                let Some(camera) = self.cameras.get_mut(c) else { return Ok(()) };
                camera.take(role, place, log, data)?;
            }
        }
        Ok(())
    }
}

impl SeenCamera {
    fn new(topics: CameraTopics) -> Self {
        let (colours, depths) = (Series::default(), Series::default());
        Self { topics, intrinsics: None, frame: None, info_frame: None, poses: Track::default(), colours, depths }
    }

    fn take(&mut self, role: Role, place: u64, log: Nanos, data: &[u8]) -> Result<(), CdrError> {
        if let Role::CameraPose(_) = role {
            let (stamp, pose) = messages::pose_stamped(data)?;
            self.poses.push(stamp.unwrap_or(log), pose);
            return Ok(());
        }
        let (stamp, frame) = messages::stamp_and_frame(data)?;
        let stamp = stamp.unwrap_or(log);
        let known = if matches!(role, Role::Info(_)) { &mut self.info_frame } else { &mut self.frame };
        if known.is_none() && !frame.is_empty() {
            *known = Some(frame.to_string());
        }
        match role {
            // Calibration does not change while one records.
            Role::Info(_) if self.intrinsics.is_none() => {
                let (intrinsics, distorts) = messages::camera_info(data)?;
                self.intrinsics = Some(intrinsics);
                if distorts {
                    let reason = "the lens distorts, and the pictures are taken as they are: points are off by as much";
                    return Err(CdrError { offset: 0, reason: reason.into() });
                }
            }
            Role::Colours(_) => self.colours.0.push((stamp, place)),
            Role::Depth(_) => self.depths.0.push((stamp, place)),
            _ => {}
        }
        Ok(())
    }
}

impl Bag {
    /// Goes through a bag once; `path` is its folder, or one of its files.
    ///
    /// # Errors
    /// The file that is missing or damaged before anything could be read; a topic that was named and is not there, or
    /// is of another type; a camera without pictures; no frame at which everything that was recorded is there at once.
    /// What is odd but leaves something to use is in [`About::notes`].
    pub fn open(path: &Path, options: &Options) -> Result<Self, EpisodeError> {
        let refuse = |reason: String| EpisodeError::format(path, reason);
        let storage = Storage::open(path)?;
        let topics = storage.topics()?;
        let cameras = match &options.cameras[..] {
            [] => CameraTopics::ours(&topics),
            named => named.to_vec(),
        };
        let roles = roles(&topics, &cameras, options).map_err(refuse)?;
        let mut all =
            Gathered { cameras: cameras.iter().cloned().map(SeenCamera::new).collect(), ..Gathered::default() };
        let mut first_error = None;
        for (place, raw) in storage.messages().enumerate() {
            let raw = match raw {
                Ok(raw) => raw,
                Err(error) => {
                    all.note(error.to_string());
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            let Some(found) = roles.get(raw.topic.as_str()) else { continue };
            for role in found {
                let checked = match role.kinds().contains(&raw.kind.as_str()) {
                    true => all.take(*role, place as u64, &raw),
                    false => {
                        Err(CdrError { offset: 0, reason: format!("is {}, wanted: {:?}", raw.kind, role.kinds()) })
                    }
                };
                if let Err(CdrError { offset, reason }) = checked {
                    let at = raw.log_nanos;
                    all.note(format!("{}: message at {at} ns, byte {offset}: {reason}", raw.topic));
                }
            }
        }
        let bag = Self::put_together(path, storage, all, options);
        // Why there is nothing is worth more than that there is nothing.
        bag.map_err(|error| first_error.unwrap_or(error))
    }

    fn put_together(path: &Path, storage: Storage, all: Gathered, options: &Options) -> Result<Self, EpisodeError> {
        let refuse = |reason: String| EpisodeError::format(path, reason);
        let Gathered { mut cameras, mut joints, mut tool, mut frames, instruction, description, mut notes, left_out } =
            all;
        if left_out > 0 {
            notes.push(format!("{left_out} more messages like these"));
        }
        joints.sort();
        tool.sort();
        frames.sort();
        for camera in &mut cameras {
            camera.poses.sort();
            let topics = &camera.topics;
            for (series, topic) in
                [(&mut camera.colours, Some(&topics.image)), (&mut camera.depths, topics.depth.as_ref())]
            {
                let Some(topic) = topic else { continue };
                let back = series.0.windows(2).filter(|pair| matches!(pair, [a, b] if b.0 <= a.0)).count();
                if back > 0 {
                    notes.push(format!(
                        "{topic}: {back} stamps are no later than the one before; they were put in order"
                    ));
                }
                series.0.sort();
                series.0.dedup_by_key(|(stamp, _)| *stamp);
                if series.0.is_empty() {
                    return Err(refuse(format!("camera {}: no image on {topic} can be used", topics.name)));
                }
            }
        }
        let world = world(&frames, options, &mut notes).map_err(refuse)?;
        let tool_frame = tool_frame(&frames, options).map_err(refuse)?;
        let parts = joints.parts(&options.gripper_joints).map_err(refuse)?;
        let stamps: Vec<Nanos> = match cameras.first() {
            Some(first) => first.colours.0.iter().map(|(stamp, _)| *stamp).collect(),
            None => joints.stamps().collect(),
        };
        if stamps.len() > MOST_FRAMES {
            return Err(refuse(format!("{} frames, allowed: {MOST_FRAMES}", stamps.len())));
        }
        let (mut moments, mut images) = (Vec::new(), Vec::new());
        let mut without: BTreeMap<String, usize> = BTreeMap::new();
        for stamp in stamps {
            let mut moment = Moment { stamp, ..Moment::default() };
            match whole(&mut moment, &cameras, &joints, &parts) {
                Ok(places) => {
                    moment.world_from_tool = match &options.tool_pose {
                        Some(_) => tool.at(stamp),
                        None => pose_between(&frames, world.as_deref(), tool_frame, stamp),
                    }
                    .map(Pose::new);
                    moments.push(moment);
                    images.push(places);
                }
                Err(missing) => *without.entry(missing).or_default() += 1,
            }
        }
        let missing: Vec<String> =
            without.iter().map(|(what, count)| format!("{count} frames without {what}")).collect();
        if moments.is_empty() {
            let reason = if missing.is_empty() { "no images and no joint states".into() } else { missing.join(", ") };
            return Err(refuse(format!("no frame can be used: {reason}")));
        }
        notes.extend(missing.into_iter().map(|what| format!("{what} within {NEAR_SECS} s are left out")));
        judge_gripper(&mut moments);
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let about = About {
            source: "rosbag2",
            task: name,
            number: 0,
            instruction: options.instruction.clone().or(instruction),
            joint_names: parts.arm_names,
            gripper_joint_names: parts.gripper_names,
            cameras: cameras.iter().map(|camera| camera.topics.name.clone()).collect(),
            robot_description: description,
            world_from_base: None,
            notes,
        };
        Ok(Self { path: path.into(), storage, about, moments, cameras, images, frames, world })
    }

    /// Pose of any frame of tf in the world at the first frame, for who knows what it is the frame of.
    pub fn world_from(&self, frame: &str) -> Option<Isometry3<f64>> {
        let stamp = self.moments.first()?.stamp;
        pose_between(&self.frames, self.world.as_deref(), Some(frame), stamp)
    }

    /// Sets what was not recorded, such as the tool's pose from the joints; `f` sees each frame once.
    pub fn complete(&mut self, f: impl FnMut(&mut Moment)) {
        self.moments.iter_mut().for_each(f);
    }

    fn picture(
        &self,
        camera: &SeenCamera,
        stamp: Nanos,
        colours: &Raw,
        depth: Option<&Raw>,
    ) -> Result<Picture, EpisodeError> {
        let name = &camera.topics.name;
        let decode = |raw: &Raw| {
            messages::image(&raw.kind, &raw.data).map_err(|CdrError { offset, reason }| {
                let (topic, at) = (&raw.topic, raw.log_nanos);
                EpisodeError::format(&self.path, format!("{topic}: message at {at} ns, byte {offset}: {reason}"))
            })
        };
        let refuse = |reason: String| EpisodeError::format(&self.path, format!("camera {name}: {reason}"));
        let Decoded { size, pixels: Pixels::Rgb(rgb) } = decode(colours)? else {
            return Err(refuse(format!("{} holds no colours", colours.topic)));
        };
        let depth_m = match depth.map(decode).transpose()? {
            None => None,
            Some(Decoded { size: other, .. }) if other != size => {
                return Err(refuse(format!("depth is of {other:?} pixels, colours of {size:?}")));
            }
            Some(Decoded { pixels: Pixels::Rgb(_), .. }) => return Err(refuse("depth is a picture of colours".into())),
            Some(Decoded { pixels: Pixels::Metres(metres), .. }) => Some(metres),
            Some(Decoded { pixels: Pixels::Millimetres(millimetres), .. }) => {
                Some(millimetres.into_iter().map(|depth| f32::from(depth) / 1000.0).collect())
            }
        };
        if let Some(known) = camera.intrinsics.filter(|known| [known.width, known.height] != size) {
            return Err(refuse(format!(
                "calibrated for {} x {} pixels, pictures have {size:?}",
                known.width, known.height
            )));
        }
        let pose = match &camera.topics.pose {
            Some(_) => camera.poses.at(stamp),
            None => {
                let frame = camera.frame.as_deref().or(camera.info_frame.as_deref());
                pose_between(&self.frames, self.world.as_deref(), frame, stamp)
            }
        };
        let (intrinsics, world_from_camera) = (camera.intrinsics, pose.map(Pose::new));
        Ok(Picture { name: name.as_str().into(), size, rgb, depth_m, intrinsics, world_from_camera })
    }
}

/// Topics with what they are to the episode; an error names one that is not there or of another type.
fn roles<'a>(
    topics: &'a BTreeMap<String, String>,
    cameras: &'a [CameraTopics],
    options: &'a Options,
) -> Result<BTreeMap<&'a str, Vec<Role>>, String> {
    let mut wanted: Vec<(&str, Role)> = Vec::new();
    for (c, camera) in cameras.iter().enumerate() {
        wanted.push((&camera.image, Role::Colours(c)));
        wanted.extend(camera.depth.as_deref().map(|topic| (topic, Role::Depth(c))));
        wanted.extend(camera.info.as_deref().map(|topic| (topic, Role::Info(c))));
        wanted.extend(camera.pose.as_deref().map(|topic| (topic, Role::CameraPose(c))));
    }
    wanted.extend(options.joints.as_deref().map(|topic| (topic, Role::Joints)));
    wanted.extend(options.tool_pose.as_deref().map(|topic| (topic, Role::ToolPose)));
    let ours = [
        ("/joint_states", Role::Joints, options.joints.is_none()),
        ("/tf", Role::Tf, true),
        ("/tf_static", Role::TfStatic, true),
        ("/instruction", Role::Instruction, options.instruction.is_none()),
        ("/robot_description", Role::Description, true),
    ];
    wanted.extend(
        ours.iter().filter(|(topic, _, is_wanted)| *is_wanted && topics.contains_key(*topic)).map(|(t, r, _)| (*t, *r)),
    );
    let mut roles: BTreeMap<&str, Vec<Role>> = BTreeMap::new();
    for (topic, role) in wanted {
        match topics.get(topic) {
            None => return Err(format!("no topic {topic}; there are {}", listed(topics))),
            Some(kind) if !role.kinds().contains(&kind.as_str()) => {
                return Err(format!("{topic} is {kind}, wanted: {}", role.kinds().join(" or ")));
            }
            Some(_) => roles.entry(topic).or_default().push(role),
        }
    }
    if cameras.is_empty() && !roles.values().flatten().any(|role| matches!(role, Role::Joints)) {
        let names = listed(topics);
        return Err(format!("no camera /NAME/image and no /joint_states; name yours; there are {names}"));
    }
    Ok(roles)
}

fn listed(topics: &BTreeMap<String, String>) -> String {
    let all: Vec<String> = topics.iter().take(50).map(|(topic, kind)| format!("{topic} ({kind})")).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

fn world(frames: &Frames, options: &Options, notes: &mut Vec<String>) -> Result<Option<String>, String> {
    if let Some(named) = &options.world {
        return match frames.has(named) {
            true => Ok(Some(named.clone())),
            false => Err(format!("no frame {named:?} in tf; there are {:?}", frames.names())),
        };
    }
    if frames.has("world") {
        return Ok(Some("world".into()));
    }
    let root = frames.root().map(str::to_string);
    notes.extend(root.iter().map(|root| format!("tf has no frame \"world\": poses are in its root, {root:?}")));
    Ok(root)
}

fn tool_frame<'a>(frames: &Frames, options: &'a Options) -> Result<Option<&'a str>, String> {
    match &options.tool {
        Some(named) if !frames.has(named) => Err(format!("no frame {named:?} in tf; there are {:?}", frames.names())),
        Some(named) => Ok(Some(named)),
        None => Ok(Some("tool").filter(|frame| frames.has(frame))),
    }
}

fn pose_between(frames: &Frames, world: Option<&str>, frame: Option<&str>, stamp: Nanos) -> Option<Isometry3<f64>> {
    frames.pose(world?, frame?, stamp)
}

/// Places of a frame's images, with its joints filled in; what is missing if it is not whole.
fn whole(
    moment: &mut Moment,
    cameras: &[SeenCamera],
    joints: &JointTrack,
    parts: &Parts,
) -> Result<Vec<(u64, Option<u64>)>, String> {
    let mut places = Vec::with_capacity(cameras.len());
    for camera in cameras {
        let topics = &camera.topics;
        let colours = camera.colours.nearest(moment.stamp).ok_or_else(|| topics.image.clone())?;
        let depth = match &topics.depth {
            Some(topic) => Some(camera.depths.nearest(moment.stamp).ok_or_else(|| topic.clone())?),
            None => None,
        };
        places.push((colours, depth));
    }
    if !joints.is_empty() && !joints.fill(moment, parts, NEAR_SECS) {
        return Err("joint states".into());
    }
    Ok(places)
}

impl Recorded for Bag {
    fn about(&self) -> &About {
        &self.about
    }

    fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a> {
        let mut uses: BTreeMap<u64, usize> = BTreeMap::new();
        for (colours, depth) in frames.iter().filter_map(|t| self.images.get(*t)).flatten() {
            for place in std::iter::once(*colours).chain(*depth) {
                *uses.entry(place).or_default() += 1;
            }
        }
        let messages = Box::new(self.storage.messages().zip(0..).filter_map(|(raw, place)| Some((raw.ok()?, place))));
        Box::new(Pass { bag: self, messages, frames, uses, waiting: BTreeMap::new(), bytes: 0, is_done: false })
    }
}

/// The second pass: images wait until all of their frame are there.
struct Pass<'a> {
    bag: &'a Bag,
    /// What is damaged was noted in the first pass, and no frame is made of it.
    messages: Box<dyn Iterator<Item = (Raw, u64)> + 'a>,
    frames: &'a [usize],
    /// How many frames still need an image, by its place.
    uses: BTreeMap<u64, usize>,
    waiting: BTreeMap<u64, Raw>,
    bytes: usize,
    is_done: bool,
}

impl Pass<'_> {
    fn frame(&mut self, t: usize) -> Result<Vec<Picture>, EpisodeError> {
        let bag = self.bag;
        let (Some(places), Some(moment)) = (bag.images.get(t), bag.moments.get(t)) else { return Ok(Vec::new()) };
        let needed: Vec<u64> =
            places.iter().flat_map(|(colours, depth)| std::iter::once(*colours).chain(*depth)).collect();
        while let Some(missing) = needed.iter().find(|place| !self.waiting.contains_key(*place)) {
            let Some((raw, place)) = self.messages.next() else {
                return Err(EpisodeError::format(&bag.path, format!("message {missing} is gone: the bag has changed")));
            };
            if self.uses.contains_key(&place) {
                self.bytes += raw.data.len();
                if self.bytes > MOST_WAITING {
                    let reason = format!("images of one time lie more than {MOST_WAITING} bytes apart");
                    return Err(EpisodeError::format(&bag.path, reason));
                }
                self.waiting.insert(place, raw);
            }
        }
        let mut pictures = Vec::with_capacity(places.len());
        for (camera, (colours, depth)) in bag.cameras.iter().zip(places) {
            let depth = depth.and_then(|place| self.waiting.get(&place));
            let Some(colours) = self.waiting.get(colours) else { continue };
            pictures.push(bag.picture(camera, moment.stamp, colours, depth)?);
        }
        for place in needed {
            let Some(left) = self.uses.get_mut(&place) else { continue };
            *left -= 1;
            if *left == 0 {
                self.uses.remove(&place);
                self.bytes -= self.waiting.remove(&place).map_or(0, |raw| raw.data.len());
            }
        }
        Ok(pictures)
    }
}

impl Iterator for Pass<'_> {
    type Item = Result<(usize, Vec<Picture>), EpisodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (t, later) = self.frames.split_first().filter(|_| !self.is_done)?;
        self.frames = later;
        let pictures = self.frame(*t);
        self.is_done = pictures.is_err();
        Some(pictures.map(|pictures| (*t, pictures)))
    }
}
