//! `neuraxis arm`: small motions asked for on the command line, and a policy in the arm's shadow, on the simulated arm.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use neuraxis_tests::{Finished, binary, run, workspace};

/// Two loops of 1 kHz on two cores disturb each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// FR3's home, configs/fr3/robot.yaml [rad].
const HOME_RAD: [f64; 7] = [0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, std::f64::consts::FRAC_PI_4];

/// Trained with the FR3.
const FR3_WEIGHTS: &str = "configs/weights/small.safetensors";

fn arm(arguments: &[&str]) -> Finished {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    run(Command::new(binary()).arg("arm").args(arguments), Duration::from_secs(120)).expect("the command ends")
}

/// Numbers of the line that begins with `word`.
fn numbers(ended: &Finished, word: &str) -> Vec<f64> {
    let line = ended.stdout.lines().find(|line| line.starts_with(word));
    let line = line.unwrap_or_else(|| panic!("no {word} in:\n{}{}", ended.stdout, ended.stderr));
    line.split_whitespace().filter_map(|part| part.parse().ok()).collect()
}

fn joints(ended: &Finished) -> Vec<f64> {
    numbers(ended, "joints")
}

#[test]
fn a_jog_moves_one_joint_and_no_other() {
    let ended = arm(&["--driver", "sim", "--speed", "1", "jog", "--joint", "4", "--by", "-0.3"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    for (i, (is, was)) in joints(&ended).iter().zip(HOME_RAD).enumerate() {
        let wanted = if i == 3 { was - 0.3 } else { was };
        assert!((is - wanted).abs() < 0.02, "joint {}: {is}, wanted {wanted}", i + 1);
    }
}

#[test]
fn the_fingers_close_and_the_arm_stays() {
    let ended = arm(&["--driver", "sim", "gripper", "close"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(joints(&ended).iter().zip(HOME_RAD).all(|(is, was)| (is - was).abs() < 0.02), "{}", ended.stdout);
    let width_m = numbers(&ended, "tool").get(3).copied();
    assert!(width_m.is_some_and(|w| w < 0.01), "{}", ended.stdout);
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range() {
    for (arguments, said) in [
        (&["jog", "--joint", "8", "--by", "0.1"][..], "1 to 7"),
        (&["jog", "--joint", "1", "--by", "0.6"], "-0.5 to 0.5"),
        (&["jog", "--joint", "1", "--by", "NaN"], "-0.5 to 0.5"),
        (&["jog", "--tool", "0.3,0,0"], "up to 0.2 m"),
        (&["--speed", "2", "home"], "0.02 to 1"),
        (&["jog"], "--joint N"),
    ] {
        let ended = arm(&[&["--driver", "sim"], arguments].concat());
        assert!(!ended.status.success() && ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn in_the_shadow_nothing_moves_and_what_is_wanted_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().to_str().expect("a path");
    let ended =
        arm(&["--driver", "sim", "shadow", "--secs", "3", "--say", "hit the button that is green", "--out", out]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(joints(&ended).iter().zip(HOME_RAD).all(|(is, was)| (is - was).abs() < 0.005), "{}", ended.stdout);
    // It would go somewhere: down from where the tool is.
    let (tool, wanted) = (numbers(&ended, "tool"), numbers(&ended, "wanted"));
    assert!(wanted[2] < tool[2] - 0.1, "{}", ended.stdout);
    assert!(std::fs::metadata(dir.path().join("episode.mcap")).expect("a recording").len() > 100_000);
}

/// Weights of another robot are shown, not refused: what they were trained with is said, and nothing moves.
#[test]
fn in_the_shadow_weights_of_another_robot_are_shown_and_what_differs_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().to_str().expect("a path");
    let shadow = ["shadow", "--secs", "3", "--say", "hit the button that is green", "--policy", FR3_WEIGHTS];
    let mut command = Command::new(binary());
    command.args(["--robot", "ur5e", "arm", "--driver", "sim", "--out", out]).args(shadow).current_dir(workspace());
    let ended = {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut command, Duration::from_secs(120)).expect("the command ends")
    };
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    let differs = r#"differs     trained for robot "fr3", this is "ur5e""#;
    assert!(ended.stdout.lines().any(|line| line == differs), "{}", ended.stdout);
    assert!(ended.stdout.contains("nothing is sent to the arm") && numbers(&ended, "wanted").len() == 3);
}

#[test]
fn what_is_recorded_of_an_arm_that_others_move_opens_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(binary());
    command
        .args(["record", "--demo", "--driver", "sim", "--say", "push the red button", "--secs", "2", "--out"])
        .arg(dir.path());
    let ended = {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut command, Duration::from_secs(120)).expect("the command ends")
    };
    assert!(ended.status.success(), "{}", ended.stderr);
    let info =
        run(Command::new(binary()).args(["rec", "info"]).arg(dir.path().join("episode.mcap")), Duration::from_secs(60));
    let info = info.expect("rec info ends");
    assert!(info.status.success() && info.stdout.contains("wrist"), "{}{}", info.stdout, info.stderr);
}

/// `calibrate camera` with ten poses at full speed.
fn calibrated(camera: &[&str]) -> Finished {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let calibrate = ["calibrate", "camera", "--driver", "sim", "--speed", "1", "--poses", "10", "--camera"];
    let ended = run(Command::new(binary()).args(calibrate).args(camera), Duration::from_secs(180));
    let ended = ended.expect("the command ends");
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn a_camera_is_found_from_a_ball_in_the_hand() {
    let ended = calibrated(&["front"]);
    assert!(ended.off_the_front_camera_m() < 0.01, "{}", ended.stdout);
}

/// RLBench's wrist camera, given in the frame of its tip: 5 cm behind it, 9.2 cm back, 5 degrees inclined. Its tip frame is
/// our tool's, half a turn about z and 7 mm apart along it.
const WRIST_XYZ_M: [f64; 3] = [0.05, -0.002, -0.0855];
const WRIST_QUATERNION_XYZW: [f64; 4] = [-0.030844, -0.030844, 0.706434, 0.706434];

#[test]
fn a_camera_on_the_hand_is_found_from_a_ball_on_the_table() {
    let ended = calibrated(&["wrist", "--on", "tool"]);
    print!("{}", ended.stdout);
    let at = ended.list_of("tool_from_camera", "xyz_m");
    let off_m = at.iter().zip(WRIST_XYZ_M).map(|(is, should)| (is - should).powi(2)).sum::<f64>().sqrt();
    let q = ended.list_of("tool_from_camera", "quaternion_xyzw");
    // A quaternion and its negative are the same turn; the chord between two is half the angle.
    let chord =
        |sign: f64| q.iter().zip(WRIST_QUATERNION_XYZW).map(|(is, should)| (sign * is - should).powi(2)).sum::<f64>();
    let off_rad = 2.0 * chord(1.0).min(chord(-1.0)).sqrt();
    println!("off         {:.2} mm, {:.2} mrad", 1e3 * off_m, 1e3 * off_rad);
    assert!(off_m < 0.004 && off_rad < 0.01, "{off_m} m, {off_rad} rad:\n{}", ended.stdout);
}
