//! Two cells on real threads and the real clock, where a virtual one would prove nothing: a driver that panics, and a
//! driver so slow that the loop overruns. Nothing here asserts a duration.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, BrainstemError, LoopSummary, Mode, MonotonicClock, PrivilegeConfig,
    RealtimeLinks, Signals, run_realtime,
};
use neuraxis_channel::{MailboxReader, MailboxWriter, mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment};

use crate::{FaultKind, Matrix, Monitor, Plant, monitor::is_at_rest, report::Verdict};

/// Reads until the driver breaks.
const READS_BEFORE: u64 = 100;
/// A slow read takes ten periods.
const SLOW_READ: Duration = Duration::from_millis(10);
/// Missed periods that are a stop here: a machine that is busy with other work stays below.
const OVERRUN_BUDGET: u32 = 250;
/// Attempts at a run that other work on the machine ended before the fault began.
const ATTEMPTS: u32 = 5;
/// Longest lease, so that only the fault in question ends the motion on a machine that is busy.
const LEASE: Nanos = Nanos::from_millis(900);
/// Joint 0 gathers speed at this rate [rad/s^2].
const SPEED_UP_RAD_S2: f64 = 1.0;
/// Looks at the loop before the attempt counts as failed, one each millisecond.
const LOOKS: u32 = 20_000;

/// The driver of a simulated arm, with a defect.
struct Driver<P> {
    plant: P,
    dof: usize,
    fault: FaultKind,
    reads: u64,
    broken: Arc<AtomicBool>,
    touched: Arc<AtomicU64>,
    monitor: Monitor,
    ticks: u64,
    last: Option<ArmCommand>,
    fastest_rad_s: f64,
    heap: fn() -> u64,
    /// Calls of the allocator when the last read ended; a write without a read is not a tick.
    calls_at_read: Option<u64>,
    heap_calls: u64,
}

impl<P: Plant> Arm for Driver<P> {
    fn dof(&self) -> usize {
        self.dof
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads += 1;
        self.calls_at_read = None;
        // Relaxed: a flag and a number on their own.
        if self.reads > READS_BEFORE && self.broken.load(Ordering::Relaxed) {
            self.touched.fetch_add(1, Ordering::Relaxed);
            match self.fault {
                FaultKind::Panic => {
                    self.broken.store(false, Ordering::Relaxed);
                    // Without the hook that prints: this one is wanted.
                    std::panic::resume_unwind(Box::new("the driver is broken"));
                }
                _ => std::thread::sleep(SLOW_READ),
            }
        }
        self.calls_at_read = Some((self.heap)());
        Ok(ArmState { stamp: MonotonicClock.now(), ..self.plant.state() })
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        self.heap_calls += self.calls_at_read.take().map_or(0, |before| (self.heap)() - before);
        self.ticks += 1;
        // The loop's own readings are not to be had here: differences are checked on the virtual clock.
        self.monitor.see_value(command);
        self.fastest_rad_s = command.qd.iter().fold(self.fastest_rad_s, |most, qd| most.max(qd.abs()));
        self.last = Some(*command);
        self.plant.step(command);
        Ok(())
    }
}

/// Runs a cell of the real clock, twice for the same outcome.
pub(crate) fn run<P: Plant>(matrix: &Matrix<P>, fault: FaultKind) -> Verdict {
    let attempt = || {
        let mut attempts = (0..ATTEMPTS).map(|_| once(matrix, fault));
        attempts
            .find(|run| run.as_ref().map_or(true, |(delivered, _)| *delivered > 0))
            .unwrap_or_else(|| once(matrix, fault))
    };
    match (attempt(), attempt()) {
        (Ok((0, _)), _) | (_, Ok((0, _))) => {
            Verdict { ok: false, delivered: 0, why: "the fault was never delivered".into() }
        }
        (Ok((delivered, first)), Ok((_, second))) if first == second => Verdict { ok: true, delivered, why: first },
        (Ok((delivered, first)), Ok((_, second))) => {
            Verdict { ok: false, delivered, why: format!("(vii) {first}, then {second}") }
        }
        (Err(why), _) | (_, Err(why)) => Verdict { ok: false, delivered: 0, why },
    }
}

/// Faults delivered, and the story.
fn once<P: Plant>(matrix: &Matrix<P>, fault: FaultKind) -> Result<(u64, String), String> {
    let (broken, touched) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let mut driver = Driver {
        plant: (matrix.plant)()?,
        dof: matrix.robot.dof(),
        fault,
        reads: 0,
        broken: broken.clone(),
        touched: touched.clone(),
        monitor: Monitor::new(matrix.robot.slowed(&matrix.brainstem.shares()).limits()),
        ticks: 0,
        last: None,
        fastest_rad_s: 0.0,
        heap: matrix.heap,
        calls_at_read: None,
        heap_calls: 0,
    };
    let story = match fault {
        FaultKind::Panic => panics(matrix, &mut driver)?,
        _ => slows(matrix, &mut driver, &broken)?,
    };
    if let Some(what) = driver.monitor.violation_seen() {
        return Err(format!("(i) limits: {what}"));
    }
    if driver.fastest_rad_s < 0.02 {
        return Err(format!("the arm never moved: {} rad/s", driver.fastest_rad_s));
    }
    if driver.heap_calls > 0 {
        return Err(format!("(vi) {} calls of the allocator", driver.heap_calls));
    }
    // Relaxed: read when the loop has ended.
    Ok((touched.load(Ordering::Relaxed), story))
}

