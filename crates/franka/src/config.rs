//! How a Franka arm is reached and driven.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::FrankaError;

/// What the machine must grant before a connection is made.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realtime {
    /// A kernel with PREEMPT_RT, or the connection is refused. The thread's own privileges are the brainstem's business.
    #[default]
    Enforce,
    /// Any kernel: for simulated robots.
    Ignore,
}

/// A Franka arm on the network, `franka:` in `configs/<robot>/arm.yaml`. The defaults are meant for a real robot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrankaConfig {
    /// Address of the robot's controller.
    pub host: String,
    /// TCP port of the arm.
    pub port: u16,
    /// The arm carries a Franka Hand.
    pub hand: bool,
    /// TCP port of the hand.
    pub hand_port: u16,
    /// What the machine must grant.
    pub realtime: Realtime,
    /// Longest wait for a connection, 0.1 to 10 [s].
    pub connect_timeout_secs: f64,
    /// Longest wait for an answer to a request: settings, the start of a motion, error recovery; 0.1 to 30 [s].
    pub answer_timeout_secs: f64,
    /// Silence of the robot's 1 kHz states that counts as a lost connection, 0.005 to 1 [s].
    pub state_timeout_secs: f64,
    /// A motion may begin, and a standing command may step, this far from where the robot is told to be; the difference
    /// is worked off smoothly; 0.001 to 0.05 [rad].
    pub takeover_max_rad: f64,
    /// Kept below the robot's velocity limit, which shrinks towards the ends of the joints' ranges; closer is a stop; 0.02 to
    /// 1 [rad/s].
    pub velocity_margin_rad_s: f64,
    /// Stiffness of the robot's joint impedance controller, 10 to 14250 [N m/rad].
    pub joint_impedance_nm_rad: [f64; 7],
    /// External joint torques beyond which the robot reports a contact, 0.1 to 100 [N m].
    pub contact_torques_nm: [f64; 7],
    /// ... beyond which it stops by reflex, 0.1 to 100 [N m].
    pub collision_torques_nm: [f64; 7],
    /// External forces [N] and torques [N m] at the tool beyond which the robot reports a contact, 0.1 to 200.
    pub contact_forces_n_nm: [f64; 6],
    /// ... beyond which it stops by reflex, 0.1 to 200.
    pub collision_forces_n_nm: [f64; 6],
    /// Speed of the fingers, 0.005 to 0.1 [m/s].
    pub hand_speed_m_s: f64,
    /// Most that the fingers squeeze with, 1 to 70 [N]: the hand's continuous force.
    pub hand_force_max_n: f64,
    /// Changes of the commanded width below this are no new command to the hand, 0.0002 to 0.02 [m].
    pub hand_dead_band_m: f64,
    /// ... and of the force, 0.5 to 70 [N].
    pub hand_dead_band_n: f64,
    /// Silence of the hand that counts as its loss, 0.1 to 10 [s].
    pub hand_timeout_secs: f64,
}

impl Default for FrankaConfig {
    fn default() -> Self {
        Self {
            host: "172.16.0.2".into(),
            port: franka::wire::ROBOT_COMMAND_PORT,
            hand: true,
            hand_port: franka::wire::gripper::GRIPPER_COMMAND_PORT,
            realtime: Realtime::Enforce,
            connect_timeout_secs: 1.0,
            answer_timeout_secs: 5.0,
            state_timeout_secs: 0.1,
            takeover_max_rad: 0.02,
            velocity_margin_rad_s: 0.1,
            joint_impedance_nm_rad: [3000.0, 3000.0, 3000.0, 2500.0, 2500.0, 2000.0, 2000.0],
            contact_torques_nm: [10.0, 10.0, 9.0, 9.0, 6.0, 5.5, 5.0],
            collision_torques_nm: [20.0, 20.0, 18.0, 18.0, 12.0, 11.0, 10.0],
            contact_forces_n_nm: [10.0, 10.0, 10.0, 12.5, 12.5, 12.5],
            collision_forces_n_nm: [20.0, 20.0, 20.0, 25.0, 25.0, 25.0],
            hand_speed_m_s: 0.1,
            hand_force_max_n: 70.0,
            hand_dead_band_m: 0.001,
            hand_dead_band_n: 5.0,
            hand_timeout_secs: 1.0,
        }
    }
}

