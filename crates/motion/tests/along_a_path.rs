//! The mover on planned paths: it keeps its distance all the way, its limits, and its goal.

mod scene;

use neuraxis_core::{Fault, Gripper, JointPath, Joints, KeyFrame, PERIOD_CEREBELLUM, Pose, SegmentState, Tool, World};
use neuraxis_motion::{DistanceField, MotionConfig, Mover, PathPlanner};
use neuraxis_robot::Robot;
use scene::{ahead, cupboard, down, field, motion, planner, request, robot, table, wall};

fn at_rest(q: Joints) -> SegmentState {
    let still = Joints::zeros(q.len());
    SegmentState { q, qd: still, qdd: still }
}

fn key(pose: Pose<World, Tool>) -> KeyFrame {
    KeyFrame { world_from_tool: pose, gripper: Gripper::Open, ignore_collisions: false }
}

/// All states to the goal; each is checked against the limits and the one before.
fn follow(robot: &Robot, config: &MotionConfig, mover: &mut Mover, from: SegmentState) -> Vec<SegmentState> {
    let dt = PERIOD_CEREBELLUM.secs();
    let mut states = vec![from];
    while !mover.is_done() {
        assert!(states.len() < 8000, "not done after 40 s, {} m to go", mover.remaining_m());
        let (last, next) = (states[states.len() - 1], mover.step().unwrap());
        for i in 0..robot.dof() {
            let most = robot.limits()[i].velocity_rad_s * config.velocity_scale;
            assert!(next.qd[i].abs() <= most * 1.001, "joint {i}: {} rad/s", next.qd[i]);
            let change = (next.qd[i] - last.qd[i]).abs() / dt;
            assert!(change <= config.acceleration_rad_s2 * 1.01, "joint {i}: {change} rad/s²");
            let jerk = (next.qdd[i] - last.qdd[i]).abs() / dt;
            assert!(jerk <= config.jerk_rad_s3 * 1.01, "joint {i}: {jerk} rad/s³");
            assert!((next.q[i] - last.q[i]).abs() <= most * dt * 1.001, "joint {i} jumps");
        }
        states.push(next);
    }
    states
}

/// Plans and follows; returns the least clearance, the ends of the way left out [m], and the last state.
fn travel(
    (robot, planner, config): (&Robot, &PathPlanner, &MotionConfig),
    mover: &mut Mover,
    field: &DistanceField,
    from: Joints,
    goal: Pose<World, Tool>,
) -> (f64, SegmentState) {
    let path = planner.plan(&request(from, goal), field).unwrap();
    mover.start_along(&at_rest(from), &key(goal), &path).unwrap();
    let states = follow(robot, config, mover, at_rest(from));
    let tool = |q: &Joints| robot.world_from_tool(q).position();
    let between =
        states.iter().filter(|s| (tool(&s.q) - tool(&from)).norm().min((tool(&s.q) - goal.position()).norm()) > 0.1);
    let least = between.map(|s| planner.clearance_m(&s.q, None, field)).fold(f64::INFINITY, f64::min);
    (least, states[states.len() - 1])
}

#[test]
fn executed_states_keep_half_the_clearance_around_a_wall_and_into_a_cupboard() {
    let (robot, planner, config) = (robot("fr3"), planner("fr3"), motion("fr3"));
    let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
    let walled = field(&config, &[table(), wall()]);
    let mut solids = cupboard().to_vec();
    solids.push(table());
    let shelved = field(&config, &solids);
    for (field, goals) in [
        (&walled, [down(0.25, 0.25, 0.86, 0.0), down(0.25, -0.25, 0.86, 0.5), down(0.4, 0.2, 0.85, -0.3)]),
        (&shelved, [ahead(0.3, 0.0, 0.98), down(0.0, 0.35, 0.95, 0.0), ahead(0.3, 0.05, 0.9)]),
    ] {
        let mut from = robot.home();
        for goal in goals {
            let (least, end) = travel((&robot, &planner, &config), &mut mover, field, from, goal);
            assert!(least > 0.5 * config.planner.clearance_m, "{least} m on the way to {goal:?}");
            let (metres, radians) = robot.world_from_tool(&end.q).distance(&goal);
            assert!(metres < 1e-3 && radians < 5e-3, "{metres} m, {radians} rad from {goal:?}");
            assert!(end.qd.iter().all(|v| v.abs() < 1e-6));
            from = end.q;
        }
    }
}

