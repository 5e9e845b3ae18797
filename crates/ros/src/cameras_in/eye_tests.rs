//! What makes a view, and what does not.

use std::time::Duration;

use nalgebra::{UnitQuaternion, Vector3};
use r2r::builtin_interfaces::msg::Time;

use super::*;

const START: u64 = 1_700_000_000;
const PX: u32 = 2;

fn eye(change: impl FnOnce(&mut CameraConfig)) -> Eye {
    let mut camera: CameraConfig =
        serde_yaml::from_str("{ name: front, colour: /c, depth: /d, info: /i, pose: /p }").unwrap();
    change(&mut camera);
    let all = CamerasConfig { cameras: vec![camera.clone()], ..Default::default() };
    all.validate().unwrap();
    Eye::new(&camera, &all)
}

fn moment(ms: u64) -> Moment {
    let ros = Duration::from_secs(START) + Duration::from_millis(ms);
    Moment { ours: Nanos::from_millis(10_000 + ms), ros, leapt_secs: None }
}

fn header(ms: u64, frame: &str) -> Header {
    let stamp = Time { sec: START as i32, nanosec: ms as u32 * 1_000_000 };
    Header { stamp, frame_id: frame.into() }
}

fn colour(ms: u64) -> Image {
    let data = vec![ms as u8; (3 * PX * PX) as usize];
    Image {
        header: header(ms, "f"),
        width: PX,
        height: PX,
        encoding: "rgb8".into(),
        step: 3 * PX,
        data,
        ..Default::default()
    }
}

fn depth(ms: u64) -> Image {
    let data = 1.5_f32.to_le_bytes().repeat((PX * PX) as usize);
    Image {
        header: header(ms, "f"),
        width: PX,
        height: PX,
        encoding: "32FC1".into(),
        step: 4 * PX,
        data,
        ..Default::default()
    }
}

fn info(ms: u64) -> CameraInfo {
    let intrinsics = Intrinsics { width: PX, height: PX, fx: 2.0, fy: 2.0, cx: 0.5, cy: 0.5 };
    conversions::intrinsics_to_msg(header(ms, "f"), &intrinsics)
}

fn pose(ms: u64, x: f64) -> PoseStamped {
    let pose = Pose::<World, Camera>::from_parts(Vector3::new(x, 0.0, 1.0), UnitQuaternion::identity());
    PoseStamped { header: header(ms, "world"), pose: conversions::pose_to_msg(&pose) }
}

fn nowhere(_: Nanos) -> Option<Pose<World, Tool>> {
    None
}

#[test]
fn colour_depth_calibration_and_pose_of_one_moment_make_a_view() {
    let mut eye = eye(|_| ());
    eye.take_info(&info(0), &moment(50)).unwrap();
    for ms in [10, 40] {
        eye.take_colour(&colour(ms), &moment(50)).unwrap();
        eye.take_depth(&depth(ms + 5), &moment(50)).unwrap();
        eye.take_pose(&pose(ms + 1, f64::from(ms as u32)), &moment(50)).unwrap();
    }
    let (at, view) = eye.assemble(&moment(50), nowhere).unwrap().unwrap();
    assert_eq!(at, i128::from(START) * 1_000_000_000 + 40_000_000);
    assert_eq!((view.rgb[0], view.depth_m[0], view.world_from_camera.position().x), (40, 1.5, 40.0));
    // What came before it is gone, and counted.
    assert!(eye.assemble(&moment(50), nowhere).is_none());
    let tally = eye.tally().with_sets(1, Default::default());
    assert_eq!((tally.pictures, tally.views, tally.dropped.passed_over, tally.depths_unused), (2, 1, 1, 1));
    assert_eq!(tally.unaccounted(), 0, "{tally:?}");
}

