//! The node beside a loop that is not one: two joints swing, a picture changes, a stop brakes them, a reset lets them go
//! on, and so do the node's states. For trying the node without a simulator, and for its test over the wire.
//!
//! A goal takes as many seconds as its sentence has words; one with the word `fail` fails after its first, and of one with
//! `silence` nothing is heard. When a goal is over the arm comes to rest, and goes on with the next.
//!
//! Prints what comes in, one line each, and ends when its standard input does.
//! `cargo run -p neuraxis-ros --example fake_loop -- --ros-args -p joint_states_hz:=50.0`

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
use neuraxis_channel::{Counter, Flag, MailboxWriter, RingReceiver, RingSender, mailbox, ring};
use neuraxis_core::{
    ArmState, CameraView, Clock, Gripper, Intrinsics, JointPath, Joints, KeyFrame, Nanos, Observation, Pose, Progress,
    TaskOrder, TaskReport, TaskState,
};
use neuraxis_ros::{
    ArmHealth, Boundaries, Gaze, Health, Intent, Level, LoopTiming, Others, PolicyHealth, RosConfig, RosNode, RosPorts,
    Spread, Status, Supervision, Wall, keep_local,
};

const SIZE: u32 = 32;
const PERIOD: Duration = Duration::from_millis(5);
/// How hard the stop brakes [rad/s²].
const BRAKE_RAD_S2: f64 = 2.0;

struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> Nanos {
        Nanos(self.0.elapsed().as_nanos() as u64)
    }
}

#[derive(Default)]
struct Requests {
    stop: Flag,
    reset: Flag,
    /// As the node's state says.
    holds: AtomicBool,
    ticks: Counter,
    exit: AtomicBool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: there is no second thread yet.
    unsafe { keep_local() };
    let clock = Arc::new(Monotonic(Instant::now()));
    let requests = Arc::new(Requests::default());
    let (mut states_in, states) = mailbox(rest());
    let (frames_in, frames) = ring::<Box<Observation>>(2);
    let (orders_in, orders) = ring(4);
    let (reports_in, reports) = ring(4);
    let raise = |flag: fn(&Requests) -> &Flag| {
        let requests = requests.clone();
        Box::new(move || flag(&requests).raise())
    };
    let ports = RosPorts {
        clock: clock.clone(),
        base_frame: "fr3_link0".into(),
        world_from_base: Pose::from_parts(Vector3::new(-0.3, 0.0, 0.75), UnitQuaternion::identity()),
        joint_names: vec!["fr3_joint1".into(), "fr3_joint2".into()],
        camera_names: vec!["front".into()],
        others: Others::default(),
        states,
        frames,
        events: ring(1).1,
        looks: Box::new(|| None),
        orders: orders_in,
        reports,
        stop: raise(|r| &r.stop),
        reset: raise(|r| &r.reset),
        supervision: supervision(&requests, clock.clone()),
    };
    let node = RosNode::new(RosConfig::default(), ports)?;

