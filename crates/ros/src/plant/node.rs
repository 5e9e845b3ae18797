//! The robot's node: one loop in one thread.

mod commands;
mod pictures;
mod states;

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use neuraxis_channel::RingReceiver;
use neuraxis_core::{Arm, ArmCommand, Clock, Nanos, Observation};
use r2r::{
    Node, Publisher, QosProfile, ServiceRequest,
    builtin_interfaces::msg::Time,
    sensor_msgs::msg::JointState,
    std_msgs::msg::{Float64, Float64MultiArray},
    std_srvs::srv::Trigger::Service as Trigger,
    tf2_msgs::msg::TFMessage,
    trajectory_msgs::msg::JointTrajectory,
};

use super::{
    Misbehave, Misbehaviour,
    gripper::{GripperServer, Manner},
    setpoint::Setpoint,
};
use crate::{
    RosConfig, RosError, RosStats, environment,
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
    /// The arm's joints, in the order of [`ArmState::q`](neuraxis_core::ArmState::q).
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
}
