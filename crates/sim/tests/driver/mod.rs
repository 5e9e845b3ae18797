//! Moves the simulated arm along straight tool paths, with the robot crate's inverse kinematics and nothing above it.
#![allow(dead_code, reason = "each test file uses its own part")]

#[path = "../../../robot/tests/shipped/mod.rs"]
pub mod shipped;

use std::path::{Path, PathBuf};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{ArmCommand, Base, Gripper, Joints, KeyFrame, Pose, Tool, World};
use neuraxis_robot::{IkRequest, Robot};
use neuraxis_sim::{Plant, Setup, SimConfig, SimError, Spec};

/// Fast enough for a short test, slow enough for the position loop [m/s], [rad/s].
const SPEED_M_S: f64 = 0.25;
const SPEED_RAD_S: f64 = 0.8;
/// The fingers get this long [ms].
const GRIPPER_MS: usize = 1000;

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn setup(task: &str, seed: u64) -> Setup {
    try_setup(task, seed, &SimConfig::default()).expect("a scene")
}

pub fn try_setup(task: &str, seed: u64, config: &SimConfig) -> Result<Setup, SimError> {
    Setup::new(&Spec { task: task.into(), seed, variation: None }, config)
}

/// The arm that `configs/fr3/robot.yaml` describes.
pub fn robot() -> Robot {
    shipped::robot("fr3")
}

/// Fingers driven to this width [m].
pub fn width(gripper: Gripper) -> f64 {
    match gripper {
        Gripper::Open => 0.08,
        Gripper::Closed => 0.0,
    }
}

pub struct Driver {
    pub robot: Robot,
    pub plant: Plant,
    command: ArmCommand,
}

impl Driver {
    pub fn new(setup: &Setup) -> Self {
        let plant = Plant::new(setup).expect("physics");
        let command = ArmCommand::hold(plant.state().q, width(Gripper::Open), 35.0);
        Self { robot: robot(), plant, command }
    }

    /// Where the tool is commanded to be.
    pub fn world_from_tool(&self) -> Pose<World, Tool> {
        self.robot.world_from_tool(&self.command.q)
    }

    /// A straight line of the tool that starts and ends at rest.
    pub fn line(&mut self, goal: &Pose<World, Tool>) {
        let start = self.world_from_tool();
        let (metres, radians) = start.distance(goal);
        let ticks = (1500.0 * (metres / SPEED_M_S).max(radians / SPEED_RAD_S)).ceil().max(1.0) as usize;
        for tick in 1..=ticks {
            let t = tick as f64 / ticks as f64;
            let s = t * t * (3.0 - 2.0 * t);
            let at = Pose::<World, Tool>::from_parts(
                start.position().lerp(&goal.position(), s),
                turn(&start.rotation(), &goal.rotation(), s),
            );
            let q = self.solve(&at, 0).unwrap_or_else(|| panic!("no solution along the way at {at:?}"));
            self.command.qd = Joints::from_fn(q.len(), |i| (q[i] - self.command.q[i]) * 1000.0);
            self.command.q = q;
            self.plant.step(&self.command);
        }
        self.command.qd = Joints::zeros(self.command.q.len());
        self.wait(200);
    }

    /// Opens or closes the hand and waits for it.
    pub fn grip(&mut self, gripper: Gripper) {
        if self.command.gripper_width_m != width(gripper) {
            self.command.gripper_width_m = width(gripper);
            self.wait(GRIPPER_MS);
        }
    }

    /// A key-frame: there, then the hand.
    pub fn reach(&mut self, keyframe: &KeyFrame) {
        self.line(&keyframe.world_from_tool);
        self.grip(keyframe.gripper);
    }

    /// Holds still.
    pub fn wait(&mut self, ms: usize) {
        for _ in 0..ms {
            self.plant.step(&self.command);
        }
    }

    /// Straight up or down.
    pub fn rise(&mut self, metres: f64) {
        let from = self.world_from_tool();
        self.line(&Pose::from_parts(from.position() + Vector3::z() * metres, from.rotation()));
    }

    pub fn solve(&self, world_from_tool: &Pose<World, Tool>, restarts: usize) -> Option<Joints> {
        let base_from_tool: Pose<Base, Tool> = self.robot.world_from_base().inverse() * *world_from_tool;
        self.robot.ik(&IkRequest { base_from_tool, seed: self.command.q, restarts, posture: None }).ok()
    }
}

/// Along the shorter way; half a turn has no shorter way and may go either.
fn turn(from: &UnitQuaternion<f64>, to: &UnitQuaternion<f64>, s: f64) -> UnitQuaternion<f64> {
    from.try_slerp(to, s, 1e-9).unwrap_or(*to)
}
