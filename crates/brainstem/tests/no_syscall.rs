//! The loop asks the kernel for nothing but sleep: a filter in the kernel kills the process at anything else. With it
//! goes every lock that waits (futex), every allocation that needs memory (brk, mmap), every log line (write).
//!
//! The clock is read without the kernel's help (vDSO). Where a machine has no such clock the filter lets
//! `clock_gettime` pass too, and the test says so.

mod lively;
mod rig;

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    sync::Mutex,
};

use lively::Moment;
use neuraxis_brainstem::{MonotonicClock, PrivilegeConfig};
use neuraxis_core::{Clock, Pacing};

/// Tells a child of this test what to do.
const PART: &str = "NEURAXIS_NO_SYSCALL_PART";
/// The child's way to say that it came to its end.
const CAME_THROUGH: i32 = 42;

#[test]
fn the_loop_makes_no_system_call_but_sleep_in_any_mode_and_any_fault() {
    let part = if reads_the_clock_alone() { "loop" } else { "loop, clock" };
    let status = child(part);
    assert_eq!(status.code(), Some(CAME_THROUGH), "{part}: {status}");
}

#[test]
fn the_filter_kills_a_loop_whose_arm_asks_for_its_process_id() {
    assert_eq!(child("loop, clock, getpid").signal(), Some(libc::SIGSYS));
}

#[test]
fn the_filter_kills_a_loop_whose_arm_waits_for_a_lock() {
    assert_eq!(child("loop, clock, lock").signal(), Some(libc::SIGSYS));
}

fn reads_the_clock_alone() -> bool {
    let alone = child("now").code() == Some(CAME_THROUGH);
    if !alone {
        println!("no clock in the vDSO here: the filter lets clock_gettime pass");
    }
    alone
}

fn child(part: &str) -> ExitStatus {
    let myself = std::env::current_exe().unwrap();
    let arguments = ["--exact", "child_process", "--ignored", "--nocapture", "--test-threads=1"];
    Command::new(myself).args(arguments).env(PART, part).stdout(Stdio::null()).status().unwrap()
}

#[test]
#[ignore = "started by the other tests"]
fn child_process() {
    let Ok(part) = std::env::var(PART) else { return };
    // SAFETY: plain call; the signal's default action ends a child that hangs.
    unsafe { libc::alarm(120) };
    if part == "now" {
        allow_only(&[libc::SYS_exit_group]);
        std::hint::black_box(MonotonicClock.now());
        leave(CAME_THROUGH);
    }
    let sins: Vec<&str> = part.split(", ").skip(1).collect();
    let mut allowed = vec![libc::SYS_clock_nanosleep, libc::SYS_exit_group];
    if sins.contains(&"clock") {
        allowed.push(libc::SYS_clock_gettime);
    }
    let (asks, waits) = (sins.contains(&"getpid"), sins.contains(&"lock"));
    // Held for ever by a thread of its own.
    let lock: &Mutex<()> = Box::leak(Box::default());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _held = lock.lock();
        tell.send(()).unwrap();
        std::thread::park();
    });
    told.recv().unwrap();

    let watch = move |moment| match moment {
        // SAFETY: takes no arguments.
        Moment::Tick(100) if asks => drop(unsafe { libc::syscall(libc::SYS_getpid) }),
        Moment::Tick(100) if waits => drop(lock.lock()),
        // From within the loop, so that nothing of a thread's or test's end passes the filter.
        Moment::Done(seen) => leave(if seen == [true; 4] { CAME_THROUGH } else { 1 }),
        Moment::Tick(_) => {}
    };
    // As delivered: SCHED_FIFO and locked memory where the machine grants them. The filter comes after they are set.
    lively::run(Pacing::Clock, PrivilegeConfig::default(), 0, |_| allow_only(&allowed), watch);
    unreachable!("the loop ends from within");
}

fn leave(code: i32) {
    // SAFETY: ends the process at once; nobody needs its destructors.
    unsafe { libc::_exit(code) }
}

/// From here on the kernel kills the process when the calling thread makes any other system call.
fn allow_only(calls: &[libc::c_long]) {
    const AUDIT_ARCH: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let op = |code: u32, k: u32, jf: u8| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let load = |offset: usize| op(LOAD, offset as u32, 0);
    let answer = |answer: u32| op(libc::BPF_RET | libc::BPF_K, answer, 0);

    let mut program = vec![
        load(std::mem::offset_of!(libc::seccomp_data, arch)),
        // `jf` skips what follows unless equal.
        op(IF_EQUAL, AUDIT_ARCH, 1),
        load(std::mem::offset_of!(libc::seccomp_data, nr)),
    ];
    for call in calls {
        program.extend([op(IF_EQUAL, *call as u32, 1), answer(libc::SECCOMP_RET_ALLOW)]);
    }
    program.push(answer(libc::SECCOMP_RET_KILL_PROCESS));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };

    // SAFETY: plain flag of the calling thread; needed to install a filter without being root.
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(quiet, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: `filter` points to `len` valid instructions, which the kernel checks and copies.
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter) };
    assert_eq!(installed, 0, "seccomp: {}", std::io::Error::last_os_error());
    // Freeing the program could need the kernel.
    std::mem::forget(program);
}
