//! Frames of tf over time.

use std::collections::BTreeMap;

use nalgebra::Isometry3;
use neuraxis_core::Nanos;

use super::messages::Transform;

/// No chain of frames is longer; a circle is.
const LONGEST_CHAIN: usize = 64;
/// A pose is taken from a transform that is so far away in time at most, where there are none on both sides [s].
const NEAREST_SECS: f64 = 0.1;
/// Most transforms of a bag.
const MOST_TRANSFORMS: usize = 4_000_000;

/// A pose over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Track(Vec<(Nanos, Isometry3<f64>)>);

impl Track {
    pub(super) fn push(&mut self, stamp: Nanos, pose: Isometry3<f64>) {
        self.0.push((stamp, pose));
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|(stamp, _)| *stamp);
    }

    /// Between the two nearest; the nearest at either end.
    pub(super) fn at(&self, stamp: Nanos) -> Option<Isometry3<f64>> {
        let after = self.0.partition_point(|(known, _)| *known < stamp);
        let near =
            |(known, pose): &(Nanos, Isometry3<f64>)| (known.secs_since(stamp).abs() <= NEAREST_SECS).then_some(*pose);
        match (after.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(after)) {
            (Some((t0, before)), Some((t1, after))) => {
                let share = stamp.secs_since(*t0) / t1.secs_since(*t0);
                // Half a turn between two transforms has no middle.
                Some(before.try_lerp_slerp(after, share, 1e-9).unwrap_or(*before))
            }
            (Some(last), None) => near(last),
            (None, Some(first)) => near(first),
            (None, None) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Edge {
    parent: String,
    is_static: bool,
    track: Track,
}

/// What is known of all frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    edges: BTreeMap<String, Edge>,
    count: usize,
}

impl Frames {
    /// Adds transforms; those of /tf_static hold for all times.
    pub(super) fn add(&mut self, transforms: &[Transform<'_>], log: Nanos, is_static: bool) -> Result<(), String> {
        self.count += transforms.len();
        if self.count > MOST_TRANSFORMS {
            return Err(format!("more than {MOST_TRANSFORMS} transforms"));
        }
        for transform in transforms {
            let new = || Edge { parent: transform.parent.into(), is_static, track: Track::default() };
            let edge = self.edges.entry(transform.child.into()).or_insert_with(new);
            // A frame that changes its parent starts anew.
            if edge.parent != transform.parent || edge.is_static != is_static {
                *edge = new();
            }
            edge.track.push(transform.stamp.unwrap_or(log), transform.parent_from_child);
        }
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.edges.values_mut().for_each(|edge| edge.track.sort());
    }

    /// True if a frame is anybody's parent or child.
    pub(super) fn has(&self, frame: &str) -> bool {
        self.edges.contains_key(frame) || self.edges.values().any(|edge| edge.parent == frame)
    }

    /// The frame that all others hang from, if there is one only.
    pub(super) fn root(&self) -> Option<&str> {
        let mut roots: Vec<&str> = self.edges.values().map(|edge| edge.parent.as_str()).collect();
        roots.retain(|parent| !self.edges.contains_key(*parent));
        roots.sort_unstable();
        roots.dedup();
        match roots[..] {
            [root] => Some(root),
            _ => None,
        }
    }

    /// Names of all children.
    pub(super) fn names(&self) -> Vec<&str> {
        self.edges.keys().map(String::as_str).collect()
    }

    /// Pose of one frame in another above it.
    pub(super) fn pose(&self, above: &str, frame: &str, stamp: Nanos) -> Option<Isometry3<f64>> {
        self.chain(above, frame)?.iter().try_fold(Isometry3::identity(), |pose, edge| {
            let step = match edge.is_static {
                true => edge.track.0.last().map(|(_, pose)| *pose),
                false => edge.track.at(stamp),
            };
            Some(step? * pose)
        })
    }

    /// True if a chain of frames leads from one up to another, or they are the same.
    pub(super) fn is_below(&self, above: &str, frame: &str) -> bool {
        self.chain(above, frame).is_some()
    }

    /// From a frame up to another above it.
    fn chain(&self, above: &str, frame: &str) -> Option<Vec<&Edge>> {
        let (mut chain, mut name) = (Vec::new(), frame);
        while name != above {
            let edge = self.edges.get(name).filter(|_| chain.len() < LONGEST_CHAIN)?;
            chain.push(edge);
            name = &edge.parent;
        }
        Some(chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform<'a>(parent: &'a str, child: &'a str, x: f64, millis: u64) -> Transform<'a> {
        let stamp = Some(Nanos::from_millis(millis));
        Transform { stamp, parent, child, parent_from_child: Isometry3::translation(x, 0.0, 0.0) }
    }

    #[test]
    fn chains_are_followed_between_two_times() {
        let mut frames = Frames::default();
        frames.add(&[transform("world", "base", 1.0, 0)], Nanos(0), true).unwrap();
        // Out of order.
        frames
            .add(&[transform("base", "tool", 0.5, 200), transform("base", "tool", 0.3, 100)], Nanos(0), false)
            .unwrap();
        frames.sort();
        let x = |millis| frames.pose("world", "tool", Nanos::from_millis(millis)).map(|pose| pose.translation.x);
        assert!((x(150).unwrap() - 1.4).abs() < 1e-12);
        assert_eq!((x(290), x(310), x(0)), (Some(1.5), None, Some(1.3)));
        assert_eq!((frames.root(), frames.has("world"), frames.has("x")), (Some("world"), true, false));
        assert_eq!(frames.pose("tool", "world", Nanos(0)), None);
        // A circle ends.
        let mut circle = Frames::default();
        circle.add(&[transform("a", "b", 1.0, 0), transform("b", "a", 1.0, 0)], Nanos(0), true).unwrap();
        assert_eq!((circle.pose("world", "a", Nanos(0)), circle.root()), (None, None));
    }
}
