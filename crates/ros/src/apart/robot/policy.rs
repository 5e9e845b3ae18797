//! A policy in another process, as a policy here.

use std::{sync::Arc, thread, time::Duration};

use nalgebra::Vector3;
use neuraxis_channel::{RingReceiver, RingSender};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy, PolicyError, Prediction};

use super::{End, Question};
use crate::{
    apart::{AnswerRefusal, answers::Answer, messages},
    looked::PolicyLook,
    sight::PolicySight,
};

/// Longest that an answer waits for the policy's thread.
const LOOK: Duration = Duration::from_micros(500);

/// A policy in another process, as a [`Policy`]: each call sends the observation and waits for its answer, at most until
/// the lease of predictions is over. Waits and allocates; for the policy's thread.
pub struct RemotePolicy {
    pub(super) robot_session: u64,
    pub(super) world_frame: String,
    pub(super) patience: Nanos,
    pub(super) questions: RingSender<Box<Question>>,
    pub(super) answers: RingReceiver<End>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) looks: RingReceiver<PolicyLook>,
    pub(super) gaze: Option<[Vector3<f64>; 2]>,
    pub(super) sight: PolicySight,
}

impl RemotePolicy {
    /// Asks without anything to be done, so that it is known how good the link is before the arm may move.
    pub fn rehearse(&mut self, observation: &Observation) {
        // What is wrong with the link the node's reports say.
        let _ = self.ask(observation, None);
        // What is looked at with nothing to do belongs to no task.
        while self.looks.pop().is_some() {}
    }

    /// Where the eye of the last answer was and what it looked at, in the world [m].
    pub fn gaze(&self) -> Option<[Vector3<f64>; 2]> {
        self.gaze
    }

    /// How whole is what it sees, as it has said last.
    pub fn sight(&self) -> &PolicySight {
        &self.sight
    }

    /// What it has looked at, the oldest that was not taken yet: the pictures come after their answer.
    pub fn look(&mut self) -> Option<PolicyLook> {
        self.looks.pop()
    }

    fn ask(&mut self, observation: &Observation, words: Option<&Instruction>) -> Result<Answer, PolicyError> {
        // What came after it was given up.
        while self.answers.pop().is_some() {}
        let (seq, captured) = (observation.seq, observation.stamp);
        let msg = messages::observation_to_msg(observation, words, self.robot_session, &self.world_frame);
        self.questions.push_newest(Box::new(Question { msg, captured }));
        let deadline = captured + self.patience;
        loop {
            while let Some(end) = self.answers.pop() {
                if end.seq == seq {
                    self.sight = end.sight;
                    return end.said.map_err(|refusal| as_of_here(refusal, words));
                }
            }
            if self.clock.now() >= deadline {
                let secs = self.patience.secs();
                return Err(PolicyError::Internal(format!("no answer within {secs} s of the image")));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Policy for RemotePolicy {
    fn predict(&mut self, observation: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        let Answer { prediction, gaze } = self.ask(observation, Some(words))?;
        self.gaze = gaze;
        Ok(prediction)
    }
}

/// A refusal as a policy here would say it.
fn as_of_here(refusal: AnswerRefusal, words: Option<&Instruction>) -> PolicyError {
    match (refusal, words) {
        (AnswerRefusal::Words(reason), Some(words)) => {
            PolicyError::Instruction { text: words.text.to_string(), reason }
        }
        (refusal, _) => PolicyError::Answer(refusal.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_channel::ring;
    use neuraxis_core::{Gripper, Joints, Pose, Progress};

    use super::*;

    /// No time passes, and no answer is waited for.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Nanos {
            Nanos(0)
        }
    }

    /// No time passes, and whoever looks at it is answered with that.
    struct Answering(RingSender<End>, AnswerRefusal);

    impl Clock for Answering {
        fn now(&self) -> Nanos {
            let said = Err(self.1.clone());
            self.0.push_newest(End { seq: 1, sight: PolicySight::default(), said });
            Nanos(0)
        }
    }

    /// A link at whose other end is nobody.
    fn deserted() -> RemotePolicy {
        RemotePolicy {
            robot_session: 1,
            world_frame: "world".into(),
            patience: Nanos(0),
            questions: ring(1).0,
            answers: ring(4).1,
            clock: Arc::new(Still),
            looks: ring(4).1,
            gaze: None,
            sight: PolicySight::default(),
        }
    }

    fn observation() -> Observation {
        let progress = Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 };
        Observation {
            seq: 1,
            stamp: Nanos(0),
            cameras: Vec::new(),
            q: Joints::zeros(7),
            world_from_tool: Pose::identity(),
            gripper_width_m: 0.08,
            progress,
        }
    }

    #[test]
    fn what_was_looked_at_in_a_rehearsal_does_not_come_into_the_task_after_it() {
        let (looked, looks) = ring(4);
        let mut policy = RemotePolicy { looks, ..deserted() };
        looked.push_newest(PolicyLook::default());
        looked.push_newest(PolicyLook::default());
        policy.rehearse(&observation());
        assert_eq!(policy.look(), None);
        looked.push_newest(PolicyLook::default());
        assert_eq!(policy.look(), Some(PolicyLook::default()));
    }

    #[test]
    fn words_that_are_never_answered_are_refused_as_by_a_policy_here() {
        let words = Instruction { text: "push the red button".into(), epoch: 1, features: None };
        let refused = |refusal: AnswerRefusal| {
            let (said, answers) = ring(4);
            let clock = Arc::new(Answering(said, refusal));
            let mut policy = RemotePolicy { answers, clock, patience: Nanos(1), ..deserted() };
            policy.predict(&observation(), &words).unwrap_err()
        };
        let (text, reason) = (words.text.to_string(), "it has 32 tokens".to_string());
        assert_eq!(refused(AnswerRefusal::Words(reason.clone())), PolicyError::Instruction { text, reason });
        let of_picture = refused(AnswerRefusal::NoAnswer("no cloud".into()));
        assert_eq!(of_picture, PolicyError::Answer("the policy has no answer: no cloud".into()));
    }
}
