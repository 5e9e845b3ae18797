//! What a loaded robot must satisfy.

use std::path::Path;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::MAX_JOINTS;

use crate::{Robot, RobotConfig, RobotError};

impl Robot {
    /// Every list has an entry per joint and every number is in its range.
    pub(crate) fn check(&self, path: &Path, config: &RobotConfig) -> Result<(), RobotError> {
        let joints = self.dof();
        if joints == 0 || joints > MAX_JOINTS {
            return Err(RobotError::Urdf {
                path: path.into(),
                reason: format!("{joints} joints, allowed: 1 to {MAX_JOINTS}"),
            });
        }
        let [x, y, z] = config.world_from_base_xyz_m;
        for (key, value) in [
            ("hand_from_tool_z_m", config.hand_from_tool_z_m),
            ("world_from_base_xyz_m[0]", x),
            ("world_from_base_xyz_m[1]", y),
            ("world_from_base_xyz_m[2]", z),
            ("world_from_base_yaw_rad", config.world_from_base_yaw_rad),
        ] {
            if !value.is_finite() {
                return Err(RobotError::Number { key, value, allowed: "finite" });
            }
        }
        for (key, given) in [
            ("acceleration_limits_rad_s2", config.acceleration_limits_rad_s2.len()),
            ("jerk_limits_rad_s3", config.jerk_limits_rad_s3.len()),
            ("home_rad", config.home_rad.len()),
        ] {
            if given != joints {
                return Err(RobotError::Length { key, given, joints });
            }
        }
        let torque_rates = self.torque_rate_limits_nm_s();
        if !torque_rates.is_empty() && torque_rates.len() != joints {
            return Err(RobotError::Length { key: "torque_rate_limits_nm_s", given: torque_rates.len(), joints });
        }
        for (name, value) in self.joint_names().iter().zip(torque_rates) {
            if !(value.is_finite() && *value > 0.0) {
                let (joint, what) = (name.clone(), "torque rate limit");
                return Err(RobotError::Limit { joint, what, value: *value, allowed: "finite, positive" });
            }
        }
        for ((name, limit), home) in self.joint_names().iter().zip(self.limits()).zip(&config.home_rad) {
            let fail = |what, value, allowed| Err(RobotError::Limit { joint: name.clone(), what, value, allowed });
            if !limit.lower_rad.is_finite() || !limit.upper_rad.is_finite() || limit.lower_rad >= limit.upper_rad {
                return fail("lower limit", limit.lower_rad, "finite, below the upper limit");
            }
            for (what, value) in [
                ("velocity limit", limit.velocity_rad_s),
                ("acceleration limit", limit.acceleration_rad_s2),
                ("jerk limit", limit.jerk_rad_s3),
                ("effort limit", limit.effort_nm),
            ] {
                if !(value.is_finite() && value > 0.0) {
                    return fail(what, value, "finite, positive");
                }
            }
            if !(limit.lower_rad..=limit.upper_rad).contains(home) {
                return fail("home position", *home, "within the joint's limits");
            }
        }
        Ok(())
    }

    /// Two independent readings of one file must give one pose.
    pub(crate) fn agrees_with_k(&self, path: &Path, config: &RobotConfig) -> Result<(), RobotError> {
        let refuse = |reason: String| RobotError::Urdf { path: path.into(), reason };
        let chain = k::Chain::<f64>::from_urdf_file(path).map_err(|e| refuse(e.to_string()))?;
        let node = chain.find_link(&config.tool_link);
        let node = node.ok_or_else(|| refuse(format!("crate k finds no link {}", config.tool_link)))?;
        let serial = k::SerialChain::from_end(node);
        serial.set_joint_positions(&self.home()).map_err(|e| refuse(e.to_string()))?;
        let theirs = serial.end_transform();
        let t = theirs.translation.vector;
        // k brings an older nalgebra: convert by named parts.
        let r = theirs.rotation.quaternion();
        let rotation = UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(r.w, r.i, r.j, r.k));
        let theirs = Vector3::new(t.x, t.y, t.z) + rotation * Vector3::new(0.0, 0.0, config.hand_from_tool_z_m);
        let metres = (theirs - self.base_from_tool(&self.home()).position()).norm();
        // NaN is no agreement.
        if metres <= 1e-6 { Ok(()) } else { Err(RobotError::Disagrees { path: path.into(), metres }) }
    }
}
