//! The dynamic view: a virtual camera that goes with the hand, the clips it sees, and labels in its pixels.
//!
//! The published rule is unknown; this one is chosen so that it is a pure function of one observation: the same observation
//! gives the same picture in training, in replay and on the robot, whatever came before. (A low-pass over time would make a
//! sample depend on how fast the loop ran.) What the low-pass is for, that the tool moves over the image instead of being
//! pinned to its middle, comes from looking only part of the way from the workspace's centre to the tool.

use nalgebra::Vector3;
use neuraxis_core::{Pose, Tool, World};
use neuraxis_vision::{CHANNELS, Cloud, CubeFrame, PerspectiveRenderer, PerspectiveView};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    network::{MARKERS, VIEW_CHANNELS},
    sample::Body,
    views::{self},
};

/// Radius of a point on the screen: that of RVT-2, 0.012 in a cube of 1 m [m].
pub const SPLAT_RADIUS_M: f32 = 0.006;

/// A frame older than this is no longer the one before: the current one is shown twice, as at the start [s].
pub const OLDEST_SECS: f64 = 3.0;

/// Where the virtual camera stands and looks.
///
/// eye = tool + offset, at = centre + follow * (tool - centre), image up = z, all along the cube's axes, with `centre`
/// above the middle of the table. The offset is not straight behind the hand, where a wrist camera's axis would put it:
/// there the arm hides the tool and its target in half of the recorded observations. Beyond the hand and to its right the arm
/// comes from the far side. The tool's orientation is left out: a hand that turns about its own axis must not turn the
/// picture.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraRule {
    /// From the tool to the eye, along the cube's axes [m]; x points away from the robot, y to its left.
    pub offset_m: [f64; 3],
    /// Part of the tool's way from the centre that the look-at point follows: 0 stares at the centre, 1 pins the tool.
    pub follow: f64,
    /// Height of the centre in the world [m].
    pub centre_z_m: f64,
    /// Horizontal field of view [deg]; head cameras of people have 70 to 90.
    pub hfov_deg: f64,
}

impl Default for CameraRule {
    fn default() -> Self {
        Self { offset_m: [0.2, -0.3, 0.3], follow: 0.1, centre_z_m: 0.85, hfov_deg: 80.0 }
    }
}

impl CameraRule {
    /// Refuses cameras that see nothing.
    pub fn validate(&self) -> Result<()> {
        let fail = |key, value: f64, allowed| Err(Error::Config { key, value: value.to_string(), allowed });
        let offset = Vector3::from(self.offset_m);
        if !(0.05..=2.0).contains(&offset.norm()) {
            let value = format!("{:?}", self.offset_m);
            return Err(Error::Config { key: "camera.offset_m", value, allowed: "0.05 to 2 m from the tool" });
        }
        if !(0.0..=1.0).contains(&self.follow) {
            return fail("camera.follow", self.follow, "0 to 1");
        }
        if !self.centre_z_m.is_finite() {
            return fail("camera.centre_z_m", self.centre_z_m, "finite");
        }
        if !(20.0..=150.0).contains(&self.hfov_deg) {
            return fail("camera.hfov_deg", self.hfov_deg, "20 to 150");
        }
        Ok(())
    }

    /// The camera for a tool pose, with an image of `side` [px]. An augmented `frame` turns and moves it with the cube;
    /// `bounds_m` are those of the cube as it was.
    pub fn view(
        &self,
        bounds_m: &[f64; 6],
        frame: &CubeFrame,
        world_from_tool: &Pose<World, Tool>,
        side: usize,
    ) -> Result<PerspectiveView> {
        if !world_from_tool.is_valid() {
            return Err(Error::Pose { what: "the tool", found: format!("{world_from_tool:?}") });
        }
        let tool = world_from_tool.position();
        let middle = |cube: &CubeFrame| cube.world_from_cube(&Vector3::zeros());
        let mut centre = middle(frame);
        let lifted_m = centre.z - middle(&CubeFrame::from_bounds(bounds_m)).z;
        centre.z = self.centre_z_m + lifted_m;
        let eye = tool + frame.rotation() * Vector3::from(self.offset_m);
        let at = centre + (tool - centre) * self.follow;
        Ok(PerspectiveView::looking(eye, at, self.hfov_deg.to_radians(), side)?)
    }
}

