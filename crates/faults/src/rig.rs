//! The whole body on a virtual clock, in the order of the lockstep clock, with every stream open to faults.

use std::{path::Path, sync::Arc};

use nalgebra::Vector3;
use neuraxis_brainstem::{Brainstem, Tick};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose};
use neuraxis_robot::Robot;
use rand_pcg::Pcg64;

use crate::{
    Cell, FaultKind, FaultsError, Injector, Matrix, Monitor, Plant, Severity, Source,
    audience::Audience,
    body::{Body, BodyLinks},
    clock::{FaultyClock, Wake},
    mind::Mind,
    operator::Operator,
    thinker::{LATENCY, LOOK, Thinker},
};

/// The executor runs every fifth millisecond, its slow twin every fiftieth.
const MIND_MS: u64 = 5;
/// Half the way between the two key-frames, and how far they lie under home [m].
const SWEEP_M: f64 = 0.22;
const SINK_M: f64 = 0.03;
/// Room of the viewer's and the recorder's ring.
const VIEWER_ROOM: usize = 64;
const RECORDER_ROOM: usize = 200;

const fn severity(delay_ms: u64, jitter_ms: u64, step_ms: u64, every: u64) -> Severity {
    Severity {
        delay: Nanos::from_millis(delay_ms),
        jitter: Nanos::from_millis(jitter_ms),
        step: Nanos::from_millis(step_ms),
        every,
    }
}

/// States: 30 ms late is within the tracking tolerance.
const STATES: Severity = severity(30, 20, 1000, 1);
/// Segments: 40 ms is longer than a lease; a copy comes after its successor.
const SEGMENTS: Severity = severity(40, 8, 1000, 2);
/// Predictions and observations: 300 ms is longer than the lease.
const PREDICTIONS: Severity = severity(300, 60, 1000, 1);
const OBSERVATIONS: Severity = severity(300, 40, 1000, 1);
const REQUESTS: Severity = severity(100, 100, 0, 1);
/// A copy, or the earlier of two that change places, comes after its successor.
const LATE_COPY_MS: u64 = 7;

/// Body, mind, eyes, audience and operator.
pub(crate) struct Rig<P> {
    cell: Cell,
    robot: Arc<Robot>,
    pub(crate) clock: FaultyClock,
    pub(crate) body: Box<Body<P>>,
    pub(crate) mind: Box<Mind>,
    pub(crate) thinker: Thinker,
    pub(crate) viewer: Audience,
    pub(crate) recorder: Audience,
    pub(crate) operator: Operator,
    fault: Option<FaultKind>,
    epoch: u32,
    ms: u64,
    thread_faults: u64,
    /// Key-frames reached over all tasks.
    pub(crate) reached: u64,
    /// Every decision, as bytes.
    pub(crate) log: Vec<u8>,
}

/// What a millisecond decided.
pub(crate) struct Moment {
    pub(crate) world: Nanos,
    pub(crate) tick: Option<Tick>,
    pub(crate) mind: Option<CerebellumTick>,
}

