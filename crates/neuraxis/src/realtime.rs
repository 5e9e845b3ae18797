//! The realtime clock: every thread of a robot, on the wall clock, with the simulated arm in the robot's place.

use std::{
    sync::Arc,
    thread::{Builder, Scope, ScopedJoinHandle},
};

use anyhow::{Context, Result, anyhow, bail};
use neuraxis_brainstem::{
    BodyState, Brainstem, LoopSummary, Mode, MonotonicClock, Pacer, RealtimeLinks, Watchdog, WatchdogReport,
    run_realtime,
};
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_channel::{MailboxReader, RingReceiver, RingSender, mailbox, ring};
use neuraxis_core::{ArmState, Clock, Instruction, Joints, Nanos, Observation, TaskOrder, TaskReport};
use neuraxis_cortex::vlm::Cancel;
use neuraxis_policy::text::MiniLm;
use neuraxis_robot::Robot;
use neuraxis_sim::{Plant, Setup, realtime};
use serde_json::json;

use crate::{
    brain::{
        Apprentice, Mind, Plans, Reflex, Story,
        live::{self, BrainLinks, BrainReport, Slow},
    },
    config::{Config, Surroundings},
    errand::{Errands, Judge},
    interrupt,
    lockstep::Outcome,
    recorder::Recorder,
    route::Router,
    source::Source,
    threads::{self, CameraLinks, CerebellumLinks, Film, PolicyLinks, PolicyReport, Rate, RecorderLinks, Shared},
};

/// Ticks that the recorder may be behind: two seconds.
const TICKS_ROOM: usize = 2000;
/// A fault that lasts longer than this ends an episode.
const PATIENCE: Nanos = Nanos::from_millis(2000);

/// One run.
pub struct Session<'a> {
    /// Resolved configuration.
    pub config: &'a Config,
    /// Kinematics.
    pub robot: Arc<Robot>,
    /// What the path planner knows of the world.
    pub surroundings: Surroundings,
    /// The scene and its goal.
    pub setup: &'a Setup,
    /// What decides where the arm goes.
    pub thinker: Thinker,
    /// What the arm is told first; `None`: it waits for a sentence from outside.
    pub words: Option<Instruction>,
    /// A fault to try out: the cameras fall silent after this time.
    pub cameras_stop_after: Option<Nanos>,
}

/// What decides where the arm goes.
pub enum Thinker {
    /// A source of key-frames.
    Source {
        /// Where they come from.
        source: Source,
        /// Reads sentences that come later; `None` if the source reads none.
        embedder: Option<MiniLm>,
    },
    /// A brain.
    Brain(Box<Brain>),
}

/// A brain: its fast half, its slow half, who plans, and the learned policy if it has anything to do.
pub struct Brain {
    /// In the cerebellum's thread.
    pub reflex: Reflex,
    /// In thread `brain`.
    pub mind: Mind,
    /// In thread `planner`.
    pub plans: Plans,
    /// In thread `brain`.
    pub apprentice: Option<Apprentice>,
}

/// When a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Success, failure, a latched fault or the configuration's time limit.
    EpisodeEnds,
    /// As before, but a brain also goes on after success until it has noticed, and ends where it gives up.
    BrainEnds,
    /// Ctrl-C.
    Asked,
}

/// What outside programs (ROS) hold of a run.
pub struct Outside {
    /// What the arm measures.
    pub states: MailboxReader<ArmState>,
    /// What the cameras see.
    pub frames: RingReceiver<Arc<Observation>>,
    /// What a brain plans, does and notices, a line each.
    pub events: RingReceiver<String>,
    /// Tasks for the policy or the brain.
    pub orders: RingSender<TaskOrder>,
    /// What is said of those that are goals.
    pub reports: RingReceiver<TaskReport>,
}

/// What a run did.
pub struct Report {
    /// How it ended, in the terms of the lockstep clock.
    pub outcome: Outcome,
    /// The 1 kHz loop.
    pub brainstem: LoopSummary,
    /// Stalls of the loop that the watchdog saw.
    pub watchdog: WatchdogReport,
    /// The other threads: plant, cerebellum, cameras, policy, recorder.
    pub rates: Vec<Rate>,
    /// Time that physics could not keep up with.
    pub physics_lost: Nanos,
    /// Tick records, decisions, images and prediction pictures that the recorder did not get.
    pub dropped: [u64; 4],
    /// Observations that the policy refused, and why the last time.
    pub refused: (u64, Option<String>),
    /// The recorder, still open, or why it is not.
    pub film: Film,
    /// With a brain: what happened, in its words.
    pub story: Option<Story>,
}

