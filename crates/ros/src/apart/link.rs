//! Whom the robot hears, and which answers it takes. No ROS node and no clock in here.

use std::collections::VecDeque;

use neuraxis_core::Nanos;
use r2r::neuraxis_msgs::msg::Prediction as PredictionMsg;

use super::{
    AnswerRefusal, LinkTrouble, PolicyCard,
    answers::{Answer, Questions},
    messages,
    recent::Recent,
};
use crate::{RosError, config};

/// After this silence of the policy that is heard, another one may take its place.
const SILENCE: Nanos = Nanos::from_millis(1000);
/// After this silence it is said so.
const LONG_SILENCE: Nanos = Nanos::from_millis(2000);
/// Good answers needed before a policy leads the arm; the rate is told over as many.
pub const NEEDED: usize = 5;
/// Descriptions kept: the policy that is heard, and those that may follow it.
const CARDS: usize = 8;

/// What a link must give.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// The lease of predictions: later after its image an answer is not acted on, 0.02 to 10 [s].
    pub max_age_secs: f64,
    /// Good answers a second at least, 0.1 to 100 [Hz].
    pub min_hz: f64,
    /// Lower corner of the box in which key-frames are taken, in the world [m].
    pub min_xyz_m: [f64; 3],
    /// Upper corner.
    pub max_xyz_m: [f64; 3],
}

impl LinkConfig {
    /// Errors name the key and its allowed range.
    pub fn validate(&self) -> Result<(), RosError> {
        config::check_range("max_age_secs", self.max_age_secs, 0.02, 10.0)?;
        config::check_range("min_hz", self.min_hz, 0.1, 100.0)?;
        for (low, high) in self.min_xyz_m.into_iter().zip(self.max_xyz_m) {
            config::check_range("min_xyz_m", low, -100.0, high)?;
        }
        Ok(())
    }
}

/// Whether a policy suits the robot; `Err`: why not. Called on the node's thread.
pub type Suits = Box<dyn Fn(&PolicyCard) -> Result<(), String> + Send>;

/// A policy that has announced itself.
struct Known {
    session: u64,
    card: PolicyCard,
    suits: Result<(), String>,
}

/// The robot's side of a link.
pub(super) struct Link {
    config: LinkConfig,
    suits: Suits,
    /// The newest last.
    known: Vec<Known>,
    /// Session of the policy that is heard, and when it was heard last.
    heard: Option<(u64, Nanos)>,
    /// When another one was heard while this one was.
    second_heard: Option<Nanos>,
    questions: Questions,
    /// When the last good answers came.
    good: VecDeque<Nanos>,
    counts: [u64; AnswerRefusal::NAMES.len()],
    pub(super) last_refusal: Option<AnswerRefusal>,
    pub(super) answers: u64,
    /// From capture to the answer.
    pub(super) ages: Recent,
    /// From sending to the answer, without the time that the policy held it.
    pub(super) wires: Recent,
}

impl Link {
    pub(super) fn new(config: LinkConfig, robot_session: u64, suits: Suits) -> Self {
        Self {
            config,
            suits,
            known: Vec::new(),
            heard: None,
            second_heard: None,
            questions: Questions::new(robot_session),
            good: VecDeque::with_capacity(NEEDED),
            counts: [0; AnswerRefusal::NAMES.len()],
            last_refusal: None,
            answers: 0,
            ages: Recent::default(),
            wires: Recent::default(),
        }
    }

    /// A policy announces itself. `Err`: why it does not suit.
    pub(super) fn meet(&mut self, session: u64, card: PolicyCard) -> Result<(), String> {
        let suits = (self.suits)(&card);
        self.known.retain(|known| known.session != session);
        if self.known.len() == CARDS {
            let is_heard = |known: &Known| self.heard.is_some_and(|(session, _)| session == known.session);
            // The oldest that is not heard makes room.
            let oldest = self.known.iter().position(|known| !is_heard(known)).unwrap_or(0);
            self.known.remove(oldest);
        }
        self.known.push(Known { session, card, suits: suits.clone() });
        suits
    }

    /// An observation goes out, captured and sent at these times.
    pub(super) fn ask(&mut self, epoch: u32, seq: u64, captured: Nanos, sent: Nanos) {
        self.questions.ask(epoch, seq, captured, sent);
    }

    /// The answer, if it may be acted on. `Err` has the number of the observation where it is answered with that: by the
    /// policy that is heard, with something that cannot be used.
    pub(super) fn take(&mut self, msg: &PredictionMsg, now: Nanos) -> Result<Answer, (Option<u64>, AnswerRefusal)> {
        let mut asked = None;
        let taken = self.judge(msg, now, &mut asked);
        taken.map_err(|refusal| {
            if let Some(i) = AnswerRefusal::NAMES.iter().position(|name| *name == refusal.name()) {
                self.counts[i] += 1;
            }
            self.last_refusal = Some(refusal.clone());
            (asked, refusal)
        })
    }

