//! Distance of the arm to itself: capsules on the links, and the pairs of them that may not meet.

use nalgebra::{IsometryMatrix3, Point3, Vector3};

use crate::{LinkFrames, Robot, RobotConfig, RobotError, chain::Chain, segments::Segment};

/// Room for the capsules of one robot.
pub const MAX_CAPSULES: usize = 32;

/// A capsule on a moving link, in that link's frame.
#[derive(Clone, Debug)]
struct Capsule {
    /// 0: the base; n: moved by the n-th joint.
    link: usize,
    /// The link that the configuration names.
    name: String,
    from_in_link: Point3<f64>,
    to_in_link: Point3<f64>,
    radius_m: f64,
}

/// The arm's capsules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    capsules: Vec<Capsule>,
    /// Indices of capsules that are checked against each other.
    pairs: Vec<(usize, usize)>,
}

impl Robot {
    /// Smallest distance between the surfaces of two capsules [m]: negative where they overlap, infinite if no pair
    /// is checked. Capsules of one link or of neighbours, and pairs in `may_touch`, are not. No allocation.
    pub fn self_clearance_m(&self, frames: &LinkFrames) -> f64 {
        self.nearest(frames).0
    }

    /// The two links that are nearest to each other, and their distance [m]; `None` if no pair is checked. No
    /// allocation.
    pub fn nearest_links(&self, frames: &LinkFrames) -> Option<(&str, &str, f64)> {
        let (clearance_m, pair) = self.nearest(frames);
        let (a, b) = pair?;
        Some((&self.shape.capsules.get(a)?.name, &self.shape.capsules.get(b)?.name, clearance_m))
    }

    /// Both ends of every capsule: position in the base [m], radius [m], link (0: base, n: moved by the n-th joint).
    /// The capsule lies in a half-space if both balls do. No allocation.
    pub fn capsule_points(&self, frames: &LinkFrames) -> impl Iterator<Item = (Vector3<f64>, f64, usize)> {
        self.shape.capsules.iter().flat_map(move |c| {
            let base_from_link = place(frames, c.link);
            [&c.from_in_link, &c.to_in_link].map(|end| ((base_from_link * end).coords, c.radius_m, c.link))
        })
    }

    /// Smallest distance over all pairs [m] and where it is.
    fn nearest(&self, frames: &LinkFrames) -> (f64, Option<(usize, usize)>) {
        let mut placed = [(Segment::default(), 0.0); MAX_CAPSULES];
        for (slot, c) in placed.iter_mut().zip(&self.shape.capsules) {
            let base_from_link = place(frames, c.link);
            let (from, to) = (base_from_link * c.from_in_link, base_from_link * c.to_in_link);
            *slot = (Segment::new(from.coords, to.coords), c.radius_m);
        }
        let (mut least_m, mut least_pair) = (f64::INFINITY, None);
        for &(i, j) in &self.shape.pairs {
            let (Some((a, radius_a)), Some((b, radius_b))) = (placed.get(i), placed.get(j)) else { continue };
            let radii = radius_a + radius_b;
            // Balls around the segments are no further apart than the segments are.
            if a.at_least(b) - radii >= least_m {
                continue;
            }
            let clearance_m = a.distance(b) - radii;
            // A NaN joint position must not look free.
            if clearance_m < least_m || clearance_m.is_nan() {
                (least_m, least_pair) = (clearance_m, Some((i, j)));
                if clearance_m.is_nan() {
                    break;
                }
            }
        }
        (least_m, least_pair)
    }
}

fn place(frames: &LinkFrames, link: usize) -> IsometryMatrix3<f64> {
    frames.base_from_link().get(link).copied().unwrap_or(IsometryMatrix3::identity())
}

impl Shape {
    /// Puts the configured capsules on their links and lists the pairs to check.
    pub(crate) fn new(chain: &Chain, config: &RobotConfig) -> Result<Self, RobotError> {
        let given = config.capsules.len();
        if given > MAX_CAPSULES {
            return Err(RobotError::Capsules { given, most: MAX_CAPSULES });
        }
        let on_arm = |key: &'static str, index: usize, link: &String| {
            chain.attachment(link).ok_or_else(|| RobotError::Link { key, index, link: link.clone() })
        };
        let mut capsules = Vec::with_capacity(given);
        for (index, c) in config.capsules.iter().enumerate() {
            let (link, moving_from_link) = on_arm("capsules", index, &c.link)?;
            let fail = |what, value, allowed| RobotError::Capsule { index, link: c.link.clone(), what, value, allowed };
            if !(c.radius_m.is_finite() && c.radius_m > 0.0) {
                return Err(fail("radius_m", c.radius_m, "finite, positive"));
            }
            for (what, ends) in [("from_xyz_m", &c.from_xyz_m), ("to_xyz_m", &c.to_xyz_m)] {
                if let Some(bad) = ends.iter().find(|v| !v.is_finite()) {
                    return Err(fail(what, *bad, "finite"));
                }
            }
            capsules.push(Capsule {
                link,
                name: c.link.clone(),
                from_in_link: moving_from_link * Point3::from(c.from_xyz_m),
                to_in_link: moving_from_link * Point3::from(c.to_xyz_m),
                radius_m: c.radius_m,
            });
        }
        for (index, link) in config.may_touch.iter().enumerate().flat_map(|(i, pair)| pair.iter().map(move |l| (i, l)))
        {
            on_arm("may_touch", index, link)?;
        }
        let spared =
            |a: &String, b: &String| config.may_touch.iter().any(|[x, y]| (x, y) == (a, b) || (x, y) == (b, a));
        let mut pairs = Vec::new();
        for (i, a) in capsules.iter().enumerate() {
            for (j, b) in capsules.iter().enumerate().skip(i + 1) {
                if a.link.abs_diff(b.link) > 1 && !spared(&a.name, &b.name) {
                    pairs.push((i, j));
                }
            }
        }
        Ok(Self { capsules, pairs })
    }
}
