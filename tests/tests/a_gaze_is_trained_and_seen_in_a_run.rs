//! The dynamic stream from end to end: a gaze network and a policy that looks through it are trained, act in the loop, and what
//! the gaze saw is in the recording and in the viewer's file. So little training teaches nothing: only the way is tried.

use std::{fs, path::Path, process::Command, time::Duration};

use neuraxis_episode::{EpisodeReader, Record};
use neuraxis_tests::{Finished, binary, run, workspace};

const GAZE: &str = "steps: 2\nbatch: 2\nholdout: 0.25\ngaze: { image_px: 64, width: 4, kernel_px: 5 }\n";
/// Two tokens to a side, as the gaze network's; its features are 16 times its width.
const POLICY: &str = "steps: 2\nbatch: 2\nworkers: 1\nholdout: 0.25\n\
    policy: { image_px: 32, pixel_dim: 8, dim: 16, heads: 2, depth_view: 1, depth_joint: 1, dynamic: gaze, gaze_dim: 64 }\n";

fn neuraxis(arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(workspace()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    run(&mut command, Duration::from_secs(300)).expect("it ends")
}

fn done(arguments: &[&str]) -> Finished {
    let ended = neuraxis(arguments);
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn what_a_gaze_saw_while_it_led_the_arm_is_recorded_and_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_string();
    let [data, gaze, policy, film] = ["data", "gaze", "policy", "run"].map(at);
    done(&["demos", "--tasks", "push_buttons", "--episodes", "4", "--out", &data]);
    fs::write(at("gaze.yaml"), GAZE).expect("a recipe");
    done(&["train", "gaze", "--data", &data, "--config", &at("gaze.yaml"), "--out", &gaze]);
    fs::write(at("policy.yaml"), format!("{POLICY}gaze: {gaze}/gaze.safetensors\n")).expect("a recipe");
    done(&["train", "policy", "--data", &data, "--config", &at("policy.yaml"), "--out", &policy]);

    // It has learned nothing, so the task fails; with the gaze gone from its folder it still runs.
    fs::remove_dir_all(&gaze).expect("a folder");
    let weights = format!("{policy}/policy.safetensors");
    let ended = neuraxis(&["demo", "--clock", "lockstep", "--policy", &weights, "--out", &film]);
    assert!(ended.stdout.contains("recorded"), "{}{}", ended.stdout, ended.stderr);

    let file = format!("{film}/episode.mcap");
    let reader = EpisodeReader::open(Path::new(&file)).expect("a recording");
    let details: Vec<_> = reader
        .records()
        .filter_map(|record| match record.expect("a good recording") {
            Record::Detail(_, detail) => Some(detail),
            _ => None,
        })
        .collect();
    assert!(details.len() > 9, "{} looks", details.len());
    for detail in &details {
        let gaze = detail.gaze.as_ref().expect("a gaze ray");
        let length: f32 = gaze.direction.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4 && gaze.eye_in_world.iter().all(|x| x.is_finite()), "{gaze:?}");
        let [mut has_now, mut has_before] = [false; 2];
        for view in &detail.views {
            has_now |= view.name == "dynamic";
            has_before |= view.name == "dynamic_before";
        }
        assert!(has_now && has_before, "both frames of the clip are shown");
    }
    done(&["replay", &file, "--rrd", &at("again.rrd")]);
    let shown = fs::read(at("again.rrd")).expect("a file of the viewer's");
    for path in ["/world/gaze/ray", "dynamic_before"] {
        assert!(shown.windows(path.len()).any(|part| part == path.as_bytes()), "{path} is not in the file");
    }
}
