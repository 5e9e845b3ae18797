//! From `sensor_msgs/JointState` to the arm's state, or why not.

use neuraxis_core::{ArmState, Joints, Nanos};
use neuraxis_robot::JointLimits;
use r2r::sensor_msgs::msg::JointState;

use super::{ControlConfig, GripperConfig, GripperKind, LengthUnit, Role, node::DISCOVERY};
use crate::{
    conversions,
    timeline::{AHEAD_SECS, Moment},
};

/// A robot that was silent this long [s] may have been started again since, and what starts has to find this node.
const AWAY_SECS: f64 = 0.5;
/// What is known of the gripper holds this long [s]: grippers report slowly.
const GRIPPER_SECS: f64 = 1.0;
/// Fingers of which nobody tells count as this far open until they are told something: neither open nor closed, so that
/// either is an order. To who only watches they count as open: nobody tells them anything.
const UNKNOWN_SHARE: f64 = 0.96;
/// A joint may be this much further on than its greatest velocity takes it [rad]: drivers' stamps are uneven.
const LEAP_RAD: f64 = 0.05;
/// Whoever else speaks for the same joints is heard within this time [s].
const VOICES_SECS: f64 = 0.2;

/// Why a joint state was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateRefusal {
    /// Arrays of a message disagree.
    #[error("{names} names, {positions} positions, {velocities} velocities, {efforts} efforts: lengths differ")]
    Lengths {
        /// Names.
        names: usize,
        /// Positions.
        positions: usize,
        /// Velocities, which may be left out.
        velocities: usize,
        /// Efforts, which may be left out.
        efforts: usize,
    },
    /// A joint of ours is not there.
    #[error("joint {joint} is missing")]
    Missing {
        /// Which.
        joint: String,
    },
    /// A joint of ours is there twice.
    #[error("joint {joint} is there twice")]
    Duplicate {
        /// Which.
        joint: String,
    },
    /// A number is NaN or infinite.
    #[error("{what} of joint {joint} is not finite")]
    NotFinite {
        /// `position` or `velocity`.
        what: &'static str,
        /// Of which joint.
        joint: String,
    },
    /// The same stamp again: the driver is frozen.
    #[error("the stamp stands still at {secs:.3} s")]
    StampStands {
        /// Since 1970 [s].
        secs: f64,
    },
    /// A stamp before the last one.
    #[error("the stamp went back by {secs:.3} s")]
    StampReturns {
        /// By how much [s].
        secs: f64,
    },
    /// Too old when it came.
    #[error("it is {secs:.3} s old, allowed is {allowed_secs} s")]
    Late {
        /// How old [s].
        secs: f64,
        /// The time-out [s].
        allowed_secs: f64,
    },
    /// From the future.
    #[error("its stamp lies {secs:.3} s ahead of this machine's clock")]
    Ahead {
        /// By how much [s].
        secs: f64,
    },
    /// The clock of this machine leapt a moment ago: no age can be told.
    #[error("the clock of this machine leapt by {secs:.3} s; states count again once it has been steady for a moment")]
    ClockLeapt {
        /// By how much [s].
        secs: f64,
    },
    /// Further from where it was said to be before than a joint gets.
    #[error(
        "joint {joint} leapt by {by_rad:.3} rad in {secs:.3} s, allowed is {allowed_rad:.3} rad: does another node speak for it? States count again once they have agreed for a moment"
    )]
    Leapt {
        /// Which.
        joint: String,
        /// By how much [rad].
        by_rad: f64,
        /// Between the two stamps [s].
        secs: f64,
        /// How far it gets in that time [rad].
        allowed_rad: f64,
    },
    /// The robot was away: not yet there at the start, or silent for half a second; or it is only now heard for the first time,
    /// and it is not known yet whether others speak for it, too.
    #[error(
        "the robot is only just heard: states count in {left_secs:.1} s, once it is known that it hears us and that nobody else speaks for it"
    )]
    JustBack {
        /// Until they count [s].
        left_secs: f64,
    },
}

/// Takes what the robot says.
pub(crate) struct States {
    names: Vec<String>,
    finger: Option<(String, LengthUnit)>,
    timeout_secs: f64,
    /// Of each joint [rad/s].
    velocity_limits: Vec<f64>,
    /// The positions that were said last with a stamp of now, believed or not, and that stamp [ns since 1970].
    said: Option<(Joints, i128)>,
    /// The last good state and its stamp [ns since 1970].
    last: Option<(ArmState, i128)>,
    /// Distance of the pads [m], and when that was heard.
    width: Option<(f64, Nanos)>,
    /// Until when nothing is believed, and why.
    distrust: Option<(Nanos, StateRefusal)>,
    /// When it last spoke, believed or not, or began to be listened to; `None` where it need not find us.
    heard: Option<Nanos>,
    /// From when on a robot that was away is believed.
    counts_from: Nanos,
}