impl<P: Plant> Rig<P> {
    pub(crate) fn new(cell: Cell, matrix: &Matrix<P>, plant: P, folder: &Path) -> Result<Self, FaultsError> {
        let (robot, heap, seed) = (matrix.robot.clone(), matrix.heap, matrix.seed);
        let random = |stream: u128| Pcg64::new(u128::from(seed), stream);
        // A neighbour or a copy comes late, but not by more than it takes to arrive behind its successor.
        let with_copies = |severity: Severity, late_ms: u64| match cell.fault {
            FaultKind::Duplicate | FaultKind::Reorder => Severity { delay: Nanos::from_millis(late_ms), ..severity },
            _ => severity,
        };
        let clock = FaultyClock::new(random(1));
        let (segment_in, segments) = mailbox(None);
        let (to_mind, body_of_mind) = mailbox(None);
        let (to_viewer, to_recorder) = (ring(VIEWER_ROOM), ring(RECORDER_ROOM));
        let links = BodyLinks { segments, to_mind, to_viewer: to_viewer.0.clone(), to_recorder: to_recorder.0.clone() };
        let states = Injector::new(with_copies(STATES, 2), random(2));
        let segments = Injector::new(with_copies(SEGMENTS, LATE_COPY_MS), random(3));
        let predictions = Injector::new(with_copies(PREDICTIONS, LOOK.0 / 1_000_000 + LATE_COPY_MS), random(4));
        let observations = Injector::new(with_copies(OBSERVATIONS, LOOK.0 / 1_000_000 + LATE_COPY_MS), random(5));
        let monitor = Monitor::new(robot.slowed(&matrix.brainstem.shares()).limits());
        let brainstem = Brainstem::new(robot.clone(), matrix.brainstem.clone())?;
        let body = Box::new(Body::new(plant, brainstem, monitor, states, links, heap));
        let cerebellum = matrix.cerebellum.clone();
        let sent = (segments, segment_in);
        let shares = matrix.brainstem.shares();
        let mind = Box::new(Mind::new(robot.clone(), cerebellum, shares, body_of_mind, predictions, sent, heap)?);
        let recorder = Audience::viewer(to_recorder, RECORDER_ROOM as u64, random(7))
            .recorder(&folder.join("episode.mcap"), &robot)?;
        Ok(Self {
            cell,
            thinker: Thinker::new(robot.clone(), clock.shared(), keyframes(&robot), observations),
            viewer: Audience::viewer(to_viewer, VIEWER_ROOM as u64, random(6)),
            recorder,
            operator: Operator::new(body.signals.clone(), Injector::new(REQUESTS, random(8))),
            robot,
            clock,
            body,
            mind,
            fault: None,
            epoch: 0,
            ms: 0,
            thread_faults: 0,
            reached: 0,
            log: Vec::with_capacity(2 << 20),
        })
    }