#[test]
fn a_camera_on_the_tool_is_where_the_tool_was() {
    let on_tool = |camera: &mut CameraConfig| {
        camera.pose = None;
        let quaternion_xyzw = [0.0, 0.0, 0.0, 1.0];
        camera.tool_from_camera = Some(super::super::PoseConfig { xyz_m: [0.0, 0.0, 0.1], quaternion_xyzw });
    };
    let mut eye = eye(on_tool);
    eye.take_info(&info(0), &moment(50)).unwrap();
    eye.take_colour(&colour(30), &moment(50)).unwrap();
    eye.take_depth(&depth(30), &moment(50)).unwrap();
    // Not known yet: it waits.
    assert!(eye.assemble(&moment(50), nowhere).is_none());
    let tool_at = |at: Nanos| {
        assert_eq!(at, Nanos::from_millis(10_030));
        Some(Pose::from_parts(Vector3::new(1.0, 2.0, 3.0), UnitQuaternion::identity()))
    };
    let (_, view) = eye.assemble(&moment(50), tool_at).unwrap().unwrap();
    assert_eq!(view.world_from_camera.position(), Vector3::new(1.0, 2.0, 3.1));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason() {
    let mut eye = eye(|camera| camera.frame = Some("f".into()));
    let now = moment(400);
    eye.take_colour(&colour(390), &now).unwrap();
    let mut other_frame = depth(395);
    other_frame.header.frame_id = "depth_optical".into();
    let mut mono = colour(396);
    mono.encoding = "mono8".into();
    let mut nan = info(0);
    nan.k[0] = f64::NAN;
    let mut other_world = pose(395, 0.0);
    other_world.header.frame_id = "map".into();
    for (refusal, part) in [
        (eye.take_colour(&colour(390), &now), "colour stands still"),
        (eye.take_colour(&colour(380), &now), "went back by 0.010 s"),
        (eye.take_depth(&depth(50), &now), "depth is 0.350 s old, allowed is 0.3 s"),
        (eye.take_depth(&depth(450), &now), "0.050 s ahead"),
        (eye.take_depth(&other_frame, &now), "depth is in frame \"depth_optical\", needed is \"f\""),
        (eye.take_colour(&mono, &now), "encoding is \"mono8\""),
        (eye.take_info(&nan, &now), "fx NaN"),
        (eye.take_pose(&other_world, &now), "pose is in frame \"map\", needed is \"world\""),
    ] {
        let text = refusal.unwrap_err().to_string();
        assert!(text.contains(part), "{text} does not say {part}");
    }
    let tally = eye.tally();
    assert_eq!((tally.pictures, tally.dropped.refused, tally.waiting), (4, 3, 1), "{tally:?}");
    assert_eq!((tally.depths, tally.depths_unused, tally.unaccounted()), (3, 3, 0), "{tally:?}");
}

#[test]
fn depth_that_is_not_registered_to_colour_is_refused() {
    for (change, part) in [
        (|d: &mut Image| (d.width, d.step) = (1, 8), "depth is 1 x 2, colour is 2 x 2: register it"),
        (|d: &mut Image| d.header.frame_id = "infra".into(), "depth is in frame \"infra\", needed is \"f\""),
    ] as [(fn(&mut Image), &str); 2]
    {
        let mut eye = eye(|_| ());
        eye.take_info(&info(0), &moment(50)).unwrap();
        eye.take_pose(&pose(10, 0.0), &moment(20)).unwrap();
        eye.take_colour(&colour(10), &moment(20)).unwrap();
        let mut other = depth(10);
        change(&mut other);
        eye.take_depth(&other, &moment(20)).unwrap();
        let text = eye.assemble(&moment(20), nowhere).unwrap().unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn pictures_without_depth_of_their_moment_are_told_after_a_while() {
    let mut eye = eye(|_| ());
    let mut refusals = Vec::new();
    for k in 0..8 {
        let ms = 66 * k;
        eye.take_info(&info(ms), &moment(ms)).unwrap();
        eye.take_pose(&pose(ms, 0.0), &moment(ms)).unwrap();
        refusals.extend(eye.take_colour(&colour(ms), &moment(ms)).err());
        // Half a period away from every picture.
        eye.take_depth(&depth(ms + 33), &moment(ms + 33)).unwrap();
        assert!(eye.assemble(&moment(ms + 33), nowhere).is_none());
    }
    assert_eq!(refusals.len(), 4);
    let tally = eye.tally();
    assert_eq!((tally.pictures, tally.dropped.unpaired, tally.waiting, tally.unaccounted()), (8, 4, 4, 0), "{tally:?}");
    assert_eq!(refusals[0].to_string(), "no depth within 0.02 s of colour");
}

#[test]
fn rectified_pictures_have_the_intrinsics_of_p_whatever_the_lens_did() {
    let mut eye = eye(|camera| camera.rectified = true);
    let mut bent = info(0);
    (bent.d[0], bent.k[0], bent.p[0]) = (0.2, 9.0, 3.0);
    eye.take_info(&bent, &moment(50)).unwrap();
    assert_eq!(eye.info.as_ref().unwrap().0.fx, 3.0);
    bent.p[3] = -0.1;
    assert!(eye.take_info(&bent, &moment(50)).unwrap_err().to_string().contains("baseline"));
}

#[test]
fn a_camera_on_the_hand_is_where_the_tool_was_and_tf_says_it_sits() {
    use r2r::geometry_msgs::msg::{Quaternion, Transform, TransformStamped, Vector3 as VectorMsg};

    let mut camera: CameraConfig = serde_yaml::from_str(
        "{ name: wrist, colour: /c, depth: /d, info: /i, tf: { camera_frame: c, hand_frame: h } }",
    )
    .unwrap();
    camera.frame = None;
    let all = CamerasConfig { cameras: vec![camera.clone()], hand_from_tool_z_m: 0.1, ..Default::default() };
    all.validate().unwrap();
    let mut eye = Eye::new(&camera, &all);
    let tool_at = |_| Some(Pose::from_parts(Vector3::new(1.0, 2.0, 3.0), UnitQuaternion::identity()));
    let see = |eye: &mut Eye, ms: u64| {
        eye.take_info(&info(ms), &moment(ms)).unwrap();
        eye.take_colour(&colour(ms), &moment(ms)).unwrap();
        eye.take_depth(&depth(ms), &moment(ms)).unwrap();
    };
    let mut transforms = Transforms::default();
    see(&mut eye, 10);
    eye.sit(&transforms, &moment(10), 1_000_000_000);
    let refused = eye.assemble(&moment(10), tool_at).unwrap().unwrap_err().to_string();
    assert_eq!(refused, "no transform from \"h\" to \"c\": the chain ends at \"c\"");

    let translation = VectorMsg { x: 0.05, y: 0.0, z: 0.02 };
    let transform = Transform { translation, rotation: Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 1.0 } };
    let told = TransformStamped { header: header(0, "h"), child_frame_id: "c".into(), transform };
    transforms.take(&told, true, &moment(0)).unwrap();
    see(&mut eye, 40);
    eye.sit(&transforms, &moment(40), 1_000_000_000);
    // Not known yet where the tool was: it waits.
    assert!(eye.assemble(&moment(40), nowhere).is_none());
    let (_, view) = eye.assemble(&moment(40), tool_at).unwrap().unwrap();
    // From the tool back to the hand, and on to the camera.
    assert!((view.world_from_camera.position() - Vector3::new(1.05, 2.0, 2.92)).norm() < 1e-12);
    let tally = eye.tally().with_sets(1, Default::default());
    assert_eq!((tally.dropped.unfit, tally.unaccounted()), (1, 0), "{tally:?}");
}

#[test]
fn one_stamp_from_the_future_spoils_no_count() {
    let mut eye = eye(|_| ());
    // Of thirty pictures and their calibrations one picture does not come, and one of each lies years ahead.
    for k in 0..30_u64 {
        let (ms, now) = (33 * k, moment(33 * k));
        if k == 12 {
            let (mut picture, mut calibration) = (colour(ms), info(ms));
            (picture.header.stamp.sec, calibration.header.stamp.sec) = (i32::MAX, i32::MAX);
            assert!(matches!(eye.take_colour(&picture, &now), Err(ViewRefusal::Ahead { .. })));
            eye.take_info(&calibration, &now).unwrap();
        }
        eye.take_info(&info(ms), &now).unwrap();
        if k != 20 {
            // It has no depth, and is refused for it after a while.
            let _ = eye.take_colour(&colour(ms), &now);
        }
    }
    assert_eq!((eye.rhythm.missing(), eye.foretold.missing()), (1, 1));
}
