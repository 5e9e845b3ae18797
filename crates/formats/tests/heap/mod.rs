//! What hostile files have in common: how they are made, and the largest allocation that they cause.

#![allow(dead_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use rand::Rng;
use rand_pcg::Pcg64;

/// Remembers the largest request.
struct Largest;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Relaxed: only the number counts.
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static HEAP: Largest = Largest;

/// Bytes of the largest request so far.
pub fn largest() -> usize {
    LARGEST.load(Ordering::Relaxed)
}

pub fn cases() -> usize {
    std::env::var("NEURAXIS_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// A few bytes changed, a length made huge, a piece cut out, or the end cut off.
pub fn mutated(whole: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..10) {
            0..5 => bytes[at] = rng.random(),
            5 => bytes[at] ^= 1 << rng.random_range(0..8),
            6..8 => {
                let value = [0u32, 1, u32::MAX, i32::MAX as u32, 1 << 30, 0xffff][rng.random_range(0..6)];
                bytes.iter_mut().skip(at).zip(value.to_le_bytes()).for_each(|(byte, new)| *byte = new);
            }
            8 => {
                let end = (at + rng.random_range(1..64)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
