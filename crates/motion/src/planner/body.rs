//! The arm as balls: its capsules, its fingers and what they hold.

use std::sync::Arc;

use nalgebra::{IsometryMatrix3, Point3, Vector3};
use neuraxis_core::{Joints, MAX_JOINTS};
use neuraxis_robot::{LinkFrames, Robot};

use super::ToolCapsule;
use crate::MotionError;

/// Balls are this far apart, in radii of their capsule; they are larger, so that no part of it sticks out.
const SPACING: f64 = 0.7;
/// A joint that moves nothing far still counts as one that moves something this far [m].
const LEAST_REACH_M: f64 = 0.02;

/// A ball fixed to a link.
#[derive(Clone, Debug)]
pub(super) struct Ball {
    /// 0: the base; n: moved by the n-th joint.
    pub(super) link: usize,
    at_in_link: Point3<f64>,
    pub(super) radius_m: f64,
    /// Fingers and what they hold touch things on purpose.
    pub(super) may_touch: bool,
}

/// A row of balls, and a ball around all of them.
#[derive(Clone, Debug)]
struct Row {
    around: Ball,
    balls: Vec<Ball>,
}

/// A row where its link is.
pub(super) struct PlacedRow<'a> {
    row: &'a Row,
    world_from_link: IsometryMatrix3<f64>,
}

impl<'a> PlacedRow<'a> {
    /// The ball around all balls of the row, and its middle in the world [m].
    pub(super) fn around(&self) -> (Vector3<f64>, &'a Ball) {
        ((self.world_from_link * self.row.around.at_in_link).coords, &self.row.around)
    }

    /// The balls and their middles in the world [m].
    pub(super) fn balls(self) -> impl ExactSizeIterator<Item = (Vector3<f64>, &'a Ball)> {
        self.row.balls.iter().map(move |ball| ((self.world_from_link * ball.at_in_link).coords, ball))
    }
}

/// All balls of the arm, and how far joints move them.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) robot: Arc<Robot>,
    rows: Vec<Row>,
    /// By joint: no ball moves further per radian [m/rad].
    reach_m: Joints,
    last_from_tool: IsometryMatrix3<f64>,
}

impl Body {
    /// Refuses a robot without capsules: it would go through everything.
    pub(super) fn new(robot: Arc<Robot>, fingers: &[ToolCapsule]) -> Result<Self, MotionError> {
        let frames = robot.link_frames(&robot.home());
        let ends: Vec<_> = robot.capsule_points(&frames).collect();
        if ends.is_empty() {
            return Err(MotionError::NoCapsules);
        }
        let link_from_base = |link: usize| place(&frames, link).inverse();
        let last_from_tool =
            link_from_base(robot.dof()) * nalgebra::convert::<_, IsometryMatrix3<f64>>(frames.base_from_tool().iso);
        let mut body = Self { rows: Vec::new(), reach_m: Joints::zeros(robot.dof()), last_from_tool, robot };
        for pair in ends.chunks_exact(2) {
            if let [(from, radius_m, link), (to, ..)] = pair {
                let in_link = |at: &Vector3<f64>| link_from_base(*link) * Point3::from(*at);
                body.add(*link, in_link(from), in_link(to), *radius_m, false);
            }
        }
        fingers.iter().for_each(|finger| body.hold(finger));
        body.measure();
        Ok(body)
    }

    /// The same arm with something in its hand.
    pub(super) fn holding(&self, held: Option<&ToolCapsule>) -> Self {
        let mut body = self.clone();
        if let Some(held) = held {
            body.hold(held);
            body.measure();
        }
        body
    }

    /// Every ball and its middle in the world [m], always in the same order.
    pub(super) fn placed(&self, frames: &LinkFrames) -> impl Iterator<Item = (Vector3<f64>, &Ball)> {
        self.placed_rows(frames).flat_map(PlacedRow::balls)
    }

    /// The same by rows.
    pub(super) fn placed_rows(&self, frames: &LinkFrames) -> impl Iterator<Item = PlacedRow<'_>> {
        let world_from_base: IsometryMatrix3<f64> = nalgebra::convert(self.robot.world_from_base().iso);
        let mut world_from_link = [world_from_base; MAX_JOINTS + 1];
        for (slot, base_from_link) in world_from_link.iter_mut().zip(frames.base_from_link()) {
            *slot = world_from_base * base_from_link;
        }
        self.rows.iter().filter_map(move |row| {
            let world_from_link = *world_from_link.get(row.around.link)?;
            Some(PlacedRow { row, world_from_link })
        })
    }

    /// No ball moves further than this on a straight line between joint positions [m].
    pub(super) fn motion_m(&self, from: &Joints, to: &Joints) -> f64 {
        from.iter().zip(to.iter()).zip(self.reach_m.iter()).map(|((a, b), reach)| (a - b).abs() * reach).sum()
    }

    /// By joint: no ball moves further per radian [m/rad]; above zero.
    pub(super) fn reach_m(&self) -> &Joints {
        &self.reach_m
    }

    fn hold(&mut self, thing: &ToolCapsule) {
        let in_link = |at: [f64; 3]| self.last_from_tool * Point3::from(at);
        let (from, to) = (in_link(thing.from_xyz_m), in_link(thing.to_xyz_m));
        self.add(self.robot.dof(), from, to, thing.radius_m, true);
    }

    /// A row of balls that covers a capsule: the radius is that of the circle where two neighbours meet.
    fn add(&mut self, link: usize, from: Point3<f64>, to: Point3<f64>, radius_m: f64, may_touch: bool) {
        let gaps = ((to - from).norm() / (SPACING * radius_m)).ceil().max(1.0);
        let half_gap_m = 0.5 * (to - from).norm() / gaps;
        let ball =
            |share: f64, radius_m: f64| Ball { link, at_in_link: from + (to - from) * share, radius_m, may_touch };
        let each_m = radius_m.hypot(half_gap_m);
        let balls = (0..=gaps as usize).map(|i| ball(i as f64 / gaps, each_m)).collect();
        self.rows.push(Row { around: ball(0.5, each_m + half_gap_m * gaps), balls });
    }

    /// From a joint's origin along the origins after it to the ball: no posture brings them further apart.
    fn measure(&mut self) {
        let frames = self.robot.link_frames(&self.robot.home());
        let origin = |link: usize| place(&frames, link).translation.vector;
        let span_m = |link: usize| (origin(link + 1) - origin(link)).norm();
        self.reach_m = Joints::from_fn(self.robot.dof(), |joint| {
            let balls = self.rows.iter().flat_map(|row| &row.balls);
            let moved = balls.filter(|ball| ball.link > joint);
            moved
                .map(|ball| (joint + 1..ball.link).map(span_m).sum::<f64>() + ball.at_in_link.coords.norm())
                .fold(LEAST_REACH_M, f64::max)
        });
    }
}

fn place(frames: &LinkFrames, link: usize) -> IsometryMatrix3<f64> {
    frames.base_from_link().get(link).copied().unwrap_or(IsometryMatrix3::identity())
}
