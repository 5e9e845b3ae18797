//! Straight ahead to a contact.

use std::f64::consts::TAU;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Fault, Joints, PERIOD_CEREBELLUM, Pose, SegmentState};

use super::{Mode, Mover, follower::Follower};

/// Slowest share of the contact speed at which a contact is sought.
const CREEP_PACE: f64 = 0.4;
/// Who keeps the acceleration limits may be this far behind a straight line [rad].
const BEHIND_RAD: f64 = 0.02;
/// A smaller turn has no axis [rad].
const NO_TURN_RAD: f64 = 1e-9;

impl Mover {
    /// The tool comes no closer to contact than `contact_time_secs` at the speed it has, but it does not creep.
    pub(super) fn contact_pace(&self) -> f64 {
        let speed_m_s = self.remaining_m() / self.config.contact_time_secs;
        (speed_m_s / self.config.contact_speed_m_s).clamp(CREEP_PACE, 1.0)
    }

    pub(super) fn start_line(&mut self, from: &SegmentState) -> Result<(), Fault> {
        // The end must be reachable before the first step is made.
        self.solve(&self.goal, &from.q, self.config.ik_restarts)?;
        self.line_from = self.robot.world_from_tool(&from.q);
        let p = self.line_from.position();
        self.line_to = self.goal.position();
        (self.detour, self.detours) = (None, 0);
        self.follower = Follower::new(from);
        self.tool.start([p.x, p.y, p.z, 0.0, 0.0, 0.0], [0.0; 6], [0.0; 6]);
        self.aim_line();
        self.mode = Mode::Straight;
        Ok(())
    }

    pub(super) fn step_line(&mut self) -> Result<(), Fault> {
        let (p, _, _) = self.tool.step(self.pace)?;
        let turn = UnitQuaternion::from_scaled_axis(Vector3::new(p[3], p[4], p[5]));
        let pose = Pose::from_parts(Vector3::new(p[0], p[1], p[2]), turn * self.line_from.rotation());
        let q = self.solve(&pose, &self.state.q, 0)?;
        let dt = PERIOD_CEREBELLUM.secs();
        let last = self.state;
        let rate = |a: &Joints, b: &Joints| {
            Joints::from_fn(q.len(), |i| a.get(i).zip(b.get(i)).map_or(0.0, |(a, b)| (a - b) / dt))
        };
        let qd = rate(&q, &last.q);
        // A joint that would jump has met a singularity or a limit.
        for (v, limit) in qd.iter().zip(self.robot.limits()) {
            // `contains` is false for NaN.
            if !(0.0..=limit.velocity_rad_s).contains(&v.abs()) {
                return Err(Fault::Unreachable);
            }
        }
        if !(0.0..=BEHIND_RAD).contains(&self.follower.step(&q, &qd, self.robot.limits())) {
            return Err(Fault::Unreachable);
        }
        self.state = if self.tool.is_done() {
            SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
        } else {
            SegmentState { q, qd, qdd: rate(&qd, &last.qd) }
        };
        self.follow_detour();
        Ok(())
    }

    /// Position and turn from the start of the line, to the goal or where its detour goes.
    pub(super) fn aim_line(&mut self) {
        let pose = self.detour.map_or(self.goal, |detour| detour.next(&self.goal));
        let p = pose.position();
        let turn = (pose.rotation() * self.line_from.rotation().inverse()).scaled_axis();
        let [_, _, _, x, y, z] = self.tool.position();
        let turn = nearest_turn(&turn, &Vector3::new(x, y, z));
        self.tool.aim([p.x, p.y, p.z, turn.x, turn.y, turn.z]);
    }
}

/// The same turn, made in the sense that is nearest to a turn that has been made: a turn by `a` is one by `a - 2 pi`, too.
fn nearest_turn(turn: &Vector3<f64>, made: &Vector3<f64>) -> Vector3<f64> {
    let Some(axis) = turn.try_normalize(NO_TURN_RAD).or_else(|| made.try_normalize(NO_TURN_RAD)) else { return *turn };
    turn + axis * (((made - turn).dot(&axis) / TAU).round() * TAU)
}
