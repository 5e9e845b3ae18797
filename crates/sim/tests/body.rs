//! The simulated arm: the same kinematics as the URDF, close tracking, honest torques, and the same bytes each time.

mod driver;

use driver::{Driver, setup};
use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{ArmCommand, Joints, Nanos};
use neuraxis_sim::{CameraRig, Plant, Snapshot};

/// Torque limits of the FR3 [N m].
const TORQUE_NM: [f64; 7] = [87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0];

fn hold(plant: &Plant) -> ArmCommand {
    ArmCommand::hold(plant.state().q, 0.08, 35.0)
}

/// All joints on sines of different phase: smooth from the first tick, up to 0.5 rad/s.
fn sway(home: &Joints, secs: f64) -> (Joints, Joints) {
    const RAD: f64 = 0.2;
    let rate = |i: usize| 1.5 + 0.15 * i as f64;
    let q = Joints::from_fn(home.len(), |i| {
        home[i] + RAD * (1.0 - (rate(i) * secs).cos()) * if i % 2 == 0 { 1.0 } else { -1.0 }
    });
    let qd =
        Joints::from_fn(home.len(), |i| RAD * rate(i) * (rate(i) * secs).sin() * if i % 2 == 0 { 1.0 } else { -1.0 });
    (q, qd)
}

#[test]
fn tool_is_where_the_urdf_says() {
    let mut plant = Plant::new(&setup("push_buttons", 1)).expect("physics");
    let robot = driver::robot();
    let mut command = hold(&plant);
    let home = command.q;
    for tick in 0..2000 {
        (command.q, command.qd) = sway(&home, tick as f64 * 1e-3);
        plant.step(&command);
        if tick % 100 != 0 {
            continue;
        }
        // MuJoCo's derived poses are those before the last integration: compare at a state it has seen.
        let mut snapshot = Snapshot::default();
        plant.snapshot_into(&mut snapshot);
        let moved = plant.state().qd.iter().fold(0.0, |m: f64, v| m.max(v.abs())) * 1e-3;
        let expected = robot.world_from_tool(&plant.state().q);
        let position = plant.world().site_position("tool").expect("a site");
        let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(
            Matrix3::from_row_slice(&plant.world().site_rotation("tool").expect("a site")),
        ));
        let apart_m = (position - expected.position()).norm();
        assert!(apart_m < 1e-5 + 2.0 * moved, "{:.2e} m apart at tick {tick}", apart_m);
        assert!(rotation.angle_to(&expected.rotation()) < 1e-5 + 4.0 * moved, "turned at tick {tick}");
    }
}

#[test]
fn home_points_the_tool_down() {
    let plant = Plant::new(&setup("push_buttons", 1)).expect("physics");
    let pose = driver::robot().world_from_tool(&plant.state().q);
    assert!((pose.rotation() * Vector3::z() + Vector3::z()).norm() < 1e-3, "{pose:?}");
    let apart = (plant.world().site_position("tool").expect("a site") - pose.position()).norm();
    assert!(apart < 1e-5, "physics and URDF are {apart:.1e} m apart at home");
}

#[test]
fn moderate_motion_is_tracked_within_limits() {
    let mut plant = Plant::new(&setup("push_buttons", 2)).expect("physics");
    let mut command = hold(&plant);
    let home = command.q;
    let (mut worst, mut joint) = (0.0, 0);
    for tick in 0..4000 {
        (command.q, command.qd) = sway(&home, tick as f64 * 1e-3);
        plant.step(&command);
        let state = plant.state();
        for (i, most) in TORQUE_NM.iter().enumerate() {
            assert!(state.tau_nm[i].abs() <= *most, "joint {} takes {} N m", i + 1, state.tau_nm[i]);
            let error = (state.q[i] - command.q[i]).abs();
            if error > worst {
                (worst, joint) = (error, i + 1);
            }
        }
    }
    assert!(worst < 2e-3, "joint {joint} is {:.2} mrad behind", worst * 1e3);
}

#[test]
fn a_step_in_the_command_saturates_and_settles() {
    let mut plant = Plant::new(&setup("push_buttons", 2)).expect("physics");
    let mut command = hold(&plant);
    command.q[0] += 0.5;
    let mut saturated = false;
    for tick in 0..3000 {
        plant.step(&command);
        let state = plant.state();
        saturated |= (state.tau_nm[0].abs() - TORQUE_NM[0]).abs() < 1e-9;
        assert!(state.tau_nm[0].abs() <= TORQUE_NM[0] && state.q.is_finite());
        if tick > 2500 {
            assert!(state.qd[0].abs() < 0.01, "still swinging at {:.3} rad/s", state.qd[0]);
        }
    }
    assert!(saturated, "half a radian of error asks for more than the motor has");
    assert!((plant.state().q[0] - command.q[0]).abs() < 2e-3, "{:?}", plant.state().q);
}

#[test]
fn fingers_follow_the_width() {
    let mut plant = Plant::new(&setup("push_buttons", 3)).expect("physics");
    let mut command = hold(&plant);
    for width in [0.0, 0.05, 0.08, 0.02] {
        command.gripper_width_m = width;
        for _ in 0..1000 {
            plant.step(&command);
        }
        let measured = plant.state().gripper_width_m;
        // The fingers squeeze when closed, and their end stops give way by 1.4 mm each.
        let slack_m = if width == 0.0 { 3e-3 } else { 1e-3 };
        assert!((measured - width).abs() < slack_m, "{measured:.4} m when {width} m is asked for");
    }
}

#[test]
fn time_counts_milliseconds() {
    let mut plant = Plant::new(&setup("push_buttons", 3)).expect("physics");
    let command = hold(&plant);
    for _ in 0..250 {
        plant.step(&command);
    }
    assert_eq!(plant.state().stamp, Nanos(250_000_000));
    assert!((plant.world().time_secs() - 0.25).abs() < 1e-9);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |task: &str| {
        let setup = setup(task, 11);
        let mut plant = Plant::new(&setup).expect("physics");
        let mut command = hold(&plant);
        let home = command.q;
        for tick in 0..2000 {
            (command.q, command.qd) = sway(&home, tick as f64 * 1e-3);
            command.gripper_width_m = if tick > 1000 { 0.0 } else { 0.08 };
            plant.step(&command);
        }
        let mut snapshot = Snapshot::default();
        plant.snapshot_into(&mut snapshot);
        let bits: Vec<u64> = snapshot.qpos.iter().map(|x| x.to_bits()).collect();
        let views = CameraRig::new(&setup).expect("EGL").render(&plant).expect("images");
        (bits, views)
    };
    for task in neuraxis_sim::tasks::names(&neuraxis_sim::tasks::kinds()) {
        let (first, second) = (run(task), run(task));
        assert!(first.0 == second.0, "{task}: joint positions differ");
        assert!(first.1 == second.1, "{task}: images differ");
    }
}

#[test]
fn objects_rest_until_touched() {
    let setup = setup("stack_blocks", 5);
    let mut driver = Driver::new(&setup);
    let place =
        |d: &Driver, i: usize| d.plant.world().body_pose(&format!("block{i}")).expect("a body").translation.vector;
    let before: Vec<_> = (0..4).map(|i| place(&driver, i)).collect();
    driver.wait(2000);
    for (i, at) in before.iter().enumerate() {
        let moved = (place(&driver, i) - at).norm();
        assert!(moved < 1e-3, "block {i} moved {:.2} mm on its own", moved * 1e3);
    }
}
