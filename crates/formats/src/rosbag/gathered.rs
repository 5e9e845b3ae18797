//! What the first pass over a bag gathers.

use neuraxis_core::{Intrinsics, Nanos};
use neuraxis_episode::cdr::CdrError;

use super::{
    frames::Frames, joints::JointTrack, messages, options::CameraTopics, poses::PoseTrack, roles::Role, storage::Raw,
};

/// What is so far from a frame in time is not of it [s].
pub(super) const NEAR_SECS: f64 = 0.05;
/// Most images of a bag.
const MOST_IMAGES: usize = 4_000_000;
/// Most poses on topics of their own.
const MOST_POSES: usize = 4_000_000;
/// Damage is told so often.
const MOST_NOTES: usize = 5;

/// What is known of a camera.
pub(super) struct SeenCamera {
    pub(super) topics: CameraTopics,
    pub(super) intrinsics: Option<Intrinsics>,
    /// Name of its optical frame in its pictures, and in its calibration.
    pub(super) frame: Option<String>,
    pub(super) info_frame: Option<String>,
    /// Its pose on a topic of its own.
    pub(super) poses: PoseTrack,
    pub(super) colours: Series,
    pub(super) depths: Series,
}

/// Stamps of a topic's images, and their places among all messages.
#[derive(Default)]
pub(super) struct Series(pub(super) Vec<(Nanos, u64)>);

impl Series {
    pub(super) fn nearest(&self, stamp: Nanos) -> Option<u64> {
        let after = self.0.partition_point(|(known, _)| *known < stamp);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|i| self.0.get(i));
        let far = |(known, _): &(Nanos, u64)| known.secs_since(stamp).abs();
        around.min_by(|a, b| far(a).total_cmp(&far(b))).filter(|image| far(image) <= NEAR_SECS).map(|(_, place)| *place)
    }
}

/// What the first pass gathers.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) cameras: Vec<SeenCamera>,
    pub(super) joints: JointTrack,
    pub(super) tool: PoseTrack,
    pub(super) frames: Frames,
    pub(super) instruction: Option<String>,
    pub(super) description: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) left_out: usize,
    /// Messages of images, and of poses on topics of their own.
    pub(super) images: usize,
    pub(super) poses: usize,
}

impl Gathered {
    pub(super) fn note(&mut self, what: String) {
        match self.notes.len() < MOST_NOTES {
            true => self.notes.push(what),
            false => self.left_out += 1,
        }
    }

    pub(super) fn take(&mut self, role: Role, place: u64, raw: &Raw) -> Result<(), CdrError> {
        let log = Nanos(raw.log_nanos);
        let data = raw.data.as_slice();
        let words = |reason: String| CdrError { offset: 0, reason };
        self.count(role).map_err(words)?;
        match role {
            Role::Joints => self.joints.add(&messages::joint_state(data)?, log).map_err(words)?,
            Role::Tf => self.frames.add(&messages::transforms(data)?, log, false).map_err(words)?,
            Role::TfStatic => self.frames.add(&messages::transforms(data)?, log, true).map_err(words)?,
            Role::ToolPose => {
                let (stamp, frame, pose) = messages::pose_stamped(data)?;
                self.tool.add(stamp.unwrap_or(log), frame, pose).map_err(words)?;
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

    /// Counts what is kept of each message; joint states and transforms are counted where they are added.
    fn count(&mut self, role: Role) -> Result<(), String> {
        let (count, most, what) = match role {
            Role::Colours(_) | Role::Depth(_) => (&mut self.images, MOST_IMAGES, "images"),
            Role::ToolPose | Role::CameraPose(_) => (&mut self.poses, MOST_POSES, "poses"),
            _ => return Ok(()),
        };
        *count += 1;
        if *count > most { Err(format!("more than {most} {what}")) } else { Ok(()) }
    }
}

impl SeenCamera {
    pub(super) fn new(topics: CameraTopics) -> Self {
        let (colours, depths) = (Series::default(), Series::default());
        Self { topics, intrinsics: None, frame: None, info_frame: None, poses: PoseTrack::default(), colours, depths }
    }

    fn take(&mut self, role: Role, place: u64, log: Nanos, data: &[u8]) -> Result<(), CdrError> {
        if let Role::CameraPose(_) = role {
            let (stamp, frame, pose) = messages::pose_stamped(data)?;
            let added = self.poses.add(stamp.unwrap_or(log), frame, pose);
            return added.map_err(|reason| CdrError { offset: 0, reason });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_poses_have_an_end() {
        let name = || "front=/image,/depth,,/pose".parse().unwrap();
        let mut all =
            Gathered { cameras: vec![SeenCamera::new(name()), SeenCamera::new(name())], ..Gathered::default() };
        (all.images, all.poses) = (MOST_IMAGES - 2, MOST_POSES - 2);
        let raw = |bytes: &[u8]| Raw { topic: String::new(), kind: String::new(), log_nanos: 5, data: bytes.to_vec() };
        // A header without stamp or frame; the same, and a pose.
        let image = raw(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        let one = 1f64.to_le_bytes();
        let pose = raw(&[&image.data[..], &[0; 3 + 6 * 8], &one].concat());
        for (roles, raw, reason) in [
            ([Role::Colours(0), Role::Depth(1), Role::Colours(1)], &image, "more than 4000000 images"),
            ([Role::ToolPose, Role::CameraPose(1), Role::CameraPose(0)], &pose, "more than 4000000 poses"),
        ] {
            let said = roles.map(|role| all.take(role, 0, raw).map_err(|e| e.reason));
            assert_eq!(said, [Ok(()), Ok(()), Err(reason.to_string())]);
        }
        assert_eq!((all.cameras[0].colours.0.len(), all.cameras[1].colours.0.len()), (1, 0));
    }
}
