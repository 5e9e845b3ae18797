//! The realtime clock: every thread of a robot, on the wall clock, around an arm that is real or simulated.

mod outside;
mod report;
mod thinker;
mod unheard;
mod watch;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::{BodyState, Brainstem, LoopStats, MonotonicClock, RealtimeLinks, Watchdog, run_realtime};
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{ArmState, Clock, Fault, Instruction, Joints, Nanos, Observation};
use neuraxis_cortex::vlm::Cancel;
use neuraxis_robot::Robot;
use serde_json::json;

pub use self::{
    outside::Outside,
    report::Report,
    thinker::{Brain, Thinker},
};
use self::{
    thinker::{Planning, Think, Thinking},
    unheard::Unheard,
    watch::watch,
};
use crate::{
    brain::live::{self, BrainLinks, BrainReport, Slow},
    config::{Config, Surroundings},
    demo,
    insight::{Insight, Predicted, Showcase},
    lockstep::Outcome,
    orders::{Judge, Orders},
    recorder::Recorder,
    route::Router,
    threads::{
        self, CameraLinks, CerebellumLinks, PolicyLinks, PolicyReport, RecorderLinks, SeenLinks, Shared, TaskInstance,
        join, start,
    },
    world::{Side, World},
};

/// Ticks that the recorder may be behind: two seconds.
const TICKS_ROOM: usize = 2000;
/// An arm that is led and was not heard for this long has fallen silent.
const LED_SILENCE: Nanos = Nanos::from_millis(2000);

/// One run.
pub struct Session<'a> {
    /// Resolved configuration.
    pub config: &'a Config,
    /// Kinematics.
    pub robot: Arc<Robot>,
    /// What the path planner knows of the world.
    pub surroundings: Surroundings,
    /// Brings the arm and its cameras to life, once everything else is ready for them.
    pub world: Box<dyn FnOnce() -> Result<World<'a>> + 'a>,
    /// What decides where the arm goes.
    pub thinker: Thinker,
    /// What the arm is told first; `None`: it waits for a sentence from outside.
    pub words: Option<Instruction>,
    /// An episode that takes longer has failed.
    pub limit: Nanos,
    /// The sentence that the simulator's judge is of; `None`: nobody here judges.
    pub judged: Option<String>,
    /// Who moves the arm.
    pub drive: Drive,
}

/// Who moves the arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drive {
    /// This program.
    #[default]
    Thinker,
    /// Nobody here: what is predicted is shown and recorded, and nothing is sent to the arm.
    Shadow,
}

impl Drive {
    /// Whoever moves an arm that is only watched leads it away from where it was: that is no fault of its.
    pub fn forgives(self, fault: Option<Fault>) -> bool {
        self == Self::Shadow && fault == Some(Fault::TrackingError)
    }

    /// Somebody leads the arm, for which it must still be heard: its newest state is of `heard`. Its first fault is kept while
    /// it is led, and that it has fallen silent hides behind it.
    pub fn is_led(self, fault: Option<Fault>, now: Nanos, heard: Nanos) -> bool {
        self.forgives(fault) && now - heard < LED_SILENCE
    }
}

