//! Cameras whose picture stands still where it cannot: the arm moved before them, or carried them along.
//!
//! A driver that repeats its last picture stamps it anew, so that age tells nothing. Two equal pictures do: a sensor's noise
//! makes no two alike, and a simulator's, which has none, still shows the arm. Colour and depth count together: what still moves
//! in one of them is believed in both.

use std::sync::Arc;

use neuraxis_core::{Camera, CameraView, Observation, Pose, Tool, World};

/// Further than this the tool has to be from where it was in an equal picture [m]: over a pixel
/// in a small picture (128 x 128) of a whole table.
const MOVED_M: f64 = 0.02;

/// The last picture of each camera that differed from the one before, and where the tool was then.
#[derive(Debug, Default)]
pub struct FrozenWatch {
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    camera: Arc<str>,
    rgb: Vec<u8>,
    depth_m: Vec<f32>,
    world_from_camera: Pose<World, Camera>,
    world_from_tool: Pose<World, Tool>,
    is_frozen: bool,
}

impl FrozenWatch {
    /// Sees an observation that is not used: what is seen of each is what makes the verdict on the next one whole.
    pub fn note(&mut self, observation: &Observation) {
        for camera in &observation.cameras {
            self.is_frozen(camera, &observation.world_from_tool);
        }
    }

    /// Has this camera's picture stood still while the tool moved in its view, or moved it? Once so, until it changes.
    pub fn is_frozen(&mut self, camera: &CameraView, world_from_tool: &Pose<World, Tool>) -> bool {
        let Some(seen) = self.seen.iter_mut().find(|seen| seen.camera == camera.name) else {
            self.seen.push(Seen {
                camera: camera.name.clone(),
                rgb: camera.rgb.clone(),
                depth_m: camera.depth_m.clone(),
                world_from_camera: camera.world_from_camera,
                world_from_tool: *world_from_tool,
                is_frozen: false,
            });
            return false;
        };
        if seen.rgb == camera.rgb && same_bits(&seen.depth_m, &camera.depth_m) {
            seen.is_frozen |= seen.should_have_changed(camera, world_from_tool);
        } else {
            seen.rgb.clone_from(&camera.rgb);
            seen.depth_m.clone_from(&camera.depth_m);
            seen.world_from_camera = camera.world_from_camera;
            seen.world_from_tool = *world_from_tool;
            seen.is_frozen = false;
        }
        seen.is_frozen
    }
}

impl Seen {
    fn should_have_changed(&self, camera: &CameraView, world_from_tool: &Pose<World, Tool>) -> bool {
        if self.world_from_tool.distance(world_from_tool).0 <= MOVED_M {
            return false;
        }
        let is_carried = self.world_from_camera.distance(&camera.world_from_camera).0 > MOVED_M;
        is_carried || sees(camera, &self.world_from_tool) || sees(camera, world_from_tool)
    }
}

/// Is the tool in front of the camera and inside its picture? Something may still stand between.
fn sees(camera: &CameraView, world_from_tool: &Pose<World, Tool>) -> bool {
    let at = (camera.world_from_camera.inverse() * *world_from_tool).position();
    let k = &camera.intrinsics;
    let (u, v) = (k.fx * at.x / at.z + k.cx, k.fy * at.y / at.z + k.cy);
    at.z > 0.0 && (0.0..f64::from(k.width)).contains(&u) && (0.0..f64::from(k.height)).contains(&v)
}

/// Missing depth is NaN, which equals nothing.
fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::Intrinsics;

    use super::*;

    /// One metre above the origin, straight down; half a metre to each side is in view. Its first pixel has no depth.
    fn camera(brightness: u8) -> CameraView {
        let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        CameraView {
            name: "top".into(),
            intrinsics: Intrinsics { width: 8, height: 8, fx: 8.0, fy: 8.0, cx: 3.5, cy: 3.5 },
            world_from_camera: Pose::from_parts(Vector3::z(), down),
            rgb: vec![brightness; 3 * 64],
            depth_m: (0..64).map(|i| if i == 0 { f32::NAN } else { 1.0 }).collect(),
        }
    }

    fn tool(x_m: f64) -> Pose<World, Tool> {
        Pose::from_parts(Vector3::new(x_m, 0.0, 0.1), UnitQuaternion::identity())
    }

    #[test]
    fn a_picture_that_stands_still_while_the_tool_moves_is_frozen_until_it_changes() {
        let mut watch = FrozenWatch::default();
        let mut look = |brightness, x_m| watch.is_frozen(&camera(brightness), &tool(x_m));
        assert_eq!([0.0, 0.01, 0.03, 0.0].map(|x_m| look(9, x_m)), [false, false, true, true]);
        assert_eq!([0.0, 0.01].map(|x_m| look(10, x_m)), [false, false]);
        // What it showed before it went on is no evidence.
        assert_eq!([0.05, 0.08].map(|x_m| look(11, x_m)), [false, true]);
    }

    #[test]
    fn an_arm_at_rest_or_out_of_view_says_nothing() {
        let mut watch = FrozenWatch::default();
        assert!((0..9).all(|_| !watch.is_frozen(&camera(9), &tool(0.0))));
        let mut watch = FrozenWatch::default();
        assert!([0.7, 0.8, 0.9].iter().all(|x_m| !watch.is_frozen(&camera(9), &tool(*x_m))));
        assert!(watch.is_frozen(&camera(9), &tool(0.2)), "it came into view");
    }

    #[test]
    fn a_camera_on_the_wrist_needs_not_see_the_tool() {
        let mut watch = FrozenWatch::default();
        let mut carried = |x_m: f64| {
            let mut camera = camera(9);
            camera.world_from_camera = Pose::from_parts(Vector3::new(x_m, 0.0, 0.0), UnitQuaternion::identity());
            watch.is_frozen(&camera, &tool(x_m + 5.0))
        };
        assert_eq!([0.0, 0.01, 0.03].map(&mut carried), [false, false, true]);
    }
}
