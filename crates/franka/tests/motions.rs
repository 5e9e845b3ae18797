//! The same motions on both simulated robots: the same ends, and not one of the robot's limits touched. A robot that this machine
//! kept waiting is given the motion again, three times at most ([`rig::attempts`]): what is proved is an attempt in which the
//! robot's own checks of position, velocity, acceleration, jerk and lost packets were all met.

mod rig;

use std::{
    cell::Cell,
    sync::{Arc, atomic::Ordering},
};

use neuraxis_brainstem::{BrainstemConfig, Mode, MonotonicClock};
use neuraxis_core::Fault;
use neuraxis_franka::{FrankaConfig, FrankaError, RobotMode, connect};
use rig::{
    START_RAD,
    body::Body,
    cable::Cable,
    server::{Kind, Server},
};

/// Corners of a tour that all joints take part in, relative to the start [rad].
const TOUR_RAD: [[f64; 7]; 3] = [
    [0.5, 0.2, -0.3, 0.3, 0.4, 0.2, -0.6],
    [-0.4, 0.3, 0.2, -0.2, -0.5, 0.5, 0.4],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
];

/// So often a reset is asked for, every 50 ms.
const RESETS: usize = 100;

/// How a tour is gone.
struct Pace {
    limits: BrainstemConfig,
    leg_secs: f64,
    /// Joint 1 is braked from this speed on the way to the first corner, and then goes on [rad/s].
    brakes_from_rad_s: Option<f64>,
}

/// Where the arm came to rest at each corner [rad].
fn tour(server: &mut Server, pace: &Pace) -> Vec<Vec<f64>> {
    let config = FrankaConfig { hand: false, ..rig::config(server) };
    let franka = connect(&config, Arc::new(MonotonicClock)).unwrap();
    let desk = franka.desk;
    let mut body = Body::new(rig::fr3(), pace.limits.clone(), franka.arm);
    let (mut corners, mut brakes_from) = (Vec::new(), pace.brakes_from_rad_s);
    for corner in TOUR_RAD {
        let goal: Vec<f64> = START_RAD.iter().zip(corner).map(|(start, way)| start + way).collect();
        if let Some(speed) = brakes_from.take() {
            brake(&mut body, &goal, pace.leg_secs, speed);
        }
        body.go(&goal, pace.leg_secs);
        body.wait_ticks(400);
        let state = body.state();
        assert_eq!((state.mode, desk.status().is_driven), (Mode::Hold, true), "{:?}", state.fault);
        let off = state.state.q.iter().zip(&goal).map(|(q, goal)| (q - goal).abs()).fold(0.0, f64::max);
        assert!(off < 0.01, "{off} rad off at {goal:?}");
        corners.push(state.state.q.to_vec());
    }
    let summary = body.end();
    // The last segment's lease, with the arm at rest.
    assert_eq!(summary.fault, Some(Fault::LeaseExpired));
    println!("{:?}: {} ticks, {} lost packets", server.kind, summary.ticks, desk.status().lost_packets);
    corners
}

/// Somebody stops the arm at that speed of joint 1: it brakes as hard as the loop's limits let it, and is let go again.
fn brake(body: &mut Body, goal: &[f64], leg_secs: f64, speed_rad_s: f64) {
    let hardest = Cell::new(0.0_f64);
    assert!(body.go_until(goal, leg_secs, |body| {
        hardest.set(hardest.get().max(body.commanded.qd[0].abs()));
        hardest.get() > speed_rad_s
    }));
    body.signals.stop.raise();
    let stopped = body.wait_for("a stop", |body| body.mode == Mode::Latched);
    assert_eq!(stopped.fault, Some(Fault::StopRequested));
    // A reset is refused while the arm still swings.
    for _ in 0..RESETS {
        body.signals.reset.raise();
        body.wait_ticks(50);
        if body.state().mode == Mode::Hold {
            break;
        }
    }
    body.wait_for("leave to move", |body| body.mode == Mode::Hold && body.fault.is_none());
    println!("braked from {:.2} rad/s, at {:.3} rad", hardest.get(), stopped.state.q[0]);
}

/// With margins for a simulated robot whose milliseconds differ from ours: a fifth of the robot's accelerations, a tenth of its
/// jerks.
#[test]
fn a_tour_of_all_joints_ends_alike_on_both_robots_without_a_violation() {
    rig::attempts(|| tour_both(&Pace { limits: rig::brainstem(), leg_secs: 2.4, brakes_from_rad_s: None }));
}

/// Half of the robot's velocities, accelerations and jerks, as launch/README.md has it for a real arm's beginning: legs at four
/// fifths of that velocity, and a stop in the middle of one, which brakes with all of that acceleration and jerk.
#[test]
fn a_tour_with_half_of_the_robots_limits_and_a_hard_stop_in_it_touches_none_of_them() {
    // Braked so hard, the last joint of either simulated robot trembles from then on: 0.08 rad/s to and fro, a tenth of a
    // milliradian, also when nobody commands it. That counts as standing here, or no reset would be granted.
    let limits = BrainstemConfig { still_rad_s: 0.1, ..rig::half() };
    rig::attempts(|| tour_both(&Pace { limits: limits.clone(), leg_secs: 1.6, brakes_from_rad_s: Some(0.5) }));
}