    /// Begins the cell's fault, or ends it: then threads that panicked are started again, with a new task.
    pub(crate) fn set(&mut self, on: bool) -> Result<(), FaultsError> {
        let (world, fault) = (self.clock.world(), on.then_some(self.cell.fault));
        self.fault = fault;
        match self.cell.source {
            Source::State => {
                self.body.states.set(world, fault);
                self.body.read_fails = fault == Some(FaultKind::Kill);
            }
            Source::Command => self.mind.segments.set(world, fault),
            Source::Policy => self.mind.predictions.set(world, fault),
            Source::Camera => self.thinker.observations.set(world, fault),
            Source::Clock => self.clock.set(fault),
            Source::Viewer => self.viewer.set(fault, &self.robot),
            Source::Disk => self.recorder.set(fault, &self.robot),
            Source::Ros => self.operator.set(world, fault),
        }
        if self.cell.fault == FaultKind::Panic {
            match (self.cell.source, on) {
                (Source::Command, true) => self.mind.panic(),
                (Source::Policy, true) => self.thinker.panic_policy(),
                (Source::Camera, true) => self.thinker.panic_cameras(),
                (Source::Command | Source::Policy | Source::Camera, false) => self.start_task()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Messages, ticks and visits that the fault has touched.
    pub(crate) fn delivered(&self) -> u64 {
        let streams = match self.cell.source {
            Source::State => self.body.states.counts().disturbed,
            Source::Command => self.mind.segments.counts().disturbed,
            Source::Policy => self.mind.predictions.counts().disturbed,
            Source::Camera => self.thinker.observations.counts().disturbed,
            Source::Clock => self.clock.disturbed,
            Source::Viewer => self.viewer.disturbed,
            Source::Disk => self.recorder.disturbed,
            Source::Ros => self.operator.disturbed + self.operator.requests.counts().disturbed,
        };
        streams + self.thread_faults
    }

    /// A new task instance for mind and policy.
    pub(crate) fn start_task(&mut self) -> Result<(), FaultsError> {
        self.epoch += 1;
        self.mind.start_task(self.epoch, self.clock.now(), self.body.brainstem())?;
        self.thinker.start_task(self.epoch);
        Ok(())
    }

    /// One millisecond of the world.
    pub(crate) fn advance(&mut self) -> Result<Moment, FaultsError> {
        let wake = self.clock.advance();
        let (world, now) = (self.clock.world(), self.clock.now());
        self.ms += 1;
        if wake == Wake::Suspended {
            self.body.live();
            return Ok(Moment { world, tick: None, mind: None });
        }
        self.operator.advance(world);
        if self.ms.is_multiple_of(LOOK.0 / 1_000_000) && self.operator.instructed() {
            self.start_task()?;
        }

        // Predictions, then the executor, then the loop.
        if let Some(prediction) = self.thinker.answer(world) {
            self.mind.predictions.offer(world, prediction);
        }
        self.mind.deliver(world);
        let every_ms = if self.is(Source::Command, FaultKind::Slow) { 10 * MIND_MS } else { MIND_MS };
        if self.ms.is_multiple_of(MIND_MS) {
            if self.ms.is_multiple_of(every_ms) && !self.is(Source::Command, FaultKind::Hang) && self.mind.is_alive() {
                self.think(world, now);
            } else {
                self.thread_faults += 1;
            }
        }
        self.mind.deliver(world);
        self.body.sense(world, now);
        let blocked = wake == Wake::Missed || self.is(Source::State, FaultKind::Hang);
        self.thread_faults +=
            u64::from(self.is(Source::State, FaultKind::Hang) || self.is(Source::State, FaultKind::Kill));
        let tick = (!blocked).then(|| self.body.tick(self.clock.world(), now));
        if let Some(tick) = &tick {
            self.write_down(tick);
        }
        self.body.live();

        self.see(world, now);
        self.viewer.advance(world);
        self.recorder.advance(world);
        Ok(Moment { world, tick, mind: self.mind.tick })
    }

    fn is(&self, source: Source, fault: FaultKind) -> bool {
        self.fault == Some(fault) && self.cell.source == source
    }

    fn think(&mut self, world: Nanos, now: Nanos) {
        let progress = |mind: &Mind| mind.tick.map(|tick| (tick.segment.epoch, tick.progress.reached_count));
        let before = progress(&self.mind);
        self.mind.step(world, now);
        if let (Some((old, from)), Some((epoch, to))) = (before, progress(&self.mind)) {
            self.reached += u64::from(old == epoch && to > from);
        }
    }

    /// Cameras, and the policy behind them.
    fn see(&mut self, world: Nanos, now: Nanos) {
        let look_ms = LOOK.0 / 1_000_000;
        let is_due = self.ms.is_multiple_of(look_ms);
        let camera = match self.fault.filter(|_| self.cell.source == Source::Camera) {
            Some(FaultKind::Hang | FaultKind::Panic) => false,
            Some(FaultKind::Slow) => self.ms.is_multiple_of(10 * look_ms),
            _ => true,
        };
        let body = self.body.seen();
        if is_due
            && camera
            && let Some(mind) = self.mind.tick
        {
            self.thinker.look(world, now, &body, mind.progress);
        }
        self.thread_faults += u64::from(is_due && !camera);
        if let Some(stamp) = self.thinker.deliver(world) {
            self.mind.see_images(stamp);
        }
        if is_due {
            let slow = self.is(Source::Policy, FaultKind::Slow);
            let gone = self.is(Source::Policy, FaultKind::Hang) || self.is(Source::Policy, FaultKind::Panic);
            self.thread_faults += u64::from(slow || gone);
            if !gone {
                self.thinker.think(world, if slow { Nanos(10 * LATENCY.0) } else { LATENCY });
            }
        }
    }

    /// The tick's decisions, byte for byte.
    fn write_down(&mut self, tick: &Tick) {
        let command = &tick.command;
        self.log.extend(tick.now.0.to_le_bytes());
        self.log.extend([tick.mode as u8, tick.fault.map_or(255, |f| f as u8), tick.rejected.map_or(255, |f| f as u8)]);
        self.log.extend(tick.segment_seq.unwrap_or(0).to_le_bytes());
        for number in command.q.iter().chain(command.qd.iter()).chain(command.qdd.iter()) {
            self.log.extend(number.to_bits().to_le_bytes());
        }
        self.log.extend(command.gripper_width_m.to_bits().to_le_bytes());
        let mind = self.mind.tick;
        self.log.extend([
            mind.map_or(255, |m| m.phase as u8),
            mind.and_then(|m| m.fault).map_or(255, |f| f as u8),
            mind.and_then(|m| m.refusal).map_or(255, |r| r as u8),
        ]);
    }
}

/// To the left and to the right of home, a little lower: in free space.
fn keyframes(robot: &Robot) -> [KeyFrame; 2] {
    let home = robot.world_from_tool(&robot.home());
    [SWEEP_M, -SWEEP_M].map(|y_m| KeyFrame {
        world_from_tool: Pose::from_parts(home.position() + Vector3::new(0.0, y_m, -SINK_M), home.rotation()),
        gripper: Gripper::Open,
        ignore_collisions: false,
    })
}
