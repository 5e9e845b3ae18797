//! One cell: warm up, disturb, end the fault, reset if that is the way out, and judge.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use neuraxis_brainstem::{BrainstemConfig, Mode};
use neuraxis_cerebellum::{CerebellumConfig, Phase};
use neuraxis_core::{Nanos, Reaction};
use neuraxis_robot::Robot;

use crate::{
    Cell, Expectation, FaultKind, FaultsError, Outcome, Plant, Source, budget, real,
    report::{CellReport, Verdict},
    rig::{Moment, Rig},
    seen::Seen,
};

/// The fault begins when the arm moves at least this fast [rad/s].
const ONSET_RAD_S: f64 = 0.4;
/// Longest warm-up, and longest wait for the next key-frame after the fault.
const PATIENCE_MS: u64 = 8_000;
/// After a latching fault has ended nothing may move for this long.
const HOLD_MS: u64 = 400;
/// A reset is tried this long before the fault ends, where it must be refused.
const RESET_ATTEMPT_MS: u64 = 50;
/// States and commands that can be read back at least: a second's worth may be lost with the process.
const READABLE: usize = 100;
/// Measured speed under which the arm is at rest [rad/s].
const RESTS_RAD_S: f64 = 0.02;

/// The matrix over one robot and one kind of arm.
pub struct Matrix<'a, P> {
    /// Kinematics and limits.
    pub robot: Arc<Robot>,
    /// The loop.
    pub brainstem: BrainstemConfig,
    /// The executor; its times are shortened, see [`Matrix::new`].
    pub cerebellum: CerebellumConfig,
    /// A new arm at home, the same each time.
    pub plant: &'a dyn Fn() -> Result<P, String>,
    /// Calls of the allocator by this thread so far: [`crate::CountingAllocator::calls`], where it is installed.
    pub heap: fn() -> u64,
    /// Of every random delay.
    pub seed: u64,
}

impl<'a, P: Plant> Matrix<'a, P> {
    /// Shortens the policy's times, so that silence is noticed while the arm still moves: predictions are usable for
    /// 0.2 s, silence of 0.25 s is a stop, and the arm moves at a third of its speed.
    pub fn new(
        robot: Arc<Robot>,
        brainstem: BrainstemConfig,
        mut cerebellum: CerebellumConfig,
        plant: &'a dyn Fn() -> Result<P, String>,
        heap: fn() -> u64,
        seed: u64,
    ) -> Self {
        cerebellum.repredict = true;
        cerebellum.prediction_lease_secs = 0.2;
        cerebellum.policy_silence_stop_secs = Some(0.25);
        cerebellum.motion.velocity_scale = cerebellum.motion.velocity_scale.min(0.35);
        Self { robot, brainstem, cerebellum, plant, heap, seed }
    }

    /// Runs a cell twice (assertion vii) and judges it; a fault that nobody may notice also against an undisturbed run.
    pub fn run_cell(&self, cell: Cell) -> CellReport {
        let outcome = match Expectation::of(cell) {
            Expectation::NotApplicable(why) => return CellReport::not_applicable(cell, why),
            Expectation::Must(outcome) => outcome,
        };
        let before = (self.heap)();
        drop(std::hint::black_box(Box::new(before)));
        if (self.heap)() == before {
            return CellReport::of(cell, failed("(vi) nobody counts calls of the allocator".into(), 0));
        }
        if cell.source == Source::State && matches!(cell.fault, FaultKind::Panic | FaultKind::Slow) {
            return CellReport::of(cell, real::run(self, cell.fault));
        }
        let verdict = self.run_once(cell, &outcome, true).and_then(|first| {
            let second = self.run_once(cell, &outcome, true)?;
            if first.log != second.log {
                return Err(failed("two runs differ".into(), first.delivered));
            }
            if outcome.unnoticed && self.run_once(cell, &outcome, false)?.log != first.log {
                return Err(failed("decisions differ from an undisturbed run".into(), first.delivered));
            }
            Ok(Verdict { ok: true, delivered: first.delivered, why: first.story })
        });
        CellReport::of(cell, verdict.unwrap_or_else(|verdict| verdict))
    }

