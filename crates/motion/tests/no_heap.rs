//! Following a path, and marking and finishing a field again, touch the heap neither from Rust nor from C.

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;
mod scene;

use neuraxis_core::{Gripper, Joints, KeyFrame, SegmentState};
use neuraxis_motion::Mover;
use scene::{down, field, motion, planner, request, robot, table, wall};

#[test]
fn a_path_is_followed_and_a_field_made_again_without_the_heap() {
    heap::check_that_it_counts();
    let (robot, config) = (robot("fr3"), motion("fr3"));
    let mut field = field(&config, &[table()]);
    let start = planner("fr3").plan(&request(robot.home(), down(0.25, 0.25, 0.86, 0.0)), &field).unwrap();
    let from = *start.waypoints().last().unwrap();
    let solids = [table(), wall()];

    let before = heap::calls();
    field.clear();
    field.mark_points(&[[0.0, 0.0, 0.8]; 100]);
    for solid in &solids {
        field.mark_solid(solid).unwrap();
    }
    field.finish();
    assert_eq!(heap::calls() - before, 0, "the field");

    let goal = down(0.25, -0.25, 0.86, 0.0);
    let path = planner("fr3").plan(&request(from, goal), &field).unwrap();
    assert!(path.waypoints().len() > 1, "no corner on the way");
    let mut mover = Mover::new(robot.clone(), config).unwrap();
    let still = Joints::zeros(robot.dof());
    let key = KeyFrame { world_from_tool: goal, gripper: Gripper::Open, ignore_collisions: false };
    let before = heap::calls();
    mover.start_along(&SegmentState { q: from, qd: still, qdd: still }, &key, &path).unwrap();
    let mut ticks = 0;
    while !mover.is_done() && ticks < 4000 {
        mover.step().unwrap();
        ticks += 1;
    }
    assert_eq!(heap::calls() - before, 0, "the mover");
    assert!(ticks > 100 && mover.is_done(), "{ticks} ticks");
}
