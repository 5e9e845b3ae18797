//! `neuraxis arm` over the Franka Control Interface: the program's own first hour with franky-sim, a public server of that
//! interface, in the robot's place.

use std::{path::Path, process::Command, time::Duration};

use neuraxis_tests::{Finished, binary, franky::Franky, run};

fn file() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::with_suffix(".yaml").expect("a file")
}

fn arm(config: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(["arm", "--config"]).arg(config).args(arguments);
    run(&mut command, Duration::from_secs(90)).expect("the command ends")
}

/// Numbers of the line that begins with `word`.
fn numbers(ended: &Finished, word: &str) -> Vec<f64> {
    let line = ended.stdout.lines().find(|line| line.starts_with(word)).unwrap_or_default();
    line.split_whitespace().filter_map(|part| part.parse().ok()).collect()
}

/// Server and loop both are in real time: a machine that gives its time to others for a moment breaks off a motion that was
/// right. A command that has failed is given again, twice; what it does is where it ends, not how often it was tried.
fn arrives(config: &Path, arguments: &[&str]) -> Finished {
    for _ in 0..2 {
        let ended = arm(config, arguments);
        if ended.status.success() {
            return ended;
        }
        eprintln!("again: {arguments:?}: {}", ended.stderr);
    }
    let ended = arm(config, arguments);
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn it_jogs_grips_homes_its_hand_recovers_and_goes_home_over_the_franka_interface() {
    let (mut robot, file) = (Franky::start(), file());
    robot.write_arm(file.path(), "");
    let config = file.path();
    let home = arrives(config, &["home"]);
    let before = numbers(&home, "joints");
    assert_eq!(before.len(), 7, "{}", home.stdout);

    let closed = arrives(config, &["gripper", "close"]);
    let width_m = numbers(&closed, "tool")[3];
    assert!(width_m < 0.01, "{}", closed.stdout);

    let lowered = arrives(config, &["jog", "--tool", "0,0,-0.05"]);
    let (high, low) = (numbers(&home, "tool")[2], numbers(&lowered, "tool")[2]);
    // A line that was broken off and begun again is longer by what was done of it.
    assert!((0.045..0.16).contains(&(high - low)), "{high} to {low}");

    let opened = arrives(config, &["gripper", "open"]);
    assert!(numbers(&opened, "tool")[3] > 0.06, "{}", opened.stdout);
    let homed = arrives(config, &["gripper", "home", "--yes"]);
    assert_eq!(homed.stdout, "", "it says what went wrong, and nothing else");
    let width_m = robot.ask("state")["width"].as_f64().expect("a width");
    assert!(width_m > 0.06, "a hand that has found out how wide it opens is open, not {width_m} m");

    let before_jog = robot.joints_rad();
    let jogged = numbers(&arrives(config, &["jog", "--joint", "6", "--by", "0.2"]), "joints");
    let (told, truth) = (jogged[5] - before_jog[5], robot.joints_rad()[5] - before_jog[5]);
    // As above: what was broken off and begun again is longer.
    assert!((0.19..0.42).contains(&told) && (told - truth).abs() < 0.01, "{told} and {truth} rad");
    assert!((0..7).filter(|i| *i != 5).all(|i| (jogged[i] - before_jog[i]).abs() < 0.01), "{jogged:?}");

    // A robot without an error has none afterwards, and stands where it stood.
    let recovered = arrives(config, &["recover"]);
    assert!(recovered.stdout.contains("the arm has no errors any more"), "{}", recovered.stdout);
    let stands = robot.joints_rad();
    assert!(stands.iter().zip(&jogged).all(|(a, b)| (a - b).abs() < 0.01), "{stands:?} and {jogged:?}");

    let back = numbers(&arrives(config, &["home"]), "joints");
    assert!(back.iter().zip(&before).all(|(a, b)| (a - b).abs() < 0.01), "{back:?} and {before:?}");
}

#[test]
fn a_robot_that_nobody_answers_for_is_named() {
    let config = file();
    let text = "driver: franka\nrehearsal: true\nfranka: { host: 127.0.62.250, realtime: ignore }\n";
    std::fs::write(config.path(), text).expect("the file");
    let ended = arm(config.path(), &["home"]);
    assert!(!ended.status.success() && ended.stderr.contains("127.0.62.250"), "{}", ended.stderr);
}

/// Before anybody is asked whether the space is free, and before the robot is: it may not be a simulated one.
#[test]
fn a_configuration_that_asks_a_real_arm_for_all_it_can_is_refused_with_the_range() {
    let config = file();
    std::fs::write(config.path(), "driver: franka\nfranka: { host: 127.0.62.250 }\n").expect("the file");
    let ended = arm(config.path(), &["--yes", "home"]);
    let said = &ended.stderr;
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(said.contains("fr3/brainstem.yaml") && said.contains("velocity_scale = 1, allowed: 0 to 0.900"), "{said}");
}
