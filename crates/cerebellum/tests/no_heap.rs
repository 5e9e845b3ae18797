//! The tick neither allocates nor frees, from Rust or from C, through key-frames, refusals, faults and stops. A failure of
//! rsruckig, which words its error on the heap, is not among them: no key-frame is known that leads to one.

mod body;
#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;

use body::{Body, key, moved};
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::Gripper;
use neuraxis_motion::MotionConfig;

#[test]
fn a_whole_task_and_its_faults_do_not_touch_the_heap() {
    heap::check_that_it_counts();

    // Few restarts: the key-frame out of reach is tried ten times a second.
    let motion = MotionConfig { ik_restarts: 1, ..Default::default() };
    let config = CerebellumConfig { workspace_max_xyz_m: [5.0; 3], motion, ..Default::default() };
    let mut body = Body::new(config);
    let above = moved(&body.home(), 0.05, 0.15, -0.10);
    let keyframes = [
        key(above, Gripper::Open, false),
        key(moved(&above, 0.0, 0.0, -0.08), Gripper::Closed, true),
        key(moved(&above, 3.0, 0.0, 0.0), Gripper::Closed, false),
    ];
    let mut seen = [false; 4];
    let before = heap::calls();
    let mut reached = 0;
    for _ in 0..10_000 {
        let (mind, _) = body.tick(&mut |progress| keyframes.get(progress.reached_count as usize).copied());
        seen[mind.phase as usize] = true;
        reached = mind.progress.reached_count;
    }
    assert_eq!(heap::calls() - before, 0);
    assert_eq!(reached, 2, "the third is out of reach");
    assert_eq!(seen, [true; 4], "{:?}", [Phase::Waiting, Phase::Moving, Phase::Gripper, Phase::Stopped]);
}
