//! Points that several views see: what the consistency loss compares across views.
//!
//! The views are drawn from a known cloud by known cameras, so correspondences are free: a point's pixel in each view,
//! and a look at the z-buffer whether that pixel shows it. Points are kept in the world; a turned, moved or zoomed
//! cube only projects them anew.

use crate::{Cloud, OrthoView, Renderer, VisionError};

/// Most points of a scene.
pub const MOST_KEYPOINTS: usize = 96;

/// Points and where the three views show them. m points, v = 3 views in the order of [`OrthoView::ALL`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keypoints {
    /// (m, 3) [m]
    pub xyz_in_world: Vec<[f32; 3]>,
    /// (m, 3) in the cube of the views
    pub xyz_in_cube: Vec<[f32; 3]>,
    /// (v, m): the view shows the point, splats of nearer points considered.
    pub visible: [Vec<bool>; 3],
    /// (v, m, 2) continuous pixel coordinates, u right and v down; also of points that a view does not show.
    pub pixel: [Vec<[f32; 2]>; 3],
}

impl Keypoints {
    /// Projects world points into the views that `drawn` has drawn last.
    ///
    /// A point is visible where its depth differs from the z-buffer's at its pixel by less than a splat.
    pub fn project(xyz_in_world: Vec<[f32; 3]>, drawn: &Renderer) -> Self {
        let side = drawn.config().side;
        let mut keypoints = Self::default();
        for world in &xyz_in_world {
            let p = drawn.cube_from_world(world);
            keypoints.xyz_in_cube.push(p);
            for (v, view) in OrthoView::ALL.into_iter().enumerate() {
                keypoints.visible[v].push(is_visible(drawn, v, p));
                keypoints.pixel[v].push(view.pixel(p, side));
            }
        }
        Self { xyz_in_world, ..keypoints }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.xyz_in_world.len()
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.xyz_in_world.is_empty()
    }
}

/// Where keypoints come from: the geometry of the scene, or a file made elsewhere (by VGGT, say).
pub trait KeypointProvider: Send + Sync {
    /// At most [`MOST_KEYPOINTS`] world points [m] of a record's scene, which `drawn` has just drawn.
    fn points(&self, record: usize, scene: &Cloud, drawn: &Renderer) -> Result<Vec<[f32; 3]>, VisionError>;
}

/// Finds points of the cloud that two views or more show, where colour or surface change most.
#[derive(Clone, Debug, PartialEq)]
pub struct GeometricKeypoints {
    /// Height of the table, whose points look all alike [m].
    pub plane_z_m: Option<f64>,
    /// Points within this distance of the table belong to it [m].
    pub plane_half_thickness_m: f64,
    /// Points closer than this to the cube's faces are cut off from what they belong to [cube units].
    pub border: f32,
    /// Least distance of two points in the first view that shows both [px].
    pub apart_px: f32,
    /// Least distance of two points in space [m].
    pub apart_m: f32,
    /// Most points, up to [`MOST_KEYPOINTS`].
    pub most: usize,
}

impl Default for GeometricKeypoints {
    fn default() -> Self {
        Self {
            plane_z_m: Some(0.75),
            plane_half_thickness_m: 0.006,
            border: 0.05,
            apart_px: 8.0,
            apart_m: 0.025,
            most: MOST_KEYPOINTS,
        }
    }
}

/// A point on its way to becoming a keypoint.
struct Candidate {
    index: usize,
    score: f32,
    visible: [bool; 3],
}

impl KeypointProvider for GeometricKeypoints {
    fn points(&self, _: usize, scene: &Cloud, drawn: &Renderer) -> Result<Vec<[f32; 3]>, VisionError> {
        let points = drawn.points_in_cube();
        if points.len() != scene.len() || scene.rgb.len() != scene.len() {
            return Err(VisionError::Size { what: "points drawn", given: points.len(), expected: scene.len() });
        }
        let mut candidates = self.candidates(scene, drawn);
        // Equal scores in the order of the cloud: equal scenes give equal keypoints.
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            if kept.len() >= self.most.min(MOST_KEYPOINTS) {
                break;
            }
            if !kept.iter().any(|other| self.too_close(scene, drawn, &candidate, other)) {
                kept.push(candidate);
            }
        }
        Ok(kept.iter().map(|c| scene.xyz_in_world[c.index]).collect())
    }
}

