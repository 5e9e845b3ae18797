//! The brain on the wall clock: the fast half beside the cerebellum, the slow half and the planner in threads of their own.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
    mpsc,
};

use anyhow::Result;
use nalgebra::Vector3;
use neuraxis_brain::{Look, is_same_place};
use neuraxis_brainstem::{BodyState, MonotonicClock};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::{MailboxReader, MailboxWriter, RingReceiver, RingSender, mailbox, ring};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, PolicyError, Prediction};
use neuraxis_cortex::vlm::Cancel;
use neuraxis_executor::{Outcome, Program, What};

use super::{
    AFTER_SECS,
    apprentice::Apprentice,
    mind::Mind,
    plans::{Job, Plans, Reply},
    reflex::{Moment, Order, Reflex, Report, Steer, Told, prediction},
    thought::Thought,
};
use crate::{
    given::Given,
    insight::Showcase,
    orders::Orders,
    route::Router,
    threads::{Rate, SeenLinks, Shared, TaskInstance, newest, periodic},
};

/// Events on their way to the slow half: of a plan that does nothing but fail, for a second.
const EVENTS_ROOM: usize = 2048;
/// Orders, and programs that are done with.
const ORDERS_ROOM: usize = 8;

/// The fast half with its channels, for the cerebellum's thread.
pub struct LiveReflex {
    reflex: Reflex,
    looks: MailboxReader<Look>,
    orders: RingReceiver<Order>,
    told: RingSender<Told>,
    reports: MailboxWriter<Report>,
    /// To be freed by the slow half.
    spent: RingSender<Box<Program>>,
    /// Ways that were planned to free key-frames, and what the learned policy says.
    routed: Option<Prediction>,
}

/// The slow half's ends.
pub struct MindLinks {
    looks: MailboxWriter<Look>,
    orders: RingSender<Order>,
    told: RingReceiver<Told>,
    reports: MailboxReader<Report>,
    spent: RingReceiver<Box<Program>>,
    jobs: mpsc::Sender<Job>,
    replies: mpsc::Receiver<Reply>,
    /// Number of the newest sentence.
    sentence: Arc<AtomicU32>,
    /// Breaks off what a model is asked.
    cancel: Option<Cancel>,
}

/// The planner's ends.
pub struct PlannerLinks {
    jobs: mpsc::Receiver<Job>,
    replies: mpsc::Sender<Reply>,
    sentence: Arc<AtomicU32>,
}

/// Wires a fast half to a slow half and a planner, whose calls of a model are broken off by `cancel`.
pub fn wire(reflex: Reflex, cancel: Option<Cancel>) -> (LiveReflex, MindLinks, PlannerLinks) {
    let (looks_in, looks) = mailbox(Look::default());
    let (orders_in, orders) = ring(ORDERS_ROOM);
    let (told_in, told) = ring(EVENTS_ROOM);
    let (reports_in, reports) = mailbox(Report::default());
    let (spent_in, spent) = ring(ORDERS_ROOM);
    let (jobs_in, jobs) = mpsc::channel();
    let (replies_in, replies) = mpsc::channel();
    let sentence = Arc::new(AtomicU32::new(0));
    let asked = PlannerLinks { jobs, replies: replies_in, sentence: sentence.clone() };
    (
        LiveReflex { reflex, looks, orders, told: told_in, reports: reports_in, spent: spent_in, routed: None },
        MindLinks {
            looks: looks_in,
            orders: orders_in,
            told,
            reports,
            spent,
            jobs: jobs_in,
            replies,
            sentence,
            cancel,
        },
        asked,
    )
}

impl LiveReflex {
    /// 200 Hz: what the arm shall do, and the way to a free key-frame if one is under way. Does not allocate or wait.
    pub fn steer(
        &mut self,
        now: Nanos,
        epoch: u32,
        body: &BodyState,
        mind: Option<&CerebellumTick>,
        routed: Option<Prediction>,
    ) -> (Steer, Option<Prediction>) {
        let told = &self.told;
        let tell = |event| {
            told.push(event);
        };
        while let Some(order) = self.orders.pop() {
            if let Some(program) = self.reflex.obey(now, order, tell) {
                self.spent.push(program);
            }
        }
        if let Some(look) = self.looks.fresh() {
            self.reflex.see(look);
        }
        let moment = Moment {
            now,
            epoch,
            state: &body.state,
            commanded_q: body.commanded.q,
            commanded_tau_nm: body.feed_forward_nm,
            fault: body.fault,
            mind,
        };
        let steer = self.reflex.tick(&moment, tell);
        let report = *self.reflex.report();
        self.reports.write(report);
        if let Some(fresh) = routed {
            self.routed = Some(Prediction { seq: self.reflex.number(), ..fresh });
        }
        // A way that leads to where the plan no longer wants is none.
        self.routed = self.routed.filter(|routed| match report.free {
            Some(free) => is_same_place(&free, &routed.keyframe),
            None => report.wants_policy,
        });
        (steer, self.routed)
    }
}

