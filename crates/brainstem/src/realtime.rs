//! The loop on a real clock: sleep, read, step, write, publish.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use neuraxis_channel::{Counter, Flag, MailboxReader, MailboxWriter, RingSender};
use neuraxis_core::{
    Arm, ArmCommand, ArmState, Clock, Commanded, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Pacing, Segment, SegmentState,
};

use crate::{
    Brainstem, BrainstemError, Histogram, Mode, MonotonicClock, Pacer, Percentiles, RealtimeReport, Requests, Tick,
    TickInputs,
    panic_stop::{brake, message},
    request_privileges,
};

/// A device's stamps may be this far from the clock to give the time of the ticks [s].
const STAMP_OFF_SECS: f64 = 0.05;

/// Requests to the loop and its pulse. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Signals {
    /// Stop and latch; the loop goes on.
    pub stop: Flag,
    /// Reset the latch.
    pub reset: Flag,
    /// As long as it is raised: take no segments. The lease of the last one ends, the controlled stop follows, and the
    /// arm holds. Latches nothing, and touches neither `stop` nor `reset`: who lowers it undoes no stop.
    pub hold: Flag,
    /// Stop, then leave the loop once still.
    pub exit: Flag,
    /// One more with each tick: a watchdog sees the loop live.
    pub heartbeat: Counter,
}

impl Signals {
    /// Takes what other threads asked for: once a tick, before [`Brainstem::tick`]; `mode` is the brainstem's.
    ///
    /// Both may be there: a reset raised until then was sent without knowing of the stop, which wins.
    pub fn requests(&self, mode: Mode) -> Requests {
        let leaves = self.exit.is_raised() && !matches!(mode, Mode::Stopping | Mode::Latched);
        let stop = leaves || self.stop.take();
        Requests { stop, reset: self.reset.take() }
    }
}

/// What the rest of the body wants to know each millisecond.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct BodyState {
    /// Time of the tick.
    pub now: Nanos,
    /// What the arm measured.
    pub state: ArmState,
    /// What the arm was told.
    pub commanded: SegmentState,
    /// Torques that the motion takes beyond gravity, as the arm was told them [N m].
    pub feed_forward_nm: Joints,
    /// Finger distance the arm was told [m].
    pub gripper_width_m: f64,
    /// Mode after the tick.
    pub mode: Mode,
    /// See [`Tick::fault`].
    pub fault: Option<Fault>,
    /// See [`Brainstem::latches`].
    pub latches: u32,
    /// See [`Tick::speed_scale`].
    pub speed_scale: f64,
}

impl BodyState {
    /// As [`Brainstem::to_continue`], after that tick.
    pub fn to_continue(&self) -> Commanded {
        Commanded {
            motion: self.commanded,
            gripper_width_m: self.gripper_width_m,
            is_following: self.mode == Mode::Track,
        }
    }
}

/// One tick as it is recorded.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct TickRecord {
    /// Ticks of the loop before this one: records that were dropped leave a gap.
    pub number: u64,
    /// What the decision depends on: fed to [`Brainstem::tick`] in order, it is taken again.
    pub inputs: TickInputs,
    /// What was decided.
    pub tick: Tick,
    /// How late the loop woke; zero if the device gives the rhythm.
    pub wake_latency: Nanos,
    /// Time spent deciding, without the arm's read and write.
    pub compute: Nanos,
    /// Deadlines skipped before this tick.
    pub missed: u64,
}

/// Timing of the loop so far.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopStats {
    /// How late the loop woke.
    pub wake: Percentiles,
    /// Time of [`Brainstem::tick`].
    pub compute: Percentiles,
    /// Time between ticks.
    pub period: Percentiles,
    /// Deadlines skipped.
    pub missed: u64,
    /// Tick records lost because nobody took them out of the ring.
    pub records_dropped: u64,
    /// Latched without ever having heard of the arm, and why: until it speaks there is no [`BodyState`] that would tell.
    pub latched_unheard: Option<Fault>,
}