/// The loop ends as an error, the arm at rest; a loop that is started anew drives it again.
fn panics<P: Plant>(matrix: &Matrix<P>, driver: &mut Driver<P>) -> Result<String, String> {
    let (ended, _) = drive(matrix, driver, |_, _, _| false)?;
    match ended {
        Err(BrainstemError::Panicked { stopped: true, .. }) => {}
        other => return Err(format!("(iii) {other:?}")),
    }
    if !driver.last.as_ref().is_some_and(is_at_rest) {
        return Err("(ii) the last command is not at rest".into());
    }
    driver.monitor.forget();
    let before = driver.ticks;
    let (ended, moved) = drive(matrix, driver, |body, _, _| body.commanded.qd.iter().any(|qd| qd.abs() > 0.05))?;
    if ended.is_err() || !moved || driver.ticks == before {
        return Err(format!("(v) a new loop does not drive the arm: {ended:?}"));
    }
    Ok("Panicked, braked to rest; a new loop moves the arm".into())
}

/// The loop stops for the overrun; once the driver is quick again, fresh segments move the arm.
fn slows<P: Plant>(matrix: &Matrix<P>, driver: &mut Driver<P>, broken: &AtomicBool) -> Result<String, String> {
    let mut stopped_for = None;
    let (ended, resumed) = drive(matrix, driver, |body, resend, seq| {
        if stopped_for.is_none() {
            if body.mode == Mode::Hold && body.fault.is_some() {
                stopped_for = body.fault;
                broken.store(false, Ordering::Relaxed);
            }
            return false;
        }
        if body.mode == Mode::Track {
            return body.commanded.qd.iter().any(|qd| qd.abs() > 0.01);
        }
        // Missed periods are forgiven by and by: try until motion is allowed.
        if *seq % 20 == 0 {
            *resend = Some(moving(body, 2 + *seq));
        }
        *seq += 1;
        false
    })?;
    match (stopped_for, resumed, ended) {
        (Some(Fault::Overrun), true, Ok(_)) => Ok("Overrun, at rest; fresh segments move the arm".into()),
        (Some(Fault::Overrun), ..) => Err("(v) motion does not resume".into()),
        (other, ..) => Err(format!("(iii) stopped for {other:?}")),
    }
}

/// Runs the loop in a thread of its own until it ends by itself or `look` says that enough was seen; true if it did.
fn drive<P: Plant>(
    matrix: &Matrix<P>,
    driver: &mut Driver<P>,
    mut look: impl FnMut(&BodyState, &mut Option<Segment>, &mut u64) -> bool,
) -> Result<(Result<LoopSummary, BrainstemError>, bool), String> {
    let config = BrainstemConfig {
        lease_max_secs: 1.0,
        overrun_budget: if driver.fault == FaultKind::Slow { OVERRUN_BUDGET } else { 1_000_000 },
        // Ordinary scheduling: what is shown here does not depend on rights.
        privileges: PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None },
        ..matrix.brainstem.clone()
    };
    let mut brainstem = Brainstem::new(matrix.robot.clone(), config).map_err(|error| error.to_string())?;
    let (mut to_loop, segments) = mailbox(None);
    let (to_me, mut body) = mailbox::<Option<BodyState>>(None);
    let signals = Arc::new(Signals::default());
    let links =
        RealtimeLinks { segments, states: vec![to_me], ticks: ring(16).0, stats: None, signals: signals.clone() };
    std::thread::scope(|scope| {
        let looper = scope.spawn(|| run_realtime(driver, &mut brainstem, links, |_| ()));
        let seen = watch(&mut to_loop, &mut body, || looper.is_finished(), &mut look);
        signals.exit.raise();
        looper.join().map(|ended| (ended, seen)).map_err(|_| "the loop's thread is gone".to_string())
    })
}

fn watch(
    to_loop: &mut MailboxWriter<Option<Segment>>,
    body: &mut MailboxReader<Option<BodyState>>,
    is_over: impl Fn() -> bool,
    look: &mut impl FnMut(&BodyState, &mut Option<Segment>, &mut u64) -> bool,
) -> bool {
    let (mut started, mut seq) = (false, 0);
    for _ in 0..LOOKS {
        if is_over() {
            return false;
        }
        if let Some(body) = body.fresh().flatten() {
            let mut resend = None;
            if !started {
                resend = Some(moving(&body, 1));
                started = true;
            } else if look(&body, &mut resend, &mut seq) {
                return true;
            }
            if resend.is_some() {
                to_loop.write(resend);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Joint 0 gathers speed from where it is commanded to be.
fn moving(body: &BodyState, seq: u64) -> Segment {
    let dof = body.commanded.q.len();
    Segment {
        epoch: 1,
        seq,
        t0: body.now,
        valid_until: body.now + LEASE,
        q: body.commanded.q,
        qd: Joints::zeros(dof),
        qdd: Joints::from_fn(dof, |i| if i == 0 { SPEED_UP_RAD_S2 } else { 0.0 }),
        gripper_width_m: body.gripper_width_m,
        grip_force_n: 20.0,
    }
}
