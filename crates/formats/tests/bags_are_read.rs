//! Bags of ROS 2 as `rosbags` writes them (tests/data/make_bags.py), and bags with something wrong in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nalgebra::Vector3;
use neuraxis_core::{Gripper, Nanos};
use neuraxis_episode::{
    Body, EpisodeReader, Glance, Info, OwnRecording, Recorded, check_for_training, keyframes, save,
};
use neuraxis_formats::rosbag::{Bag, Options};
use serde_json::json;

const START: u64 = 1_700_000_000_000_000_000;
const SIZE: [u32; 2] = [16, 10];
const FRAMES: usize = 6;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn options() -> Options {
    let hand = "hand=/hand/rgb/compressed,/hand/aligned_depth,/front/camera_info";
    let front = "front=/front/image,/front/depth,/front/camera_info";
    Options { cameras: vec![front.parse().unwrap(), hand.parse().unwrap()], ..Options::default() }
}

/// As in make_bags.py.
fn colours(t: u32) -> Vec<u8> {
    let pixel = |(y, x): (u32, u32)| [(7 * x + t) % 256, (5 * y) % 256, (x * y + 3 * t) % 256].map(|c| c as u8);
    (0..SIZE[1]).flat_map(|y| (0..SIZE[0]).map(move |x| (y, x))).flat_map(pixel).collect()
}

fn depth_m(t: u32) -> Vec<f32> {
    let metres = |(y, x): (u32, u32)| (500 + 10 * x + 7 * y + t) as f32 / 1000.0;
    (0..SIZE[1]).flat_map(|y| (0..SIZE[0]).map(move |x| (y, x))).map(metres).collect()
}

