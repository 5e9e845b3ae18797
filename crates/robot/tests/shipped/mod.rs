//! The robots as `configs/` describes them.
#![allow(dead_code)] // Each test file uses a part.

use std::path::{Path, PathBuf};

use neuraxis_core::Joints;
use neuraxis_robot::{Robot, RobotConfig};
use rand::Rng;
use rand_pcg::Pcg64;

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `configs/<name>/robot.yaml`.
pub fn config(name: &str) -> RobotConfig {
    let text = std::fs::read_to_string(root().join("configs").join(name).join("robot.yaml")).unwrap();
    let mut config: RobotConfig = serde_yaml::from_str(&text).unwrap();
    config.urdf = root().join(&config.urdf);
    config
}

/// The robot of that configuration.
pub fn robot(name: &str) -> Robot {
    let config = config(name);
    Robot::from_urdf(&config.urdf, &config).unwrap()
}

/// Joint positions within the limits.
pub fn random(robot: &Robot, rng: &mut Pcg64) -> Joints {
    Joints::from_fn(robot.dof(), |i| rng.random_range(robot.limits()[i].lower_rad..robot.limits()[i].upper_rad))
}
