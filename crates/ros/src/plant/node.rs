//! The robot's node: one loop in one thread.

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nalgebra::Vector3;
use neuraxis_channel::RingReceiver;
use neuraxis_core::{
    Arm, ArmCommand, ArmState, Camera, Clock, Joints, Nanos, Observation, PERIOD_BRAINSTEM, Pose, World,
};
use r2r::{
    Node, Publisher, QosProfile, ServiceRequest,
    builtin_interfaces::msg::Time,
    sensor_msgs::msg::JointState,
    std_msgs::msg::{Float64, Float64MultiArray},
    std_srvs::srv::Trigger::{Response, Service as Trigger},
    tf2_msgs::msg::TFMessage,
    trajectory_msgs::msg::JointTrajectory,
};

use super::{
    Misbehave, Misbehaviour,
    gripper::{GripperServer, Manner},
    setpoint::{Point, Setpoint},
};
use crate::{
    RosConfig, RosError, RosStats, conversions, environment,
    frames::transform,
    inbox::{Inbox, inbox},
    node::start,
    publish::{CameraOut, Stamper, publisher},
    serve::{self, service},
    topics,
};

/// Name of the node.
const NAME: &str = "plant";
/// Asks for what goes wrong.
const MISBEHAVE: &str = "~/misbehave";
/// What the arm does, whatever it says of itself.
const TRUTH: &str = "~/truth";
/// The gripper's action.
const GRIPPER: &str = "gripper_controller/gripper_cmd";
/// A command to the world each millisecond, joint states at every second unless somebody wants others.
const PERIOD: Duration = Duration::from_millis(1);
const TICKS_PER_STATE: u64 = 2;
/// How late joint states come, how far the clock jumps, how far depth lies from colour.
const LATE: Nanos = Nanos::from_millis(200);
const JUMP_SECS: u64 = 10;
const SKEW: Nanos = Nanos::from_millis(33);
/// How far the cameras' frames jump [m].
const MOVED_M: f64 = 0.02;
/// How late the gripper's action is served.
const GRIPPER_LATE: Nanos = Nanos::from_millis(2000);
/// Of the grip [N].
const GRIP_FORCE_N: f64 = 30.0;

/// Where the node is connected to its world. `F` as in [`crate::RosPorts`].
pub struct PlantPorts<F: Deref<Target = Observation>> {
    /// The clock that stamps the arm's states and `frames`.
    pub clock: Arc<dyn Clock>,
    /// The arm's joints, in the order of [`ArmState::q`].
    pub joint_names: Vec<String>,
    /// The joints of its fingers, each of which moves by half of their distance.
    pub finger_joints: Vec<String>,
    /// The cameras for which topics are made.
    pub camera_names: Vec<String>,
    /// The arm: read and told once a millisecond, on the node's thread. It can be read from the start.
    pub arm: Box<dyn Arm>,
    /// What the cameras see.
    pub frames: RingReceiver<F>,
}

/// What the node did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlantStats {
    /// Joint states published.
    pub joint_states: u64,
    /// Commands taken: positions, velocities, trajectories.
    pub positions: u64,
    /// See `positions`.
    pub velocities: u64,
    /// See `positions`.
    pub trajectories: u64,
    /// Commands to the gripper taken.
    pub gripper: u64,
    /// Commands refused: other joints, or not finite.
    pub refused: u64,
    /// Times that the arm could not be read or told.
    pub failed: u64,
    /// Camera views published.
    pub images: u64,
    /// Fastest joint that the arm was told last [urad/s].
    pub told_urad_s: u64,
}

/// A robot on ROS 2, or what one would be.
pub struct PlantNode<F: Deref<Target = Observation>> {
    node: Node,
    ports: PlantPorts<F>,
    misbehave: Option<Misbehave>,
    asks: serve::Inbox<ServiceRequest<Trigger>>,
    /// Somebody has asked for what goes wrong.
    is_asked: bool,
    stamper: Stamper,
    states_out: Publisher<JointState>,
    truth: Publisher<JointState>,
    cameras: Vec<CameraOut>,
    tf: Publisher<TFMessage>,
    positions: Inbox<Float64MultiArray>,
    velocities: Inbox<Float64MultiArray>,
    trajectories: Inbox<JointTrajectory>,
    widths: Inbox<Float64MultiArray>,
    width: Inbox<Float64>,
    /// `None` while nobody serves the gripper's action.
    gripper: Option<GripperServer>,
    setpoint: Setpoint,
    ticks_per_state: u64,
    /// Told [m].
    width_m: f64,
    /// Measured last [m].
    measured_m: f64,
    first_command: Option<Nanos>,
    /// When the state that was published last was measured.
    said_of: Option<Nanos>,
    /// The last state before it froze.
    frozen: Option<JointState>,
    /// States on their way that is too long.
    late: VecDeque<(Nanos, JointState)>,
    /// The last pictures, with the stamps of all but depth and of depth.
    shown: Option<(F, Time, Time)>,
    stats: PlantStats,
    camera_stats: RosStats,
}

