//! Key-frames in, limited commands out. Every command of every test is checked against position, velocity,
//! acceleration and jerk limits by `Body::tick`.

mod body;

use body::{Body, EPOCH, key, moved};
use neuraxis_brainstem::{BrainstemConfig, Mode};
use neuraxis_cerebellum::{CerebellumConfig, Phase, Refusal};
use neuraxis_core::{Fault, Gripper, JointPath, Joints, KeyFrame, Nanos, Prediction, Progress};

fn silent(_: &Progress) -> Option<KeyFrame> {
    None
}

/// A key-frame script, indexed by what has been reached.
fn script(keyframes: Vec<KeyFrame>) -> impl FnMut(&Progress) -> Option<KeyFrame> {
    move |progress| keyframes.get(progress.reached_count as usize).or(keyframes.last()).copied()
}

fn far(body: &Body) -> KeyFrame {
    key(moved(&body.home(), 0.0, 0.25, -0.05), Gripper::Open, false)
}

#[test]
fn key_frames_are_reached_in_order_without_a_fault() {
    let mut body = Body::new(CerebellumConfig::default());
    let above = moved(&body.home(), 0.05, 0.15, -0.10);
    let keyframes = vec![
        key(above, Gripper::Open, false),
        key(moved(&above, 0.0, 0.0, -0.08), Gripper::Closed, true),
        key(moved(&above, 0.0, -0.2, 0.0), Gripper::Closed, false),
        key(moved(&above, 0.0, -0.2, -0.06), Gripper::Open, true),
    ];
    let mut policy = script(keyframes.clone());
    for (i, keyframe) in keyframes.iter().enumerate() {
        let (mind, _) = body.until(10.0, &mut policy, |mind, tick| {
            assert_eq!((mind.fault, tick.fault, tick.rejected), (None, None, None));
            mind.progress.reached_count as usize > i
        });
        let (metres, radians) = body.tool().distance(&keyframe.world_from_tool);
        assert!(metres < 0.001 && radians < 0.005, "key-frame {i}: {metres} m, {radians} rad away");
        assert_eq!(mind.progress.reached_world_from_tool, keyframe.world_from_tool);
        assert_eq!(mind.progress.gripper, keyframe.gripper);
        let width_m = if keyframe.gripper == Gripper::Open { 0.08 } else { 0.0 };
        assert_eq!(mind.segment.gripper_width_m, width_m);
        assert!((body.state.gripper_width_m - width_m).abs() < 1e-9, "the fingers are done");
    }
    // The last key-frame again and again is no new one.
    let (mind, _) = (0..1000).map(|_| body.tick(&mut policy)).last().unwrap();
    assert_eq!((mind.progress.reached_count, mind.phase, mind.adopted), (4, Phase::Waiting, 4));
    assert!(mind.refused.already_there >= 5);
}

#[test]
fn fingers_close_as_firmly_as_they_are_told_and_hold_on_like_that() {
    let mut body = Body::new(CerebellumConfig::default());
    let there = moved(&body.home(), 0.05, 0.15, -0.10);
    let up = |gripper| key(moved(&there, 0.0, 0.0, 0.05), gripper, false);
    let mut policy = script(vec![
        key(there, Gripper::Closed, false),
        up(Gripper::Closed),
        key(there, Gripper::Open, false),
        up(Gripper::Closed),
        key(there, Gripper::Open, false),
        up(Gripper::Closed),
    ]);
    // Until a key-frame is reached: the force in the segments, and what the brainstem makes of it.
    let mut reach = |body: &mut Body, count: u32| {
        let (mind, tick) = body.until(10.0, &mut policy, |mind, _| mind.progress.reached_count >= count);
        (mind.segment.grip_force_n, tick.command.grip_force_n)
    };
    body.cerebellum.set_grip_force(Some(12.0));
    assert_eq!(reach(&mut body, 1), (12.0, 12.0));
    // What is held stays held like that, whoever says what in the meantime, until it is let go.
    body.cerebellum.set_grip_force(None);
    assert_eq!(reach(&mut body, 2), (12.0, 12.0));
    assert_eq!(reach(&mut body, 3), (35.0, 35.0));
    body.cerebellum.set_grip_force(Some(f64::NAN));
    assert_eq!(reach(&mut body, 4), (35.0, 35.0), "no number says nothing");
    // No more than the limits allow.
    reach(&mut body, 5);
    body.cerebellum.set_grip_force(Some(500.0));
    assert_eq!(reach(&mut body, 6), (500.0, BrainstemConfig::default().grip_force_max_n));
}