/// A copy that may be broken.
fn copy(name: &str, to: &Path) -> PathBuf {
    let folder = to.join(name);
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(data(name)).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

#[test]
fn both_storages_hold_the_same_episode() {
    let all: Vec<usize> = (0..FRAMES).collect();
    for path in ["bag_mcap", "bag_mcap/bag_mcap.mcap", "bag_sqlite3", "bag_sqlite3/bag_sqlite3.db3"] {
        let bag = Bag::open(&data(path), &options()).unwrap();
        let about = bag.about();
        assert_eq!(about.instruction.as_deref(), Some("lift the cup"));
        assert_eq!(about.joint_names, ["arm_1", "arm_2", "arm_3", "arm_4", "arm_5", "arm_6"]);
        assert_eq!(about.gripper_joint_names, ["left_finger", "right_finger"]);
        assert_eq!((about.cameras.join(" "), about.notes.len()), ("front hand".to_string(), 0));
        assert_eq!(bag.moments().len(), FRAMES);
        for (t, moment) in bag.moments().iter().enumerate() {
            assert_eq!(moment.stamp, Nanos(START + 50_000_000 * t as u64));
            let q = moment.q.unwrap();
            assert!(q.len() == 6 && (q[3] - (0.3 + 0.01 * t as f64)).abs() < 1e-12);
            assert_eq!((moment.qd.map(|qd| qd[5]), moment.tau_nm), (Some(0.2), None));
            assert_eq!(moment.gripper, Some(if t < 4 { Gripper::Open } else { Gripper::Closed }));
            // The base looks down from 1 m: its z and y are turned.
            let tool = moment.world_from_tool.unwrap().position();
            assert!((tool - Vector3::new(0.4, -0.01 * t as f64, 0.8)).norm() < 1e-9, "{tool}");
        }
        assert_eq!(keyframes(bag.moments()), [4, 5][1..], "the change is just before the end");
        let mut seen = 0;
        for (t, pictures) in bag.pictures(&all).map(Result::unwrap) {
            assert_eq!(t, seen);
            seen += 1;
            assert_eq!(check_for_training(&bag, &pictures), Ok(()));
            let [front, hand] = &pictures[..] else { panic!("{}", pictures.len()) };
            assert_eq!((front.size, hand.size), (SIZE, SIZE));
            assert!(front.rgb == colours(t as u32) && hand.rgb == colours(t as u32 + 100), "{t}");
            for picture in [front, hand] {
                assert!(
                    picture.depth_m.as_ref().unwrap().iter().zip(depth_m(t as u32)).all(|(a, b)| (a - b).abs() < 1e-6)
                );
                assert_eq!(picture.intrinsics.map(|i| (i.fx, i.fy, i.cx)), Some((20.0, 21.0, 5.5)));
            }
            assert_eq!(front.world_from_camera.unwrap().position(), Vector3::new(0.3, 0.0, 1.4));
            // On the hand: 0.1 m behind the tool, which is turned back to the world's axes.
            let eye = hand.world_from_camera.unwrap().position();
            assert!((eye - Vector3::new(0.4, -0.01 * t as f64, 0.7)).norm() < 1e-9, "{eye}");
        }
        assert_eq!(seen, FRAMES);
        // Only what is asked for.
        assert_eq!(bag.pictures(&[1, 4]).map(|found| found.unwrap().0).collect::<Vec<_>>(), [1, 4]);
    }
}

#[test]
fn a_bag_becomes_a_recording_of_ours_and_is_a_bag_itself() {
    let dir = tempfile::tempdir().unwrap();
    let bag = Bag::open(&data("bag_mcap"), &options()).unwrap();
    let out = dir.path().join("bag.mcap");
    let body = Body::without_shape(bag.about());
    assert_eq!(save(&bag, &body, &json!({}), &out, false).unwrap(), FRAMES);
    assert!(save(&bag, &body, &json!({}), &out, false).is_err(), "it exists");
    let reader = EpisodeReader::open(&out).unwrap();
    let info = Info::of(&reader);
    assert_eq!((Glance::of(&reader).cameras(), info.ends.as_str()), (vec!["front".into(), "hand".into()], "complete"));
    assert_eq!(info.instructions[0].1, "lift the cup");
    // As ours, and as a bag whose topics have our names.
    let own = OwnRecording::new(EpisodeReader::open(&out).unwrap()).unwrap();
    let again = Bag::open(&out, &Options::default()).unwrap();
    let all: Vec<usize> = (0..FRAMES).collect();
    for episode in [&own as &dyn Recorded, &again] {
        assert_eq!(episode.about().cameras, ["front", "hand"]);
        assert_eq!(episode.about().joint_names, bag.about().joint_names);
        assert_eq!(episode.moments().len(), FRAMES);
        for (found, wrote) in episode.pictures(&all).zip(bag.pictures(&all)) {
            let ((t, found), (_, wrote)) = (found.unwrap(), wrote.unwrap());
            for (found, wrote) in found.iter().zip(&wrote) {
                assert!(
                    found.rgb == wrote.rgb && found.depth_m == wrote.depth_m && found.intrinsics == wrote.intrinsics
                );
            }
            let (found, wrote) = (&episode.moments()[t], &bag.moments()[t]);
            assert_eq!(
                (found.stamp, found.q, found.qd, found.gripper),
                (wrote.stamp, wrote.q, wrote.qd, wrote.gripper)
            );
            let (metres, _) = found.world_from_tool.unwrap().distance(&wrote.world_from_tool.unwrap());
            assert!(metres < 1e-12);
        }
    }
}

#[test]
fn what_is_not_there_or_of_another_type_is_named() {
    let said = |path: &str, options: Options| match Bag::open(&data(path), &options) {
        Ok(bag) => panic!("{:?}", bag.about()),
        Err(error) => error.to_string(),
    };
    let camera = |text: &str| Options { cameras: vec![text.parse().unwrap()], ..Options::default() };
    let text = said("bag_mcap", camera("up=/up/image"));
    assert!(text.contains("no topic /up/image; there are /front/camera_info (sensor_msgs/msg/CameraInfo), "), "{text}");
    let text = said("bag_sqlite3", camera("up=/tf"));
    assert!(text.contains("/tf is tf2_msgs/msg/TFMessage, wanted: sensor_msgs/msg/Image or "), "{text}");
    let text = said("bag_sqlite3", Options { tool: Some("thumb".into()), ..Options::default() });
    assert!(text.contains("no frame \"thumb\" in tf; there are [\"base\", \"front_optical\", "), "{text}");
    let text = said("bag_mcap", Options { gripper_joints: vec!["claw".into()], ..Options::default() });
    assert!(text.contains("no joint \"claw\"; there are [\"arm_1\", "), "{text}");
    let text = said("make_bags.py", Options::default());
    assert!(text.contains("neither a bag's folder nor a file *.mcap or *.db3"), "{text}");
    let text = said("", Options::default());
    assert!(text.contains("no metadata.yaml in it: the recording did not end"), "{text}");
    // What training would miss.
    let bag = Bag::open(&data("bag_mcap"), &camera("hand=/hand/rgb/compressed")).unwrap();
    let (_, pictures) = bag.pictures(&[0]).next().unwrap().unwrap();
    let text = check_for_training(&bag, &pictures).unwrap_err().to_string();
    assert_eq!(text, "training needs what was not recorded: depth and intrinsics of camera hand");
}

#[test]
fn a_bag_that_was_cut_off_gives_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let folder = copy("bag_mcap", dir.path());
    let file = folder.join("bag_mcap.mcap");
    let whole = fs::read(&file).unwrap();
    for len in [whole.len() / 2, whole.len() - 40, 100, 8, 0] {
        fs::write(&file, &whole[..len]).unwrap();
        match Bag::open(&folder, &options()) {
            Ok(bag) => assert!(!bag.about().notes.is_empty() || bag.moments().len() == FRAMES, "{len}"),
            Err(error) => assert!(error.to_string().contains("bag_mcap"), "{len}: {error}"),
        }
    }
    let folder = copy("bag_sqlite3", dir.path());
    let file = folder.join("bag_sqlite3.db3");
    let whole = fs::read(&file).unwrap();
    for len in [whole.len() / 2, 4096, 50, 0] {
        fs::write(&file, &whole[..len]).unwrap();
        let error = Bag::open(&folder, &options()).err().unwrap().to_string();
        assert!(error.contains("bag_sqlite3"), "{len}: {error}");
    }
    fs::remove_file(&file).unwrap();
    let error = Bag::open(&folder, &options()).err().unwrap().to_string();
    assert!(error.contains("is named in metadata.yaml and is not there"), "{error}");
}

