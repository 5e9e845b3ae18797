//! The publishers of commands.

use neuraxis_core::{ArmState, Joints, Nanos, SegmentState};
use neuraxis_robot::JointLimits;
use r2r::{
    Node, Publisher, QosProfile,
    builtin_interfaces::msg::Duration as DurationMsg,
    std_msgs::msg::{Float64, Float64MultiArray},
    trajectory_msgs::msg::{JointTrajectory, JointTrajectoryPoint},
};

use super::{
    CommandInterface, ControlConfig, GripperConfig, GripperKind, LengthUnit,
    course::Step,
    goals::{GripperTrouble, Wish},
    gripper::{GripperAction, Told},
};
use crate::{RosError, publish::publisher};

/// A gripper is told again after this time.
const GRIPPER_AGAIN: Nanos = Nanos::from_millis(100);
/// Or at once, if it shall go further than this [m].
const GRIPPER_STEP_M: f64 = 1e-4;
/// Fingers that are wished where they were found, within this, are left alone [m].
const FOUND_M: f64 = 1e-3;
/// Share of a joint's acceleration with which a trajectory comes to rest by itself.
const REST_SHARE: f64 = 0.5;

/// Controllers want the newest command; one that waits in a queue is worth nothing.
fn command_qos() -> QosProfile {
    QosProfile::default().keep_last(1)
}

/// Tells the arm.
pub(crate) enum ArmOut {
    Position(Publisher<Float64MultiArray>),
    Velocity { publisher: Publisher<Float64MultiArray>, gain_per_sec: f64, fastest_rad_s: Vec<f64> },
    Trajectory { publisher: Publisher<JointTrajectory>, names: Vec<String>, lead_secs: f64, brakes_rad_s2: Vec<f64> },
}

impl ArmOut {
    pub(crate) fn new(node: &mut Node, config: &ControlConfig, limits: &[JointLimits]) -> Result<Self, RosError> {
        let topic = &config.command_topic;
        Ok(match config.interface {
            CommandInterface::ForwardPosition => Self::Position(publisher(node, topic, command_qos())?),
            CommandInterface::ForwardVelocity => Self::Velocity {
                publisher: publisher(node, topic, command_qos())?,
                gain_per_sec: config.velocity_gain_per_sec,
                fastest_rad_s: limits.iter().map(|limit| limit.velocity_rad_s).collect(),
            },
            CommandInterface::JointTrajectory => Self::Trajectory {
                publisher: publisher(node, topic, command_qos())?,
                names: config.joint_names.clone(),
                // Where it shall be when the command after the next is due: one may be late.
                lead_secs: 2.0 / config.rate_hz(),
                brakes_rad_s2: limits.iter().map(|limit| REST_SHARE * limit.acceleration_rad_s2).collect(),
            },
        })
    }

    /// `None` if there was nothing to say, else whether the middleware took it.
    pub(crate) fn publish(&self, step: &Step, measured: Option<&ArmState>) -> Option<bool> {
        match (self, step) {
            (_, Step::Nothing) => None,
            (Self::Position(_) | Self::Trajectory { .. }, Step::Rest) => None,
            (Self::Position(publisher), Step::Move(state)) => Some(publisher.publish(&array(&state.q)).is_ok()),
            (Self::Velocity { publisher, fastest_rad_s, .. }, Step::Rest) => {
                Some(publisher.publish(&array(&Joints::zeros(fastest_rad_s.len()))).is_ok())
            }
            (Self::Velocity { publisher, gain_per_sec, fastest_rad_s }, Step::Move(state)) => {
                let qd = velocities(state, measured, *gain_per_sec, fastest_rad_s);
                Some(publisher.publish(&array(&qd)).is_ok())
            }
            (Self::Trajectory { publisher, names, lead_secs, brakes_rad_s2 }, Step::Move(state)) => {
                let points = points(state, *lead_secs, brakes_rad_s2);
                // Stamp zero: it begins when it comes.
                let msg = JointTrajectory { header: Default::default(), joint_names: names.clone(), points };
                Some(publisher.publish(&msg).is_ok())
            }
        }
    }
}

fn array(values: &Joints) -> Float64MultiArray {
    Float64MultiArray { data: values.to_vec(), ..Default::default() }
}

