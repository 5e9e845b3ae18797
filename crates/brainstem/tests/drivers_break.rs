//! A driver that reports a failure or panics: the arm is latched, or braked from its last command, and it is told.

mod real_clock;
mod rig;

use std::{sync::Arc, time::Duration};

use neuraxis_brainstem::{
    Brainstem, BrainstemError, LoopSummary, Mode, MonotonicClock, RealtimeLinks, Signals, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Clock, Fault, Joints, Segment};
use real_clock::{FragileArm, IdealArm, config, speeding_up, watchdog};

#[test]
fn a_read_failure_latches_and_the_loop_can_still_be_left() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(robot.home()), reads_left: 20 };
    let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (state_writer, mut states) = mailbox(None);
    let (ticks, _records) = ring(16);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: vec![state_writer], ticks, stats: None, signals: signals.clone() };
    let looper = std::thread::spawn(move || {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |_| {})
    });
    while states.latest().is_none_or(|body| body.mode != Mode::Latched) {
        std::thread::sleep(Duration::from_millis(1));
    }
    signals.exit.raise();
    let summary = looper.join().unwrap().unwrap();
    assert_eq!(summary.fault, Some(Fault::ReadFailed));
}

/// Runs the loop with a segment that speeds joint 0 up from the first tick on.
fn run_in_motion(mut arm: FragileArm) -> Result<LoopSummary, BrainstemError> {
    let robot = rig::fr3();
    let mut brainstem = Brainstem::new(robot.clone(), config()).unwrap();
    let segment = speeding_up(MonotonicClock.now(), robot.home(), 1.0);
    let (_to_loop, segments) = mailbox(Some(segment));
    let links = RealtimeLinks { segments, states: Vec::new(), ticks: ring(1).0, stats: None, signals: Arc::default() };
    run_realtime(&mut arm, &mut brainstem, links, |_| {})
}

#[test]
fn sr13_a_panic_in_the_driver_brakes_the_arm_from_its_last_command() {
    let _alive = watchdog();
    let arm = FragileArm { panics_at_read: Some(60), ..FragileArm::new() };
    let commands = arm.commands.clone();
    let error = run_in_motion(arm).unwrap_err();
    assert!(error.to_string().contains("the driver is broken") && error.to_string().contains("braked"), "{error}");
    let commands = commands.lock().unwrap();
    let limits = rig::fr3();
    let fastest = commands.iter().map(|c| c.qd[0]).fold(0.0, f64::max);
    assert!(fastest > 0.02, "the arm never moved: {fastest} rad/s");
    for pair in commands.windows(2).skip(59) {
        rig::check_step(&pair[0], &pair[1], limits.limits(), 1e-3);
    }
    assert!(commands.len() > 60, "no stop after the panic");
    assert_eq!(commands.last().unwrap().qd, Joints::zeros(7));
}

#[test]
fn sr13_an_arm_that_takes_no_more_commands_is_said_to_be_unstopped() {
    let _alive = watchdog();
    let error = run_in_motion(FragileArm { panics_at_writes: 60..usize::MAX, ..FragileArm::new() }).unwrap_err();
    assert!(error.to_string().contains("the wire is cut") && error.to_string().contains("time-out"), "{error}");
}
