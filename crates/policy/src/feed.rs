//! What the dynamic stream is shown in training and inference: each arm's camera, and the pictures taken through it.
//!
//! A camera is chosen once per sample, with the whole cube, and serves both stages: it stands in the world, where the
//! zoom of the static views does not move it. Of a rendered view only the channels that say where a point is differ
//! between the stages, for they are in the stage's cube. The gaze network's clip has none and is drawn once.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Camera, Pose, Tool};
use neuraxis_vision::{Cloud, CubeFrame, PerspectiveView, gaussian_target};
use tch::Tensor;

use crate::{
    Error, PolicyConfig, Result,
    choices::Dynamic,
    dynamic::{CameraRule, ClipRenderer, append_map},
    gaze::GazeConfig,
    network::DynamicInput,
    sample::Body,
    views,
};

/// Horizontal field of view of the wrist camera [deg].
const WRIST_HFOV_DEG: f64 = 60.0;
/// Side of the square in which the Gaussian of forward kinematics lives [px]: that of the gaze's labels.
const FK_KERNEL_PX: usize = 19;

/// What was observed at a moment, as far as pictures are drawn of it.
#[derive(Copy, Clone, Debug)]
pub struct Moment<'a> {
    /// The scene.
    pub cloud: &'a Cloud,
    /// The scene of the observation before, if there is one that is not too old; only clips show it.
    pub before: Option<&'a Cloud>,
    /// The robot's own state.
    pub body: &'a Body,
}

/// `X_TC` of the wrist camera: that of the RLBench rig, which looks along the fingers, leaning 5 degrees to them. In a
/// picture that goes with the hand the tool stays where it is, and what moves is the world.
pub fn tool_from_wrist_camera() -> Pose<Tool, Camera> {
    let (sin, cos) = 5f64.to_radians().sin_cos();
    let [right, down, forward] = [Vector3::y(), Vector3::new(-cos, 0.0, -sin), Vector3::new(-sin, 0.0, cos)];
    let axes = UnitQuaternion::from_basis_unchecked(&[right, down, forward]);
    Pose::from_parts(Vector3::new(0.05, -0.002, -0.0855), axes)
}

/// Collects the dynamic stream's part of a batch.
#[derive(Clone, Debug)]
pub struct Feed {
    config: PolicyConfig,
    gaze: Option<GazeConfig>,
    renderer: ClipRenderer,
    cameras: Vec<PerspectiveView>,
    views: [Vec<f32>; 2],
    heat: Vec<f32>,
    target: Vec<f32>,
    clip: Vec<f32>,
}