/// What a hand holds that was found so far closed would fall, or be squeezed.
#[test]
fn sr31_who_leaves_the_fingers_moves_none_wherever_they_were_found() {
    for (width_m, gripper) in
        [(0.06, Gripper::Open), (0.03, Gripper::Closed), (0.0785, Gripper::Open), (0.0015, Gripper::Closed)]
    {
        let mut body = Body::found(CerebellumConfig::default(), BrainstemConfig::default(), width_m);
        body.cerebellum.leave_fingers();
        body.start_task(EPOCH);
        let there = moved(&body.home(), 0.05, 0.15, -0.10);
        let mut policy = script(vec![key(there, gripper, false), key(body.home(), gripper, false)]);
        body.until(20.0, &mut policy, |mind, tick| {
            let told_m = (mind.segment.gripper_width_m, tick.command.gripper_width_m);
            assert_eq!(told_m, (width_m, width_m));
            assert_eq!((mind.fault, tick.fault, mind.progress.gripper), (None, None, gripper));
            mind.progress.reached_count == 2
        });
        assert!(body.tool().distance(&body.home()).0 < 0.001, "it went nowhere");
    }
}

#[test]
fn a_planned_path_is_followed_from_waypoint_to_waypoint_and_only_for_a_free_key_frame() {
    let goal_q = |body: &Body| Joints::from_fn(7, |i| body.robot.home()[i] + if i == 0 { 0.3 } else { 0.0 });
    let aside_q = |body: &Body| Joints::from_fn(7, |i| body.robot.home()[i] + if i == 1 { -0.3 } else { 0.0 });
    // How near the arm comes to the waypoint aside of the way [rad].
    let nearest = |contact: bool| {
        let mut body = Body::new(CerebellumConfig::default());
        let (goal, aside) = (goal_q(&body), aside_q(&body));
        body.path = JointPath::new(&[aside, goal]);
        let keyframe = key(body.robot.world_from_tool(&goal), Gripper::Open, contact);
        let mut least = f64::INFINITY;
        body.until(10.0, &mut |_| Some(keyframe), |mind, tick| {
            assert_eq!(mind.fault, None);
            least = least.min(tick.command.q.max_abs_diff(&aside));
            mind.progress.reached_count > 0
        });
        assert!(body.tool().distance(&keyframe.world_from_tool).0 < 0.001);
        least
    };
    assert!(nearest(false) < 0.01, "{}", nearest(false));
    assert!(nearest(true) > 0.2, "contact goes straight: {}", nearest(true));
}

