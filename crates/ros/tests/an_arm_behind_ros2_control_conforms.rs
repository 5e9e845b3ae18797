//! An arm behind ros2_control does what every arm must do (`neuraxis_faults::conformance`): the node and its arm here, a
//! robot (example `fake_controller`) in another process, DDS between them.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use neuraxis_brainstem::{BrainstemConfig, MonotonicClock};
use neuraxis_core::Arm;
use neuraxis_faults::{
    CountingAllocator,
    conformance::{Bench, Conformance},
};
use neuraxis_robot::{Robot, RobotConfig, Shares};
use neuraxis_ros::{
    ControlConfig, GripperConfig, Ros2Control,
    control::{CommandInterface, GripperKind},
    keep_local, ros2_control,
};

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

/// A busy machine lets messages wait [s].
const PATIENT_SECS: f64 = 0.5;

fn fr3() -> Arc<Robot> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("configs/fr3/robot.yaml")).expect("robot.yaml");
    let mut config: RobotConfig = serde_yaml::from_str(&text).expect("robot.yaml");
    config.urdf = root.join(&config.urdf);
    Arc::new(Robot::from_urdf(&config.urdf.clone(), &config).expect("the FR3"))
}

struct Controllers {
    robot: Arc<Robot>,
    interface: CommandInterface,
    gripper: GripperKind,
    process: Mutex<Option<Child>>,
    node: Mutex<Option<JoinHandle<()>>>,
    over: Arc<AtomicBool>,
}

impl Controllers {
    fn start(&self) {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().unwrap().parent().unwrap().join("examples/fake_controller");
        assert!(path.exists(), "{}: cargo build -p neuraxis-ros --example fake_controller", path.display());
        let mut command = Command::new(path);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        *self.process.lock().unwrap() = Some(command.spawn().expect("the robot starts"));
    }
}

impl Bench for Controllers {
    fn arm(&self) -> Result<Box<dyn Arm>, String> {
        self.start();
        let joint = Some("fr3_finger_joint1".to_string());
        let config = ControlConfig {
            interface: self.interface,
            silence_secs: PATIENT_SECS,
            state_timeout_secs: PATIENT_SECS,
            gripper: GripperConfig { kind: self.gripper, joint, ..GripperConfig::default() },
            ..ControlConfig::default()
        };
        let made = ros2_control(config, &self.robot, &Shares::ALL, Arc::new(MonotonicClock));
        let Ros2Control { arm, node, .. } = made.map_err(|error| error.to_string())?;
        let over = self.over.clone();
        *self.node.lock().unwrap() = Some(thread::spawn(move || {
            node.run(&over);
        }));
        Ok(Box::new(arm))
    }

    fn lose(&self) -> Result<(), String> {
        let mut process = self.process.lock().unwrap();
        let child = process.as_mut().ok_or("no robot")?;
        child.kill().and_then(|()| child.wait()).map(|_| ()).map_err(|error| error.to_string())
    }

    fn restore(&self) -> Result<(), String> {
        self.start();
        Ok(())
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        // Release: pairs with the node's Acquire load.
        self.over.store(true, Ordering::Release);
        if let Some(node) = self.node.lock().unwrap().take() {
            node.join().unwrap();
        }
        if let Some(child) = self.process.lock().unwrap().as_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn sr07_an_arm_behind_ros2_control_conforms() {
    let domain = (1 + (2 * std::process::id() + 60) % 100).to_string();
    // SAFETY: this test is alone in its process, and no thread runs yet that reads the environment.
    unsafe {
        keep_local();
        std::env::set_var("ROS_DOMAIN_ID", domain);
    }
    let robot = fr3();
    for (interface, gripper) in [
        (CommandInterface::ForwardPosition, GripperKind::Action),
        (CommandInterface::ForwardVelocity, GripperKind::Float64),
        (CommandInterface::JointTrajectory, GripperKind::Float64Array),
    ] {
        let controllers = Controllers {
            robot: robot.clone(),
            interface,
            gripper,
            process: Mutex::default(),
            node: Mutex::default(),
            over: Arc::default(),
        };
        let config = BrainstemConfig { state_timeout_secs: 2.0 * PATIENT_SECS, ..BrainstemConfig::default() };
        let report = Conformance::new(robot.clone(), config, CountingAllocator::calls).run(&controllers);
        println!("ros2_control, {interface:?}, gripper {gripper:?}\n{report}");
        assert!(report.is_ok(), "{interface:?}\n{report}");
    }
}