#[test]
fn an_arm_that_shall_be_slow_begins_a_path_slowly() {
    let (robot, planner, config) = (robot("fr3"), planner("fr3"), motion("fr3"));
    let empty = DistanceField::new(&config.planner.field).unwrap();
    let goal = down(0.3, 0.2, 0.9, 0.0);
    let path = planner.plan(&request(robot.home(), goal), &empty).unwrap();
    let fastest = |scale: f64| {
        let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
        mover.set_speed_scale(scale);
        mover.start_along(&at_rest(robot.home()), &key(goal), &path).unwrap();
        (0..40)
            .map(|_| mover.step().unwrap().qd.iter().fold(0.0, |most: f64, qd| most.max(qd.abs())))
            .fold(0.0, f64::max)
    };
    let (slow, full) = (fastest(0.2), fastest(1.0));
    assert!(slow < 0.21 * full.max(0.1), "{slow} of {full} rad/s in the first 0.2 s");
}

#[test]
fn a_moved_goal_is_followed_from_a_path_and_a_moving_arm_joins_one() {
    let (robot, planner, config) = (robot("fr3"), planner("fr3"), motion("fr3"));
    let mut mover = Mover::new(robot.clone(), config.clone()).unwrap();
    let empty = DistanceField::new(&config.planner.field).unwrap();
    let (goal, moved) = (down(0.3, 0.2, 0.9, 0.0), down(0.31, 0.21, 0.9, 0.0));
    let path = planner.plan(&request(robot.home(), goal), &empty).unwrap();
    mover.start_along(&at_rest(robot.home()), &key(goal), &path).unwrap();
    let mut state = at_rest(robot.home());
    // At half the speed: the change of mode must not change it.
    mover.set_speed_scale(0.5);
    for _ in 0..80 {
        state = mover.step().unwrap();
    }
    assert!(state.qd.iter().any(|v| v.abs() > 0.1), "not under way");
    mover.retarget(&key(moved)).unwrap();
    let states = follow(&robot, &config, &mut mover, state);
    assert!(robot.world_from_tool(&states[states.len() - 1].q).distance(&moved).0 < 1e-3);

    // Back from the middle of that motion.
    mover.set_speed_scale(1.0);
    let home = robot.world_from_tool(&robot.home());
    let moving = states[states.len() / 2];
    let back = JointPath::new(&[path.waypoints()[0], robot.home()]).unwrap();
    mover.start_along(&moving, &key(home), &back).unwrap();
    let states = follow(&robot, &config, &mut mover, moving);
    assert!(robot.world_from_tool(&states[states.len() - 1].q).distance(&home).0 < 1e-3);
}

#[test]
fn a_path_that_does_not_end_at_the_goal_or_is_of_another_arm_is_refused() {
    let robot = robot("fr3");
    let mut mover = Mover::new(robot.clone(), motion("fr3")).unwrap();
    let home = robot.world_from_tool(&robot.home());
    let from = at_rest(robot.home());
    let mut nan = robot.home();
    nan[0] = f64::NAN;
    let mut aside = robot.home();
    aside[0] += 0.1;
    for q in [nan, aside, Joints::zeros(6)] {
        let path = JointPath::new(&[q]).unwrap();
        assert_eq!(mover.start_along(&from, &key(home), &path), Err(Fault::Unreachable));
    }
    // Already there: done with the first step.
    mover.start_along(&from, &key(home), &JointPath::new(&[robot.home()]).unwrap()).unwrap();
    assert_eq!(mover.step().unwrap().q, robot.home());
    assert!(mover.is_done());
}
