//! Along a planned path, from waypoint to waypoint.

use neuraxis_core::{Fault, JointPath, Joints, KeyFrame, SegmentState};

use super::{Mode, Mover, array, is_still};

/// A path ends at its goal, to within this [m], [rad].
const SAME_M: f64 = 1e-3;
const SAME_RAD: f64 = 1e-2;

impl Mover {
    /// Begins to move from a commanded state along a planned path to a key-frame. No allocation.
    ///
    /// The path must begin where the arm is and end at the key-frame. From rest the arm keeps exactly to the path: it
    /// stops at each waypoint, since a corner that is cut may lie in what the path goes around. An arm that still
    /// moves goes to the first waypoint without stopping, beside the path's first line.
    pub fn start_along(&mut self, from: &SegmentState, goal: &KeyFrame, path: &JointPath) -> Result<(), Fault> {
        let dof = self.robot.dof();
        let is_sound = |q: &Joints| q.is_finite() && q.len() == dof;
        let waypoints = path.waypoints();
        let Some(last) = waypoints.last() else { return Err(Fault::Unreachable) };
        if !goal.world_from_tool.is_valid() || !is_sound(&from.q) || !waypoints.iter().all(is_sound) {
            return Err(Fault::Unreachable);
        }
        let (metres, radians) = self.robot.world_from_tool(last).distance(&goal.world_from_tool);
        if metres > SAME_M || radians > SAME_RAD {
            return Err(Fault::Unreachable);
        }
        self.state = *from;
        self.goal = goal.world_from_tool;
        self.pace = self.first_pace(from);
        self.via = 0;
        self.vias_len = waypoints.len();
        for (slot, q) in self.vias.iter_mut().zip(waypoints) {
            *slot = (self.robot.world_from_tool(q), *q);
        }
        if is_still(from) {
            self.mode = Mode::Along;
            self.line_to_via();
        } else {
            self.mode = Mode::Joining;
            self.joint.start(array(&from.q), array(&from.qd), array(&from.qdd));
            self.aim_at_via();
        }
        Ok(())
    }

    pub(super) fn step_along(&mut self) -> Result<(), Fault> {
        self.state = self.line.step(self.pace)?;
        if self.line.is_done() && self.via + 1 < self.vias_len {
            self.via += 1;
            self.line_to_via();
        }
        Ok(())
    }

    pub(super) fn step_joining(&mut self) -> Result<(), Fault> {
        self.step_joints()?;
        if self.joint.is_done() && self.via + 1 < self.vias_len {
            self.via += 1;
            self.mode = Mode::Along;
            self.line_to_via();
        }
        Ok(())
    }

    pub(super) fn line_to_via(&mut self) {
        if let Some((_, q)) = self.vias.get(self.via) {
            self.line.start(&self.state.q, q);
        }
    }
}
