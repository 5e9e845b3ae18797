//! From three heatmaps to one point: the exact arg-max over all voxels, without visiting most of them.
//!
//! The score of voxel (i, j, k) is the mean of the three heatmaps at its projections. Pixel i covers [i, i + 1) here,
//! in the views, in the targets and in the voxel grid alike, so voxel centres project onto pixel centres and a lookup
//! is enough. (RVT counts pixels from their corners, so its voxels average four of them, which here would move each
//! point by half a pixel.) The score is a sum of one term per pair of axes, so the best within a slab of constant i is
//! bounded by the sum of three row maxima; slabs are visited in falling order of that bound until it cannot beat the
//! best voxel found.

use nalgebra::Vector3;

use crate::VisionError;

/// The best point.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ArgMax {
    /// Index of the best voxel along x, y, z.
    pub voxel: [usize; 3],
    /// Its centre, moved along each axis to the top of the parabola through its neighbours' scores, by half a voxel
    /// at most; in the cube. Exact for the logarithm of a Gaussian; better than a voxel for one.
    pub point_in_cube: Vector3<f64>,
    /// Its score: the mean of `per_view`.
    pub score: f32,
    /// Values of the heatmaps (top, front, right) at its projections.
    pub per_view: [f32; 3],
}

/// Arg-max of heatmaps (top, front, right), each side * side, rows first, any real scores; NaN and minus infinity
/// are never chosen. Of equal voxels it is always the same one, not always the first.
///
/// # Errors
/// Maps of the wrong size, or without a finite score at any voxel.
pub fn arg_max_3d(heat: &[f32], side: usize) -> Result<ArgMax, VisionError> {
    if heat.len() != 3 * side * side || side == 0 {
        return Err(VisionError::Size { what: "heatmaps", given: heat.len(), expected: 3 * side.max(1) * side.max(1) });
    }
    let maps = Maps::new(heat, side);
    let (best, voxel) = maps.best();
    // Also refuses a map that holds +infinity: its sums have no unique maximum.
    if !best.is_finite() {
        return Err(VisionError::NoMaximum);
    }
    let [i, j, k] = voxel;
    let per_view = [maps.xy[i * side + j], maps.yz[j * side + k], maps.xz[i * side + k]];
    Ok(ArgMax { voxel, point_in_cube: maps.refine(voxel), score: best / 3.0, per_view })
}

/// Heatmaps indexed by voxel, one per pair of axes.
struct Maps {
    n: usize,
    /// [i][j]
    xy: Vec<f32>,
    /// [j][k]
    yz: Vec<f32>,
    /// [i][k]
    xz: Vec<f32>,
}

impl Maps {
    fn new(heat: &[f32], n: usize) -> Self {
        let (top, rest) = heat.split_at(n * n);
        let (front, right) = rest.split_at(n * n);
        let (mut xy, mut yz, mut xz) = (vec![0.0; n * n], vec![0.0; n * n], vec![0.0; n * n]);
        // Image rows run against y (top) or z, and the columns of `right` against x.
        for a in 0..n {
            for b in 0..n {
                xy[a * n + b] = top[(n - 1 - b) * n + a];
                yz[a * n + b] = front[(n - 1 - b) * n + a];
                xz[a * n + b] = right[(n - 1 - b) * n + (n - 1 - a)];
            }
        }
        Self { n, xy, yz, xz }
    }

    /// The best sum of three terms and its voxel. Rounding is monotone, so bounds that are summed in the order of the
    /// terms themselves are never below what they bound, and the pruning stays exact.
    fn best(&self) -> (f32, [usize; 3]) {
        let n = self.n;
        let greatest = |row: &[f32]| row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let row_max = |m: &[f32]| -> Vec<f32> { m.chunks_exact(n).map(greatest).collect() };
        let (xy_max, yz_row, xz_max) = (row_max(&self.xy), row_max(&self.yz), row_max(&self.xz));
        let yz_max = greatest(&yz_row);
        let bound = |i: usize| xy_max[i] + yz_max + xz_max[i];
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| bound(*b).total_cmp(&bound(*a)));