/// What the thread `brain` is wired to beside the fast half.
pub struct BrainLinks {
    /// From the cameras.
    pub observations: RingReceiver<Arc<Observation>>,
    /// Tasks from outside (ROS).
    pub orders: Orders,
    /// To the cerebellum: ways to free key-frames, and what the learned policy says.
    pub predictions: MailboxWriter<Option<Given>>,
    /// To ROS: the same.
    pub shown: Showcase,
    /// To the cerebellum: the newest task instance.
    pub tasks: MailboxWriter<TaskInstance>,
    /// To the recorder.
    pub thoughts: RingSender<Box<Thought>>,
    /// To ROS: what is planned, done and noticed, a line each.
    pub events: RingSender<String>,
    /// To recorder, ROS and terminal: what the learned policy sees, and what was refused.
    pub seen: SeenLinks,
}

impl BrainLinks {
    fn predict(&mut self, prediction: Prediction, gaze: Option<[Vector3<f64>; 2]>) -> Given {
        let given = Given::now(prediction);
        self.predictions.write(Some(given));
        self.shown.show(prediction, gaze);
        given
    }
}

/// How the thread `brain` ended.
pub struct BrainReport {
    /// Rate and times.
    pub rate: Rate,
    /// Observations it refused, and why the last time.
    pub refused: (u64, Option<String>),
    /// The slow half, still to be ended.
    pub mind: Mind,
    /// How things stood last.
    pub last: Report,
    /// Events of the executor that the slow half has not heard, and thoughts that the recorder has not had: their rings were
    /// full.
    pub lost: [u64; 2],
}

/// What the thread `brain` works with.
pub struct Slow {
    /// The slow half.
    pub mind: Mind,
    /// The learned policy, if it has anything to do.
    pub apprentice: Option<Apprentice>,
    /// Finds ways to free key-frames.
    pub router: Option<Router>,
    /// What it is told first.
    pub words: Option<Instruction>,
}

