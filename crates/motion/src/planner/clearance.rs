//! Whether a posture, or a straight line between two, keeps clear of everything.

use nalgebra::Vector3;
use neuraxis_core::Joints;

use super::{PlannerConfig, body::Body};
use crate::DistanceField;

/// What the arm may lose of the clearance it has at the start and at the goal [m].
const SLACK_M: f64 = 0.002;
/// Lines are looked at this finely where there is no room to spare [m].
const FINEST_M: f64 = 0.003;

/// The rules of one path, from one start to one posture at the goal.
///
/// Each ball of the arm keeps `clearance_m`. At the start and at the goal it may be nearer to something than that (the
/// hand above a table, a held thing that touches what it stood on): within `near_m` of its own place there, what it
/// has there, less 2 mm, suffices. Two links keep `self_clearance_m`, or what they have at the start, less 2 mm.
pub(super) struct Clearance<'a> {
    body: &'a Body,
    field: &'a DistanceField,
    config: &'a PlannerConfig,
    /// Every ball at the start, and at the goal.
    ends: [Vec<End>; 2],
    self_clearance_m: f64,
}

/// A ball at one end of the path.
struct End {
    middle_in_world: Vector3<f64>,
    clearance_m: f64,
}

impl<'a> Clearance<'a> {
    pub(super) fn new(
        body: &'a Body,
        field: &'a DistanceField,
        config: &'a PlannerConfig,
        from: &Joints,
        goal: &Joints,
    ) -> Self {
        let end = |q: &Joints| {
            let frames = body.robot.link_frames(q);
            let balls = body.placed(&frames).map(|(middle_in_world, ball)| End {
                middle_in_world,
                clearance_m: field.distance_m(&middle_in_world) - ball.radius_m,
            });
            balls.collect()
        };
        let at_start_m = body.robot.self_clearance_m(&body.robot.link_frames(from));
        let self_clearance_m = config.self_clearance_m.min(at_start_m - SLACK_M);
        Self { body, field, config, ends: [end(from), end(goal)], self_clearance_m }
    }

    /// What the arm has more than it needs [m]: below zero, the posture is not allowed. No allocation.
    pub(super) fn spare_m(&self, q: &Joints) -> f64 {
        let frames = self.body.robot.link_frames(q);
        let mut least_m = self.body.robot.self_clearance_m(&frames) - self.self_clearance_m;
        let [start, goal] = &self.ends;
        let mut ends = start.iter().zip(goal);
        // Distances read beside each other differ by that much more than the points do.
        let unsure_m = 0.5 * self.field.cell_m();
        for row in self.body.placed_rows(&frames) {
            let (around_m, around) = row.around();
            let balls = row.balls();
            let row_m = self.field.distance_m(&around_m) - around.radius_m - unsure_m;
            // Nothing in this row can be nearer. Where the field ends, a ball may be inside of it all the same.
            let is_far = row_m.is_finite() && row_m - self.config.clearance_m > least_m;
            let is_fixed = around.link < self.config.first_link;
            let ends = ends.by_ref().take(balls.len());
            if is_far || is_fixed {
                ends.for_each(drop);
                continue;
            }
            for ((middle, ball), (start, goal)) in balls.zip(ends) {
                let clearance_m = self.field.distance_m(&middle) - ball.radius_m;
                // A number that is none must not look free.
                if clearance_m.is_nan() {
                    return f64::NEG_INFINITY;
                }
                let mut need_m = self.config.clearance_m;
                if clearance_m - need_m >= least_m {
                    continue;
                }
                for end in [start, goal] {
                    if (end.middle_in_world - middle).norm() < self.config.near_m {
                        need_m = need_m.min(end.clearance_m - SLACK_M);
                    }
                }
                least_m = least_m.min(clearance_m - need_m);
            }
        }
        if least_m.is_nan() { f64::NEG_INFINITY } else { least_m }
    }

    /// Whether all of a straight line in joint space is allowed, its ends included. No allocation.
    ///
    /// Distances change no faster than things move: from a posture with room to spare the next one looked at is as far
    /// on as the room allows, at most a cell, at least 3 mm. Between two looks up to 3 mm of clearance may be missing.
    pub(super) fn is_line_free(&self, from: &Joints, to: &Joints) -> bool {
        let motion_m = self.body.motion_m(from, to);
        let mut done_m = 0.0;
        loop {
            let share = if motion_m > 0.0 { done_m / motion_m } else { 1.0 };
            let spare_m = self.spare_m(&between(from, to, share));
            if spare_m < 0.0 {
                return false;
            }
            if done_m >= motion_m {
                return true;
            }
            done_m = (done_m + spare_m.clamp(FINEST_M, self.field.cell_m())).min(motion_m);
        }
    }
}

/// A point of a straight line in joint space: 0 is its start, 1 its end.
pub(super) fn between(from: &Joints, to: &Joints, share: f64) -> Joints {
    let mut q = *from;
    for (q, to) in q.iter_mut().zip(to.iter()) {
        *q += (to - *q) * share;
    }
    q
}
