//! What a prediction changes.

use neuraxis_core::{KeyFrame, Nanos, Prediction};

use super::{
    Cerebellum, Phase, Source,
    source::{at_rest, is_still},
};
use crate::{Decision, Refusal, chain::Opening, late::Late};

/// A key-frame this close to the one just reached, with the same gripper state, is the same [m], [rad].
const SAME_POSE: (f64, f64) = (0.0005, 0.005);

impl Cerebellum {
    /// Checks the newest prediction, once.
    pub(super) fn look(&mut self, now: Nanos, prediction: Option<&Prediction>) -> Option<Result<KeyFrame, Refusal>> {
        let observed_at = prediction.map_or(now, |p| p.observed_at);
        let seen = self.intake.look(now, prediction, &self.config)?;
        Some(seen.and_then(|keyframe| {
            self.last_heard = now;
            if observed_at < self.ready_at {
                return Err(Refusal::BeforeArrival);
            }
            self.path = prediction.and_then(|p| p.path);
            self.confidence = prediction.map_or(1.0, |p| f64::from(p.confidence));
            Ok(keyframe)
        }))
    }

    /// Commit rule and adoption. What was not used, and why.
    pub(super) fn decide(
        &mut self,
        now: Nanos,
        opening: &Opening,
        seen: Option<Result<KeyFrame, Refusal>>,
    ) -> Option<Refusal> {
        let result = match seen? {
            Err(refusal) => Err(refusal),
            Ok(keyframe) => match (self.phase, self.active) {
                (Phase::Waiting | Phase::Stopped, _) if matches!(self.source, Source::Hold(_)) => {
                    if self.is_there(&keyframe) {
                        Err(Refusal::AlreadyThere)
                    } else {
                        self.begin(now, opening, keyframe)
                    }
                }
                (Phase::Moving, Some(active)) if self.config.repredict && self.hears_late(&active) => {
                    let least_m = self.config.freeze_m;
                    match self.late.consider(&active, &keyframe, &self.config.commit, least_m) {
                        Late::No if self.motion_ended_at.is_some() => Err(Refusal::NotWanted),
                        Late::No => self.reconsider(now, opening, &active, keyframe),
                        Late::Wait => Err(Refusal::Unconfirmed),
                        Late::Adopt => self.retarget(now, opening, keyframe),
                    }
                }
                (Phase::Moving, Some(active)) if self.config.repredict && self.motion_ended_at.is_none() => {
                    self.reconsider(now, opening, &active, keyframe)
                }
                _ => Err(Refusal::NotWanted),
            },
        };
        let refusal = result.err()?;
        self.refused.count(refusal);
        Some(refusal)
    }

    /// The commit rule.
    fn reconsider(
        &mut self,
        now: Nanos,
        opening: &Opening,
        active: &KeyFrame,
        keyframe: KeyFrame,
    ) -> Result<(), Refusal> {
        match self.commit.consider(active, &keyframe, self.confidence) {
            Decision::Keep => Ok(()),
            Decision::Wait => Err(Refusal::Unconfirmed),
            Decision::Retarget(_) if self.mover.remaining_m() < self.config.freeze_m => Ok(()),
            Decision::Retarget(goal) => self.retarget(now, opening, goal),
            Decision::Adopt(goal) => self.begin(now, opening, goal),
        }
    }

    /// On a way in, as good as there or settling, with fingers that are to move.
    fn hears_late(&self, active: &KeyFrame) -> bool {
        let is_near = self.motion_ended_at.is_some() || self.mover.remaining_m() < self.config.freeze_m;
        is_near && self.mover.is_coming_in() && self.is_new_to_fingers(self.grip_at(active))
    }

    pub(super) fn refuse_unwanted(&mut self, seen: Option<Result<KeyFrame, Refusal>>) -> Option<Refusal> {
        let refusal = seen?.err().unwrap_or(Refusal::NotWanted);
        self.refused.count(refusal);
        Some(refusal)
    }

    fn is_there(&self, keyframe: &KeyFrame) -> bool {
        let (metres, radians) = keyframe.world_from_tool.distance(&self.progress.reached_world_from_tool);
        self.progress.reached_count > 0
            && keyframe.gripper == self.progress.gripper
            && metres <= SAME_POSE.0
            && radians <= SAME_POSE.1
    }

    fn begin(&mut self, now: Nanos, opening: &Opening, goal: KeyFrame) -> Result<(), Refusal> {
        // The chain approaches rest asymptotically; for the mover rest is rest.
        let start = if is_still(&opening.start) { at_rest(opening.start.q) } else { opening.start };
        let started = match self.path.filter(|_| !goal.ignore_collisions) {
            Some(path) => self.mover.start_along(&start, &goal, &path),
            None => self.mover.start(&start, &goal),
        };
        match started {
            Ok(()) => {
                self.commit.clear();
                self.late.clear();
                self.source = Source::Mover;
                self.source_is_new = true;
                self.phase = Phase::Moving;
                self.active = Some(goal);
                self.fault = None;
                self.motion_ended_at = None;
                self.last_heard = now;
                self.adopted += 1;
                Ok(())
            }
            Err(fault) => {
                self.stop(now, &opening.start, fault);
                Err(Refusal::Unreachable)
            }
        }
    }

    fn retarget(&mut self, now: Nanos, opening: &Opening, goal: KeyFrame) -> Result<(), Refusal> {
        match self.mover.retarget(&goal) {
            Ok(()) => {
                // Also where it had come to rest.
                if self.motion_ended_at.take().is_some() {
                    self.source = Source::Mover;
                    self.source_is_new = true;
                }
                self.active = Some(goal);
                self.retargeted += 1;
                Ok(())
            }
            Err(fault) => {
                self.stop(now, &opening.start, fault);
                Err(Refusal::Unreachable)
            }
        }
    }
}
