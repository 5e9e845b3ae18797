//! What the networks see of a scene: rendered views with two marker channels, and targets in the same pixels.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::Observation;
use neuraxis_vision::{
    CameraFault, Cloud, CubeFrame, FrozenWatch, FuseConfig, MaskedCamera, OrthoView, RenderConfig, Renderer,
    VisionError, arg_max_3d, fuse_into, fuse_usable_into, gaussian_target,
};

use crate::{PolicyConfig, Result, network::VIEWS, sample::Body};

/// Pixels take the colour of a neighbour closer than this [px].
const SPLAT_PX: f32 = 1.5;
/// Width of the blobs that mark the tool and the last key-frame [px].
const MARKER_SIGMA_PX: f32 = 3.0;

/// Fuses an observation the way the networks were trained.
pub fn fuse(
    observation: &Observation,
    config: &PolicyConfig,
    cloud: &mut Cloud,
) -> std::result::Result<(), VisionError> {
    fuse_into(observation, &fuse_config(config), cloud)
}

/// [`fuse`] of those cameras that can be used; `watch` has seen the observations before. `masked` names the others, the
/// `expected` ones that are missing among them, in a refusal, too.
pub fn fuse_usable(
    observation: &Observation,
    expected: &[String],
    config: &PolicyConfig,
    watch: &mut FrozenWatch,
    cloud: &mut Cloud,
    masked: &mut Vec<MaskedCamera>,
) -> std::result::Result<(), VisionError> {
    let fused = fuse_usable_into(observation, &fuse_config(config), watch, cloud, masked);
    for name in expected {
        if !observation.cameras.iter().any(|camera| *camera.name == **name) {
            masked.push(MaskedCamera { name: name.as_str().into(), fault: CameraFault::Missing });
        }
    }
    fused
}

fn fuse_config(config: &PolicyConfig) -> FuseConfig {
    FuseConfig { bounds_m: config.bounds_m, plane_z_m: Some(config.plane_z_m), plane_half_thickness_m: 0.006 }
}

/// The cube of a configuration.
pub fn cube(config: &PolicyConfig) -> CubeFrame {
    CubeFrame::from_bounds(&config.bounds_m)
}

/// The cube of the fine stage around what the coarse one found.
pub fn fine(coarse: &CubeFrame, centre_in_cube: &Vector3<f64>, config: &PolicyConfig) -> CubeFrame {
    coarse.zoomed(centre_in_cube, config.zoom).foveated(config.fovea)
}

/// Orientation seen from a cube.
pub fn rotation_in(frame: &CubeFrame, world_from_tool: &UnitQuaternion<f64>) -> UnitQuaternion<f64> {
    frame.rotation().inverse() * world_from_tool
}

/// Draws the views of a configuration.
pub fn renderer(config: &PolicyConfig) -> Renderer {
    Renderer::new(RenderConfig { side: config.image_px as usize, splat_px: SPLAT_PX })
}

/// Appends the (views, channels, side, side) input of one scene.
pub fn append(
    out: &mut Vec<f32>,
    renderer: &mut Renderer,
    cloud: &Cloud,
    frame: &CubeFrame,
    body: &Body,
    config: &PolicyConfig,
) {
    let side = config.image_px as usize;
    let area = side * side;
    let channels = config.view_channels() as usize;
    let start = out.len();
    out.resize(start + VIEWS as usize * channels * area, 0.0);
    renderer.render_into(&cloud.xyz_in_world, &cloud.rgb, frame, channels, &mut out[start..]);
    if !config.markers {
        return;
    }
    for (planes, view) in out[start..].chunks_exact_mut(channels * area).zip(OrthoView::ALL) {
        for (channel, pose) in [(10, &body.reached), (11, &body.world_from_tool)] {
            let p = frame.cube_from_world(&pose.position());
            let pixel = view.pixel([p.x as f32, p.y as f32, p.z as f32], side);
            mark(&mut planes[channel * area..(channel + 1) * area], pixel, side);
        }
    }
}

/// Appends the (views, side, side) target maps of a point; of one outside the cube some are zero, and the answer false.
pub fn append_target(out: &mut Vec<f32>, point: &Vector3<f64>, side: i64, sigma_px: f32) -> bool {
    let mut is_seen = true;
    for view in OrthoView::ALL {
        let pixel = view.pixel([point.x as f32, point.y as f32, point.z as f32], side as usize);
        is_seen &= gaussian_target(out, pixel, side as usize, sigma_px);
    }
    is_seen
}

/// The point at which three heatmaps meet, in their cube.
pub fn arg_max(heat: &[f32], side: i64) -> Result<Vector3<f64>> {
    Ok(arg_max_3d(heat, side as usize)?.point_in_cube)
}

/// Draws the blob of a marker at a pixel.
pub(crate) fn mark(plane: &mut [f32], [u, v]: [f32; 2], side: usize) {
    plane.fill(0.0);
    let reach = (3.0 * MARKER_SIGMA_PX).ceil();
    let range = |x: f32| {
        let low = (x - reach).clamp(0.0, side as f32) as usize;
        let high = (x + reach + 1.0).clamp(0.0, side as f32) as usize;
        low..high
    };
    for row in range(v) {
        for column in range(u) {
            let (dx, dy) = (column as f32 + 0.5 - u, row as f32 + 0.5 - v);
            plane[row * side + column] = (-(dx * dx + dy * dy) / (2.0 * MARKER_SIGMA_PX * MARKER_SIGMA_PX)).exp();
        }
    }
}
