//! The mover on its own: goals are reached inside the limits, lines are straight, a moved goal causes no jump.

#[path = "../../robot/tests/shipped/mod.rs"]
mod shipped;

use std::sync::Arc;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Fault, Gripper, Joints, KeyFrame, PERIOD_CEREBELLUM, Pose, SegmentState, Tool, World};
use neuraxis_motion::{MotionConfig, Mover, towards};
use neuraxis_robot::Robot;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

fn robot() -> Arc<Robot> {
    Arc::new(shipped::robot("fr3"))
}

fn at_rest(q: Joints) -> SegmentState {
    let still = Joints::zeros(q.len());
    SegmentState { q, qd: still, qdd: still }
}

fn key(pose: Pose<World, Tool>, ignore_collisions: bool) -> KeyFrame {
    KeyFrame { world_from_tool: pose, gripper: Gripper::Open, ignore_collisions }
}

/// Steps to the goal; every state is checked against the one before. Returns the way of the tool.
fn follow(
    robot: &Robot,
    mover: &mut Mover,
    from: SegmentState,
    acceleration: f64,
) -> (SegmentState, Vec<Vector3<f64>>) {
    let dt = PERIOD_CEREBELLUM.secs();
    let (mut last, mut way) = (from, Vec::new());
    for _ in 0..4000 {
        if mover.is_done() {
            return (last, way);
        }
        let next = mover.step().unwrap();
        for i in 0..robot.dof() {
            let limit = &robot.limits()[i];
            assert!(next.qd[i].abs() <= limit.velocity_rad_s, "joint {i}: {} rad/s", next.qd[i]);
            let change = (next.qd[i] - last.qd[i]).abs() / dt;
            assert!(change <= acceleration * 1.01, "joint {i}: {change} rad/s²");
            let step = (next.q[i] - last.q[i]).abs();
            assert!(step <= limit.velocity_rad_s * dt, "joint {i} jumps {step} rad");
        }
        way.push(robot.world_from_tool(&next.q).position());
        last = next;
    }
    panic!("not done after 20 s, {} m to go", mover.remaining_m());
}

#[test]
fn free_goals_are_reached_over_the_table_and_within_the_limits() {
    let robot = robot();
    let config = MotionConfig::default();
    let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
    let home = robot.world_from_tool(&robot.home());
    let mut state = at_rest(robot.home());
    // Low on one side, then low on the other: the way between goes up to the transit height.
    let low = |x: f64, y: f64, yaw: f64| {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw);
        Pose::from_parts(Vector3::new(x, y, 0.80), turn * home.rotation())
    };
    for (i, goal) in [low(0.25, 0.2, 0.3), low(0.2, -0.2, -0.4)].into_iter().enumerate() {
        mover.start(&state, &key(goal, false)).unwrap();
        let (end, way) = follow(&robot, &mut mover, state, config.acceleration_rad_s2);
        let (metres, radians) = robot.world_from_tool(&end.q).distance(&goal);
        assert!(metres < 1e-3 && radians < 5e-3, "goal {i}: {metres} m, {radians} rad");
        assert!(end.qd.iter().all(|v| v.abs() < 1e-6));
        if i == 1 {
            let middle = way.iter().filter(|p| p.y.abs() < 0.05).map(|p| p.z).fold(f64::MAX, f64::min);
            assert!(middle > 0.86, "crosses at {middle} m");
        }
        state = end;
    }
}

#[test]
fn contact_goals_are_approached_on_a_straight_line() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    let state = at_rest(robot.home());
    let start = robot.world_from_tool(&state.q);
    let goal = Pose::from_parts(start.position() + Vector3::new(0.06, -0.05, -0.20), start.rotation());
    mover.start(&state, &key(goal, true)).unwrap();
    let (end, way) = follow(&robot, &mut mover, state, 10.0);
    assert!(robot.world_from_tool(&end.q).distance(&goal).0 < 1e-3);
    let along = (goal.position() - start.position()).normalize();
    for p in way {
        let off = p - start.position();
        let beside = (off - along * off.dot(&along)).norm();
        assert!(beside < 2e-4, "{beside} m beside the line");
    }
}

#[test]
fn a_goal_that_moves_is_followed_without_a_stop_or_a_jump() {
    let robot = robot();
    let config = MotionConfig::default();
    let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
    let mut state = at_rest(robot.home());
    let start = robot.world_from_tool(&state.q);
    let goal = |y: f64| Pose::from_parts(start.position() + Vector3::new(0.0, y, -0.05), start.rotation());
    mover.start(&state, &key(goal(0.20), false)).unwrap();
    let dt = PERIOD_CEREBELLUM.secs();
    for tick in 1..=80 {
        if tick % 20 == 0 {
            mover.retarget(&key(goal(0.20 + 0.0005 * f64::from(tick)), false)).unwrap();
        }
        let next = mover.step().unwrap();
        for i in 0..robot.dof() {
            let change = (next.qd[i] - state.qd[i]).abs() / dt;
            assert!(change <= config.acceleration_rad_s2 * 1.01, "joint {i} at tick {tick}: {change} rad/s²");
        }
        if tick > 30 && tick < 80 {
            assert!(next.qd.iter().any(|v| v.abs() > 0.05), "stops at tick {tick}");
        }
        state = next;
    }
    let (end, _) = follow(&robot, &mut mover, state, config.acceleration_rad_s2);
    assert!(robot.world_from_tool(&end.q).distance(&goal(0.24)).0 < 1e-3);
}

