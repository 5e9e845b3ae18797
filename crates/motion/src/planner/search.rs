//! A path around obstacles: RRT-Connect (Kuffner & LaValle 2000), then shortcuts (Geraerts & Overmars 2007).

use std::{
    cell::{Cell, RefCell},
    f64::consts::PI,
};

use neuraxis_core::Joints;
use neuraxis_robot::IK_SPARE_RAD;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    body::Body,
    clearance::{Clearance, between},
};

/// Every other sample is not further than this outside the box that start and goal span [rad].
const AROUND_RAD: f64 = 0.8;
/// Shortcuts tried between random points of a path, before all corners are left out that are not needed; and how often.
const SHORTCUTS: usize = 40;
const ROUNDS: usize = 2;
/// Pairs of corners tried to be made one.
const MERGES: usize = 30;

/// A search from one start to one posture at the goal.
pub(super) struct Search<'a> {
    pub(super) body: &'a Body,
    pub(super) clearance: &'a Clearance<'a>,
    pub(super) from: &'a Joints,
    pub(super) goal: &'a Joints,
}

impl Search<'_> {
    /// Corners of a free path, start and goal included; `None` if there is none after that many tries.
    ///
    /// Trees grow by steps of `step_m`, in joint positions weighted with each joint's reach, and look only at the ends
    /// of a step: coarse steps cross wide spaces quickly, fine steps get through narrow ones. The lines of the path
    /// found are checked afterwards, all along.
    pub(super) fn run(&self, step_m: f64, tries: usize, rng: &mut Pcg64) -> Option<Vec<Joints>> {
        let mut path = self.connect(step_m, tries, rng)?;
        let is_free = |pair: &[Joints]| matches!(pair, [from, to] if self.clearance.is_line_free(from, to));
        if !path.windows(2).all(is_free) {
            return None;
        }
        for _ in 0..ROUNDS {
            for _ in 0..SHORTCUTS {
                self.cut_short(&mut path, rng);
            }
            path = self.pruned(&path)?;
            for _ in 0..MERGES {
                self.merge(&mut path, rng);
            }
            path = self.pruned(&path)?;
        }
        Some(path)
    }

    fn connect(&self, step_m: f64, tries: usize, rng: &mut Pcg64) -> Option<Vec<Joints>> {
        let reach_m = self.body.reach_m();
        let weighted = |q: &Joints| -> Vec<f64> { q.iter().zip(reach_m.iter()).map(|(q, reach)| q * reach).collect() };
        let joints = |point: &[f64]| {
            Joints::from_fn(reach_m.len(), |i| point.get(i).zip(reach_m.get(i)).map_or(0.0, |(p, r)| p / r))
        };
        let meeting = Cell::new(*self.from);
        let is_free = |point: &[f64]| {
            let q = joints(point);
            let is_free = self.clearance.spare_m(&q) >= 0.0;
            if is_free {
                meeting.set(q);
            }
            is_free
        };
        let rng = RefCell::new(rng);
        let draws = Cell::new(0usize);
        let sample = || {
            draws.set(draws.get() + 1);
            weighted(&self.sample(&mut rng.borrow_mut(), draws.get().is_multiple_of(2)))
        };
        let points =
            rrt::dual_rrt_connect(&weighted(self.from), &weighted(self.goal), is_free, sample, step_m, tries).ok()?;
        let mut nodes: Vec<Joints> = points.iter().map(|point| joints(point)).collect();
        // The crate leaves out where the trees meet, the last posture found free: a step from both its neighbours.
        let near = |q: &Joints| {
            let squares = weighted(q).into_iter().zip(weighted(&meeting.get())).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt() <= step_m * (1.0 + 1e-9)
        };
        if let Some(before) = nodes.windows(2).position(|pair| pair.iter().all(near)) {
            nodes.insert(before + 1, meeting.get());
        }
        // The ends as they were given, not divided and multiplied.
        if let [first, .., last] = nodes.as_mut_slice() {
            (*first, *last) = (*self.from, *self.goal);
        }
        Some(nodes)
    }

    /// Within the limits, not more than half a turn from the start; or around the start and the goal.
    fn sample(&self, rng: &mut Pcg64, around: bool) -> Joints {
        let mut q = *self.from;
        for ((q, goal), limit) in q.iter_mut().zip(self.goal.iter()).zip(self.body.robot.limits()) {
            let (low, high) = match around {
                true => (q.min(*goal) - AROUND_RAD, q.max(*goal) + AROUND_RAD),
                false => (*q - PI, *q + PI),
            };
            let low = low.max(limit.lower_rad + IK_SPARE_RAD);
            let high = high.min(limit.upper_rad - IK_SPARE_RAD);
            *q = low + rng.random::<f64>() * (high - low);
        }
        q
    }

    /// Leaves out all corners that are not needed; `None` if a line of the path is not free.
    fn pruned(&self, path: &[Joints]) -> Option<Vec<Joints>> {
        let (first, mut rest) = path.split_first()?;
        let mut kept = vec![*first];
        while let (Some(here), false) = (kept.last(), rest.is_empty()) {
            let next = rest.iter().rposition(|q| self.clearance.is_line_free(here, q))?;
            kept.push(*rest.get(next)?);
            rest = rest.get(next + 1..)?;
        }
        Some(kept)
    }

    /// Tries the straight line between two random points on different lines of the path.
    fn cut_short(&self, path: &mut Vec<Joints>, rng: &mut Pcg64) {
        let lines = path.len() - 1;
        let mut draw = || (rng.random_range(0..lines), rng.random::<f64>());
        let (one, other) = (draw(), draw());
        let ((first, from_share), (last, to_share)) = if one.0 < other.0 { (one, other) } else { (other, one) };
        let on = |line: usize, share: f64| Some(between(path.get(line)?, path.get(line + 1)?, share));
        if let (true, Some(from), Some(to)) = (first < last, on(first, from_share), on(last, to_share))
            && self.clearance.is_line_free(&from, &to)
        {
            path.splice(first + 1..=last, [from, to]);
        }
    }

    /// Tries one corner in the place of two: about where the lines before and after them would meet.
    fn merge(&self, path: &mut Vec<Joints>, rng: &mut Pcg64) {
        let Some(pairs) = path.len().checked_sub(3).filter(|pairs| *pairs > 0) else { return };
        let first = rng.random_range(0..pairs);
        let (before, after) = (1.0 + rng.random::<f64>(), -rng.random::<f64>());
        let Some([from, one, other, to]) = path.get(first..first + 4) else { return };
        let mut corner = between(&between(from, one, before), &between(other, to, after), 0.5);
        for (q, limit) in corner.iter_mut().zip(self.body.robot.limits()) {
            *q = q.max(limit.lower_rad + IK_SPARE_RAD).min(limit.upper_rad - IK_SPARE_RAD);
        }
        if self.clearance.is_line_free(from, &corner) && self.clearance.is_line_free(&corner, to) {
            path.splice(first + 1..first + 3, [corner]);
        }
    }
}
