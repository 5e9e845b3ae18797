//! How sure the policy is, from its heatmaps alone.
//!
//! For each view, with p its probabilities over pixels and x the point that all views agree on together:
//!
//! ```text
//! certainty = min(1, A0 / exp(H(p)))       H: entropy; exp(H) is how many pixels the map really spreads over
//! agreement = max p within 2 px of x / max p
//! confidence = min over stages of the mean over views of certainty * agreement
//! ```
//!
//! A0 = 2 π e σ² is that number for a blob as the networks are trained on, σ = 1.5 px unless the training was told another.
//! Two equal blobs halve the certainty, a flat map of 96 x 96 pixels leaves 0.004 of it; a view whose own favourite is
//! elsewhere loses by as much as it likes that place better. 0 to 1; low means unsure.

use nalgebra::Vector3;
use neuraxis_vision::OrthoView;

use crate::{TrainConfig, recipe::Recipe};

/// As near as this a view's maximum agrees with the point [px].
const NEAR_PX: isize = 2;

/// Width of the blobs that weights were trained on [px]; the default of `TrainConfig::target_sigma_px` where their recipe does
/// not say it.
pub fn sigma_px(recipe: Option<&Recipe>) -> f32 {
    let told = recipe.and_then(|recipe| recipe.settings::<TrainConfig>().ok());
    told.unwrap_or_default().target_sigma_px
}

/// Confidence of one stage: `probability` (3, side, side), each view summing to one, the point in the stage's cube, and the
/// width of the blobs in training [px].
pub fn of_stage(probability: &[f32], point: &Vector3<f64>, side: i64, sigma_px: f32) -> f32 {
    let side = side as usize;
    let views = probability.chunks_exact(side * side).zip(OrthoView::ALL);
    let sum: f32 = views.map(|(p, view)| certainty(p, sigma_px) * agreement(p, view, point, side)).sum();
    (sum / OrthoView::ALL.len() as f32).clamp(0.0, 1.0)
}

fn certainty(p: &[f32], sigma_px: f32) -> f32 {
    let entropy: f32 = -p.iter().filter(|x| **x > 0.0).map(|x| x * x.ln()).sum::<f32>();
    let trained = std::f32::consts::TAU * std::f32::consts::E * sigma_px * sigma_px;
    (trained / entropy.exp()).min(1.0)
}

fn agreement(p: &[f32], view: OrthoView, point: &Vector3<f64>, side: usize) -> f32 {
    let most = p.iter().copied().fold(0.0, f32::max);
    let [u, v] = view.pixel([point.x as f32, point.y as f32, point.z as f32], side).map(|x| x as isize);
    let mut near: f32 = 0.0;
    for row in (v - NEAR_PX).max(0)..(v + NEAR_PX + 1).min(side as isize) {
        for column in (u - NEAR_PX).max(0)..(u + NEAR_PX + 1).min(side as isize) {
            near = near.max(p[row as usize * side + column as usize]);
        }
    }
    if most > 0.0 { near / most } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 96;
    const SIGMA_PX: f32 = 1.5;

    fn of(maps: &[f32], point: &Vector3<f64>) -> f32 {
        of_stage(maps, point, SIDE as i64, SIGMA_PX)
    }

    /// Blobs of weight at points, in all three views.
    fn maps(blobs: &[(Vector3<f64>, f32)], sigma_px: f32) -> Vec<f32> {
        let mut out = Vec::new();
        for view in OrthoView::ALL {
            let mut map = vec![0.0; SIDE * SIDE];
            for (p, weight) in blobs {
                let [u, v] = view.pixel([p.x as f32, p.y as f32, p.z as f32], SIDE);
                for (i, x) in map.iter_mut().enumerate() {
                    let (dx, dy) = ((i % SIDE) as f32 + 0.5 - u, (i / SIDE) as f32 + 0.5 - v);
                    *x += weight * (-(dx * dx + dy * dy) / (2.0 * sigma_px * sigma_px)).exp();
                }
            }
            let sum: f32 = map.iter().sum();
            out.extend(map.iter().map(|x| x / sum));
        }
        out
    }

    #[test]
    fn a_trained_blob_is_sure_a_flat_map_is_not_and_two_blobs_are_half() {
        let (p, q) = (Vector3::new(0.2, -0.3, 0.1), Vector3::new(-0.5, 0.4, -0.3));
        let sure = of(&maps(&[(p, 1.0)], SIGMA_PX), &p);
        assert!(sure > 0.97 && sure <= 1.0, "{sure}");
        let torn = of(&maps(&[(p, 1.0), (q, 1.0)], SIGMA_PX), &p);
        assert!((torn - 0.5).abs() < 0.02, "{torn}");
        let flat = of(&vec![1.0 / (SIDE * SIDE) as f32; 3 * SIDE * SIDE], &p);
        assert!(flat < 0.005 && flat > 0.0, "{flat}");
    }

    #[test]
    fn sure_is_a_blob_as_wide_as_those_of_the_training() {
        let p = Vector3::new(0.2, -0.3, 0.1);
        let told = TrainConfig { target_sigma_px: 3.0, ..TrainConfig::default() };
        let recipe = Recipe::new(&told, 1).unwrap();
        let wide = maps(&[(p, 1.0)], 3.0);
        let sure = of_stage(&wide, &p, SIDE as i64, sigma_px(Some(&recipe)));
        assert!(sure > 0.97 && sure <= 1.0, "{sure}");
        // Weights that do not say it were trained on the usual ones.
        assert_eq!(sigma_px(None), SIGMA_PX);
        let unsure = of_stage(&wide, &p, SIDE as i64, sigma_px(None));
        assert!((unsure - 0.25).abs() < 0.02, "{unsure}");
    }

    #[test]
    fn a_view_that_points_elsewhere_takes_its_share() {
        let (p, q) = (Vector3::new(0.2, -0.3, 0.1), Vector3::new(-0.5, 0.4, -0.3));
        let mut mixed = maps(&[(p, 1.0)], SIGMA_PX);
        mixed[..SIDE * SIDE].copy_from_slice(&maps(&[(q, 1.0)], SIGMA_PX)[..SIDE * SIDE]);
        let two_of_three = of(&mixed, &p);
        assert!((two_of_three - 2.0 / 3.0).abs() < 0.02, "{two_of_three}");
        // Within two pixels it still agrees: 1.5 px to the right in the top view.
        let near = p + Vector3::new(1.5 / 48.0, 0.0, 0.0);
        mixed[..SIDE * SIDE].copy_from_slice(&maps(&[(near, 1.0)], SIGMA_PX)[..SIDE * SIDE]);
        assert!(of(&mixed, &p) > 0.97);
    }

    #[test]
    fn it_stays_between_zero_and_one_at_the_corners() {
        let flat = vec![1.0 / (SIDE * SIDE) as f32; 3 * SIDE * SIDE];
        for x in [-1.3, -1.0, 1.0, 1.3] {
            let c = of(&flat, &Vector3::repeat(x));
            assert!((0.0..=1.0).contains(&c), "{c}");
        }
        assert_eq!(of(&vec![0.0; 3 * SIDE * SIDE], &Vector3::zeros()), 0.0);
        let one = {
            let mut m = vec![0.0; 3 * SIDE * SIDE];
            m[0] = 1.0;
            m[SIDE * SIDE] = 1.0;
            m[2 * SIDE * SIDE] = 1.0;
            m
        };
        let c = of(&one, &Vector3::zeros());
        assert_eq!(c, 0.0);
    }
}
