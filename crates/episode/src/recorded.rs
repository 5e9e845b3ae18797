//! An episode that somebody recorded, whatever its format: what every importer gives and every exporter takes.

use std::{fmt, sync::Arc};

use neuraxis_core::{Base, Camera, CameraView, Gripper, Intrinsics, Joints, KeyFrame, Nanos, Pose, Tool, World};

use crate::EpisodeError;

/// A gripper at least so far open, as a share of its full width, is open: RLBench's rule.
const OPEN_SHARE: f64 = 0.95;

/// What holds for the whole episode.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The format, e.g. `RLBench`.
    pub source: &'static str,
    /// What it is an episode of: the name of a task or of a folder.
    pub task: String,
    /// Its number among those of the task.
    pub number: u64,
    /// What the arm was told; `None` if nobody wrote it down.
    pub instruction: Option<String>,
    /// Names of the arm's joints, in the order of every joint vector.
    pub joint_names: Vec<String>,
    /// Names of the gripper's joints, which share its width evenly; empty: none is known.
    pub gripper_joint_names: Vec<String>,
    /// Names of the cameras, in the order of the pictures.
    pub cameras: Vec<String>,
    /// The robot's URDF, if it was recorded.
    pub robot_description: Option<String>,
    /// `X_WB`, if it is known.
    pub world_from_base: Option<Pose<World, Base>>,
    /// What is odd about the recording, in words: stamps that went back, pictures without a partner.
    pub notes: Vec<String>,
}

/// One frame without its pictures. `None`: not recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// On the episode's clock; later than the frame before.
    pub stamp: Nanos,
    /// Joint positions [rad].
    pub q: Option<Joints>,
    /// Joint velocities [rad/s].
    pub qd: Option<Joints>,
    /// Joint torques [N m].
    pub tau_nm: Option<Joints>,
    /// Joint positions that the arm was told to take [rad].
    pub q_command: Option<Joints>,
    /// Distance between the finger pads [m].
    pub gripper_width_m: Option<f64>,
    /// Distance that the finger pads were told to take [m].
    pub gripper_command_m: Option<f64>,
    /// Whether it is open; see [`judge_gripper`].
    pub gripper: Option<Gripper>,
    /// `X_WT`
    pub world_from_tool: Option<Pose<World, Tool>>,
    /// Contact was intended.
    pub ignore_collisions: Option<bool>,
}

/// What one camera saw. `None`: not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Name of the camera.
    pub name: Arc<str>,
    /// Width and height [px].
    pub size: [u32; 2],
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
    /// (height, width) distance along the optical axis [m]; 0 or non-finite: no reading.
    pub depth_m: Option<Vec<f32>>,
    /// Pinhole model.
    pub intrinsics: Option<Intrinsics>,
    /// `X_WC`, optical convention.
    pub world_from_camera: Option<Pose<World, Camera>>,
}

impl Picture {
    /// A calibrated picture, with no readings where depth was not recorded; the picture itself if its calibration is
    /// not known.
    pub fn into_view(self) -> Result<CameraView, Box<Self>> {
        let (Some(intrinsics), Some(world_from_camera)) = (self.intrinsics, self.world_from_camera) else {
            return Err(self.into());
        };
        let pixels = self.size[0] as usize * self.size[1] as usize;
        let depth_m = self.depth_m.unwrap_or_else(|| vec![0.0; pixels]);
        Ok(CameraView { name: self.name, intrinsics, world_from_camera, rgb: self.rgb, depth_m })
    }

    /// What training would need of it and does not find, in words.
    fn lacks(&self) -> Vec<&'static str> {
        let parts = [
            (self.depth_m.is_none(), "depth"),
            (self.intrinsics.is_none(), "intrinsics"),
            (self.world_from_camera.is_none(), "a pose in the world"),
        ];
        parts.into_iter().filter_map(|(is_missing, name)| is_missing.then_some(name)).collect()
    }
}

impl From<CameraView> for Picture {
    fn from(view: CameraView) -> Self {
        Self {
            name: view.name,
            size: [view.intrinsics.width, view.intrinsics.height],
            rgb: view.rgb,
            depth_m: Some(view.depth_m),
            intrinsics: Some(view.intrinsics),
            world_from_camera: Some(view.world_from_camera),
        }
    }
}

