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
//! | ros        | as data comes   | yes / yes              | every r2r object                                   |
//!
//! Between them are mailboxes and rings of `neuraxis-channel` only. Whoever is slow loses data, which is counted;
//! nobody can hold up the loop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, anyhow};
use neuraxis_brainstem::{BodyState, Histogram, MonotonicClock, Pacer, Percentiles, Signals, TickRecord};
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_channel::{Counter, Flag, MailboxReader, MailboxWriter, RingReceiver, RingSender};
use neuraxis_core::{
    ArmState, Clock, Instruction, Nanos, Observation, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM, Policy, Prediction, Segment,
    TextEmbedder,
};
use neuraxis_faults::CountingAllocator;
use neuraxis_policy::{PredictionViews, text::MiniLm};
use neuraxis_robot::Robot;
use neuraxis_sim::{CameraRig, Frame, RealtimePlant, Setup, Snapshot};
use neuraxis_vision::Cloud;
use parking_lot::Mutex;

use crate::{
    brain::{Thought, live::LiveReflex},
    given::{Given, ToSegment},
    insight::Showcase,
    lockstep::Witness,
    orders::{Judge, Orders},
    real::Teller,
    recorder::Recorder,
    route::Router,
    source::Source,
};

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
    /// A task has ended without its goal: for the recorder.
    pub task_failed: Flag,
    /// Observations and answers that policy or brain refused.
    pub refused: Counter,
    /// How the drivers of a real arm are; the ROS node asks them.
    pub tellers: Mutex<Vec<Teller>>,
    /// As `done`, for the ROS node.
    pub ros_done: Arc<AtomicBool>,
}

