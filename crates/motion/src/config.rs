//! `motion.yaml`.

use neuraxis_robot::Shares;
use serde::{Deserialize, Serialize};

use crate::{MotionError, PlannerConfig};

/// How the arm moves, within the robot's own limits. Where only shares of those may be used (`velocity_scale` and its
/// sisters of brainstem.yaml), as much is left of these accelerations, jerks and contact speeds; see [`MotionConfig::slowed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MotionConfig {
    /// Part of each joint's velocity limit that is used, above 0 to 1; of 1, all but a hundredth, which corrections need.
    pub velocity_scale: f64,
    /// Joint acceleration, at most the robot's limit [rad/s²].
    pub acceleration_rad_s2: f64,
    /// Joint jerk, at most the robot's limit [rad/s³].
    pub jerk_rad_s3: f64,
    /// Tool speed on straight contact paths [m/s].
    pub contact_speed_m_s: f64,
    /// Tool acceleration on straight contact paths [m/s²].
    pub contact_acceleration_m_s2: f64,
    /// Tool jerk on straight contact paths [m/s³].
    pub contact_jerk_m_s3: f64,
    /// On straight contact paths the tool slows down so that the goal is this far away in time, 0.01 to 2 [s].
    pub contact_time_secs: f64,
    /// World height of the tool above which a free path may cross over objects [m].
    pub transit_z_m: f64,
    /// The next via point is taken when the tool is this close to the present one [m].
    pub blend_m: f64,
    /// Starts tried for a goal that is far from where the arm is.
    pub ik_restarts: usize,
    /// Where the redundancy drifts for a tool that does not point down: elbow up and folded [rad]. Empty: home.
    pub forward_posture_rad: Vec<f64>,
    /// Paths around obstacles.
    pub planner: PlannerConfig,
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            velocity_scale: 0.6,
            acceleration_rad_s2: 6.0,
            jerk_rad_s3: 120.0,
            contact_speed_m_s: 0.20,
            contact_acceleration_m_s2: 1.0,
            contact_jerk_m_s3: 20.0,
            contact_time_secs: 0.2,
            transit_z_m: 0.90,
            blend_m: 0.05,
            ik_restarts: 20,
            forward_posture_rad: Vec::new(),
            planner: PlannerConfig::default(),
        }
    }
}

impl MotionConfig {
    /// The same, slower, for an arm of which only these shares of the limits may be used. For a slowed robot:
    /// `velocity_scale` is a part of its own limits already.
    pub fn slowed(&self, shares: &Shares) -> Self {
        Self {
            acceleration_rad_s2: self.acceleration_rad_s2 * shares.acceleration,
            jerk_rad_s3: self.jerk_rad_s3 * shares.jerk,
            contact_speed_m_s: self.contact_speed_m_s * shares.velocity,
            contact_acceleration_m_s2: self.contact_acceleration_m_s2 * shares.acceleration,
            contact_jerk_m_s3: self.contact_jerk_m_s3 * shares.jerk,
            ..self.clone()
        }
    }

    /// Refuses values that cannot move an arm safely.
    pub fn validate(&self) -> Result<(), MotionError> {
        let positive = |key, value: f64, most: f64, allowed| match value.is_finite() && value > 0.0 && value <= most {
            true => Ok(()),
            false => Err(MotionError::Config { key, value, allowed }),
        };
        positive("velocity_scale", self.velocity_scale, 1.0, "above 0, at most 1")?;
        positive("acceleration_rad_s2", self.acceleration_rad_s2, 100.0, "finite, above 0, at most 100")?;
        positive("jerk_rad_s3", self.jerk_rad_s3, 1e5, "finite, above 0, at most 100000")?;
        positive("contact_speed_m_s", self.contact_speed_m_s, 1.0, "above 0, at most 1")?;
        positive("contact_acceleration_m_s2", self.contact_acceleration_m_s2, 20.0, "above 0, at most 20")?;
        positive("contact_jerk_m_s3", self.contact_jerk_m_s3, 2000.0, "above 0, at most 2000")?;
        if !(0.01..=2.0).contains(&self.contact_time_secs) {
            let (key, value) = ("contact_time_secs", self.contact_time_secs);
            return Err(MotionError::Config { key, value, allowed: "0.01 to 2" });
        }
        positive("blend_m", self.blend_m, 0.3, "above 0, at most 0.3")?;
        if !self.transit_z_m.is_finite() {
            return Err(MotionError::Config { key: "transit_z_m", value: self.transit_z_m, allowed: "finite" });
        }
        self.planner.validate()
    }
}
