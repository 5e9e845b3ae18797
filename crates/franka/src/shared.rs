//! What the loop's side and the operator's side of an arm know of each other.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use neuraxis_channel::Flag;

use crate::{FrankaError, FrankaStatus, Reflexes, RobotMode, link::Link};

/// Written by the loop with each state, read by operators. Numbers of their own: no ordering between them is needed.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The connection in use. The loop's thread takes this lock only while the arm is stopped or starts a motion.
    link: Mutex<Arc<Link>>,
    /// Why the arm took no command, in words.
    trouble: Mutex<Option<FrankaError>>,
    /// An operator has recovered the robot: the loop may start a motion again.
    pub(crate) recovered: Flag,
    mode: AtomicU8,
    is_driven: AtomicBool,
    errors: AtomicU64,
    last_reflexes: AtomicU64,
    success_rate: AtomicU32,
    lost_packets: AtomicU64,
}

impl Shared {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self {
            link: Mutex::new(link),
            trouble: Mutex::new(None),
            recovered: Flag::default(),
            mode: AtomicU8::new(0),
            is_driven: AtomicBool::new(false),
            errors: AtomicU64::new(0),
            last_reflexes: AtomicU64::new(0),
            success_rate: AtomicU32::new(0),
            lost_packets: AtomicU64::new(0),
        }
    }

    /// Publishes what a state says. Wait-free.
    pub(crate) fn see(&self, state: &franka::wire::robot::RobotState) {
        self.mode.store(state.robot_mode, Ordering::Relaxed);
        self.errors.store(Reflexes::from_wire(&state.errors).0, Ordering::Relaxed);
        self.last_reflexes.store(Reflexes::from_wire(&state.reflex_reason).0, Ordering::Relaxed);
        self.success_rate.store(state.control_command_success_rate.get().to_bits(), Ordering::Relaxed);
    }

    /// Counts packets that did not come, or came too late to be answered.
    pub(crate) fn count_lost(&self, packets: u64) {
        self.lost_packets.fetch_add(packets, Ordering::Relaxed);
    }

    pub(crate) fn set_driven(&self, is_driven: bool) {
        self.is_driven.store(is_driven, Ordering::Relaxed);
    }

    pub(crate) fn mode(&self) -> RobotMode {
        RobotMode::from_wire(self.mode.load(Ordering::Relaxed))
    }

    pub(crate) fn status(&self) -> FrankaStatus {
        FrankaStatus {
            mode: self.mode(),
            is_driven: self.is_driven.load(Ordering::Relaxed),
            errors: Reflexes(self.errors.load(Ordering::Relaxed)),
            last_reflexes: Reflexes(self.last_reflexes.load(Ordering::Relaxed)),
            success_rate: f64::from(f32::from_bits(self.success_rate.load(Ordering::Relaxed))),
            lost_packets: self.lost_packets.load(Ordering::Relaxed),
            trouble: lock(&self.trouble).clone(),
        }
    }

    pub(crate) fn link(&self) -> Arc<Link> {
        lock(&self.link).clone()
    }

    pub(crate) fn replace_link(&self, link: Arc<Link>) {
        *lock(&self.link) = link;
    }

    pub(crate) fn set_trouble(&self, trouble: Option<FrankaError>) {
        *lock(&self.trouble) = trouble;
    }
}

/// What a lock guards here is whole even if its last holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
