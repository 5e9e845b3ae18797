//! The tick neither allocates nor frees, in any mode.

mod rig;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use neuraxis_brainstem::{BrainstemConfig, Histogram, Mode};
use neuraxis_core::{Joints, Nanos};
use rig::Rig;

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
fn ten_thousand_ticks_over_every_mode_do_not_touch_the_heap() {
    // The counter works at all.
    let before = CALLS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(CALLS.get() - before, 2);

    let mut rig = Rig::new(BrainstemConfig::default());
    let mut histogram = Box::new(Histogram::default());
    let mut seen = [false; 4];
    let before = CALLS.get();
    for ms in 0..12_000_u64 {
        // Segments for a second, silence for a second; a requested stop and a reset now and then.
        let mut segment = rig.segment(ms + 1, rig.brainstem.commanded().qd);
        segment.qdd = Joints::from_fn(7, |_| if ms % 400 < 200 { 1.0 } else { -1.0 });
        if ms % 50 == 0 {
            segment.q = Joints::from_fn(7, |_| f64::NAN);
        }
        let tick = rig.tick((ms % 2000 < 1000).then_some(&segment));
        seen[tick.mode as usize] = true;
        if ms % 3000 == 500 {
            rig.brainstem.request_stop();
        }
        if tick.mode == Mode::Latched && ms % 3000 > 1200 {
            rig.brainstem.reset().unwrap();
        }
        histogram.record(Nanos(ms * 37));
        std::hint::black_box(histogram.percentiles());
    }
    assert_eq!(CALLS.get() - before, 0);
    assert_eq!(seen, [true; 4], "Hold, Track, Stopping, Latched");
}
