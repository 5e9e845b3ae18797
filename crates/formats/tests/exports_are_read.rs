//! Episodes as data sets of LeRobot and back.
//!
//! That LeRobot's own loader reads them is checked by `python sim/read_exports.py lerobot FOLDER`;
//! `NEURAXIS_EXPORT=FOLDER` makes this test leave one there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use neuraxis_episode::{Body, EpisodeReader, Glance, Info, Recorded, check_for_training, save};
use neuraxis_formats::{
    lerobot::{self, DataSet},
    rosbag::{Bag, Options},
};
use serde_json::json;

const FRAMES: usize = 6;

fn bag() -> Bag {
    let cameras = ["front=/front/image,/front/depth,/front/camera_info", "hand=/hand/rgb/compressed"];
    let cameras = cameras.map(|text| text.parse().unwrap()).to_vec();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bag_mcap");
    Bag::open(&path, &Options { cameras, ..Options::default() }).unwrap()
}

fn exported(dir: &Path) -> PathBuf {
    let root = dir.join("cups");
    let told = lerobot::export(&bag(), &root).unwrap();
    assert_eq!((told.frames, told.fps, told.notes.len()), (FRAMES, 20, 2));
    assert!(told.shift_secs < 1e-9, "{told:?}");
    root
}

#[test]
fn an_episode_comes_back_from_lerobots_layout() {
    let dir = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("NEURAXIS_EXPORT").map(PathBuf::from);
    let root = exported(kept.as_deref().unwrap_or(dir.path()));
    let wrote = bag();
    let again = lerobot::export(&wrote, &root).unwrap_err().to_string();
    assert!(again.ends_with("cups: exists already; a data set is written to a new folder"), "{again}");
    // Nobody recorded which arm this is.
    let info: serde_json::Value = serde_json::from_slice(&fs::read(root.join("meta/info.json")).unwrap()).unwrap();
    assert_eq!(info["robot_type"], json!(null));
    let data_set = DataSet::open(&root).unwrap();
    assert_eq!(data_set.len(), 1);
    let episode = data_set.episode(0, &lerobot::Options::default()).unwrap();
    let about = episode.about();
    assert_eq!((about.source, about.task.as_str(), about.number), ("LeRobot", "cups", 0));
    assert_eq!(about.instruction.as_deref(), Some("lift the cup"));
    assert_eq!((&about.joint_names, about.gripper_joint_names.len()), (&wrote.about().joint_names, 1));
    assert_eq!((about.cameras.join(" "), about.notes.len()), ("front hand".to_string(), 0));
    for (i, (found, wrote)) in episode.moments().iter().zip(wrote.moments()).enumerate() {
        assert!((found.stamp.secs() - 0.05 * i as f64).abs() < 1e-6);
        assert!(found.q.unwrap().iter().zip(wrote.q.unwrap().iter()).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!((found.gripper, found.qd), (wrote.gripper, None));
        // Without commands the next state is the action.
        let next = episode.moments()[(i + 1).min(FRAMES - 1)].q;
        assert_eq!(found.q_command, next);
    }
    let all: Vec<usize> = (0..FRAMES).collect();
    let pairs: Vec<_> = episode.pictures(&all).zip(wrote.pictures(&all)).collect();
    assert_eq!(pairs.len(), FRAMES);
    for (found, wrote) in pairs {
        let ((t, found), (u, wrote)) = (found.unwrap(), wrote.unwrap());
        assert_eq!((t, found.len()), (u, 2));
        assert!(found.iter().zip(&wrote).all(|(a, b)| (&a.name, &a.rgb) == (&b.name, &b.rgb) && a.depth_m.is_none()));
    }
    let (_, pictures) = episode.pictures(&[2]).next().unwrap().unwrap();
    let said = check_for_training(&episode, &pictures).unwrap_err().to_string();
    assert_eq!(
        said,
        "training needs what was not recorded: the tool's pose (in 6 of 6 frames); depth and intrinsics and a pose in the \
         world of camera front; depth and intrinsics and a pose in the world of camera hand"
    );
    // It can be looked at all the same: pictures without a calibration are views.
    let out = dir.path().join("cups.mcap");
    save(&episode, &Body::without_shape(about), &json!({}), &out, false).unwrap();
    let reader = EpisodeReader::open(&out).unwrap();
    assert_eq!(Info::of(&reader).ends, "complete");
    let glance = Glance::of(&reader);
    assert_eq!((glance.cameras().len(), glance.views()), (0, vec!["front".into(), "hand".into()]));
    assert!(glance.has("/joint_states") && glance.has("/joint_commands"));
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = exported(dir.path());
    let options = lerobot::Options::default();
    let said = || match DataSet::open(&root).and_then(|set| set.episode(0, &options)) {
        Ok(episode) => episode.pictures(&[0]).next().unwrap().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    let found = DataSet::open(&root).unwrap().episode(1, &options).err().unwrap().to_string();
    assert!(found.contains("episode 1: the data set has 1"), "{found}");
    // A column that is said to be a video, which nobody made.
    let info = root.join("meta/info.json");
    let text = fs::read_to_string(&info).unwrap();
    fs::write(&info, text.replacen("\"dtype\": \"image\"", "\"dtype\": \"video\"", 1)).unwrap();
    assert!(said().contains("no column \"videos/observation.images.front/chunk_index\""), "{}", said());
    fs::write(&info, text.replacen("\"shape\": [\n        10,", "\"shape\": [\n        9,", 1)).unwrap();
    assert!(said().contains("observation.images.front, frame 0: [16, 10] pixels, [16, 9] said"), "{}", said());
    fs::write(&info, text.replace("v3.0", "v2.0")).unwrap();
    assert!(said().contains("info.json: codebase_version \"v2.0\", known: v3"), "{}", said());
    fs::write(&info, &text).unwrap();
    let data = root.join("data/chunk-000/file-000.parquet");
    let whole = fs::read(&data).unwrap();
    fs::write(&data, &whole[..whole.len() / 2]).unwrap();
    assert!(said().contains("file-000.parquet: no Parquet file"), "{}", said());
    fs::remove_file(&data).unwrap();
    assert!(said().contains("file-000.parquet: cannot open"), "{}", said());
    fs::remove_file(root.join("meta/episodes/chunk-000/file-000.parquet")).unwrap();
    assert!(said().contains("meta/episodes: no episode in it"), "{}", said());
}
