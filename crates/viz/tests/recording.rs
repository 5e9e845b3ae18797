//! Files for the viewer, and clear words when there can be none.

use std::path::{Path, PathBuf};

use neuraxis_core::{ArmState, Gripper, Joints, KeyFrame, Nanos, Pose};
use neuraxis_episode::Record;
use neuraxis_viz::{GazeRay, Level, PredictionDetail, VirtualView, Viz, VizConfig, VizError};

fn config() -> VizConfig {
    VizConfig {
        urdf: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../urdf/fr3.urdf"),
        joint_names: (1..=7).map(|i| format!("fr3_joint{i}")).collect(),
        gripper_joint_names: vec!["fr3_finger_joint1".into(), "fr3_finger_joint2".into()],
        ..Default::default()
    }
}

#[test]
fn a_recording_holds_the_robot_and_is_thinned_to_the_rate_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let size = |rate_hz: f64| {
        let path = dir.path().join(format!("{rate_hz}.rrd"));
        let mut viz = Viz::to_file(&path, &VizConfig { state_rate_hz: rate_hz, ..config() }).unwrap();
        for i in 0..2000 {
            let q = Joints::from_fn(7, |j| 0.3 + 0.0001 * i as f64 * j as f64);
            let state = ArmState {
                stamp: Nanos::from_millis(i),
                q,
                qd: q,
                tau_nm: q,
                gripper_width_m: 0.04,
                grip_force_n: None,
            };
            viz.log_state(&state).unwrap();
        }
        viz.log_event(Nanos(0), Level::Info, "hello").unwrap();
        viz.finish().unwrap();
        std::fs::metadata(path).unwrap().len()
    };
    let (sparse, dense) = (size(10.0), size(1000.0));
    // The meshes alone are larger than this.
    assert!(sparse > 50_000, "{sparse} bytes");
    assert!(dense > sparse + 50_000, "{sparse} and {dense} bytes");
}

#[test]
fn a_gaze_its_two_frames_and_a_key_frame_are_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gaze.rrd");
    let shown = |path: &str, bytes: &[u8]| bytes.windows(path.len()).any(|window| window == path.as_bytes());
    let view = |name: &str| VirtualView { name: name.into(), size: [2, 1], rgb: vec![100; 6], heat: vec![0.5; 2] };
    let gaze = GazeRay { eye_in_world: [0.1, 0.2, 1.5], direction: [0.0, 0.0, -1.0], point_in_world: Some([0.1; 3]) };
    let keyframe = KeyFrame { world_from_tool: Pose::identity(), gripper: Gripper::Open, ignore_collisions: false };
    let write = |detail: &PredictionDetail| {
        let mut viz = Viz::to_file(&path, &config()).unwrap();
        viz.show(&Record::Detail(Nanos(5), Box::new(detail.clone()))).unwrap();
        viz.log_keyframe(Nanos(5), &keyframe).unwrap();
        viz.finish().unwrap();
        std::fs::read(&path).unwrap()
    };
    let both = write(&PredictionDetail { views: vec![view("dynamic_before"), view("dynamic")], gaze: Some(gaze) });
    for path in ["/views/dynamic_before", "/views/dynamic", "/world/gaze/ray", "/world/gaze/point", "/world/keyframe"] {
        assert!(shown(path, &both), "no {path}");
    }
    let neither = write(&PredictionDetail::default());
    assert!(!shown("/world/gaze", &neither) && !shown("/views/dynamic", &neither));
}

#[test]
fn a_robot_that_cannot_be_shown_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.rrd");
    let error = |config: VizConfig| Viz::to_file(&out, &config).map(|_| ()).unwrap_err().to_string();
    let missing = error(VizConfig { urdf: PathBuf::from("none.urdf"), ..config() });
    assert!(missing.contains("none.urdf"), "{missing}");
    let joint = error(VizConfig { joint_names: vec!["elbow".into()], ..config() });
    assert!(joint.contains("fr3.urdf") && joint.contains("\"elbow\""), "{joint}");
    let nowhere = Viz::to_file(Path::new("/proc/none/x.rrd"), &config()).map(|_| ()).unwrap_err();
    assert!(matches!(nowhere, VizError::File { .. }), "{nowhere}");
}