    let node_requests = requests.clone();
    let node = thread::spawn(move || node.run(&node_requests.exit));
    let loop_requests = requests.clone();
    let swinging = thread::spawn(move || {
        let mut work = Work { orders, reports: reports_in, task: None, holds: false };
        swing(&*clock, &loop_requests, &mut states_in, &frames_in, &mut work)
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    requests.exit.store(true, Ordering::Release);
    swinging.join().map_err(|_| "the loop's thread panicked")?;
    let stats = node.join().map_err(|_| "the node's thread panicked")?;
    println!("{stats:#?}");
    Ok(())
}

/// An arm that goes to one place, within a box, with one wall.
fn supervision(requests: &Arc<Requests>, clock: Arc<Monotonic>) -> Supervision {
    let (holding, living, intent_clock) = (requests.clone(), requests.clone(), clock.clone());
    let stands = Vector3::new(0.3, 0.1, 0.9);
    let look_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    Supervision {
        hardware_id: "fake".into(),
        let_move: Box::new(move |moves| {
            println!("{}", if moves { "moves" } else { "holds" });
            // Release: pairs with the loop's Acquire load.
            holding.holds.store(!moves, Ordering::Release);
        }),
        obstacle: Box::new(|| None),
        health: Box::new(move || {
            let (now, ticks) = (clock.now(), living.ticks.get());
            let mut driver = Status::new("driver fake", "follows");
            driver.say(Level::Warn, "3 states lost in the last second");
            driver.value("lost_packets", 3);
            let spread = Spread { p50: Nanos(20_000), p99: Nanos(90_000), p999: Nanos(200_000) };
            Health {
                ticks,
                timing: Some(LoopTiming { wake: spread, compute: spread, period: spread, missed: 0 }),
                arm: Some(ArmHealth { mode: "track", latched: false, fault: None }),
                policy: PolicyHealth {
                    answers: ticks,
                    latency_secs: Some(0.01),
                    observed_at: Some(now),
                    refused: 0,
                    last_refusal: None,
                    left_out: Vec::new(),
                    before_age_secs: None,
                },
                drivers: vec![driver],
                link: None,
                unrecorded: vec![("images", 0)],
            }
        }),
        robot_description: "<robot name=\"fake\"><link name=\"base\"/></robot>".into(),
        boundaries: Boundaries {
            tool_box: Some([Vector3::new(-0.6, -0.7, 0.7), Vector3::new(0.7, 0.7, 1.7)]),
            walls: vec![Wall { name: "table".into(), normal: Vector3::z(), point: Vector3::new(0.0, 0.0, 0.75) }],
        },
        intent: Box::new(move || {
            Some(Intent {
                seq: intent_clock.now().0,
                keyframe: KeyFrame {
                    world_from_tool: Pose::from_parts(stands, look_down),
                    gripper: Gripper::Closed,
                    ignore_collisions: false,
                },
                confidence: 0.9,
                path: JointPath::new(&[Joints::from_fn(2, |i| i as f64)]),
                gaze: Some(Gaze { from: Vector3::new(0.0, 0.0, 1.6), at: stands }),
            })
        }),
        world_from_tool: Box::new(|q| {
            Pose::from_parts(Vector3::new(q[0].cos(), q[1].sin(), 0.9), UnitQuaternion::identity())
        }),
    }
}

/// Joint velocities follow a sine of the time driven; a stop brakes the driving itself.
fn swing(
    clock: &dyn Clock,
    requests: &Requests,
    states: &mut MailboxWriter<ArmState>,
    frames: &RingSender<Box<Observation>>,
    work: &mut Work,
) {
    let (mut state, mut tick, mut is_stopped) = (rest(), 0_u64, false);
    let dt_secs = PERIOD.as_secs_f64();
    while !requests.exit.load(Ordering::Acquire) {
        if requests.reset.take() {
            is_stopped = false;
        }
        if requests.stop.take() {
            println!("stop");
            is_stopped = true;
        }
        let is_wanted = work.tick(is_stopped, state.qd.iter().all(|qd| *qd == 0.0));
        state.stamp = clock.now();
        let phase = state.stamp.secs();
        for (i, (q, qd)) in state.q.iter_mut().zip(state.qd.iter_mut()).enumerate() {
            // Acquire: pairs with the node's Release store.
            let rests = is_stopped || !is_wanted || requests.holds.load(Ordering::Acquire);
            let wanted = if rests { 0.0 } else { 0.4 + 0.2 * (phase + i as f64).sin() };
            *qd += (wanted - *qd).clamp(-BRAKE_RAD_S2 * dt_secs, BRAKE_RAD_S2 * dt_secs);
            *q += *qd * dt_secs;
        }
        states.write(state);
        if tick.is_multiple_of(20) {
            frames.push_newest(Box::new(observation(tick, &state)));
        }
        requests.ticks.increment();
        tick += 1;
        thread::sleep(PERIOD);
    }
}

/// What stands for a policy: it takes time, and says how far it is.
struct Work {
    orders: RingReceiver<TaskOrder>,
    reports: RingSender<TaskReport>,
    task: Option<Task>,
    /// There is nothing to do any more.
    holds: bool,
}

/// A goal under way.
struct Task {
    goal: u32,
    words: String,
    began: Instant,
}

impl Work {
    /// False if the arm is to hold still.
    fn tick(&mut self, is_stopped: bool, is_still: bool) -> bool {
        while let Some(TaskOrder { goal, words }) = self.orders.pop() {
            let Some(words) = words else {
                println!("cancel");
                self.holds = true;
                continue;
            };
            println!("{}: {words}", if goal.is_some() { "goal" } else { "instruction" });
            self.holds = false;
            self.task = goal.map(|goal| Task { goal, words, began: Instant::now() });
        }
        if let Some(Task { goal, words, began }) = &self.task {
            let (secs, count) = (began.elapsed().as_secs_f64(), words.split(' ').count() as f64);
            let (state, said) = match () {
                () if is_stopped => (TaskState::Failed, "the arm was stopped"),
                () if self.holds && is_still => (TaskState::Cancelled, "the arm holds still"),
                () if self.holds => (TaskState::Running, "comes to rest"),
                () if words.contains("fail") && secs > 1.0 => (TaskState::Failed, "it was told to fail"),
                () if secs > count => (TaskState::Succeeded, "all words are worked off"),
                () => (TaskState::Running, "works"),
            };
            let progress = (secs / count).min(1.0) as f32;
            if !words.contains("silence") {
                self.reports.push_newest(TaskReport { goal: *goal, state, words: said.into(), progress });
            }
            if state != TaskState::Running {
                println!("{state:?} after {secs:.1} s");
                (self.task, self.holds) = (None, true);
            }
        }
        !self.holds
    }
}

fn rest() -> ArmState {
    let zeros = Joints::zeros(2);
    ArmState { stamp: Nanos(0), q: zeros, qd: zeros, tau_nm: zeros, gripper_width_m: 0.08, grip_force_n: None }
}

fn observation(seq: u64, state: &ArmState) -> Observation {
    let pixels = (SIZE * SIZE) as usize;
    let centre = f64::from(SIZE - 1) / 2.0;
    let look_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let camera = CameraView {
        name: Arc::from("front"),
        intrinsics: Intrinsics { width: SIZE, height: SIZE, fx: 44.0, fy: 44.0, cx: centre, cy: centre },
        world_from_camera: Pose::from_parts(Vector3::new(0.2, 0.0, 1.6), look_down),
        rgb: (0..3 * pixels).map(|i| (i as u64 + seq) as u8).collect(),
        depth_m: vec![0.85; pixels],
    };
    let world_from_tool = Pose::identity();
    Observation {
        seq,
        stamp: state.stamp,
        cameras: vec![camera],
        q: state.q,
        world_from_tool,
        gripper_width_m: state.gripper_width_m,
        progress: Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 },
    }
}