impl States {
    pub(crate) fn new(config: &ControlConfig, limits: &[JointLimits], role: Role) -> Self {
        let gripper = &config.gripper;
        Self {
            names: config.joint_names.clone(),
            finger: gripper.joint.as_ref().map(|joint| (joint.clone(), gripper.joint_unit)),
            timeout_secs: config.state_timeout_secs,
            velocity_limits: limits.iter().map(|limits| limits.velocity_rad_s).collect(),
            said: None,
            last: None,
            width: gripper.joint.is_none().then_some((assumed_width_m(gripper, role), Nanos(0))),
            distrust: None,
            heard: None,
            counts_from: Nanos(0),
        }
    }

    /// From now on it is listened to by somebody who commands it.
    pub(crate) fn must_find_us(&mut self, now: Nanos) {
        self.heard = Some(now);
    }

    /// Without a joint that tells, the gripper counts as where it was told to be last.
    pub(crate) fn told_width(&mut self, width_m: f64) {
        if self.finger.is_none() {
            self.width = Some((width_m, Nanos(0)));
        }
    }

    /// A message; `None` if it is about other joints. Joints in any order, extra ones ignored. Without velocities (left
    /// out, or NaN for all of ours) they are the difference of the last two states, zero at first. Torques are zero where
    /// an effort is left out or not finite.
    pub(crate) fn take(&mut self, msg: &JointState, moment: &Moment) -> Result<Option<ArmState>, StateRefusal> {
        let count = msg.name.len();
        let fits = |values: &[f64]| values.is_empty() || values.len() == count;
        if msg.position.len() != count || !fits(&msg.velocity) || !fits(&msg.effort) {
            return Err(StateRefusal::Lengths {
                names: count,
                positions: msg.position.len(),
                velocities: msg.velocity.len(),
                efforts: msg.effort.len(),
            });
        }
        let finger = self.take_finger(msg, moment)?;
        let is_ours = |name: &String| self.names.contains(name);
        if msg.name.iter().any(is_ours) {
            self.hear(moment);
        } else if finger || self.is_alive(moment) {
            return Ok(None);
        }
        let places = self.names.iter().map(|name| place(msg, name)).collect::<Result<Vec<_>, _>>()?;
        let q = self.numbers(&msg.position, &places);
        self.check_finite("position", &q)?;
        let given = self.given_velocities(msg, &places)?;
        let stamp = conversions::stamp_nanos(&msg.header.stamp);
        if (-AHEAD_SECS..=self.timeout_secs).contains(&moment.age_secs(&msg.header.stamp)) {
            self.compare(&q, stamp, moment);
        }
        self.check_stamp(msg, moment)?;
        self.check_back(moment)?;
        let width_m = self.width_m(moment)?;
        let tau_nm = self.numbers(&msg.effort, &places);
        let zero = |value: &f64| if value.is_finite() { *value } else { 0.0 };
        let state = ArmState {
            stamp: moment.ours_of(&msg.header.stamp),
            q,
            qd: given.unwrap_or_else(|| self.differences(&q, stamp)),
            tau_nm: Joints::from_fn(self.names.len(), |i| tau_nm.get(i).map_or(0.0, zero)),
            gripper_width_m: width_m,
            grip_force_n: None,
        };
        self.last = Some((state, stamp));
        Ok(Some(state))
    }

    /// True if the message tells of the finger.
    fn take_finger(&mut self, msg: &JointState, moment: &Moment) -> Result<bool, StateRefusal> {
        let Some((joint, unit)) = &self.finger else { return Ok(false) };
        if !msg.name.contains(joint) {
            return Ok(false);
        }
        let position = msg.position[place(msg, joint)?];
        if !position.is_finite() {
            return Err(StateRefusal::NotFinite { what: "position", joint: joint.clone() });
        }
        self.width = Some((unit.to_width(position), moment.ours));
        Ok(true)
    }

    /// The arm itself is heard: another source on the same topic is nothing to complain of, while names that are not ours
    /// are, where ours are missed.
    fn is_alive(&self, moment: &Moment) -> bool {
        self.last.as_ref().is_some_and(|(state, _)| (moment.ours - state.stamp).secs() <= self.timeout_secs)
    }

    /// The arm itself speaks, whatever it says.
    fn hear(&mut self, moment: &Moment) {
        let Some(heard) = &mut self.heard else { return };
        if (moment.ours - *heard).secs() > AWAY_SECS {
            self.counts_from = moment.ours + DISCOVERY;
        }
        *heard = moment.ours;
    }

    /// That its states come does not say that our commands arrive: the two ways are found one after the other, up to three
    /// seconds apart. An arm that moved before it is found would leap to a position, or lag by all that it did not hear.
    fn check_back(&self, moment: &Moment) -> Result<(), StateRefusal> {
        if moment.ours < self.counts_from {
            return Err(StateRefusal::JustBack { left_secs: (self.counts_from - moment.ours).secs() });
        }
        Ok(())
    }

