//! What the loop's thread asks of the operating system, and what it got.

use std::fmt;

use crate::PrivilegeConfig;

/// Answer to one request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It was not asked for.
    NotAsked,
    /// In force.
    Granted,
    /// Refused with this errno.
    Refused {
        /// The operating system's error number.
        errno: i32,
    },
}

/// Real-time privileges of the loop's thread. Without them the loop works, with a worse tail.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RealtimeReport {
    /// SCHED_FIFO at this priority.
    pub fifo: Grant,
    /// The priority asked for; 0: none.
    pub fifo_priority: u8,
    /// Memory is locked as it is touched: no page fault goes to disk.
    pub memory_locked: Grant,
    /// Pinned to the CPU asked for.
    pub pinned: Grant,
    /// The CPU asked for.
    pub cpu: Option<usize>,
}

impl RealtimeReport {
    /// True if something that was asked for was refused.
    pub fn is_degraded(&self) -> bool {
        [self.fifo, self.memory_locked, self.pinned].iter().any(|grant| matches!(grant, Grant::Refused { .. }))
    }
}

/// Asks for everything in the configuration, for the calling thread (memory: the process), and pre-faults its stack.
pub fn request_privileges(config: &PrivilegeConfig) -> RealtimeReport {
    let memory_locked = if config.lock_memory { lock_memory() } else { Grant::NotAsked };
    prefault_stack();
    RealtimeReport {
        fifo: if config.fifo_priority > 0 { become_fifo(config.fifo_priority) } else { Grant::NotAsked },
        fifo_priority: config.fifo_priority,
        memory_locked,
        pinned: config.cpu.map_or(Grant::NotAsked, pin),
        cpu: config.cpu,
    }
}

fn grant(result: libc::c_int) -> Grant {
    if result == 0 {
        Grant::Granted
    } else {
        Grant::Refused { errno: std::io::Error::last_os_error().raw_os_error().unwrap_or(0) }
    }
}

/// Locks pages when they are touched. Locking all that is mapped would pin gigabytes that LibTorch only reserves.
fn lock_memory() -> Grant {
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // With a finite limit, locking future mappings would make some later allocation of any thread fail.
    // SAFETY: `unlimited` is a valid rlimit; the call only reads it.
    let lifted = grant(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &unlimited) });
    if lifted != Grant::Granted {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid rlimit to write to.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
        if known != 0 || limit.rlim_cur != libc::RLIM_INFINITY {
            return lifted;
        }
    }
    // SAFETY: changes how the kernel treats our pages, not what is in them.
    grant(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) })
}

fn become_fifo(priority: u8) -> Grant {
    let parameters = libc::sched_param { sched_priority: libc::c_int::from(priority) };
    // Threads started from here do not inherit the priority.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: pid 0 is the calling thread; `parameters` is valid and only read.
    grant(unsafe { libc::sched_setscheduler(0, policy, &parameters) })
}

fn pin(cpu: usize) -> Grant {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Grant::Refused { errno: libc::EINVAL };
    }
    // SAFETY: an all-zero cpu_set_t is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is below CPU_SETSIZE, so the bit lies inside the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: pid 0 is the calling thread; `set` is valid and its size is given.
    grant(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })
}

/// Touches the part of the stack that the loop will use, so that its first tick takes no page fault.
#[inline(never)]
fn prefault_stack() {
    let mut pages = [0_u8; 128 * 1024];
    for page in pages.chunks_mut(4096) {
        if let Some(byte) = page.first_mut() {
            // SAFETY: `byte` is a valid, exclusive reference; volatile only keeps the write from being optimised away.
            unsafe { std::ptr::write_volatile(byte, 1) };
        }
    }
    std::hint::black_box(&pages);
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::NotAsked => write!(f, "not asked"),
            Grant::Granted => write!(f, "granted"),
            Grant::Refused { errno } => {
                write!(f, "refused ({})", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl fmt::Display for RealtimeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SCHED_FIFO {}: {}; memory lock: {}; ", self.fifo_priority, self.fifo, self.memory_locked)?;
        match self.cpu {
            Some(cpu) => write!(f, "CPU {cpu}: {}", self.pinned),
            None => write!(f, "CPU: {}", self.pinned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_is_not_reported_as_missing_and_an_impossible_cpu_is_refused() {
        let quiet = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
        let report = request_privileges(&quiet);
        assert!(!report.is_degraded());
        let report = request_privileges(&PrivilegeConfig { cpu: Some(1 << 20), ..quiet });
        assert!(report.is_degraded());
        assert_eq!(report.pinned, Grant::Refused { errno: libc::EINVAL });
        assert!(report.to_string().contains("CPU 1048576: refused (Invalid argument"), "{report}");
    }
}
