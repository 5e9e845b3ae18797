//! The tick neither allocates nor frees, in any mode and in any fault, from Rust or from C.

mod heap;
mod lively;
mod rig;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lively::Moment;
use neuraxis_brainstem::{BrainstemConfig, Histogram, Mode, PrivilegeConfig};
use neuraxis_core::{Fault, Joints, Nanos, Pacing};
use rig::Rig;

#[test]
fn the_counter_counts() {
    heap::check_that_it_counts();
}

#[test]
fn a_step_in_any_mode_struck_by_any_fault_does_not_touch_the_heap() {
    let mut histogram = Box::new(Histogram::default());
    let mut struck = [[false; 4]; Fault::ALL.len()];
    let (mut ticks, mut touched) = (0_u64, 0);
    for (fault, struck) in Fault::ALL.iter().zip(&mut struck) {
        for in_mode in [Mode::Hold, Mode::Track, Mode::Stopping, Mode::Latched] {
            // For two seconds segments and silence take turns, with a spoilt segment now and then; the fault strikes
            // when its mode comes by, and a latch is reset after a while.
            let mut rig = Rig::new(BrainstemConfig::default());
            let mut latched = 0;
            let before = heap::calls();
            for ms in 0..2000_u64 {
                let mut segment = rig.segment(ms + 1, rig.brainstem.commanded().qd);
                segment.qdd = Joints::from_fn(7, |_| if ms % 400 < 200 { 1.0 } else { -1.0 });
                if ms % 50 == 0 {
                    segment.q = Joints::from_fn(7, |_| f64::NAN);
                }
                let tick = rig.tick((ms % 1000 < 600).then_some(&segment));
                if ms == 300 && in_mode != Mode::Track {
                    rig.brainstem.request_stop();
                }
                if tick.mode == in_mode && !struck[in_mode as usize] && (in_mode != Mode::Track || ms > 400) {
                    rig.brainstem.trip(*fault);
                    struck[in_mode as usize] = true;
                }
                latched = if tick.mode == Mode::Latched { latched + 1 } else { 0 };
                if latched > 20 {
                    rig.brainstem.reset().unwrap();
                }
                histogram.record(Nanos(ms * 37));
                ticks += 1;
            }
            std::hint::black_box(histogram.percentiles());
            touched += heap::calls() - before;
        }
    }
    assert_eq!(touched, 0);
    assert!(ticks >= 10_000, "{ticks}");
    assert!(struck.iter().flatten().all(|&struck| struck), "{struck:?}");
}

#[test]
fn the_loop_with_its_mailboxes_and_its_ring_does_not_touch_the_heap() {
    // The arm gives no rhythm, so ticks follow each other at once.
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
    let (touched, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (tell, tell_done) = (touched.clone(), done.clone());
    let mut before = None;
    let summary = lively::run(
        Pacing::Device,
        privileges,
        10_000,
        |_| {},
        move |moment| match moment {
            Moment::Tick(_) => {
                let now = heap::calls();
                tell.store(now - *before.get_or_insert(now), Ordering::Relaxed);
            }
            Moment::Done(seen) => tell_done.store(u64::from(seen == [true; 4]), Ordering::Relaxed),
        },
    );
    assert_eq!(touched.load(Ordering::Relaxed), 0, "over {} ticks", summary.ticks);
    assert_eq!(done.load(Ordering::Relaxed), 1, "Hold, Track, Stopping, Latched");
    assert!(summary.ticks >= 10_000 && summary.stats.records_dropped > 0, "{summary:?}");
}
