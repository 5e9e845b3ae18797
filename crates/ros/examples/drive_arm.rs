//! An arm behind ros2_control under the brainstem: the base swings slowly to and fro until something latches the loop, or
//! until the robot has said nothing that could be believed. With cameras: until one of them is left out.
//!
//! `cargo run -p neuraxis-ros --example drive_arm -- [forward_position|forward_velocity|joint_trajectory] [cameras|cameras=tf]
//! [timeout=SECS] [swings=N] [gripper=KIND]`, beside `fake_controller` or `neuraxis ros plant`. Prints how it ended.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, Mode, MonotonicClock, PrivilegeConfig, RealtimeLinks, Signals, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment, SegmentState};
use neuraxis_robot::{Robot, RobotConfig, Shares};
use neuraxis_ros::{
    CamerasConfig, CamerasIn, ControlArm, ControlConfig, ControlReport, GripperConfig, Ros2Control, cameras_in,
    keep_local, ros2_control,
};
use serde::de::DeserializeOwned;

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;

type Failure = Box<dyn std::error::Error>;

/// Counts what the arm's end does to the heap in the loop's thread.
struct Counted {
    arm: ControlArm,
    heap_calls: u64,
}

impl Arm for Counted {
    fn dof(&self) -> usize {
        self.arm.dof()
    }
    fn pacing(&self) -> Pacing {
        self.arm.pacing()
    }
    fn is_real(&self) -> bool {
        self.arm.is_real()
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        let before = heap::calls();
        let state = self.arm.read();
        self.heap_calls += heap::calls() - before;
        state
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        let before = heap::calls();
        let written = self.arm.write(command);
        self.heap_calls += heap::calls() - before;
        written
    }
}

/// Base joint: half the swing [rad], [rad/s]. Farther than what counts as not following.
const SWING_RAD: f64 = 0.3;
const SWING_PER_SEC: f64 = 1.5;
const LEASE: Nanos = Nanos::from_millis(800);
/// States refused before the first good one, after which the robot is given up.
const REFUSED: u64 = 200;
const CAMERAS: &str = "
cameras:
  - { name: front, colour: /front/image, depth: /front/depth, info: /front/camera_info, pose: /front/pose }
  - { name: wrist, colour: /wrist/image, depth: /wrist/depth, info: /wrist/camera_info, pose: /wrist/pose }
max_skew_secs: 0.005
";
/// As before, where they are from tf.
const CAMERAS_OF_TF: &str = "
cameras:
  - { name: front, colour: /front/image, depth: /front/depth, info: /front/camera_info, tf: { camera_frame: front_seat } }
  - { name: wrist, colour: /wrist/image, depth: /wrist/depth, info: /wrist/camera_info, tf: { camera_frame: wrist_seat } }
";

fn main() -> Result<(), Failure> {
    // SAFETY: there is no second thread yet.
    unsafe { keep_local() };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| arguments.iter().find_map(|argument| argument.strip_prefix(key)).map(str::to_string);
    let cameras = match arguments.iter().find_map(|argument| argument.strip_prefix("cameras")) {
        None => None,
        Some("=tf") => Some(CAMERAS_OF_TF),
        Some(_) => Some(CAMERAS),
    };
    let swings: Option<u64> = value("swings=").map(|text| text.parse()).transpose()?;
    let robot = Arc::new(robot()?);
    let config = control(&arguments, value("timeout=").map(|text| text.parse()).transpose()?)?;

    let clock = Arc::new(MonotonicClock);
    let Ros2Control { arm, node, reports } = ros2_control(config, &robot, &Shares::ALL, clock.clone())?;
    let mut arm = Counted { arm, heap_calls: 0 };
    let cameras = match cameras {
        Some(text) => Some(cameras_in(serde_yaml::from_str::<CamerasConfig>(text)?, clock, None)?),
        None => None,
    };
    let brainstem = BrainstemConfig {
        lease_max_secs: 1.0,
        state_timeout_secs: 2.0,
        overrun_budget: 1_000_000,
        arm_when_degraded: true,
        // Ordinary scheduling: what is shown here does not depend on rights.
        privileges: PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None },
        ..read("configs/fr3/brainstem.yaml")?
    };
    let mut brainstem = Brainstem::new(robot, brainstem)?;
    let (mut segments_in, segments) = mailbox(None);
    let (body_in, mut body) = mailbox::<Option<BodyState>>(None);
    let signals = Arc::new(Signals::default());
    let links =
        RealtimeLinks { segments, states: vec![body_in], ticks: ring(16).0, stats: None, signals: signals.clone() };

    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let looper = scope.spawn(move || {
            heap::check_that_it_counts();
            let summary = run_realtime(&mut arm, &mut brainstem, links, |_| ());
            summary.map(|summary| (summary, arm.heap_calls))
        });
        let talker = scope.spawn(|| node.run(&end));
        let (mut sets, mut camera_reports) = (None, None);
        let watcher = cameras.map(|CamerasIn { node, sets: set, reports }| {
            (sets, camera_reports) = (Some(set), Some(reports));
            scope.spawn(|| node.run(&end))
        });
        let mut swing = Swing::default();
        let (mut last, mut report, mut seen) = (None, ControlReport::default(), 0);
        loop {
            thread::sleep(Duration::from_millis(5));
            while let Some(newer) = reports.pop() {
                report = newer;
            }
            while sets.as_ref().is_some_and(|sets| sets.pop().is_some_and(|set| set.views.len() == 2)) {
                seen += 1;
            }
            let lost = camera_reports.as_ref().and_then(|reports| reports.pop());
            let body = body.latest();
            let unbelievable = report.stats.refused() - report.stats.just_back;
            let is_given_up = report.stats.states == 0 && unbelievable >= REFUSED;
            if is_given_up
                || looper.is_finished()
                || body.is_some_and(|body| body.mode == Mode::Latched)
                || lost.is_some_and(|report| report.cameras.iter().any(|camera| camera.lost > 0))
                || swings.is_some_and(|swings| swing.done() >= swings)
            {
                break;
            }
            let Some(now) = body.filter(|body| body.state.q.is_finite()) else { continue };
            swing.look(&now);
            segments_in.write(Some(swing.segment(&now)));
            last = Some(now);
        }
        let ended = body.latest().or(last);
        signals.exit.raise();
        let (summary, heap_calls) = looper.join().map_err(|_| "the loop's thread panicked")??;
        // Release: pairs with the Acquire loads of both nodes.
        end.store(true, Ordering::Release);
        let stats = talker.join().map_err(|_| "the node's thread panicked")?;
        while let Some(newer) = reports.pop() {
            report = newer;
        }
        let cameras = watcher.map(|watcher| watcher.join().map_err(|_| "the cameras' thread panicked")).transpose()?;

        println!("fault: {:?}", ended.map_or(summary.fault, |body| body.fault));
        println!("mode: {:?}", ended.map(|body| body.mode));
        println!("fingers_m: {:.3}", ended.map_or(f64::NAN, |body| body.state.gripper_width_m));
        println!("ticks: {}", summary.ticks);
        println!("heap_calls: {heap_calls}");
        println!("moved_rad: {:.3}", swing.moved_rad);
        println!("farthest_off_rad: {:.3}", swing.farthest_off_rad);
        println!("refusal: {}", report.last_refusal.map_or("none".into(), |refusal| refusal.to_string()));
        println!("fingers: {}", report.gripper_trouble.map_or("well".into(), |trouble| trouble.to_string()));
        println!("others: {}", report.rivals.join(", "));
        println!("{stats:?}");
        println!("sets of two: {seen}");
        for camera in cameras.iter().flat_map(|report| &report.cameras) {
            let refusal = camera.last_refusal.as_ref().map_or("none".into(), ToString::to_string);
            println!("camera {}: {} views, lost {}, refusal: {refusal}", camera.name, camera.tally.views, camera.lost);
        }
        Ok(())
    })
}

