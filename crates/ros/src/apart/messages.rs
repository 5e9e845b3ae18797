//! Observations and predictions to messages and back. Whatever a message holds, nothing breaks: it is refused in words.

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::{
    CameraView, Gripper, Instruction, Joints, KeyFrame, Nanos, Observation, PolicyError, Prediction, Progress,
    StageTimes,
};
use r2r::{
    builtin_interfaces::msg::{Duration, Time},
    geometry_msgs::msg::Point,
    neuraxis_msgs::msg::{CameraView as ViewMsg, Observation as ObservationMsg, Prediction as PredictionMsg},
};

use super::{AnswerRefusal, answers::Answer, policy::Said};
use crate::{RosError, cameras_in, conversions, conversions::refused, topics};

const OBSERVATION: &str = "neuraxis_msgs/Observation";
const PREDICTION: &str = "neuraxis_msgs/Prediction";
/// Cameras of one observation that are taken at most.
const MOST_CAMERAS: usize = 32;
/// So begins a reason that is about the words, which the policy answers never, whatever it sees.
const OF_WORDS: &str = "instruction refused: ";

/// An observation with what is to be done; its stamps stay empty, see [`set_stamp`].
pub(super) fn observation_to_msg(
    observation: &Observation,
    words: Option<&Instruction>,
    robot_session: u64,
    world_frame: &str,
) -> ObservationMsg {
    let no_stamp = Time::default();
    let view = |view: &CameraView| {
        let header = || conversions::header(&no_stamp, &topics::optical_frame(&view.name));
        ViewMsg {
            name: view.name.to_string(),
            info: conversions::intrinsics_to_msg(header(), &view.intrinsics),
            pose: conversions::pose_to_msg(&view.world_from_camera),
            image: conversions::rgb_to_msg(header(), view),
            depth: conversions::depth_to_msg(header(), view),
        }
    };
    ObservationMsg {
        header: conversions::header(&no_stamp, world_frame),
        robot_session,
        epoch: words.map_or(0, |words| words.epoch),
        seq: observation.seq,
        instruction: words.map_or_else(String::new, |words| words.text.to_string()),
        cameras: observation.cameras.iter().map(view).collect(),
        q: observation.q.iter().copied().collect(),
        tool: conversions::pose_to_msg(&observation.world_from_tool),
        gripper_width: observation.gripper_width_m,
        reached: conversions::pose_to_msg(&observation.progress.reached_world_from_tool),
        gripper_closed: observation.progress.gripper == Gripper::Closed,
        reached_count: observation.progress.reached_count,
    }
}

/// One stamp on all parts of an observation.
pub(super) fn set_stamp(msg: &mut ObservationMsg, stamp: &Time) {
    msg.header.stamp = stamp.clone();
    for view in &mut msg.cameras {
        for header in [&mut view.info.header, &mut view.image.header, &mut view.depth.header] {
            header.stamp = stamp.clone();
        }
    }
}

/// The observation; its stamp is that of the message, in nanoseconds since 1970. Refuses pictures that are not whole,
/// poses that are none, and numbers that are not finite.
pub(super) fn observation_from_msg(msg: &ObservationMsg) -> Result<Observation, RosError> {
    if msg.cameras.len() > MOST_CAMERAS {
        return Err(refused(OBSERVATION, format!("{} cameras, at most {MOST_CAMERAS} are taken", msg.cameras.len())));
    }
    let stamp = u64::try_from(conversions::stamp_nanos(&msg.header.stamp))
        .map_err(|_| refused(OBSERVATION, "the stamp lies before 1970".into()))?;
    let q = Joints::from_slice(&msg.q).filter(Joints::is_finite);
    let q = q.ok_or_else(|| refused(OBSERVATION, format!("{} joints: too many, or not finite", msg.q.len())))?;
    if !msg.gripper_width.is_finite() {
        return Err(refused(OBSERVATION, "the gripper's width is not finite".into()));
    }
    Ok(Observation {
        seq: msg.seq,
        stamp: Nanos(stamp),
        cameras: msg.cameras.iter().map(view_from_msg).collect::<Result<_, _>>()?,
        q,
        world_from_tool: conversions::pose_from_msg(&msg.tool)?,
        gripper_width_m: msg.gripper_width,
        progress: Progress {
            reached_world_from_tool: conversions::pose_from_msg(&msg.reached)?,
            gripper: gripper(msg.gripper_closed),
            reached_count: msg.reached_count,
        },
    })
}

fn view_from_msg(msg: &ViewMsg) -> Result<CameraView, RosError> {
    let picture = cameras_in::picture_from_msg(&msg.image)?;
    let depth = cameras_in::depth_from_msg(&msg.depth)?;
    let intrinsics = conversions::intrinsics_from_msg(&msg.info)?;
    let sizes = [(picture.width, picture.height), (depth.width, depth.height), (intrinsics.width, intrinsics.height)];
    if sizes.iter().any(|size| *size != sizes[0]) {
        let name = msg.name.chars().take(64).collect::<String>();
        return Err(refused(OBSERVATION, format!("camera {name:?}: picture, depth and calibration differ in size")));
    }
    Ok(CameraView {
        name: Arc::from(msg.name.as_str()),
        intrinsics,
        world_from_camera: conversions::pose_from_msg(&msg.pose)?,
        rgb: picture.rgb,
        depth_m: depth.metres,
    })
}

