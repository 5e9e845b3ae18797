//! The plant on a clock of the caller's: in step, never ahead, never leaping, and still when nobody commands.

mod driver;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use driver::setup;
use neuraxis_core::{Arm, ArmCommand, Fault, Joints, Nanos, Pacing};
use neuraxis_sim::{CameraRig, Plant, Snapshot, realtime, tasks};

const START: Nanos = Nanos::from_millis(5000);

fn ms(millis: u64) -> Nanos {
    START + Nanos::from_millis(millis)
}

fn command(q: Joints) -> ArmCommand {
    ArmCommand::hold(q, 0.08, 35.0)
}

#[test]
fn every_task_fits_into_a_frame() {
    for task in tasks::names(&tasks::kinds()) {
        let setup = setup(task, 6);
        let ends = realtime(Plant::new(&setup).expect("physics"), setup.goal().clone(), START);
        assert!(ends.is_ok(), "{task}: {:?}", ends.err());
    }
}

/// The same commands through the mailboxes and straight into a plant: the same world, and the same pictures.
#[test]
fn mailboxes_change_nothing() {
    let setup = setup("push_buttons", 6);
    let mut direct = Plant::new(&setup).expect("physics");
    let (mut physics, mut arm, mut frames) =
        realtime(Plant::new(&setup).expect("physics"), setup.goal().clone(), START).expect("ends");
    assert_eq!((arm.dof(), arm.pacing()), (7, Pacing::Clock));
    let home = direct.state().q;
    for tick in 1..=500 {
        let wanted = command(Joints::from_fn(home.len(), |i| home[i] + 0.05 * (1.0 - (0.005 * tick as f64).cos())));
        arm.write(&wanted).expect("a good command");
        assert_eq!(physics.advance(ms(tick)), 1);
        direct.step(&wanted);
        let state = arm.read().expect("a state");
        assert_eq!((state.stamp, state.q), (ms(tick), direct.state().q));
    }
    let (mut expected, mut seen) = (Snapshot::default(), Snapshot::default());
    direct.snapshot_into(&mut expected);
    let frame = frames.latest();
    frame.copy_into(&mut seen);
    assert_eq!((&seen.qpos, &seen.mocap, seen.stamp), (&expected.qpos, &expected.mocap, ms(500)));
    assert!(!frame.success && !frame.failed);
    let mut rig = CameraRig::new(&setup).expect("EGL");
    let (from_frame, from_plant) = (rig.render_snapshot(&seen).expect("images"), rig.render(&direct).expect("images"));
    assert!(from_frame == from_plant, "a frame draws another picture");
}

#[test]
fn time_is_kept_and_long_delays_are_dropped() {
    let setup = setup("open_drawer", 6);
    let plant = Plant::new(&setup).expect("physics");
    let (mut physics, mut arm, _frames) = realtime(plant, setup.goal().clone(), START).expect("ends");
    assert_eq!(physics.advance(START), 0);
    assert_eq!(physics.advance(START + Nanos(999_999)), 0);
    assert_eq!(physics.advance(ms(10)), 10);
    assert_eq!((physics.lost(), physics.now()), (Nanos(0), ms(10)));
    // A second's suspension: twenty steps of it happen, the rest never does.
    assert_eq!(physics.advance(ms(1010)), 20);
    assert_eq!((physics.lost(), physics.now()), (Nanos::from_millis(980), ms(1010)));
    assert_eq!(arm.read().expect("a state").stamp, ms(1010));
    // A clock that goes back is waited for.
    assert_eq!(physics.advance(ms(900)), 0);
    assert_eq!(physics.advance(ms(1011)), 1);
}

#[test]
fn sr01_nobody_commanding_means_holding() {
    let setup = setup("push_buttons", 6);
    let plant = Plant::new(&setup).expect("physics");
    let home = plant.state().q;
    let (mut physics, mut arm, _frames) = realtime(plant, setup.goal().clone(), START).expect("ends");
    for tick in 1..=500 {
        physics.advance(ms(tick));
    }
    let state = arm.read().expect("a state");
    assert!(state.q.max_abs_diff(&home) < 2e-3, "sagged to {:?}", state.q);

    // The last word was "moving": its velocity is not followed for ever.
    let mut moving = command(home);
    moving.qd = Joints::from_fn(moving.q.len(), |_| 0.5);
    arm.write(&moving).expect("a good command");
    for tick in 501..=2500 {
        physics.advance(ms(tick));
    }
    let state = arm.read().expect("a state");
    assert!(state.q.max_abs_diff(&home) < 2e-3, "left for {:?}", state.q);
}

#[test]
fn sr03_a_malformed_command_is_not_taken() {
    let setup = setup("push_buttons", 6);
    let plant = Plant::new(&setup).expect("physics");
    let mut good = command(plant.state().q);
    let (mut physics, mut arm, _frames) = realtime(plant, setup.goal().clone(), START).expect("ends");
    let mut bad = good;
    bad.q[3] = f64::NAN;
    assert_eq!(arm.write(&bad), Err(Fault::WriteFailed));
    bad = good;
    bad.qd[0] = f64::INFINITY;
    assert_eq!(arm.write(&bad), Err(Fault::WriteFailed));
    assert_eq!(arm.write(&command(Joints::zeros(6))), Err(Fault::WriteFailed));
    good.gripper_width_m = 0.04;
    assert_eq!(arm.write(&good), Ok(()));
    physics.advance(ms(10));
    assert!(arm.read().expect("a state").q.is_finite());
}

/// Physics in a thread of its own, the arm in another, on the real clock. The watchdog fails, slowness does not.
#[test]
fn the_arm_moves_across_threads() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let setup = setup("stack_blocks", 6);
    let plant = Plant::new(&setup).expect("physics");
    let mut goal_q = plant.state().q;
    goal_q[6] += 0.05;
    let (mut physics, mut arm, mut frames) = realtime(plant, setup.goal().clone(), Nanos(0)).expect("ends");
    let running = Arc::new(AtomicBool::new(true));
    let runs = running.clone();
    let from = Instant::now();
    let worker = thread::spawn(move || {
        // Relaxed: the flag orders nothing but itself.
        while runs.load(Ordering::Relaxed) && from.elapsed() < PATIENCE {
            physics.advance(Nanos(from.elapsed().as_nanos() as u64));
            thread::sleep(Duration::from_micros(300));
        }
        physics.now()
    });
    let mut stamp = Nanos(0);
    let mut state = arm.read().expect("a state");
    while state.q.max_abs_diff(&goal_q) > 3e-3 && from.elapsed() < PATIENCE {
        arm.write(&command(goal_q)).expect("a good command");
        state = arm.read().expect("a state");
        assert!(state.stamp >= stamp, "time went back from {stamp:?} to {:?}", state.stamp);
        stamp = state.stamp;
        thread::sleep(Duration::from_micros(300));
    }
    running.store(false, Ordering::Relaxed);
    let end = worker.join().expect("the physics thread");
    assert!(state.q.max_abs_diff(&goal_q) <= 3e-3, "still at {:?} after {:?}", state.q, from.elapsed());
    assert!(frames.latest().stamp <= end && frames.latest().stamp >= stamp);
}
