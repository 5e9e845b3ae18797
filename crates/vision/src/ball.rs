//! Where a coloured ball is: the mark that cameras are calibrated by.

use nalgebra::{Matrix3, Vector3};
use neuraxis_core::CameraView;

/// Fewer pixels than this are no ball.
const LEAST_PIXELS: usize = 24;
/// A pixel's hue may be this far from the ball's, the others of it [degrees].
const HUE_DEG: f64 = 22.0;
/// A pixel without colour, or in the dark, is nobody's.
const LEAST_SATURATION: f64 = 0.4;
const LEAST_VALUE: f64 = 0.15;
/// Points lie this near to the ball's surface [m], or its radius by this share.
const FIT_M: f64 = 0.003;
const FIT_SHARE: f64 = 0.15;

/// Points reach this far to the side, or a ball is not known to be one; in radii.
const LEAST_WIDTH: f64 = 0.6;

/// A ball as a camera sees it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Ball {
    /// Its centre in the camera's frame, optical convention [m].
    pub centre_in_camera: Vector3<f64>,
    /// Pixels with depth that it was found by.
    pub pixels: usize,
    /// Root mean square distance of these to its surface [m].
    pub fit_m: f64,
}

/// Finds the largest patch of a colour (red, green, blue in [0, 1]), if a ball of this radius fits it.
pub fn find_ball(view: &CameraView, rgb: [f64; 3], radius_m: f64) -> Result<Ball, String> {
    let points = largest_patch(view, hue_deg(rgb).ok_or("grey has no hue")?);
    if points.len() < LEAST_PIXELS {
        return Err(format!(
            "{}: {} pixels of that colour have depth, needed are {LEAST_PIXELS}",
            view.name,
            points.len()
        ));
    }
    let centre = fit(&points, radius_m).ok_or_else(|| format!("{}: no ball fits what has that colour", view.name))?;
    let squares: f64 = points.iter().map(|p| ((p - centre).norm() - radius_m).powi(2)).sum();
    let fit_m = (squares / points.len() as f64).sqrt();
    if fit_m > FIT_M + FIT_SHARE * radius_m {
        return Err(format!("{}: what has that colour is {:.1} mm off a ball of this radius", view.name, fit_m * 1e3));
    }
    // A little of a larger ball looks like this one: at least half of it must be seen.
    let axis = centre.normalize();
    let wide = points.iter().map(|p| (p - axis * p.dot(&axis)).norm()).fold(0.0, f64::max);
    if wide < LEAST_WIDTH * radius_m {
        return Err(format!("{}: what has that colour is only {:.1} mm wide", view.name, 2e3 * wide));
    }
    Ok(Ball { centre_in_camera: centre, pixels: points.len(), fit_m })
}

/// Points of the largest connected patch of a hue, in the camera's frame [m].
fn largest_patch(view: &CameraView, hue: f64) -> Vec<Vector3<f64>> {
    let (width, height) = (view.intrinsics.width as usize, view.intrinsics.height as usize);
    let has_colour = |i: usize| {
        let rgb = std::array::from_fn(|c| f64::from(view.rgb.get(3 * i + c).copied().unwrap_or(0)) / 255.0);
        hue_deg(rgb).is_some_and(|own| ((own - hue + 540.0).rem_euclid(360.0) - 180.0).abs() <= HUE_DEG)
    };
    let depth = |i: usize| view.depth_m.get(i).copied().filter(|d| d.is_finite() && *d > 0.0).map(f64::from);
    let mut open: Vec<bool> = (0..width * height).map(|i| has_colour(i) && depth(i).is_some()).collect();
    let (mut best, mut stack) = (Vec::new(), Vec::new());
    for start in 0..open.len() {
        let mut patch = Vec::new();
        stack.push(start);
        while let Some(i) = stack.pop() {
            if !std::mem::take(&mut open[i]) {
                continue;
            }
            patch.push(i);
            let (u, v) = (i % width, i / width);
            stack.extend((u > 0).then(|| i - 1));
            stack.extend((u + 1 < width).then(|| i + 1));
            stack.extend((v > 0).then(|| i - width));
            stack.extend((v + 1 < height).then(|| i + width));
        }
        if patch.len() > best.len() {
            best = patch;
        }
    }
    let k = &view.intrinsics;
    let point = |i: usize| {
        let (u, v) = ((i % width) as f64, (i / width) as f64);
        depth(i).map(|z| Vector3::new((u - k.cx) / k.fx * z, (v - k.cy) / k.fy * z, z))
    };
    best.into_iter().filter_map(point).collect()
}

