//! What goes out comes back, and what cannot be meant is refused.

use nalgebra::UnitQuaternion;
use neuraxis_core::{Intrinsics, Pose, Tool, World};

use super::*;

fn observation() -> Observation {
    let pose = |x: f64| -> Pose<World, Tool> {
        Pose::from_parts(Vector3::new(x, -0.2, 0.9), UnitQuaternion::from_euler_angles(0.3, x, -0.1))
    };
    let view = |name: &str| CameraView {
        name: Arc::from(name),
        intrinsics: Intrinsics { width: 3, height: 2, fx: 4.0, fy: 5.0, cx: 1.0, cy: 0.5 },
        world_from_camera: Pose::from_parts(Vector3::new(1.0, 2.0, 3.0), UnitQuaternion::identity()),
        rgb: (0..18).collect(),
        depth_m: vec![0.5, 1.0, 1.5, 0.0, 2.5, 3.0],
    };
    Observation {
        seq: 7,
        stamp: Nanos(1_700_000_000_123_456_789),
        cameras: vec![view("front"), view("wrist")],
        q: Joints::from_slice(&[0.1, -0.2, 0.3]).unwrap(),
        world_from_tool: pose(0.1),
        gripper_width_m: 0.06,
        progress: Progress { reached_world_from_tool: pose(0.2), gripper: Gripper::Closed, reached_count: 3 },
    }
}

fn message() -> ObservationMsg {
    let words = Instruction { text: "push the red button".into(), epoch: 4, features: None };
    let mut msg = observation_to_msg(&observation(), Some(&words), 9, "world");
    set_stamp(&mut msg, &Time { sec: 1_700_000_000, nanosec: 123_456_789 });
    msg
}

#[test]
fn an_observation_comes_back_and_all_its_parts_have_one_stamp() {
    let msg = message();
    assert_eq!((msg.robot_session, msg.epoch, msg.instruction.as_str()), (9, 4, "push the red button"));
    assert!(msg.cameras.iter().all(|view| view.image.header.stamp == msg.header.stamp));
    let (here, there) = (observation(), observation_from_msg(&msg).unwrap());
    assert_eq!((here.seq, here.stamp, here.q, &here.cameras), (there.seq, there.stamp, there.q, &there.cameras));
    assert_eq!((here.gripper_width_m, here.progress.gripper), (there.gripper_width_m, there.progress.gripper));
    assert!(here.world_from_tool.distance(&there.world_from_tool).0 < 1e-12);
    let reached = |observation: &Observation| observation.progress.reached_world_from_tool;
    assert!(reached(&here).distance(&reached(&there)).1 < 1e-6);
}

#[test]
fn observations_that_are_not_whole_are_refused_in_words() {
    type Change = fn(&mut ObservationMsg);
    let changes: [(Change, &str); 8] = [
        (|msg| msg.cameras[1].image.data.truncate(5), "bytes do not agree"),
        (|msg| (msg.cameras[0].info.width, msg.cameras[0].info.height) = (2, 3), "differ in size"),
        (|msg| msg.cameras[0].depth.encoding = "mono8".into(), "encoding"),
        (|msg| msg.cameras[0].info.k[0] = f64::NAN, "not a camera"),
        (|msg| msg.q[1] = f64::NAN, "not finite"),
        (|msg| msg.q = vec![0.0; 99], "99 joints"),
        (|msg| msg.tool.orientation.w = 5.0, "length is"),
        (|msg| msg.header.stamp.sec = -5, "before 1970"),
    ];
    for (change, why) in changes {
        let mut msg = message();
        change(&mut msg);
        let error = observation_from_msg(&msg).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_reason_is_never_empty_and_a_time_to_live_is_exact() {
    let reply = |said, ttl_secs| Reply { policy_session: 1, weights_hash: "w", ttl_secs, held_secs: 0.0, said };
    let msg = answer_to_msg(&message(), reply(Err(PolicyError::Answer(String::new())), 1.25));
    assert_eq!((msg.refused.as_str(), msg.ttl.sec, msg.ttl.nanosec), ("answer refused: ", 1, 250_000_000));
    assert_eq!((msg.robot_session, msg.epoch, msg.seq), (9, 4, 7));
}