fn tour_both(pace: &Pace) {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Limits, &[]);
    let strict = tour(&mut server, pace);
    let state = server.ask("state");
    assert_eq!(state["violations"].as_array().unwrap().len(), 0, "{state}");
    // The motion was ended in the robot's own way, not by a reflex.
    assert_eq!(state["mode"], "kIdle");
    drop(server);
    let contact = tour(&mut Server::start(Kind::Contact, &[]), pace);
    for (a, b) in strict.iter().flatten().zip(contact.iter().flatten()) {
        assert!((a - b).abs() < 0.01, "{strict:?}\n{contact:?}");
    }
}

#[test]
fn a_reflex_latches_and_only_recovery_and_reset_together_lead_on() {
    rig::attempts(reflex);
}

fn reflex() {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Limits, &[]);
    let franka = connect(&rig::config(&server), Arc::new(MonotonicClock)).unwrap();
    let (desk, arm) = (franka.desk, Cable::new(franka.arm));
    let is_cut = arm.is_cut();
    let mut body = Body::new(rig::fr3(), rig::brainstem(), arm);
    let mut goal = START_RAD;
    goal[3] += 0.4;

    // Twenty commands in a row are lost in the middle of a motion.
    let is_cut_there = is_cut.clone();
    assert!(body.go_until(&goal, 2.0, |body| {
        if body.commanded.qd[3] > 0.2 {
            is_cut_there.store(true, Ordering::Relaxed);
        }
        // The loop hears of it from the robot at the first command after it.
        if desk.status().mode == RobotMode::Reflex {
            is_cut_there.store(false, Ordering::Relaxed);
        }
        body.fault.is_some()
    }));
    let stopped = body.wait_for("a latch", |body| body.mode == Mode::Latched);
    assert_eq!(stopped.fault, Some(Fault::ArmStopped));
    let status = desk.status();
    assert_eq!((status.mode, status.is_driven), (RobotMode::Reflex, false));
    assert!(status.last_reflexes.to_string().contains("communication_constraints_violation"), "{status:?}");
    assert_eq!(status.trouble, Some(FrankaError::Mode { mode: RobotMode::Reflex }));

    // A reset alone does not.
    body.signals.reset.raise();
    body.wait_ticks(50);
    let state = body.wait_for("the latch again", |body| body.mode == Mode::Latched);
    assert_eq!(state.fault, Some(Fault::ArmStopped));

    desk.recover().unwrap();
    body.signals.reset.raise();
    body.wait_for("leave to move", |body| body.mode == Mode::Hold && body.fault.is_none());
    body.go(&goal, 1.5);
    body.wait_ticks(400);
    let state = body.state();
    assert_eq!(
        (state.mode, state.fault.map(|fault| fault.reaction())),
        (Mode::Hold, Some(neuraxis_core::Reaction::Stop))
    );
    assert!((state.state.q[3] - goal[3]).abs() < 0.01, "{:?}", state.state.q);
    let seen = server.ask("state");
    assert_eq!(seen["violations"].as_array().unwrap().len(), 0, "{seen}");

    // Somebody presses the stop button: only that person can release it.
    server.ask("mode user_stopped");
    let state = body.wait_for("a latch", |body| body.mode == Mode::Latched);
    assert_eq!(state.fault, Some(Fault::ArmStopped));
    let refused = desk.recover().unwrap_err().to_string();
    assert!(refused.contains("stopped by its user") && refused.contains("release the stop button"), "{refused}");
    server.ask("mode auto");
    body.wait_ticks(20);
    desk.recover().unwrap();
    body.signals.reset.raise();
    body.wait_for("leave to move", |body| body.mode == Mode::Hold && body.fault.is_none());
    body.go(&START_RAD, 1.5);
    assert_eq!(body.end().fault, Some(Fault::LeaseExpired));
}

#[test]
fn a_robot_that_is_not_ready_is_refused_with_what_to_do() {
    let _alone = rig::alone();
    let mut server = Server::start(Kind::Limits, &[]);
    for (mode, remedy) in [
        ("guiding", "let go of the guiding buttons"),
        ("user_stopped", "release the stop button"),
        ("reflex", "ask for recovery"),
        ("other", "open the brakes"),
    ] {
        server.ask(&format!("mode {mode}"));
        let refused = connect(&rig::config(&server), Arc::new(MonotonicClock)).err().unwrap().to_string();
        assert!(refused.contains(remedy), "{mode}: {refused}");
    }
    server.ask("mode auto");
    assert!(connect(&rig::config(&server), Arc::new(MonotonicClock)).is_ok());
}