impl Session<'_> {
    /// Runs until the end; `record` makes the recorder once the zero of time is known, `outside` gets the ends for
    /// other programs and may start a thread of its own in the scope.
    pub fn run(
        self,
        until: Until,
        shared: &Shared,
        record: impl FnOnce(Nanos) -> Result<Option<Recorder>>,
        outside: impl FnOnce(Outside) -> Result<Option<Box<dyn FnOnce() + Send>>>,
    ) -> Result<Report> {
        let config = self.config;
        let goal = self.setup.goal().clone();
        let plant = Plant::new(self.setup).context("starting the simulation")?;
        let mut brainstem = Brainstem::new(self.robot.clone(), config.brainstem.clone())?;
        let executor = Cerebellum::new(self.robot.clone(), config.cerebellum.clone())?;
        let dof = self.robot.dof();

        // Who is wired to whom.
        let (body_to_mind, body_of_mind) = mailbox::<Option<BodyState>>(None);
        let (body_to_eyes, body_of_eyes) = mailbox::<Option<BodyState>>(None);
        let (body_to_me, mut body) = mailbox::<Option<BodyState>>(None);
        let (body_to_thinker, body_of_thinker) = mailbox::<Option<BodyState>>(None);
        let (segments_in, segments) = mailbox(None);
        let (mind_to_eyes, mind_of_eyes) = mailbox::<Option<CerebellumTick>>(None);
        let (mind_to_me, mut mind_of_me) = mailbox::<Option<CerebellumTick>>(None);
        let (predictions_in, predictions) = mailbox(None);
        let (stamps, images) = mailbox(None);
        let (epochs_in, epochs) = mailbox(self.words.as_ref().map_or(0, |w| w.epoch));
        let (states_in, states) = mailbox(still(dof));
        let (ticks_in, ticks) = ring(TICKS_ROOM);
        let (decisions_in, decisions) = ring(TICKS_ROOM);
        let (eyes_to_policy, policy_eyes) = ring::<Arc<Observation>>(2);
        let (eyes_to_film, film_eyes) = ring::<Arc<Observation>>(16);
        let (eyes_to_world, world_eyes) = ring::<Arc<Observation>>(2);
        let (seen_in, seen) = ring(16);
        let (orders_in, orders) = ring(4);
        let (reports_in, reports) = ring(4);
        let (thoughts_in, thoughts) = ring(64);
        let (events_in, events) = ring(256);
        let drops = (ticks_in.clone(), decisions_in.clone(), eyes_to_film.clone(), seen_in.clone());

        let guest = outside(Outside { states, frames: world_eyes, events, orders: orders_in, reports })?;
        let zero = MonotonicClock.now();
        let recorder = record(zero)?;
        let (physics, mut arm, frames) = realtime(plant, goal.clone(), MonotonicClock.now())?;
        let links = RealtimeLinks {
            segments,
            states: vec![body_to_mind, body_to_eyes, body_to_me, body_to_thinker],
            ticks: ticks_in,
            stats: None,
            signals: shared.signals.clone(),
        };
        let mut mind_links = CerebellumLinks {
            body: body_of_mind,
            predictions,
            images,
            epochs,
            segments: segments_in,
            minds: vec![mind_to_eyes, mind_to_me],
            record: decisions_in,
            states: Some(states_in),
            brain: None,
        };
        let camera_links = CameraLinks {
            frames,
            body: body_of_eyes,
            minds: mind_of_eyes,
            observations: vec![eyes_to_policy, eyes_to_film, eyes_to_world],
            stamps,
        };
        let film_links = RecorderLinks { ticks, minds: decisions, observations: film_eyes, seen, thoughts };
        let camera_period = Nanos::from_secs(1.0 / config.run.camera_hz);
        let policy_period = Nanos::from_secs(1.0 / config.run.policy_hz);
        let limit = Nanos::from_secs(config.run.time_limit_secs * self.setup.length());
        let (robot, setup, stop_after) = (self.robot.clone(), self.setup, self.cameras_stop_after);
        if self.surroundings == Surroundings::Simulator {
            bail!("run.yaml: planner: simulator, allowed here: off, cloud");
        }
        let router = Router::new(self.surroundings, self.robot.clone(), &self.config.cerebellum.motion)?;
        let words = self.words;
        let errands = Errands::new(orders, reports_in, body_of_thinker);
        let judge = Judge { instruction: goal.instruction.clone(), limit };
        let mut cancel = None;
        // Who thinks, as one thread's work; with a planner's beside it.
        let (think, plan): (Think<'_>, Option<Box<dyn FnOnce() -> Result<Plans> + Send>>) = match self.thinker {
            Thinker::Source { mut source, embedder } => {
                let links = PolicyLinks {
                    observations: policy_eyes,
                    errands,
                    judge,
                    predictions: predictions_in,
                    epochs: epochs_in,
                    seen: seen_in,
                };
                let think = move || {
                    threads::policy(&mut source, router, words, embedder, policy_period, links, shared)
                        .map(Thinking::Policy)
                };
                (Box::new(think), None)
            }
            Thinker::Brain(brain) => {
                let Brain { reflex, mind, plans, apprentice } = *brain;
                let (fast, slow, asked) = live::wire(reflex);
                mind_links.brain = Some(fast);
                let links = BrainLinks {
                    observations: policy_eyes,
                    errands,
                    predictions: predictions_in,
                    epochs: epochs_in,
                    thoughts: thoughts_in,
                    events: events_in,
                };
                cancel = plans.cancel();
                let own = Slow { mind, apprentice, router, words };
                let think = move || {
                    let report = live::brain(own, zero, policy_period, slow, links, shared)?;
                    Ok(Thinking::Brain(Box::new(report)))
                };
                (Box::new(think), Some(Box::new(move || Ok(live::planner(plans, asked)))))
            }
        };

        std::thread::scope(|scope| {
            let plant = start(scope, "plant", shared, || threads::plant(physics, &goal, shared))?;
            let film = start(scope, "recorder", shared, || threads::recorder(recorder, film_links, shared))?;
            let eyes = start(scope, "cameras", shared, move || {
                threads::cameras(setup, &robot, camera_period, camera_links, stop_after, shared)
            })?;
            let mind = start(scope, "cerebellum", shared, || threads::cerebellum(executor, mind_links, shared))?;
            let planner = plan.map(|plan| start(scope, "planner", shared, plan)).transpose()?;
            let thinker = start(scope, if planner.is_some() { "brain" } else { "policy" }, shared, think)?;
            let guest = guest.map(|run| start(scope, "ros", shared, move || Ok(run()))).transpose()?;
            let watchdog_priority = match self.config.brainstem.privileges.fifo_priority {
                0 => 0,
                loops => loops + 1,
            };
            let watchdog = Watchdog::start(shared.signals.clone(), watchdog_priority, |silence| {
                eprintln!("the loop has stalled: no tick for {:.0} ms", silence.secs() * 1e3);
            })
            .context("starting the watchdog")?;
            let body_thread =
                start(scope, "brainstem", shared, move || Ok(run_realtime(&mut arm, &mut brainstem, links, |_| ())?))?;

            let end = watch(until, zero, limit, shared, &mut body, &mut mind_of_me);
            // The arm comes to rest under its own loop before the world around it ends.
            shared.signals.exit.raise();
            let summary = join(body_thread, "brainstem");
            let watchdog = watchdog.finish();
            shared.end();

            // All are joined, and what was recorded is closed, before the first error is passed on.
            let (plant, mut film, eyes) = (join(plant, "plant"), join(film, "recorder"), join(eyes, "cameras"));
            let (mind, thinker) = (join(mind, "cerebellum"), join(thinker, "policy"));
            let guest = guest.map(|g| join(g, "ros")).transpose();
            // Nobody waits for a model any more.
            cancel.iter().for_each(Cancel::cancel);
            let planner = planner.map(|planner| join(planner, "planner")).transpose();
            let errors = [plant.as_ref().err(), eyes.as_ref().err(), mind.as_ref().err(), thinker.as_ref().err()];
            let first = errors.into_iter().chain([guest.as_ref().err(), summary.as_ref().err()]).flatten().next();
            if let Some(error) = first
                && let Some(recorder) = film.as_mut().ok().and_then(|film| film.recorder.take())
            {
                let files = recorder.finish(false, &json!({ "error": format!("{error:#}") }))?;
                println!("recorded    {}  {}", files[0].display(), files[1].display());
            }
            let ((plant, lost), film, eyes, mind) = (plant?, film?, eyes?, mind?);
            let (thinker, refused, story) = match thinker? {
                Thinking::Policy(PolicyReport { rate, refused }) => (rate, refused, None),
                Thinking::Brain(brain) => {
                    let BrainReport { rate, refused, mind, last } = *brain;
                    let mut plans = planner?.context("a brain without a planner")?;
                    (rate, refused, Some(mind.end(&mut plans, &last)))
                }
            };
            let summary = summary?;
            guest?;
            let fault = end.mind.and_then(|m| m.fault).or(end.body.and_then(|b| b.fault)).or(summary.fault);
            Ok(Report {
                outcome: Outcome {
                    success: end.success,
                    failed: end.failed,
                    secs: end.secs,
                    reached: end.mind.map_or(0, |m| m.progress.reached_count),
                    fault,
                    refused: refused.1.clone(),
                },
                brainstem: summary,
                watchdog,
                rates: vec![mind, thinker, eyes, plant],
                physics_lost: lost,
                dropped: [drops.0.dropped(), drops.1.dropped(), drops.2.dropped(), drops.3.dropped()],
                refused,
                film,
                story,
            })
        })
    }
}