impl GeometricKeypoints {
    /// Points off the table and off the border that at least two views show.
    fn candidates(&self, scene: &Cloud, drawn: &Renderer) -> Vec<Candidate> {
        let side = drawn.config().side;
        let plane = self.plane_z_m.map_or(f32::NAN, |z| z as f32);
        let mut candidates = Vec::new();
        for (index, (&p, world)) in drawn.points_in_cube().iter().zip(&scene.xyz_in_world).enumerate() {
            // Written so that NaN is outside.
            let inside = p.iter().all(|x| x.abs() < 1.0 - self.border);
            if !inside || (world[2] - plane).abs() < self.plane_half_thickness_m as f32 {
                continue;
            }
            let visible = [0, 1, 2].map(|v| is_visible(drawn, v, p));
            if visible.iter().filter(|v| **v).count() < 2 {
                continue;
            }
            let variations = (0..3).filter(|v| visible[*v]).map(|v| {
                let [u, w] = OrthoView::ALL[v].pixel(p, side).map(|x| x as usize);
                variation(scene, drawn, v, u, w)
            });
            let score = variations.fold(0.0, f32::max);
            candidates.push(Candidate { index, score, visible });
        }
        candidates
    }

    fn too_close(&self, scene: &Cloud, drawn: &Renderer, a: &Candidate, b: &Candidate) -> bool {
        let apart = |p: &[f32], q: &[f32]| p.iter().zip(q).map(|(p, q)| (p - q) * (p - q)).sum::<f32>();
        if apart(&scene.xyz_in_world[a.index], &scene.xyz_in_world[b.index]) < self.apart_m * self.apart_m {
            return true;
        }
        let Some(first) = (0..3).find(|v| a.visible[*v] && b.visible[*v]) else { return false };
        let pixel = |c: &Candidate| OrthoView::ALL[first].pixel(drawn.points_in_cube()[c.index], drawn.config().side);
        apart(&pixel(a), &pixel(b)) < self.apart_px * self.apart_px
    }
}

/// One splat in cube units: how far behind the z-buffer a point may lie.
fn splat(drawn: &Renderer) -> f32 {
    let config = drawn.config();
    2.0 * config.splat_px.max(1.0) / config.side as f32
}

/// Does view `v` show the point `p` of the cube?
fn is_visible(drawn: &Renderer, v: usize, p: [f32; 3]) -> bool {
    let view = OrthoView::ALL[v];
    let [u, w] = view.pixel(p, drawn.config().side);
    if !(u >= 0.0 && w >= 0.0 && p.iter().all(|x| x.abs() < 1.0)) {
        return false;
    }
    let depth = |p| view.project(p)[2];
    let shown = drawn.shown(v, u as usize, w as usize);
    shown.is_some_and(|i| (depth(p) - depth(drawn.points_in_cube()[i])).abs() < splat(drawn))
}

