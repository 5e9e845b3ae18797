//! Drives the loop through all behaviours, from outside as the cerebellum and an operator do.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use neuraxis_brainstem::{
    BodyState, Brainstem, Mode, MonotonicClock, RealtimeLinks, Signals, TickRecord, run_realtime,
};
use neuraxis_channel::{MailboxReader, MailboxWriter, RingReceiver, mailbox, ring};
use neuraxis_core::{Clock, Fault, Joints, Nanos, PERIOD_CEREBELLUM, Segment};

use super::{
    Behaviour, Bench, Conformance,
    watched::{Seen, Watched},
};
use crate::Monitor;

/// Looks at the loop before it counts as hanging, one each millisecond at best.
const LOOKS: u32 = 30_000;
const LOOK: Duration = Duration::from_millis(1);
/// So many stands are waited for an arm to speak.
const MOST_STANDS: u64 = 20;
/// Ticks that standing is watched for.
const STAND_TICKS: u64 = 200;
/// ... and within which an arm has come to rest.
const SETTLE_TICKS: u64 = 3_000;
/// A swing is interrupted when it is this fast, as a share of its fastest.
const IN_MOTION: f64 = 0.6;
/// Lease and lead of a segment.
const LEASE: Nanos = Nanos::from_millis(900);
const LEAD: Nanos = Nanos::from_millis(5);
/// A swing's end is commanded for this long.
const TAIL: Nanos = Nanos::from_millis(100);
/// Looks between two requests of a reset that is not granted yet.
const RESET_LOOKS: u32 = 50;
/// In motion an arm lags by at most this many times its tolerance at rest.
const LAG: f64 = 12.0;
/// Ticks in one look that only a loop without any rhythm makes.
const SPINNING: u64 = 2_000;
/// Records that fit between two looks.
const RECORDS: usize = 20_000;

type Rows = Vec<(Behaviour, Result<String, String>)>;
type Step = fn(&mut Driver<'_>) -> Result<String, String>;

struct Driver<'a> {
    suite: &'a Conformance,
    bench: &'a dyn Bench,
    seen: Arc<Seen>,
    signals: Arc<Signals>,
    to_loop: MailboxWriter<Option<Segment>>,
    bodies: MailboxReader<Option<BodyState>>,
    ticks: RingReceiver<TickRecord>,
    monitor: Monitor,
    mode: Mode,
    rejected: Option<Fault>,
    seq: u64,
    is_over: &'a dyn Fn() -> bool,
}

/// All behaviours on one arm.
pub(crate) fn run(suite: &Conformance, bench: &dyn Bench) -> Rows {
    match drive(suite, bench) {
        Ok(rows) => rows,
        Err(why) => Behaviour::ALL.iter().map(|&behaviour| (behaviour, Err(why.clone()))).collect(),
    }
}

fn drive(suite: &Conformance, bench: &dyn Bench) -> Result<Rows, String> {
    let mut brainstem =
        Brainstem::new(suite.robot.clone(), suite.brainstem.clone()).map_err(|error| error.to_string())?;
    let seen = Arc::new(Seen::default());
    let mut arm = Watched { arm: bench.arm()?, seen: seen.clone(), heap: suite.heap, newest: Nanos(0) };
    let (to_loop, segments) = mailbox(None);
    let (to_me, bodies) = mailbox::<Option<BodyState>>(None);
    let (to_monitor, ticks) = ring(RECORDS);
    let signals = Arc::new(Signals::default());
    let links =
        RealtimeLinks { segments, states: vec![to_me], ticks: to_monitor, stats: None, signals: signals.clone() };
    std::thread::scope(|scope| {
        let looper = scope.spawn(|| run_realtime(&mut arm, &mut brainstem, links, |_| ()));
        let mut driver = Driver {
            suite,
            bench,
            seen,
            signals: signals.clone(),
            to_loop,
            bodies,
            ticks,
            monitor: Monitor::new(suite.robot.slowed(&suite.brainstem.shares()).limits()),
            mode: Mode::Hold,
            rejected: None,
            seq: 0,
            is_over: &|| looper.is_finished(),
        };
        // Also when a bench panics: the loop must not be waited for in vain.
        let leave = Leave(&signals);
        let rows = driver.try_all();
        drop(leave);
        match looper.join() {
            Ok(Ok(_)) => Ok(rows),
            Ok(Err(error)) => Err(format!("the loop ended: {error}")),
            Err(_) => Err("the loop's thread is gone".into()),
        }
    })
}