/// Draws clips. All frames of a clip are seen by one camera, that of the current observation: what differs between them
/// has moved in the world, be it the hand or the target, and not because the camera did.
#[derive(Clone, Debug)]
pub struct ClipRenderer {
    renderer: PerspectiveRenderer,
}

impl ClipRenderer {
    /// With the published splats.
    pub fn new() -> Result<Self> {
        Ok(Self { renderer: PerspectiveRenderer::new(SPLAT_RADIUS_M)? })
    }

    /// Appends (frames, 3, side, side) colours in [0, 1], oldest frame first.
    pub fn append(&mut self, out: &mut Vec<f32>, clouds: &[&Cloud], view: &PerspectiveView) {
        for cloud in clouds {
            let start = out.len();
            out.resize(start + 3 * view.side() * view.side(), 0.0);
            self.renderer.draw(&cloud.xyz_in_world, view);
            self.renderer.colours_into(&cloud.rgb, &mut out[start..]);
        }
    }

    /// Appends the scene as a fourth view of the static stream: (c, side, side), the channels of the orthographic
    /// views, x y z in `frame`'s cube and depth in units of the whole cube, `depth_per_m`. Of a `marked` body the tool and the
    /// last key-frame are marked at their projections, in two channels more.
    pub fn append_view(
        &mut self,
        out: &mut Vec<f32>,
        cloud: &Cloud,
        frame: &CubeFrame,
        depth_per_m: f64,
        marked: Option<&Body>,
        view: &PerspectiveView,
    ) {
        let (side, area) = (view.side(), view.side() * view.side());
        let start = out.len();
        let channels = VIEW_CHANNELS - if marked.is_some() { 0 } else { MARKERS };
        out.resize(start + channels as usize * area, 0.0);
        let planes = &mut out[start..];
        self.renderer.draw(&cloud.xyz_in_world, view);
        let drawn = &mut planes[..CHANNELS * area];
        self.renderer.channels_into(&cloud.xyz_in_world, &cloud.rgb, frame, depth_per_m, drawn);
        let Some(body) = marked else { return };
        for (channel, pose) in [(CHANNELS, &body.reached), (CHANNELS + 1, &body.world_from_tool)] {
            if let Some(seen) = view.project(&pose.position()) {
                let pixel = seen.pixel.map(|x| x as f32);
                views::mark(&mut planes[channel * area..(channel + 1) * area], pixel, side);
            }
        }
    }

    /// Index in the last cloud drawn of the point shown at a pixel, or at the closest one that shows any.
    pub fn point_near(&self, column: usize, row: usize) -> Option<usize> {
        self.renderer.point_near(column, row)
    }
}

/// What the gaze is trained to rest on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The tool point where it is.
    Current,
    /// The tool point at the key-frame being approached.
    NextKeyframe,
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Label::Current => "current",
            Label::NextKeyframe => "next_keyframe",
        })
    }
}