/// When a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Success, failure, a latched fault or the configuration's time limit.
    EpisodeEnds,
    /// As before, but a brain also goes on after success until it has noticed, and ends where it gives up.
    BrainEnds,
    /// So many key-frames are reached, their grippers done; or as an episode ends.
    Reached(u32),
    /// Ctrl-C.
    Asked,
    /// The session's limit.
    #[cfg_attr(not(feature = "ros"), allow(dead_code, reason = "bench ros"))]
    TimeIsUp,
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
        let mut brainstem = Brainstem::new(self.robot.clone(), config.brainstem.clone())?;
        // Where the loop lets no joint go, nobody plans to go.
        let inner = Arc::new(self.robot.within_margin(config.brainstem.position_margin_rad));
        let mut executor = Cerebellum::new(&inner, config.cerebellum.clone(), &config.brainstem.shares())?;
        if let Thinker::Source { source, .. } = &self.thinker
            && source.leaves_fingers()
        {
            executor.leave_fingers();
        }
        let dof = self.robot.dof();

        // Who is wired to whom.
        let (body_to_mind, body_of_mind) = mailbox::<Option<BodyState>>(None);
        let (body_to_eyes, body_of_eyes) = mailbox::<Option<BodyState>>(None);
        let (body_to_me, mut body) = mailbox::<Option<BodyState>>(None);
        let (body_to_world, body_of_world) = mailbox::<Option<BodyState>>(None);
        let (body_to_thinker, body_of_thinker) = mailbox::<Option<BodyState>>(None);
        let (mut segments_in, segments) = mailbox(None);
        let (mind_to_eyes, mind_of_eyes) = mailbox::<Option<CerebellumTick>>(None);
        let (mind_to_me, mut mind_of_me) = mailbox::<Option<CerebellumTick>>(None);
        let (mind_to_world, mind_of_world) = mailbox::<Option<CerebellumTick>>(None);
        let (mut predictions_in, predictions) = mailbox(None);
        let (stamps, images) = mailbox(None);
        let (tasks_in, tasks) = mailbox(TaskInstance {
            epoch: self.words.as_ref().map_or(0, |w| w.epoch),
            has_words: self.words.is_some(),
        });
        let (states_in, states) = mailbox(still(dof));
        let (stats_in, stats) = mailbox(LoopStats::default());
        let (window, predicted) = mailbox::<Option<Predicted>>(None);
        let (ticks_in, ticks) = ring(TICKS_ROOM);
        let (decisions_in, decisions) = ring(TICKS_ROOM);
        let (eyes_to_policy, policy_eyes) = ring::<Arc<Observation>>(2);
        let (eyes_to_film, film_eyes) = ring::<Arc<Observation>>(16);
        let (eyes_to_world, world_eyes) = ring::<Arc<Observation>>(2);
        let (seen_in, seen) = ring(16);
        let (looks_in, looks) = ring(2);
        let (orders_in, orders) = ring(4);
        let (reports_in, reports) = ring(4);
        let (thoughts_in, thoughts) = ring(64);
        let (events_in, events) = ring(256);
        let drops = (ticks_in.clone(), decisions_in.clone(), eyes_to_film.clone(), seen_in.clone());

        let (lost_images, lost_seen, lost_decisions) = (drops.2.clone(), drops.3.clone(), drops.1.clone());
        let insight = Insight {
            stats,
            body: body_of_world,
            mind: mind_of_world,
            predicted,
            lost: vec![
                ("decisions", Box::new(move || lost_decisions.dropped())),
                ("images", Box::new(move || lost_images.dropped())),
                ("predictions", Box::new(move || lost_seen.dropped())),
            ],
        };
        let guest =
            outside(Outside { states, frames: world_eyes, events, orders: orders_in, reports, looks, insight })?;
        let zero = MonotonicClock.now();
        let recorder = record(zero)?;
        let World { mut arm, eyes: look, sides, tellers } = (self.world)()?;
        shared.tellers.lock().extend(tellers);
        let began = MonotonicClock.now();
        let is_shadow = self.drive == Drive::Shadow;
        if is_shadow {
            arm = Box::new(Unheard(arm));
            // Nobody at the other end: neither do predictions become motion nor motion commands.
            (predictions_in, segments_in) = (mailbox(None).0, mailbox(None).0);
        }
        let links = RealtimeLinks {
            segments,
            states: vec![body_to_mind, body_to_eyes, body_to_me, body_to_world, body_to_thinker],
            ticks: ticks_in,
            stats: Some(stats_in),
            signals: shared.signals.clone(),
        };
        let mut mind_links = CerebellumLinks {
            body: body_of_mind,
            predictions,
            images,
            tasks,
            segments: segments_in,
            minds: vec![mind_to_eyes, mind_to_me, mind_to_world],
            record: decisions_in,
            states: Some(states_in),
            brain: None,
        };
        let camera_links = CameraLinks {
            body: body_of_eyes,
            minds: mind_of_eyes,
            observations: vec![eyes_to_policy, eyes_to_film, eyes_to_world],
            stamps,
        };
        let film_links = RecorderLinks { ticks, minds: decisions, observations: film_eyes, seen, thoughts };
        let policy_period = Nanos::from_secs(1.0 / config.run.policy_hz);
        if self.surroundings == Surroundings::Simulator {
            bail!("run.yaml: planner: simulator, allowed here: off, cloud");
        }
        let router = Router::new(self.surroundings, inner, &self.config.cerebellum.motion)?;
        let words = self.words;
        let orders = Orders::new(orders, reports_in, body_of_thinker).of(self.drive);
        let judge = match self.judged {
            Some(instruction) => Judge { instruction: Some(instruction), limit: self.limit },
            None => Judge { instruction: None, limit: Nanos::from_secs(config.run.time_limit_secs) },
        };
        let told = SeenLinks::new(seen_in, looks_in);
        let mut cancel = None;
        // Who thinks, as one thread's work; with a planner's beside it.
        let (think, plan): (Think<'_>, Option<Planning>) = match self.thinker {
            Thinker::Source { mut source, embedder } => {
                let links = PolicyLinks {
                    observations: policy_eyes,
                    orders,
                    judge,
                    predictions: predictions_in,
                    shown: Showcase::new(window),
                    tasks: tasks_in,
                    seen: told,
                };
                let think = move || {
                    threads::policy(&mut source, router, words, embedder, policy_period, links, shared)
                        .map(|report| Thinking::Policy(Box::new(report)))
                };
                (Box::new(think), None)
            }
            Thinker::Brain(brain) => {
                let Brain { reflex, mind, plans, apprentice } = *brain;
                cancel = plans.cancel();
                let (fast, slow, asked) = live::wire(reflex, cancel.clone());
                mind_links.brain = Some(fast);
                let links = BrainLinks {
                    observations: policy_eyes,
                    orders,
                    predictions: predictions_in,
                    shown: Showcase::new(window),
                    tasks: tasks_in,
                    thoughts: thoughts_in,
                    events: events_in,
                    seen: told,
                };
                let own = Slow { mind, apprentice, router, words };
                let think = move || {
                    let report = live::brain(own, zero, policy_period, slow, links, shared)?;
                    Ok(Thinking::Brain(Box::new(report)))
                };
                (Box::new(think), Some(Box::new(move || Ok(live::planner(plans, asked)))))
            }
        };

        std::thread::scope(|scope| {
            let sides = sides
                .into_iter()
                .map(|Side { name, run }| Ok((name, start(scope, name, shared, move || run(shared))?)));
            let sides = sides.collect::<Result<Vec<_>>>()?;
            let film = start(scope, "recorder", shared, || threads::recorder(recorder, film_links, shared))?;
            let eyes = start(scope, "cameras", shared, move || look(camera_links, shared))?;
            let mind = start(scope, "cerebellum", shared, || threads::cerebellum(executor, mind_links, shared))?;
            let planner = plan.map(|plan| start(scope, "planner", shared, plan)).transpose()?;
            let thinker = start(scope, if planner.is_some() { "brain" } else { "policy" }, shared, think)?;
            let guest = guest.map(|run| {
                start(scope, "ros", shared, move || {
                    run();
                    Ok(())
                })
            });
            let guest = guest.transpose()?;
            let watchdog_priority = match self.config.brainstem.privileges.fifo_priority {
                0 => 0,
                loops => loops + 1,
            };
            let watchdog = Watchdog::start(shared.signals.clone(), watchdog_priority, |silence| {
                say_err!("the loop has stalled: no tick for {:.0} ms", silence.secs() * 1e3);
            })
            // Those that run already must not wait for this one.
            .inspect_err(|_| shared.end())
            .context("starting the watchdog")?;
            let body_thread =
                start(scope, "brainstem", shared, move || Ok(run_realtime(&mut *arm, &mut brainstem, links, |_| ())?))?;

            let end = watch(until, self.drive, began, self.limit, shared, &mut body, &mut mind_of_me);
            // The arm comes to rest under its own loop before the world around it ends.
            shared.signals.exit.raise();
            let summary = join(body_thread, "brainstem");
            let watchdog = watchdog.finish();
            shared.end();

            // All are joined, and what was recorded is closed, before the first error is passed on.
            let sides = sides.into_iter().map(|(name, thread)| join(thread, name)).collect::<Result<Vec<_>>>();
            let (mut film, eyes) = (join(film, "recorder"), join(eyes, "cameras"));
            let (mind, thinker) = (join(mind, "cerebellum"), join(thinker, "policy"));
            let guest = guest.map(|g| join(g, "ros")).transpose();
            // Nobody waits for a model any more.
            cancel.iter().for_each(Cancel::cancel);
            let planner = planner.map(|planner| join(planner, "planner")).transpose();
            let errors = [sides.as_ref().err(), eyes.as_ref().err(), mind.as_ref().err(), thinker.as_ref().err()];
            let first = errors.into_iter().chain([guest.as_ref().err(), summary.as_ref().err()]).flatten().next();
            if let Some(error) = first
                && let Some(mut recorder) = film.as_mut().ok().and_then(|film| film.recorder.take())
            {
                let error = format!("{error:#}");
                recorder.save(&error)?;
                demo::print_files(&recorder.finish(None, &json!({ "error": error }))?);
            }
            let (sides, film, eyes, (mind, to_segment)) = (sides?, film?, eyes?, mind?);
            let (mut latencies, mut brain_lost) = (None, None);
            let (thinker, refused, wanted, story) = match thinker? {
                Thinking::Policy(policy) => {
                    let PolicyReport { rate, refused, last, to_policy, in_policy } = *policy;
                    latencies = Some(to_segment.latencies(&to_policy, &in_policy));
                    (rate, refused, last.map(|prediction| prediction.keyframe), None)
                }
                Thinking::Brain(brain) => {
                    let BrainReport { rate, refused, mind, last, lost: [events, thoughts] } = *brain;
                    brain_lost = Some(format!("lost        {events} events and {thoughts} thoughts of the brain"));
                    let mut plans = planner?.context("a brain without a planner")?;
                    (rate, refused, None, Some(mind.end(&mut plans, &last)))
                }
            };
            let summary = summary?;
            guest?;
            let fault = end.mind.and_then(|m| m.fault).or(end.body.and_then(|b| b.fault)).or(summary.fault);
            // That a led arm fell silent hides behind its first fault.
            let is_lost = end.body.is_some_and(|body| watch::is_faulty(self.drive, &body));
            let fault = match self.drive.forgives(fault) {
                true => is_lost.then_some(Fault::ReadFailed),
                false => fault,
            };
            let lost = Nanos(sides.iter().map(|side| side.lost.0).sum());
            let (side_rates, said): (Vec<_>, Vec<_>) = sides.into_iter().map(|side| (side.rate, side.said)).unzip();
            Ok(Report {
                outcome: Outcome {
                    success: end.success,
                    failed: end.failed,
                    secs: end.secs,
                    reached: end.mind.map_or(0, |m| m.progress.reached_count),
                    fault,
                    refused: refused.1.clone(),
                },
                body: end.body,
                brainstem: summary,
                watchdog,
                rates: [mind, thinker, eyes].into_iter().chain(side_rates.into_iter().flatten()).collect(),
                said: said.into_iter().flatten().chain(brain_lost).collect(),
                physics_lost: lost,
                dropped: [drops.0.dropped(), drops.1.dropped(), drops.2.dropped(), drops.3.dropped()],
                refused,
                film,
                wanted,
                story,
                latencies,
            })
        })
    }
}

/// What stands for the arm's state before the first one.
fn still(dof: usize) -> ArmState {
    let zeros = Joints::zeros(dof);
    ArmState { stamp: Nanos(0), q: zeros, qd: zeros, tau_nm: zeros, gripper_width_m: 0.0, grip_force_n: None }
}
