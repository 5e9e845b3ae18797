//! Fingers move where a key-frame is reached, as firmly as they are told; nothing else moves them.

mod body;

use body::{Body, EPOCH, key, moved, script, silent};
use neuraxis_brainstem::BrainstemConfig;
use neuraxis_cerebellum::CerebellumConfig;
use neuraxis_core::Gripper;

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
