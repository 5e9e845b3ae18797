//! The stop budget: time from the onset of a fault to rest.
//!
//! `detection + stop`. Detection follows from how the fault is noticed, see [`Notice`]. The stop of the brainstem takes
//! `v / a + a / j` per joint, with the highest speed `v` that the executor moves at and the limits `a`, `j` in force;
//! the executor's own stop, gentler, uses a share of them.

use neuraxis_brainstem::BrainstemConfig;
use neuraxis_cerebellum::{CerebellumConfig, STOP_ACCELERATION_SHARE, STOP_JERK_SHARE};
use neuraxis_core::{Nanos, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM};
use neuraxis_robot::Robot;

use crate::{
    Cell, FaultKind, Notice, Source,
    clock::SUSPENDED,
    thinker::{LATENCY, LOOK},
};

/// The arm moves at least this fast from the onset on, or it would not leave its tolerance [rad/s].
const SLOWEST_RAD_S: f64 = 0.4;
/// Ticks of executor and loop that a change needs to come through, and the approach to rest behind it.
const SETTLE_SECS: f64 = 0.06;
/// Read of the arm that hangs.
const HANG_MS: u64 = 400;
/// A faulty clock, so long.
const CLOCK_MS: u64 = 400;

/// How long a cell's fault lasts.
pub(crate) fn window_ms(cell: Cell) -> u64 {
    match (cell.source, cell.fault) {
        (Source::State, FaultKind::Hang) => HANG_MS,
        (Source::State, FaultKind::Drop | FaultKind::Freeze) => 900,
        (Source::State, _) => 600,
        (Source::Policy | Source::Camera, _) => 1200,
        (Source::Viewer | Source::Disk, _) => 900,
        (Source::Command, _) => 300,
        (Source::Clock, _) => CLOCK_MS,
        (Source::Ros, _) => 300,
    }
}

/// Onset to rest at most.
pub(crate) fn stop(notice: Notice, robot: &Robot, brainstem: &BrainstemConfig, cerebellum: &CerebellumConfig) -> Nanos {
    let period_secs = PERIOD_BRAINSTEM.secs();
    let robot = &robot.slowed(&brainstem.shares());
    let hard = stop_secs(robot, cerebellum, 1.0, 1.0);
    let lease_secs = cerebellum.segment_lead_secs + cerebellum.segment_lease_secs + PERIOD_CEREBELLUM.secs();
    let secs = match notice {
        Notice::AtOnce => 2.0 * period_secs + hard,
        Notice::Lease => lease_secs + 2.0 * period_secs + hard,
        Notice::StateTimeout => brainstem.state_timeout_secs + 2.0 * period_secs + hard,
        Notice::Tracking => {
            brainstem.tracking_error_rad / SLOWEST_RAD_S + brainstem.tracking_error_secs + 2.0 * period_secs + hard
        }
        Notice::Silence => {
            let silence = cerebellum.policy_silence_stop_secs.unwrap_or(f64::INFINITY);
            let heard = cerebellum.prediction_lease_secs + LOOK.secs() + LATENCY.secs();
            heard + silence + SETTLE_SECS + stop_secs(robot, cerebellum, STOP_ACCELERATION_SHARE, STOP_JERK_SHARE)
        }
        Notice::After(late) => late.secs() + 2.0 * period_secs + hard,
        Notice::Drift => CLOCK_MS as f64 * 1e-3 + 2.0 * period_secs + hard,
        Notice::Wake => HANG_MS.max(SUSPENDED.0 / 1_000_000) as f64 * 1e-3 + 2.0 * period_secs + hard,
    };
    Nanos::from_secs(secs)
}

fn stop_secs(robot: &Robot, cerebellum: &CerebellumConfig, acceleration_share: f64, jerk_share: f64) -> f64 {
    robot.limits().iter().fold(0.0, |most, limit| {
        let v = limit.velocity_rad_s * cerebellum.motion.velocity_scale;
        let (a, j) = (limit.acceleration_rad_s2 * acceleration_share, limit.jerk_rad_s3 * jerk_share);
        f64::max(most, v / a + a / j)
    })
}
