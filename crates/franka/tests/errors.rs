//! How a robot is made ready again, its hand is homed, and motion that nears the robot's velocity limit is stopped.

mod rig;

use std::{sync::Arc, time::Duration};

use neuraxis_brainstem::{Mode, MonotonicClock};
use neuraxis_core::{Fault, Reaction};
use neuraxis_franka::{FrankaConfig, FrankaError, RobotMode, connect, recover};
use rig::{
    START_RAD,
    body::Body,
    server::{Kind, Server},
};

/// Joint 1 through the middle of its range, faster at its fastest than the margin below leaves.
const FAR_RAD: f64 = 2.6;
const FAR_SECS: f64 = 2.8;
/// Franka allows 2.62 rad/s there; the motion has 1.74 rad/s.
const MARGIN_RAD_S: f64 = 1.0;

#[test]
fn a_motion_that_nears_the_robots_velocity_limit_is_stopped_smoothly_and_goes_on() {
    rig::attempts(velocity_limit);
}

fn velocity_limit() {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Limits, &[]);
    let config = FrankaConfig { velocity_margin_rad_s: MARGIN_RAD_S, hand: false, ..rig::config(&server) };
    let franka = connect(&config, Arc::new(MonotonicClock)).unwrap();
    let desk = franka.desk;
    let mut body = Body::new(rig::fr3(), rig::brainstem(), franka.arm);
    let mut goal = START_RAD;
    goal[0] += FAR_RAD;
    assert!(body.go_until(&goal, FAR_SECS, |body| body.fault.is_some()), "nobody minded the speed");
    let hit = body.wait_for("a fault", |body| body.fault.is_some());
    assert_eq!(hit.fault, Some(Fault::VelocityLimit));
    assert_eq!(Fault::VelocityLimit.reaction(), Reaction::Stop, "it needs no reset");
    let rest = body.wait_for("rest", |body| body.mode == Mode::Hold);
    assert!(rest.state.q[0] < goal[0] - 0.2, "it went all the way: {:?}", rest.state.q);
    assert!(rest.state.q[0] > 0.3, "it never was fast: {:?}", rest.state.q);
    // The robot itself had nothing to complain of, and follows on.
    assert!(desk.status().is_driven, "{:?}", desk.status());
    body.go(&START_RAD, 5.0);
    let back = body.state();
    assert!((back.state.q[0] - START_RAD[0]).abs() < 0.01, "{:?}", back.state.q);
    let seen = server.ask("state");
    assert_eq!(seen["violations"].as_array().unwrap().len(), 0, "{seen}");
    body.end();
}

/// `neuraxis arm recover`: nobody is connected, the robot stands in a reflex or in a state that only its user ends.
#[test]
fn a_robot_in_a_reflex_is_recovered_before_anybody_drives_it_and_others_are_told_what_to_do() {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Limits, &[]);
    let config = rig::config(&server);
    assert_eq!(recover(&config), Ok(()), "nothing to recover is no error");

    for (mode, remedy) in [("user_stopped", "release the stop button"), ("guiding", "let go"), ("other", "brakes")] {
        server.ask(&format!("mode {mode}"));
        let refused = recover(&config).unwrap_err();
        assert!(matches!(refused, FrankaError::Mode { .. }) && refused.to_string().contains(remedy), "{refused}");
    }
    server.ask("mode auto");

    // franka-sim forgets a reflex when the one who caused it leaves, so the robot is told to be in one until it was asked.
    server.ask("mode reflex");
    let refused = connect(&config, Arc::new(MonotonicClock)).err().expect("a robot in a reflex is not driven");
    assert_eq!(refused, FrankaError::Mode { mode: RobotMode::Reflex });
    let asked = config.clone();
    let recovering = std::thread::spawn(move || recover(&asked));
    std::thread::sleep(Duration::from_millis(300));
    server.ask("mode auto");
    assert_eq!(recovering.join().unwrap(), Ok(()));
    assert!(connect(&config, Arc::new(MonotonicClock)).is_ok());
}

/// `neuraxis arm gripper home`.
#[test]
fn a_hand_that_was_just_switched_on_finds_out_how_wide_it_opens() {
    let _alone = rig::alone();
    let server = Server::start(Kind::Contact, &[]);
    let mut hand = connect(&rig::config(&server), Arc::new(MonotonicClock)).unwrap().gripper.expect("a hand");
    hand.home().unwrap();
    // And again: it is where it can be homed from.
    hand.home().unwrap();
    let none = FrankaConfig { hand: false, ..rig::config(&server) };
    drop(hand);
    assert!(connect(&none, Arc::new(MonotonicClock)).unwrap().gripper.is_none());
}

/// A hand that is gone while it homes ends in words, not in waiting.
#[test]
fn a_hand_that_is_lost_while_it_homes_is_said_to_be() {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Contact, &[]);
    let config = FrankaConfig { answer_timeout_secs: 1.0, ..rig::config(&server) };
    let mut hand = connect(&config, Arc::new(MonotonicClock)).unwrap().gripper.expect("a hand");
    server.kill();
    let lost = hand.home().unwrap_err();
    let is_told = matches!(lost, FrankaError::Lost { .. } | FrankaError::Silent { .. });
    assert!(is_told && lost.to_string().contains("hand"), "{lost}");
}