impl Feed {
    /// Empty. Clips are drawn for a gaze network of the shape `gaze`.
    pub fn new(config: &PolicyConfig, gaze: Option<&GazeConfig>) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            gaze: gaze.cloned(),
            renderer: ClipRenderer::new()?,
            cameras: Vec::new(),
            views: Default::default(),
            heat: Vec::new(),
            target: Vec::new(),
            clip: Vec::new(),
        })
    }

    /// Is the scene of the observation before looked at?
    pub fn wants_before(&self) -> bool {
        self.gaze.is_some()
    }

    /// The camera of each sample.
    pub fn cameras(&self) -> &[PerspectiveView] {
        &self.cameras
    }

    /// Adds one scene to stage 0 (`frame` is the whole cube, which an augmentation moves) or 1 (the zoomed one), in the
    /// same order.
    pub fn push(&mut self, stage: usize, moment: &Moment, frame: &CubeFrame) -> Result<()> {
        if stage == 0 {
            let Some(camera) = self.camera(moment.body, frame)? else { return Ok(()) };
            if self.gaze.is_some() {
                self.renderer.append(&mut self.clip, &[moment.before.unwrap_or(moment.cloud), moment.cloud], &camera);
            }
            if self.config.dynamic == Dynamic::FkHeatmap {
                append_map(&mut self.heat, &camera, &moment.body.world_from_tool.position(), FK_KERNEL_PX);
            }
            self.cameras.push(camera);
        }
        if self.config.dynamic.has_view() {
            let values = (self.config.view_channels() * self.config.image_px * self.config.image_px) as usize;
            let planes = &mut self.views[stage];
            let camera = self.cameras.get(planes.len() / values);
            let camera =
                camera.ok_or_else(|| Error::Data("a scene was zoomed into before it was seen whole".into()))?;
            let marked = self.config.markers.then_some(moment.body);
            let depth_per_m = views::cube(&self.config).scale();
            self.renderer.append_view(planes, moment.cloud, frame, depth_per_m, marked, camera);
        }
        Ok(())
    }

    /// Adds the heatmap that the wrist view of the last sample should have: a key-frame's projection, or nothing where
    /// it is outside the picture, from which then nothing is learned.
    pub fn target(&mut self, p_in_world: &Vector3<f64>, sigma_px: f32) {
        if let (Dynamic::WristView, Some(camera)) = (self.config.dynamic, self.cameras.last()) {
            // Behind the camera is outside the picture, too.
            let pixel = camera.project(p_in_world).map_or([-1.0; 2], |seen| seen.pixel.map(|x| x as f32));
            gaussian_target(&mut self.target, pixel, camera.side(), sigma_px);
        }
    }

    /// A rendered arm's part of a stage's input; `None` for the gaze, which answers to [`Feed::clip`].
    pub fn input(&self, stage: usize) -> Result<Option<DynamicInput>> {
        let (b, s) = (self.cameras.len() as i64, self.config.image_px);
        let view = || -> Result<Tensor> {
            Ok(Tensor::f_from_slice(&self.views[stage])?.f_view([b, self.config.view_channels(), s, s])?)
        };
        Ok(match self.config.dynamic {
            Dynamic::Off | Dynamic::Gaze => None,
            Dynamic::WristView => Some(DynamicInput::WristView { view: view()? }),
            Dynamic::FkHeatmap => {
                let heat = Tensor::f_from_slice(&self.heat)?.f_view([b, 1, s, s])?;
                Some(DynamicInput::FkHeatmap { view: view()?, heat })
            }
        })
    }

    /// (b, 2, 3, s, s) colours in [0, 1], s the gaze network's; the older frame first. `None` without one.
    pub fn clip(&self) -> Result<Option<Tensor>> {
        let Some(gaze) = &self.gaze else { return Ok(None) };
        let (b, s) = (self.cameras.len() as i64, gaze.image_px);
        Ok(Some(Tensor::f_from_slice(&self.clip)?.f_view([b, 2, 3, s, s])?))
    }

    /// (b, 1, s, s) probability maps of the wrist view; a map of zeros where the key-frame is not seen.
    pub fn targets(&self) -> Result<Option<Tensor>> {
        if self.target.is_empty() {
            return Ok(None);
        }
        let s = self.config.image_px;
        Ok(Some(Tensor::f_from_slice(&self.target)?.f_view([-1, 1, s, s])?))
    }

    fn camera(&self, body: &Body, frame: &CubeFrame) -> Result<Option<PerspectiveView>> {
        let (tool, side) = (&body.world_from_tool, self.config.image_px as usize);
        Ok(match (self.config.dynamic, &self.gaze) {
            (Dynamic::WristView, _) => {
                let world_from_camera = *tool * tool_from_wrist_camera();
                Some(PerspectiveView::new(world_from_camera, WRIST_HFOV_DEG.to_radians(), side)?)
            }
            (Dynamic::FkHeatmap, _) => Some(CameraRule::default().view(&self.config.bounds_m, frame, tool, side)?),
            (Dynamic::Gaze, Some(gaze)) => {
                Some(gaze.camera.view(&gaze.bounds_m, frame, tool, gaze.image_px as usize)?)
            }
            (Dynamic::Gaze, None) | (Dynamic::Off, _) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuraxis_core::Gripper;

    fn config(dynamic: Dynamic) -> PolicyConfig {
        PolicyConfig { dynamic, image_px: 32, ..PolicyConfig::default() }
    }

    /// A hand 0.3 m above the table that points down.
    fn body() -> Body {
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let tool = Pose::from_parts(Vector3::new(0.21, 0.03, 1.05), down);
        Body::new(tool, tool, Gripper::Open, 0.08)
    }

    /// A table.
    fn cloud(red: u8) -> Cloud {
        let at = |i: i32| [0.01 * (i % 60) as f32 - 0.1, 0.01 * (i / 60) as f32 - 0.3, 0.75];
        Cloud { xyz_in_world: (0..3600).map(at).collect(), rgb: vec![[red, 90, 30]; 3600] }
    }

    #[test]
    fn the_wrist_camera_is_that_of_the_rig_and_looks_ahead_of_the_fingers() {
        let pose = tool_from_wrist_camera();
        let axis = |v: Vector3<f64>| pose.rotation() * v;
        for (found, printed) in [
            (axis(Vector3::x()), [0.0, 1.0, 0.0]),
            (axis(Vector3::y()), [-0.9962, 0.0, -0.0872]),
            (axis(Vector3::z()), [-0.0872, 0.0, 0.9962]),
        ] {
            assert!((found - Vector3::from(printed)).norm() < 1e-4, "{found} {printed:?}");
        }
        // The tool is at the same pixel however the hand is turned.
        let mut feed = Feed::new(&config(Dynamic::WristView), None).unwrap();
        let turned = UnitQuaternion::from_euler_angles(2.5, 0.4, 1.0);
        let other = Body { world_from_tool: Pose::from_parts(Vector3::new(0.3, 0.1, 1.2), turned), ..body() };
        let scene = cloud(200);
        let pixels = [body(), other].map(|body| {
            let moment = Moment { cloud: &scene, before: None, body: &body };
            feed.push(0, &moment, &views::cube(&config(Dynamic::WristView))).unwrap();
            feed.cameras()[feed.cameras().len() - 1].pixel_in_image(&body.world_from_tool.position()).unwrap()
        });
        assert!((0..2).all(|a| (pixels[0][a] - pixels[1][a]).abs() < 1e-9), "{pixels:?}");
    }

    #[test]
    fn both_stages_see_one_view_in_their_own_cubes() {
        for dynamic in [Dynamic::WristView, Dynamic::FkHeatmap] {
            for markers in [true, false] {
                let config = PolicyConfig { markers, ..config(dynamic) };
                let mut feed = Feed::new(&config, None).unwrap();
                let (scene, body) = (cloud(200), body());
                let moment = Moment { cloud: &scene, before: None, body: &body };
                let whole = views::cube(&config);
                feed.push(0, &moment, &whole).unwrap();
                feed.push(1, &moment, &whole.zoomed(&Vector3::new(0.1, 0.0, -0.5), 4.0)).unwrap();
                let [coarse, fine] = [0, 1].map(|stage| feed.input(stage).unwrap().unwrap());
                let view = |input: &DynamicInput| input.view().unwrap().shallow_clone();
                assert_eq!(view(&coarse).size(), [1, config.view_channels(), 32, 32]);
                let channel = |input: &DynamicInput, c: i64| view(input).narrow(1, c, 3);
                assert_ne!(channel(&coarse, 0), channel(&fine, 0));
                // Colours and depth: the camera stays where it is.
                assert_eq!(view(&coarse).narrow(1, 3, 4), view(&fine).narrow(1, 3, 4));
                assert!(channel(&coarse, 3).max().double_value(&[]) > 0.7, "something is seen");
                if dynamic == Dynamic::FkHeatmap {
                    let heat = coarse.heat().unwrap();
                    assert!((heat.sum(tch::Kind::Float).double_value(&[]) - 1.0).abs() < 1e-5);
                    assert_eq!(heat, fine.heat().unwrap());
                    let [u, v] = feed.cameras()[0].pixel_in_image(&body.world_from_tool.position()).unwrap();
                    let peak = i64::try_from(heat.view([-1]).argmax(0, false)).unwrap();
                    assert_eq!(peak, v as i64 * 32 + u as i64);
                }
            }
        }
        let mut feed = Feed::new(&config(Dynamic::WristView), None).unwrap();
        let (scene, body) = (cloud(200), body());
        let moment = Moment { cloud: &scene, before: None, body: &body };
        let text = feed.push(1, &moment, &views::cube(&config(Dynamic::Off))).unwrap_err().to_string();
        assert!(text.contains("zoomed into before it was seen whole"), "{text}");
    }

    #[test]
    fn the_wrist_view_is_taught_the_key_frame_that_it_shows() {
        let mut feed = Feed::new(&config(Dynamic::WristView), None).unwrap();
        let (scene, body) = (cloud(200), body());
        let moment = Moment { cloud: &scene, before: None, body: &body };
        for p in [Vector3::new(0.22, 0.05, 0.8), Vector3::new(0.2, 0.0, 1.5), Vector3::new(0.7, 0.5, 0.8)] {
            feed.push(0, &moment, &views::cube(&config(Dynamic::WristView))).unwrap();
            feed.target(&p, 1.5);
        }
        let targets = feed.targets().unwrap().unwrap();
        assert_eq!(targets.size(), [3, 1, 32, 32]);
        let sums = Vec::<f32>::try_from(targets.sum_dim_intlist([1i64, 2, 3].as_slice(), false, None)).unwrap();
        assert!((sums[0] - 1.0).abs() < 1e-5 && sums[1..] == [0.0, 0.0], "{sums:?}");
        let [u, v] = feed.cameras()[0].pixel_in_image(&Vector3::new(0.22, 0.05, 0.8)).unwrap();
        let peak = i64::try_from(targets.get(0).view([-1]).argmax(0, false)).unwrap();
        assert_eq!(peak, v as i64 * 32 + u as i64);
    }

    #[test]
    fn a_clip_shows_the_scene_before_or_the_current_one_twice() {
        let gaze = GazeConfig { image_px: 64, ..GazeConfig::small() };
        let mut feed = Feed::new(&config(Dynamic::Gaze), Some(&gaze)).unwrap();
        assert!(feed.wants_before());
        let (old, new, body) = (cloud(40), cloud(200), body());
        for before in [Some(&old), None] {
            let moment = Moment { cloud: &new, before, body: &body };
            feed.push(0, &moment, &views::cube(&config(Dynamic::Gaze))).unwrap();
            feed.push(1, &moment, &views::cube(&config(Dynamic::Gaze))).unwrap();
        }
        let clip = feed.clip().unwrap().unwrap();
        assert_eq!(clip.size(), [2, 2, 3, 64, 64]);
        let brightest = |sample: i64, frame: i64| clip.get(sample).get(frame).get(0).max().double_value(&[]);
        assert!((brightest(0, 0) - 40.0 / 255.0).abs() < 1e-6 && brightest(0, 1) > 0.7);
        assert_eq!(clip.get(1).get(0), clip.get(1).get(1));
        assert!(feed.input(0).unwrap().is_none());
    }
}