/// The most that motion.yaml may ask for is no more than the brainstem lets pass.
#[test]
fn motion_that_uses_all_of_the_joints_speed_is_no_fault() {
    let mut config =
        CerebellumConfig { workspace_min_xyz_m: [-5.0; 3], workspace_max_xyz_m: [5.0; 3], ..Default::default() };
    config.motion.velocity_scale = 1.0;
    let mut body = Body::new(config);
    let goal = Joints::from_fn(7, |i| body.robot.home()[i] + if i == 0 { 2.0 } else { 0.0 });
    body.path = JointPath::new(&[goal]);
    let keyframe = key(body.robot.world_from_tool(&goal), Gripper::Open, false);
    let mut fastest_rad_s: f64 = 0.0;
    body.until(10.0, &mut |_| Some(keyframe), |mind, tick| {
        assert_eq!((mind.fault, tick.fault, tick.rejected), (None, None, None));
        fastest_rad_s = fastest_rad_s.max(tick.command.qd[0].abs());
        mind.progress.reached_count > 0
    });
    let most_rad_s = body.limits[0].velocity_rad_s;
    assert!(fastest_rad_s > 0.98 * most_rad_s, "{fastest_rad_s} of {most_rad_s} rad/s");
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

#[test]
fn an_arm_that_cannot_be_read_has_not_arrived() {
    let mut body = Body::new(CerebellumConfig { arrival_timeout_secs: 5.0, ..Default::default() });
    let grasp = key(far(&body).world_from_tool, Gripper::Closed, false);
    let mut policy = script(vec![grasp]);
    let robot = body.robot.clone();
    body.until(10.0, &mut policy, |mind, tick| {
        let tool = robot.world_from_tool(&tick.command.q);
        mind.phase == Phase::Moving && tool.distance(&grasp.world_from_tool).0 < 1e-3
    });
    body.blind = true;
    for _ in 0..500 {
        let (mind, _) = body.tick(&mut policy);
        assert_eq!((mind.phase, mind.progress.reached_count), (Phase::Moving, 0));
    }
    body.blind = false;
    body.until(2.0, &mut policy, |mind, _| mind.progress.reached_count == 1);
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

#[test]
fn sr01_segments_that_do_not_arrive_are_a_bounded_stop_and_motion_resumes_from_there() {
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let mut policy = |p: &Progress| (p.reached_count == 0).then_some(goal);
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
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
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let mut policy = |p: &Progress| (p.reached_count == 0).then_some(goal);
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
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

/// Stopped, or without segments for a while, when it settles where its fingers are to move; then free again.
#[test]
fn who_is_stopped_while_it_settles_moves_no_finger_and_has_reached_nothing() {
    // The key-frame, what the fingers are told on the way to it, and whether segments only fail to arrive.
    for (to, fingers, cut) in [(0, (0.08, 35.0), false), (0, (0.08, 35.0), true), (1, (0.0, 12.0), false)] {
        let mut settling = 0;
        for ms in (0..20).step_by(5) {
            let mut body = Body::new(CerebellumConfig::default());
            body.cerebellum.set_grip_force(Some(12.0));
            let there = moved(&body.home(), 0.0, 0.05, -0.05);
            let keyframes = [key(there, Gripper::Closed, false), key(body.home(), Gripper::Open, false)];
            let mut policy = script(keyframes.to_vec());
            let robot = body.robot.clone();
            body.until(10.0, &mut policy, |mind, tick| {
                let tool = robot.world_from_tool(&tick.command.q);
                mind.active == Some(keyframes[to]) && tool.distance(&keyframes[to].world_from_tool).0 < 1e-4
            });
            for _ in 0..ms {
                body.tick(&mut policy);
            }
            // What has arrived when segments are cut off is still followed.
            let sent_m = body.mind.map_or(0.0, |mind| mind.segment.gripper_width_m);
            if fingers.0 != if cut { sent_m } else { body.brainstem.commanded_gripper_width_m() } {
                continue;
            }
            settling += 1;
            if cut {
                body.cut = true
            } else {
                body.brainstem.request_stop()
            }
            for later_ms in 0..2500 {
                if later_ms == 2000 {
                    body.cut = false;
                    assert_eq!(body.brainstem.reset().is_err(), cut, "only a stop is latched");
                }
                let (mind, tick) = body.tick(&mut silent);
                let told = (tick.command.gripper_width_m, tick.command.grip_force_n);
                assert_eq!(told, fingers, "{ms} ms, {later_ms} ms later: {mind:?}");
                assert_eq!(mind.progress.reached_count as usize, to, "{ms} ms, {later_ms} ms later: {mind:?}");
            }
            // It goes on.
            body.until(10.0, &mut policy, |mind, _| mind.progress.reached_count as usize > to);
        }
        assert!(settling > 1, "the fingers moved before the stop");
    }
}

/// Lower limits in the brainstem's file are lower for all motion, and for the stops between tasks.
#[test]
fn a_brainstem_that_allows_less_gets_slower_motion_and_slower_stops() {
    let half = BrainstemConfig { velocity_scale: 0.5, acceleration_scale: 0.5, jerk_scale: 0.5, ..Default::default() };
    let mut body = Body::within(CerebellumConfig::default(), half);
    let above = moved(&body.home(), 0.05, 0.15, -0.10);
    let mut policy = script(vec![
        key(above, Gripper::Open, false),
        key(moved(&above, 0.0, 0.0, -0.08), Gripper::Closed, true),
        key(moved(&above, 0.0, -0.2, 0.0), Gripper::Closed, false),
        key(above, Gripper::Closed, false),
    ]);
    // Slower by half, and no slower than that: each limit is shared once. What is beyond it fails in `tick`.
    let most = body.limits.clone();
    let (mut fastest, mut hardest) = (0.0_f64, 0.0_f64);
    body.until(20.0, &mut policy, |mind, tick| {
        assert_eq!((tick.fault, tick.rejected, mind.fault), (None, None, None));
        for ((limit, qd), qdd) in most.iter().zip(tick.command.qd.iter()).zip(tick.command.qdd.iter()) {
            fastest = fastest.max(qd.abs() / limit.velocity_rad_s);
            hardest = hardest.max(qdd.abs() / limit.acceleration_rad_s2);
        }
        mind.progress.reached_count == 3
    });
    assert!(fastest > 0.3 && hardest > 0.4, "{fastest:.2} of the speed, {hardest:.2} of the acceleration that is left");
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
    body.start_task(EPOCH + 1);
    body.until(2.0, &mut silent, |mind, tick| {
        assert_eq!((tick.fault, tick.rejected, mind.fault), (None, None, None));
        tick.command.qd.iter().all(|qd| qd.abs() < 1e-4)
    });
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
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let mut policy = |p: &Progress| (p.reached_count == 0).then_some(goal);
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
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
    let mut body = Body::new(CerebellumConfig::default());
    let goal = far(&body);
    let mut policy = |p: &Progress| (p.reached_count == 0).then_some(goal);
    body.until(3.0, &mut policy, |_, tick| tick.command.qd.iter().any(|qd| qd.abs() > 0.2));
    body.clock_steps_back(Nanos::from_millis(4000));
    let (_, tick) = body.until(1.0, &mut policy, |_, tick| tick.mode == Mode::Hold);
    assert_eq!(tick.fault, Some(Fault::LeaseExpired));
    // Well before the clock is where it was.
    let (mind, _) = body.until(2.5, &mut policy, |mind, _| mind.progress.reached_count == 1);
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
