//! What the robot is told.

use std::ops::Deref;

use neuraxis_core::{Joints, Nanos, Observation, PERIOD_BRAINSTEM};
use r2r::{std_srvs::srv::Trigger::Response, trajectory_msgs::msg::JointTrajectory};

use super::{GRIPPER, GRIPPER_LATE, PlantNode};
use crate::{
    plant::{Misbehaviour, gripper::GripperServer, setpoint::Point},
    serve,
};

impl<F: Deref<Target = Observation> + Send> PlantNode<F> {
    /// Takes what has come; of each kind the newest.
    pub(super) fn listen(&mut self) {
        let now = self.ports.clock.now();
        let dof = self.ports.joint_names.len();
        serve::drain(&mut self.asks, |request| {
            self.is_asked = true;
            let success = self.misbehave.is_some_and(|misbehave| misbehave.after_secs.is_none());
            let message = if success { "it misbehaves from now on" } else { "it was started without `KIND@asked`" };
            let answered = request.respond(Response { success, message: message.into() });
            self.stats.failed += u64::from(answered.is_err());
        });
        let (ignores, mut taken) = (self.does(Misbehaviour::Ignore), false);
        if let Some(msg) = self.positions.newest().0 {
            taken = true;
            match joints(&msg.data, dof) {
                Some(_) if ignores => {}
                Some(q) => self.setpoint.position(now, q),
                None => self.stats.refused += 1,
            }
            self.stats.positions += 1;
        }
        if let Some(msg) = self.velocities.newest().0 {
            taken = true;
            match joints(&msg.data, dof) {
                Some(_) if ignores => self.setpoint.velocity(now, Joints::zeros(dof)),
                Some(qd) => self.setpoint.velocity(now, qd),
                None => self.stats.refused += 1,
            }
            self.stats.velocities += 1;
        }
        if let Some(msg) = self.trajectories.newest().0 {
            taken = true;
            match points(&msg, &self.ports.joint_names) {
                Some(_) if ignores => {}
                Some(points) => self.setpoint.trajectory(now, points),
                None => self.stats.refused += 1,
            }
            self.stats.trajectories += 1;
        }
        let widths = self.widths.newest().0.map(|msg| msg.data.first().copied().unwrap_or(f64::NAN));
        if let Some(width_m) = widths.or(self.width.newest().0.map(|msg| msg.data)) {
            taken = true;
            if width_m.is_finite() {
                self.width_m = width_m;
                self.stats.gripper += 1;
            } else {
                self.stats.refused += 1;
            }
        }
        let stamp = self.stamper.time().unwrap_or_default();
        let manner = self.manner();
        let is_time = self.first_command.is_some_and(|first| now - first >= GRIPPER_LATE);
        if is_time && self.gripper.is_none() && self.does(Misbehaviour::GripperLate) {
            match GripperServer::new(&mut self.node, GRIPPER) {
                Ok(server) => self.gripper = Some(server),
                Err(_) => self.stats.failed += 1,
            }
        }
        let measured_m = self.measured_m;
        let gripper = self.gripper.as_mut();
        let told = gripper.and_then(|gripper| gripper.serve((now, stamp), measured_m, manner, &mut self.camera_stats));
        if let Some(width_m) = told {
            taken = true;
            self.width_m = width_m;
            self.stats.gripper += 1;
        }
        if taken {
            self.first_command.get_or_insert(now);
        }
    }
}

fn joints(values: &[f64], dof: usize) -> Option<Joints> {
    Joints::from_slice(values).filter(|joints| joints.len() == dof && joints.is_finite())
}

/// The points of a trajectory in our order of joints; `None` if they are no trajectory of this arm.
fn points(msg: &JointTrajectory, names: &[String]) -> Option<Vec<Point>> {
    let places = names.iter().map(|name| msg.joint_names.iter().position(|other| other == name));
    let places = places.collect::<Option<Vec<usize>>>()?;
    let ordered = |values: &[f64]| {
        let ordered = places.iter().map(|&place| values.get(place).copied()).collect::<Option<Vec<f64>>>()?;
        joints(&ordered, names.len())
    };
    let mut last = Nanos(0);
    let points = msg.points.iter().map(|point| {
        let time = &point.time_from_start;
        let after = Nanos(u64::try_from(time.sec).ok()? * 1_000_000_000 + u64::from(time.nanosec));
        let comes_later = after > last;
        last = after;
        let (q, qd) = (ordered(&point.positions)?, ordered(&point.velocities)?);
        comes_later.then_some(Point { after, q, qd })
    });
    points.collect::<Option<Vec<_>>>().filter(|points| !points.is_empty() && last > PERIOD_BRAINSTEM)
}