/// Beside the goal, and above it [m].
fn aside_and_above(robot: &Robot, state: &SegmentState, goal: &Pose<World, Tool>) -> (f64, f64) {
    let off = robot.world_from_tool(&state.q).position() - goal.position();
    (off.xy().norm(), off.z)
}

/// The tool points down: what moved aside is not pushed away.
#[test]
fn a_goal_that_moves_aside_at_the_last_moment_is_approached_from_over_it() {
    let robot = robot();
    let config = MotionConfig::default();
    let start = robot.world_from_tool(&robot.home());
    let goal = |y: f64| Pose::from_parts(start.position() + Vector3::new(0.0, y, -0.09), start.rotation());
    let (first, second) = (goal(0.0), goal(0.045));
    let limit_of = |joint: usize| robot.limits()[joint].acceleration_rad_s2;
    // On the way down, and at rest down there.
    for (before_m, has_arrived) in [(0.015, false), (0.0, true)] {
        let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
        let mut state = at_rest(robot.home());
        mover.start(&state, &key(first, true)).unwrap();
        while mover.remaining_m() > before_m && !mover.is_done() {
            state = mover.step().unwrap();
        }
        assert_eq!(mover.is_done(), has_arrived);
        mover.retarget(&key(second, true)).unwrap();
        let mut least_above_m = f64::MAX;
        while !mover.is_done() {
            let next = mover.step().unwrap();
            for i in 0..robot.dof() {
                let change = (next.qd[i] - state.qd[i]).abs() / PERIOD_CEREBELLUM.secs();
                assert!(change <= limit_of(i), "joint {i}: {change} rad/s²");
            }
            state = next;
            let (aside_m, above_m) = aside_and_above(&robot, &state, &second);
            if (0.01..0.043).contains(&aside_m) {
                least_above_m = least_above_m.min(above_m);
            }
        }
        assert!(least_above_m > 0.02, "beside it only {least_above_m} m above it");
        assert!(robot.world_from_tool(&state.q).distance(&second).0 < 1e-3);
    }
}

#[test]
fn over_a_goal_that_never_rests_the_tool_does_not_wait_for_ever() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    let start = robot.world_from_tool(&robot.home());
    let goal = |y: f64| Pose::from_parts(start.position() + Vector3::new(0.0, y, -0.09), start.rotation());
    let mut state = at_rest(robot.home());
    mover.start(&state, &key(goal(0.0), true)).unwrap();
    while mover.remaining_m() > 0.015 {
        state = mover.step().unwrap();
    }
    // Always on the other side of where the hand is seen, ten times a second.
    let (mut above_m, mut side_m) = (f64::MAX, 0.045);
    for _ in 0..100 {
        mover.retarget(&key(goal(side_m), true)).unwrap();
        for _ in 0..20 {
            state = mover.step().unwrap();
        }
        above_m = aside_and_above(&robot, &state, &goal(0.0)).1;
        let y = robot.world_from_tool(&state.q).position().y - start.position().y;
        side_m = if y > 0.0 { -0.045 } else { 0.045 };
    }
    assert!(above_m < 0.005, "after 10 s it still waits {above_m} m above it");
    while !mover.is_done() {
        state = mover.step().unwrap();
    }
    assert!(robot.world_from_tool(&state.q).position().z < goal(0.0).position().z + 1e-3);
}

#[test]
fn a_goal_that_moves_aside_on_a_way_across_or_far_off_is_approached_at_once() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    let home = robot.world_from_tool(&robot.home());
    let work = Pose::from_parts(home.position() + Vector3::new(0.1, 0.0, -0.35), home.rotation());
    mover.start(&at_rest(robot.home()), &key(work, false)).unwrap();
    let (start, _) = follow(&robot, &mut mover, at_rest(robot.home()), 10.0);
    let goal = |x: f64, y: f64, z: f64| Pose::from_parts(work.position() + Vector3::new(x, y, z), work.rotation());
    // Across, as a drawer is pulled; down, with the goal still far below; aslant, and moved a little.
    for (first, second) in [
        (goal(0.0, 0.12, 0.0), goal(0.03, 0.12, 0.0)),
        (goal(0.0, 0.0, -0.15), goal(0.0, 0.03, -0.15)),
        (goal(0.0, 0.08, -0.08), goal(0.0, 0.085, -0.08)),
    ] {
        let mut state = at_rest(start.q);
        mover.start(&state, &key(first, true)).unwrap();
        for _ in 0..40 {
            state = mover.step().unwrap();
        }
        let mut above_m = aside_and_above(&robot, &state, &second).1;
        mover.retarget(&key(second, true)).unwrap();
        while !mover.is_done() {
            state = mover.step().unwrap();
            let now_m = aside_and_above(&robot, &state, &second).1;
            assert!(now_m < above_m + 1e-4, "it rises by {} m", now_m - above_m);
            above_m = now_m;
        }
        assert!(robot.world_from_tool(&state.q).distance(&second).0 < 1e-3);
    }
}

