//! A policy or camera that falls silent is noticed, and an arm in motion stops; its return is enough to go on.

mod body;

use body::{Body, EPOCH, far, silent};
use neuraxis_brainstem::Mode;
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::{Fault, Nanos};

#[test]
fn without_a_prediction_the_arm_holds_and_the_wait_is_reported() {
    let mut body = Body::new(CerebellumConfig { waiting_timeout_secs: 0.5, ..Default::default() });
    let start = body.brainstem.commanded().q;
    let mut complained = None;
    for ms in 0..800 {
        let (mind, tick) = body.tick(&mut silent);
        assert_eq!((mind.phase, tick.command.q, tick.fault), (Phase::Waiting, start, None));
        if mind.fault.is_some() {
            assert_eq!(mind.fault, Some(Fault::PolicyStale));
            complained.get_or_insert(ms);
        }
    }
    assert!(complained.is_some_and(|ms| (500..=510).contains(&ms)), "{complained:?}");
    let goal = far(&body);
    let (mind, _) = body.until(1.0, &mut |_| Some(goal), |mind, _| mind.phase == Phase::Moving);
    assert_eq!(mind.fault, None);
}

/// A brain that waits for its plan says so; silence counts from when it says it no more, and images are missed at once.
#[test]
fn an_arm_that_is_told_to_rest_misses_images_but_no_predictions() {
    let config = CerebellumConfig { waiting_timeout_secs: 0.5, ..Default::default() };
    let mut body = Body::new(config.clone());
    for _ in 0..700 {
        body.cerebellum.rest(body.now);
        let (mind, tick) = body.tick(&mut silent);
        assert_eq!((mind.phase, mind.fault, tick.fault), (Phase::Waiting, None, None));
    }
    let goal = far(&body);
    let (mind, _) = body.until(1.0, &mut |_| Some(goal), |mind, _| mind.phase == Phase::Moving);
    assert_eq!(mind.fault, None);

    let mut body = Body::new(config);
    for _ in 0..700 {
        body.cerebellum.rest(body.now);
        body.tick(&mut silent);
    }
    let from = body.now;
    let (mind, _) = body.until(1.0, &mut silent, |mind, _| mind.fault.is_some());
    assert_eq!(mind.fault, Some(Fault::PolicyStale));
    assert!(body.now.secs_since(from) >= 0.5, "{} s", body.now.secs_since(from));

    body.start_task(EPOCH + 1);
    body.until(0.1, &mut silent, |mind, _| mind.fault.is_none());
    body.cerebellum.see_images(body.now);
    for ms in 0..700 {
        body.cerebellum.rest(body.now);
        let (mind, _) = body.tick(&mut silent);
        let missed = (ms > 520).then_some(Fault::CameraStale);
        assert!(mind.fault == missed || (480..=520).contains(&ms), "{ms} ms: {:?}", mind.fault);
    }
    // Images come again.
    body.cerebellum.see_images(body.now);
    let seen = (0..20).map(|_| {
        body.cerebellum.rest(body.now);
        body.tick(&mut silent).0.fault
    });
    assert_eq!(seen.last(), Some(None));
}

#[test]
fn sr19_a_policy_that_falls_silent_in_motion_is_a_smooth_stop_and_its_return_resumes() {
    let mut body = Body::new(CerebellumConfig { policy_silence_stop_secs: Some(0.3), ..Default::default() });
    let goal = far(&body);
    body.until(2.0, &mut |_| Some(goal), |mind, _| mind.phase == Phase::Moving);
    let (mind, _) = body.until(1.0, &mut silent, |mind, _| mind.phase == Phase::Stopped);
    assert_eq!((mind.fault, mind.active), (Some(Fault::PolicyStale), None));
    let moving = body.brainstem.commanded().qd.iter().any(|qd| qd.abs() > 0.05);
    assert!(moving, "the stop is a stop from motion");
    body.until(1.0, &mut silent, |mind, tick| {
        assert_eq!((tick.mode, tick.fault, mind.fault), (Mode::Track, None, Some(Fault::PolicyStale)));
        tick.command.qd.iter().all(|qd| qd.abs() < 1e-4)
    });
    assert!(body.tool().distance(&goal.world_from_tool).0 > 0.02, "stopped on the way");
    let (mind, _) = body.until(10.0, &mut |_| Some(goal), |mind, _| mind.progress.reached_count == 1);
    assert_eq!(mind.fault, None);
}

#[test]
fn sr19_sr22_a_policy_that_falls_silent_is_noticed_although_the_clock_stepped_back() {
    let mut body = Body::new(CerebellumConfig { waiting_timeout_secs: 0.5, ..Default::default() });
    body.tick(&mut silent);
    body.clock_steps_back(Nanos::from_millis(4000));
    let (mind, _) = body.until(1.0, &mut silent, |mind, _| mind.fault.is_some());
    assert_eq!(mind.fault, Some(Fault::PolicyStale));
}