    fn run_once(&self, cell: Cell, outcome: &Outcome, disturbed: bool) -> Result<Run, Verdict> {
        let folder = Folder::new().map_err(|error| failed(error.to_string(), 0))?;
        let mut run = Run::default();
        match self.play(cell, outcome, disturbed, &folder.0, &mut run) {
            Ok(Ok(())) => Ok(run),
            Ok(Err(why)) => Err(failed(why, run.delivered)),
            Err(error) => Err(failed(error.to_string(), run.delivered)),
        }
    }

    /// The inner result says which assertion failed.
    fn play(
        &self,
        cell: Cell,
        outcome: &Outcome,
        disturbed: bool,
        folder: &Path,
        run: &mut Run,
    ) -> Result<Result<(), String>, FaultsError> {
        let plant = (self.plant)().map_err(FaultsError::Plant)?;
        let mut rig = Rig::new(cell, self, plant, folder)?;

        // Warm up: two key-frames reached, and on the way to the next.
        rig.advance()?;
        rig.start_task()?;
        let warm = |rig: &Rig<P>, moment: &Moment| {
            rig.reached > 1
                && moment.mind.is_some_and(|mind| mind.phase == Phase::Moving)
                && moment.tick.is_some_and(|tick| tick.command.qd.iter().any(|qd| qd.abs() > ONSET_RAD_S))
        };
        if !wait(&mut rig, None, warm)? {
            return Ok(Err(format!("never got going: {:?}", rig.mind.tick)));
        }

        // Disturb.
        let onset = rig.clock.world();
        let mut seen = Seen::default();
        if disturbed {
            rig.set(true)?;
        }
        let window_ms = budget::window_ms(cell);
        let refused_before = rig.thinker.refused();
        for ms in 0..window_ms {
            if ms + RESET_ATTEMPT_MS == window_ms && resets_are_refused(cell) {
                rig.body.signals.reset.raise();
            }
            let moment = rig.advance()?;
            seen.look(onset, &moment);
        }
        if disturbed {
            rig.set(false)?;
        }

        // A latch holds; only a reset leads out.
        if outcome.reaction == Reaction::Latch {
            if let Err(why) = hold(&mut rig, &mut seen, onset)? {
                return Ok(Err(why));
            }
            rig.body.signals.reset.raise();
        }
        let reached = rig.reached;
        let resumes = wait(&mut rig, Some((&mut seen, onset)), |rig, _| rig.reached > reached)?;
        run.delivered = rig.delivered();
        run.log = std::mem::take(&mut rig.log);
        if !disturbed {
            return Ok(Ok(()));
        }
        let judged = self.judge(cell, outcome, &rig, &seen, resumes, refused_before);
        Ok(judged.map(|story| run.story = story))
    }

    /// Assertions (i) to (vi); the story of the cell if all hold.
    fn judge(
        &self,
        cell: Cell,
        outcome: &Outcome,
        rig: &Rig<P>,
        seen: &Seen,
        resumes: bool,
        refused_before: u64,
    ) -> Result<String, String> {
        if let Some(what) = rig.body.monitor.violation_seen() {
            return Err(format!("(i) limits: {what}"));
        }
        if rig.delivered() == 0 {
            return Err("the fault was never delivered".into());
        }
        // (ii)
        let budget = budget::stop(outcome.notice, &self.robot, &self.brainstem, &self.cerebellum);
        let mut story = String::new();
        if outcome.reaction != Reaction::Reject {
            let Some(rest) = seen.rest_after else { return Err("(ii) the arm never came to rest".into()) };
            if rest > budget {
                return Err(format!("(ii) at rest after {} ms, budget {} ms", millis(rest), millis(budget)));
            }
            story = format!("at rest after {} of {} ms; ", millis(rest), millis(budget));
        } else if seen.stopped {
            return Err(format!("(iii) the arm stopped: {:?} {:?}", seen.brainstem, seen.cerebellum));
        }
        // (iii)
        if (&seen.brainstem[..], &seen.cerebellum[..]) != (outcome.brainstem, outcome.cerebellum) {
            return Err(format!("(iii) faults {:?}, of the executor {:?}", seen.brainstem, seen.cerebellum));
        }
        if (&seen.rejected[..], &seen.refused[..]) != (outcome.rejected, outcome.refused) {
            return Err(format!("(iii) segments rejected {:?}, predictions refused {:?}", seen.rejected, seen.refused));
        }
        if (rig.thinker.refused() > refused_before) != outcome.blind {
            return Err(format!("(iii) observations refused: {}", rig.thinker.refused() - refused_before));
        }
        // (iv)
        let (delivered, overwritten) = rig.mind.segments_delivered();
        rig.body
            .adds_up(delivered, overwritten)
            .and_then(|()| rig.mind.adds_up())
            .and_then(|()| rig.thinker.adds_up())
            .and_then(|()| rig.viewer.adds_up("viewer"))
            .and_then(|()| rig.recorder.adds_up("recorder"))
            .and_then(|()| rig.operator.adds_up())
            .map_err(|what| format!("(iv) {what}"))?;
        if cell.source == Source::Disk {
            disk_is_honest(cell.fault, rig).map_err(|what| format!("(iii) {what}"))?;
        }
        // (v)
        if !resumes {
            return Err("(v) motion does not resume".into());
        }
        // (vi)
        if rig.body.heap_calls + rig.mind.heap_calls > 0 {
            return Err(format!("(vi) {} + {} calls of the allocator", rig.body.heap_calls, rig.mind.heap_calls));
        }
        story += &seen.codes();
        Ok(story.trim_end_matches("; ").to_string())
    }
}

