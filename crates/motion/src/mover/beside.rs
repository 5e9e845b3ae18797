//! A straight way in whose goal moved aside.
//!
//! A hand that comes in beside a thing pushes it away. So where the goal of an approach has moved aside and is near, the
//! tool backs off along its approach direction, goes over the new goal, and comes in from there.

use nalgebra::Vector3;
use neuraxis_core::{Pose, Tool, World};

use super::Mover;

/// Beside the goal's approach direction by less than this the tool goes on [m].
const ASIDE_M: f64 = 0.01;
/// From so many times further away than aside, the way in is steep enough.
const STEEP: f64 = 2.0;
/// Distance from the goal at which the tool goes over it [m]; never further than where its straight way began.
const STAND_OFF_M: f64 = 0.06;
/// Backed off to within this of it, the tool goes across [m].
const NEARLY_BACK_M: f64 = 0.01;
/// A way along the tool's approach direction: cosine of the angle between them.
const APPROACH_COS: f64 = 0.8;

/// Where a straight way goes before it goes to its goal, at a distance from it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Detour {
    back: Pose<World, Tool>,
    over: Pose<World, Tool>,
    is_back: bool,
}

impl Detour {
    /// What comes next.
    pub(super) fn next(&self) -> Pose<World, Tool> {
        if self.is_back { self.over } else { self.back }
    }
}

impl Mover {
    /// What the tool has to do first on a straight way to the goal; `None`: nothing.
    pub(super) fn detour(&self) -> Option<Detour> {
        let (goal, axis) = (self.goal.position(), self.goal.rotation() * Vector3::z());
        let is_approach = self.way.norm() > ASIDE_M && self.way.dot(&axis) > APPROACH_COS * self.way.norm();
        let (aside, depth_m) = self.aside_and_depth_m();
        if !is_approach || aside.norm() < ASIDE_M || depth_m > STEEP * aside.norm() {
            return None;
        }
        let begun_m = (goal - self.line_from.position()).dot(&axis);
        let off = -axis * STAND_OFF_M.min(begun_m).max(depth_m);
        let [back, over] = [goal - aside + off, goal + off].map(|p| Pose::from_parts(p, self.goal.rotation()));
        let reachable = [back, over].iter().all(|pose| self.solve(pose, &self.state.q, 0).is_ok());
        reachable.then_some(Detour { back, over, is_back: false })
    }

    /// Goes on from one part of a detour to the next.
    pub(super) fn follow_detour(&mut self) {
        let Some(detour) = self.detour else { return };
        let (aside, _) = self.aside_and_depth_m();
        let here = self.robot.world_from_tool(&self.state.q);
        self.detour = if !detour.is_back {
            if !self.tool.is_done() && here.distance(&detour.back).0 > NEARLY_BACK_M {
                return;
            }
            Some(Detour { is_back: true, ..detour })
        } else {
            if !self.tool.is_done() && aside.norm() > ASIDE_M {
                return;
            }
            None
        };
        self.aim_line();
    }

    /// From the tool to the goal: the way across its approach direction, and along it [m].
    fn aside_and_depth_m(&self) -> (Vector3<f64>, f64) {
        let here = self.robot.world_from_tool(&self.state.q).position();
        let (to_goal, axis) = (self.goal.position() - here, self.goal.rotation() * Vector3::z());
        let depth_m = to_goal.dot(&axis);
        (to_goal - axis * depth_m, depth_m)
    }
}
