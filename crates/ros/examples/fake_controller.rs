//! A robot on ROS 2 without a simulator: an arm that is where it is told to be, and two cameras that see little. For
//! trying what drives an arm, and for its tests over the wire. Misbehaves as told, see `neuraxis_ros::plant`.
//!
//! Ends when its standard input does. `cargo run -p neuraxis-ros --example fake_controller -- silent@2`

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_channel::{RingSender, ring};
use neuraxis_core::{
    Arm, ArmCommand, ArmState, CameraView, Clock, Fault, Gripper, Intrinsics, Joints, Nanos, Observation, Pacing, Pose,
    Progress,
};
use neuraxis_ros::{Misbehave, PlantNode, PlantPorts, keep_local};

/// Home of the FR3 as in configs/fr3/robot.yaml [rad].
const HOME_RAD: [f64; 7] = [0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, std::f64::consts::FRAC_PI_4];
const CAMERAS: [&str; 2] = ["front", "wrist"];
const SIZE: u32 = 16;
const CAMERA_PERIOD: Duration = Duration::from_millis(66);

struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> Nanos {
        Nanos(self.0.elapsed().as_nanos() as u64)
    }
}

/// Is where it was told to be.
struct IdealArm {
    clock: Arc<Monotonic>,
    state: ArmState,
}

impl Arm for IdealArm {
    fn dof(&self) -> usize {
        HOME_RAD.len()
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        Ok(ArmState { stamp: self.clock.now(), ..self.state })
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        (self.state.q, self.state.qd, self.state.gripper_width_m) = (command.q, command.qd, command.gripper_width_m);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: there is no second thread yet.
    unsafe { keep_local() };
    let arguments = neuraxis_ros::without_ros_args(std::env::args_os());
    let misbehave = arguments.get(1).map(|text| text.to_string_lossy().parse::<Misbehave>()).transpose()?;
    let clock = Arc::new(Monotonic(Instant::now()));
    let (frames_in, frames) = ring::<Box<Observation>>(2);
    let ports = PlantPorts {
        clock: clock.clone(),
        joint_names: (1..=HOME_RAD.len()).map(|i| format!("fr3_joint{i}")).collect(),
        finger_joints: ["fr3_finger_joint1", "fr3_finger_joint2"].map(String::from).to_vec(),
        camera_names: CAMERAS.map(String::from).to_vec(),
        arm: Box::new(IdealArm { clock: clock.clone(), state: at_home() }),
        frames,
    };
    let node = PlantNode::new(ports, misbehave)?.at_full_rate();
    let end = Arc::new(AtomicBool::new(false));
    let node_end = end.clone();
    let node = thread::spawn(move || node.run(&node_end));
    let camera_end = end.clone();
    let cameras = thread::spawn(move || see(&*clock, &camera_end, &frames_in));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // Release: pairs with the Acquire loads of both threads.
    end.store(true, Ordering::Release);
    cameras.join().map_err(|_| "the cameras' thread panicked")?;
    println!("{:?}", node.join().map_err(|_| "the node's thread panicked")?);
    Ok(())
}

fn see(clock: &dyn Clock, end: &AtomicBool, frames: &RingSender<Box<Observation>>) {
    let mut seq = 0;
    while !end.load(Ordering::Acquire) {
        frames.push_newest(Box::new(observation(seq, clock.now())));
        seq += 1;
        thread::sleep(CAMERA_PERIOD);
    }
}

fn at_home() -> ArmState {
    let (q, zero) = (Joints::from_fn(HOME_RAD.len(), |i| HOME_RAD[i]), Joints::zeros(HOME_RAD.len()));
    ArmState { stamp: Nanos(0), q, qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None }
}

fn observation(seq: u64, stamp: Nanos) -> Observation {
    let pixels = (SIZE * SIZE) as usize;
    let centre = f64::from(SIZE - 1) / 2.0;
    let look_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let view = |name: &str| CameraView {
        name: Arc::from(name),
        intrinsics: Intrinsics { width: SIZE, height: SIZE, fx: 20.0, fy: 20.0, cx: centre, cy: centre },
        world_from_camera: Pose::from_parts(Vector3::new(0.2, 0.0, 1.6), look_down),
        rgb: (0..3 * pixels).map(|i| (i as u64 + seq) as u8).collect(),
        depth_m: vec![0.85; pixels],
    };
    let state = at_home();
    let world_from_tool = Pose::identity();
    Observation {
        seq,
        stamp,
        cameras: CAMERAS.map(view).to_vec(),
        q: state.q,
        world_from_tool,
        gripper_width_m: state.gripper_width_m,
        progress: Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 },
    }
}