        let (mut best, mut voxel) = (f32::NEG_INFINITY, [0; 3]);
        for i in order {
            if bound(i) <= best {
                break;
            }
            let (xy, xz) = (&self.xy[i * n..(i + 1) * n], &self.xz[i * n..(i + 1) * n]);
            for j in 0..n {
                if xy[j] + yz_row[j] + xz_max[i] <= best {
                    continue;
                }
                let yz = &self.yz[j * n..(j + 1) * n];
                for k in 0..n {
                    let score = xy[j] + yz[k] + xz[k];
                    if score > best {
                        (best, voxel) = (score, [i, j, k]);
                    }
                }
            }
        }
        (best, voxel)
    }

    fn score(&self, [i, j, k]: [usize; 3]) -> f32 {
        self.xy[i * self.n + j] + self.yz[j * self.n + k] + self.xz[i * self.n + k]
    }

    /// Centre of the voxel, moved along each axis to the top of the parabola through its neighbours' scores.
    fn refine(&self, voxel: [usize; 3]) -> Vector3<f64> {
        let n = self.n;
        let here = self.score(voxel);
        Vector3::from_fn(|axis, _| {
            let mut offset = 0.0;
            if voxel[axis] > 0 && voxel[axis] + 1 < n {
                let (mut before, mut after) = (voxel, voxel);
                before[axis] -= 1;
                after[axis] += 1;
                let (a, c) = (self.score(before), self.score(after));
                let curvature = f64::from(a) - 2.0 * f64::from(here) + f64::from(c);
                if curvature < -1e-9 {
                    offset = (0.5 * (f64::from(a) - f64::from(c)) / curvature).clamp(-0.5, 0.5);
                }
            }
            -1.0 + (2.0 * (voxel[axis] as f64 + offset) + 1.0) / n as f64
        })
    }
}