/// Frame by frame, what the cameras saw.
pub type Pictures<'a> = Box<dyn Iterator<Item = Result<(usize, Vec<Picture>), EpisodeError>> + 'a>;

/// A recorded episode.
pub trait Recorded {
    /// What holds for all of it.
    fn about(&self) -> &About;

    /// Its frames.
    fn moments(&self) -> &[Moment];

    /// The pictures of these frames, which increase, in one pass over the recording. After an error there are no more.
    fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a>;

    /// The key-frame that a frame is, if its tool and gripper are known. Whether contact was intended is said by the frame
    /// before it: the flag of a frame belongs to the motion under way, and where a motion ends the next one may have begun.
    /// Where nobody wrote it down contact is taken to be intended, as RLBench's own arm mode does, which checks for no
    /// collisions unless told.
    fn keyframe(&self, frame: usize) -> Option<KeyFrame> {
        let moment = self.moments().get(frame)?;
        let under_way = self.moments().get(frame.saturating_sub(1))?;
        Some(KeyFrame {
            world_from_tool: moment.world_from_tool?,
            gripper: moment.gripper?,
            ignore_collisions: under_way.ignore_collisions.unwrap_or(true),
        })
    }
}

/// Sets [`Moment::gripper`] from the widths by RLBench's rule: open from 95 % of the full width on. That is `open_width_m`, where
/// somebody knows how wide the gripper opens, or the widest of the episode, if that is more: widths may be in another unit.
pub fn judge_gripper(moments: &mut [Moment], open_width_m: Option<f64>) {
    let widths_m = moments.iter().filter_map(|moment| moment.gripper_width_m);
    let widest_m = widths_m.fold(open_width_m.unwrap_or(0.0), f64::max);
    for moment in moments {
        let is_open = |width_m: f64| width_m > 0.0 && width_m >= OPEN_SHARE * widest_m;
        moment.gripper = moment.gripper_width_m.map(|m| if is_open(m) { Gripper::Open } else { Gripper::Closed });
    }
}

/// All that training needs and does not find.
#[derive(Clone, Debug, PartialEq)]
pub struct Lacks(Vec<String>);

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "training needs what was not recorded: {}", self.0.join("; "))
    }
}

impl std::error::Error for Lacks {}

