//! The limits in force.

use neuraxis_robot::{JointLimits, Robot};

use crate::{BrainstemConfig, BrainstemError};

/// The robot's limits with this configuration's margins; refuses limits that no motion can respect.
pub(super) fn working_limits(robot: &Robot, config: &BrainstemConfig) -> Result<Vec<JointLimits>, BrainstemError> {
    let mut limits = robot.limits().to_vec();
    for (index, (limit, name)) in limits.iter_mut().zip(robot.joint_names()).enumerate() {
        limit.lower_rad += config.position_margin_rad;
        limit.upper_rad -= config.position_margin_rad;
        limit.slow(&config.shares());
        let refuse = |limit, value, allowed| {
            Err(BrainstemError::Limit { joint: name.to_string(), index, limit, value, allowed })
        };
        let range = limit.upper_rad - limit.lower_rad;
        if !(range.is_finite() && range > 0.0) {
            return refuse("position range without margins", range, "finite, above 0");
        }
        for (key, value) in [
            ("velocity limit", limit.velocity_rad_s),
            ("acceleration limit", limit.acceleration_rad_s2),
            ("jerk limit", limit.jerk_rad_s3),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(key, value, "finite, above 0");
            }
        }
    }
    Ok(limits)
}