/// The ends of the channels that the loop holds.
pub struct RealtimeLinks {
    /// The newest segment.
    pub segments: MailboxReader<Option<Segment>>,
    /// One mailbox per reader of the body's state; empty until the arm has given its first well-formed one.
    pub states: Vec<MailboxWriter<Option<BodyState>>>,
    /// Every tick, for the recorder; sized for two seconds of stall (2000 records).
    pub ticks: RingSender<TickRecord>,
    /// Timing, renewed each second.
    pub stats: Option<MailboxWriter<LoopStats>>,
    /// Requests and pulse.
    pub signals: Arc<Signals>,
}

/// How the loop ended.
#[derive(Clone, Debug)]
pub struct LoopSummary {
    /// Privileges that the thread had.
    pub report: RealtimeReport,
    /// Ticks done.
    pub ticks: u64,
    /// Timing over the whole run.
    pub stats: LoopStats,
    /// Fault in force at the end, the requested exit not counted.
    pub fault: Option<Fault>,
}

/// Runs the loop in the calling thread until `signals.exit` is raised and the arm stands still.
///
/// Asks for the privileges in the brainstem's configuration, tells `on_start` what was granted, then no longer
/// allocates, locks or logs. Missed periods are skipped and counted, never caught up. A real arm is refused where
/// privileges were; a panic of the loop or of the arm's driver brakes the arm before it is returned as an error.
pub fn run_realtime(
    arm: &mut dyn Arm,
    brainstem: &mut Brainstem,
    links: RealtimeLinks,
    on_start: impl FnOnce(&RealtimeReport),
) -> Result<LoopSummary, BrainstemError> {
    if arm.dof() != brainstem.dof() {
        return Err(BrainstemError::JointCount { arm: arm.dof(), robot: brainstem.dof() });
    }
    let report = request_privileges(&brainstem.config().privileges);
    on_start(&report);
    if arm.is_real() && report.is_degraded() && !brainstem.config().arm_when_degraded {
        return Err(BrainstemError::Degraded { report });
    }
    let mut last = None;
    match catch_unwind(AssertUnwindSafe(|| tick_until_exit(arm, brainstem, links, report, &mut last))) {
        Ok(summary) => Ok(summary),
        Err(panic) => {
            // Without a command given nothing moves by our doing.
            let stopped = last.is_none_or(|command| brake(arm, &command, brainstem.limits()));
            Err(BrainstemError::Panicked { message: message(&*panic), stopped })
        }
    }
}

/// The loop itself; `last` is the command that the arm took last.
fn tick_until_exit(
    arm: &mut dyn Arm,
    brainstem: &mut Brainstem,
    mut links: RealtimeLinks,
    report: RealtimeReport,
    last: &mut Option<ArmCommand>,
) -> LoopSummary {
    let mut timing = Timing::new(brainstem.config().overrun_budget);
    let mut pacer = Pacer::new(MonotonicClock.now(), PERIOD_BRAINSTEM);
    let mut fault_before_exit = None;
    let mut write = None;
    loop {
        // Sleep until the absolute next deadline, unless the device gives the rhythm in `read`.
        let wake = (arm.pacing() == Pacing::Clock).then(|| pacer.wait());

        // Read. A failed read is a malformed state: the stop starts from what was commanded.
        let (state, read) = match arm.read() {
            Ok(state) => (state, None),
            Err(fault) => (unreadable(brainstem.dof()), Some(fault)),
        };

        // Check, control, limit. A device acts on the commands in its own even rhythm, which its stamps tell, not when
        // this thread happens to wake.
        let woke = MonotonicClock.now();
        let now = if wake.is_some() { woke } else { device_time(state.stamp, woke, timing.previous) };
        let (wake_latency, missed) = match wake {
            Some(wake) => (wake.now - wake.deadline, wake.missed),
            None => (Nanos(0), timing.skipped(now, arm.period())),
        };
        let segment = if links.signals.hold.is_raised() { None } else { links.segments.latest() };
        let requests = links.signals.requests(brainstem.mode());
        let inputs = TickInputs { now, state, segment, requests, read, write, overrun: timing.is_over_budget() };
        let tick = brainstem.tick(&inputs);
        let compute = MonotonicClock.now() - woke;

        // Write.
        write = None;
        if tick.started {
            match arm.write(&tick.command) {
                Ok(()) => *last = Some(tick.command),
                Err(fault) => write = Some(fault),
            }
        }

        // Publish. Before the first state there is no body: nobody may plan from where it is not.
        if tick.started {
            let body = BodyState {
                now: tick.now,
                state,
                commanded: brainstem.commanded(),
                feed_forward_nm: tick.command.tau_nm,
                gripper_width_m: tick.command.gripper_width_m,
                mode: tick.mode,
                fault: tick.fault,
                latches: brainstem.latches(),
                speed_scale: tick.speed_scale,
            };
            for writer in &mut links.states {
                writer.write(Some(body));
            }
        }
        links.ticks.push(TickRecord { number: timing.ticks, inputs, tick, wake_latency, compute, missed });
        links.signals.heartbeat.increment();
        timing.record(now, wake_latency, compute, missed);
        if timing.ticks.is_multiple_of(1000)
            && let Some(stats) = links.stats.as_mut()
        {
            let unheard = !tick.started && tick.mode == Mode::Latched;
            let latched_unheard = tick.fault.filter(|_| unheard);
            stats.write(LoopStats { latched_unheard, ..timing.stats(links.ticks.dropped()) });
        }

        if links.signals.exit.is_raised() {
            // Without a first state there is nothing to stop.
            if !tick.started || (brainstem.is_still() && brainstem.mode() == Mode::Latched) {
                break;
            }
        } else {
            fault_before_exit = tick.fault;
        }
    }
    let stats = timing.stats(links.ticks.dropped());
    LoopSummary { report, ticks: timing.ticks, stats, fault: fault_before_exit }
}