    fn judge(&mut self, msg: &PredictionMsg, now: Nanos, asked: &mut Option<u64>) -> Result<Answer, AnswerRefusal> {
        self.identify(msg, now)?;
        let question = self.questions.match_to(msg)?;
        *asked = Some(question.seq);
        // What it says of its own time is a duration, which needs no common clock; it cannot be longer than the way there
        // and back.
        let there_and_back = now - question.sent;
        let held = Nanos::from_secs(msg.held_secs.clamp(0.0, there_and_back.secs()));
        self.ages.note(now - question.captured);
        self.wires.note(there_and_back - held);
        let ttl_secs = f64::from(msg.ttl.sec) + f64::from(msg.ttl.nanosec) * 1e-9;
        let (secs, allowed_secs) = (now.secs_since(question.captured), ttl_secs.min(self.config.max_age_secs));
        if secs > allowed_secs {
            return Err(AnswerRefusal::Stale { secs, allowed_secs });
        }
        if let Some(refusal) = messages::refusal_in(msg) {
            self.note_good(now);
            return Err(refusal);
        }
        let answer = messages::answer_from_msg(msg, question.captured)
            .map_err(|error| AnswerRefusal::Malformed(error.to_string()))?;
        let xyz_m: [f64; 3] = answer.prediction.keyframe.world_from_tool.position().into();
        let bounds = self.config.min_xyz_m.into_iter().zip(self.config.max_xyz_m);
        if !xyz_m.iter().zip(bounds).all(|(x, (low, high))| (low..=high).contains(x)) {
            return Err(AnswerRefusal::OutOfBounds { xyz_m });
        }
        self.note_good(now);
        self.rate(now).map_err(AnswerRefusal::Link)?;
        self.answers += 1;
        Ok(answer)
    }

    /// Is it from the policy that is heard, or from one that may be heard from now on?
    fn identify(&mut self, msg: &PredictionMsg, now: Nanos) -> Result<(), AnswerRefusal> {
        let session = msg.policy_session;
        let known = self.known.iter().find(|known| known.session == session).ok_or(AnswerRefusal::Unannounced)?;
        known.suits.clone().map_err(AnswerRefusal::Unsuited)?;
        match self.heard {
            Some((heard, at)) if heard != session && now - at <= SILENCE => {
                self.second_heard = Some(now);
                return Err(AnswerRefusal::SecondPolicy);
            }
            Some((heard, _)) if heard == session => {}
            // Another one, or the first: it begins from nothing.
            _ => self.good.clear(),
        }
        self.heard = Some((session, now));
        if msg.weights_hash != known.card.weights_hash {
            let (found, announced) = (msg.weights_hash.chars().take(32).collect(), known.card.weights_hash.clone());
            return Err(AnswerRefusal::OtherWeights { found, announced });
        }
        Ok(())
    }

    fn note_good(&mut self, now: Nanos) {
        if self.good.len() == NEEDED {
            self.good.pop_front();
        }
        self.good.push_back(now);
    }

    /// Good answers a second, over the last ones and until now, so that silence lowers it; 0 before there are enough.
    pub(super) fn hz(&self, now: Nanos) -> f64 {
        match self.good.front() {
            Some(&first) if self.good.len() == NEEDED => (NEEDED - 1) as f64 / (now - first).secs().max(1e-3),
            _ => 0.0,
        }
    }

    fn rate(&self, now: Nanos) -> Result<(), LinkTrouble> {
        if self.good.len() < NEEDED {
            return Err(LinkTrouble::TooFew { good: self.good.len(), needed: NEEDED });
        }
        let (hz, least_hz) = (self.hz(now), self.config.min_hz);
        if hz < least_hz { Err(LinkTrouble::TooSlow { hz, least_hz }) } else { Ok(()) }
    }

    /// Why the arm may not be let go now, if so.
    pub(super) fn trouble(&self, now: Nanos) -> Option<LinkTrouble> {
        let Some((_, heard)) = self.heard else {
            let refused = self.known.iter().rev().find_map(|known| known.suits.clone().err());
            return Some(refused.map_or(LinkTrouble::Nobody, LinkTrouble::Unsuited));
        };
        if self.second_heard.is_some_and(|at| now - at <= SILENCE) {
            return Some(LinkTrouble::TwoPolicies);
        }
        if now - heard > LONG_SILENCE {
            return Some(LinkTrouble::Silent { secs: (now - heard).secs() });
        }
        self.rate(now).err()
    }

    /// Which policy is heard.
    pub(super) fn session(&self) -> Option<u64> {
        self.heard.map(|(session, _)| session)
    }

    /// What the policy that is heard says of itself.
    pub(super) fn card(&self) -> Option<&PolicyCard> {
        let session = self.session()?;
        self.known.iter().find(|known| known.session == session).map(|known| &known.card)
    }

    /// How many answers were refused, by reason; those that never happened are left out.
    pub(super) fn refused(&self) -> Vec<(&'static str, u64)> {
        AnswerRefusal::NAMES.into_iter().zip(self.counts).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
