//! RGB-D images fused to one coloured cloud in the world frame.

use neuraxis_core::{CameraView, Observation};
use serde::{Deserialize, Serialize};

use crate::{
    FrozenWatch, MOST_POINTS, VisionError,
    health::{CameraFault, MaskedCamera, dead},
};

/// Fewer points than this are not a scene.
const LEAST: usize = 100;

/// Coloured points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    /// Positions in the world [m].
    pub xyz_in_world: Vec<[f32; 3]>,
    /// Colours.
    pub rgb: Vec<[u8; 3]>,
}

/// What to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FuseConfig {
    /// [x_min, y_min, z_min, x_max, y_max, z_max] in the world [m].
    pub bounds_m: [f64; 6],
    /// Height of a large plane (the table) of which one pixel in four is enough [m].
    pub plane_z_m: Option<f64>,
    /// Points within this distance of the plane belong to it [m].
    pub plane_half_thickness_m: f64,
}

impl Default for FuseConfig {
    /// The 1 m cube over the table of the RLBench rig, its table thinned.
    fn default() -> Self {
        Self { bounds_m: [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6], plane_z_m: Some(0.75), plane_half_thickness_m: 0.006 }
    }
}

impl FuseConfig {
    /// Refuses values with which no cloud can be made.
    pub fn validate(&self) -> Result<(), VisionError> {
        let refuse = |key, value, allowed| Err(VisionError::Config { key, value, allowed });
        let b = &self.bounds_m;
        if !(0..3).all(|a| b[a].is_finite() && b[a + 3].is_finite() && b[a] < b[a + 3]) {
            return refuse("bounds_m", format!("{b:?}"), "six finite numbers, each minimum below its maximum");
        }
        if self.plane_z_m.is_some_and(|z| !z.is_finite()) {
            return refuse("plane_z_m", format!("{:?}", self.plane_z_m), "a finite height or nothing");
        }
        let half = self.plane_half_thickness_m;
        if !(half.is_finite() && half >= 0.0) {
            return refuse("plane_half_thickness_m", half.to_string(), "0 or more, finite");
        }
        Ok(())
    }
}

impl Cloud {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.xyz_in_world.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.xyz_in_world.is_empty()
    }
}

/// [`fuse_into`] a new cloud.
pub fn fuse(observation: &Observation, config: &FuseConfig) -> Result<Cloud, VisionError> {
    let mut cloud = Cloud::default();
    fuse_into(observation, config, &mut cloud)?;
    Ok(cloud)
}

/// Fuses all cameras into `cloud`, replacing its contents. The order is that of the cameras and their pixels, so equal
/// observations give equal clouds. Allocates only while the buffers grow.
///
/// Pixels without depth and points outside the bounds are dropped. Of the plane only pixels with even column and
/// row are kept: it is flat and fills most of each image. Of more points than [`MOST_POINTS`] every n-th is kept, with the least
/// n that leaves no more.
pub fn fuse_into(observation: &Observation, config: &FuseConfig, cloud: &mut Cloud) -> Result<(), VisionError> {
    cloud.xyz_in_world.clear();
    cloud.rgb.clear();
    for camera in &observation.cameras {
        add_camera(camera, config, cloud)?;
    }
    thin(cloud, MOST_POINTS);
    if cloud.len() < LEAST {
        return Err(VisionError::EmptyCloud { points: cloud.len(), least: LEAST });
    }
    Ok(())
}