#[test]
fn stamps_that_go_back_are_put_in_order_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = copy("bag_sqlite3", dir.path());
    // Pictures come in another order; the storage alone decides about that.
    let database = rusqlite::Connection::open(folder.join("bag_sqlite3.db3")).unwrap();
    let front = "topic_id = (SELECT id FROM topics WHERE name = '/front/image')";
    let ids: Vec<i64> = {
        let mut statement = database.prepare(&format!("SELECT id FROM messages WHERE {front} ORDER BY id")).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    database.execute("UPDATE messages SET id = 9999 WHERE id = ?1", [ids[1]]).unwrap();
    drop(database);
    let bag = Bag::open(&folder, &options()).unwrap();
    let stamps: Vec<u64> = bag.moments().iter().map(|moment| moment.stamp.0 - START).collect();
    assert_eq!(stamps, (0..6).map(|t| t * 50_000_000).collect::<Vec<_>>());
    assert!(bag.about().notes[0].contains("/front/image: 1 stamps are no later than the one before"));
    let found: Vec<usize> = bag.pictures(&[0, 1, 2]).map(|found| found.unwrap().0).collect();
    assert_eq!(found, [0, 1, 2]);
    // A view in place of a table is no bag.
    let database = rusqlite::Connection::open(folder.join("bag_sqlite3.db3")).unwrap();
    database
        .execute_batch(
            "ALTER TABLE messages RENAME TO m; CREATE VIEW messages AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT \
             n + 1 FROM r) SELECT n AS id, 1 AS topic_id, n AS timestamp, zeroblob(1000000) AS data FROM r;",
        )
        .unwrap();
    drop(database);
    let error = Bag::open(&folder, &options()).err().unwrap().to_string();
    assert!(error.contains("no table messages of a bag"), "{error}");
}

/// Found by tests/hostile_bags.rs: a mutated tree whose rows lead back, so that reading never ended.
#[test]
fn a_tree_that_leads_back_ends() {
    let bag = Bag::open(&data("circle.db3"), &Options::default()).unwrap();
    assert_eq!(bag.moments().len(), 5);
    assert!(bag.about().notes[0].ends_with("message 14 follows message 33"), "{:?}", bag.about().notes);
}
