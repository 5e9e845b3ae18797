//! One camera: colour, depth, calibration and pose of one moment make a view.

use std::sync::Arc;

use nalgebra::Isometry3;
use neuraxis_core::{Camera, CameraView, Intrinsics, Nanos, Pose, Tool, World};
use r2r::{
    geometry_msgs::msg::PoseStamped,
    sensor_msgs::msg::{CameraInfo, CompressedImage, Image},
    std_msgs::msg::Header,
};

use super::{
    CameraConfig, CamerasConfig, Depth, Dropped, Picture, Tally, ViewRefusal,
    foretold::Foretold,
    images,
    rhythm::Rhythm,
    transforms::{Seat, Transforms},
};
use crate::{
    RosError, conversions,
    sync::{Stamp, StampFault, Waiting},
    timeline::{AHEAD_SECS, Moment},
};

/// Messages that wait for their partners.
const ROOM: usize = 4;

/// Where a camera is.
enum Place {
    /// X_WC.
    Fixed(Pose<World, Camera>),
    /// X_TC.
    OnTool(Pose<Tool, Camera>),
    /// X_WC, by stamp.
    Told(Waiting<Pose<World, Camera>>),
    /// From tf: X_PC, in the world or in the hand, and for the latter X_TH.
    Seated { seat: Seat, found: Result<Isometry3<f64>, ViewRefusal>, tool_from_hand: Option<Isometry3<f64>> },
}

/// What one camera has said.
pub(super) struct Eye {
    name: Arc<str>,
    frame: Option<String>,
    world_frame: String,
    rectified: bool,
    skew_secs: f64,
    max_age_secs: f64,
    colour: Waiting<(Picture, String)>,
    depth: Waiting<(Depth, String)>,
    info: Option<(Intrinsics, String)>,
    place: Place,
    rhythm: Rhythm,
    foretold: Foretold,
    counts: Counts,
}

/// What is not known from what waits.
#[derive(Default)]
struct Counts {
    pictures: u64,
    pictures_refused: u64,
    depths: u64,
    depths_refused: u64,
    views: u64,
    unfit: u64,
}

