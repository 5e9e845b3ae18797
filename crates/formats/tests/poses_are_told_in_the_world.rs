//! Poses of a bag in whatever frames they were recorded: all are told in one world, by tf, or refused.

#[path = "../../episode/tests/packed/mod.rs"]
mod packed;

use std::{
    fs,
    path::{Path, PathBuf},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Base, Joints, Nanos, Pose, Tool, World};
use neuraxis_episode::{Recorded, cdr::Encoder};
use neuraxis_formats::rosbag::{Bag, Options};
use packed::{MAGIC, channel, chunk, end, message, schema};

const NOW: Nanos = Nanos::from_millis(1000);

fn encoded(fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut data = Encoder::new(Vec::new());
    fill(&mut data);
    data.finish()
}

/// Upright, at a place [m].
fn pose(data: &mut Encoder, xyz: [f64; 3]) {
    xyz.into_iter().chain([0.0, 0.0, 0.0, 1.0]).for_each(|x| data.f64(x));
}

/// The base, 0.75 m above the world.
fn tf() -> Vec<u8> {
    encoded(|data| {
        data.u32(1);
        data.header(NOW, "world");
        data.string("arm_base");
        pose(data, [0.0, 0.0, 0.75]);
    })
}

fn joints() -> Vec<u8> {
    encoded(|data| {
        data.header(NOW, "");
        data.u32(1);
        data.string("j1");
        [&[0.4][..], &[], &[]].iter().for_each(|values| data.f64s(values));
    })
}

fn stamped(frame: &str, xyz: [f64; 3]) -> Vec<u8> {
    encoded(|data| {
        data.header(NOW, frame);
        pose(data, xyz);
    })
}

/// One red pixel.
fn image() -> Vec<u8> {
    encoded(|data| {
        data.header(NOW, "eye_optical");
        data.u32(1);
        data.u32(1);
        data.string("rgb8");
        data.u8(0);
        data.u32(3);
        data.bytes(&[255, 0, 0]);
    })
}

/// A bag with a message on each of these topics.
fn bag(dir: &Path, topics: &[(&str, &str, Vec<u8>)]) -> PathBuf {
    let record = |(id, (topic, kind, data)): (u16, &(&str, &str, Vec<u8>))| {
        [schema(id, kind, 1), channel(id, id, topic), message(id, data)].concat()
    };
    let records: Vec<u8> = (1..).zip(topics).flat_map(record).collect();
    let path = dir.join("bag.mcap");
    fs::write(&path, [MAGIC, &chunk(&records), &end()].concat()).unwrap();
    path
}

const TF: &str = "tf2_msgs/msg/TFMessage";
const JOINTS: &str = "sensor_msgs/msg/JointState";
const POSE: &str = "geometry_msgs/msg/PoseStamped";

fn tool(bag: &Bag) -> Vector3<f64> {
    bag.moments()[0].world_from_tool.unwrap().position()
}

#[test]
fn the_arm_stands_where_tf_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = bag(dir.path(), &[("/tf_static", TF, tf()), ("/joint_states", JOINTS, joints())]);
    let configured: Pose<World, Base> = Pose::from_parts(Vector3::new(-9.0, 0.0, 0.0), UnitQuaternion::identity());
    let reach =
        |q: &Joints| -> Pose<Base, Tool> { Pose::from_parts(Vector3::new(q[0], 0.5, 0.0), UnitQuaternion::identity()) };
    let complete = |base: &str| {
        let mut bag = Bag::open(&path, &Options::default()).unwrap();
        bag.complete(base, configured, reach);
        bag
    };
    let known = complete("arm_base");
    assert!((tool(&known) - Vector3::new(0.4, 0.5, 0.75)).norm() < 1e-12, "{}", tool(&known));
    let base = known.about().world_from_base.unwrap().position();
    assert!((base.z - 0.75).abs() < 1e-12 && known.about().notes.is_empty(), "{:?}", known.about());
    // A frame that tf does not know: as configured, and that is said.
    let assumed = complete("fr3_link0");
    assert!((tool(&assumed) - Vector3::new(-8.6, 0.5, 0.0)).norm() < 1e-12, "{}", tool(&assumed));
    assert_eq!(assumed.about().world_from_base, None);
    let note = &assumed.about().notes[0];
    assert!(note.starts_with("tf does not say where \"fr3_link0\" is in \"world\""), "{note}");
}

#[test]
fn poses_on_topics_are_in_the_frame_that_they_name() {
    let dir = tempfile::tempdir().unwrap();
    let open = |frame: &str| {
        let topics = [
            ("/tf_static", TF, tf()),
            ("/image", "sensor_msgs/msg/Image", image()),
            ("/eye", POSE, stamped(frame, [0.0, 0.0, 1.0])),
            ("/tool", POSE, stamped(frame, [0.3, 0.0, 0.2])),
        ];
        let camera = "front=/image,,,/eye".parse().unwrap();
        let options = Options { cameras: vec![camera], tool_pose: Some("/tool".into()), ..Options::default() };
        Bag::open(&bag(dir.path(), &topics), &options)
    };
    for (frame, base_z_m) in [("arm_base", 0.75), ("world", 0.0), ("", 0.0)] {
        let bag = open(frame).unwrap();
        assert!((tool(&bag) - Vector3::new(0.3, 0.0, 0.2 + base_z_m)).norm() < 1e-12, "{frame}: {}", tool(&bag));
        let (_, pictures) = bag.pictures(&[0]).next().unwrap().unwrap();
        let eye = pictures[0].world_from_camera.unwrap().position();
        assert!((eye - Vector3::new(0.0, 0.0, 1.0 + base_z_m)).norm() < 1e-12, "{frame}: {eye}");
        assert!(bag.about().notes.is_empty(), "{:?}", bag.about().notes);
    }
    let error = open("elsewhere").err().unwrap().to_string();
    let said = "/tool: poses are in frame \"elsewhere\", and tf does not say where that is in \"world\"";
    assert!(error.ends_with(said), "{error}");
}

#[test]
fn without_tf_the_world_is_the_frame_of_the_poses() {
    let dir = tempfile::tempdir().unwrap();
    let topics = [("/joint_states", JOINTS, joints()), ("/tool", POSE, stamped("arm_base", [0.3, 0.0, 0.2]))];
    let path = bag(dir.path(), &topics);
    let options = Options { tool_pose: Some("/tool".into()), ..Options::default() };
    let alone = Bag::open(&path, &options).unwrap();
    assert_eq!(tool(&alone), Vector3::new(0.3, 0.0, 0.2));
    assert!(alone.about().notes[0].ends_with("poses are in that of /tool, \"arm_base\""), "{:?}", alone.about().notes);
    let named = Bag::open(&path, &Options { world: Some("arm_base".into()), ..options }).unwrap();
    assert!(named.about().notes.is_empty(), "{:?}", named.about().notes);
}