/// A reset during a fault of the state cannot be granted: nobody knows where the arm is.
fn resets_are_refused(cell: Cell) -> bool {
    use FaultKind as K;
    let lasting = [K::Drop, K::Freeze, K::Nan, K::Inf, K::Huge, K::WrongLength, K::Kill, K::StepBack, K::StepForward];
    cell.source == Source::State && lasting.contains(&cell.fault)
}

/// Advances until `done`; false if that takes too long.
fn wait<P: Plant>(
    rig: &mut Rig<P>,
    mut seen: Option<(&mut Seen, Nanos)>,
    done: impl Fn(&Rig<P>, &Moment) -> bool,
) -> Result<bool, FaultsError> {
    for _ in 0..PATIENCE_MS {
        let moment = rig.advance()?;
        if let Some((seen, onset)) = &mut seen {
            seen.look(*onset, &moment);
        }
        if done(rig, &moment) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Latched, and nothing moves.
fn hold<P: Plant>(rig: &mut Rig<P>, seen: &mut Seen, onset: Nanos) -> Result<Result<(), String>, FaultsError> {
    let mut q = None;
    for ms in 0..HOLD_MS {
        let moment = rig.advance()?;
        seen.look(onset, &moment);
        let Some(tick) = moment.tick else { continue };
        // Requests may have been served only now.
        if ms < HOLD_MS / 2 {
            continue;
        }
        let stands = *q.get_or_insert(tick.command.q);
        if tick.mode != Mode::Latched || tick.command.q != stands || rig.body.speed_rad_s() > RESTS_RAD_S {
            let speed = rig.body.speed_rad_s();
            return Ok(Err(format!("(v) {:?} without a reset, {speed:.3} rad/s, {:?}", tick.mode, tick.fault)));
        }
    }
    Ok(Ok(()))
}

/// What the recorder's file says about the disk's fault.
fn disk_is_honest<P: Plant>(fault: FaultKind, rig: &Rig<P>) -> Result<(), String> {
    let trouble = rig.recorder.trouble.as_deref();
    match (fault, trouble) {
        (FaultKind::DiskFull, Some(text)) if text.contains("os error 28") => return Ok(()),
        (FaultKind::DiskFull, _) | (_, Some(_)) => return Err(format!("the recorder says {trouble:?}")),
        _ => {}
    }
    match rig.recorder.readable() {
        Ok(records) if records > READABLE => Ok(()),
        Ok(records) => Err(format!("{records} records can be read back")),
        Err(error) => Err(error.to_string()),
    }
}

/// One run's result.
#[derive(Default)]
struct Run {
    log: Vec<u8>,
    delivered: u64,
    story: String,
}

fn failed(why: String, delivered: u64) -> Verdict {
    Verdict { ok: false, delivered, why }
}

fn millis(time: Nanos) -> u64 {
    time.0 / 1_000_000
}

/// A folder of its own, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, FaultsError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only the number matters.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("neuraxis-faults-{}-{number}", std::process::id()));
        let failed = |source| FaultsError::Folder { path: path.display().to_string(), source };
        std::fs::create_dir_all(&path).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