impl Eye {
    pub(super) fn new(camera: &CameraConfig, all: &CamerasConfig) -> Self {
        let place = match (&camera.world_from_camera, &camera.tool_from_camera, &camera.tf) {
            (Some(pose), ..) => Place::Fixed(pose.pose()),
            (None, Some(pose), _) => Place::OnTool(pose.pose()),
            (None, None, Some(tf)) => {
                let parent = tf.hand_frame.as_ref().unwrap_or(&all.world_frame);
                let tool_from_hand =
                    tf.hand_frame.as_ref().map(|_| Isometry3::translation(0.0, 0.0, -all.hand_from_tool_z_m));
                let (parent, child) = (parent.clone(), tf.camera_frame.clone());
                let seat = Seat::new(&parent, &child);
                let found = Err(ViewRefusal::NoTransform { parent, ends_at: child.clone(), child });
                Place::Seated { seat, found, tool_from_hand }
            }
            (None, None, None) => Place::Told(Waiting::new(4 * ROOM)),
        };
        Self {
            name: camera.name.as_str().into(),
            frame: camera.frame.clone(),
            world_frame: all.world_frame.clone(),
            rectified: camera.rectified,
            skew_secs: all.max_skew_secs,
            max_age_secs: all.max_age_secs,
            colour: Waiting::new(ROOM),
            depth: Waiting::new(ROOM),
            info: None,
            place,
            rhythm: Rhythm::default(),
            foretold: Foretold::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What became of what came, as far as this camera alone.
    pub(super) fn tally(&self) -> Tally {
        let (counts, left, depths_left) = (&self.counts, self.colour.left(), self.depth.left());
        let depths_gone = depths_left.pushed_out + depths_left.passed_over + depths_left.cleared;
        Tally {
            pictures: counts.pictures,
            views: counts.views,
            in_sets: 0,
            waiting: self.colour.len() as u64,
            dropped: Dropped {
                refused: counts.pictures_refused,
                unpaired: left.pushed_out,
                passed_over: left.passed_over,
                unfit: counts.unfit,
                without_set: 0,
                leapt: left.cleared,
            },
            depths: counts.depths,
            depths_unused: counts.depths_refused + depths_gone,
            missing: self.rhythm.missing().max(self.foretold.missing()),
        }
    }

    pub(super) fn take_colour(&mut self, msg: &Image, moment: &Moment) -> Result<(), ViewRefusal> {
        self.take_picture(&msg.header, moment, || images::picture_from_msg(msg))
    }

    pub(super) fn take_compressed(&mut self, msg: &CompressedImage, moment: &Moment) -> Result<(), ViewRefusal> {
        self.take_picture(&msg.header, moment, || images::compressed_from_msg(msg))
    }

    fn take_picture(
        &mut self,
        header: &Header,
        moment: &Moment,
        read: impl FnOnce() -> Result<Picture, RosError>,
    ) -> Result<(), ViewRefusal> {
        self.counts.pictures += 1;
        // All pictures until then would be missed.
        if !is_ahead(header, moment) {
            self.rhythm.hear(stamp(header));
            self.foretold.picture(stamp(header));
        }
        let found = self.stamp_of("colour", header, moment, |eye| eye.colour.check(stamp(header)));
        let checked = found.and_then(|stamp| {
            let picture = read().map_err(told)?;
            self.check_frame("colour", header).map(|()| (stamp, picture))
        });
        let (stamp, picture) = checked.inspect_err(|_| self.counts.pictures_refused += 1)?;
        let unpaired = self.colour.push(stamp, (picture, header.frame_id.clone())).is_some();
        if unpaired {
            Err(ViewRefusal::Unpaired { missing: self.missing(), skew_secs: self.skew_secs })
        } else {
            Ok(())
        }
    }

    pub(super) fn take_depth(&mut self, msg: &Image, moment: &Moment) -> Result<(), ViewRefusal> {
        self.counts.depths += 1;
        let found = self.stamp_of("depth", &msg.header, moment, |eye| eye.depth.check(stamp(&msg.header)));
        let checked = found.and_then(|stamp| {
            let depth = images::depth_from_msg(msg).map_err(told)?;
            self.check_frame("depth", &msg.header).map(|()| (stamp, depth))
        });
        let (stamp, depth) = checked.inspect_err(|_| self.counts.depths_refused += 1)?;
        self.depth.push(stamp, (depth, msg.header.frame_id.clone()));
        Ok(())
    }

    /// Calibration holds until another one comes, so neither its age nor a stamp that stands counts; one from the future
    /// foretells nothing.
    pub(super) fn take_info(&mut self, msg: &CameraInfo, moment: &Moment) -> Result<(), ViewRefusal> {
        if !is_ahead(&msg.header, moment) {
            self.foretold.info(stamp(&msg.header), (self.max_age_secs * 1e9) as Stamp);
        }
        self.check_frame("camera_info", &msg.header)?;
        let intrinsics = if self.rectified {
            conversions::rectified_intrinsics_from_msg(msg)
        } else {
            conversions::intrinsics_from_msg(msg)
        };
        self.info = Some((intrinsics.map_err(told)?, msg.header.frame_id.clone()));
        Ok(())
    }

    pub(super) fn take_pose(&mut self, msg: &PoseStamped, moment: &Moment) -> Result<(), ViewRefusal> {
        if msg.header.frame_id != self.world_frame {
            let (found, needed) = (msg.header.frame_id.clone(), self.world_frame.clone());
            return Err(ViewRefusal::Frame { what: "pose", found, needed });
        }
        let pose = conversions::pose_from_msg(&msg.pose).map_err(told)?;
        let stamp = self.stamp_of("pose", &msg.header, moment, |eye| match &eye.place {
            Place::Told(poses) => poses.check(stamp(&msg.header)),
            _ => Ok(()),
        })?;
        if let Place::Told(poses) = &mut self.place {
            poses.push(stamp, pose);
        }
        Ok(())
    }

    /// What a picture of depth takes, as its calibration says [bytes].
    pub(super) fn depth_bytes(&self) -> Option<usize> {
        let (intrinsics, _) = self.info.as_ref()?;
        Some(4 * intrinsics.width as usize * intrinsics.height as usize)
    }

    /// It is where tf says.
    pub(super) fn asks_tf(&self) -> bool {
        matches!(self.place, Place::Seated { .. })
    }

    /// Looks where it is now; `max_age` [ns].
    pub(super) fn sit(&mut self, transforms: &Transforms, moment: &Moment, max_age: Stamp) {
        if let Place::Seated { seat, found, .. } = &mut self.place {
            *found = seat.look(transforms, moment.ros.as_nanos() as i128, max_age);
        }
    }

    /// The newest view that is complete: colour with depth, and with a pose if one is told, within the skew.
    pub(super) fn assemble(
        &mut self,
        moment: &Moment,
        mut tool_at: impl FnMut(Nanos) -> Option<Pose<World, Tool>>,
    ) -> Option<Result<(Stamp, CameraView), ViewRefusal>> {
        let skew = (self.skew_secs * 1e9) as Stamp;
        let near = |found: Option<Stamp>, at: Stamp| found.filter(|stamp| (stamp - at).abs() <= skew);
        let posed = |at: Stamp| match &self.place {
            Place::Told(poses) => near(poses.nearest(at), at),
            _ => Some(at),
        };
        let (intrinsics, info_frame) = self.info.as_ref()?;
        let pair = |at: Stamp| Some((at, near(self.depth.nearest(at), at)?, posed(at)?));
        let (at, depth_at, pose_at) = self.colour.stamps().find_map(pair)?;
        let captured =
            moment.ours - Nanos(u64::try_from((moment.ros.as_nanos() as i128 - at).max(0)).unwrap_or(u64::MAX));
        let world_from_camera = match &self.place {
            Place::Fixed(pose) => *pose,
            Place::OnTool(tool_from_camera) => tool_at(captured)? * *tool_from_camera,
            Place::Told(poses) => *poses.at(pose_at)?,
            Place::Seated { found: Ok(pose), tool_from_hand: None, .. } => Pose::new(*pose),
            Place::Seated { found: Ok(hand_from_camera), tool_from_hand: Some(tool_from_hand), .. } => {
                tool_at(captured)? * Pose::new(tool_from_hand * hand_from_camera)
            }
            Place::Seated { found: Err(refusal), .. } => {
                // A picture that nobody knows the place of is none.
                let refusal = refusal.clone();
                self.colour.take(at)?;
                self.depth.take(depth_at)?;
                self.counts.unfit += 1;
                return Some(Err(refusal));
            }
        };
        let (intrinsics, info_frame) = (*intrinsics, info_frame.clone());
        let ((picture, frame), (depth, depth_frame)) = (self.colour.take(at)?, self.depth.take(depth_at)?);
        let view = self.view(at, (picture, frame), (depth, depth_frame), (intrinsics, info_frame), world_from_camera);
        *if view.is_ok() { &mut self.counts.views } else { &mut self.counts.unfit } += 1;
        Some(view)
    }

    fn view(
        &self,
        at: Stamp,
        (picture, frame): (Picture, String),
        (depth, depth_frame): (Depth, String),
        (intrinsics, info_frame): (Intrinsics, String),
        world_from_camera: Pose<World, Camera>,
    ) -> Result<(Stamp, CameraView), ViewRefusal> {
        for (what, found) in [("depth", depth_frame), ("camera_info", info_frame)] {
            if found != frame {
                return Err(ViewRefusal::Frame { what, found, needed: frame });
            }
        }
        let sizes = [("depth", depth.width, depth.height), ("camera_info", intrinsics.width, intrinsics.height)];
        for (what, width, height) in sizes {
            if (width, height) != (picture.width, picture.height) {
                let (colour_width, colour_height) = (picture.width, picture.height);
                return Err(ViewRefusal::NotRegistered { what, width, height, colour_width, colour_height });
            }
        }
        let name = self.name.clone();
        let view = CameraView { name, intrinsics, world_from_camera, rgb: picture.rgb, depth_m: depth.metres };
        Ok((at, view))
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        self.colour.clear();
        self.depth.clear();
        self.rhythm.clear();
        self.foretold.clear();
        if let Place::Told(poses) = &mut self.place {
            poses.clear();
        }
    }

    /// What a picture without a partner waited for.
    fn missing(&self) -> &'static str {
        let is_unposed = matches!(&self.place, Place::Told(poses) if poses.newest().is_none());
        match (&self.info, is_unposed) {
            (None, _) => "camera_info",
            (_, true) => "pose",
            _ if self.is_on_tool() && self.depth.newest().is_some() => "depth or pose of the tool",
            _ => "depth",
        }
    }

    fn is_on_tool(&self) -> bool {
        matches!(self.place, Place::OnTool(_) | Place::Seated { tool_from_hand: Some(_), .. })
    }

    fn check_frame(&self, what: &'static str, header: &Header) -> Result<(), ViewRefusal> {
        match &self.frame {
            Some(frame) if *frame != header.frame_id => {
                let (found, needed) = (header.frame_id.clone(), frame.clone());
                Err(ViewRefusal::Frame { what, found, needed })
            }
            _ => Ok(()),
        }
    }

    /// The stamp, if it is one of now and after the last one.
    fn stamp_of(
        &self,
        what: &'static str,
        header: &Header,
        moment: &Moment,
        check: impl FnOnce(&Self) -> Result<(), StampFault>,
    ) -> Result<Stamp, ViewRefusal> {
        check(self).map_err(|fault| match fault {
            StampFault::Stands => ViewRefusal::Frozen { what },
            StampFault::Returns(nanos) => ViewRefusal::Returned { what, secs: nanos as f64 * 1e-9 },
        })?;
        let age_secs = moment.age_secs(&header.stamp);
        if age_secs > self.max_age_secs {
            return Err(ViewRefusal::Late { what, secs: age_secs, allowed_secs: self.max_age_secs });
        }
        if is_ahead(header, moment) {
            return Err(ViewRefusal::Ahead { what, secs: -age_secs });
        }
        Ok(stamp(header))
    }
}

fn stamp(header: &Header) -> Stamp {
    conversions::stamp_nanos(&header.stamp)
}

fn is_ahead(header: &Header, moment: &Moment) -> bool {
    moment.age_secs(&header.stamp) < -AHEAD_SECS
}

fn told(error: RosError) -> ViewRefusal {
    ViewRefusal::Message(error.to_string())
}

#[cfg(test)]
#[path = "eye_tests.rs"]
mod tests;
