//! When the gripper is done.

use neuraxis_core::Nanos;

use crate::CerebellumConfig;

/// Watches the finger distance after a command.
#[derive(Copy, Clone, Debug)]
pub(crate) struct GripWatch {
    began: Nanos,
    anchor: Nanos,
    anchor_width_m: f64,
}

impl GripWatch {
    pub(crate) fn new(now: Nanos, width_m: f64) -> Self {
        Self { began: now, anchor: now, anchor_width_m: width_m }
    }

    /// True once the width has stayed within the band for the settling time, or at the timeout.
    pub(crate) fn is_done(&mut self, now: Nanos, width_m: f64, config: &CerebellumConfig) -> bool {
        let elapsed_secs = now.secs_since(self.began);
        if elapsed_secs >= config.gripper_timeout_secs {
            return true;
        }
        if (width_m - self.anchor_width_m).abs() >= config.gripper_settle_m {
            self.anchor = now;
            self.anchor_width_m = width_m;
        }
        elapsed_secs >= config.gripper_min_secs && now.secs_since(self.anchor) >= config.gripper_settle_secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done_at_millis(width_m: impl Fn(u64) -> f64) -> u64 {
        let config = CerebellumConfig::default();
        let mut watch = GripWatch::new(Nanos(0), width_m(0));
        (0..).step_by(5).find(|&ms| watch.is_done(Nanos::from_millis(ms), width_m(ms), &config)).unwrap()
    }

    #[test]
    fn it_waits_for_the_start_then_for_rest_then_no_longer() {
        // Never moves: the minimum time.
        assert_eq!(done_at_millis(|_| 0.08), 200);
        // Moves at 0.1 m/s for 400 ms, starting late: rest plus the settling time.
        assert_eq!(done_at_millis(|ms| 0.08 - 0.0001 * ms.clamp(100, 500) as f64), 600);
        // Never rests: the timeout.
        assert_eq!(done_at_millis(|ms| if ms % 10 == 0 { 0.01 } else { 0.02 }), 1000);
    }
}
