//! What the brain feels of the body: forces, what is held, the signals of its monitors.

use nalgebra::{Matrix6, Vector3, Vector6};
use neuraxis_brain::BodySense;
use neuraxis_cerebellum::{CerebellumTick, Grasp};
use neuraxis_core::{ArmState, Joints};
use neuraxis_executor::Signals;
use neuraxis_plan::Truth;
use neuraxis_robot::{Jacobian, Robot, contact::Contact};

use super::reflex::{Felt, Moment, Reflex};

/// Torques of joints that nobody expects, friction and what sets a motor itself going [N m]; forces [N] and torques [N m] that a tool meets.
const FRICTION_NM: f64 = 1.4;
const LIKELY_N: f64 = 30.0;
const LIKELY_NM: f64 = 5.0;
/// Forces are smoothed over this time [s].
const FORCE_SECS: f64 = 0.02;

impl Reflex {
    pub(super) fn feel(&mut self, moment: &Moment<'_>) -> BodySense {
        let world_from_tool = self.robot.world_from_tool(&moment.state.q).iso;
        let (jacobian, _) = self.robot.jacobian(&moment.state.q);
        let force = force_in_world(&self.robot, &jacobian, moment.state, &moment.commanded_tau_nm);
        let share = (0.005 / FORCE_SECS).min(1.0);
        // One torque that is no number would be felt for ever.
        if force.iter().all(|component| component.is_finite()) {
            self.force += share * (force - self.force);
        }
        let force_n = self.force.norm();
        let tool_in_world = world_from_tool.translation.vector;
        let from = *self.tool_from.get_or_insert(tool_in_world);
        self.felt = Felt {
            moved_m: self.felt.moved_m.max((tool_in_world - from).norm()),
            force_n,
            most_force_n: self.felt.most_force_n.max(force_n),
            tool_in_world,
        };
        let twist = jacobian.twist(&moment.state.qd);
        let velocity = self.robot.world_from_base().rotation() * twist.fixed_rows::<3>(0).into_owned();
        BodySense {
            world_from_tool,
            velocity_in_world_m_s: velocity,
            force_in_world_n: force.iter().all(|component| component.is_finite()).then_some(self.force),
            grip_width_m: moment.state.gripper_width_m,
        }
    }
}

pub(super) fn held(mind: Option<&CerebellumTick>) -> Truth {
    match mind.map(|mind| mind.grasp) {
        Some(Grasp::Held) => Truth::True,
        Some(Grasp::Empty | Grasp::Open) => Truth::False,
        None => Truth::Unknown,
    }
}

impl Reflex {
    pub(super) fn signals(&mut self, moment: &Moment<'_>, body: &BodySense) -> Signals {
        let is_held = moment.mind.is_some_and(|mind| mind.grasp == Grasp::Held);
        let active = moment.mind.and_then(|mind| mind.active);
        let tool = body.world_from_tool.translation.vector;
        let touch = self.touch(moment.state);
        Signals {
            tracking_rad: Some(moment.state.q.max_abs_diff(&moment.commanded_q)),
            residual_nm: touch.map(|contact| contact.most_nm()),
            contact: touch.map(|contact| contact.score.score),
            held_width_m: is_held.then_some(moment.state.gripper_width_m),
            held_force_n: moment.state.grip_force_n.filter(|_| is_held),
            distance_m: active.map(|keyframe| (keyframe.world_from_tool.position() - tool).norm()),
            ..Signals::default()
        }
    }

    /// What nobody expects of the joints' torques. A state that is no news, or no numbers, says nothing.
    fn touch(&mut self, state: &ArmState) -> Option<Contact> {
        let before = std::mem::replace(&mut self.felt_at, state.stamp);
        let detector = self.contact.as_mut()?;
        detector.step(&state.q, &state.qd, &state.tau_nm, state.stamp.secs_since(before)).ok()
    }
}

/// Force on the tool from outside [N], from the torques that the commanded motion does not take: the most likely wrench
/// if joints differ by their friction and forces are such as a tool meets. Without that, near a singularity a little
/// friction would look like a large force.
fn force_in_world(robot: &Robot, jacobian: &Jacobian, state: &ArmState, commanded_nm: &Joints) -> Vector3<f64> {
    let likely = Vector6::new(LIKELY_N, LIKELY_N, LIKELY_N, LIKELY_NM, LIKELY_NM, LIKELY_NM);
    let mut normal = Matrix6::from_diagonal(&likely.map(|most| (FRICTION_NM / most).powi(2)));
    let mut right = Vector6::zeros();
    for (i, column) in jacobian.columns().iter().enumerate() {
        let tau = |joints: &Joints| joints.get(i).copied().unwrap_or(0.0);
        normal += column * column.transpose();
        right += column * (tau(&state.tau_nm) - tau(commanded_nm));
    }
    let wrench = normal.cholesky().map_or(Vector6::zeros(), |c| c.solve(&right));
    robot.world_from_base().rotation() * -wrench.fixed_rows::<3>(0).into_owned()
}
