//! An FR3 with an ideal arm: the next state is the last command.
#![allow(dead_code)]

#[path = "../../../robot/tests/shipped/mod.rs"]
pub mod shipped;

use std::sync::Arc;

use neuraxis_brainstem::{Brainstem, BrainstemConfig, Tick};
use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos, Segment};
use neuraxis_robot::{JointLimits, Robot};

pub const TICK: Nanos = Nanos::from_millis(1);

/// The robot of `configs/fr3`.
pub fn fr3() -> Arc<Robot> {
    Arc::new(shipped::robot("fr3"))
}

pub fn at_rest(q: Joints) -> ArmState {
    let zero = Joints::zeros(q.len());
    ArmState { stamp: Nanos(0), q, qd: zero, tau_nm: zero, gripper_width_m: 0.04, grip_force_n: None }
}

/// Brainstem and ideal arm; checks every command against the joint limits.
pub struct Rig {
    pub robot: Arc<Robot>,
    /// Those of the robot that the configuration leaves.
    pub limits: Vec<JointLimits>,
    pub brainstem: Brainstem,
    pub state: ArmState,
    pub now: Nanos,
    pub previous: Option<ArmCommand>,
}

impl Rig {
    pub fn new(config: BrainstemConfig) -> Self {
        Self::of(fr3(), config)
    }

    pub fn of(robot: Arc<Robot>, config: BrainstemConfig) -> Self {
        let limits = robot.slowed(&config.shares()).limits().to_vec();
        let brainstem = Brainstem::new(robot.clone(), config).unwrap();
        let state = at_rest(robot.home());
        Self { robot, limits, brainstem, state, now: Nanos::from_millis(1000), previous: None }
    }

    /// One millisecond.
    pub fn tick(&mut self, segment: Option<&Segment>) -> Tick {
        self.now = self.now + TICK;
        self.state.stamp = self.now;
        let state = self.state;
        let tick = self.brainstem.step(self.now, &state, segment);
        self.check(&tick.command);
        self.state.q = tick.command.q;
        self.state.qd = tick.command.qd;
        tick
    }

    /// A segment from the commanded state with a constant velocity; lease 20 ms.
    pub fn segment(&self, seq: u64, qd: Joints) -> Segment {
        Segment {
            epoch: 1,
            seq,
            t0: self.now,
            valid_until: self.now + Nanos::from_millis(20),
            q: self.brainstem.commanded().q,
            qd,
            qdd: Joints::zeros(qd.len()),
            gripper_width_m: 0.08,
            grip_force_n: 20.0,
        }
    }

    /// Follows a ramp of joint `joint` up to `speed_rad_s`, a new segment every 5 ms; returns the last number used.
    pub fn speed_up(&mut self, joint: usize, speed_rad_s: f64, first_seq: u64) -> u64 {
        let mut seq = first_seq;
        let (mut q, mut qd) = (self.brainstem.commanded().q, 0.0);
        let acceleration = 4.0_f64.copysign(speed_rad_s);
        while qd != speed_rad_s {
            let ends = if (speed_rad_s - qd).abs() <= 0.02 { speed_rad_s } else { qd + acceleration * 0.005 };
            let qdd = (ends - qd) / 0.005;
            let one = |value: f64| Joints::from_fn(7, |i| if i == joint { value } else { 0.0 });
            let mut segment = self.segment(seq, one(qd));
            (segment.t0, segment.valid_until) = (self.now, self.now + Nanos::from_millis(20));
            (segment.q, segment.qdd) = (q, one(qdd));
            for _ in 0..5 {
                let tick = self.tick(Some(&segment));
                assert_eq!(tick.fault, None);
            }
            q[joint] += qd * 0.005 + 0.5 * qdd * 0.005 * 0.005;
            qd = ends;
            seq += 1;
        }
        seq - 1
    }

    /// Finite, inside the limits, and continuous up to jerk.
    pub fn check(&mut self, command: &ArmCommand) {
        if let Some(previous) = self.previous.replace(*command) {
            check_step(&previous, command, &self.limits, TICK.secs());
        }
    }
}

/// A value for one joint, nothing for the others.
pub fn one(joint: usize, value: f64) -> Joints {
    Joints::from_fn(7, |i| if i == joint { value } else { 0.0 })
}

/// One that has begun, and holds.
pub fn rig() -> Rig {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    rig
}

/// Ticks without segments until the arm is still.
pub fn until_still(rig: &mut Rig) -> Tick {
    for _ in 0..3000 {
        let tick = rig.tick(None);
        if rig.brainstem.is_still() {
            return tick;
        }
    }
    panic!("not still after 3 s");
}

/// Every limit, from one command to the next.
pub fn check_step(previous: &ArmCommand, command: &ArmCommand, limits: &[JointLimits], dt: f64) {
    assert!(command.q.is_finite() && command.qd.is_finite() && command.qdd.is_finite());
    for (i, limit) in limits.iter().enumerate() {
        let (q, qd, qdd) = (command.q[i], command.qd[i], command.qdd[i]);
        assert!((limit.lower_rad..=limit.upper_rad).contains(&q), "joint {i}: position {q}");
        assert!(qd.abs() <= limit.velocity_rad_s * 1.000001, "joint {i}: velocity {qd}");
        assert!(qdd.abs() <= limit.acceleration_rad_s2 * 1.000001, "joint {i}: acceleration {qdd}");
        let by_difference = (qd - previous.qd[i]) / dt;
        assert!(by_difference.abs() <= limit.acceleration_rad_s2 * 1.01, "joint {i}: velocity step {by_difference}");
        let jerk = (qdd - previous.qdd[i]) / dt;
        assert!(jerk.abs() <= limit.jerk_rad_s3 * 1.01, "joint {i}: jerk {jerk}");
        let slip = q - previous.q[i] - 0.5 * (qd + previous.qd[i]) * dt;
        assert!(slip.abs() < limit.jerk_rad_s3 * dt * dt * dt, "joint {i}: position step {slip}");
    }
}
