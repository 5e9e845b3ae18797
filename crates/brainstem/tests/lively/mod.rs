//! The real loop with an arm in memory that puts it through every mode and every fault: what the proofs watch.
//!
//! For each fault of the table: the arm's `write` reports it at rest, in motion and in the stop; then its `read` reports
//! it, and `write` once more in the latch that follows; then a reset. Last of all, an exit out of motion. The arm itself
//! makes no system call and does not touch the heap. Another thread empties the ring and looks at the state all the
//! while, so that a lock would contend; later it leaves the ring to run full.
#![allow(dead_code)]

use std::sync::Arc;

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, LoopSummary, Mode, MonotonicClock, PrivilegeConfig, RealtimeLinks,
    RealtimeReport, Signals, TickRecord, run_realtime,
};
use neuraxis_channel::{MailboxReader, MailboxWriter, mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment};

use crate::rig;

/// Ticks after which the ring is no longer emptied.
const EMPTIED_TICKS: u64 = 1000;
/// Time in motion before a fault strikes.
const MOVING: Nanos = Nanos::from_millis(40);
/// An act that lasts longer hangs: each takes some tenths of a second.
const HANGS: Nanos = Nanos::from_millis(60_000);

/// What the watcher is told, in the loop's thread, from within the arm's `read`.
#[derive(Copy, Clone, Debug)]
pub enum Moment {
    /// Ticks begun before this one.
    Tick(u64),
    /// Every fault has struck in every mode; were the four modes seen?
    Done([bool; 4]),
}

/// Overruns belong to the machine, not to these proofs.
pub fn config(privileges: PrivilegeConfig) -> BrainstemConfig {
    BrainstemConfig { overrun_budget: 1_000_000, privileges, ..Default::default() }
}

/// Runs the loop until all faults have struck and at least `ticks` ticks were done.
pub fn run(
    pacing: Pacing,
    privileges: PrivilegeConfig,
    ticks: u64,
    on_start: impl FnOnce(&RealtimeReport),
    watch: impl FnMut(Moment) + Send + 'static,
) -> LoopSummary {
    run_recorded(pacing, privileges, ticks, on_start, watch, None)
}

/// Same; with `keep` the ring is emptied to the end, into it.
pub fn run_recorded(
    pacing: Pacing,
    privileges: PrivilegeConfig,
    ticks: u64,
    on_start: impl FnOnce(&RealtimeReport),
    watch: impl FnMut(Moment) + Send + 'static,
    mut keep: Option<&mut Vec<TickRecord>>,
) -> LoopSummary {
    let robot = rig::fr3();
    let mut brainstem = Brainstem::new(robot.clone(), config(privileges)).unwrap();
    let (to_loop, segments) = mailbox(None);
    let (to_arm, bodies) = mailbox(None);
    let (to_other, mut seen_by_other) = mailbox::<Option<BodyState>>(None);
    let (to_stats, _stats) = mailbox(Default::default());
    let (records_in, records) = ring(if keep.is_some() { 1 << 15 } else { 256 });
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks {
        segments,
        states: vec![to_arm, to_other],
        ticks: records_in,
        stats: Some(to_stats),
        signals: signals.clone(),
    };
    let mut arm = LivelyArm {
        pacing,
        state: rig::at_rest(robot.home()),
        home: robot.home(),
        segments: to_loop,
        bodies,
        signals: signals.clone(),
        segment: None,
        act: Act::StrikeResting,
        act_since: MonotonicClock.now(),
        fault: 0,
        strike: None,
        moving_since: None,
        seen: [false; 4],
        ticks: 0,
        ticks_wanted: ticks,
        watch: Box::new(watch),
    };
    std::thread::scope(|scope| {
        let beside = signals.clone();
        let other = scope.spawn(move || {
            let signals = beside;
            while !signals.exit.is_raised() {
                if keep.is_some() || signals.heartbeat.get() < EMPTIED_TICKS {
                    while let Some(record) = records.pop() {
                        if let Some(kept) = keep.as_mut() {
                            kept.push(record);
                        }
                    }
                }
                std::hint::black_box(seen_by_other.latest());
                std::thread::yield_now();
            }
        });
        let summary = run_realtime(&mut arm, &mut brainstem, links, on_start);
        // However it ended.
        signals.exit.raise();
        other.join().unwrap();
        summary.unwrap()
    })
}

/// What the arm does next.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Act {
    StrikeResting,
    Move,
    StrikeStopping,
    FailRead,
    StrikeLatched,
    Leave,
}

