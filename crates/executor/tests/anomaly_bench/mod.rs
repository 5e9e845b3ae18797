//! Arms with friction that differs by the day, faults, and detectors that share what is measured.
#![allow(dead_code)] // The example and the test each use a part.

pub mod arm;
pub mod day;
pub mod rivals;
pub mod study;

use std::{path::Path, sync::Arc};

use neuraxis_robot::{Robot, RobotConfig};

/// The FR3 of `configs/`.
pub fn fr3() -> Arc<Robot> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("configs/fr3/robot.yaml")).expect("configs/fr3");
    let mut config: RobotConfig = serde_yaml::from_str(&text).expect("a robot's configuration");
    config.urdf = root.join(&config.urdf);
    Arc::new(Robot::from_urdf(&config.urdf, &config).expect("urdf/fr3.urdf"))
}