/// Appends a (side, side) map of the view's side that sums to one: a Gaussian of `kernel_px` squared around a point of the world,
/// sigma = 0.3 ((kernel - 1) / 2 - 1) + 0.8 (that of OpenCV's `getGaussianKernel`). If the point is not in the image
/// the map is uniform, and the answer false. With the tool point this is the heatmap of forward kinematics.
pub fn append_map(out: &mut Vec<f32>, view: &PerspectiveView, p_in_world: &Vector3<f64>, kernel_px: usize) -> bool {
    let side = view.side();
    let start = out.len();
    let Some([u, v]) = view.pixel_in_image(p_in_world) else {
        out.resize(start + side * side, 1.0 / (side * side) as f32);
        return false;
    };
    out.resize(start + side * side, 0.0);
    let map = &mut out[start..];
    let half = kernel_px.saturating_sub(1) / 2;
    let sigma = 0.3 * (half as f64 - 1.0) + 0.8;
    let range = |x: f64| (x as usize).saturating_sub(half)..(x as usize + half + 1).min(side);
    let mut sum = 0.0;
    for row in range(v) {
        for column in range(u) {
            let squared = (column as f64 + 0.5 - u).powi(2) + (row as f64 + 0.5 - v).powi(2);
            let value = (-squared / (2.0 * sigma * sigma)).exp() as f32;
            map[row * side + column] = value;
            sum += value;
        }
    }
    // The pixel that holds the point is always part of the sum.
    map.iter_mut().for_each(|x| *x /= sum);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::UnitQuaternion;
    use neuraxis_core::Gripper;
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    const BOUNDS_M: [f64; 6] = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];

    fn tool_at(position: Vector3<f64>) -> Pose<World, Tool> {
        Pose::from_parts(position, UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0))
    }

    fn somewhere(rng: &mut Pcg64) -> Vector3<f64> {
        // Where hands are: over the table, from its top to 0.5 m above it.
        Vector3::new(rng.random_range(-0.05..0.5), rng.random_range(-0.35..0.35), rng.random_range(0.77..1.3))
    }

    #[test]
    fn the_tool_moves_over_the_image_and_stays_in_it() {
        let (rule, frame) = (CameraRule::default(), CubeFrame::from_bounds(&BOUNDS_M));
        let mut rng = Pcg64::seed_from_u64(1);
        let (mut pixels, draws) = (Vec::new(), 4000);
        for _ in 0..draws {
            let tool = tool_at(somewhere(&mut rng));
            let view = rule.view(&BOUNDS_M, &frame, &tool, 100).unwrap();
            pixels.extend(view.pixel_in_image(&tool.position()));
        }
        let spread = |axis: usize| {
            let mean = pixels.iter().map(|p| p[axis]).sum::<f64>() / pixels.len() as f64;
            (pixels.iter().map(|p| (p[axis] - mean).powi(2)).sum::<f64>() / pixels.len() as f64).sqrt() / 100.0
        };
        let (across, along) = (spread(0), spread(1));
        let (both, inside) = (across.hypot(along), pixels.len() as f64 / f64::from(draws));
        println!(
            "tool point: std {across:.3} of the width across, {along:.3} along, {both:.3} in all; in frame {inside:.3}"
        );
        assert!(across >= 0.15 && both >= 0.15 && inside >= 0.95, "{across} {along} {inside}");
    }

    #[test]
    fn an_augmented_frame_moves_the_camera_with_it() {
        let rule = CameraRule::default();
        let cube = CubeFrame::from_bounds(&BOUNDS_M);
        let mut rng = Pcg64::seed_from_u64(2);
        for _ in 0..200 {
            let (yaw, tool) = (rng.random_range(-0.5..0.5), somewhere(&mut rng));
            let shift_m = Vector3::from_fn(|_, _| rng.random_range(-0.125..0.125));
            let moved = cube.moved(yaw, shift_m);
            // The same place in the cube's axes is seen at the same pixel.
            let turned = moved.world_from_cube(&cube.cube_from_world(&tool));
            let plain = rule.view(&BOUNDS_M, &cube, &tool_at(tool), 64).unwrap().project(&tool).unwrap();
            let augmented = rule.view(&BOUNDS_M, &moved, &tool_at(turned), 64).unwrap().project(&turned).unwrap();
            assert!((0..2).all(|a| (plain.pixel[a] - augmented.pixel[a]).abs() < 1e-6), "{plain:?} {augmented:?}");
        }
    }

    #[test]
    fn maps_sum_to_one_and_peak_at_the_point_or_are_uniform() {
        let view = PerspectiveView::looking(Vector3::zeros(), Vector3::x(), 1.4, 48).unwrap();
        let mut map = Vec::new();
        // Right is -y: u = 24 - 24 / tan(0.7) * y, v = 24 - the same * z.
        assert!(append_map(&mut map, &view, &Vector3::new(1.0, 0.3, -0.2), 19));
        let focal = 24.0 / 0.7f64.tan();
        let (column, row) = ((24.0 - focal * 0.3) as usize, (24.0 + focal * 0.2) as usize);
        let peak = (0..map.len()).max_by(|a, b| map[*a].total_cmp(&map[*b])).unwrap();
        assert_eq!(peak, row * 48 + column);
        assert!((map.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(map[(row + 10) * 48 + column] == 0.0 && map[(row + 9) * 48 + column] > 0.0);

        let mut map = Vec::new();
        assert!(!append_map(&mut map, &view, &Vector3::new(-1.0, 0.0, 0.0), 19));
        assert!(map.iter().all(|x| *x == 1.0 / (48.0 * 48.0)));
    }

    #[test]
    fn a_clip_shows_what_moved_and_the_fourth_view_marks_the_tool() {
        let (rule, frame) = (CameraRule::default(), CubeFrame::from_bounds(&BOUNDS_M));
        let tool = tool_at(Vector3::new(0.2, 0.0, 1.0));
        let view = rule.view(&BOUNDS_M, &frame, &tool, 64).unwrap();
        let cloud = |y: f32| Cloud { xyz_in_world: vec![[0.3, 0.013, 0.76], [0.3, y, 0.9]], rgb: vec![[255; 3]; 2] };
        let mut renderer = ClipRenderer::new().unwrap();
        let mut clip = Vec::new();
        renderer.append(&mut clip, &[&cloud(-0.1), &cloud(0.1)], &view);
        assert_eq!(clip.len(), 2 * 3 * 64 * 64);
        let lit = |frame: usize, p: [f64; 3]| {
            let [u, v] = view.pixel_in_image(&Vector3::from(p)).unwrap();
            clip[frame * 3 * 64 * 64 + v as usize * 64 + u as usize] == 1.0
        };
        assert!(lit(0, [0.3, 0.013, 0.76]) && lit(1, [0.3, 0.013, 0.76]));
        assert!(lit(0, [0.3, -0.1, 0.9]) && !lit(1, [0.3, -0.1, 0.9]));
        assert!(!lit(0, [0.3, 0.1, 0.9]) && lit(1, [0.3, 0.1, 0.9]));
        let [u, v] = view.pixel_in_image(&Vector3::new(0.3, 0.1, 0.9)).unwrap();
        assert_eq!(renderer.point_near(u as usize, v as usize), Some(1));

        let mut planes = Vec::new();
        let body = Body::new(tool, tool_at(Vector3::new(3.0, 0.0, 1.0)), Gripper::Open, 0.08);
        renderer.append_view(&mut planes, &cloud(0.1), &frame, frame.scale(), Some(&body), &view);
        let area = 64 * 64;
        assert_eq!(planes.len(), VIEW_CHANNELS as usize * area);
        let peak = (0..area).max_by(|a, b| planes[11 * area + a].total_cmp(&planes[11 * area + b])).unwrap();
        let [u, v] = view.pixel_in_image(&tool.position()).unwrap();
        assert_eq!(peak, v as usize * 64 + u as usize);
        assert!(planes[10 * area..11 * area].iter().all(|x| *x == 0.0), "behind the camera is no mark");
        let mut plain = Vec::new();
        renderer.append_view(&mut plain, &cloud(0.1), &frame, frame.scale(), None, &view);
        assert_eq!(plain, planes[..10 * area]);
    }

    #[test]
    fn bad_poses_and_rules_are_refused_by_name() {
        let (frame, nowhere) = (CubeFrame::from_bounds(&BOUNDS_M), tool_at(Vector3::repeat(f64::NAN)));
        let text = CameraRule::default().view(&BOUNDS_M, &frame, &nowhere, 64).unwrap_err().to_string();
        assert!(text.contains("the tool's pose") && text.contains("NaN"), "{text}");
        let rule = CameraRule { hfov_deg: 200.0, ..CameraRule::default() };
        let text = rule.validate().unwrap_err().to_string();
        assert!(text.contains("camera.hfov_deg = 200, allowed: 20 to 150"), "{text}");
        let rule = CameraRule { offset_m: [0.0, f64::NAN, 0.0], ..CameraRule::default() };
        let text = rule.validate().unwrap_err().to_string();
        assert!(text.contains("camera.offset_m") && text.contains("0.05 to 2 m from the tool"), "{text}");
    }
}
