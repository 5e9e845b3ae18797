//! Every name on the wire, with its type and quality of service: what the program's own node has, and below what a real arm and
//! its cameras have.
//!
//! | name | type | direction | quality of service |
//! |---|---|---|---|
//! | `joint_states` | `sensor_msgs/JointState` | out | reliable, volatile, last 10 |
//! | `<camera>/image` | `sensor_msgs/Image`, `rgb8` | out | reliable, volatile, last 2 |
//! | `<camera>/depth` | `sensor_msgs/Image`, `32FC1`, metres, 0 where there is no reading | out | reliable, volatile, last 2 |
//! | `<camera>/camera_info` | `sensor_msgs/CameraInfo`, no distortion | out | reliable, volatile, last 2 |
//! | `<camera>/pose` | `geometry_msgs/PoseStamped`, X_WC, optical convention | out | reliable, volatile, last 2 |
//! | `policy/<view>/image` | `sensor_msgs/Image`, `rgb8`: what the networks saw (`coarse_top` ... `fine_right`, `dynamic`, `dynamic_before`) | out, if somebody listens; where the policy runs apart, out of the policy's node | reliable, volatile, last 2 |
//! | `policy/<view>/heat` | `sensor_msgs/Image`, `32FC1`: the probabilities that they put on it | as the image | reliable, volatile, last 2 |
//! | `brain/events` | `std_msgs/String`, one line each | out | reliable, volatile, last 100 |
//! | `/tf` | `tf2_msgs/TFMessage`, `world` to `<camera>_optical_frame` | out | reliable, volatile, last 100 |
//! | `/tf_static` | `tf2_msgs/TFMessage`, `world` to the arm's base | out | reliable, transient local, last 1 |
//! | `instruction` | `std_msgs/String` | in | reliable, volatile, last 10 |
//! | `~/execute_task` | `neuraxis_msgs/ExecuteTask` | action | actions' default |
//! | `~/stop` | `std_srvs/Trigger` | service | services' default |
//! | `~/reset` | `std_srvs/Trigger` | service | services' default |
//! | `robot_description` | `std_msgs/String`, URDF | out | reliable, transient local, last 1 |
//! | `markers` | `visualization_msgs/MarkerArray`, all that there is to draw | out | reliable, transient local, last 1 |
//! | `/diagnostics` | `diagnostic_msgs/DiagnosticArray` | out, 1 Hz; in, of the policy's node, where it runs apart | reliable, volatile, last 10 |
//! | `~/transition_event` | `lifecycle_msgs/TransitionEvent` | out | reliable, volatile, last 10 |
//! | `~/change_state`, `~/get_state`, `~/get_available_states` | `lifecycle_msgs` | service | services' default |
//! | `~/get_available_transitions`, `~/get_transition_graph` | `lifecycle_msgs/GetAvailableTransitions` | service | services' default |
//! | `~/list_parameters` and the five others of every node | `rcl_interfaces` | service | services' default |
//! | `/parameter_events` | `rcl_interfaces/ParameterEvent` | out | reliable, volatile, last 1000 |
//! | `policy/observation` | `neuraxis_msgs/Observation`, where the policy runs apart | out | reliable, volatile, last 1 |
//! | `policy/prediction` | `neuraxis_msgs/Prediction` | in (out of the policy's node) | reliable, volatile, last 10 |
//! | `policy/description` | `neuraxis_msgs/PolicyDescription` | in (out of the policy's node) | reliable, transient local, last 1 |
//!
//! An arm behind ros2_control and cameras of any driver, under the names that `arm.yaml` gives; these are the defaults:
//!
//! | name | type | direction | quality of service |
//! |---|---|---|---|
//! | `/joint_states`, `gripper.states_topic` | `sensor_msgs/JointState` | in | best effort, volatile, last 10 |
//! | `/forward_position_controller/commands` | `std_msgs/Float64MultiArray` [rad] | out | reliable, volatile, last 1 |
//! | `/forward_velocity_controller/commands` | `std_msgs/Float64MultiArray` [rad/s] | out | reliable, volatile, last 1 |
//! | `/joint_trajectory_controller/joint_trajectory` | `trajectory_msgs/JointTrajectory` | out | reliable, volatile, last 1 |
//! | `<controller>/get_parameters`, of a forward controller: its `joints` | `rcl_interfaces/GetParameters` | client | services' default |
//! | `/gripper/command` (`kind: float64`) | `std_msgs/Float64` [m] | out | reliable, volatile, last 1 |
//! | `/gripper_controller/commands` (`float64_array`) | `std_msgs/Float64MultiArray` [m] | out | reliable, volatile, last 1 |
//! | `/gripper_controller/gripper_cmd` (`action`) | `control_msgs/GripperCommand` | action's client | services' default |
//! | `colour` | `sensor_msgs/Image` or, `compressed`, `sensor_msgs/CompressedImage` | in | best effort (`reliable: true`: reliable), volatile, last 4 |
//! | `depth` | `sensor_msgs/Image`, raw | in | as `colour` |
//! | `info` | `sensor_msgs/CameraInfo` | in | as `colour` |
//! | `pose` | `geometry_msgs/PoseStamped` | in | as `colour`, last 20 |
//! | `/tf`, where a camera asks it | `tf2_msgs/TFMessage` | in | reliable, volatile, last 100 |
//! | `/tf_static`, as above | `tf2_msgs/TFMessage` | in | reliable, transient local, last 100 |
//!
//! Of the two interfaces and grippers that are not configured there is nothing. The simulated robot's names are in [`crate::plant`].
//!
//! Reliable writers match readers of both kinds, and keep-last writers never wait for a slow one. Volatile but for what
//! late comers draw: a state or a command from before a restart must not come back. The four messages of a camera and its
//! transform share one stamp and the frame `<camera>_optical_frame`. The arm's links are `robot_state_publisher`'s.