/// What a policy says to an observation: which, a key-frame with its gaze or why there is none, and for how long it holds.
pub(super) struct Reply<'a> {
    pub(super) policy_session: u64,
    pub(super) weights_hash: &'a str,
    pub(super) ttl_secs: f64,
    pub(super) held_secs: f64,
    pub(super) said: Said,
}

/// An answer to an observation.
pub(super) fn answer_to_msg(asked: &ObservationMsg, reply: Reply<'_>) -> PredictionMsg {
    let whole_secs = reply.ttl_secs.floor();
    let mut msg = PredictionMsg {
        header: asked.header.clone(),
        policy_session: reply.policy_session,
        robot_session: asked.robot_session,
        epoch: asked.epoch,
        seq: asked.seq,
        weights_hash: reply.weights_hash.into(),
        ttl: Duration { sec: whole_secs as i32, nanosec: ((reply.ttl_secs - whole_secs) * 1e9) as u32 },
        held_secs: reply.held_secs,
        ..PredictionMsg::default()
    };
    match reply.said {
        Ok((prediction, gaze)) => {
            let Prediction { keyframe, confidence, times, .. } = prediction;
            msg.tool = conversions::pose_to_msg(&keyframe.world_from_tool);
            msg.gripper_closed = keyframe.gripper == Gripper::Closed;
            msg.ignore_collisions = keyframe.ignore_collisions;
            msg.confidence = confidence;
            let StageTimes {
                render_secs,
                host_to_device_secs,
                coarse_secs,
                fine_secs,
                device_to_host_secs,
                total_secs,
            } = times;
            (msg.render_secs, msg.host_to_device_secs, msg.coarse_secs) =
                (render_secs, host_to_device_secs, coarse_secs);
            (msg.fine_secs, msg.device_to_host_secs, msg.total_secs) = (fine_secs, device_to_host_secs, total_secs);
            msg.gaze = gaze.into_iter().flatten().map(|p| Point { x: p.x, y: p.y, z: p.z }).collect();
        }
        // The sentence itself, which may be long, is in the observation.
        Err(PolicyError::Instruction { reason, .. }) => msg.refused = format!("{OF_WORDS}{reason}"),
        // Never empty, which would say that there is a key-frame.
        Err(error) => msg.refused = error.to_string(),
    }
    msg
}

/// Why the policy has no key-frame, if it says so.
pub(super) fn refusal_in(msg: &PredictionMsg) -> Option<AnswerRefusal> {
    let cut = |text: &str| -> String { text.chars().take(200).collect() };
    match msg.refused.strip_prefix(OF_WORDS) {
        Some(reason) => Some(AnswerRefusal::Words(cut(reason))),
        None => (!msg.refused.is_empty()).then(|| AnswerRefusal::NoAnswer(cut(&msg.refused))),
    }
}

/// The prediction, as made from what was captured then by the robot's clock. Refuses poses that are none, and numbers
/// that are not finite or out of their range.
pub(super) fn answer_from_msg(msg: &PredictionMsg, captured: Nanos) -> Result<Answer, RosError> {
    if !(0.0..=1.0).contains(&msg.confidence) {
        return Err(refused(PREDICTION, format!("confidence is {}, allowed is 0 to 1", msg.confidence)));
    }
    let times = StageTimes {
        render_secs: msg.render_secs,
        host_to_device_secs: msg.host_to_device_secs,
        coarse_secs: msg.coarse_secs,
        fine_secs: msg.fine_secs,
        device_to_host_secs: msg.device_to_host_secs,
        total_secs: msg.total_secs,
    };
    let seconds = [
        msg.render_secs,
        msg.host_to_device_secs,
        msg.coarse_secs,
        msg.fine_secs,
        msg.device_to_host_secs,
        msg.total_secs,
    ];
    if !seconds.iter().all(|secs| secs.is_finite()) {
        return Err(refused(PREDICTION, "a time is not finite".into()));
    }
    let gaze = match &msg.gaze[..] {
        [] => None,
        [from, at] => Some([from, at].map(|p| Vector3::new(p.x, p.y, p.z))),
        more => return Err(refused(PREDICTION, format!("gaze has {} points, allowed are 0 or 2", more.len()))),
    };
    if gaze.is_some_and(|points| !points.iter().flatten().all(|x| x.is_finite())) {
        return Err(refused(PREDICTION, "gaze is not finite".into()));
    }
    let keyframe = KeyFrame {
        world_from_tool: conversions::pose_from_msg(&msg.tool)?,
        gripper: gripper(msg.gripper_closed),
        ignore_collisions: msg.ignore_collisions,
    };
    let prediction = Prediction {
        seq: msg.seq,
        epoch: msg.epoch,
        observed_at: captured,
        keyframe,
        confidence: msg.confidence,
        times,
        path: None,
    };
    Ok(Answer { prediction, gaze })
}

/// A prediction, to be shown; `Err`: why there is none.
pub(crate) fn prediction_from_msg(msg: &PredictionMsg, captured: Nanos) -> Result<Prediction, String> {
    if !msg.refused.is_empty() {
        return Err(format!("the policy has no answer: {}", msg.refused.chars().take(200).collect::<String>()));
    }
    answer_from_msg(msg, captured).map(|answer| answer.prediction).map_err(|error| error.to_string())
}

fn gripper(is_closed: bool) -> Gripper {
    if is_closed { Gripper::Closed } else { Gripper::Open }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
