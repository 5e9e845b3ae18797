//! In the midst of motion segments are lost or late, an operator stops the arm, a new task begins, a clock steps back:
//! the arm stops within its limits or goes on.

mod body;

use body::{Body, EPOCH, far, script, silent};
use neuraxis_brainstem::Mode;
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::{Fault, KeyFrame, Nanos, Progress};

/// An arm on its way to a goal, and a policy that names it until it is reached.
fn under_way() -> (Body, KeyFrame, impl FnMut(&Progress) -> Option<KeyFrame>) {
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let mut policy = move |p: &Progress| (p.reached_count == 0).then_some(goal);
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
    (body, goal, policy)
}

#[test]
fn sr01_segments_that_do_not_arrive_are_a_bounded_stop_and_motion_resumes_from_there() {
    let (mut body, goal, mut policy) = under_way();
    body.cut = true;
    let (_, tick) = body.until(0.03, &mut policy, |_, tick| tick.mode == Mode::Stopping);
    assert_eq!(tick.fault, Some(Fault::LeaseExpired));
    body.until(1.0, &mut policy, |_, tick| tick.mode == Mode::Hold);
    body.cut = false;
    body.until(10.0, &mut policy, |mind, _| mind.progress.reached_count == 1);
    assert!(body.tool().distance(&goal.world_from_tool).0 < 0.001);
}

#[test]
fn sr08_an_operator_stop_holds_against_the_policy_until_reset() {
    let (mut body, _, mut policy) = under_way();
    body.brainstem.request_stop();
    let (_, stopped) = body.until(1.0, &mut policy, |_, tick| tick.mode == Mode::Latched);
    for _ in 0..2000 {
        let (_, tick) = body.tick(&mut policy);
        assert_eq!((tick.mode, tick.command.q), (Mode::Latched, stopped.command.q));
    }
    body.brainstem.reset().unwrap();
    body.until(10.0, &mut policy, |mind, _| mind.progress.reached_count == 1);
}

/// A stop at a low speed ends a few milliradians short of where the cerebellum's own stop does. The task ends with it; once freed,
/// the arm stays where it was stopped, however early or late that was.
#[test]
fn sr08_an_arm_that_was_stopped_when_it_was_slow_does_not_move_when_it_is_reset() {
    let mut furthest: f64 = 0.0;
    for ms in (5..200).step_by(5) {
        let mut body = Body::new(CerebellumConfig::default());
        let mut policy = script(vec![far(&body)]);
        body.until(2.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 1e-3));
        for _ in 0..ms {
            body.tick(&mut policy);
        }
        body.brainstem.request_stop();
        let (_, stopped) = body.until(1.0, &mut policy, |_, tick| tick.mode == Mode::Latched);
        body.start_task(EPOCH + 1);
        for _ in 0..400 {
            body.tick(&mut silent);
        }
        body.brainstem.reset().unwrap();
        for _ in 0..1000 {
            let (_, tick) = body.tick(&mut silent);
            furthest = furthest.max(tick.command.q.max_abs_diff(&stopped.command.q));
        }
        assert!(furthest < 5e-4, "stopped after {ms} ms of motion it went {furthest} rad when it was reset");
    }
}

#[test]
fn a_new_task_stops_the_old_motion_and_ignores_its_predictions() {
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    body.until(3.0, &mut |_| Some(goal), |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
    body.start_task(EPOCH + 1);
    let (mind, _) = body.until(1.0, &mut |_| Some(goal), |mind, tick| {
        assert_eq!((tick.fault, tick.rejected, mind.fault), (None, None, None));
        tick.command.qd.iter().all(|qd| qd.abs() < 1e-4)
    });
    assert_eq!((mind.phase, mind.active, mind.progress.reached_count), (Phase::Waiting, None, 0));
    let (mind, _) = body.until(1.0, &mut |_| Some(goal), |mind, _| mind.refused.wrong_epoch > 2);
    assert_eq!(mind.phase, Phase::Waiting);
}

/// Called out of turn it repeats its last segment, also between two tasks.
#[test]
fn a_new_task_between_two_segments_does_not_bring_a_moving_arm_to_a_halt() {
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    body.until(3.0, &mut |_| Some(goal), |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
    // The cerebellum is 4 ms late, and on time after that.
    let due = body.mind.unwrap().segment.t0;
    while body.now < due + Nanos::from_millis(3) {
        body.out_of_turn(false);
    }
    body.out_of_turn(true);
    let segment = body.mind.unwrap().segment;
    body.start_task(EPOCH + 1);
    body.out_of_turn(true);
    let mind = body.mind.unwrap();
    assert_eq!((mind.segment, mind.phase, mind.active, mind.adopted), (segment, Phase::Waiting, None, 0));
    body.until(1.0, &mut silent, |mind, tick| {
        assert_eq!((tick.mode, tick.fault, tick.rejected, mind.fault), (Mode::Track, None, None, None));
        tick.command.qd.iter().all(|qd| qd.abs() < 1e-4)
    });
}

#[test]
fn sr11_an_overrun_of_the_cerebellum_within_the_lease_is_no_fault() {
    let (mut body, _, mut policy) = under_way();
    // Its tick comes 10 ms late, once; the brainstem goes on with the last segment.
    for _ in 0..10 {
        let tick = body.out_of_turn(false);
        assert_eq!((tick.mode, tick.fault), (Mode::Track, None));
    }
    body.until(10.0, &mut policy, |mind, tick| {
        assert_eq!((mind.fault, tick.fault), (None, None));
        mind.progress.reached_count == 1
    });
}

#[test]
fn sr22_a_clock_that_steps_back_is_a_stop_and_motion_resumes_at_once() {
    let (mut body, _, mut policy) = under_way();
    body.clock_steps_back(Nanos::from_millis(4000));
    let (_, tick) = body.until(1.0, &mut policy, |_, tick| tick.mode == Mode::Hold);
    assert_eq!(tick.fault, Some(Fault::LeaseExpired));
    // Well before the clock is where it was.
    let (mind, _) = body.until(2.5, &mut policy, |mind, _| mind.progress.reached_count == 1);
    assert_eq!(mind.fault, None);
}
