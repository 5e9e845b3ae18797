//! What the cerebellum hands to the brainstem: a short piece of motion with a lease.

use serde::{Deserialize, Serialize};

use crate::{Joints, Nanos};

/// A motion that holds from `t0` until `valid_until`: constant acceleration from a state.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Task instance; the brainstem drops segments of older epochs.
    pub epoch: u32,
    /// Increases by one per segment.
    pub seq: u64,
    /// Start of the motion.
    pub t0: Nanos,
    /// End of the lease: without a newer segment the brainstem makes a controlled stop after it.
    pub valid_until: Nanos,
    /// Joint positions at `t0` [rad].
    pub q: Joints,
    /// Joint velocities at `t0` [rad/s].
    pub qd: Joints,
    /// Joint accelerations from `t0` on [rad/s²].
    pub qdd: Joints,
    /// Distance between the finger pads to command [m].
    pub gripper_width_m: f64,
    /// Most that the finger pads may squeeze with on the way there [N].
    pub grip_force_n: f64,
}

/// A joint state along a motion.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct SegmentState {
    /// [rad]
    pub q: Joints,
    /// [rad/s]
    pub qd: Joints,
    /// [rad/s²]
    pub qdd: Joints,
}

/// What the brainstem commands: where motion has to continue from.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Commanded {
    /// Joint state commanded last.
    pub motion: SegmentState,
    /// Finger distance commanded last (not what is measured: a grip would loosen) [m].
    pub gripper_width_m: f64,
    /// It follows segments; else it holds, stops or is latched, and nothing is begun.
    pub is_following: bool,
}

impl Segment {
    /// The state at time `t >= t0`.
    pub fn at(&self, t: Nanos) -> SegmentState {
        let dt = t.secs_since(self.t0).max(0.0);
        let n = self.q.len();
        let get = |joints: &Joints, i: usize| joints.get(i).copied().unwrap_or(0.0);
        SegmentState {
            q: Joints::from_fn(n, |i| get(&self.q, i) + get(&self.qd, i) * dt + 0.5 * get(&self.qdd, i) * dt * dt),
            qd: Joints::from_fn(n, |i| get(&self.qd, i) + get(&self.qdd, i) * dt),
            qdd: self.qdd,
        }
    }

    /// True if every number is finite and the three vectors have the same length.
    pub fn is_well_formed(&self) -> bool {
        self.q.len() == self.qd.len()
            && self.q.len() == self.qdd.len()
            && self.q.is_finite()
            && self.qd.is_finite()
            && self.qdd.is_finite()
            && self.gripper_width_m.is_finite()
            && self.grip_force_n.is_finite()
    }
}
