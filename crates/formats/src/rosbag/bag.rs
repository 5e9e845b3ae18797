//! A bag as an episode: one pass for everything but pictures, another for those that are asked for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nalgebra::Isometry3;
use neuraxis_core::{Base, Joints, Nanos, Pose, Tool, World};
use neuraxis_episode::{About, EpisodeError, Moment, Pictures, Recorded, cdr::CdrError, judge_gripper};

use super::{
    frames::Frames,
    gathered::{Gathered, NEAR_SECS, SeenCamera},
    joints::{JointTrack, Parts},
    options::{CameraTopics, Options},
    pass::Pass,
    poses::PoseTrack,
    roles::roles,
    storage::Storage,
};

/// Most frames of an episode.
const MOST_FRAMES: usize = 200_000;
/// Most cameras: each frame has the places of their images.
const MOST_CAMERAS: usize = 64;

/// A bag that has been gone through once.
pub struct Bag {
    pub(super) path: PathBuf,
    storage: Storage,
    about: About,
    pub(super) moments: Vec<Moment>,
    pub(super) cameras: Vec<SeenCamera>,
    /// Places of each frame's images among all messages: colours and depth, camera by camera.
    pub(super) images: Vec<Vec<(u64, Option<u64>)>>,
    pub(super) frames: Frames,
    pub(super) world: Option<String>,
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
        if cameras.len() > MOST_CAMERAS {
            return Err(refuse(format!("{} cameras, allowed: {MOST_CAMERAS}", cameras.len())));
        }
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
        let Gathered { mut cameras, mut joints, mut tool, mut frames, instruction, description, .. } = all;
        let (mut notes, left_out) = (all.notes, all.left_out);
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
                    let why = notes.iter().find(|note| note.starts_with(&format!("{topic}: ")));
                    let why = why.map_or_else(String::new, |note| format!(": {note}"));
                    return Err(refuse(format!("camera {}: no image on {topic} can be used{why}", topics.name)));
                }
            }
        }
        // Topics of poses of their own.
        let of_cameras = cameras.iter().filter_map(|camera| Some((camera.topics.pose.as_deref()?, &camera.poses)));
        let posed: Vec<(&str, &PoseTrack)> =
            options.tool_pose.iter().map(|topic| (topic.as_str(), &tool)).chain(of_cameras).collect();
        let world = world(&frames, &posed, options, &mut notes).map_err(refuse)?;
        in_reach(&frames, &posed, world.as_deref()).map_err(refuse)?;
        let tool_frame = tool_frame(&frames, options).map_err(refuse)?;
        let parts = joints.parts(&options.gripper_joints, &options.arm_joints).map_err(refuse)?;
        if !parts.left_out.is_empty() {
            notes.push(format!("joints that are none of the arm's are left out: {}", parts.left_out.join(", ")));
        }
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
                        Some(_) => tool.in_world(&frames, world.as_deref(), stamp),
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
        judge_gripper(&mut moments, None);
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

    /// Judges anew whether the gripper is open, for who knows how wide it opens; see [`judge_gripper`].
    pub fn opens_to(&mut self, open_width_m: f64) {
        judge_gripper(&mut self.moments, Some(open_width_m));
    }

    /// Takes the tool's pose from the joints where it was not recorded. The arm stands where tf has the frame `base` of its
    /// first link; if tf does not know it, at `world_from_base` (`X_WB`), which is noted.
    pub fn complete(
        &mut self,
        base: &str,
        world_from_base: Pose<World, Base>,
        base_from_tool: impl Fn(&Joints) -> Pose<Base, Tool>,
    ) {
        let world = self.world.as_deref();
        let is_known = world.is_some_and(|world| self.frames.is_below(world, base));
        let base_at = |stamp: Nanos| match is_known {
            true => pose_between(&self.frames, world, Some(base), stamp).map(Pose::new),
            false => Some(world_from_base),
        };
        let mut is_assumed = false;
        for moment in &mut self.moments {
            let (None, Some(q), Some(world_from_base)) = (moment.world_from_tool, &moment.q, base_at(moment.stamp))
            else {
                continue;
            };
            moment.world_from_tool = Some(world_from_base * base_from_tool(q));
            is_assumed |= !is_known;
        }
        if is_assumed {
            let world = world.unwrap_or("world");
            let note =
                format!("tf does not say where {base:?} is in {world:?}: the arm is taken to stand as configured");
            self.about.notes.push(note);
        }
        self.about.world_from_base = self.moments.first().filter(|_| is_known).and_then(|first| base_at(first.stamp));
    }
}

/// The frame in which poses are given: as told, or `world`, or the root of tf, or that of a topic with poses.
fn world(
    frames: &Frames,
    posed: &[(&str, &PoseTrack)],
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Option<String>, String> {
    if let Some(named) = &options.world {
        let is_known = frames.has(named) || posed.iter().any(|(_, poses)| poses.frame() == Some(named.as_str()));
        return match is_known {
            true => Ok(Some(named.clone())),
            false => Err(format!("no frame {named:?} in tf; there are {:?}", frames.names())),
        };
    }
    if frames.has("world") {
        return Ok(Some("world".into()));
    }
    if let Some(root) = frames.root() {
        notes.push(format!("tf has no frame \"world\": poses are in its root, {root:?}"));
        return Ok(Some(root.into()));
    }
    let told = posed.iter().find_map(|(topic, poses)| Some((topic, poses.frame()?)));
    if let Some((topic, frame)) = told.filter(|(_, frame)| *frame != "world") {
        notes.push(format!("tf has no frame \"world\": poses are in that of {topic}, {frame:?}"));
    }
    Ok(told.map(|(_, frame)| frame.into()))
}

/// An error where poses are in a frame that does not hang from the world.
fn in_reach(frames: &Frames, posed: &[(&str, &PoseTrack)], world: Option<&str>) -> Result<(), String> {
    for (topic, poses) in posed {
        if let (Some(world), Some(frame)) = (world, poses.frame())
            && !frames.is_below(world, frame)
        {
            return Err(format!(
                "{topic}: poses are in frame {frame:?}, and tf does not say where that is in {world:?}"
            ));
        }
    }
    Ok(())
}

fn tool_frame<'a>(frames: &Frames, options: &'a Options) -> Result<Option<&'a str>, String> {
    match &options.tool {
        Some(named) if !frames.has(named) => Err(format!("no frame {named:?} in tf; there are {:?}", frames.names())),
        Some(named) => Ok(Some(named)),
        None => Ok(Some("tool").filter(|frame| frames.has(frame))),
    }
}

pub(super) fn pose_between(
    frames: &Frames,
    world: Option<&str>,
    frame: Option<&str>,
    stamp: Nanos,
) -> Option<Isometry3<f64>> {
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
        Box::new(Pass::new(self, &self.storage, frames))
    }
}