/// Ends the loop.
struct Leave<'a>(&'a Signals);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.exit.raise();
    }
}

impl Driver<'_> {
    fn try_all(&mut self) -> Rows {
        let steps: [(Behaviour, Step); 8] = [
            (Behaviour::ReportsStates, |driver| driver.reports_states()),
            (Behaviour::StandsStill, |driver| driver.stands_still()),
            (Behaviour::Follows, |driver| driver.follows()),
            (Behaviour::Stops, |driver| driver.stops()),
            (Behaviour::RefusesNonsense, |driver| driver.refuses_nonsense()),
            (Behaviour::LossIsAFault, |driver| driver.loss_is_a_fault()),
            (Behaviour::ResetGoesOn, |driver| driver.reset_goes_on()),
            (Behaviour::NoHeap, |driver| driver.no_heap()),
        ];
        steps.into_iter().map(|(behaviour, step)| (behaviour, step(self))).collect()
    }

    fn reports_states(&mut self) -> Result<String, String> {
        let get = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        // A device may take a while before it says anything.
        for _ in 0..MOST_STANDS {
            self.stand(STAND_TICKS)?;
            if get(&self.seen.states) >= STAND_TICKS {
                break;
            }
        }
        let (states, newer) = (get(&self.seen.states), get(&self.seen.newer));
        let (back, malformed) = (get(&self.seen.back), get(&self.seen.malformed));
        if malformed > 0 || back > 0 || newer * 2 < states || newer == 0 {
            return Err(format!("of {states} states {newer} newer, {back} older, {malformed} malformed"));
        }
        // Whatever the first command needs is done.
        self.seen.is_steady.store(true, Ordering::Relaxed);
        Ok(format!("{newer} of {states} newer than the one before"))
    }

    fn stands_still(&mut self) -> Result<String, String> {
        let first = self.body()?;
        let mut most_rad: f64 = 0.0;
        let until = self.signals.heartbeat.get() + STAND_TICKS;
        while self.signals.heartbeat.get() < until {
            let body = self.look()?;
            if body.commanded != first.commanded || body.fault.is_some() {
                return Err(format!("commanded to move: {:?}, {:?}", body.mode, body.fault));
            }
            most_rad = most_rad.max(body.state.q.max_abs_diff(&first.commanded.q));
        }
        self.within(most_rad, self.suite.tolerance_rad, "off while it stands")
    }

    fn follows(&mut self) -> Result<String, String> {
        let lag_out_rad = self.swing(1.0, 1.0, |_| false)?.1;
        let off_out_rad = self.settle()?;
        let lag_back_rad = self.swing(-1.0, 1.0, |_| false)?.1;
        let off_rad = f64::max(off_out_rad, self.settle()?);
        let lag_rad = f64::max(lag_out_rad, lag_back_rad);
        self.within(lag_rad, LAG * self.suite.tolerance_rad, "behind")?;
        self.within(off_rad, self.suite.tolerance_rad, "off at the ends")
            .map(|off| format!("{off}, {lag_rad:.4} rad behind in motion"))
    }

    fn stops(&mut self) -> Result<String, String> {
        let fastest = self.fastest_rad_s();
        let (stopped, _) = self.swing(1.0, 1.0, move |qd| qd.abs() > IN_MOTION * fastest)?;
        if !stopped {
            return Err("never in motion".into());
        }
        self.signals.stop.raise();
        let body = self.wait_for("a latch", |body| body.mode == Mode::Latched)?;
        if body.fault != Some(Fault::StopRequested) {
            return Err(format!("latched for {:?}", body.fault));
        }
        self.settle()?;
        self.reset()?;
        // Back from where the stop ended, which is not where the swing would have.
        self.swing(-1.0, 0.5, |_| false)?;
        self.settle()?;
        Ok("latched at rest, reset, and moved on".into())
    }

    fn refuses_nonsense(&mut self) -> Result<String, String> {
        // The last segment's lease is over.
        let body = self.wait_for("rest", |body| body.mode == Mode::Hold)?;
        self.rejected = None;
        let (q, nan) = (body.commanded.q, Joints::from_fn(body.commanded.q.len(), |_| f64::NAN));
        self.send(MonotonicClock.now(), &body, q, nan, Joints::zeros(q.len()));
        for _ in 0..LOOKS {
            if self.rejected.is_some() {
                break;
            }
            self.look()?;
        }
        if self.rejected != Some(Fault::SegmentMalformed) {
            return Err(format!("a segment that is no number was answered by {:?}", self.rejected));
        }
        self.seen.nonsense.store(true, Ordering::Relaxed);
        self.stand(STAND_TICKS)?;
        let body = self.body()?;
        let refused = self.seen.nonsense_refused.load(Ordering::Relaxed);
        if refused != 1 || self.seen.nonsense_taken.load(Ordering::Relaxed) > 0 {
            return Err("the arm took a command that is no number".into());
        }
        if body.mode != Mode::Hold {
            return Err(format!("{:?} after it: {:?}", body.mode, body.fault));
        }
        Ok("segment and command".into())
    }

    fn loss_is_a_fault(&mut self) -> Result<String, String> {
        let fastest = self.fastest_rad_s();
        let (moving, _) = self.swing(1.0, 1.0, move |qd| qd.abs() > IN_MOTION * fastest)?;
        if !moving {
            return Err("never in motion".into());
        }
        self.seen.is_steady.store(false, Ordering::Relaxed);
        self.bench.lose()?;
        let body = self.wait_for("a latch", |body| body.mode == Mode::Latched)?;
        let fault = body.fault.ok_or("latched for no reason")?;
        let reasons = [Fault::ReadFailed, Fault::WriteFailed, Fault::ArmStopped, Fault::StateMalformed];
        if !reasons.contains(&fault) {
            return Err(format!("latched for {fault:?}"));
        }
        let before = self.signals.heartbeat.get();
        std::thread::sleep(100 * LOOK);
        self.drain();
        let ticks = self.signals.heartbeat.get() - before;
        if ticks == 0 || ticks > SPINNING {
            return Err(format!("{ticks} ticks in a while without the device"));
        }
        Ok(format!("{fault:?}, latched, {} ticks later still", ticks))
    }

    fn reset_goes_on(&mut self) -> Result<String, String> {
        self.bench.restore()?;
        self.reset()?;
        self.stand(STAND_TICKS)?;
        self.seen.is_steady.store(true, Ordering::Relaxed);
        self.swing(1.0, 0.5, |_| false)?;
        let off_rad = self.settle()?;
        self.within(off_rad, self.suite.tolerance_rad, "off at the end of a motion")
    }

    fn no_heap(&mut self) -> Result<String, String> {
        let calls = self.seen.heap_calls.load(Ordering::Relaxed);
        let ticks = self.seen.steady_ticks.load(Ordering::Relaxed);
        if calls > 0 || ticks == 0 {
            return Err(format!("{calls} calls of the allocator in {ticks} reads and writes"));
        }
        if let Some(what) = self.monitor.violation_seen() {
            return Err(format!("limits: {what}"));
        }
        Ok(format!("{ticks} reads and writes; {} commands within the limits", self.monitor.commands()))
    }

    /// One way of the swing in direction `sign`, by segments as the cerebellum sends them, until `is_enough` of the
    /// moved joint's commanded speed; whether it was, and how far the arm lagged at most [rad].
    fn swing(&mut self, sign: f64, share: f64, is_enough: impl Fn(f64) -> bool) -> Result<(bool, f64), String> {
        let from = self.body()?;
        let (joint, secs) = (self.suite.joint, self.suite.swing_secs * share);
        let t0 = MonotonicClock.now() + LEAD;
        let end = t0 + Nanos::from_secs(secs);
        let mut lag_rad: f64 = 0.0;
        loop {
            let t = MonotonicClock.now() + LEAD;
            let (s, ds, dds) = progress(t.secs_since(t0) / secs);
            let way_rad = sign * share * self.suite.swing_rad;
            let one = |value: f64| Joints::from_fn(from.commanded.q.len(), |i| if i == joint { value } else { 0.0 });
            let mut q = from.commanded.q;
            if let Some(q) = q.get_mut(joint) {
                *q += way_rad * s;
            }
            self.send(t, &from, q, one(way_rad * ds / secs), one(way_rad * dds / (secs * secs)));
            // As the cerebellum paces itself; a look in between sees to the monitor.
            for _ in 0..PERIOD_CEREBELLUM.0 / 1_000_000 {
                let body = self.look()?;
                lag_rad = lag_rad.max(body.state.q.max_abs_diff(&body.commanded.q));
                if matches!(body.mode, Mode::Stopping | Mode::Latched) {
                    return Err(format!("stopped on the way: {:?}", body.fault));
                }
                if is_enough(body.commanded.qd.get(joint).copied().unwrap_or(0.0)) {
                    return Ok((true, lag_rad));
                }
            }
            if t > end + TAIL {
                return Ok((false, lag_rad));
            }
        }
    }

    fn fastest_rad_s(&self) -> f64 {
        1.875 * self.suite.swing_rad / self.suite.swing_secs
    }

    /// Distance of the arm from its command once it has come to rest, or when it should have [rad].
    fn settle(&mut self) -> Result<f64, String> {
        let until = self.signals.heartbeat.get() + SETTLE_TICKS;
        loop {
            self.stand(STAND_TICKS)?;
            let body = self.body()?;
            let off_rad = body.state.q.max_abs_diff(&body.commanded.q);
            if off_rad <= self.suite.tolerance_rad || self.signals.heartbeat.get() > until {
                return Ok(off_rad);
            }
        }
    }

    /// Asks for a reset until it is granted: the arm may still be shaking.
    fn reset(&mut self) -> Result<(), String> {
        for look in 0..LOOKS {
            if look % RESET_LOOKS == 0 {
                self.signals.reset.raise();
            }
            let body = self.look()?;
            if body.mode == Mode::Hold {
                return Ok(());
            }
        }
        Err(format!("no reset: {:?}", self.body()?.fault))
    }

    fn stand(&mut self, ticks: u64) -> Result<(), String> {
        let until = self.signals.heartbeat.get() + ticks;
        let mut looks = 0;
        while self.signals.heartbeat.get() < until {
            self.look()?;
            looks += 1;
            if looks > LOOKS {
                return Err("the loop hangs".into());
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, what: &str, is_there: impl Fn(&BodyState) -> bool) -> Result<BodyState, String> {
        for _ in 0..LOOKS {
            let body = self.look()?;
            if is_there(&body) {
                return Ok(body);
            }
        }
        Err(format!("{what} never came"))
    }

    /// A millisecond later: the newest body, all ticks seen by the monitor.
    fn look(&mut self) -> Result<BodyState, String> {
        std::thread::sleep(LOOK);
        self.drain();
        self.body()
    }

    fn drain(&mut self) {
        while let Some(record) = self.ticks.pop() {
            let tick = &record.tick;
            // After a reset the loop holds where the arm is.
            if self.mode == Mode::Latched && tick.mode == Mode::Hold {
                self.monitor.forget();
            }
            self.mode = tick.mode;
            self.rejected = self.rejected.or(tick.rejected);
            if tick.started {
                self.monitor.see(tick.now, tick.now, &tick.command);
            }
        }
    }

    fn body(&mut self) -> Result<BodyState, String> {
        for _ in 0..LOOKS {
            if (self.is_over)() {
                return Err("the loop has ended".into());
            }
            if let Some(body) = self.bodies.latest() {
                return Ok(body);
            }
            std::thread::sleep(LOOK);
        }
        Err("the loop never told its state".into())
    }

    fn send(&mut self, t0: Nanos, body: &BodyState, q: Joints, qd: Joints, qdd: Joints) {
        self.seq += 1;
        self.to_loop.write(Some(Segment {
            epoch: 1,
            seq: self.seq,
            t0,
            valid_until: t0 + LEASE,
            q,
            qd,
            qdd,
            gripper_width_m: body.gripper_width_m,
            grip_force_n: 20.0,
        }));
    }

    fn within(&self, value_rad: f64, most_rad: f64, what: &str) -> Result<String, String> {
        // `contains` is false for NaN.
        match (0.0..=most_rad).contains(&value_rad) {
            true => Ok(format!("{value_rad:.4} rad {what}")),
            false => Err(format!("{value_rad:.4} rad {what}, allowed: {most_rad:.4}")),
        }
    }
}

/// Way, speed and acceleration of a motion with the least jerk, at this share of its time.
fn progress(share: f64) -> (f64, f64, f64) {
    let x = share.clamp(0.0, 1.0);
    let s = x * x * x * (10.0 + x * (6.0 * x - 15.0));
    let ds = 30.0 * x * x * (1.0 - x) * (1.0 - x);
    let dds = 60.0 * x * (1.0 - x) * (1.0 - 2.0 * x);
    (s, ds, dds)
}
