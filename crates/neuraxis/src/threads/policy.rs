//! Thread `policy`: from observations to predictions.

use std::sync::Arc;

use anyhow::Result;
use neuraxis_brainstem::{Histogram, MonotonicClock};
use neuraxis_channel::{MailboxWriter, RingReceiver};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy, PolicyError, Prediction};
use neuraxis_policy::text::MiniLm;

use super::{Rate, SeenLinks, Shared, TaskInstance, newest, periodic};
use crate::{
    given::Given,
    insight::Showcase,
    orders::{Judge, Orders},
    route::Router,
    source::Source,
};

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
    /// To the cerebellum: the newest task instance.
    pub tasks: MailboxWriter<TaskInstance>,
    /// To recorder, ROS and terminal.
    pub seen: SeenLinks,
}

impl PolicyLinks {
    /// What is to be done from now on; `None`: nothing. Whatever is under way ends with its epoch; without a sentence the arm
    /// then holds still.
    fn tell(&mut self, now: Nanos, epoch: u32, words: Option<&Instruction>) {
        self.seen.told(now, epoch, words);
        self.tasks.write(TaskInstance { epoch, has_words: words.is_some() });
    }

    /// What was given last will not be done, and why.
    fn refuse(&mut self, now: Nanos, why: &str, shared: &Shared) {
        self.seen.order_refused(now, why);
        self.orders.refuse(why.into());
        shared.refuse(why);
    }
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
                let features = embedder.as_mut().map(|embedder| embedder.embed_order(&sentence)).transpose();
                let order = features.map(|features| Instruction { text: sentence.into(), epoch, features });
                match order.and_then(|order| source.check(&order).map(|()| order)) {
                    Ok(order) => words = Some(order),
                    // There is nothing to do, then.
                    Err(error) => {
                        let why = error.to_string();
                        links.refuse(now, &why, shared);
                        refused = (refused.0 + 1, Some(why));
                    }
                }
            }
            links.tell(now, epoch, words.as_ref());
        }
        // Without an image there is nothing to see, without a sentence nothing to do.
        let Some(observation) = newest(&links.observations) else { return Ok(false) };
        let Some(order) = &words else {
            let is_asked = source.rehearse(&observation);
            // What the last task lacked says nothing any more.
            *shared.sight.lock() = source.sight().filter(|_| is_asked).unwrap_or_default();
            return Ok(is_asked);
        };
        reached = observation.progress.reached_count;
        let began = MonotonicClock.now();
        to_policy.record(began - observation.stamp);
        let predicted = source.predict(&observation, order);
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
                links.seen.answered(&given, source.sight(), source.looked(prediction.observed_at), None, shared);
            }
            Err(error) if source.is_asked_once() => return Err(error.into()),
            // No picture helps words that are never answered; a policy in another process says so only now.
            Err(error @ PolicyError::Instruction { .. }) => {
                epoch += 1;
                (words, reached) = (None, 0);
                let why = error.to_string();
                links.refuse(now, &why, shared);
                refused = (refused.0 + 1, Some(why));
                links.tell(now, epoch, None);
            }
            // The arm goes on as long as the last prediction's lease allows, then stops.
            Err(error) => {
                let why = error.to_string();
                shared.refuse(&why);
                links.seen.refused(MonotonicClock.now(), &why, source.sight(), shared);
                refused = (refused.0 + 1, Some(why));
            }
        }
        Ok(true)
    })?;
    Ok(PolicyReport { rate, refused, last, to_policy, in_policy })
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use neuraxis_channel::{mailbox, ring};
    use neuraxis_core::{Gripper, Joints, Pose, Progress, TaskOrder, TaskState};

    use super::*;
    use crate::script::Script;

    /// Ends of which nobody else has hold.
    fn links(orders: Orders, seen: SeenLinks) -> PolicyLinks {
        PolicyLinks {
            observations: ring(2).1,
            orders,
            judge: Judge { instruction: None, limit: Nanos::from_secs(60.0) },
            predictions: mailbox(None).0,
            shown: Showcase::new(mailbox(None).0),
            tasks: mailbox(TaskInstance { epoch: 0, has_words: false }).0,
            seen,
        }
    }

    #[test]
    fn the_recorder_hears_every_sentence_that_comes_with_the_number_of_its_answers() {
        let ((orders, orders_out), (seen_in, seen)) = (ring(4), ring(16));
        let orders_in = Orders::new(orders_out, ring(4).0, mailbox(None).1);
        let links = links(orders_in, SeenLinks::new(seen_in, ring(2).0));
        let mut source = Source::Script(Script::new(Vec::new()));
        let shared = &Shared::default();
        let heard = |words: &str| {
            orders.push(TaskOrder { goal: None, words: Some(words.into()) });
            (0..20_000).find_map(|_| {
                thread::sleep(Duration::from_millis(5));
                seen.pop()?.told.clone()
            })
        };
        let told = thread::scope(|scope| {
            let period = Nanos::from_millis(5);
            let policy = scope.spawn(move || policy(&mut source, None, None, None, period, links, shared));
            let told = ["open the drawer", "close it"].map(heard);
            shared.done.raise();
            policy.join().unwrap().unwrap();
            told
        });
        assert_eq!(told, [Some((1, "open the drawer".to_string())), Some((2, "close it".to_string()))]);
    }

    #[test]
    fn words_that_are_never_answered_end_their_goal_with_the_reason_and_leave_nothing_to_do() {
        let ((orders, orders_out), (reports_in, reports)) = (ring(4), ring(4));
        let (frames, observations) = ring(2);
        let (tasks, mut task) = mailbox(TaskInstance { epoch: 0, has_words: false });
        let orders_in = Orders::new(orders_out, reports_in, mailbox(None).1);
        let nobodys = links(orders_in, SeenLinks::new(ring(16).0, ring(2).0));
        let links = PolicyLinks { observations, tasks, ..nobodys };
        // A script without key-frames, as a policy in another process, refuses words where it shall answer them.
        let mut source = Source::Script(Script::new(Vec::new()));
        orders.push(TaskOrder { goal: Some(1), words: Some("push the red button".into()) });
        let progress = Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 };
        frames.push(Arc::new(Observation {
            seq: 1,
            stamp: MonotonicClock.now(),
            cameras: Vec::new(),
            q: Joints::zeros(7),
            world_from_tool: Pose::identity(),
            gripper_width_m: 0.08,
            progress,
        }));
        let shared = &Shared::default();
        let (ended, report) = thread::scope(|scope| {
            let period = Nanos::from_millis(5);
            let policy = scope.spawn(move || policy(&mut source, None, None, None, period, links, shared));
            let ended = (0..20_000).find_map(|_| {
                thread::sleep(Duration::from_millis(5));
                reports.pop().filter(|report| report.state == TaskState::Failed)
            });
            shared.done.raise();
            (ended, policy.join().unwrap().unwrap())
        });
        let why = "instruction \"push the red button\" refused: the script has no key-frames";
        assert_eq!(ended.map(|report| (report.goal, report.words)), Some((1, why.to_string())));
        assert_eq!(report.refused, (1, Some(why.to_string())));
        assert_eq!(task.latest(), TaskInstance { epoch: 2, has_words: false });
    }
}