/// The work of a thread that thinks.
type Think<'a> = Box<dyn FnOnce() -> Result<Thinking> + Send + 'a>;

/// How it ended.
enum Thinking {
    Policy(PolicyReport),
    Brain(Box<BrainReport>),
}

/// How the watch ended.
struct End {
    success: bool,
    failed: bool,
    secs: f64,
    mind: Option<CerebellumTick>,
    body: Option<BodyState>,
}

/// Waits for the end of the episode and looks at everything a hundred times a second.
fn watch(
    until: Until,
    zero: Nanos,
    limit: Nanos,
    shared: &Shared,
    body: &mut MailboxReader<Option<BodyState>>,
    mind: &mut MailboxReader<Option<CerebellumTick>>,
) -> End {
    let mut pacer = Pacer::new(zero, Nanos::from_millis(10));
    let mut faulty_since: Option<Nanos> = None;
    loop {
        let now = pacer.wait().now;
        let (body, mind) = (body.latest(), mind.latest());
        let (success, failed) = (shared.succeeded.is_raised(), shared.failed.is_raised());
        // A fault that nobody clears is the end of an episode: a policy that came back would have gone on.
        let faulty = body.is_some_and(|b| b.mode == Mode::Latched) || mind.is_some_and(|m| m.fault.is_some());
        faulty_since = if faulty { faulty_since.or(Some(now)) } else { None };
        let too_long = now - zero > limit || faulty_since.is_some_and(|since| now - since > PATIENCE);
        let over = match until {
            Until::EpisodeEnds => success || failed || too_long,
            Until::BrainEnds => shared.over.is_raised() || failed || too_long,
            Until::Asked => false,
        };
        if over || interrupt::asked() || shared.broken.is_raised() {
            return End { success, failed, secs: (now - zero).secs(), mind, body };
        }
    }
}

/// A named thread; if it ends with an error or panics, the run ends.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &'static str,
    shared: &'scope Shared,
    body: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T>>> {
    let thread = Builder::new().name(name.into()).spawn_scoped(scope, move || {
        let alarm = Alarm(shared);
        let result = body();
        if result.is_ok() {
            std::mem::forget(alarm);
        }
        result
    });
    thread.map_err(|error| {
        // Those that run already must not wait for this one.
        shared.end();
        anyhow!("cannot start thread {name}: {error}")
    })
}

/// Raised unless forgotten.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.broken.raise();
    }
}

fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>, name: &str) -> Result<T> {
    thread.join().map_err(|_| anyhow!("thread {name} panicked"))?.with_context(|| format!("thread {name}"))
}

/// What stands for the arm's state before the first one.
fn still(dof: usize) -> ArmState {
    let zeros = Joints::zeros(dof);
    ArmState { stamp: Nanos(0), q: zeros, qd: zeros, tau_nm: zeros, gripper_width_m: 0.0, grip_force_n: None }
}
