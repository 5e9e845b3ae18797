//! The brain on simulated time: looks and plans reach the executor after the time that they take on a robot.
//!
//! Nothing of the simulator goes in but what cameras, joints and gripper measure; see [`Pilot::predict`], whose `plant`
//! stays unused here.

use std::{path::Path, sync::Arc};

use neuraxis_brain::{Drafter, Look};
use neuraxis_core::{Instruction, KeyFrame, Nanos, Observation, PolicyError, Prediction};
use neuraxis_executor::Outcome;
use neuraxis_hippocampus::Memory;
use neuraxis_robot::Robot;
use neuraxis_sim::Plant;

use super::{
    AFTER_SECS, Without,
    apprentice::Apprentice,
    mind::Mind,
    plans::{Plans, Question, Reply},
    reflex::{Moment, Order, Reflex, Report, Steer, prediction},
    story::Story,
};
use crate::{config::Config, lockstep::Pilot, looked::Sight};

/// A brain as a pilot. One per episode.
pub struct BrainPilot {
    reflex: Reflex,
    mind: Mind,
    plans: Plans,
    apprentice: Option<Apprentice>,
    /// What the learned policy saw at the last look, if it was asked.
    sight: Option<Sight>,
    look_latency: Nanos,
    plan_latency: Nanos,
    /// Looks on their way to the executor.
    looks: Vec<(Nanos, Look)>,
    /// Plans on their way.
    replies: Vec<(Nanos, Reply)>,
    ended_at: Option<Nanos>,
    /// What a call of a model takes beside [s], and how many were made.
    model: (f64, u32),
    /// Nobody else says when it is done.
    judges_itself: bool,
}

impl BrainPilot {
    /// With a planner, for one task; a memory is asked first and told afterwards. `ways_are_planned`: a planner finds the
    /// way to free key-frames.
    pub fn new(
        config: &Config,
        robot: Arc<Robot>,
        drafter: Drafter,
        memory: Option<Memory>,
        apprentice: Option<Apprentice>,
        without: Vec<Without>,
        ways_are_planned: bool,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            reflex: Reflex::new(config, robot, &without, ways_are_planned)?,
            mind: Mind::new(config, memory.is_some(), without)?,
            plans: Plans::new(config, drafter, memory),
            apprentice,
            sight: None,
            look_latency: Nanos::from_secs(config.brain.lockstep_look_secs),
            plan_latency: Nanos::from_secs(config.brain.lockstep_plan_secs),
            looks: Vec::new(),
            replies: Vec::new(),
            ended_at: None,
            model: (config.brain.lockstep_vlm_secs, 0),
            judges_itself: false,
        })
    }

    /// What is remembered names this folder as the place of its recording.
    #[must_use]
    pub fn recorded_in(self, recording: Option<&Path>) -> Self {
        Self { plans: self.plans.recorded_in(recording), ..self }
    }

    /// With nobody else to say when it is done: the run goes on until the brain has ended its plan.
    #[must_use]
    pub fn judging_itself(self, judges_itself: bool) -> Self {
        Self { judges_itself, ..self }
    }

    /// The slow half.
    pub fn mind(&self) -> &Mind {
        &self.mind
    }

    /// How whole was what the learned policy saw at the last look, if it was asked.
    pub fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// How things stand.
    pub fn report(&self) -> &Report {
        self.reflex.report()
    }

    /// Ends the episode: what happened, and for the next one the planner, the memory, which has been told, and the learned
    /// policy.
    pub fn end(self) -> (Story, Drafter, Option<Memory>, Option<Apprentice>) {
        let Self { mut mind, mut plans, reflex, apprentice, replies, .. } = self;
        // What is still under way comes too late.
        for (_, reply) in replies {
            if let Reply::Plan(reply) = reply
                && let Ok(draft) = &reply.draft
            {
                mind.late(draft.0.source);
            }
        }
        let story = mind.end(&mut plans, reflex.report());
        let (drafter, memory) = plans.into_parts();
        (story, drafter, memory, apprentice)
    }

    fn ask(&mut self, question: Option<Question>, now: Nanos) {
        let Some(reply) = question.map(|question| self.plans.answer(question)) else { return };
        let mut due = now + self.plan_latency;
        if let Reply::Plan(reply) = &reply {
            let (secs, before) = self.model;
            due = due + Nanos::from_secs(secs * f64::from(reply.model.calls - before));
            self.model.1 = reply.model.calls;
        }
        self.replies.push((due, reply));
    }

    fn deliver(&mut self, now: Nanos) {
        while let Some(at) = self.replies.iter().position(|(due, _)| *due <= now) {
            let order = self.mind.take(self.replies.remove(at).1);
            let mut told = Vec::new();
            drop(order.map(|order| self.reflex.obey(now, order, |event| told.push(event))));
            self.mind.note(&told);
        }
        while let Some(at) = self.looks.iter().position(|(due, _)| *due <= now) {
            self.reflex.see(self.looks.remove(at).1);
        }
    }
}

