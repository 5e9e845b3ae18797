//! Predictions that are spoilt, early, unwanted or out of reach are refused, and the reason is told.

mod body;

use body::{Body, EPOCH, far, key, moved, silent};
use neuraxis_cerebellum::{CerebellumConfig, Phase, Refusal};
use neuraxis_core::{Fault, Gripper, JointPath, Nanos, Prediction};

#[test]
fn sr02_sr03_unusable_predictions_are_refused_by_reason_and_move_nothing() {
    type Spoil = fn(&mut Prediction);
    let cases: [(Refusal, Spoil); 6] = [
        (Refusal::WrongEpoch, |p| p.epoch = EPOCH - 1),
        (Refusal::NotFinite, |p| p.confidence = f32::NAN),
        (Refusal::NotFinite, |p| p.keyframe.world_from_tool = moved(&p.keyframe.world_from_tool, f64::NAN, 0.0, 0.0)),
        (Refusal::Stale, |p| p.observed_at = p.observed_at - Nanos::from_millis(700)),
        (Refusal::FromTheFuture, |p| p.observed_at = p.observed_at + Nanos::from_millis(500)),
        (Refusal::OutOfBounds, |p| p.keyframe.world_from_tool = moved(&p.keyframe.world_from_tool, 0.0, 0.0, -0.8)),
    ];
    let mut body = Body::new(CerebellumConfig::default());
    let (start, goal) = (body.brainstem.commanded().q, far(&body));
    for (refusal, spoil) in cases {
        for _ in 0..10 {
            body.tick(&mut silent);
        }
        let mut prediction = body.predict(goal);
        spoil(&mut prediction);
        body.prediction = Some(prediction);
        let (mind, _) = body.until(0.1, &mut silent, |mind, _| mind.refusal.is_some());
        assert_eq!(mind.refusal, Some(refusal));
        assert_eq!((mind.phase, mind.active, body.brainstem.commanded().q), (Phase::Waiting, None, start));
    }
    let refused = body.mind.unwrap().refused;
    assert_eq!((refused.not_finite, refused.stale, refused.total()), (2, 1, 6));
    // A good one still works: refused ones did not use up its number.
    body.prediction = Some(body.predict(goal));
    body.until(0.1, &mut silent, |mind, _| mind.phase == Phase::Moving);
}

#[test]
fn an_observation_from_before_the_arrival_does_not_choose_the_next_key_frame() {
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let next = key(goal.world_from_tool, Gripper::Closed, true);
    body.until(10.0, &mut |p| (p.reached_count == 0).then_some(goal), |mind, _| mind.progress.reached_count == 1);
    let mut early = body.predict(next);
    early.observed_at = body.now - Nanos::from_millis(50);
    body.prediction = Some(early);
    body.until(0.1, &mut silent, |mind, _| mind.refusal == Some(Refusal::BeforeArrival));
    body.prediction = Some(body.predict(next));
    let (mind, _) = body.until(0.1, &mut silent, |mind, _| mind.phase == Phase::Moving);
    assert_eq!(mind.refused.before_arrival, 1);
}

#[test]
fn without_repredict_one_prediction_per_key_frame_is_enough_and_later_ones_are_not_wanted() {
    let config = CerebellumConfig { repredict: false, policy_silence_stop_secs: Some(0.1), ..Default::default() };
    let mut body = Body::new(config);
    let goal = far(&body);
    let other = key(moved(&body.home(), 0.0, -0.2, 0.0), Gripper::Open, false);
    body.until(2.0, &mut |_| Some(goal), |mind, _| mind.phase == Phase::Moving);
    body.until(1.0, &mut |_| Some(other), |mind, _| mind.refusal == Some(Refusal::NotWanted));
    let (mind, _) = body.until(10.0, &mut silent, |mind, _| {
        assert_eq!(mind.fault, None);
        mind.progress.reached_count == 1
    });
    assert_eq!((mind.adopted, mind.retargeted), (1, 0));
}

#[test]
fn a_path_to_somewhere_else_is_refused() {
    let mut body = Body::new(CerebellumConfig::default());
    body.path = JointPath::new(&[body.robot.home()]);
    let keyframe = far(&body);
    let (mind, _) = (0..1000).map(|_| body.tick(&mut |_| Some(keyframe))).last().unwrap();
    assert!(mind.refused.unreachable > 0 && mind.progress.reached_count == 0, "{mind:?}");
    assert!(body.tool().distance(&body.home()).0 < 0.001, "it has not moved");
}

#[test]
fn an_unreachable_key_frame_is_a_fault_and_the_arm_stays() {
    let config =
        CerebellumConfig { workspace_min_xyz_m: [-5.0; 3], workspace_max_xyz_m: [5.0; 3], ..Default::default() };
    let mut body = Body::new(config);
    let (start, goal) = (body.brainstem.commanded().q, far(&body));
    let beyond = key(moved(&body.home(), 2.0, 0.0, 0.0), Gripper::Open, false);
    let (mind, tick) = body.until(1.0, &mut |_| Some(beyond), |mind, _| mind.phase == Phase::Stopped);
    assert_eq!((mind.fault, mind.refusal), (Some(Fault::Unreachable), Some(Refusal::Unreachable)));
    assert_eq!((tick.command.q, tick.fault), (start, None));
    body.until(10.0, &mut |_| Some(goal), |mind, _| mind.progress.reached_count == 1);
}