/// Adds one target map (side * side, sums to one) to `out`: a Gaussian around pixel coordinates (u right, v down),
/// cut at three sigma. A point outside the image gives an all-zero map and `false`.
pub fn gaussian_target(out: &mut Vec<f32>, [u, v]: [f32; 2], side: usize, sigma_px: f32) -> bool {
    let start = out.len();
    out.resize(start + side * side, 0.0);
    let map = &mut out[start..];
    let s = side as f32;
    if !(u >= 0.0 && v >= 0.0 && u < s && v < s) {
        return false;
    }
    let reach = 3.0 * sigma_px;
    let range = |x: f32| ((x - reach).floor().max(0.0) as usize)..((x + reach).ceil().min(s) as usize);
    let mut sum = 0.0;
    for row in range(v) {
        for column in range(u) {
            let (dx, dy) = (column as f32 + 0.5 - u, row as f32 + 0.5 - v);
            let squared = dx * dx + dy * dy;
            if squared <= reach * reach {
                let value = (-squared / (2.0 * sigma_px * sigma_px)).exp();
                map[row * side + column] = value;
                sum += value;
            }
        }
    }
    if sum > 0.0 {
        map.iter_mut().for_each(|x| *x /= sum);
    } else {
        // Narrower than a pixel, with no pixel centre in reach.
        map[v as usize * side + u as usize] = 1.0;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CubeFrame, OrthoView, random::Lcg};

    /// Every voxel, one after the other.
    fn exhaustive(maps: &Maps) -> f32 {
        let n = maps.n;
        let all = (0..n * n * n).map(|i| maps.score([i / (n * n), i / n % n, i % n]));
        all.filter(|s| !s.is_nan()).fold(f32::NEG_INFINITY, f32::max)
    }

    #[test]
    fn pruned_equals_exhaustive() {
        let mut random = Lcg(7);
        for round in 0..200 {
            let n = [2, 6, 16, 20][round % 4];
            // Spread scores, scores that differ in the last bits only, and equal ones.
            let scale = [8.0, 1e-6, 0.0][round % 3];
            let mut heat: Vec<f32> = (0..3 * n * n).map(|_| (random.unit() - 0.5) * scale + 1.0).collect();
            if round % 5 == 0 {
                heat[round % (n * n)] = f32::NAN;
                heat[2 * n * n + 1] = f32::NEG_INFINITY;
            }
            let maps = Maps::new(&heat, n);
            let best = exhaustive(&maps);
            let found = arg_max_3d(&heat, n).unwrap();
            assert_eq!(found.score, best / 3.0, "round {round}");
            assert_eq!(maps.score(found.voxel), best);
            assert_eq!(found.per_view.iter().sum::<f32>(), best);
        }
    }

    #[test]
    fn per_view_values_are_those_of_the_pixels_the_views_project_to() {
        let n = 32;
        let mut random = Lcg(21);
        for _ in 0..50 {
            let heat: Vec<f32> = (0..3 * n * n).map(|_| random.unit()).collect();
            let found = arg_max_3d(&heat, n).unwrap();
            let centre = found.voxel.map(|i| -1.0 + (2.0 * i as f32 + 1.0) / n as f32);
            for (v, view) in OrthoView::ALL.into_iter().enumerate() {
                let [column, row] = view.pixel(centre, n).map(|x| x as usize);
                assert_eq!(found.per_view[v], heat[v * n * n + row * n + column], "{view:?}");
            }
        }
    }

    #[test]
    fn a_point_comes_back_from_its_projections_within_a_voxel_coarse_and_zoomed() {
        let n = 112;
        let mut random = Lcg(3);
        let cube = CubeFrame::from_bounds(&[-0.3, -0.5, 0.6, 0.7, 0.5, 1.6]);
        for _ in 0..200 {
            let world = Vector3::new(0.2, 0.0, 1.1) + Vector3::from_fn(|_, _| random.within(0.45));
            // The zoom is centred on what the coarse stage finds, as in the policy; a voxel is 8.9 mm, then 2.2 mm.
            let mut frame = cube;
            for voxel_m in [1.0 / n as f64, 0.25 / n as f64] {
                let p = frame.cube_from_world(&world);
                let mut heat = Vec::new();
                for view in OrthoView::ALL {
                    let pixel = view.pixel([p.x as f32, p.y as f32, p.z as f32], n);
                    assert!(gaussian_target(&mut heat, pixel, n, 1.5));
                }
                let found = arg_max_3d(&heat, n).unwrap();
                let miss = frame.world_from_cube(&found.point_in_cube) - world;
                assert!(miss.amax() < voxel_m, "{miss:?} {found:?}");
                frame = frame.zoomed(&found.point_in_cube, 4.0);
            }
        }
    }

    #[test]
    fn the_logarithm_of_a_gaussian_is_located_between_voxels() {
        let n = 56;
        let mut random = Lcg(9);
        for _ in 0..50 {
            let p = [0; 3].map(|_| random.within(0.9) as f32);
            let mut heat = Vec::new();
            for view in OrthoView::ALL {
                let [u, v] = view.pixel(p, n);
                heat.extend((0..n * n).map(|i| {
                    let (dx, dy) = ((i % n) as f32 + 0.5 - u, (i / n) as f32 + 0.5 - v);
                    -(dx * dx + dy * dy) / (2.0 * 1.5 * 1.5)
                }));
            }
            let found = arg_max_3d(&heat, n).unwrap();
            for axis in 0..3 {
                let miss_voxels = (found.point_in_cube[axis] - f64::from(p[axis])) * n as f64 / 2.0;
                assert!(miss_voxels.abs() < 0.01, "{p:?} {found:?}");
            }
        }
    }

    #[test]
    fn wrong_sizes_and_maps_without_a_maximum_are_refused() {
        assert!(arg_max_3d(&[0.0; 10], 4).unwrap_err().to_string().contains("48 expected"));
        assert!(arg_max_3d(&[], 0).is_err());
        for nothing in [f32::NAN, f32::NEG_INFINITY, f32::INFINITY] {
            assert_eq!(arg_max_3d(&[nothing; 48], 4), Err(VisionError::NoMaximum));
        }
    }

    #[test]
    fn targets_sum_to_one_and_outside_the_image_are_empty() {
        let n = 8;
        // In the middle, cut by an edge, and narrower than a pixel off its centre.
        for (at, sigma) in [([4.2, 3.7], 1.5), ([0.1, 7.9], 1.5), ([4.0, 3.0], 0.05)] {
            let mut map = Vec::new();
            assert!(gaussian_target(&mut map, at, n, sigma));
            assert!((map.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let peak = (0..n * n).max_by(|a, b| map[*a].total_cmp(&map[*b])).unwrap();
            assert_eq!([peak % n, peak / n], at.map(|x: f32| x as usize));
        }
        for at in [[-0.1, 3.0], [3.0, 8.0], [f32::NAN, 3.0]] {
            let mut map = Vec::new();
            assert!(!gaussian_target(&mut map, at, n, 1.5));
            assert!(map.iter().all(|x| *x == 0.0) && map.len() == n * n);
        }
    }
}
