//! A goal follows predictions that agree, by as much as they are sure of; a single one that jumps moves it nowhere.

mod body;

use body::{Body, far, key, moved, script};
use neuraxis_cerebellum::{CerebellumConfig, Phase, Refusal};
use neuraxis_core::{Gripper, KeyFrame, Progress};

#[test]
fn a_target_that_moves_a_little_is_followed() {
    let mut body = Body::new(CerebellumConfig::default());
    let (first, second) = (far(&body), key(moved(&body.home(), 0.03, 0.22, -0.05), Gripper::Open, false));
    let mut asked = 0;
    let mut policy = |progress: &Progress| {
        asked += 1;
        (progress.reached_count == 0).then_some(if asked < 4 { first } else { second })
    };
    let (mind, _) = body.until(10.0, &mut policy, |mind, tick| {
        assert_eq!((mind.fault, tick.fault), (None, None));
        mind.progress.reached_count == 1
    });
    assert!(mind.retargeted >= 1 && mind.adopted == 1, "{mind:?}");
    assert!(body.tool().distance(&second.world_from_tool).0 < 0.001);
}

#[test]
fn a_jump_is_adopted_only_when_predictions_agree() {
    let mut body = Body::new(CerebellumConfig::default());
    let (left, right) = (far(&body), key(moved(&body.home(), 0.0, -0.25, -0.05), Gripper::Open, false));
    body.until(2.0, &mut |_| Some(left), |mind, _| mind.phase == Phase::Moving);
    // One prediction that jumps changes nothing.
    let mut once = Some(right);
    let (mind, _) = body.until(2.0, &mut |_| once.take(), |mind, _| mind.refusal == Some(Refusal::Unconfirmed));
    assert_eq!(mind.active, Some(left));
    // Three do.
    body.until(2.0, &mut |_| Some(right), |mind, tick| {
        assert_eq!((mind.fault, tick.fault), (None, None));
        mind.active == Some(right)
    });
    body.until(10.0, &mut |p| (p.reached_count == 0).then_some(right), |mind, tick| {
        assert_eq!((mind.fault, tick.fault), (None, None));
        mind.progress.reached_count == 1
    });
    assert!(body.tool().distance(&right.world_from_tool).0 < 0.001);
}

#[test]
fn a_goal_is_moved_by_as_much_as_the_prediction_is_sure_of() {
    let moved_m = |confidence: f32| {
        let mut body = Body::new(CerebellumConfig::default());
        let first = far(&body);
        let second = key(moved(&first.world_from_tool, 0.0, -0.04, 0.0), Gripper::Open, false);
        body.until(2.0, &mut |_| Some(first), |mind, _| mind.phase == Phase::Moving);
        body.confidence = confidence;
        let mut once = Some(second);
        let (mind, _) = body.until(2.0, &mut |_| once.take(), |mind, _| mind.retargeted == 1);
        mind.active.unwrap().world_from_tool.distance(&first.world_from_tool).0
    };
    for (confidence, all) in [(1.0, 0.04), (0.3, 0.3 * 0.04)] {
        assert!((moved_m(confidence) - all).abs() < 1e-6, "{confidence}: {} m", moved_m(confidence));
    }
}

/// From above down to something, which is displaced when the arm is as good as there.
fn displaced_at_the_last_moment(config: CerebellumConfig, by_m: f64, wavers: bool) -> (Body, [KeyFrame; 2]) {
    let mut body = Body::new(config);
    let above = moved(&body.home(), 0.05, 0.15, -0.10);
    let grasp = |y: f64| key(moved(&above, 0.0, y, -0.09), Gripper::Closed, true);
    let (first, second) = (grasp(0.0), grasp(by_m));
    let mut policy = script(vec![key(above, Gripper::Open, false), first]);
    body.until(10.0, &mut policy, |mind, _| mind.active == Some(first));
    while body.tool().distance(&first.world_from_tool).0 > 0.004 {
        body.tick(&mut policy);
    }
    let mut asked = 0;
    let mut policy = |progress: &Progress| {
        asked += 1;
        let told = if wavers && asked > 1 { first } else { second };
        (progress.reached_count == 1).then_some(told)
    };
    body.until(10.0, &mut policy, |mind, tick| {
        assert_eq!((mind.fault, tick.fault), (None, None));
        mind.phase == Phase::Gripper
    });
    (body, [first, second])
}

#[test]
fn fingers_do_not_close_on_a_place_that_the_target_has_left() {
    // Within the gate, and beyond.
    for by_m in [0.03, 0.06] {
        let (body, [_, second]) = displaced_at_the_last_moment(CerebellumConfig::default(), by_m, false);
        assert!(body.tool().distance(&second.world_from_tool).0 < 0.001);
        assert_eq!(body.mind.map(|mind| (mind.adopted, mind.retargeted)), Some((2, 1)));
    }
}

#[test]
fn near_the_goal_one_prediction_that_jumps_or_many_that_move_a_little_change_nothing() {
    for (by_m, wavers) in [(0.03, true), (0.008, false)] {
        let (body, [first, _]) = displaced_at_the_last_moment(CerebellumConfig::default(), by_m, wavers);
        assert!(body.tool().distance(&first.world_from_tool).0 < 0.001);
        assert_eq!(body.mind.map(|mind| mind.retargeted), Some(0));
    }
}