/// Hue [degrees]; `None` for greys and what is dark.
fn hue_deg([r, g, b]: [f64; 3]) -> Option<f64> {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = most - least;
    if most < LEAST_VALUE || chroma < LEAST_SATURATION * most {
        return None;
    }
    let sixth = if most == r {
        (g - b) / chroma
    } else if most == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    Some((60.0 * sixth).rem_euclid(360.0))
}

/// Centre of the ball of a known radius that the points lie on, least squares; it lies behind them.
fn fit(points: &[Vector3<f64>], radius_m: f64) -> Option<Vector3<f64>> {
    let mean = points.iter().sum::<Vector3<f64>>() / points.len() as f64;
    let mut centre = mean + mean.normalize() * (0.6 * radius_m);
    for _ in 0..50 {
        let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
        for point in points {
            let away = centre - point;
            let distance = away.norm();
            if distance < 1e-9 {
                continue;
            }
            let direction = away / distance;
            normal += direction * direction.transpose();
            right -= direction * (distance - radius_m);
        }
        let step = normal.cholesky()?.solve(&right);
        centre += step;
        if step.norm() < 1e-9 {
            break;
        }
    }
    centre.iter().all(|x| x.is_finite()).then_some(centre)
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Intrinsics, Pose};

    use super::*;
    use crate::random::Lcg;

    const RED: [f64; 3] = [0.85, 0.05, 0.05];

    /// What a pinhole camera sees of a red ball in front of a grey wall, with noisy depth.
    fn seen(centre: Vector3<f64>, radius_m: f64, noise_m: f64) -> CameraView {
        let intrinsics = Intrinsics { width: 128, height: 96, fx: 170.0, fy: 170.0, cx: 64.0, cy: 48.0 };
        let (mut rgb, mut depth_m) = (Vec::new(), Vec::new());
        let mut random = Lcg(3);
        for v in 0..96 {
            for u in 0..128 {
                let ray = Vector3::new((f64::from(u) - 64.0) / 170.0, (f64::from(v) - 48.0) / 170.0, 1.0);
                let along = ray.dot(&centre) / ray.norm_squared();
                let inside = radius_m.powi(2) - (along * ray - centre).norm_squared();
                let (z, colour) = match inside > 0.0 {
                    true => (along - inside.sqrt() / ray.norm(), [200, 20, 15]),
                    false => (2.0, [128, 128, 120]),
                };
                rgb.extend(colour);
                depth_m.push((z + random.within(noise_m)) as f32);
            }
        }
        CameraView { name: "front".into(), intrinsics, world_from_camera: Pose::identity(), rgb, depth_m }
    }

    #[test]
    fn a_ball_is_found_to_a_millimetre_in_noisy_depth() {
        for centre in [Vector3::new(0.1, -0.05, 0.8), Vector3::new(-0.2, 0.1, 1.2)] {
            let ball = find_ball(&seen(centre, 0.02, 0.002), RED, 0.02).unwrap();
            assert!((ball.centre_in_camera - centre).norm() < 1e-3, "{ball:?}");
        }
    }

    #[test]
    fn what_is_no_ball_of_this_kind_is_refused_with_the_reason() {
        let view = seen(Vector3::new(0.0, 0.0, 0.8), 0.02, 0.0);
        assert!(find_ball(&view, [0.05, 0.1, 0.85], 0.02).unwrap_err().contains("0 pixels"));
        assert!(find_ball(&view, RED, 0.08).unwrap_err().contains("mm wide"));
        assert!(find_ball(&view, [0.5; 3], 0.02).unwrap_err().contains("grey"));
        let blind = CameraView { depth_m: vec![0.0; 96 * 128], ..view };
        assert!(find_ball(&blind, RED, 0.02).unwrap_err().contains("0 pixels"));
    }
}
