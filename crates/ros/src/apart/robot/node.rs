//! The node of the link.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use neuraxis_channel::{RingReceiver, RingSender};
use neuraxis_core::{Clock, Nanos};
use r2r::{
    Node, Publisher,
    diagnostic_msgs::msg::DiagnosticArray,
    neuraxis_msgs::msg::{Observation as ObservationMsg, PolicyDescription, Prediction as PredictionMsg},
};

use super::{End, LinkReport, NAME, Question};
use crate::{
    apart::{
        AnswerRefusal, LinkTrouble, PolicyCard, answers::Answer, link::Link, messages, policy::sights_in,
        sights::Sights,
    },
    conversions,
    inbox::Inbox,
    looked::PolicyLook,
    looks_in::LooksIn,
    publish::Stamper,
};

/// Longest that an observation waits for the node to look.
const POLL: Duration = Duration::from_millis(1);
/// Messages taken from one subscription in a row.
const BURST: usize = 10;
const REPORT: Nanos = Nanos::from_millis(100);

/// Sends observations and judges answers. Allocates and waits for the middleware: give it a thread of its own.
pub struct LinkNode {
    pub(super) node: Node,
    pub(super) stamper: Stamper,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) descriptions: Inbox<PolicyDescription>,
    pub(super) predictions: Inbox<PredictionMsg>,
    pub(super) diagnostics: Inbox<DiagnosticArray>,
    pub(super) views: Option<LooksIn>,
    pub(super) observations: Publisher<ObservationMsg>,
    /// What policies have said last of their sight.
    pub(super) sights: Sights,
    pub(super) looks: RingSender<PolicyLook>,
    pub(super) link: Link,
    pub(super) questions: RingReceiver<Box<Question>>,
    pub(super) answers: RingSender<End>,
    pub(super) reports: RingSender<LinkReport>,
    pub(super) reported: Nanos,
    /// As it was said last.
    pub(super) trouble: Option<LinkTrouble>,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) refused_in_a_row: u64,
}

impl LinkNode {
    /// Serves until `stop` is true.
    pub fn run(mut self, stop: &AtomicBool) -> LinkReport {
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            self.node.spin_once(POLL);
            for _ in 0..BURST {
                if !self.hear() {
                    break;
                }
                self.node.spin_once(Duration::ZERO);
            }
            self.send();
            self.look();
            if self.clock.now() - self.reported >= REPORT {
                self.reported = self.clock.now();
                let report = self.report();
                self.tell(report.trouble.as_ref());
                self.reports.push_newest(report);
            }
        }
        self.report()
    }

    /// Takes what has come; true if there was anything. Who a policy is comes before what it says.
    fn hear(&mut self) -> bool {
        let descriptions = self.descriptions.drain();
        let predictions = self.predictions.drain();
        let is_news = !(descriptions.is_empty() && predictions.is_empty());
        for msg in descriptions {
            match PolicyCard::from_msg(msg) {
                Ok((session, card)) => {
                    let (robot, hash, device) =
                        (card.embodiment.clone(), card.weights_hash.clone(), card.device.clone());
                    match self.link.meet(session, card) {
                        Ok(()) => r2r::log_info!(NAME, "a policy for {robot} is there: weights {hash} on {device}"),
                        Err(why) => r2r::log_error!(NAME, "the policy with weights {hash} is not heard: {why}"),
                    }
                }
                Err(error) => r2r::log_warn!(NAME, "a description was refused: {error}"),
            }
        }
        // So it is with what it says of its sight, which may come before its first answer.
        let heard = self.link.session();
        for (session, sight) in self.diagnostics.drain().into_iter().flat_map(sights_in) {
            self.sights.note(session, sight, heard);
        }
        for msg in predictions {
            let now = self.clock.now();
            match self.link.take(&msg, now) {
                Ok(answer) => {
                    self.refused_in_a_row = 0;
                    self.end(msg.seq, Ok(answer));
                }
                Err((asked, refusal)) => {
                    self.refused_in_a_row += 1;
                    // A flood of bad answers must not become a flood of log lines.
                    if self.refused_in_a_row.is_power_of_two() {
                        let count = self.refused_in_a_row;
                        r2r::log_warn!(NAME, "answer refused: {refusal} ({count} in a row)");
                    }
                    if let Some(seq) = asked {
                        self.end(seq, Err(refusal));
                    }
                }
            }
        }
        is_news
    }

    fn end(&self, seq: u64, said: Result<Answer, AnswerRefusal>) {
        let sight = self.sights.of(self.link.session());
        self.answers.push_newest(End { seq, sight, said });
    }

    /// Hands on what the policy has looked at, with the moments by the robot's clock.
    fn look(&mut self) {
        let (Some(views), Some(ros_now)) = (&mut self.views, self.stamper.now()) else { return };
        for (stamp, views) in views.hear(&mut self.failed) {
            let stamp = conversions::clock_time_of(ros_now, self.clock.now(), &stamp);
            self.looks.push_newest(PolicyLook { stamp, views });
        }
    }

    fn send(&mut self) {
        let Some(question) = self.questions.pop() else { return };
        let Question { mut msg, captured } = *question;
        let Some(stamp) = self.stamper.stamp(captured) else {
            self.failed += 1;
            return;
        };
        messages::set_stamp(&mut msg, &stamp);
        self.link.ask(msg.epoch, msg.seq, captured, self.clock.now());
        let is_sent = self.observations.publish(&msg).is_ok();
        *if is_sent { &mut self.sent } else { &mut self.failed } += 1;
    }

    /// Says once what has changed.
    fn tell(&mut self, trouble: Option<&LinkTrouble>) {
        let kind = |trouble: Option<&LinkTrouble>| trouble.map(std::mem::discriminant);
        if kind(trouble) == kind(self.trouble.as_ref()) {
            return;
        }
        match trouble {
            Some(trouble) => r2r::log_warn!(NAME, "the policy cannot lead the arm: {trouble}"),
            None => r2r::log_info!(
                NAME,
                "the policy can lead the arm: {:.1} good answers a second",
                self.link.hz(self.clock.now())
            ),
        }
        self.trouble = trouble.cloned();
    }

    fn report(&self) -> LinkReport {
        let now = self.clock.now();
        LinkReport {
            trouble: self.link.trouble(now),
            policy: self.link.card().cloned(),
            sent: self.sent,
            answers: self.link.answers,
            refused: self.link.refused(),
            last_refusal: self.link.last_refusal.clone(),
            hz: self.link.hz(now),
            age: self.link.ages.spread(),
            wire: self.link.wires.spread(),
            failed: self.failed,
        }
    }
}