impl FrankaConfig {
    /// Checks every range; the error names the key.
    pub fn validate(&self) -> Result<(), FrankaError> {
        if self.host.is_empty() || self.host.contains(char::is_whitespace) {
            return Err(FrankaError::Host { host: self.host.clone() });
        }
        let single = [
            ("port", f64::from(self.port), 1.0, 65535.0, "1 to 65535"),
            ("hand_port", f64::from(self.hand_port), 1.0, 65535.0, "1 to 65535"),
            ("connect_timeout_secs", self.connect_timeout_secs, 0.1, 10.0, "0.1 to 10"),
            ("answer_timeout_secs", self.answer_timeout_secs, 0.1, 30.0, "0.1 to 30"),
            ("state_timeout_secs", self.state_timeout_secs, 0.005, 1.0, "0.005 to 1"),
            ("takeover_max_rad", self.takeover_max_rad, 0.001, 0.05, "0.001 to 0.05"),
            ("velocity_margin_rad_s", self.velocity_margin_rad_s, 0.02, 1.0, "0.02 to 1"),
            ("hand_speed_m_s", self.hand_speed_m_s, 0.005, 0.1, "0.005 to 0.1"),
            ("hand_force_max_n", self.hand_force_max_n, 1.0, 70.0, "1 to 70"),
            ("hand_dead_band_m", self.hand_dead_band_m, 0.0002, 0.02, "0.0002 to 0.02"),
            ("hand_dead_band_n", self.hand_dead_band_n, 0.5, 70.0, "0.5 to 70"),
            ("hand_timeout_secs", self.hand_timeout_secs, 0.1, 10.0, "0.1 to 10"),
        ];
        let lists: [(&'static str, &[f64], f64, f64, &'static str); 5] = [
            ("joint_impedance_nm_rad", &self.joint_impedance_nm_rad, 10.0, 14250.0, "10 to 14250"),
            ("contact_torques_nm", &self.contact_torques_nm, 0.1, 100.0, "0.1 to 100"),
            ("collision_torques_nm", &self.collision_torques_nm, 0.1, 100.0, "0.1 to 100"),
            ("contact_forces_n_nm", &self.contact_forces_n_nm, 0.1, 200.0, "0.1 to 200"),
            ("collision_forces_n_nm", &self.collision_forces_n_nm, 0.1, 200.0, "0.1 to 200"),
        ];
        let listed = lists.into_iter().flat_map(|(key, values, low, high, allowed)| {
            values.iter().map(move |&value| (key, value, low, high, allowed))
        });
        for (key, value, low, high, allowed) in single.into_iter().chain(listed) {
            // `contains` is false for NaN.
            if !(low..=high).contains(&value) {
                return Err(FrankaError::Config { key, value, allowed });
            }
        }
        let pairs = [
            ("collision_torques_nm", &self.contact_torques_nm[..], &self.collision_torques_nm[..]),
            ("collision_forces_n_nm", &self.contact_forces_n_nm[..], &self.collision_forces_n_nm[..]),
        ];
        for (key, contact, collision) in pairs {
            if let Some((_, &value)) = contact.iter().zip(collision).find(|(low, high)| low > high) {
                return Err(FrankaError::Config { key, value, allowed: "at least the contact's" });
            }
        }
        Ok(())
    }

    /// As a duration, for keys that [`Self::validate`] has checked.
    pub(crate) fn secs(value: f64) -> Duration {
        Duration::try_from_secs_f64(value).unwrap_or(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_mistakes_are_named() {
        FrankaConfig::default().validate().unwrap();
        let mistake = |change: fn(&mut FrankaConfig)| {
            let mut config = FrankaConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            mistake(|c| c.state_timeout_secs = 3.0),
            "franka configuration: state_timeout_secs = 3, allowed: 0.005 to 1"
        );
        assert!(mistake(|c| c.joint_impedance_nm_rad[3] = f64::NAN).contains("joint_impedance_nm_rad = NaN"));
        assert_eq!(
            mistake(|c| c.contact_torques_nm[0] = 50.0),
            "franka configuration: collision_torques_nm = 20, allowed: at least the contact's"
        );
        assert!(mistake(|c| c.host = "two words".into()).contains("two words"));
    }
}
