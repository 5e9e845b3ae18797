//! Our recordings in RLBench's layout, read back by our own reader.
//!
//! That RLBench's classes and NumPy read them is checked by `python sim/read_exports.py rlbench FOLDER`, which
//! `an_export_for_python` leaves a folder for if `NEURAXIS_EXPORT` names one that is new.

use std::path::Path;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    ArmState, CameraView, Gripper, Intrinsics, Joints, KeyFrame, Nanos, Observation, Pose, Prediction, Progress,
    StageTimes,
};
use neuraxis_episode::{DepthEncoding, EpisodeReader, EpisodeWriter, Header, OwnRecording, Recorded, keyframes};
use neuraxis_rlbench::{Episode, export, find};
use serde_json::json;

const FRAMES: usize = 5;

fn view(name: &str, t: usize) -> CameraView {
    let (width, height) = (6, 4);
    let pixels = (width * height) as usize;
    CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width, height, fx: 10.0, fy: 11.0, cx: 2.5, cy: 1.5 },
        world_from_camera: Pose::from_parts(
            Vector3::new(1.0, 0.1 * t as f64, 1.5),
            UnitQuaternion::from_euler_angles(2.0, 0.1, 0.3),
        ),
        rgb: (0..3 * pixels).map(|i| (i * 3 + t) as u8).collect(),
        depth_m: (0..pixels).map(|i| if i == 0 { 0.0 } else { 0.5 + 0.01 * i as f32 }).collect(),
    }
}

fn observation(t: usize) -> Observation {
    let world_from_tool =
        Pose::from_parts(Vector3::new(0.4, 0.02 * t as f64, 0.9), UnitQuaternion::from_euler_angles(3.0, 0.1, 0.4));
    Observation {
        seq: t as u64,
        stamp: Nanos::from_millis(100 + 50 * t as u64),
        cameras: vec![view("front", t), view("wrist", t), view("eye_in_the_sky", t)],
        q: Joints::from_fn(7, |i| 0.1 * i as f64 - 0.01 * t as f64),
        world_from_tool,
        gripper_width_m: if t < 3 { 0.08 } else { 0.03 },
        // The fingers follow a frame later.
        progress: Progress {
            reached_world_from_tool: world_from_tool,
            gripper: if t < 2 { Gripper::Open } else { Gripper::Closed },
            reached_count: 0,
        },
    }
}

fn recording(path: &Path, joints: usize) -> OwnRecording {
    recording_of(path, joints, json!({ "run": { "task": "stack blocks/2", "seed": 12 } }))
}

fn recording_of(path: &Path, joints: usize, meta: serde_json::Value) -> OwnRecording {
    let header = Header {
        joint_names: (1..=joints).map(|i| format!("fr3_joint{i}")).collect(),
        gripper_joint_names: vec!["f1".into(), "f2".into()],
        robot_description: String::new(),
        base_frame: "base".into(),
        world_from_base: Pose::identity(),
        depth: DepthEncoding::Metres,
        meta,
    };
    let mut writer = EpisodeWriter::create(path, &header).unwrap();
    writer.instruction(Nanos::from_millis(90), 0, "stack two blocks").unwrap();
    for t in 0..FRAMES {
        let seen = observation(t);
        // As in a run, whose first picture is taken before the loop's first tick.
        if t == 0 {
            writer.observation(&seen).unwrap();
        }
        writer
            .state(&ArmState {
                stamp: seen.stamp + Nanos::from_millis(1),
                q: Joints::zeros(joints),
                qd: Joints::from_fn(joints, |i| 0.2 + i as f64),
                tau_nm: Joints::zeros(0),
                gripper_width_m: seen.gripper_width_m,
                grip_force_n: None,
            })
            .unwrap();
        if t > 0 {
            writer.observation(&seen).unwrap();
        }
        // Frames 1 and 3 are answered, each when the next one is there already.
        if t % 2 == 0 && t > 0 {
            let (world_from_tool, gripper) = (seen.world_from_tool, Gripper::Open);
            let prediction = Prediction {
                seq: t as u64,
                epoch: 0,
                observed_at: observation(t - 1).stamp,
                keyframe: KeyFrame { world_from_tool, gripper, ignore_collisions: t == 2 },
                confidence: 1.0,
                times: StageTimes::default(),
                path: None,
            };
            writer.prediction(seen.stamp + Nanos::from_millis(2), &prediction).unwrap();
        }
    }
    writer.finish().unwrap();
    OwnRecording::new(EpisodeReader::open(path).unwrap()).unwrap()
}