/// [`fuse_into`] with the cameras that can be used: one that is dead, frozen (says `watch`) or malformed is left out and named
/// in `masked` instead of refusing the whole observation.
///
/// # Errors
/// Without any usable camera, and with too few points from those that are; `masked` is whole then, too.
pub fn fuse_usable_into(
    observation: &Observation,
    config: &FuseConfig,
    watch: &mut FrozenWatch,
    cloud: &mut Cloud,
    masked: &mut Vec<MaskedCamera>,
) -> Result<(), VisionError> {
    cloud.xyz_in_world.clear();
    cloud.rgb.clear();
    masked.clear();
    for camera in &observation.cameras {
        let is_frozen = watch.is_frozen(camera, &observation.world_from_tool);
        let fault = dead(camera).or(is_frozen.then_some(CameraFault::Frozen));
        let fault = fault.or_else(|| match add_camera(camera, config, cloud) {
            Ok(()) => None,
            Err(VisionError::Camera { reason, .. }) => Some(CameraFault::Malformed(reason)),
            Err(other) => Some(CameraFault::Malformed(other.to_string())),
        });
        if let Some(fault) = fault {
            masked.push(MaskedCamera { name: camera.name.clone(), fault });
        }
    }
    if masked.len() == observation.cameras.len() {
        let reasons: Vec<String> = masked.iter().map(MaskedCamera::to_string).collect();
        let reasons = if reasons.is_empty() { "the observation holds none".into() } else { reasons.join("; ") };
        return Err(VisionError::NoCamera(reasons));
    }
    thin(cloud, MOST_POINTS);
    if cloud.len() < LEAST {
        return Err(VisionError::EmptyCloud { points: cloud.len(), least: LEAST });
    }
    Ok(())
}

/// Keeps every n-th point, so that no more than `most` are left; all where there are no more.
fn thin(cloud: &mut Cloud, most: usize) {
    let every = cloud.len().div_ceil(most);
    if every > 1 {
        let kept = cloud.len().div_ceil(every);
        for i in 0..kept {
            cloud.xyz_in_world[i] = cloud.xyz_in_world[every * i];
            cloud.rgb[i] = cloud.rgb[every * i];
        }
        cloud.xyz_in_world.truncate(kept);
        cloud.rgb.truncate(kept);
    }
}

