//! Counts every call to the heap that the calling thread makes, Rust's and C's alike: the linker puts these functions
//! before glibc's own of the same name, for the test binary, for Rust's global allocator in it and for every library.
#![allow(dead_code)]

use std::{
    cell::Cell,
    ffi::{c_char, c_int, c_void},
};

thread_local! {
    // Constant and without a destructor: using it neither allocates nor registers anything.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// Allocations, re-allocations and frees of this thread so far.
pub fn calls() -> u64 {
    CALLS.get()
}

/// The counter notices Rust, C, and glibc's own use of the heap, frees as well as allocations.
pub fn check_that_it_counts() {
    let mut before = calls();
    let mut counted = || {
        let now = calls();
        now - std::mem::replace(&mut before, now)
    };
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(counted(), 2, "Box");
    let mut grows = std::hint::black_box(vec![1_u8]);
    grows.reserve(1000);
    assert_eq!(counted(), 2, "a Vec that grows");
    // SAFETY: the pointer comes from `malloc` and is freed once.
    unsafe { free(std::hint::black_box(malloc(std::hint::black_box(64)))) };
    assert_eq!(counted(), 2, "malloc");
    // SAFETY: `strdup` gets a string that ends in zero; what it allocated is freed once.
    unsafe { free(std::hint::black_box(strdup(c"inside glibc".as_ptr())).cast()) };
    assert_eq!(counted(), 2, "inside glibc");
}

fn count() {
    CALLS.set(CALLS.get() + 1);
}

unsafe extern "C" {
    fn strdup(text: *const c_char) -> *mut c_char;
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(pointer: *mut c_void);
}

// SAFETY: counts, and forwards to glibc's function of the same contract.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    count();
    // SAFETY: any size is allowed.
    unsafe { __libc_malloc(size) }
}

// SAFETY: as `malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(number: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: any sizes are allowed.
    unsafe { __libc_calloc(number, size) }
}

// SAFETY: as `malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the contract of `realloc`.
    unsafe { __libc_realloc(pointer, size) }
}

// SAFETY: as `malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(pointer: *mut c_void) {
    // Freeing nothing is no work.
    if !pointer.is_null() {
        count();
    }
    // SAFETY: the caller keeps the contract of `free`.
    unsafe { __libc_free(pointer) }
}

// SAFETY: as `malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the contract of `aligned_alloc`.
    unsafe { __libc_memalign(align, size) }
}

// SAFETY: as `malloc`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the contract of `memalign`.
    unsafe { __libc_memalign(align, size) }
}

// SAFETY: as `malloc`; glibc has no name of its own for this one, so the result is passed on as POSIX says.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, align: usize, size: usize) -> c_int {
    const EINVAL: c_int = 22;
    const ENOMEM: c_int = 12;
    count();
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return EINVAL;
    }
    // SAFETY: the alignment was checked just now.
    let pointer = unsafe { __libc_memalign(align, size) };
    if pointer.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller gives a valid place for the result.
    unsafe { result.write(pointer) };
    0
}
