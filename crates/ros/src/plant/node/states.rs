//! What the robot says of its joints.

use std::ops::Deref;

use neuraxis_core::{ArmState, Joints, Nanos, Observation};
use r2r::sensor_msgs::msg::JointState;

use super::{JUMP_SECS, LATE, PlantNode};
use crate::{conversions, plant::Misbehaviour};

impl<F: Deref<Target = Observation> + Send> PlantNode<F> {
    pub(super) fn say_state(&mut self, now: Nanos) {
        let Ok(state) = self.ports.arm.read() else {
            self.stats.failed += 1;
            return;
        };
        // Physics that has fallen behind has nothing new to say.
        if self.said_of == Some(state.stamp) {
            return;
        }
        self.said_of = Some(state.stamp);
        self.measured_m = state.gripper_width_m;
        let Some(mut msg) = self.message(&state) else { return };
        self.stats.failed += u64::from(self.truth.publish(&msg).is_err());
        if self.does(Misbehaviour::Silent) {
            return;
        }
        if self.does(Misbehaviour::Freeze) {
            msg = self.frozen.get_or_insert(msg).clone();
        }
        if self.does(Misbehaviour::Nan) {
            msg.position[1] = f64::NAN;
        }
        if self.does(Misbehaviour::WrongNames) {
            msg.name.iter_mut().for_each(|name| *name = format!("other_{name}"));
        }
        if self.does(Misbehaviour::MissingJoint) {
            let at = msg.name.iter().position(|name| *name == self.ports.joint_names[0]).unwrap_or(0);
            msg.name.remove(at);
            for values in [&mut msg.position, &mut msg.velocity, &mut msg.effort] {
                values.remove(at);
            }
        }
        if self.does(Misbehaviour::DuplicateJoint) {
            let at = msg.name.iter().position(|name| *name == self.ports.joint_names[0]).unwrap_or(0);
            msg.name.push(msg.name[at].clone());
            for values in [&mut msg.position, &mut msg.velocity, &mut msg.effort] {
                values.push(values[at]);
            }
        }
        if self.does(Misbehaviour::Jump) {
            msg.header.stamp.sec -= JUMP_SECS as i32;
        }
        if self.does(Misbehaviour::Late) {
            self.late.push_back((now, msg));
            while self.late.front().is_some_and(|(since, _)| now - *since >= LATE) {
                if let Some((_, msg)) = self.late.pop_front() {
                    self.send(&msg);
                }
            }
            return;
        }
        self.send(&msg);
    }

    fn send(&mut self, msg: &JointState) {
        self.stats.joint_states += u64::from(self.states_out.publish(msg).is_ok());
    }

    /// Backwards, a finger first and the others last: who reads by place is wrong at once.
    fn message(&self, state: &ArmState) -> Option<JointState> {
        let header = conversions::header(&self.stamper.stamp(state.stamp)?, "");
        let fingers = &self.ports.finger_joints;
        let (first, last) = fingers.split_at(fingers.len().min(1));
        let finger = state.gripper_width_m / 2.0;
        let around = |arm: &Joints, finger: f64| -> Vec<f64> {
            let of = |fingers: &[String]| vec![finger; fingers.len()];
            of(first).into_iter().chain(arm.iter().rev().copied()).chain(of(last)).collect()
        };
        let names = first.iter().chain(self.ports.joint_names.iter().rev()).chain(last);
        Some(JointState {
            header,
            name: names.cloned().collect(),
            position: around(&state.q, finger),
            velocity: around(&state.qd, 0.0),
            effort: around(&state.tau_nm, 0.0),
        })
    }
}
