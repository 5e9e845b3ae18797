//! The pilot of an episode whose key-frames come from elsewhere: it asks for one when the one before has been reached.

use std::sync::mpsc::{Receiver, SyncSender};

use neuraxis_bridge::ActionError;
use neuraxis_cerebellum::{CerebellumTick, Phase, Refusal};
use neuraxis_core::{ArmState, Fault, Instruction, KeyFrame, Nanos, Observation, PolicyError, Prediction, StageTimes};
use neuraxis_sim::Plant;

use crate::{
    brain::{Manner, Moment, Steer},
    lockstep::Pilot,
};

/// A key-frame that is not reached within this time is not reached at all: the arm was held up [s].
const PATIENCE_SECS: f64 = 20.0;

/// What the arm feels and the cameras see at a key-frame.
pub(super) struct Seen {
    pub(super) observation: Observation,
    pub(super) state: ArmState,
}

/// Waits at each key-frame for the next one.
pub(super) struct Remote<'a> {
    seen: &'a SyncSender<Seen>,
    keyframes: &'a Receiver<KeyFrame>,
    state: Option<ArmState>,
    under_way: Option<UnderWay>,
    seq: u64,
    /// Why the last key-frame could not be reached.
    error: Option<ActionError>,
    /// Nobody gives key-frames any more.
    is_left: bool,
}

/// A key-frame that was given.
struct UnderWay {
    /// Key-frames reached before.
    reached: u32,
    since: Nanos,
}

impl<'a> Remote<'a> {
    pub(super) fn new(seen: &'a SyncSender<Seen>, keyframes: &'a Receiver<KeyFrame>) -> Self {
        Self { seen, keyframes, state: None, under_way: None, seq: 0, error: None, is_left: false }
    }

    /// What ended the episode, if a key-frame did.
    pub(super) fn error(&self) -> Option<ActionError> {
        self.error
    }
}

/// How it stands with a key-frame, by what the cerebellum did last.
fn standing(way: &UnderWay, now: Nanos, mind: &CerebellumTick) -> Result<bool, ActionError> {
    if mind.progress.reached_count > way.reached {
        return Ok(true);
    }
    match (mind.refusal, mind.fault) {
        (Some(Refusal::OutOfBounds | Refusal::NotFinite), _) => Err(ActionError::Invalid),
        (Some(Refusal::AlreadyThere), _) => Ok(true),
        (Some(Refusal::Unreachable), _) | (_, Some(Fault::Unreachable)) => Err(ActionError::Unreachable),
        _ if mind.phase == Phase::Stopped || now.secs_since(way.since) > PATIENCE_SECS => Err(ActionError::NoPath),
        _ => Ok(false),
    }
}

impl Pilot for Remote<'_> {
    /// Images are made only where they are shown.
    fn looks(&self) -> bool {
        self.under_way.is_none()
    }

    fn predict(
        &mut self,
        observation: &Observation,
        words: &Instruction,
        _plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        let (None, Some(state), false) = (&self.under_way, self.state, observation.cameras.is_empty()) else {
            return Ok(None);
        };
        let seen = Seen { observation: observation.clone(), state };
        let given = self.seen.send(seen).ok().and_then(|()| self.keyframes.recv().ok());
        let Some(keyframe) = given else {
            self.is_left = true;
            return Ok(None);
        };
        self.under_way = Some(UnderWay { reached: observation.progress.reached_count, since: observation.stamp });
        self.seq += 1;
        Ok(Some(Prediction {
            seq: self.seq,
            epoch: words.epoch,
            observed_at: observation.stamp,
            keyframe,
            confidence: 1.0,
            times: StageTimes::default(),
            path: None,
        }))
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        self.state = Some(*moment.state);
        if let (Some(way), Some(mind)) = (&self.under_way, moment.mind) {
            match standing(way, moment.now, mind) {
                Ok(false) => {}
                Ok(true) => self.under_way = None,
                Err(error) => self.error = Some(error),
            }
        }
        Steer::AsPredicted(Manner::USUAL)
    }

    fn is_over(&self) -> bool {
        self.error.is_some() || self.is_left
    }
}