impl<F: Deref<Target = Observation> + Send> PlantNode<F> {
    /// Starts ROS 2 in this process, if it is not yet, and makes the node. Errors: as [`crate::RosNode::new`].
    pub fn new(mut ports: PlantPorts<F>, misbehave: Option<Misbehave>) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        let mut node = Node::create(start()?, NAME, "")
            .map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
        let config = RosConfig::default();
        let cameras = ports.camera_names.iter().map(|name| CameraOut::new(&mut node, name, &config));
        let qos = || QosProfile::default().keep_last(1);
        let state = ports.arm.read().map_err(|fault| RosError::Start { reason: fault.to_string() })?;
        let is_unserved = misbehave
            .is_some_and(|misbehave| matches!(misbehave.what, Misbehaviour::GripperAbsent | Misbehaviour::GripperLate));
        Ok(Self {
            cameras: cameras.collect::<Result<_, _>>()?,
            tf: publisher(&mut node, topics::TF, topics::tf_qos())?,
            states_out: publisher(&mut node, topics::JOINT_STATES, topics::joint_states_qos())?,
            truth: publisher(&mut node, TRUTH, topics::joint_states_qos())?,
            positions: inbox(&mut node, "forward_position_controller/commands", qos())?,
            velocities: inbox(&mut node, "forward_velocity_controller/commands", qos())?,
            trajectories: inbox(&mut node, "joint_trajectory_controller/joint_trajectory", qos())?,
            widths: inbox(&mut node, "gripper_controller/commands", qos())?,
            width: inbox(&mut node, "gripper/command", qos())?,
            gripper: if is_unserved { None } else { Some(GripperServer::new(&mut node, GRIPPER)?) },
            stamper: Stamper::new(ports.clock.clone(), &node),
            setpoint: Setpoint::new(ports.clock.now(), state.q),
            ticks_per_state: TICKS_PER_STATE,
            width_m: state.gripper_width_m,
            measured_m: state.gripper_width_m,
            asks: service(&mut node, MISBEHAVE)?,
            is_asked: false,
            node,
            ports,
            misbehave,
            first_command: None,
            said_of: None,
            frozen: None,
            late: VecDeque::new(),
            shown: None,
            stats: PlantStats::default(),
            camera_stats: RosStats::default(),
        })
    }

    /// With a joint state each millisecond, as often as the loop that reads them looks; each second one otherwise.
    #[must_use]
    pub fn at_full_rate(self) -> Self {
        Self { ticks_per_state: 1, ..self }
    }

    /// Runs until `stop` is true.
    pub fn run(mut self, stop: &AtomicBool) -> PlantStats {
        let mut next = Instant::now();
        let mut tick = 0_u64;
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            if now >= next {
                self.tick(tick);
                tick += 1;
                next = if now - next < PERIOD { next + PERIOD } else { now + PERIOD };
            }
            self.node.spin_once(next.saturating_duration_since(Instant::now()));
            self.listen();
        }
        self.stats.images = self.camera_stats.images;
        self.stats
    }

    /// Does it misbehave so, now?
    fn does(&self, what: Misbehaviour) -> bool {
        let since = |first: Nanos| (self.ports.clock.now() - first).secs();
        self.misbehave.is_some_and(|misbehave| {
            misbehave.what == what
                && misbehave.after_secs.map_or(self.is_asked, |secs| {
                    secs == 0.0 || self.first_command.is_some_and(|first| since(first) >= secs)
                })
        })
    }

    /// How it treats goals of its gripper, now.
    fn manner(&self) -> Manner {
        let manners = [
            (Misbehaviour::GripperRefuse, Manner::Refuses),
            (Misbehaviour::GripperAbort, Manner::Aborts),
            (Misbehaviour::GripperHang, Manner::Hangs),
            (Misbehaviour::GripperDeaf, Manner::Deaf),
        ];
        manners.into_iter().find(|(what, _)| self.does(*what)).map_or(Manner::Good, |(_, manner)| manner)
    }

    fn tick(&mut self, tick: u64) {
        let now = self.ports.clock.now();
        let state = self.setpoint.at(now);
        let wanted = ArmCommand { qd: state.qd, ..ArmCommand::hold(state.q, self.width_m, GRIP_FORCE_N) };
        self.stats.told_urad_s = state.qd.iter().fold(0.0, |most, qd| f64::max(most, 1e6 * qd.abs())) as u64;
        self.stats.failed += u64::from(self.ports.arm.write(&wanted).is_err());
        if tick.is_multiple_of(self.ticks_per_state) {
            self.say_state(now);
        }
        self.show();
    }

    /// Takes what has come; of each kind the newest.
    fn listen(&mut self) {
        let now = self.ports.clock.now();
        let dof = self.ports.joint_names.len();
        serve::drain(&mut self.asks, |request| {
            self.is_asked = true;
            let success = self.misbehave.is_some_and(|misbehave| misbehave.after_secs.is_none());
            let message = if success { "it misbehaves from now on" } else { "it was started without `KIND@asked`" };
            let answered = request.respond(Response { success, message: message.into() });
            self.stats.failed += u64::from(answered.is_err());
        });
        let (ignores, mut taken) = (self.does(Misbehaviour::Ignore), false);
        if let Some(msg) = self.positions.newest().0 {
            taken = true;
            match joints(&msg.data, dof) {
                Some(_) if ignores => {}
                Some(q) => self.setpoint.position(now, q),
                None => self.stats.refused += 1,
            }
            self.stats.positions += 1;
        }
        if let Some(msg) = self.velocities.newest().0 {
            taken = true;
            match joints(&msg.data, dof) {
                Some(_) if ignores => self.setpoint.velocity(now, Joints::zeros(dof)),
                Some(qd) => self.setpoint.velocity(now, qd),
                None => self.stats.refused += 1,
            }
            self.stats.velocities += 1;
        }
        if let Some(msg) = self.trajectories.newest().0 {
            taken = true;
            match points(&msg, &self.ports.joint_names) {
                Some(_) if ignores => {}
                Some(points) => self.setpoint.trajectory(now, points),
                None => self.stats.refused += 1,
            }
            self.stats.trajectories += 1;
        }
        let widths = self.widths.newest().0.map(|msg| msg.data.first().copied().unwrap_or(f64::NAN));
        if let Some(width_m) = widths.or(self.width.newest().0.map(|msg| msg.data)) {
            taken = true;
            if width_m.is_finite() {
                self.width_m = width_m;
                self.stats.gripper += 1;
            } else {
                self.stats.refused += 1;
            }
        }
        let stamp = self.stamper.time().unwrap_or_default();
        let manner = self.manner();
        let is_time = self.first_command.is_some_and(|first| now - first >= GRIPPER_LATE);
        if is_time && self.gripper.is_none() && self.does(Misbehaviour::GripperLate) {
            match GripperServer::new(&mut self.node, GRIPPER) {
                Ok(server) => self.gripper = Some(server),
                Err(_) => self.stats.failed += 1,
            }
        }
        let measured_m = self.measured_m;
        let gripper = self.gripper.as_mut();
        let told = gripper.and_then(|gripper| gripper.serve((now, stamp), measured_m, manner, &mut self.camera_stats));
        if let Some(width_m) = told {
            taken = true;
            self.width_m = width_m;
            self.stats.gripper += 1;
        }
        if taken {
            self.first_command.get_or_insert(now);
        }
    }

    fn say_state(&mut self, now: Nanos) {
        let Ok(state) = self.ports.arm.read() else {
            self.stats.failed += 1;
            return;
        };
        // Physics that has fallen behind has nothing new to say.
        if self.said_of == Some(state.stamp) {
            return;
        }
        self.said_of = Some(state.stamp);
        self.measured_m = state.gripper_width_m;
        let Some(mut msg) = self.message(&state) else { return };
        self.stats.failed += u64::from(self.truth.publish(&msg).is_err());
        if self.does(Misbehaviour::Silent) {
            return;
        }
        if self.does(Misbehaviour::Freeze) {
            msg = self.frozen.get_or_insert(msg).clone();
        }
        if self.does(Misbehaviour::Nan) {
            msg.position[1] = f64::NAN;
        }
        if self.does(Misbehaviour::WrongNames) {
            msg.name.iter_mut().for_each(|name| *name = format!("other_{name}"));
        }
        if self.does(Misbehaviour::MissingJoint) {
            let at = msg.name.iter().position(|name| *name == self.ports.joint_names[0]).unwrap_or(0);
            msg.name.remove(at);
            for values in [&mut msg.position, &mut msg.velocity, &mut msg.effort] {
                values.remove(at);
            }
        }
        if self.does(Misbehaviour::DuplicateJoint) {
            let at = msg.name.iter().position(|name| *name == self.ports.joint_names[0]).unwrap_or(0);
            msg.name.push(msg.name[at].clone());
            for values in [&mut msg.position, &mut msg.velocity, &mut msg.effort] {
                values.push(values[at]);
            }
        }
        if self.does(Misbehaviour::Jump) {
            msg.header.stamp.sec -= JUMP_SECS as i32;
        }
        if self.does(Misbehaviour::Late) {
            self.late.push_back((now, msg));
            while self.late.front().is_some_and(|(since, _)| now - *since >= LATE) {
                if let Some((_, msg)) = self.late.pop_front() {
                    self.send(&msg);
                }
            }
            return;
        }
        self.send(&msg);
    }

    fn send(&mut self, msg: &JointState) {
        self.stats.joint_states += u64::from(self.states_out.publish(msg).is_ok());
    }

    /// Backwards, a finger first and the others last: who reads by place is wrong at once.
    fn message(&self, state: &ArmState) -> Option<JointState> {
        let header = conversions::header(&self.stamper.stamp(state.stamp)?, "");
        let fingers = &self.ports.finger_joints;
        let (first, last) = fingers.split_at(fingers.len().min(1));
        let finger = state.gripper_width_m / 2.0;
        let around = |arm: &Joints, finger: f64| -> Vec<f64> {
            let of = |fingers: &[String]| vec![finger; fingers.len()];
            of(first).into_iter().chain(arm.iter().rev().copied()).chain(of(last)).collect()
        };
        let names = first.iter().chain(self.ports.joint_names.iter().rev()).chain(last);
        Some(JointState {
            header,
            name: names.cloned().collect(),
            position: around(&state.q, finger),
            velocity: around(&state.qd, 0.0),
            effort: around(&state.tau_nm, 0.0),
        })
    }

    fn show(&mut self) {
        let Some(mut newest) = self.ports.frames.pop() else { return };
        while let Some(newer) = self.ports.frames.pop() {
            newest = newer;
        }
        if !self.does(Misbehaviour::CamerasFreeze) || self.shown.is_none() {
            let depth_at = if self.does(Misbehaviour::CameraSkew) { newest.stamp - SKEW } else { newest.stamp };
            let stamps = self.stamper.stamp(newest.stamp).zip(self.stamper.stamp(depth_at));
            self.shown = stamps.map(|(stamp, depth_stamp)| (newest, stamp, depth_stamp));
        }
        let Some((frame, stamp, depth_stamp)) = &self.shown else { return };
        for view in &frame.cameras {
            if let Some(camera) = self.cameras.iter().find(|camera| *camera.name == *view.name) {
                camera.publish_at(view, stamp, depth_stamp, &mut self.camera_stats);
            }
        }
        if self.does(Misbehaviour::TfSilent) {
            return;
        }
        let off_m = if self.does(Misbehaviour::CamerasMove) { MOVED_M } else { 0.0 };
        let transforms = frame.cameras.iter().map(|view| {
            let pose = &view.world_from_camera;
            let moved =
                Pose::<World, Camera>::from_parts(pose.position() + Vector3::new(off_m, 0.0, 0.0), pose.rotation());
            transform(stamp, "world", &format!("{}_seat", view.name), &moved)
        });
        let sent = self.tf.publish(&TFMessage { transforms: transforms.collect() }).is_ok();
        self.camera_stats.count_published(sent, |stats| &mut stats.frames);
    }
}

fn joints(values: &[f64], dof: usize) -> Option<Joints> {
    Joints::from_slice(values).filter(|joints| joints.len() == dof && joints.is_finite())
}

/// The points of a trajectory in our order of joints; `None` if they are no trajectory of this arm.
fn points(msg: &JointTrajectory, names: &[String]) -> Option<Vec<Point>> {
    let places = names.iter().map(|name| msg.joint_names.iter().position(|other| other == name));
    let places = places.collect::<Option<Vec<usize>>>()?;
    let ordered = |values: &[f64]| {
        let ordered = places.iter().map(|&place| values.get(place).copied()).collect::<Option<Vec<f64>>>()?;
        joints(&ordered, names.len())
    };
    let mut last = Nanos(0);
    let points = msg.points.iter().map(|point| {
        let time = &point.time_from_start;
        let after = Nanos(u64::try_from(time.sec).ok()? * 1_000_000_000 + u64::from(time.nanosec));
        let comes_later = after > last;
        last = after;
        let (q, qd) = (ordered(&point.positions)?, ordered(&point.velocities)?);
        comes_later.then_some(Point { after, q, qd })
    });
    points.collect::<Option<Vec<_>>>().filter(|points| !points.is_empty() && last > PERIOD_BRAINSTEM)
}
