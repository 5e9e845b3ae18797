//! Simulated robots, and the loop over them.
#![allow(dead_code)]

pub mod body;
pub mod server;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, mpsc},
    time::Duration,
};

use neuraxis_brainstem::BrainstemConfig;
use neuraxis_franka::{FrankaConfig, Realtime};
use neuraxis_robot::{Robot, RobotConfig};
use serde::de::DeserializeOwned;

/// Where both simulated robots start, and franka-sim always does [rad].
pub const START_RAD: [f64; 7] = [
    0.0,
    -std::f64::consts::FRAC_PI_4,
    0.0,
    -2.356_194_490_192_345,
    0.0,
    1.570_796_326_794_896_6,
    0.785_398_163_397_448_3,
];

/// One robot at a time: two of them and two loops are too much for a small machine to be in real time.
pub fn alone() -> (MutexGuard<'static, ()>, mpsc::Sender<()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    (guard, watchdog())
}

/// Ends the process if a test hangs.
fn watchdog() -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(240)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("the test hangs");
            std::process::exit(101);
        }
    });
    alive
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = workspace().join("configs/fr3").join(file);
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn fr3() -> Arc<Robot> {
    let config: RobotConfig = read("robot.yaml");
    Arc::new(Robot::from_urdf(&workspace().join(&config.urdf), &config).unwrap())
}

/// The shipped limits; no walls, as the simulated robots stand elsewhere.
pub fn brainstem() -> BrainstemConfig {
    BrainstemConfig { tool_box: None, walls: Vec::new(), ..read("brainstem.yaml") }
}

/// For simulated robots on a machine that is busy.
pub fn config(server: &server::Server) -> FrankaConfig {
    FrankaConfig {
        host: server.host.clone(),
        port: server.port,
        hand: server.hand_port != 0,
        hand_port: if server.hand_port == 0 { 1338 } else { server.hand_port },
        realtime: Realtime::Ignore,
        connect_timeout_secs: 5.0,
        answer_timeout_secs: 20.0,
        state_timeout_secs: 1.0,
        hand_timeout_secs: 5.0,
        ..FrankaConfig::default()
    }
}
