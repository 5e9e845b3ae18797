//! Key-frames in, limited commands out: the arm goes where it is told, as fast as it may, and knows when it is there.

mod body;

use body::{Body, EPOCH, far, key, moved, script, silent};
use neuraxis_brainstem::BrainstemConfig;
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::{Gripper, JointPath, Joints};

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
