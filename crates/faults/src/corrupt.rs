//! How a message is spoiled.

use neuraxis_core::{ArmState, Joints, Nanos, Observation, Prediction, Segment};

/// A message that faults can get at. What a type does not have (vectors, stamps) it leaves as it is: the matrix says
/// why such a cell cannot apply.
pub trait Corrupt: Clone {
    /// Puts `value` where a number was.
    fn spoil(&mut self, value: f64);
    /// Leaves the last element of a vector out.
    fn shorten(&mut self);
    /// Moves its time stamps.
    fn shift(&mut self, nanos: i64);
    /// What a source stuck at `stuck` sends in place of this.
    fn freeze(&mut self, stuck: &Self);
}

fn moved(stamp: Nanos, nanos: i64) -> Nanos {
    Nanos(stamp.0.saturating_add_signed(nanos))
}

fn shorter(joints: &Joints) -> Joints {
    Joints::from_slice(joints.get(..joints.len().saturating_sub(1)).unwrap_or(&[])).unwrap_or(*joints)
}

fn put(joints: &mut Joints, value: f64) {
    if let Some(first) = joints.first_mut() {
        *first = value;
    }
}

impl Corrupt for ArmState {
    fn spoil(&mut self, value: f64) {
        put(&mut self.q, value);
    }
    fn shorten(&mut self) {
        self.q = shorter(&self.q);
    }
    fn shift(&mut self, nanos: i64) {
        self.stamp = moved(self.stamp, nanos);
    }
    /// Sensors that stand still behind a driver that lives: old numbers under new stamps.
    fn freeze(&mut self, stuck: &Self) {
        *self = ArmState { stamp: self.stamp, ..*stuck };
    }
}

impl Corrupt for Segment {
    fn spoil(&mut self, value: f64) {
        put(&mut self.qd, value);
    }
    fn shorten(&mut self) {
        self.qd = shorter(&self.qd);
    }
    fn shift(&mut self, nanos: i64) {
        (self.t0, self.valid_until) = (moved(self.t0, nanos), moved(self.valid_until, nanos));
    }
    /// The same segment, again and again.
    fn freeze(&mut self, stuck: &Self) {
        *self = *stuck;
    }
}

impl Corrupt for Prediction {
    fn spoil(&mut self, value: f64) {
        self.keyframe.world_from_tool.iso.translation.vector.x = value;
    }
    fn shorten(&mut self) {}
    fn shift(&mut self, nanos: i64) {
        self.observed_at = moved(self.observed_at, nanos);
    }
    /// A policy that answers on, from one and the same observation.
    fn freeze(&mut self, stuck: &Self) {
        *self = Prediction { seq: self.seq, ..*stuck };
    }
}

impl Corrupt for Observation {
    fn spoil(&mut self, value: f64) {
        self.cameras.iter_mut().for_each(|view| view.depth_m.fill(value as f32));
    }
    fn shorten(&mut self) {
        self.cameras.iter_mut().for_each(|view| view.depth_m.truncate(view.depth_m.len() / 2));
    }
    fn shift(&mut self, nanos: i64) {
        self.stamp = moved(self.stamp, nanos);
    }
    /// The same images, again and again.
    fn freeze(&mut self, stuck: &Self) {
        self.clone_from(stuck);
    }
}
