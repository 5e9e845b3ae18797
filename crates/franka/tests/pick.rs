//! A pick in contact: close on a cube, lift it, let it go. Where the cube is, the simulated world tells.

mod rig;

use std::sync::Arc;

use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::Flag;
use neuraxis_core::{Base, Joints, Pose, Tool};
use neuraxis_franka::connect;
use neuraxis_robot::{IkRequest, Robot};
use rig::{
    START_RAD,
    body::Body,
    server::{Kind, Server},
};
use serde_json::Value;

const CUBE_XY_M: [f64; 2] = [0.45, 0.06];
const EDGE_M: f64 = 0.04;

/// Joint positions with the tool point here in the base frame, the hand as at the start [m], [rad].
fn over(robot: &Robot, seed: &Joints, z_m: f64) -> Joints {
    let start: Pose<Base, Tool> = robot.base_from_tool(&Joints::from_slice(&START_RAD).unwrap());
    let position = [CUBE_XY_M[0], CUBE_XY_M[1], z_m].into();
    let base_from_tool = Pose::from_parts(position, start.rotation());
    robot.ik(&IkRequest { base_from_tool, seed: *seed, restarts: 20, posture: None }).unwrap()
}

fn cube_z_m(state: &Value) -> f64 {
    state["cube"][2].as_f64().unwrap()
}

#[test]
fn a_cube_is_gripped_lifted_and_let_go() {
    rig::attempts(pick);
}

fn pick() {
    let _alone = rig::alone();
    let cube = [CUBE_XY_M[0], CUBE_XY_M[1], EDGE_M / 2.0, EDGE_M].map(|number| number.to_string());
    let mut server = Server::start(Kind::Contact, &["--cube", &cube[0], &cube[1], &cube[2], &cube[3]]);
    let franka = connect(&rig::config(&server), Arc::new(MonotonicClock)).unwrap();
    let (stop, mut gripper) = (Arc::new(Flag::default()), franka.gripper.unwrap());
    let stop_hand = stop.clone();
    let hand = std::thread::spawn(move || {
        let mut troubles = Vec::new();
        gripper.run(&stop_hand, |error| troubles.push(error.to_string()));
        troubles
    });
    let robot = rig::fr3();
    let mut body = Body::new(robot.clone(), rig::brainstem(), franka.arm);

    let above = over(&robot, &Joints::from_slice(&START_RAD).unwrap(), 0.16);
    let around = over(&robot, &above, EDGE_M / 2.0);
    body.go(&above, 2.0);
    body.go(&around, 1.5);
    assert!((body.state().state.gripper_width_m - 0.08).abs() < 0.003, "{:?}", body.state().state);
    body.grip(0.0, 40.0);
    let width_m = body.state().state.gripper_width_m;
    assert!((width_m - EDGE_M).abs() < 0.006, "the fingers rest at {width_m} m");
    let before = cube_z_m(&server.ask("state"));
    body.go(&above, 1.5);
    let lifted = cube_z_m(&server.ask("state"));
    println!("the cube: {before:.3} m, lifted {lifted:.3} m; fingers at {width_m:.4} m");
    assert!(before < 0.03 && lifted > 0.12, "{before} m, {lifted} m");

    body.grip(0.08, 40.0);
    let dropped = cube_z_m(&server.ask("state"));
    assert!(dropped < 0.05, "let go, the cube is at {dropped} m");
    body.end();
    stop.raise();
    assert_eq!(hand.join().unwrap(), Vec::<String>::new());
}