use r2r::QosProfile;

/// What the arm measures.
pub const JOINT_STATES: &str = "joint_states";
/// What the arm shall do, in words.
pub const INSTRUCTION: &str = "instruction";
/// What a brain plans, does and notices, in words.
pub const BRAIN_EVENTS: &str = "brain/events";
/// What the arm shall do, in words, as a goal with feedback, result and cancel.
pub const EXECUTE_TASK: &str = "~/execute_task";
/// Transforms that change.
pub const TF: &str = "/tf";
/// Transforms that do not.
pub const TF_STATIC: &str = "/tf_static";
/// Requests the controlled stop, which holds until a reset.
pub const STOP: &str = "~/stop";
/// Lets the arm move again.
pub const RESET: &str = "~/reset";

/// The arm's URDF.
pub const ROBOT_DESCRIPTION: &str = "robot_description";
/// Where the arm goes, looks, and may not go.
pub const MARKERS: &str = "markers";
/// How everything is.
pub const DIAGNOSTICS: &str = "/diagnostics";
/// A change of state.
pub const TRANSITION_EVENT: &str = "~/transition_event";
/// Asks for a change of state.
pub const CHANGE_STATE: &str = "~/change_state";
/// The state.
pub const GET_STATE: &str = "~/get_state";
/// All states.
pub const GET_AVAILABLE_STATES: &str = "~/get_available_states";
/// The ways out of the state.
pub const GET_AVAILABLE_TRANSITIONS: &str = "~/get_available_transitions";
/// All ways.
pub const GET_TRANSITION_GRAPH: &str = "~/get_transition_graph";
/// What a policy in another process shall answer.
pub const OBSERVATION: &str = "policy/observation";
/// Its answers.
pub const PREDICTION: &str = "policy/prediction";
/// What it is.
pub const POLICY_DESCRIPTION: &str = "policy/description";
/// A change of parameters.
pub const PARAMETER_EVENTS: &str = "/parameter_events";

/// Colour image of a camera.
pub fn image(camera: &str) -> String {
    format!("{camera}/image")
}

/// What the policy's networks saw in a view.
pub fn view_image(view: &str) -> String {
    format!("policy/{view}/image")
}

/// The heatmap that they put on it.
pub fn view_heat(view: &str) -> String {
    format!("policy/{view}/heat")
}

/// Depth image of a camera.
pub fn depth(camera: &str) -> String {
    format!("{camera}/depth")
}

/// Intrinsics of a camera.
pub fn camera_info(camera: &str) -> String {
    format!("{camera}/camera_info")
}

/// Pose of a camera, X_WC.
pub fn pose(camera: &str) -> String {
    format!("{camera}/pose")
}

/// Frame of a camera in the optical convention: x right, y down, z forward.
pub fn optical_frame(camera: &str) -> String {
    format!("{camera}_optical_frame")
}

/// Service or topic of which an action is made.
pub(crate) fn action_part(action: &str, part: &str) -> String {
    format!("{action}/_action/{part}")
}

pub(crate) fn joint_states_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

pub(crate) fn camera_qos() -> QosProfile {
    QosProfile::default().keep_last(2)
}

pub(crate) fn brain_events_qos() -> QosProfile {
    QosProfile::default().keep_last(100)
}

/// For those who come later, too.
pub(crate) fn latched_qos() -> QosProfile {
    QosProfile::default().keep_last(1).transient_local()
}

/// One waits at most, the newest.
pub(crate) fn observation_qos() -> QosProfile {
    QosProfile::default().keep_last(1)
}

/// Room for those of several policies: none of them may push out the one that counts.
pub(crate) fn prediction_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

/// What several policies have latched.
pub(crate) fn descriptions_in_qos() -> QosProfile {
    QosProfile::default().keep_last(10).transient_local()
}

pub(crate) fn diagnostics_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

pub(crate) fn transition_event_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

pub(crate) fn parameter_events_qos() -> QosProfile {
    QosProfile::parameter_events()
}

pub(crate) fn instruction_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

pub(crate) fn tf_qos() -> QosProfile {
    QosProfile::default().keep_last(100)
}

pub(crate) fn tf_static_qos() -> QosProfile {
    QosProfile::default().keep_last(1).transient_local()
}

pub(crate) fn feedback_qos() -> QosProfile {
    QosProfile::default().keep_last(10)
}

pub(crate) fn status_qos() -> QosProfile {
    QosProfile::default().keep_last(1).transient_local()
}

pub(crate) fn service_qos() -> QosProfile {
    QosProfile::services_default()
}
