//! A straight way in whose goal moved aside.
//!
//! A hand that comes in beside a thing pushes it away. So where the goal of an approach has moved aside and is near, the
//! tool backs off to where the way in began, goes over the new goal, and comes in from there.

use nalgebra::Vector3;
use neuraxis_core::{PERIOD_CEREBELLUM, Pose, Tool, World};

use super::{Mode, Mover};

/// Beside the goal's approach direction by less than this the tool goes on, and a goal that moves less has not moved [m].
const ASIDE_M: f64 = 0.01;
/// From so many times further away than aside, the way in is steep enough.
const STEEP: f64 = 2.0;
/// The way in is along the tool's approach direction: cosine of the angle between them, steeper than `STEEP`.
const APPROACH_COS: f64 = 0.95;
/// A way in this short is none, and what begins this near is not left so far [m].
const SHORT_M: f64 = 0.03;
/// The tool backs off no further from the goal than this [m].
const MOST_BACK_M: f64 = 0.12;
/// Backed off to within this, the tool goes across [m].
const NEARLY_BACK_M: f64 = 0.01;
/// The tool stays over a goal that moves on no longer than this, by the motion's own clock [s].
const MOST_OVER_SECS: f64 = 2.0;
/// So often on one way in; a goal that goes on moving is followed as it is.
const MOST: u32 = 2;

/// Where a straight way goes before it goes to its goal.
#[derive(Copy, Clone, Debug)]
pub(super) struct Detour {
    back: Pose<World, Tool>,
    /// Distance from the goal at which the tool goes across [m].
    back_m: f64,
    is_back: bool,
    /// Since it was back, by the motion's own clock: slower motion takes longer [s].
    over_secs: f64,
}

impl Detour {
    /// What comes next, for the goal as it is now.
    pub(super) fn next(&self, goal: &Pose<World, Tool>) -> Pose<World, Tool> {
        if self.is_back { over(goal, self.back_m) } else { self.back }
    }
}

/// Before the goal, along its approach direction.
fn over(goal: &Pose<World, Tool>, back_m: f64) -> Pose<World, Tool> {
    Pose::from_parts(goal.position() - axis(goal) * back_m, goal.rotation())
}

/// The tool's approach direction.
fn axis(pose: &Pose<World, Tool>) -> Vector3<f64> {
    pose.rotation() * Vector3::z()
}

/// The parts of a vector across a direction, and along it.
fn across_and_along(v: &Vector3<f64>, direction: &Vector3<f64>) -> (Vector3<f64>, f64) {
    let along = v.dot(direction);
    (v - direction * along, along)
}

impl Mover {
    /// The motion is a straight way in, along the tool's approach direction; also when it has ended.
    pub fn is_coming_in(&self) -> bool {
        let way = self.line_to - self.line_from.position();
        self.mode == Mode::Straight && way.norm() > SHORT_M && way.dot(&axis(&self.goal)) > APPROACH_COS * way.norm()
    }

    /// Begins a detour if the goal has moved aside and is too near to be approached from where the tool is. Where a detour
    /// is out of reach there is none.
    pub(super) fn begin_detour(&mut self) {
        let direction = axis(&self.goal);
        let (moved, _) = across_and_along(&(self.goal.position() - self.line_to), &direction);
        let here = self.robot.world_from_tool(&self.state.q);
        let (aside, depth_m) = across_and_along(&(self.goal.position() - here.position()), &direction);
        let begun_m = (self.goal.position() - self.line_from.position()).dot(&direction);
        if !self.is_coming_in() || self.detours >= MOST || moved.norm() < ASIDE_M || begun_m < SHORT_M {
            return;
        }
        if aside.norm() < ASIDE_M || depth_m > STEEP * aside.norm() {
            return;
        }
        let back_m = begun_m.min(MOST_BACK_M).max(depth_m);
        // It turns only there.
        let back = Pose::from_parts(here.position() + direction * (depth_m - back_m), here.rotation());
        let poses = [back, over(&self.goal, back_m), self.goal];
        if poses.iter().all(|pose| self.solve(pose, &self.state.q, 0).is_ok()) {
            self.detour = Some(Detour { back, back_m, is_back: false, over_secs: 0.0 });
            self.detours += 1;
            self.line_to = self.goal.position();
        }
    }

    /// Goes on from one part of a detour to the next.
    pub(super) fn follow_detour(&mut self) {
        let pace = self.pace;
        let Some(detour) = &mut self.detour else { return };
        if detour.is_back {
            detour.over_secs += pace * PERIOD_CEREBELLUM.secs();
        }
        let detour = *detour;
        let here = self.robot.world_from_tool(&self.state.q);
        if detour.is_back {
            let (aside, _) = across_and_along(&(self.goal.position() - here.position()), &axis(&self.goal));
            if !self.tool.is_done() && aside.norm() > ASIDE_M && detour.over_secs < MOST_OVER_SECS {
                return;
            }
            self.detour = None;
        } else {
            if !self.tool.is_done() && here.distance(&detour.back).0 > NEARLY_BACK_M {
                return;
            }
            self.detour = Some(Detour { is_back: true, ..detour });
        }
        self.aim_line();
    }
}
