//! The path planner on its own: it goes around things, keeps away from them, repeats itself, and refuses clearly.

mod scene;

use nalgebra::Vector3;
use neuraxis_core::{JointPath, Joints, Pose};
use neuraxis_motion::{DistanceField, MotionError, PathError, PathPlanner, PathRequest, ToolCapsule};
use neuraxis_robot::Robot;
use scene::{ahead, all_along, along, block, cupboard, down, field, motion, planner, request, robot, table, wall};

/// Joint positions for a tool pose, as the planner would choose them with nothing around.
fn posture(planner: &PathPlanner, robot: &Robot, pose: Pose<neuraxis_core::World, neuraxis_core::Tool>) -> Joints {
    let empty = DistanceField::new(&motion("fr3").planner.field).unwrap();
    *planner.plan(&request(robot.home(), pose), &empty).unwrap().waypoints().last().unwrap()
}

/// Checks the clearance all along a path: what is asked for away from its ends, and nowhere less than at its ends.
fn check_clearance(planner: &PathPlanner, robot: &Robot, ask: &PathRequest, path: &JointPath, field: &DistanceField) {
    let tool = |q: &Joints| robot.world_from_tool(q).position();
    let clearance_m = |q: &Joints| planner.clearance_m(q, ask.held.as_ref(), field);
    let (start, goal) = (tool(&ask.from), ask.goal.position());
    let at_ends_m = clearance_m(&ask.from).min(clearance_m(path.waypoints().last().unwrap()));
    let asked_m = motion("fr3").planner.clearance_m;
    for q in all_along(&ask.from, path.waypoints()) {
        let is_away = (tool(&q) - start).norm().min((tool(&q) - goal).norm()) > 0.2;
        let need_m = if is_away { asked_m } else { asked_m.min(at_ends_m - 0.002) };
        // Lines are looked at every few millimetres.
        assert!(clearance_m(&q) > need_m - 0.004, "{} m at {q:?}, {at_ends_m} m at the ends", clearance_m(&q));
    }
}

#[test]
fn a_wall_between_start_and_goal_is_gone_around_with_clearance() {
    for name in ["fr3", "ur5e"] {
        let (robot, planner, motion) = (robot(name), planner(name), motion(name));
        let field = field(&motion, &[table(), wall()]);
        let from = posture(&planner, &robot, down(0.25, 0.25, 0.86, 0.0));
        for seed in 0..8 {
            let ask = PathRequest { seed, ..request(from, down(0.25, -0.25, 0.86, 0.0)) };
            let path = planner.plan(&ask, &field).unwrap();
            let goal = path.waypoints().last().unwrap();
            let (metres, radians) = robot.world_from_tool(goal).distance(&ask.goal);
            assert!(metres < 1e-4 && radians < 1e-3, "{name}: ends {metres} m, {radians} rad from the goal");
            // The straight line would have gone through the wall.
            let line = along(&from, goal).iter().map(|q| planner.clearance_m(q, None, &field)).fold(1.0, f64::min);
            assert!(line < -0.01, "{name}: the straight line has {line} m");
            check_clearance(&planner, &robot, &ask, &path, &field);
            for q in all_along(&from, path.waypoints()) {
                let apart = robot.self_clearance_m(&robot.link_frames(&q));
                assert!(apart > motion.planner.self_clearance_m - 0.002, "{name}: links {apart} m apart");
                assert!(q.iter().zip(robot.limits()).all(|(q, l)| (l.lower_rad..=l.upper_rad).contains(q)));
            }
        }
    }
}

#[test]
fn the_hand_goes_into_an_open_cupboard_and_out_again() {
    let (robot, planner) = (robot("fr3"), planner("fr3"));
    let mut solids = cupboard().to_vec();
    solids.push(table());
    let field = field(&motion("fr3"), &solids);
    let ask = request(robot.home(), ahead(0.30, 0.0, 0.98));
    let inwards = planner.plan(&ask, &field).unwrap();
    check_clearance(&planner, &robot, &ask, &inwards, &field);
    let inside = *inwards.waypoints().last().unwrap();
    let ask = request(inside, down(0.05, 0.35, 0.95, 0.0));
    let outwards = planner.plan(&ask, &field).unwrap();
    check_clearance(&planner, &robot, &ask, &outwards, &field);
}