/// Looks, asks for plans, tells what happens. `zero`: from when on seconds are counted in what is told.
pub fn brain(
    slow: Slow,
    zero: Nanos,
    period: Nanos,
    mut fast: MindLinks,
    mut links: BrainLinks,
    shared: &Shared,
) -> Result<BrainReport> {
    let Slow { mut mind, mut apprentice, mut router, mut words } = slow;
    mind.count_from(zero);
    let mut refused = (0, None);
    let (mut shown, mut said, mut ended_at, mut routes) = (0, 0, None, 0);
    let mut epoch = words.as_ref().map_or(0, |w| w.epoch);
    let mut last = Report::default();
    // Until the executor has stopped what it did for another sentence, a plan would be made for a past epoch.
    let mut stopping = None;
    let rate = periodic("brain", period, &shared.done, |now| {
        let say = |job: Option<Job>| job.into_iter().for_each(|job| drop(fast.jobs.send(job)));
        while fast.spent.pop().is_some() {}
        let mut told = Vec::new();
        while let Some(event) = fast.told.pop() {
            told.push(event);
        }
        mind.note(&told);
        last = fast.reports.latest();
        if let Some(sentence) = links.orders.news(now) {
            epoch += 1;
            words = sentence.map(|text| Instruction { text: text.into(), epoch, features: None });
            links.seen.told(now, epoch, words.as_ref());
            links.tasks.write(TaskInstance { epoch, has_words: words.is_some() });
            fast.orders.push(Order::Stop);
            interrupt(&fast.sentence, mind.hear(), fast.cancel.as_ref());
            (stopping, ended_at) = (Some(last.epoch), None);
            say(mind.end_task(last.outcome, now).map(Box::new).map(Job::Keep));
        }
        stopping = stopping.filter(|epoch| *epoch == last.epoch);
        let is_late = told.iter().any(|told| told.event.what == What::Late);
        if is_late && last.outcome != Outcome::Running && mind.plan.is_none() {
            // The plan that was to begin came too late: another one is made. An answer to a plan that has ended is no use.
            say(mind.end_task(last.outcome, now).map(Box::new).map(Job::Keep));
        }
        while let Ok(reply) = fast.replies.try_recv() {
            if let Some(order) = mind.take(reply) {
                fast.orders.push(order);
            }
        }
        for line in mind.story().lines.since(said) {
            links.events.push(line.clone());
        }
        said = mind.story().lines.count();
        ended_at = if mind.is_over(&last) { ended_at.or(Some(now)) } else { None };
        links.orders.tell(now, || mind.how_it_goes(&last));
        if ended_at.is_some_and(|at| now.secs_since(at) > AFTER_SECS) {
            say(mind.record(last.outcome, now).map(Box::new).map(Job::Keep));
            shared.over.raise();
        }
        let observation = newest(&links.observations);
        let mut trouble = None;
        let mut refuse = |why: String| {
            shared.refuse(&why);
            refused = (refused.0 + 1, Some(why.clone()));
            trouble = Some(why);
        };
        if let (Some(words), Some(observation), None) = (&words, &observation, stopping) {
            match mind.see(observation, words, last.epoch) {
                Ok(question) => say(question.map(Box::new).map(Job::Answer)),
                Err(why) => refuse(why),
            }
            if !mind.is_blind(&last) {
                fast.looks.write(*mind.look());
            }
            say(mind.question(&last, observation, &words.text).map(Box::new).map(Job::Answer));
            let (mut answered, mut sight) = (None, mind.sight());
            if let (Some(text), Some(apprentice)) = (mind.policy_words(&last), &mut apprentice) {
                match apprentice.predict(observation, text, words.epoch) {
                    Ok(prediction) => {
                        let given = links.predict(prediction, apprentice.gaze());
                        answered = Some((given, vec![apprentice.looked(observation.stamp)]));
                    }
                    Err(error) => refuse(error.to_string()),
                }
                sight = apprentice.sight();
            }
            if let (Some(keyframe), Some(router)) = (last.free, &mut router) {
                routes += 1;
                let wanted = prediction(routes, observation.stamp, words.epoch, keyframe);
                match router.route(observation, wanted, None) {
                    Ok(way) => {
                        links.predict(way, None);
                    }
                    Err(error) => {
                        if let PolicyError::NoWay(_) = error {
                            fast.orders.push(Order::NoWay(keyframe));
                        }
                        refuse(error.to_string());
                    }
                }
            }
            let at = MonotonicClock.now();
            match (answered, trouble.as_deref()) {
                (Some((given, looked)), trouble) => links.seen.answered(&given, Some(sight), looked, trouble, shared),
                (None, Some(why)) => links.seen.refused(at, why, Some(sight), shared),
                (None, None) => links.seen.went_on(at, sight, shared),
            }
        }
        links.thoughts.push(Box::new(mind.thought(&last, &mut shown)));
        Ok(observation.is_some())
    })?;
    let lost = [fast.told.dropped(), links.thoughts.dropped()];
    Ok(BrainReport { rate, refused, mind, last, lost })
}

/// Another sentence came: a model that is asked about the one before is left alone.
fn interrupt(newest: &AtomicU32, sentence: u32, cancel: Option<&Cancel>) {
    // Pairs with the load in `planner`: told before it is broken off, so that one of the two sees the other.
    newest.store(sentence, Ordering::SeqCst);
    cancel.into_iter().for_each(Cancel::cancel);
}

/// Answers questions until nobody asks any more; none about a sentence that is not the newest. What memory could not be told
/// is said at once.
pub fn planner(mut plans: Plans, links: PlannerLinks) -> Plans {
    let mut said = 0;
    while let Ok(job) = links.jobs.recv() {
        match job {
            Job::Answer(question) => {
                // Lets a model be asked again; so only afterwards it is certain that it may be.
                plans.begin(question.sentence);
                // Pairs with the store in `interrupt`.
                if links.sentence.load(Ordering::SeqCst) != question.sentence {
                    plans.cancel().iter().for_each(Cancel::cancel);
                    continue;
                }
                // Whoever asked may have gone home.
                drop(links.replies.send(plans.answer(*question)));
            }
            Job::Keep(record) => plans.keep(*record),
        }
        for line in plans.troubles().since(said) {
            drop(links.replies.send(Reply::Untold(line.clone())));
        }
        said = plans.troubles().count();
    }
    plans
}

#[cfg(test)]
mod tests;