impl Pilot for BrainPilot {
    fn looks(&self) -> bool {
        true
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        _plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        self.sight = None;
        let report = *self.reflex.report();
        let question = self.mind.see(seen, words, report.epoch);
        let question = question.map_err(|reason| PolicyError::Observation { seq: seen.seq, reason })?;
        if !self.mind.is_blind(&report) {
            self.looks.push((seen.stamp + self.look_latency, *self.mind.look()));
        }
        self.ask(question, seen.stamp);
        if let Some(trouble) = &self.mind.story().trouble {
            return Err(PolicyError::Instruction { text: words.text.to_string(), reason: trouble.clone() });
        }
        let question = self.mind.question(&report, seen, &words.text);
        self.ask(question, seen.stamp);
        if let (Some(text), Some(apprentice)) = (self.mind.policy_words(&report), &mut self.apprentice) {
            let predicted = apprentice.predict(seen, text, words.epoch);
            self.sight = Some(apprentice.sight());
            let prediction = predicted?;
            return Ok(Some(Prediction { seq: self.reflex.number(), ..prediction }));
        }
        // A way there is planned from what is seen now.
        let free = report.free.map(|keyframe| (self.reflex.number(), keyframe));
        Ok(free.map(|(seq, keyframe)| prediction(seq, seen.stamp, words.epoch, keyframe)))
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        self.deliver(moment.now);
        let mut told = Vec::new();
        let steer = self.reflex.tick(moment, |event| told.push(event));
        self.mind.note(&told);
        let is_over = !matches!(self.report().outcome, Outcome::Running | Outcome::Idle);
        self.ended_at = self.ended_at.or(is_over.then_some(moment.now));
        steer
    }

    fn no_way(&mut self, now: Nanos, to: &KeyFrame) {
        self.reflex.obey(now, Order::NoWay(*to), |_| {});
    }

    fn is_busy(&self) -> bool {
        // What is remembered is what the brain itself has observed.
        let is_open = self.judges_itself && self.mind.story().trouble.is_none();
        (self.mind.scribe.is_some() || is_open) && self.ended_at.is_none()
    }

    fn is_over(&self) -> bool {
        self.mind.gave_up() || self.ended_at.is_some_and(|at| self.report().now.secs_since(at) > AFTER_SECS)
    }
}

/// A brain that is shown another world as the true one: what it does must not change.
pub struct Poisoned<'a> {
    /// The brain.
    pub brain: &'a mut BrainPilot,
    /// Of another scene.
    pub world: Plant,
}

impl Pilot for Poisoned<'_> {
    fn looks(&self) -> bool {
        self.brain.looks()
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        _plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        self.brain.predict(seen, words, &self.world)
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        self.brain.steer(moment)
    }

    fn no_way(&mut self, now: Nanos, to: &KeyFrame) {
        self.brain.no_way(now, to);
    }

    fn is_over(&self) -> bool {
        self.brain.is_over()
    }

    fn is_busy(&self) -> bool {
        self.brain.is_busy()
    }
}