fn add_camera(camera: &CameraView, config: &FuseConfig, cloud: &mut Cloud) -> Result<(), VisionError> {
    let refuse = |reason: String| VisionError::Camera { camera: camera.name.to_string(), reason };
    let k = &camera.intrinsics;
    let pixels = k.width as usize * k.height as usize;
    if pixels == 0 || camera.depth_m.len() != pixels || camera.rgb.len() != 3 * pixels {
        return Err(refuse(format!(
            "{}x{} image with {} depth values and {} colour bytes",
            k.width,
            k.height,
            camera.depth_m.len(),
            camera.rgb.len()
        )));
    }
    if ![k.fx, k.fy, k.cx, k.cy].iter().all(|x| x.is_finite()) || k.fx <= 0.0 || k.fy <= 0.0 {
        return Err(refuse(format!("intrinsics are not finite and positive: {k:?}")));
    }
    if !camera.world_from_camera.is_valid() {
        return Err(refuse("its pose is not a finite rigid transform".into()));
    }
    // Everything that depends on the camera alone, in f32, before the loop over its pixels:
    // p_world = z * (row + column) + t, where row and column carry the ray's direction turned into the world.
    let rotation = camera.world_from_camera.rotation().to_rotation_matrix();
    let r = rotation.matrix().map(|x| x as f32);
    let t = camera.world_from_camera.position().map(|x| x as f32);
    let [low, high] = [0, 3].map(|i| [0, 1, 2].map(|j| config.bounds_m[i + j] as f32));
    // NaN lies within no distance of anything: without a plane nothing is thinned.
    let plane = config.plane_z_m.map_or(f32::NAN, |z| z as f32);
    let half = config.plane_half_thickness_m as f32;
    let (inverse_fx, inverse_fy) = (1.0 / k.fx as f32, 1.0 / k.fy as f32);
    let width = k.width as usize;
    let colours = camera.rgb.as_chunks::<3>().0;
    for (v, (depths, colours)) in camera.depth_m.chunks_exact(width).zip(colours.chunks_exact(width)).enumerate() {
        let y = (v as f32 - k.cy as f32) * inverse_fy;
        let row = [0, 1, 2].map(|a| r[(a, 1)] * y + r[(a, 2)]);
        for (u, (&z, rgb)) in depths.iter().zip(colours).enumerate() {
            // Infinity fails at the bounds.
            if z.is_nan() || z <= 0.0 {
                continue;
            }
            let x = (u as f32 - k.cx as f32) * inverse_fx;
            let p = [0, 1, 2].map(|a| (r[(a, 0)] * x + row[a]) * z + t[a]);
            let inside = (0..3).all(|a| p[a] >= low[a] && p[a] <= high[a]);
            let thinned = (p[2] - plane).abs() < half && (u | v) & 1 == 1;
            if inside && !thinned {
                cloud.xyz_in_world.push(p);
                cloud.rgb.push(*rgb);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Intrinsics, Joints, Nanos, Pose, Progress};

    fn looking_down(depth_m: f32) -> Observation {
        let side = 64;
        let world_from_camera = Pose::from_parts(
            Vector3::new(0.1, 0.0, 1.75),
            UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI),
        );
        let camera = CameraView {
            name: "top".into(),
            intrinsics: Intrinsics { width: side, height: side, fx: 80.0, fy: 80.0, cx: 31.5, cy: 31.5 },
            world_from_camera,
            rgb: vec![90; (3 * side * side) as usize],
            depth_m: vec![depth_m; (side * side) as usize],
        };
        Observation {
            seq: 0,
            stamp: Nanos(0),
            cameras: vec![camera],
            q: Joints::zeros(7),
            world_from_tool: Pose::identity(),
            gripper_width_m: 0.0,
            progress: Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 },
        }
    }

    #[test]
    fn a_plane_is_found_at_its_height_and_thinned() {
        let mut cloud = Cloud::default();
        fuse_into(&looking_down(1.0), &FuseConfig::default(), &mut cloud).unwrap();
        assert_eq!(cloud.len(), 32 * 32);
        assert!(cloud.xyz_in_world.iter().all(|p| (p[2] - 0.75).abs() < 1e-5));
        let mean_x = cloud.xyz_in_world.iter().map(|p| p[0]).sum::<f32>() / cloud.len() as f32;
        assert!((mean_x - 0.1).abs() < 0.01, "{mean_x}");
        fuse_into(&looking_down(0.95), &FuseConfig::default(), &mut cloud).unwrap();
        assert_eq!(cloud.len(), 64 * 64);
        let unthinned = FuseConfig { plane_z_m: None, ..FuseConfig::default() };
        assert_eq!(fuse(&looking_down(1.0), &unthinned).unwrap().len(), 64 * 64);
    }

    #[test]
    fn every_point_projects_back_onto_the_pixel_it_came_from() {
        let mut observation = looking_down(1.0);
        // A tilted camera, a depth and a colour of its own at each pixel; a few without a reading.
        let camera = &mut observation.cameras[0];
        camera.world_from_camera = Pose::from_parts(
            Vector3::new(0.1, -0.2, 1.7),
            UnitQuaternion::from_euler_angles(std::f64::consts::PI - 0.2, 0.1, 0.7),
        );
        for i in 0..64 * 64 {
            camera.depth_m[i] = [0.0, f32::INFINITY, f32::NAN, -0.5, 0.6, 0.7, 0.65][i % 7];
            camera.rgb[3 * i..3 * i + 2].copy_from_slice(&[(i % 64) as u8, (i / 64) as u8]);
        }
        // Wide bounds: nothing but missing readings may drop out.
        let config =
            FuseConfig { bounds_m: [-9.0, -9.0, -9.0, 9.0, 9.0, 9.0], plane_z_m: None, ..FuseConfig::default() };
        let cloud = fuse(&observation, &config).unwrap();
        assert_eq!(cloud.len(), (0..64 * 64).filter(|i| i % 7 > 3).count());
        let camera = &observation.cameras[0];
        for (p, [u, v, _]) in cloud.xyz_in_world.iter().zip(&cloud.rgb) {
            let p = Vector3::from(p.map(f64::from)) - camera.world_from_camera.position();
            let p = camera.world_from_camera.rotation().inverse() * p;
            let pixel = [80.0 * p.x / p.z + 31.5, 80.0 * p.y / p.z + 31.5];
            assert!((pixel[0] - f64::from(*u)).abs() < 1e-3 && (pixel[1] - f64::from(*v)).abs() < 1e-3, "{pixel:?}");
            let depth = camera.depth_m[usize::from(*v) * 64 + usize::from(*u)];
            assert!((p.z - f64::from(depth)).abs() < 1e-5);
        }
    }

    #[test]
    fn unusable_configurations_are_refused() {
        assert_eq!(FuseConfig::default().validate(), Ok(()));
        let mut config = FuseConfig::default();
        config.bounds_m[4] = -0.5;
        assert!(config.validate().unwrap_err().to_string().contains("bounds_m"));
        let config = FuseConfig { plane_half_thickness_m: f64::NAN, ..FuseConfig::default() };
        assert!(config.validate().unwrap_err().to_string().contains("plane_half_thickness_m = NaN"));
    }

    /// A picture that is not blank.
    fn lively(name: &str) -> CameraView {
        let mut camera = looking_down(1.0).cameras.remove(0);
        camera.name = name.into();
        camera.rgb = (0..camera.rgb.len()).map(|i| (i % 251) as u8).collect();
        camera
    }

    #[test]
    fn dead_cameras_are_left_out_and_the_others_used() {
        let mut observation = looking_down(1.0);
        let [mut blank, mut deaf, mut bent] = ["blank", "deaf", "bent"].map(lively);
        blank.rgb.fill(0);
        deaf.depth_m.fill(f32::NAN);
        bent.intrinsics.fx = f64::NAN;
        observation.cameras = vec![blank.clone(), lively("good"), deaf.clone(), bent.clone()];
        let mut cloud = Cloud::default();
        let mut masked = Vec::new();
        let mut watch = FrozenWatch::default();
        fuse_usable_into(&observation, &FuseConfig::default(), &mut watch, &mut cloud, &mut masked).unwrap();
        let words: Vec<String> = masked.iter().map(MaskedCamera::to_string).collect();
        let blank_words = "blank: its picture is blank (black or white all over, or one colour at one depth)";
        assert_eq!(words[..2], [blank_words, "deaf: hardly any depth reading"]);
        assert!(words[2].starts_with("bent: intrinsics are not finite"), "{words:?}");
        // What is left is the cloud of the good one alone.
        observation.cameras = vec![lively("good")];
        assert_eq!(cloud, fuse(&observation, &FuseConfig::default()).unwrap());

        observation.cameras = vec![blank, deaf];
        let mut refusal = |observation: &Observation| {
            let fused = fuse_usable_into(observation, &FuseConfig::default(), &mut watch, &mut cloud, &mut masked);
            (fused.unwrap_err().to_string(), masked.len(), cloud.is_empty())
        };
        let (text, unusable, is_empty) = refusal(&observation);
        assert_eq!(text, format!("no camera can be used: {blank_words}; deaf: hardly any depth reading"));
        assert_eq!((unusable, is_empty), (2, true), "a refusal names its cameras, too");
        observation.cameras.clear();
        let (text, ..) = refusal(&observation);
        assert!(text.contains("the observation holds none"), "{text}");
        // A camera that sees, but nothing inside the bounds.
        let mut far = lively("far");
        far.depth_m.fill(30.0);
        observation.cameras = vec![far];
        let (text, ..) = refusal(&observation);
        assert!(text.contains("0 points inside the bounds"), "{text}");
    }

    #[test]
    fn a_frozen_camera_is_left_out_and_a_moving_one_used() {
        let (mut cloud, mut masked, mut watch) = (Cloud::default(), Vec::new(), FrozenWatch::default());
        let mut observation = looking_down(1.0);
        observation.cameras = vec![lively("good"), lively("stuck")];
        fuse_usable_into(&observation, &FuseConfig::default(), &mut watch, &mut cloud, &mut masked).unwrap();
        assert_eq!(masked, []);
        let both = cloud.len();
        observation.world_from_tool.iso.translation.x += 0.05;
        observation.cameras[0].rgb[0] ^= 1;
        fuse_usable_into(&observation, &FuseConfig::default(), &mut watch, &mut cloud, &mut masked).unwrap();
        assert_eq!(
            (masked[0].to_string(), masked.len()),
            ("stuck: its picture stands still while the arm moves".into(), 1)
        );
        assert_eq!(2 * cloud.len(), both);
    }

    #[test]
    fn of_more_points_than_can_be_drawn_every_nth_is_kept() {
        // Three cameras of 1024 x 1024 over the table, each pixel a point.
        let mut observation = looking_down(0.9);
        let (side, pixels) = (1024u32, 1024 * 1024);
        let camera = CameraView {
            intrinsics: Intrinsics { width: side, height: side, fx: 1280.0, fy: 1280.0, cx: 511.5, cy: 511.5 },
            rgb: (0..3 * pixels).map(|i| (i % 251) as u8).collect(),
            depth_m: vec![0.9; pixels],
            ..observation.cameras.remove(0)
        };
        observation.cameras = vec![camera; 3];
        let mut cloud = Cloud::default();
        fuse_into(&observation, &FuseConfig::default(), &mut cloud).unwrap();
        assert_eq!((cloud.len(), cloud.rgb.len()), (3 * pixels / 2, 3 * pixels / 2));
        assert_eq!((cloud.rgb[0], cloud.rgb[1]), ([0, 1, 2], [6, 7, 8]));
        let (mut usable, mut watch) = (Cloud::default(), FrozenWatch::default());
        fuse_usable_into(&observation, &FuseConfig::default(), &mut watch, &mut usable, &mut Vec::new()).unwrap();
        assert_eq!(cloud, usable);
        // It can be drawn.
        let mut renderer = crate::Renderer::new(crate::RenderConfig { side: 32, splat_px: 1.0 });
        let cube = crate::CubeFrame::from_bounds(&FuseConfig::default().bounds_m);
        let mut out = vec![0.0; 3 * crate::CHANNELS * 32 * 32];
        renderer.render_into(&cloud.xyz_in_world, &cloud.rgb, &cube, crate::CHANNELS, &mut out);

        for (points, most, left) in [(10, 10, 10), (11, 10, 6), (20, 10, 10), (21, 10, 7), (99, 10, 10)] {
            let mut cloud = Cloud { xyz_in_world: vec![[0.0; 3]; points], rgb: vec![[0; 3]; points] };
            thin(&mut cloud, most);
            assert_eq!((cloud.len(), cloud.rgb.len()), (left, left), "{points}");
        }
    }

    #[test]
    fn unusable_cameras_are_named() {
        let mut cloud = Cloud::default();
        let text = fuse_into(&looking_down(f32::NAN), &FuseConfig::default(), &mut cloud).unwrap_err().to_string();
        assert!(text.contains("0 points inside the bounds"), "{text}");
        let mut observation = looking_down(1.0);
        observation.cameras[0].intrinsics.fx = f64::NAN;
        let text = fuse_into(&observation, &FuseConfig::default(), &mut cloud).unwrap_err().to_string();
        assert!(text.contains("camera top") && text.contains("intrinsics"), "{text}");
        let mut observation = looking_down(1.0);
        observation.cameras[0].depth_m.pop();
        assert!(
            fuse_into(&observation, &FuseConfig::default(), &mut cloud).unwrap_err().to_string().contains("camera top")
        );
    }
}
