//! Names of everything in the viewer.

pub(crate) const TIMELINE: &str = "t";
pub(crate) const CLOUD: &str = "/world/cloud";
pub(crate) const TOOL: &str = "/world/tool";
pub(crate) const TOOL_PATH: &str = "/world/tool_path";
pub(crate) const KEYFRAME: &str = "/world/keyframe";
pub(crate) const KEYFRAME_LABEL: &str = "/world/keyframe/label";
pub(crate) const KEYFRAME_TRAIL: &str = "/world/keyframe_trail";
pub(crate) const KEYFRAME_LINK: &str = "/world/keyframe_link";
/// The answer of other weights, and a line from the recorded one to it.
pub(crate) const OTHER: &str = "/world/other_keyframe";
pub(crate) const OTHER_LABEL: &str = "/world/other_keyframe/label";
pub(crate) const OTHER_LINK: &str = "/world/other_link";
pub(crate) const GAZE_RAY: &str = "/world/gaze/ray";
pub(crate) const GAZE_POINT: &str = "/world/gaze/point";
/// Joint transforms, by frame name.
pub(crate) const TRANSFORMS: &str = "/transforms";
pub(crate) const JOINTS: &str = "/plots/joints";
pub(crate) const MEASURED: &str = "/plots/joints/measured";
pub(crate) const COMMANDED: &str = "/plots/joints/commanded";
pub(crate) const TRACKING: &str = "/plots/tracking";
/// Of the joint that is furthest off.
pub(crate) const TRACKING_WORST: &str = "/plots/tracking_worst";
pub(crate) const TOOL_HEIGHT: &str = "/plots/tool_height";
/// Between two policies' key-frames.
pub(crate) const APART: &str = "/plots/apart";
pub(crate) const TURNED: &str = "/plots/turned";
pub(crate) const COMPARED: &str = "/compared";
pub(crate) const GRIPPER: &str = "/plots/gripper";
pub(crate) const WIDTH: &str = "/plots/gripper/measured";
pub(crate) const WIDTH_COMMANDED: &str = "/plots/gripper/commanded";
pub(crate) const POLICY_TIMING: &str = "/plots/policy";
pub(crate) const LOOP_TIMING: &str = "/plots/loop";
pub(crate) const CONFIDENCE: &str = "/plots/confidence";
pub(crate) const THINGS: &str = "/world/things";
pub(crate) const BRAIN_TREE: &str = "/brain/tree";
pub(crate) const BRAIN_FACTS: &str = "/brain/facts";
pub(crate) const BRAIN_COSTS: &str = "/brain/costs";
pub(crate) const BRAIN_MONITORS: &str = "/brain/monitors";
pub(crate) const PHASE: &str = "/phase";
pub(crate) const INSTRUCTION: &str = "/instruction";
pub(crate) const LOG: &str = "/log";

pub(crate) fn camera(name: &str) -> String {
    format!("/world/cameras/{name}")
}

pub(crate) fn rgb(name: &str) -> String {
    format!("/world/cameras/{name}/rgb")
}

pub(crate) fn depth(name: &str) -> String {
    format!("/world/cameras/{name}/depth")
}

pub(crate) fn other_view(name: &str) -> String {
    format!("/other_views/{name}")
}

pub(crate) fn virtual_view(name: &str) -> String {
    format!("/views/{name}")
}
