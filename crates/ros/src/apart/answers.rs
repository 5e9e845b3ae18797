//! Questions that are under way, and which of them an answer belongs to.

use std::collections::VecDeque;

use nalgebra::Vector3;
use neuraxis_core::{Nanos, Prediction};
use r2r::neuraxis_msgs::msg::Prediction as PredictionMsg;

use super::AnswerRefusal;

/// Questions that are remembered: an answer to one before these is too late in any case.
const KEPT: usize = 64;

/// An observation that was sent.
#[derive(Copy, Clone, Debug)]
pub(super) struct Question {
    pub(super) seq: u64,
    epoch: u32,
    pub(super) captured: Nanos,
    pub(super) sent: Nanos,
    is_answered: bool,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// Its number is that of the observation.
    pub(super) prediction: Prediction,
    /// Where the eye is and what it looks at, in the world [m].
    pub(super) gaze: Option<[Vector3<f64>; 2]>,
}

/// All of this run, in order.
pub(super) struct Questions {
    robot_session: u64,
    asked: VecDeque<Question>,
    newest_answered: Option<u64>,
}

impl Questions {
    pub(super) fn new(robot_session: u64) -> Self {
        Self { robot_session, asked: VecDeque::with_capacity(KEPT), newest_answered: None }
    }

    pub(super) fn ask(&mut self, epoch: u32, seq: u64, captured: Nanos, sent: Nanos) {
        if self.asked.len() == KEPT {
            self.asked.pop_front();
        }
        self.asked.push_back(Question { seq, epoch, captured, sent, is_answered: false });
    }

    /// The question that is answered, which is answered with that.
    pub(super) fn match_to(&mut self, msg: &PredictionMsg) -> Result<Question, AnswerRefusal> {
        let PredictionMsg { seq, epoch: found, .. } = *msg;
        if msg.robot_session != self.robot_session {
            return Err(AnswerRefusal::OtherRobot);
        }
        let current = self.asked.back().map_or(0, |question| question.epoch);
        let newest = self.newest_answered;
        let question = self.asked.iter_mut().find(|question| question.seq == seq);
        let Some(question) = question else { return Err(AnswerRefusal::NotAsked { seq }) };
        if question.is_answered {
            return Err(AnswerRefusal::Repeated { seq });
        }
        if let Some(newest) = newest.filter(|newest| seq < *newest) {
            return Err(AnswerRefusal::Reordered { seq, newest });
        }
        let asked = question.epoch;
        if found != asked || asked != current {
            return Err(AnswerRefusal::OtherEpoch { found, asked, current });
        }
        question.is_answered = true;
        self.newest_answered = Some(seq);
        Ok(*question)
    }
}
