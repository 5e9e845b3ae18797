//! Simulated robots, and the loop over them.
#![allow(dead_code)]

pub mod body;
pub mod cable;
pub mod server;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, mpsc},
    time::Duration,
};

use neuraxis_brainstem::{BrainstemConfig, PrivilegeConfig};
use neuraxis_franka::{FrankaConfig, Realtime};
use neuraxis_robot::{Robot, RobotConfig};
use serde::de::DeserializeOwned;

/// Where both simulated robots start, and franka-sim always does [rad].
pub const START_RAD: [f64; 7] = [0.0, 0.0, 0.0, -1.57, 0.0, 1.57, 0.785];

/// One robot at a time: two of them and two loops are too much for a small machine to be in real time.
pub fn alone() -> (MutexGuard<'static, ()>, mpsc::Sender<()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    (guard, watchdog())
}

/// The robot's server and our loop both are in real time: a machine that gives its time to others for a moment ends a motion
/// that was right. Three attempts, and how many it took is printed; the failure of the last one is the test's. What such a
/// test proves is that the motion can be done so, not that it always is on this machine.
pub fn attempts(test: impl Fn()) {
    for attempt in 1..3 {
        if catch_unwind(AssertUnwindSafe(&test)).is_ok() {
            println!("attempt {attempt} of 3 was good");
            return;
        }
        eprintln!("attempt {attempt} of 3 has failed, the reason is above");
    }
    test();
    println!("attempt 3 of 3 was good");
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

/// The shipped limits; no walls, as the simulated robots stand elsewhere. Priority over the machine's other work is asked
/// for, and done without where it is not granted.
///
/// Accelerations and jerks stay below the robot's limits by as much as a simulated robot's millisecond may be longer than
/// ours, as it follows our clock's motions in its own time.
pub fn brainstem() -> BrainstemConfig {
    let velocity_scale = read::<BrainstemConfig>("brainstem.yaml").velocity_scale;
    BrainstemConfig { velocity_scale, acceleration_scale: 0.2, jerk_scale: 0.1, ..half() }
}

/// Half of the robot's limits, as launch/README.md has it for a real arm's beginning.
pub fn half() -> BrainstemConfig {
    let shipped: BrainstemConfig = read("brainstem.yaml");
    let privileges = PrivilegeConfig { lock_memory: false, ..shipped.privileges };
    BrainstemConfig {
        tool_box: None,
        walls: Vec::new(),
        lease_max_secs: 1.0,
        lead_max_secs: 0.1,
        overrun_budget: 1_000_000,
        // A robot that stalls is caught up with.
        jump_rad: 0.2,
        jump_rad_s: 2.0,
        velocity_scale: 0.5,
        acceleration_scale: 0.5,
        jerk_scale: 0.5,
        arm_when_degraded: true,
        privileges,
        ..shipped
    }
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
