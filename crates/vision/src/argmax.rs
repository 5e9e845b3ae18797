//! From three heatmaps to one point: the exact arg-max over all voxels, without visiting most of them.
//!
//! The score of voxel (i, j, k) is the mean of the three heatmaps at its projections; voxel centres project onto pixel
//! centres here, so no interpolation is needed (RVT averages four pixels around a corner). The score is a sum of one
//! term per pair of axes, so the best score within a slab is bounded by the sum of three row maxima; slabs are visited
//! in falling order of that bound until it cannot beat the best voxel found (section 3.3 of the design notes).

use nalgebra::Vector3;

use crate::VisionError;

/// The best point.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ArgMax {
    /// Index of the best voxel along x, y, z.
    pub voxel: [usize; 3],
    /// Its centre, moved towards its neighbours by their scores, in the cube.
    pub point_in_cube: Vector3<f64>,
    /// Its score.
    pub score: f32,
}

/// Arg-max of heatmaps (top, front, right), each side * side, rows first.
pub fn arg_max_3d(heat: &[f32], side: usize) -> Result<ArgMax, VisionError> {
    if heat.len() != 3 * side * side {
        return Err(VisionError::Size { what: "heatmaps", given: heat.len(), expected: 3 * side * side });
    }
    let maps = Maps::new(heat, side);
    let n = side;
    let row_max = |m: &[f32]| -> Vec<f32> { m.chunks(n).map(|r| r.iter().copied().fold(f32::MIN, f32::max)).collect() };
    let (xy_max, xz_max) = (row_max(&maps.xy), row_max(&maps.xz));
    let yz_max = maps.yz.iter().copied().fold(f32::MIN, f32::max);
    let bound = |i: usize| xy_max[i] + xz_max[i] + yz_max;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| bound(*b).total_cmp(&bound(*a)));
    let yz_row = row_max(&maps.yz);

    let (mut best, mut voxel) = (f32::MIN, [n / 2; 3]);
    for i in order {
        if bound(i) <= best {
            break;
        }
        let (xy, xz) = (&maps.xy[i * n..(i + 1) * n], &maps.xz[i * n..(i + 1) * n]);
        for j in 0..n {
            if xy[j] + yz_row[j] + xz_max[i] <= best {
                continue;
            }
            let yz = &maps.yz[j * n..(j + 1) * n];
            for k in 0..n {
                let score = xy[j] + yz[k] + xz[k];
                if score > best {
                    (best, voxel) = (score, [i, j, k]);
                }
            }
        }
    }
    let point_in_cube = maps.refine(voxel);
    Ok(ArgMax { voxel, point_in_cube, score: best / 3.0 })
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
        let area = n * n;
        let flip = |i: usize| n - 1 - i;
        let (top, front, right) = (&heat[..area], &heat[area..2 * area], &heat[2 * area..]);
        let table = |f: &dyn Fn(usize, usize) -> f32| (0..area).map(|a| f(a / n, a % n)).collect::<Vec<f32>>();
        Self {
            n,
            xy: table(&|i, j| top[flip(j) * n + i]),
            yz: table(&|j, k| front[flip(k) * n + j]),
            xz: table(&|i, k| right[flip(k) * n + flip(i)]),
        }
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
    map.iter_mut().for_each(|x| *x /= sum);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrthoView;
    use rand_like::Lcg;

    /// A tiny generator, so that this crate needs none.
    mod rand_like {
        pub struct Lcg(pub u64);
        impl Lcg {
            pub fn unit(&mut self) -> f32 {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (self.0 >> 40) as f32 / (1u64 << 24) as f32
            }
        }
    }

    #[test]
    fn pruned_equals_exhaustive() {
        let n = 16;
        let mut random = Lcg(7);
        for _ in 0..50 {
            let heat: Vec<f32> = (0..3 * n * n).map(|_| random.unit() * 8.0 - 4.0).collect();
            let maps = Maps::new(&heat, n);
            let mut best = f32::MIN;
            for i in 0..n * n * n {
                best = best.max(maps.score([i / (n * n), i / n % n, i % n]));
            }
            let found = arg_max_3d(&heat, n).unwrap();
            assert_eq!(found.score, best / 3.0);
            assert_eq!(maps.score(found.voxel), best);
        }
    }

    #[test]
    fn a_point_comes_back_from_its_projections() {
        let n = 112;
        let mut random = Lcg(3);
        for _ in 0..200 {
            let p = [0; 3].map(|_| random.unit() * 1.8 - 0.9);
            let mut heat = Vec::new();
            for view in OrthoView::ALL {
                assert!(gaussian_target(&mut heat, view.pixel(p, n), n, 1.5));
            }
            let found = arg_max_3d(&heat, n).unwrap();
            for axis in 0..3 {
                assert!((found.point_in_cube[axis] - f64::from(p[axis])).abs() < 2.0 / n as f64, "{p:?} {found:?}");
            }
        }
    }

    #[test]
    fn wrong_sizes_are_refused_and_targets_outside_are_empty() {
        assert!(arg_max_3d(&[0.0; 10], 4).unwrap_err().to_string().contains("48 expected"));
        let mut out = Vec::new();
        assert!(!gaussian_target(&mut out, [-0.1, 3.0], 8, 1.5));
        assert!(out.iter().all(|x| *x == 0.0) && out.len() == 64);
    }
}