/// Change of colour across a pixel of a view, plus the bend of the surface there, each axis up to 1 per term.
/// An empty or missing neighbour says nothing: outlines move with the viewer.
fn variation(scene: &Cloud, drawn: &Renderer, v: usize, u: usize, w: usize) -> f32 {
    let depth = |i: usize| OrthoView::ALL[v].project(drawn.points_in_cube()[i])[2];
    let Some(here) = drawn.shown(v, u, w) else { return 0.0 };
    let pairs = [
        (drawn.shown(v, u.wrapping_sub(1), w), drawn.shown(v, u + 1, w)),
        (drawn.shown(v, u, w.wrapping_sub(1)), drawn.shown(v, u, w + 1)),
    ];
    let mut sum = 0.0;
    for pair in pairs {
        let (Some(a), Some(b)) = pair else { continue };
        let (x, y) = (scene.rgb[a], scene.rgb[b]);
        sum += (0..3).map(|c| f32::from(x[c].abs_diff(y[c]))).sum::<f32>() / (3.0 * 255.0);
        let bend = (depth(a) + depth(b) - 2.0 * depth(here)).abs() / splat(drawn);
        sum += bend.min(1.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::{CHANNELS, CubeFrame, RenderConfig, random::Lcg};

    const BOUNDS: [f64; 6] = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];
    const SIDE: usize = 96;

    /// A table and a few boxes, their visible faces sampled every 4 mm.
    fn scene(random: &mut Lcg) -> Cloud {
        let mut cloud = Cloud::default();
        let mut add = |p: [f64; 3], rgb| {
            cloud.xyz_in_world.push(p.map(|x| x as f32));
            cloud.rgb.push(rgb);
        };
        let steps = |length: f64| (0..(length / 0.004) as usize).map(|i| i as f64 * 0.004);
        for x in steps(1.0) {
            steps(1.0).for_each(|y| add([x - 0.3, y - 0.5, 0.75], [120, 110, 100]));
        }
        for _ in 0..6 {
            let low = [0.2 + random.within(0.25), random.within(0.3), 0.752];
            let size = [0; 3].map(|_| 0.07 + random.within(0.03));
            let rgb = [0; 3].map(|_| (255.0 * random.unit()) as u8);
            for a in steps(size[0]) {
                steps(size[1]).for_each(|b| add([low[0] + a, low[1] + b, low[2] + size[2]], rgb));
            }
            for c in steps(size[2]) {
                steps(size[1]).for_each(|b| add([low[0] + size[0], low[1] + b, low[2] + c], rgb));
                steps(size[0]).for_each(|a| add([low[0] + a, low[1] + size[1], low[2] + c], rgb));
            }
        }
        cloud
    }

    fn draw(cloud: &Cloud, frame: &CubeFrame) -> (Renderer, Vec<f32>) {
        let mut renderer = Renderer::new(RenderConfig { side: SIDE, splat_px: 1.5 });
        let mut out = vec![0.0; 3 * CHANNELS * SIDE * SIDE];
        renderer.render_into(&cloud.xyz_in_world, &cloud.rgb, frame, CHANNELS, &mut out);
        (renderer, out)
    }

    /// Turned, moved and (every other time) zoomed at a box.
    fn frames(random: &mut Lcg, cloud: &Cloud) -> [CubeFrame; 2] {
        let shift = Vector3::from_fn(|_, _| random.within(0.1));
        let frame = CubeFrame::from_bounds(&BOUNDS).moved(random.within(3.1), shift);
        let last = Vector3::from(cloud.xyz_in_world[cloud.len() - 1].map(f64::from));
        [frame, frame.zoomed(&frame.cube_from_world(&last), 4.0)]
    }

    #[test]
    fn the_pixel_of_a_keypoint_shows_it_in_every_view_that_is_said_to_see_it() {
        let mut random = Lcg(31);
        let mut total = 0;
        for _ in 0..20 {
            let cloud = scene(&mut random);
            for frame in frames(&mut random, &cloud) {
                let (renderer, out) = draw(&cloud, &frame);
                let found = GeometricKeypoints::default().points(0, &cloud, &renderer).unwrap();
                let keypoints = Keypoints::project(found, &renderer);
                total += keypoints.len();
                for (i, world) in keypoints.xyz_in_world.iter().enumerate() {
                    let p = frame.cube_from_world(&Vector3::from(world.map(f64::from)));
                    assert!((0..3).filter(|v| keypoints.visible[*v][i]).count() >= 2, "{world:?}");
                    for v in (0..3).filter(|v| keypoints.visible[*v][i]) {
                        let [u, w] = keypoints.pixel[v][i].map(|x| x as usize);
                        let plane = |c: usize| out[((v * CHANNELS + c) * SIDE + w) * SIDE + u];
                        let shown = [plane(0), plane(1), plane(2)];
                        let [right, down, depth] = OrthoView::ALL[v].project(shown);
                        let [u0, w0, depth0] = OrthoView::ALL[v].project([p.x as f32, p.y as f32, p.z as f32]);
                        // A splat in depth; a splat and the width of a pixel along the image.
                        let pixel = 2.0 / SIDE as f32;
                        assert!((depth - depth0).abs() < 1.51 * pixel, "{world:?} in view {v}: {depth} {depth0}");
                        assert!((right - u0).hypot(down - w0) < 3.0 * pixel, "{world:?} in view {v}");
                    }
                }
            }
        }
        assert!(total > 20 * 20, "{total} keypoints");
    }

    #[test]
    fn keypoints_lie_apart_and_neither_on_the_table_nor_at_the_border() {
        let mut random = Lcg(32);
        let config = GeometricKeypoints::default();
        for _ in 0..10 {
            let cloud = scene(&mut random);
            for frame in frames(&mut random, &cloud) {
                let (renderer, _) = draw(&cloud, &frame);
                let found = config.points(0, &cloud, &renderer).unwrap();
                assert!(found.len() <= MOST_KEYPOINTS);
                let keypoints = Keypoints::project(found, &renderer);
                for (i, a) in keypoints.xyz_in_world.iter().enumerate() {
                    assert!((a[2] - 0.75).abs() > 0.005, "{a:?}");
                    let inside = frame.cube_from_world(&Vector3::from(a.map(f64::from)));
                    assert!(inside.amax() < 0.951, "{inside:?}");
                    for (j, b) in keypoints.xyz_in_world.iter().enumerate().skip(i + 1) {
                        assert!((Vector3::from(*a) - Vector3::from(*b)).norm() >= 0.0249, "{a:?} {b:?}");
                        let common = (0..3).find(|v| keypoints.visible[*v][i] && keypoints.visible[*v][j]);
                        let Some(v) = common else { continue };
                        let [p, q] = [keypoints.pixel[v][i], keypoints.pixel[v][j]];
                        assert!((p[0] - q[0]).hypot(p[1] - q[1]) >= 7.99, "{p:?} {q:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_scene_gives_the_same_keypoints_and_most_limits_them() {
        let cloud = scene(&mut Lcg(33));
        let frame = CubeFrame::from_bounds(&BOUNDS);
        let find = |config: &GeometricKeypoints| config.points(0, &cloud, &draw(&cloud, &frame).0).unwrap();
        let all = find(&GeometricKeypoints::default());
        assert!(all.len() > 5, "{}", all.len());
        assert_eq!(all, find(&GeometricKeypoints::default()));
        // The best ones stay.
        assert_eq!(find(&GeometricKeypoints { most: 5, ..Default::default() }), all[..5]);
    }

    #[test]
    fn a_hidden_point_is_not_visible_and_one_behind_nothing_is() {
        // A plate above a point: the top view does not see the point, front and right do.
        let mut cloud = Cloud { xyz_in_world: vec![[0.2, 0.0, 0.9]], rgb: vec![[255, 0, 0]] };
        for i in 0..400 {
            cloud.xyz_in_world.push([0.15 + (i % 20) as f32 * 0.005, -0.05 + (i / 20) as f32 * 0.005, 1.1]);
            cloud.rgb.push([0, 0, 255]);
        }
        let frame = CubeFrame::from_bounds(&BOUNDS);
        let (renderer, _) = draw(&cloud, &frame);
        let keypoints = Keypoints::project(vec![[0.2, 0.0, 0.9], [9.0, 0.0, 0.9]], &renderer);
        assert_eq!([0, 1, 2].map(|v| keypoints.visible[v][0]), [false, true, true]);
        // Outside the cube nothing is seen.
        assert_eq!([0, 1, 2].map(|v| keypoints.visible[v][1]), [false; 3]);
    }

    #[test]
    fn another_scene_than_the_one_drawn_is_refused() {
        let frame = CubeFrame::from_bounds(&BOUNDS);
        let cloud = scene(&mut Lcg(34));
        let (renderer, _) = draw(&cloud, &frame);
        let error = GeometricKeypoints::default().points(0, &Cloud::default(), &renderer).unwrap_err();
        assert!(error.to_string().contains("points drawn"), "{error}");
    }
}