/// The base joint's course: a cosine, in segments from wherever it is.
#[derive(Default)]
struct Swing {
    began: Option<(Nanos, SegmentState)>,
    seq: u64,
    now_secs: f64,
    moved_rad: f64,
    farthest_off_rad: f64,
}

impl Swing {
    fn look(&mut self, body: &BodyState) {
        let (began, from) = *self.began.get_or_insert((body.now, body.commanded));
        self.now_secs = (body.now - began).secs();
        self.moved_rad = self.moved_rad.max((body.state.q[0] - from.q[0]).abs());
        self.farthest_off_rad = self.farthest_off_rad.max(body.state.q.max_abs_diff(&body.commanded.q));
    }

    fn done(&self) -> u64 {
        (self.now_secs * SWING_PER_SEC / std::f64::consts::TAU) as u64
    }

    fn segment(&mut self, body: &BodyState) -> Segment {
        let (began, from) = *self.began.get_or_insert((body.now, body.commanded));
        let t0 = MonotonicClock.now().max(body.now);
        let phase = SWING_PER_SEC * (t0 - began).secs();
        let only_base = |value: f64| Joints::from_fn(from.q.len(), |i| if i == 0 { value } else { 0.0 });
        let way_rad = SWING_RAD * (1.0 - phase.cos());
        self.seq += 1;
        Segment {
            epoch: 1,
            seq: self.seq,
            t0,
            valid_until: t0 + LEASE,
            q: Joints::from_fn(from.q.len(), |i| from.q[i] + only_base(way_rad)[i]),
            qd: only_base(SWING_RAD * SWING_PER_SEC * phase.sin()),
            qdd: only_base(SWING_RAD * SWING_PER_SEC.powi(2) * phase.cos()),
            gripper_width_m: 0.05,
            grip_force_n: 20.0,
        }
    }
}

/// The loop's own privileges are not asked for, so its silence is allowed to last.
fn control(arguments: &[String], timeout_secs: Option<f64>) -> Result<ControlConfig, Failure> {
    let interface = arguments
        .iter()
        .map(String::as_str)
        .find(|text| text.contains('_') && !text.contains('='))
        .unwrap_or("forward_position");
    let kind = arguments.iter().find_map(|text| text.strip_prefix("gripper=")).unwrap_or("float64_array");
    let gripper = format!("{{ kind: {kind}, joint: fr3_finger_joint1, goal_timeout_secs: 1.0 }}");
    Ok(ControlConfig {
        interface: serde_yaml::from_str(interface)?,
        state_timeout_secs: timeout_secs.unwrap_or(1.0),
        silence_secs: 0.5,
        gripper: serde_yaml::from_str::<GripperConfig>(&gripper)?,
        ..Default::default()
    })
}

fn robot() -> Result<Robot, Failure> {
    let mut config: RobotConfig = read("configs/fr3/robot.yaml")?;
    config.urdf = workspace(&config.urdf);
    Ok(Robot::from_urdf(&config.urdf.clone(), &config)?)
}

fn read<T: DeserializeOwned>(file: &str) -> Result<T, Failure> {
    Ok(serde_yaml::from_str(&std::fs::read_to_string(workspace(Path::new(file)))?)?)
}

fn workspace(file: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}
