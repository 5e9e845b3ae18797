//! Thread `policy`: from observations to predictions.

use std::sync::Arc;

use anyhow::Result;
use neuraxis_brainstem::{Histogram, MonotonicClock};
use neuraxis_channel::{MailboxWriter, RingReceiver};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy, Prediction};
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
                        links.seen.order_refused(now, &why);
                        links.orders.refuse(why.clone());
                        shared.refuse(&why);
                        refused = (refused.0 + 1, Some(why));
                    }
                }
            }
            links.seen.told(now, epoch, words.as_ref());
            // Whatever is under way ends with its epoch; without a sentence the arm then holds still.
            links.tasks.write(TaskInstance { epoch, has_words: words.is_some() });
        }
        // Without an image there is nothing to see, without a sentence nothing to do.
        let Some(observation) = newest(&links.observations) else { return Ok(false) };
        let Some(words) = &words else {
            let is_asked = source.rehearse(&observation);
            // What the last task lacked says nothing any more.
            *shared.sight.lock() = source.sight().filter(|_| is_asked).unwrap_or_default();
            return Ok(is_asked);
        };
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
                links.seen.answered(&given, source.sight(), source.looked(prediction.observed_at), None, shared);
            }
            Err(error) if source.is_asked_once() => return Err(error.into()),
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
    use neuraxis_core::TaskOrder;

    use super::*;
    use crate::script::Script;

    #[test]
    fn the_recorder_hears_every_sentence_that_comes_with_the_number_of_its_answers() {
        let ((orders, orders_out), (seen_in, seen)) = (ring(4), ring(16));
        let links = PolicyLinks {
            observations: ring(2).1,
            orders: Orders::new(orders_out, ring(4).0, mailbox(None).1),
            judge: Judge { instruction: None, limit: Nanos::from_secs(60.0) },
            predictions: mailbox(None).0,
            shown: Showcase::new(mailbox(None).0),
            tasks: mailbox(TaskInstance { epoch: 0, has_words: false }).0,
            seen: SeenLinks::new(seen_in, ring(2).0),
        };
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
}
