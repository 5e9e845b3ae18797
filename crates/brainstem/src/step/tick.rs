//! What a tick decided.

use neuraxis_core::{ArmCommand, Fault, Joints, Nanos};

use super::{Brainstem, Mode};
use crate::{Clearance, RefusedSegments};

/// What one tick decided.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Tick {
    /// Time of the tick.
    pub now: Nanos,
    /// What the arm is told. Must not be sent while `started` is false.
    pub command: ArmCommand,
    /// False until the first well-formed state: before it nobody knows where the arm is.
    pub started: bool,
    /// Mode after the tick.
    pub mode: Mode,
    /// Why the arm stops, has stopped or is latched; stays until motion resumes or a reset.
    pub fault: Option<Fault>,
    /// Why the segment offered in this tick was not used.
    pub rejected: Option<Fault>,
    /// Task instance of the segment followed.
    pub segment_epoch: Option<u32>,
    /// Number of the segment followed.
    pub segment_seq: Option<u64>,
    /// Segments not used so far.
    pub refused: RefusedSegments,
    /// Largest distance of a joint from its last command [rad].
    pub tracking_error_rad: f64,
    /// Room left at the end of a stop from here.
    pub clearance: Clearance,
    /// Share of its speed at which motion should go on, for want of room; 1 in free space.
    pub speed_scale: f64,
}

impl Brainstem {
    pub(super) fn decided(&self, now: Nanos, tau_nm: Joints, rejected: Option<Fault>) -> Tick {
        Tick {
            now,
            command: ArmCommand {
                q: self.commanded.q,
                qd: self.commanded.qd,
                qdd: self.commanded.qdd,
                tau_nm,
                gripper_width_m: self.gripper_width_m,
                grip_force_n: self.grip_force_n,
            },
            started: self.started,
            mode: self.mode,
            fault: self.fault,
            rejected,
            segment_epoch: self.current.map(|segment| segment.epoch),
            segment_seq: self.current.map(|segment| segment.seq),
            refused: self.gate.refused,
            tracking_error_rad: self.tracking_error_rad,
            clearance: self.clearance,
            speed_scale: self.guard.speed_scale(&self.clearance),
        }
    }
}