struct LivelyArm {
    pacing: Pacing,
    state: ArmState,
    home: Joints,
    segments: MailboxWriter<Option<Segment>>,
    bodies: MailboxReader<Option<BodyState>>,
    signals: Arc<Signals>,
    segment: Option<Segment>,
    act: Act,
    act_since: Nanos,
    /// Place in the table of faults.
    fault: usize,
    /// What the next `write` reports.
    strike: Option<Fault>,
    moving_since: Option<Nanos>,
    seen: [bool; 4],
    ticks: u64,
    ticks_wanted: u64,
    watch: Box<dyn FnMut(Moment) + Send>,
}

impl LivelyArm {
    /// One step of the script, from the mode that the loop published last.
    fn follow_script(&mut self, now: Nanos, mode: Mode) -> Result<(), Fault> {
        let fault = Fault::ALL[self.fault];
        if mode != Mode::Track {
            self.moving_since = None;
        }
        match self.act {
            Act::StrikeResting if mode == Mode::Hold => {
                self.strike = Some(fault);
                self.act = Act::Move;
            }
            // The strike above may have latched.
            Act::StrikeResting | Act::Move | Act::Leave if mode == Mode::Latched => self.signals.reset.raise(),
            Act::Move | Act::Leave => {
                self.send_segment(now);
                if mode == Mode::Track && now - *self.moving_since.get_or_insert(now) > MOVING {
                    if self.act == Act::Move {
                        self.strike = Some(fault);
                        self.act = Act::StrikeStopping;
                    } else {
                        self.signals.exit.raise();
                    }
                }
            }
            // No more segments: at the latest the lease ends the motion.
            Act::StrikeStopping if mode == Mode::Stopping => {
                self.strike = Some(fault);
                self.act = Act::FailRead;
            }
            // A late tick was longer than the whole stop: once more.
            Act::StrikeStopping if mode == Mode::Hold || mode == Mode::Latched => self.act = Act::Move,
            Act::FailRead if mode == Mode::Hold || mode == Mode::Latched => {
                self.act = Act::StrikeLatched;
                return Err(fault);
            }
            Act::StrikeLatched if mode == Mode::Latched => {
                self.strike = Some(fault);
                self.signals.stop.raise();
                self.signals.reset.raise();
                self.fault += 1;
                self.act = Act::StrikeResting;
                if self.fault == Fault::ALL.len() {
                    self.fault = 0;
                    if self.ticks >= self.ticks_wanted {
                        self.act = Act::Leave;
                        (self.watch)(Moment::Done(self.seen));
                    }
                }
            }
            Act::StrikeResting | Act::StrikeStopping | Act::FailRead | Act::StrikeLatched => {}
        }
        Ok(())
    }

    /// Every 5 ms a segment from the last command on, towards a speed that swings about home.
    fn send_segment(&mut self, now: Nanos) {
        if self.segment.is_some_and(|last| now - last.t0 < Nanos::from_millis(5)) {
            return;
        }
        let swing = (std::f64::consts::TAU * now.secs()).sin();
        let qdd = Joints::from_fn(self.home.len(), |i| {
            let wanted_qd = 0.3 * swing - (self.state.q[i] - self.home[i]);
            ((wanted_qd - self.state.qd[i]) / 0.02).clamp(-8.0, 8.0)
        });
        self.segment = Some(Segment {
            epoch: 1,
            seq: self.segment.map_or(1, |last| last.seq + 1),
            t0: now,
            valid_until: now + Nanos::from_millis(20),
            q: self.state.q,
            qd: self.state.qd,
            qdd,
            gripper_width_m: 0.04,
            grip_force_n: 20.0,
        });
        self.segments.write(self.segment);
    }
}

impl Arm for LivelyArm {
    fn dof(&self) -> usize {
        self.home.len()
    }
    fn pacing(&self) -> Pacing {
        self.pacing
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        (self.watch)(Moment::Tick(self.ticks));
        self.ticks += 1;
        self.state.stamp = MonotonicClock.now();
        if let Some(body) = self.bodies.latest() {
            self.seen[body.mode as usize] = true;
            let act = self.act;
            let result = self.follow_script(self.state.stamp, body.mode);
            if self.act != act {
                self.act_since = self.state.stamp;
            }
            let lasts = self.state.stamp - self.act_since;
            assert!(lasts < HANGS, "{:?} of {} hangs in {:?}: {:?}", act, self.fault, body.mode, body.fault);
            result?;
        }
        Ok(self.state)
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        (self.state.q, self.state.qd, self.state.gripper_width_m) = (command.q, command.qd, command.gripper_width_m);
        self.strike.take().map_or(Ok(()), Err)
    }
}