impl Shared {
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

/// Physics in step with the clock; says when the goal is met. Returns the time it could not keep up with.
pub fn plant(mut physics: RealtimePlant, goal: &neuraxis_sim::Goal, shared: &Shared) -> Result<(Rate, Nanos)> {
    let rate = periodic("plant", PERIOD_BRAINSTEM, &shared.done, |now| {
        physics.advance(now);
        if physics.plant().success(goal) {
            shared.succeeded.raise();
        }
        if physics.plant().failed(goal) {
            shared.failed.raise();
        }
        Ok(true)
    })?;
    Ok((rate, physics.lost()))
}

/// Ends of the cerebellum's channels.
pub struct CerebellumLinks {
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// The newest prediction.
    pub predictions: MailboxReader<Option<Given>>,
    /// When the newest images were taken.
    pub images: MailboxReader<Option<Nanos>>,
    /// Number of the newest instruction.
    pub epochs: MailboxReader<u32>,
    /// To the brainstem.
    pub segments: MailboxWriter<Option<Segment>>,
    /// To the cameras, for progress is part of an observation, and to whoever watches the run.
    pub minds: Vec<MailboxWriter<Option<CerebellumTick>>>,
    /// To the recorder.
    pub record: RingSender<(Nanos, CerebellumTick)>,
    /// To ROS: what the arm measures.
    pub states: Option<MailboxWriter<ArmState>>,
    /// With a brain: its fast half.
    pub brain: Option<LiveReflex>,
}

/// The 200 Hz executor; also how long pictures and predictions took to become a segment.
pub fn cerebellum(
    mut cerebellum: Cerebellum,
    mut links: CerebellumLinks,
    shared: &Shared,
) -> Result<(Rate, ToSegment)> {
    let (mut epoch, mut before) = (None, None);
    let (mut to_segment, mut looked_at) = (ToSegment::default(), None);
    let rate = periodic("cerebellum", PERIOD_CEREBELLUM, &shared.done, |now| {
        // Until the arm has said where it is there is nothing to plan from.
        let Some(body) = links.body.latest() else { return Ok(false) };
        let newest = links.epochs.latest();
        if epoch != Some(newest) {
            cerebellum.start_task(newest, now, &body.commanded, body.gripper_width_m);
            epoch = Some(newest);
        }
        let given = links.predictions.latest();
        let is_new = given.is_some_and(|given| looked_at.replace(given.at) != Some(given.at));
        let prediction = match &mut links.brain {
            None => {
                cerebellum.set_speed_scale(body.speed_scale);
                given.map(|given| given.prediction)
            }
            Some(brain) => {
                let routed = given.filter(|_| is_new).map(|given| given.prediction);
                let (steer, routed) = brain.steer(now, newest, &body, before.as_ref(), routed);
                steer.pass_on(&mut cerebellum, now, routed, body.speed_scale)
            }
        };
        if let Some(stamp) = links.images.latest() {
            cerebellum.see_images(stamp);
        }
        let tick = cerebellum.step(now, &body.state, &body.commanded, prediction.as_ref());
        before = Some(tick);
        links.segments.write(Some(tick.segment));
        if let Some(given) = given.filter(|_| is_new) {
            to_segment.note(&given);
        }
        for mind in &mut links.minds {
            mind.write(Some(tick));
        }
        links.record.push((now, tick));
        if let Some(states) = links.states.as_mut() {
            states.write(body.state);
        }
        Ok(true)
    })?;
    Ok((rate, to_segment))
}

/// Ends of the cameras' channels.
pub struct CameraLinks {
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// Progress, from the cerebellum.
    pub minds: MailboxReader<Option<CerebellumTick>>,
    /// To policy, recorder and ROS: each keeps the newest and drops what it cannot use.
    pub observations: Vec<RingSender<Arc<Observation>>>,
    /// To the cerebellum: when the newest images were taken.
    pub stamps: MailboxWriter<Option<Nanos>>,
}

impl CameraLinks {
    /// To everybody who looks.
    pub fn give(&mut self, observation: Observation) {
        let observation = Arc::new(observation);
        self.stamps.write(Some(observation.stamp));
        for out in &self.observations {
            out.push_newest(observation.clone());
        }
    }
}

/// All cameras of the simulated rig. `stop_after`: a fault to try out, the cameras fall silent then.
pub fn cameras(
    setup: &Setup,
    robot: &Robot,
    period: Nanos,
    mut frames: MailboxReader<Frame>,
    mut links: CameraLinks,
    stop_after: Option<Nanos>,
    shared: &Shared,
) -> Result<Rate> {
    // The renderer's context belongs to the thread that made it.
    let mut rig = CameraRig::new(setup).context("starting the cameras")?;
    let mut snapshot = Snapshot::default();
    let start = MonotonicClock.now();
    let mut seq = 0;
    periodic("cameras", period, &shared.done, |now| {
        let (Some(body), Some(mind)) = (links.body.latest(), links.minds.latest()) else { return Ok(false) };
        if stop_after.is_some_and(|after| now - start > after) {
            return Ok(false);
        }
        let Some(frame) = frames.fresh() else { return Ok(false) };
        frame.copy_into(&mut snapshot);
        links.give(Observation {
            seq,
            stamp: frame.stamp,
            cameras: rig.render_snapshot(&snapshot).context("rendering the cameras")?,
            q: body.state.q,
            world_from_tool: robot.world_from_tool(&body.state.q),
            gripper_width_m: body.state.gripper_width_m,
            progress: mind.progress,
        });
        seq += 1;
        Ok(true)
    })
}

/// What the recorder is told of a prediction.
pub struct Seen {
    /// What was predicted.
    pub prediction: Prediction,
    /// What the networks looked at, if they are networks.
    pub looked: Option<(PredictionViews, Cloud)>,
}

/// Ends of the policy's channels.
pub struct PolicyLinks {
    /// From the cameras.
    pub observations: RingReceiver<Arc<Observation>>,
    /// Tasks from outside (ROS).
    pub orders: Orders,
    /// Says when those are over.
    pub judge: Judge,
    /// To the cerebellum.
    pub predictions: MailboxWriter<Option<Given>>,
    /// To ROS.
    pub shown: Showcase,
    /// To the cerebellum: number of the newest instruction.
    pub epochs: MailboxWriter<u32>,
    /// To the recorder.
    pub seen: RingSender<Box<Seen>>,
}

/// How the policy's thread ended.
pub struct PolicyReport {
    /// Rate and times.
    pub rate: Rate,
    /// Observations it refused, and why the last time.
    pub refused: (u64, Option<String>),
    /// What it wanted last.
    pub last: Option<Prediction>,
    /// From the picture to the policy.
    pub to_policy: Histogram,
    /// In the policy, wherever it is, and in finding a way to its key-frame.
    pub in_policy: Histogram,
}

/// Inference at a fixed rate on the newest observation.
pub fn policy(
    source: &mut Source,
    mut router: Option<Router>,
    mut words: Option<Instruction>,
    mut embedder: Option<MiniLm>,
    period: Nanos,
    mut links: PolicyLinks,
    shared: &Shared,
) -> Result<PolicyReport> {
    // The processor belongs to the loop: one torch thread is enough for the rate, and more would fight.
    neuraxis_policy::use_one_thread();
    let (mut refused, mut last) = ((0, None), None);
    let (mut to_policy, mut in_policy) = (Histogram::default(), Histogram::default());
    let mut masked = Vec::new();
    let (mut epoch, mut reached) = (words.as_ref().map_or(0, |w| w.epoch), 0);
    let rate = periodic("policy", period, &shared.done, |now| {
        let mut news = links.orders.news(now);
        if links.orders.tell_of_policy(now, reached, &links.judge, shared) {
            news = Some(None);
        }
        if let Some(sentence) = news {
            epoch += 1;
            (words, reached) = (None, 0);
            if let Some(sentence) = sentence {
                let features = embedder.as_mut().map(|e| e.embed(&sentence)).transpose()?;
                words = Some(Instruction { text: sentence.into(), epoch, features });
            }
            // Whatever is under way ends with its epoch; without a sentence the arm then holds still.
            links.epochs.write(epoch);
        }
        // Without an image there is nothing to see, without a sentence nothing to do.
        let Some(observation) = newest(&links.observations) else { return Ok(false) };
        let Some(words) = &words else { return Ok(source.rehearse(&observation)) };
        reached = observation.progress.reached_count;
        let began = MonotonicClock.now();
        to_policy.record(began - observation.stamp);
        let predicted = source.predict(&observation, words);
        let routed = predicted.and_then(|prediction| match &mut router {
            Some(router) => router.route(&observation, prediction, None),
            None => Ok(prediction),
        });
        match routed {
            Ok(prediction) => {
                last = Some(prediction);
                let given = Given::now(prediction);
                in_policy.record(given.at - began);
                links.predictions.write(Some(given));
                links.shown.show(prediction, source.gaze());
                links.seen.push(Box::new(Seen { prediction, looked: source.looked() }));
            }
            Err(error) if source.is_asked_once() => return Err(error.into()),
            // The arm goes on as long as the last prediction's lease allows, then stops.
            Err(error) => {
                refused = (refused.0 + 1, Some(error.to_string()));
                shared.refused.increment();
            }
        }
        if source.masked() != masked {
            masked = source.masked().to_vec();
            match &masked[..] {
                [] => eprintln!("warning: all cameras are used again"),
                some => some.iter().for_each(|camera| eprintln!("warning: the policy does without camera {camera}")),
            }
        }
        Ok(true)
    })?;
    Ok(PolicyReport { rate, refused, last, to_policy, in_policy })
}

/// Ends of the recorder's channels.
pub struct RecorderLinks {
    /// Every millisecond of the loop.
    pub ticks: RingReceiver<TickRecord>,
    /// Every decision of the cerebellum.
    pub minds: RingReceiver<(Nanos, CerebellumTick)>,
    /// Images; may be dropped.
    pub observations: RingReceiver<Arc<Observation>>,
    /// Predictions with their views.
    pub seen: RingReceiver<Box<Seen>>,
    /// What a brain thinks.
    pub thoughts: RingReceiver<Box<Thought>>,
}

/// How the recorder's thread ended.
pub struct Film {
    /// Still open; `None` if nothing was to be recorded, or after trouble.
    pub recorder: Option<Recorder>,
    /// Why the recording ended before the run did.
    pub trouble: Option<anyhow::Error>,
}

impl Film {
    /// The recorder, or why there is none any more.
    pub fn take(&mut self) -> Result<Recorder> {
        match (self.recorder.take(), self.trouble.take()) {
            (Some(recorder), _) => Ok(recorder),
            (None, Some(trouble)) => Err(trouble.context("the arm went on, its recording did not")),
            (None, None) => Err(anyhow!("nothing was recorded")),
        }
    }
}

/// Writes down what comes, until the run is done and the rings are empty. A recording that cannot go on (a full disk,
/// say) ends, loudly; the arm does not notice.
pub fn recorder(recorder: Option<Recorder>, links: RecorderLinks, shared: &Shared) -> Result<Film> {
    let mut film = Film { recorder, trouble: None };
    let mut minds = Minds::default();
    let mut drain = || {
        let Some(recorder) = &mut film.recorder else {
            links.discard();
            return;
        };
        if let Err(error) = write_down(recorder, &links, &mut minds, shared) {
            eprintln!("the recording ends here, the arm goes on without it: {error:#}");
            (film.recorder, film.trouble) = (None, Some(error));
        }
    };
    periodic("recorder", Nanos::from_millis(20), &shared.done, |_| {
        drain();
        Ok(true)
    })?;
    drain();
    Ok(film)
}

/// The cerebellum's decisions, in step with the loop's ticks.
#[derive(Default)]
struct Minds {
    in_force: Option<CerebellumTick>,
    ahead: Option<(Nanos, CerebellumTick)>,
}

impl RecorderLinks {
    /// Nobody writes any more.
    fn discard(&self) {
        while self.ticks.pop().is_some() {}
        while self.minds.pop().is_some() {}
        while self.observations.pop().is_some() {}
        while self.seen.pop().is_some() {}
        while self.thoughts.pop().is_some() {}
    }
}

/// Ticks and decisions come first: a recorder that is too slow for the pictures loses pictures.
fn write_down(recorder: &mut Recorder, links: &RecorderLinks, minds: &mut Minds, shared: &Shared) -> Result<()> {
    write_ticks(recorder, links, minds, shared)?;
    // As many as wait now: what comes meanwhile is for the next time.
    for _ in 0..links.observations.len() {
        if let Some(observation) = links.observations.pop() {
            recorder.seen(observation)?;
            write_ticks(recorder, links, minds, shared)?;
        }
    }
    while let Some(seen) = links.seen.pop() {
        recorder.prediction(&seen.prediction)?;
        if let Some((views, cloud)) = &seen.looked {
            recorder.views(&seen.prediction, views, cloud)?;
        }
    }
    while let Some(thought) = links.thoughts.pop() {
        recorder.thought(*thought)?;
    }
    let RecorderLinks { ticks, minds, observations, seen, .. } = links;
    recorder.dropped([ticks.dropped(), minds.dropped(), observations.dropped(), seen.dropped()])?;
    if shared.task_failed.take() {
        recorder.save("a task has failed")?;
    }
    recorder.step()
}

fn write_ticks(recorder: &mut Recorder, links: &RecorderLinks, minds: &mut Minds, shared: &Shared) -> Result<()> {
    while let Some(record) = links.ticks.pop() {
        // Decisions come in order of time, as ticks do: advance to the one that was in force.
        while let Some((at, tick)) = minds.ahead.take().or_else(|| links.minds.pop()) {
            if at > record.tick.now {
                minds.ahead = Some((at, tick));
                break;
            }
            minds.in_force = Some(tick);
        }
        // Asked after the tick was taken: a stop because of it comes later than it was raised.
        recorder.leaves(shared.signals.exit.is_raised());
        recorder.tick(&record, minds.in_force.as_ref())?;
    }
    Ok(())
}

/// The newest of a ring; what came before is dropped.
pub fn newest<T: Send>(ring: &RingReceiver<T>) -> Option<T> {
    let mut newest = None;
    while let Some(value) = ring.pop() {
        newest = Some(value);
    }
    newest
}