#[test]
fn a_goal_that_turns_past_the_half_turn_is_turned_to_in_the_sense_begun() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    // The last joint has room for it in one sense.
    for sense in [1.0, -1.0] {
        let start = at_rest(Joints::from_fn(7, |i| if i == 6 { sense * 2.0 } else { robot.home()[i] }));
        let from = robot.world_from_tool(&start.q);
        let turned = |rad: f64| {
            let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), sense * rad);
            Pose::from_parts(from.position(), turn * from.rotation())
        };
        mover.start(&start, &key(turned(3.0), true)).unwrap();
        let to_go = |state: &SegmentState, rad: f64| robot.world_from_tool(&state.q).distance(&turned(rad)).1;
        let mut state = start;
        while to_go(&state, 3.0) > 2.0 {
            state = mover.step().unwrap();
        }
        mover.retarget(&key(turned(3.3), true)).unwrap();
        let mut to_go_rad = to_go(&state, 3.3);
        while !mover.is_done() {
            let now_rad = to_go(&mover.step().unwrap(), 3.3);
            assert!(now_rad < to_go_rad + 1e-3, "{to_go_rad} rad to go, then {now_rad}");
            to_go_rad = now_rad;
        }
        assert!(to_go_rad < 5e-3, "{to_go_rad} rad away");
    }
}

#[test]
fn what_cannot_be_reached_is_refused_before_the_first_step() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    let state = at_rest(robot.home());
    let here = robot.world_from_tool(&state.q);
    let far = Pose::from_parts(Vector3::new(3.0, 0.0, 1.0), here.rotation());
    let nowhere = Pose::from_parts(Vector3::new(f64::NAN, 0.0, 1.0), here.rotation());
    for goal in [far, nowhere] {
        for contact in [false, true] {
            assert_eq!(mover.start(&state, &key(goal, contact)), Err(Fault::Unreachable));
        }
    }
}

/// One period of the cerebellum's segments: after the line, within the acceleration limits.
fn go_after(robot: &Robot, chain: &mut SegmentState, line: &SegmentState) {
    let dt = PERIOD_CEREBELLUM.secs();
    for i in 0..robot.dof() {
        let qdd = towards((chain.q[i], chain.qd[i]), (line.q[i], line.qd[i]), &robot.limits()[i]);
        chain.q[i] += chain.qd[i] * dt + 0.5 * qdd * dt * dt;
        chain.qd[i] += qdd * dt;
    }
}

#[test]
fn sr16_lines_near_singularities_keep_the_joint_speeds_or_are_given_up() {
    let robot = robot();
    let mut mover = Mover::new(robot.clone(), MotionConfig::default()).unwrap();
    let mut rng = Pcg64::seed_from_u64(16);
    let (mut done, mut given_up, mut most_behind_rad) = (0, 0, 0.0_f64);
    for _ in 0..300 {
        let q = Joints::from_fn(robot.dof(), |i| {
            let limit = robot.limits()[i];
            rng.random_range(limit.lower_rad + 0.02..limit.upper_rad - 0.02)
        });
        let start = robot.world_from_tool(&q);
        let way = Vector3::from_fn(|_, _| rng.random_range(-0.3..0.3));
        let goal = key(Pose::from_parts(start.position() + way, start.rotation()), true);
        if mover.start(&at_rest(q), &goal).is_err() {
            continue;
        }
        let mut chain = at_rest(q);
        while !mover.is_done() {
            match mover.step() {
                Ok(next) => {
                    for (v, limit) in next.qd.iter().zip(robot.limits()) {
                        assert!(v.abs() <= limit.velocity_rad_s, "{v} rad/s");
                    }
                    go_after(&robot, &mut chain, &next);
                    most_behind_rad = most_behind_rad.max(chain.q.max_abs_diff(&next.q));
                }
                Err(fault) => {
                    assert_eq!(fault, Fault::Unreachable);
                    given_up += 1;
                    break;
                }
            }
        }
        done += i32::from(mover.is_done());
    }
    // Both must happen, or the test says nothing.
    assert!(done > 50 && given_up > 10, "{done} lines done, {given_up} given up");
    assert!(most_behind_rad < 0.021, "the arm is {most_behind_rad} rad behind a line that is not given up");
}