#[test]
fn the_same_request_gives_the_same_path_bit_by_bit() {
    let (robot, field) = (robot("fr3"), field(&motion("fr3"), &[table(), wall()]));
    let from = posture(&planner("fr3"), &robot, down(0.25, 0.25, 0.86, 0.0));
    let bits = |seed: u64| {
        let ask = PathRequest { seed, ..request(from, down(0.25, -0.25, 0.86, 0.0)) };
        let path = planner("fr3").plan(&ask, &field).unwrap();
        path.waypoints().iter().flat_map(|q| q.iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(bits(3), bits(3));
    assert_ne!(bits(3), bits(4), "the seed is not used");
}

#[test]
fn goals_in_a_board_and_in_a_closed_box_are_refused_as_in_collision() {
    let (robot, planner, motion) = (robot("fr3"), planner("fr3"), motion("fr3"));
    // The hand would be where the board is, 30 mm and more.
    let board = block([0.1, -0.3, 0.93], [0.5, 0.3, 0.948]);
    let ask = request(robot.home(), down(0.3, 0.0, 0.85, 0.0));
    let error = planner.plan(&ask, &field(&motion, &[table(), board])).unwrap_err();
    let PathError::GoalInCollision { clearance_m } = error else { panic!("{error}") };
    assert!((-0.09..-0.02).contains(&clearance_m), "{clearance_m}");
    assert!(error.to_string().contains("in collision"), "{error}");
    // The cupboard with a door: the fingers are free in it, but the arm goes through the door.
    let mut closed = cupboard().to_vec();
    closed.push(block([0.18, -0.2, 0.75], [0.2, 0.2, 1.2]));
    let error = planner.plan(&request(robot.home(), ahead(0.30, 0.0, 0.98)), &field(&motion, &closed)).unwrap_err();
    assert!(matches!(error, PathError::GoalInCollision { .. }), "{error}");
}

#[test]
fn the_search_is_given_up_after_the_tries() {
    let (robot, mut motion) = (robot("fr3"), motion("fr3"));
    motion.planner.tries = 12;
    let planner = PathPlanner::new(robot.clone(), &motion).unwrap();
    let mut solids = cupboard().to_vec();
    solids.push(table());
    let field = field(&motion, &solids);
    // A dozen samples do not lead into the cupboard, from this seed.
    let error = planner.plan(&request(robot.home(), ahead(0.30, 0.0, 0.98)), &field).unwrap_err();
    assert_eq!(error, PathError::NotFound { tries: 12 });
    assert_eq!(error.to_string(), "no path found within 12 tries");
}

#[test]
fn requests_that_make_no_sense_or_are_out_of_reach_are_refused_by_name() {
    let (robot, planner, field) = (robot("fr3"), planner("fr3"), field(&motion("fr3"), &[table()]));
    let good = request(robot.home(), down(0.3, 0.0, 0.9, 0.0));
    assert!(planner.plan(&good, &field).is_ok());
    let refused = |ask: PathRequest| planner.plan(&ask, &field).unwrap_err();
    let mut nan = good.from;
    nan[2] = f64::NAN;
    let mut beyond = good.from;
    beyond[3] = 1.0;
    for from in [nan, beyond, Joints::zeros(6)] {
        assert_eq!(refused(PathRequest { from, ..good }), PathError::Malformed { what: "the start" });
    }
    let nowhere = down(f64::NAN, 0.0, 0.9, 0.0);
    assert_eq!(refused(PathRequest { goal: nowhere, ..good }), PathError::Malformed { what: "the goal" });
    let held = Some(ToolCapsule { from_xyz_m: [0.0; 3], to_xyz_m: [0.0; 3], radius_m: f64::NAN });
    assert_eq!(refused(PathRequest { held, ..good }), PathError::Malformed { what: "the held thing" });
    let far = refused(PathRequest { goal: down(2.0, 0.0, 0.9, 0.0), ..good });
    let PathError::Unreachable { metres } = far else { panic!("{far}") };
    assert!(metres > 0.5, "{metres}");
    assert!(far.to_string().contains("m away"), "{far}");
}

#[test]
fn an_arm_that_is_found_in_a_margin_is_led_out_of_it() {
    let (robot, motion) = (robot("fr3"), motion("fr3"));
    let field = field(&motion, &[table()]);
    let narrow = std::sync::Arc::new(robot.within_margin(0.05));
    let mut from = robot.home();
    from[3] = robot.limits()[3].upper_rad - 0.03;
    assert!(from[3] > narrow.limits()[3].upper_rad);
    let path = PathPlanner::new(narrow, &motion).unwrap().plan(&request(from, down(0.3, 0.0, 0.9, 0.0)), &field);
    assert!(path.is_ok(), "{:?}", path.err());
}

#[test]
fn an_arm_that_touches_something_may_leave_it_and_what_it_holds_may_stand_on_the_table() {
    let (robot, planner, motion) = (robot("fr3"), planner("fr3"), motion("fr3"));
    let from = posture(&planner, &robot, down(0.25, 0.2, 0.78, 0.0));
    // A block beside the hand, a few millimetres inside its capsules.
    let beside = block([0.2, 0.30, 0.75], [0.3, 0.34, 0.95]);
    let field = field(&motion, &[table(), beside]);
    let held = Some(ToolCapsule { from_xyz_m: [0.0, 0.0, -0.01], to_xyz_m: [0.0, 0.0, 0.01], radius_m: 0.02 });
    let ask = PathRequest { held, ..request(from, down(0.25, -0.25, 0.78, 0.0)) };
    let at_start = planner.clearance_m(&from, held.as_ref(), &field);
    assert!(at_start < 0.0, "{at_start}: nothing is touched");
    let path = planner.plan(&ask, &field).unwrap();
    check_clearance(&planner, &robot, &ask, &path, &field);
}

#[test]
fn a_cloud_that_shows_the_arm_itself_does_not_stop_it() {
    let (robot, planner, motion) = (robot("fr3"), planner("fr3"), motion("fr3"));
    let mut seen = DistanceField::new(&motion.planner.field).unwrap();
    let world_from_base = robot.world_from_base();
    let frames = robot.link_frames(&robot.home());
    let mut cloud = Vec::new();
    for (in_base, radius_m, _) in robot.capsule_points(&frames) {
        let middle = world_from_base.iso * nalgebra::Point3::from(in_base);
        for n in 0..600 {
            // Spread over the ball by the golden angle.
            let z = 1.0 - 2.0 * (f64::from(n) + 0.5) / 600.0;
            let (sin, cos) = (f64::from(n) * 2.399963).sin_cos();
            let away = Vector3::new(cos, sin, 0.0) * (1.0 - z * z).sqrt() + Vector3::z() * z;
            cloud.push((middle.coords + radius_m * away).cast::<f32>().into());
        }
    }
    seen.mark_points(&cloud);
    seen.finish();
    assert!(planner.clearance_m(&robot.home(), None, &seen) < 0.0);
    planner.erase_arm(&mut seen, &robot.home(), None, 0.025);
    seen.mark_solid(&table()).unwrap();
    seen.finish();
    assert!(planner.clearance_m(&robot.home(), None, &seen) > 0.05);
    assert!(planner.plan(&request(robot.home(), down(0.3, 0.2, 0.85, 0.0)), &seen).is_ok());
}

#[test]
fn a_robot_without_capsules_and_bad_values_are_refused_with_key_and_range() {
    let mut config = scene::shipped::config("ur5e");
    config.capsules.clear();
    config.may_touch.clear();
    let bare = std::sync::Arc::new(Robot::from_urdf(&config.urdf, &config).unwrap());
    assert_eq!(PathPlanner::new(bare, &motion("ur5e")).unwrap_err(), MotionError::NoCapsules);
    let refused = |change: fn(&mut neuraxis_motion::PlannerConfig)| {
        let mut motion = motion("fr3");
        change(&mut motion.planner);
        PathPlanner::new(robot("fr3"), &motion).unwrap_err().to_string()
    };
    let text = refused(|p| p.clearance_m = f64::NAN);
    assert_eq!(text, "motion configuration: planner.clearance_m = NaN, allowed: 0 to 0.2");
    assert!(refused(|p| p.tries = 0).contains("planner.tries = 0, allowed: 1 to 1000000"));
    assert!(refused(|p| p.first_link = 8).contains("planner.first_link = 8, allowed: 1 to the number of joints"));
    assert!(refused(|p| p.fingers[0].radius_m = -1.0).contains("planner.fingers: radius_m = -1"));
    assert!(serde_yaml::from_str::<neuraxis_motion::PlannerConfig>("clearance: 0.1").is_err());
}