/// Feed-forward, and a pull to where the joint should be; without a measured state only the first.
fn velocities(state: &SegmentState, measured: Option<&ArmState>, gain: f64, fastest_rad_s: &[f64]) -> Joints {
    Joints::from_fn(state.qd.len(), |i| {
        let pull = measured.map_or(0.0, |measured| gain * (state.q[i] - measured.q[i]));
        (state.qd[i] + pull).clamp(-fastest_rad_s[i], fastest_rad_s[i])
    })
}

/// Where to be after the lead, and the way to rest from there: all joints brake evenly and arrive together, so that a
/// controller that hears no more comes to rest by itself.
fn points(state: &SegmentState, lead_secs: f64, brakes_rad_s2: &[f64]) -> Vec<JointTrajectoryPoint> {
    let dof = state.q.len();
    let next = Joints::from_fn(dof, |i| state.q[i] + lead_secs * state.qd[i]);
    let brake_secs = state.qd.iter().zip(brakes_rad_s2).fold(0.0, |most, (qd, brake)| f64::max(most, qd.abs() / brake));
    let point = |q: &Joints, qd: &Joints, secs: f64| JointTrajectoryPoint {
        positions: q.to_vec(),
        velocities: qd.to_vec(),
        time_from_start: DurationMsg { sec: secs as i32, nanosec: (secs.fract() * 1e9) as u32 },
        ..Default::default()
    };
    let mut points = vec![point(&next, &state.qd, lead_secs)];
    if brake_secs > 0.0 {
        let end = Joints::from_fn(dof, |i| next[i] + 0.5 * brake_secs * state.qd[i]);
        points.push(point(&end, &Joints::zeros(dof), lead_secs + brake_secs));
    }
    points
}

/// Tells the gripper.
pub(crate) struct GripperOut {
    to: To,
    unit: LengthUnit,
    open_m: f64,
    closed_m: f64,
    /// Where the fingers were at the first wish [m].
    found_m: Option<f64>,
    /// Since they were wished elsewhere.
    speaks: bool,
    told: Option<(f64, Nanos)>,
}

enum To {
    Nobody,
    Number(Publisher<Float64>),
    Array(Publisher<Float64MultiArray>),
    Action(Box<GripperAction>),
}

impl GripperOut {
    pub(crate) fn new(node: &mut Node, config: &GripperConfig) -> Result<Self, RosError> {
        let to = match config.kind {
            GripperKind::None => To::Nobody,
            GripperKind::Float64 => To::Number(publisher(node, &config.topic, command_qos())?),
            GripperKind::Float64Array => To::Array(publisher(node, &config.topic, command_qos())?),
            GripperKind::Action => To::Action(Box::new(GripperAction::new(node, config)?)),
        };
        Ok(Self::of(to, config))
    }

    fn of(to: To, config: &GripperConfig) -> Self {
        let GripperConfig { unit, open_m, closed_m, .. } = *config;
        Self { to, unit, open_m, closed_m, found_m: None, speaks: false, told: None }
    }

    /// Hears what has come, and says a wish when it changes; on topics now and then, too, for there nobody answers. The fingers
    /// are `width_m` apart.
    pub(crate) fn look(&mut self, now: Nanos, wish: Option<Wish>, width_m: f64) -> Told {
        let wish = wish.map(|wish| Wish { width_m: wish.width_m.clamp(self.closed_m, self.open_m), ..wish });
        let wish = wish.filter(|wish| self.is_order(wish, width_m));
        if let To::Action(action) = &mut self.to {
            return action.look(now, wish);
        }
        let Some(Wish { width_m, .. }) = wish else { return Told::default() };
        let is_old_news =
            |(told, at): (f64, Nanos)| (told - width_m).abs() < GRIPPER_STEP_M && now - at < GRIPPER_AGAIN;
        // Nobody says where the fingers are: they count as where they were told to be.
        let told = Told { width_m: Some(width_m), ..Told::default() };
        if self.told.is_some_and(is_old_news) {
            return told;
        }
        self.told = Some((width_m, now));
        let data = self.unit.of_width(width_m);
        let sent = match &self.to {
            To::Nobody | To::Action(_) => return told,
            To::Number(publisher) => publisher.publish(&Float64 { data }).is_ok(),
            To::Array(publisher) => {
                publisher.publish(&Float64MultiArray { data: vec![data], ..Default::default() }).is_ok()
            }
        };
        Told { sent: u64::from(sent), failed: u64::from(!sent), ..told }
    }