/// Whether the policy can learn from an episode, by its frames and the pictures of one of them: it needs a sentence, the
/// tool's pose, the gripper, and one camera with depth and calibration.
///
/// # Errors
/// Everything that is missing at once.
pub fn check_for_training(episode: &dyn Recorded, pictures: &[Picture]) -> Result<(), Lacks> {
    let mut lacks = Vec::new();
    let moments = episode.moments();
    if episode.about().instruction.as_ref().is_none_or(|text| text.trim().is_empty()) {
        lacks.push("a sentence that says what is done".to_string());
    }
    if moments.len() < 2 {
        lacks.push(format!("two frames or more ({} found)", moments.len()));
    }
    let mut every = |has: fn(&Moment) -> bool, what: &str| {
        let count = moments.iter().filter(|moment| !has(moment)).count();
        if count > 0 {
            lacks.push(format!("{what} (in {count} of {} frames)", moments.len()));
        }
    };
    every(|moment| moment.world_from_tool.is_some(), "the tool's pose");
    every(|moment| moment.gripper.is_some() && moment.gripper_width_m.is_some(), "the gripper's width");
    if pictures.is_empty() {
        lacks.push("a camera".into());
    } else if pictures.iter().all(|picture| !picture.lacks().is_empty()) {
        let of = |picture: &Picture| format!("{} of camera {}", picture.lacks().join(" and "), picture.name);
        lacks.extend(pictures.iter().map(of));
    }
    if lacks.is_empty() { Ok(()) } else { Err(Lacks(lacks)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bare(About, Vec<Moment>);

    impl Recorded for Bare {
        fn about(&self) -> &About {
            &self.0
        }
        fn moments(&self) -> &[Moment] {
            &self.1
        }
        fn pictures<'a>(&'a self, _: &'a [usize]) -> Pictures<'a> {
            Box::new(std::iter::empty())
        }
    }

    fn about() -> About {
        About {
            source: "test",
            task: "t".into(),
            number: 0,
            instruction: None,
            joint_names: Vec::new(),
            gripper_joint_names: Vec::new(),
            cameras: Vec::new(),
            robot_description: None,
            world_from_base: None,
            notes: Vec::new(),
        }
    }

    fn picture(name: &str) -> Picture {
        Picture {
            name: name.into(),
            size: [1, 1],
            rgb: vec![0; 3],
            depth_m: None,
            intrinsics: Some(Intrinsics { width: 1, height: 1, fx: 1.0, fy: 1.0, cx: 0.0, cy: 0.0 }),
            world_from_camera: None,
        }
    }

    #[test]
    fn whether_contact_was_intended_is_said_by_the_frame_before_a_key_frame() {
        let moment = |ignore_collisions| Moment {
            world_from_tool: Some(Pose::identity()),
            gripper: Some(Gripper::Open),
            ignore_collisions,
            ..Moment::default()
        };
        let episode = Bare(about(), [Some(false), Some(true), Some(false), None].map(moment).to_vec());
        let flags = [0, 1, 2, 3].map(|frame| episode.keyframe(frame).unwrap().ignore_collisions);
        assert_eq!(flags, [false, false, true, false]);
        assert!(Bare(about(), vec![moment(None); 2]).keyframe(1).unwrap().ignore_collisions);
        assert_eq!(episode.keyframe(4), None);
    }

    #[test]
    fn a_gripper_that_never_opens_is_closed_where_its_full_width_is_known() {
        use neuraxis_core::Gripper::{Closed, Open};
        let judged = |widths_m: &[f64], open_width_m: Option<f64>| -> Vec<Gripper> {
            let at = |m: &f64| Moment { gripper_width_m: Some(*m), ..Moment::default() };
            let mut moments: Vec<Moment> = widths_m.iter().map(at).collect();
            judge_gripper(&mut moments, open_width_m);
            moments.iter().filter_map(|moment| moment.gripper).collect()
        };
        // Round a sponge all along, or shut, with readings that tremble.
        assert_eq!(judged(&[0.02, 0.02], Some(0.08)), [Closed, Closed]);
        assert_eq!(judged(&[0.0004, 0.00042, 0.00038], Some(0.08)), [Closed; 3]);
        assert_eq!(judged(&[0.079, 0.02], Some(0.08)), [Open, Closed]);
        // In another unit, and where nobody knows.
        assert_eq!(judged(&[0.8, 0.08], Some(0.08)), [Open, Closed]);
        assert_eq!(judged(&[0.04, 0.02], None), [Open, Closed]);
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let width = |m: f64| Moment { gripper_width_m: Some(m), ..Moment::default() };
        let mut episode = Bare(about(), vec![width(0.08), width(0.077), width(0.07), Moment::default()]);
        judge_gripper(&mut episode.1, None);
        let found: Vec<_> = episode.1.iter().map(|moment| moment.gripper).collect();
        assert_eq!(found, [Some(Gripper::Open), Some(Gripper::Open), Some(Gripper::Closed), None]);
        let said = check_for_training(&episode, &[picture("front")]).unwrap_err().to_string();
        assert_eq!(
            said,
            "training needs what was not recorded: a sentence that says what is done; the tool's pose (in 4 of 4 \
             frames); the gripper's width (in 1 of 4 frames); depth and a pose in the world of camera front"
        );
        // Nothing said is no sentence.
        episode.0.instruction = Some(" ".into());
        assert!(check_for_training(&episode, &[]).unwrap_err().0[0].starts_with("a sentence"));
        // One camera with everything is enough.
        episode.0.instruction = Some("lift it".into());
        episode.1.truncate(3);
        episode.1.iter_mut().for_each(|moment| moment.world_from_tool = Some(Pose::identity()));
        assert_eq!(check_for_training(&episode, &[]).unwrap_err().0, ["a camera"]);
        let whole = Picture { depth_m: Some(vec![1.0]), world_from_camera: Some(Pose::identity()), ..picture("wrist") };
        assert_eq!(check_for_training(&episode, &[picture("front"), whole.clone()]), Ok(()));
        assert!(picture("front").into_view().is_err() && whole.into_view().is_ok());
    }
}