#[test]
fn a_recording_comes_back_from_rlbenchs_layout() {
    let dir = tempfile::tempdir().unwrap();
    let own = recording(&dir.path().join("a.mcap"), 7);
    let (folder, count) = export(&own, dir.path()).unwrap();
    assert_eq!((count, folder), (FRAMES, dir.path().join("stack_blocks_2/all_variations/episodes/episode12")));
    let episode = Episode::open(&find(dir.path()).unwrap()[0]).unwrap();
    // A number that is taken is another recording's.
    let meta = json!({ "run": { "task": "stack blocks/2", "seed": 12, "shadow": true } });
    let other = recording_of(&dir.path().join("b.mcap"), 7, meta);
    let (second, _) = export(&other, dir.path()).unwrap();
    assert_eq!(second, dir.path().join("stack_blocks_2/all_variations/episodes/episode13"));
    assert_eq!(episode.descriptions, ["stack two blocks"]);
    assert_eq!((episode.about().task.as_str(), episode.about().number), ("stack_blocks_2", 12));
    // RLBench has no camera of the third name.
    assert_eq!(episode.about().cameras, ["front", "wrist"]);
    assert_eq!(keyframes(episode.moments()), keyframes(own.moments()));
    let flags: Vec<_> = own.moments().iter().map(|moment| moment.ignore_collisions).collect();
    assert_eq!(flags, [None, Some(true), Some(true), Some(false), Some(false)]);
    let grippers = |own: &OwnRecording| -> Vec<bool> {
        own.moments().iter().map(|moment| moment.gripper == Some(Gripper::Open)).collect()
    };
    assert_eq!(grippers(&own), [true, true, false, false, false], "as the policy was told");
    // Nobody followed it: the fingers tell.
    let led = recording_of(&dir.path().join("led.mcap"), 7, json!({ "run": { "shadow": true } }));
    assert!(led.moments().iter().all(|moment| moment.ignore_collisions.is_none()));
    assert_eq!(grippers(&led), [true, true, true, false, false]);
    // They open wider than they ever were, which is said.
    let meta = json!({ "run": { "shadow": true }, "configuration": { "cerebellum": { "open_width_m": 0.2 } } });
    let held = recording_of(&dir.path().join("held.mcap"), 7, meta);
    assert_eq!((grippers(&held), held.about().notes.len()), (vec![false; FRAMES], 1), "{:?}", held.about().notes);
    let frames: Vec<usize> = (0..FRAMES).collect();
    for (t, pictures) in episode.pictures(&frames).map(Result::unwrap) {
        let (found, wrote) = (&episode.moments()[t], &own.moments()[t]);
        let (metres, radians) = found.world_from_tool.unwrap().distance(&wrote.world_from_tool.unwrap());
        assert!(metres < 1e-12 && radians < 1e-7, "{metres} {radians}");
        assert_eq!((found.gripper, found.qd), (wrote.gripper, wrote.qd));
        assert_eq!(found.ignore_collisions, wrote.ignore_collisions);
        assert!(found.q.unwrap().iter().zip(wrote.q.unwrap().iter()).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!((found.gripper_width_m.unwrap() - wrote.gripper_width_m.unwrap()).abs() < 1e-12);
        for (picture, view) in pictures.into_iter().zip(observation(t).cameras) {
            let found = picture.into_view().unwrap();
            assert_eq!((&found.name, &found.rgb, found.intrinsics), (&view.name, &view.rgb, view.intrinsics));
            let (metres, radians) = found.world_from_camera.distance(&view.world_from_camera);
            assert!(metres < 1e-9 && radians < 1e-7, "{metres} {radians}");
            assert!(found.depth_m.iter().zip(&view.depth_m).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}

#[test]
fn a_recording_is_written_once_and_the_same_motion_in_other_colours_is_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let own = recording(&dir.path().join("a.mcap"), 7);
    let (first, _) = export(&own, dir.path()).unwrap();
    let said = export(&own, dir.path()).unwrap_err().to_string();
    let expected = format!("{}: holds this recording already; a recording is written once", first.display());
    assert_eq!(said, expected);
    let second = first.with_file_name("episode13");
    assert!(first.exists() && !second.exists());
    std::fs::write(first.join("wrist_rgb/4.png"), "another picture").unwrap();
    assert_eq!(export(&own, dir.path()).unwrap(), (second, FRAMES));
}

#[test]
fn what_rlbench_needs_and_nobody_recorded_is_said() {
    let dir = tempfile::tempdir().unwrap();
    // States of six joints: the velocities are of no Panda.
    let own = recording(&dir.path().join("a.mcap"), 6);
    let said = export(&own, dir.path()).unwrap_err().to_string();
    assert!(said.ends_with("frame 0: the velocity of seven joints was not recorded"), "{said}");
    // Nothing is left of what could not be written.
    assert!(!dir.path().join("stack_blocks_2/all_variations/episodes/episode12").exists());
}

#[test]
fn an_export_for_python() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::env::var_os("NEURAXIS_EXPORT").map_or(dir.path().to_path_buf(), Into::into);
    let (folder, _) = export(&recording(&dir.path().join("a.mcap"), 7), &root).unwrap();
    assert!(folder.join("low_dim_obs.pkl").exists() && folder.join("wrist_depth/4.png").exists());
}
