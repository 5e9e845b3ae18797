//! After its first ticks the loop touches no page that is not there yet.

mod lively;
mod rig;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use lively::Moment;
use neuraxis_brainstem::PrivilegeConfig;
use neuraxis_core::Pacing;

/// Ticks before the count begins: every branch of the loop has its code in memory once all faults have struck, which
/// takes longer than this, so the code that a fault brings in counts too.
const WARM_UP: u64 = 1000;

#[test]
fn ten_thousand_ticks_take_no_page_fault_after_warm_up() {
    let faults = Arc::new(AtomicI64::new(-1));
    let tell = faults.clone();
    let mut before = 0;
    // Memory locked where the machine allows it, as in the delivered loop; no SCHED_FIFO, for this loop never sleeps.
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: true, cpu: None };
    let summary = lively::run(
        Pacing::Device,
        privileges,
        10_000 + WARM_UP,
        |_| {},
        move |moment| match moment {
            Moment::Tick(WARM_UP) => before = page_faults(),
            Moment::Tick(_) => {}
            Moment::Done(_) => tell.store(page_faults() - before, Ordering::Relaxed),
        },
    );
    assert_eq!(faults.load(Ordering::Relaxed), 0, "page faults over {} ticks", summary.ticks);
}

#[test]
fn the_count_notices_a_new_page() {
    let before = page_faults();
    let fresh = vec![1_u8; 1 << 24];
    std::hint::black_box(&fresh);
    assert!(page_faults() > before);
}

/// Minor and major page faults of the calling thread.
fn page_faults() -> i64 {
    // SAFETY: an all-zero rusage is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the result.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    assert_eq!(result, 0);
    usage.ru_minflt + usage.ru_majflt
}