    /// Two who speak for the same joints contradict each other. Who of them is right nobody knows, so nothing counts before all
    /// that is said has agreed for a while; the same goes for the first that is heard, if the arm is to be moved.
    fn compare(&mut self, q: &Joints, stamp: i128, moment: &Moment) {
        let Some((before, at)) = self.said.replace((*q, stamp)) else {
            if self.heard.is_some() {
                self.counts_from = self.counts_from.max(moment.ours + Nanos::from_secs(VOICES_SECS));
            }
            return;
        };
        let secs = (stamp - at).abs() as f64 * 1e-9;
        let leaps = q.iter().zip(&*before).zip(self.names.iter().zip(&self.velocity_limits));
        let mut leaps =
            leaps.map(|((now, before), (joint, limit))| (joint, (now - before).abs(), limit * secs + LEAP_RAD));
        if let Some((joint, by_rad, allowed_rad)) = leaps.find(|(_, by_rad, allowed_rad)| by_rad > allowed_rad) {
            self.distrust(moment, StateRefusal::Leapt { joint: joint.clone(), by_rad, secs, allowed_rad });
        }
    }

    fn distrust(&mut self, moment: &Moment, why: StateRefusal) {
        self.distrust = Some((moment.ours + self.a_while(), why));
        self.last = None;
    }

    /// Long enough that the arm's last state grows old, and the loop stops; and that whoever else speaks is heard.
    fn a_while(&self) -> Nanos {
        Nanos::from_secs((2.0 * self.timeout_secs).max(VOICES_SECS))
    }

    fn width_m(&self, moment: &Moment) -> Result<f64, StateRefusal> {
        match (&self.width, &self.finger) {
            (Some((width_m, _)), None) => Ok(*width_m),
            (Some((width_m, heard)), Some(_)) if (moment.ours - *heard).secs() <= GRIPPER_SECS => Ok(*width_m),
            (_, finger) => {
                let joint = finger.as_ref().map_or_else(|| "of the gripper".into(), |(joint, _)| joint.clone());
                Err(StateRefusal::Missing { joint })
            }
        }
    }

    fn numbers(&self, values: &[f64], places: &[usize]) -> Joints {
        Joints::from_fn(places.len(), |i| values.get(places[i]).copied().unwrap_or(f64::NAN))
    }

    fn check_finite(&self, what: &'static str, joints: &Joints) -> Result<(), StateRefusal> {
        match joints.iter().zip(&self.names).find(|(value, _)| !value.is_finite()) {
            Some((_, joint)) => Err(StateRefusal::NotFinite { what, joint: joint.clone() }),
            None => Ok(()),
        }
    }

    /// `None` where there are none: drivers without velocities leave them out, or say NaN for each.
    fn given_velocities(&self, msg: &JointState, places: &[usize]) -> Result<Option<Joints>, StateRefusal> {
        let qd = self.numbers(&msg.velocity, places);
        if qd.iter().all(|value| value.is_nan()) {
            return Ok(None);
        }
        self.check_finite("velocity", &qd)?;
        Ok(Some(qd))
    }

    fn differences(&self, q: &Joints, stamp: i128) -> Joints {
        let Some((before, at)) = &self.last else { return Joints::zeros(q.len()) };
        let dt_secs = (stamp - at) as f64 * 1e-9;
        Joints::from_fn(q.len(), |i| (q[i] - before.q[i]) / dt_secs)
    }

    fn check_stamp(&mut self, msg: &JointState, moment: &Moment) -> Result<(), StateRefusal> {
        if let Some(secs) = moment.leapt_secs {
            self.distrust(moment, StateRefusal::ClockLeapt { secs });
        }
        match &self.distrust {
            Some((until, why)) if moment.ours < *until => return Err(why.clone()),
            _ => self.distrust = None,
        }
        // A stamp that stands grows old, too: what is wrong with it is that it stands.
        let stamp = conversions::stamp_nanos(&msg.header.stamp);
        let age_secs = moment.age_secs(&msg.header.stamp);
        match self.last {
            Some((_, last)) if stamp == last => Err(StateRefusal::StampStands { secs: stamp as f64 * 1e-9 }),
            Some((_, last)) if stamp < last => Err(StateRefusal::StampReturns { secs: (last - stamp) as f64 * 1e-9 }),
            _ if age_secs > self.timeout_secs => {
                Err(StateRefusal::Late { secs: age_secs, allowed_secs: self.timeout_secs })
            }
            _ if age_secs < -AHEAD_SECS => Err(StateRefusal::Ahead { secs: -age_secs }),
            _ => Ok(()),
        }
    }
}

/// How far apart fingers count of which nobody tells, before they are told something [m].
fn assumed_width_m(gripper: &GripperConfig, role: Role) -> f64 {
    let is_never_told = gripper.kind == GripperKind::None || role == Role::Watches;
    let share = if is_never_told { 1.0 } else { UNKNOWN_SHARE };
    gripper.closed_m + share * (gripper.open_m - gripper.closed_m)
}

/// Where a joint stands in a message.
fn place(msg: &JointState, joint: &str) -> Result<usize, StateRefusal> {
    let mut places = (0..msg.name.len()).filter(|&i| msg.name[i] == joint);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (None, _) => Err(StateRefusal::Missing { joint: joint.into() }),
        (Some(_), Some(_)) => Err(StateRefusal::Duplicate { joint: joint.into() }),
    }
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
