//! The tick neither allocates nor frees, through key-frames, refusals, faults and stops.

mod body;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use body::{Body, key, moved};
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::Gripper;
use neuraxis_motion::MotionConfig;

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Ignores calls while the thread is torn down.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: forwards every call unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_whole_task_and_its_faults_do_not_touch_the_heap() {
    // The counter works at all.
    let before = CALLS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(CALLS.get() - before, 2);

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
    let before = CALLS.get();
    let mut reached = 0;
    for _ in 0..10_000 {
        let (mind, _) = body.tick(&mut |progress| keyframes.get(progress.reached_count as usize).copied());
        seen[mind.phase as usize] = true;
        reached = mind.progress.reached_count;
    }
    assert_eq!(CALLS.get() - before, 0);
    assert_eq!(reached, 2, "the third is out of reach");
    assert_eq!(seen, [true; 4], "{:?}", [Phase::Waiting, Phase::Moving, Phase::Gripper, Phase::Stopped]);
}