    /// The loop begins by wishing the fingers where it found them. That is no order: they may hold something, and would let go.
    fn is_order(&mut self, wish: &Wish, width_m: f64) -> bool {
        let found_m = *self.found_m.get_or_insert(width_m.clamp(self.closed_m, self.open_m));
        self.speaks |= (wish.width_m - found_m).abs() > FOUND_M;
        self.speaks
    }

    /// Why the fingers are not where they were told to be, where the gripper says how commands end; and how many did not
    /// end well.
    pub(crate) fn trouble(&self) -> (Option<GripperTrouble>, u64) {
        match &self.to {
            To::Action(action) => (action.trouble(), action.goals_failed()),
            To::Nobody | To::Number(_) | To::Array(_) => (None, 0),
        }
    }

    /// Nothing more will be said.
    pub(crate) fn end(&mut self) {
        if let To::Action(action) = &mut self.to {
            action.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joints(values: [f64; 2]) -> Joints {
        Joints::from_slice(&values).unwrap()
    }

    fn moving() -> SegmentState {
        SegmentState { q: joints([0.1, 0.2]), qd: joints([1.0, -0.5]), qdd: joints([0.0, 0.0]) }
    }

    #[test]
    fn a_trajectory_ends_at_rest_with_even_brakes() {
        let points = points(&moving(), 0.004, &[5.0, 5.0]);
        let [next, end] = &points[..] else { panic!("{points:?}") };
        assert_eq!((next.velocities.as_slice(), end.velocities.as_slice()), (&[1.0, -0.5][..], &[0.0, 0.0][..]));
        assert_eq!((next.time_from_start.nanosec, end.time_from_start.nanosec), (4_000_000, 204_000_000));
        // 0.2 s from 1 rad/s and from -0.5 rad/s.
        let travelled: Vec<f64> = next.positions.iter().zip(&end.positions).map(|(a, b)| b - a).collect();
        assert!((travelled[0] - 0.1).abs() < 1e-9 && (travelled[1] + 0.05).abs() < 1e-9, "{travelled:?}");
        let still = SegmentState { qd: joints([0.0, 0.0]), ..moving() };
        assert_eq!(super::points(&still, 0.004, &[5.0, 5.0]).len(), 1);
    }

    #[test]
    fn velocities_pull_to_the_position_within_the_limits() {
        let zero = Joints::zeros(2);
        let q = joints([0.0, 0.3]);
        let measured =
            ArmState { stamp: Nanos(0), q, qd: zero, tau_nm: zero, gripper_width_m: 0.0, grip_force_n: None };
        let close = |qd: Joints, wanted: [f64; 2]| assert!(qd.max_abs_diff(&joints(wanted)) < 1e-9, "{qd:?}");
        close(velocities(&moving(), None, 2.0, &[2.0, 2.0]), [1.0, -0.5]);
        close(velocities(&moving(), Some(&measured), 2.0, &[2.0, 2.0]), [1.2, -0.7]);
        close(velocities(&moving(), Some(&measured), 2.0, &[1.1, 0.6]), [1.1, -0.6]);
    }

    #[test]
    fn sr31_fingers_are_told_nothing_before_they_are_wished_elsewhere_than_they_were_found() {
        let mut gripper = GripperOut::of(To::Nobody, &GripperConfig::default());
        let mut look = |ms: u64, wish_m: f64, width_m: f64| {
            let wish = Wish { width_m: wish_m, force_n: 20.0 + ms as f64 };
            gripper.look(Nanos::from_millis(ms), Some(wish), width_m).width_m
        };
        // They hold something, which gives way a little; the wish stays.
        for (ms, width_m) in [(0, 0.0602), (2, 0.0602), (500, 0.058), (9000, 0.056)] {
            assert_eq!(look(ms, 0.06, width_m), None, "{ms} ms");
        }
        assert_eq!(look(9002, 0.08, 0.056), Some(0.08));
        // From then on each wish counts.
        assert_eq!(look(9004, 0.06, 0.056), Some(0.06));
    }

    #[test]
    fn sr31_a_first_wish_for_another_width_is_an_order() {
        let mut gripper = GripperOut::of(To::Nobody, &GripperConfig::default());
        let wish = Wish { width_m: 0.05, force_n: 20.0 };
        assert_eq!(gripper.look(Nanos(0), None, 0.08), Told::default());
        assert_eq!(gripper.look(Nanos(1), Some(wish), 0.08).width_m, Some(0.05));
    }
}
