//! Every thread that this program starts, and what each does. Nothing else spawns (evaluation uses child processes).
//!
//! | thread     | rate            | may allocate / block   | owns                                               |
//! |------------|-----------------|------------------------|----------------------------------------------------|
//! | plant      | 1 kHz           | no / no                | the simulated world (on a robot: the robot itself) |
//! | brainstem  | 1 kHz           | no / no                | arm, segment reader, state writers, tick ring      |
//! | cerebellum | 200 Hz          | no after its start / no | execution, segment writer; with a brain: the plan |
//! | cameras    | `camera_hz`     | yes / on the renderer  | renderer, observation writers                      |
//! | policy     | `policy_hz`     | yes / on the device, or on the answer of another process | networks, prediction writer |
//! | brain      | `policy_hz`     | yes / no               | perception, facts; in the place of `policy`        |
//! | planner    | when asked      | yes / on memory, model | planner, memory                                    |
//! | ros_arm    | `publish_hz`    | yes / yes              | r2r objects of an arm behind ros2_control          |
//! | ros_policy | as answers come | yes / yes              | r2r objects of a policy in another process         |
//! | ros_cameras | as images come | yes / yes              | r2r objects of a real arm's cameras                |
//! | gripper    | as the hand answers | yes / yes          | a Franka Hand                                      |
//! | desk       | when asked      | yes / yes              | recovery of a real arm                             |
//! | recorder   | 50 Hz           | yes / on disk          | MCAP file, Rerun stream                            |
//! | ros        | as data comes   | yes / yes              | r2r objects of the program's own node, `neuraxis`  |
//!
//! Between them are mailboxes and rings of `neuraxis-channel` only. Whoever is slow loses data, which is counted;
//! nobody can hold up the loop.

mod cameras;
mod cerebellum;
mod plant;
mod policy;
mod recorder;
mod seen;
mod start;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use neuraxis_brainstem::{Histogram, MonotonicClock, Pacer, Percentiles, Signals};
use neuraxis_channel::{Counter, Flag, RingReceiver};
use neuraxis_core::{Clock, Nanos};
use neuraxis_faults::CountingAllocator;
use parking_lot::Mutex;

pub use self::{
    cameras::{CameraLinks, EyeFault, cameras},
    cerebellum::{CerebellumLinks, TaskInstance, cerebellum},
    plant::plant,
    policy::{PolicyLinks, PolicyReport, policy},
    recorder::{Film, RecorderLinks, recorder},
    seen::{Seen, SeenLinks},
    start::{join, start},
};
use crate::{looked::Sight, real::Teller};

/// Shared by all threads of a run.
#[derive(Default)]
pub struct Shared {
    /// Requests to the brainstem.
    pub signals: Arc<Signals>,
    /// The brainstem has left: everybody else leaves too.
    pub done: Flag,
    /// The goal is met.
    pub succeeded: Flag,
    /// The goal can no longer be met.
    pub failed: Flag,
    /// The brain has ended its task, well or not.
    pub over: Flag,
    /// A thread ended with an error.
    pub broken: Flag,
    /// Somebody asks for a reset: a real arm's driver first makes the arm ready, then the loop is reset.
    pub reset_asked: Flag,
    /// Stops that people have asked for; see [`Shared::stop`].
    pub stops: Mutex<u64>,
    /// A task has ended without its goal: for the recorder.
    pub task_failed: Flag,
    /// Observations and answers that policy or brain refused.
    pub refused: Counter,
    /// Why, the last time; the ROS node asks.
    pub last_refusal: Mutex<Option<String>>,
    /// What the newest answer or refusal of a policy rests on; the ROS node asks.
    pub sight: Mutex<Sight>,
    /// How the drivers of a real arm are; the ROS node asks them.
    pub tellers: Mutex<Vec<Teller>>,
    /// As `done`, for the ROS node.
    pub ros_done: Arc<AtomicBool>,
}

impl Shared {
    /// Somebody asks for a stop: it holds against every reset that was asked for before it. For threads that may wait.
    #[cfg_attr(not(feature = "ros"), allow(dead_code, reason = "who asks is the ROS 2 node"))]
    pub fn stop(&self) {
        // Under the lock a stop is wholly before a late reset, which is then not done, or wholly after it.
        let mut stops = self.stops.lock();
        *stops += 1;
        self.reset_asked.take();
        self.signals.stop.raise();
    }

    /// Resets the loop; false, and no reset, if a stop has come since there were so many.
    pub fn reset_unless_stopped_since(&self, stops_then: u64) -> bool {
        let stops = self.stops.lock();
        let is_last_word = *stops == stops_then;
        if is_last_word {
            self.signals.reset.raise();
        }
        is_last_word
    }

    /// An observation or an answer is refused. For threads that may wait.
    pub fn refuse(&self, why: &str) {
        self.refused.increment();
        *self.last_refusal.lock() = Some(why.into());
    }

    /// Sends everybody but the brainstem home.
    pub fn end(&self) {
        self.signals.exit.raise();
        self.done.raise();
        // Release: pairs with the node's Acquire load.
        self.ros_done.store(true, Ordering::Release);
    }
}

/// How a periodic thread kept its rate.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Thread.
    pub name: &'static str,
    /// Rate asked for [Hz].
    pub wanted_hz: f64,
    /// Ticks that did work.
    pub ticks: u64,
    /// From the first to the last tick [s].
    pub secs: f64,
    /// Periods skipped because a tick took too long.
    pub missed: u64,
    /// Time of one tick's work.
    pub work: Percentiles,
    /// Calls of the allocator in its ticks, the first left out.
    pub heap_calls: u64,
}

impl Rate {
    /// Ticks per second.
    pub fn achieved_hz(&self) -> f64 {
        if self.secs > 0.0 { self.ticks.saturating_sub(1) as f64 / self.secs } else { 0.0 }
    }
}

/// Calls `tick` at a rate until the run is done; `tick` says whether it had something to do.
pub fn periodic(
    name: &'static str,
    period: Nanos,
    done: &Flag,
    mut tick: impl FnMut(Nanos) -> Result<bool>,
) -> Result<Rate> {
    let start = MonotonicClock.now();
    let mut pacer = Pacer::new(start, period);
    let mut work = Histogram::default();
    let (mut ticks, mut missed, mut heap_calls, mut first, mut last) = (0, 0, 0, start, start);
    while !done.is_raised() {
        let wake = pacer.wait();
        missed += wake.missed;
        let heap_before = CountingAllocator::calls();
        if tick(wake.now)? {
            work.record(MonotonicClock.now() - wake.now);
            heap_calls += if ticks == 0 { 0 } else { CountingAllocator::calls() - heap_before };
            (first, last) = (if ticks == 0 { wake.now } else { first }, wake.now);
            ticks += 1;
        }
    }
    let secs = (last - first).secs();
    Ok(Rate { name, wanted_hz: 1.0 / period.secs(), ticks, secs, missed, work: work.percentiles(), heap_calls })
}

/// The newest of a ring; what came before is dropped.
pub fn newest<T: Send>(ring: &RingReceiver<T>) -> Option<T> {
    let mut newest = None;
    while let Some(value) = ring.pop() {
        newest = Some(value);
    }
    newest
}