/// Time of a tick that a device paces: the stamp of its state, if that moves on and is of about now, else the clock's.
fn device_time(stamp: Nanos, woke: Nanos, previous: Option<Nanos>) -> Nanos {
    let is_of_now = woke.secs_since(stamp).abs() <= STAMP_OFF_SECS;
    if is_of_now && previous.is_none_or(|previous| stamp > previous) { stamp } else { woke }
}

/// What stands for a state that could not be read: the brainstem refuses it.
fn unreadable(dof: usize) -> ArmState {
    let nan = Joints::from_fn(dof, |_| f64::NAN);
    ArmState { stamp: Nanos(0), q: nan, qd: nan, tau_nm: nan, gripper_width_m: f64::NAN, grip_force_n: None }
}

struct Timing {
    wake: Histogram,
    compute: Histogram,
    period: Histogram,
    previous: Option<Nanos>,
    ticks: u64,
    missed: u64,
    /// Quarters of periods missed and not yet forgiven.
    debt: u64,
    budget: u64,
}

impl Timing {
    fn new(overrun_budget: u32) -> Self {
        Self {
            wake: Histogram::default(),
            compute: Histogram::default(),
            period: Histogram::default(),
            previous: None,
            ticks: 0,
            missed: 0,
            debt: 0,
            budget: u64::from(overrun_budget) * 4,
        }
    }

    fn record(&mut self, begin: Nanos, wake_latency: Nanos, compute: Nanos, missed: u64) {
        self.wake.record(wake_latency);
        self.compute.record(compute);
        if let Some(previous) = self.previous.replace(begin) {
            self.period.record(begin - previous);
        }
        self.ticks += 1;
        self.missed += missed;
        // Bounded, so that one long suspension is forgiven as soon as a short one.
        self.debt = if missed > 0 {
            self.debt.saturating_add(missed.saturating_mul(4)).min(self.budget * 2)
        } else {
            self.debt.saturating_sub(1)
        };
    }

    /// States of a device that gives the rhythm which this tick comes too late for.
    fn skipped(&self, now: Nanos, period: Nanos) -> u64 {
        let elapsed = self.previous.map_or(Nanos(0), |previous| now - previous);
        let periods = (elapsed.0 + period.0 / 2) / period.0.max(1);
        periods.saturating_sub(1)
    }

    fn is_over_budget(&self) -> bool {
        self.debt > self.budget
    }

    fn stats(&self, records_dropped: u64) -> LoopStats {
        LoopStats {
            wake: self.wake.percentiles(),
            compute: self.compute.percentiles(),
            period: self.period.percentiles(),
            missed: self.missed,
            records_dropped,
            latched_unheard: None,
        }
    }
}
