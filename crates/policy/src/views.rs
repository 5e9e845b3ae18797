//! What the networks see of a scene: rendered views with two marker channels, and targets in the same pixels.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::Observation;
use neuraxis_vision::{
    Cloud, CubeFrame, FuseConfig, OrthoView, RenderConfig, Renderer, VisionError, arg_max_3d, fuse_into,
    gaussian_target,
};

use crate::{
    PolicyConfig, Result,
    network::{VIEW_CHANNELS, VIEWS},
    sample::Body,
};

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
    let config =
        FuseConfig { bounds_m: config.bounds_m, plane_z_m: Some(config.plane_z_m), plane_half_thickness_m: 0.006 };
    fuse_into(observation, &config, cloud)
}

/// The cube of a configuration.
pub fn cube(config: &PolicyConfig) -> CubeFrame {
    CubeFrame::from_bounds(&config.bounds_m)
}

/// Orientation seen from a cube.
pub fn rotation_in(frame: &CubeFrame, world_from_tool: &UnitQuaternion<f64>) -> UnitQuaternion<f64> {
    frame.rotation().inverse() * world_from_tool
}

/// Appends the (views, channels, side, side) input of one scene.
pub fn append(out: &mut Vec<f32>, cloud: &Cloud, frame: &CubeFrame, body: &Body, config: &PolicyConfig) {
    let side = config.image_px as usize;
    let area = side * side;
    let start = out.len();
    out.resize(start + (VIEWS * VIEW_CHANNELS) as usize * area, 0.0);
    let mut renderer = Renderer::new(RenderConfig { side, splat_px: SPLAT_PX });
    renderer.render_into(&cloud.xyz_in_world, &cloud.rgb, frame, VIEW_CHANNELS as usize, &mut out[start..]);
    for (planes, view) in out[start..].chunks_exact_mut(VIEW_CHANNELS as usize * area).zip(OrthoView::ALL) {
        for (channel, pose) in [(10, &body.reached), (11, &body.world_from_tool)] {
            let p = frame.cube_from_world(&pose.position());
            let pixel = view.pixel([p.x as f32, p.y as f32, p.z as f32], side);
            mark(&mut planes[channel * area..(channel + 1) * area], pixel, side);
        }
    }
}

/// Appends the (views, side, side) target maps of a point; outside the cube they are zero.
pub fn append_target(out: &mut Vec<f32>, point: &Vector3<f64>, side: i64, sigma_px: f32) {
    for view in OrthoView::ALL {
        let pixel = view.pixel([point.x as f32, point.y as f32, point.z as f32], side as usize);
        gaussian_target(out, pixel, side as usize, sigma_px);
    }
}

/// The point at which three heatmaps meet, in their cube.
pub fn arg_max(heat: &[f32], side: i64) -> Result<Vector3<f64>> {
    Ok(arg_max_3d(heat, side as usize)?.point_in_cube)
}

/// Probability within two pixels of a point's projections, averaged over the views.
pub fn mass_at(probability: &[f32], point: &Vector3<f64>, side: i64) -> f32 {
    let n = side as isize;
    let mut sum = 0.0;
    for (map, view) in probability.chunks((side * side) as usize).zip(OrthoView::ALL) {
        let [u, v] = view.pixel([point.x as f32, point.y as f32, point.z as f32], side as usize).map(|x| x as isize);
        for row in (v - 2).max(0)..(v + 3).min(n) {
            for column in (u - 2).max(0)..(u + 3).min(n) {
                sum += map[(row * n + column) as usize];
            }
        }
    }
    sum / VIEWS as f32
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
