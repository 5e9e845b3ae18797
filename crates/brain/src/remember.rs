//! What an episode teaches, from its first look to its outcome.

use std::collections::BTreeSet;

use neuraxis_core::Nanos;
use neuraxis_executor::{Event, Outcome};
use neuraxis_hippocampus::{Attempt, Draft as Notes, EpisodeId, Memory, PlanId, RepairId, Stamp};
use neuraxis_plan::{Scene, Truth};

use crate::{
    BrainError,
    draft::{Draft, Origin},
    journal::outcome_text,
    mend::Mender,
    runs::{About, Noted, Runs},
};

/// From this level on a failed leaf was not mended by its own plan.
const NOT_BY_ITSELF: u8 = 3;

/// Accompanies one episode. Until [`Scribe::end`] all is in memory only (R9): dropped before, `kill -9` included, it never
/// was. Allocates; not for the loop's thread.
pub struct Scribe {
    notes: Notes,
    /// The wall-clock time of the loop's time zero.
    zero: Stamp,
    /// With the facts of the last look.
    scene: Scene,
    draft: Option<Draft>,
    runs: Runs,
    mender: Mender,
    tried: BTreeSet<RepairId>,
}

impl Scribe {
    /// An episode begins, in a scene with its present facts. `zero`: the wall-clock time of the loop's `Nanos(0)`; no clock is
    /// read here.
    pub fn begin(
        memory: &mut Memory,
        instruction: &str,
        scene: &Scene,
        embodiment: &str,
        zero: Stamp,
        at: Nanos,
    ) -> Result<Self, BrainError> {
        let notes = memory.begin(instruction, scene, embodiment, stamp(zero, at))?;
        let (scene, tried) = (scene.clone(), BTreeSet::new());
        Ok(Self { notes, zero, scene, draft: None, runs: Runs::default(), mender: Mender::default(), tried })
    }

    /// A plan is taken over by the executor: the first, or one in place of it. Events from here on are about it.
    pub fn attempt(&mut self, draft: &Draft, at: Nanos) -> Result<(), BrainError> {
        let derived_from: Option<PlanId> = match &draft.origin {
            Origin::Reused { plan, .. } => Some(*plan),
            Origin::Mended { repair, .. } => {
                self.tried.insert(*repair);
                None
            }
            Origin::New { .. } => None,
        };
        let when = stamp(self.zero, at);
        if let Some(before) = self.draft.take() {
            let noted = self.runs.close(0, About { plan: &before.plan, scene: &self.scene }, |at| stamp(self.zero, at));
            noted.into_iter().try_for_each(|noted| self.note(noted, &before, when))?;
        }
        if let Some(mending) = self.mender.attempt(draft, &self.scene) {
            self.notes.mended(mending, when)?;
        }
        let attempt = Attempt { plan: draft.plan.raw().clone(), source: draft.source.into(), derived_from };
        self.notes.attempt(attempt, when)?;
        (self.draft, self.runs) = (Some(draft.clone()), Runs::default());
        Ok(())
    }

    /// What the cameras show, with its present facts. Only what has changed is kept.
    pub fn look(&mut self, scene: &Scene, at: Nanos) -> Result<(), BrainError> {
        if scene.state() == self.scene.state() && scene.objects() == self.scene.objects() {
            return Ok(());
        }
        self.scene = scene.clone();
        let node = self.runs.last().unwrap_or_default();
        Ok(self.notes.observe(scene, node, stamp(self.zero, at))?)
    }

    /// What the executor says about the plan that was attempted last.
    pub fn events(&mut self, events: &[Event]) -> Result<(), BrainError> {
        let Some(draft) = self.draft.take() else { return Ok(()) };
        let zero = self.zero;
        let mut written = Ok(());
        for event in events {
            let about = About { plan: &draft.plan, scene: &self.scene };
            let noted = self.runs.hear(event, about, |at| stamp(zero, at));
            let at = stamp(zero, event.at);
            written = written.and(noted.into_iter().try_for_each(|noted| self.note(noted, &draft, at)));
        }
        self.draft = Some(draft);
        written
    }

    fn note(&mut self, noted: Noted, draft: &Draft, at: Stamp) -> Result<(), BrainError> {
        match noted {
            Noted::Leaf(leaf) => self.notes.leaf(leaf, at)?,
            Noted::Anomaly(anomaly) => self.notes.anomaly(anomaly)?,
            Noted::Failed(node, failure, level) if level >= NOT_BY_ITSELF => {
                self.mender.failed(node, &failure, draft, &self.scene);
            }
            Noted::Failed(..) => {}
            Noted::Worked(node) => {
                if let Some(mending) = self.mender.worked(node, draft, &self.scene) {
                    self.notes.mended(mending, at)?;
                }
            }
        }
        Ok(())
    }

    /// The language model was asked once.
    pub fn vlm_called(&mut self) {
        self.notes.vlm_called();
    }

    /// Where the recording of this episode lies.
    pub fn recorded_in(&mut self, file: &str) -> Result<(), BrainError> {
        Ok(self.notes.recorded_in(file)?)
    }

    /// Repairs that were tried in this episode: not to be tried again (R7).
    pub fn tried(&self) -> &BTreeSet<RepairId> {
        &self.tried
    }

    /// Short-term memory: what is so now, what has just happened, what is wrong.
    pub fn working(&self) -> &neuraxis_hippocampus::Working {
        self.notes.working()
    }

    /// Ends with a last look at the scene, and writes all of it down: when this returns it is on the disk.
    ///
    /// R8: it is a success if every goal is seen to hold, a failure if one is seen not to, whatever the executor says; its
    /// word is the reason where the goals are not known.
    pub fn end(
        mut self,
        memory: &mut Memory,
        outcome: &Outcome,
        scene: &Scene,
        at: Nanos,
    ) -> Result<EpisodeId, BrainError> {
        self.look(scene, at)?;
        let Some(draft) = self.draft.take() else {
            return self.give_up(memory, "there was no plan", at);
        };
        let when = stamp(self.zero, at);
        if let Some(mending) = self.mender.end(&self.scene, Truth::Unknown) {
            self.notes.mended(mending, when)?;
        }
        let said = outcome_text(outcome, &self.scene);
        let concluded = match self.notes.conclude(&self.scene, &draft.plan.raw().goal, when) {
            Ok(concluded) => concluded,
            Err(undecided) => {
                let why = format!("{said}; not known at the end: {}", undecided.unknown.join(", "));
                undecided.draft.give_up(Some(&self.scene), &why, when)
            }
        };
        Ok(memory.commit(&concluded)?)
    }

    /// Ends in failure, whatever is seen: there was no plan, or somebody broke it off.
    pub fn give_up(self, memory: &mut Memory, why: &str, at: Nanos) -> Result<EpisodeId, BrainError> {
        let concluded = self.notes.give_up(Some(&self.scene), why, stamp(self.zero, at));
        Ok(memory.commit(&concluded)?)
    }
}

fn stamp(zero: Stamp, at: Nanos) -> Stamp {
    let ms = i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
    Stamp::from_unix_ms(zero.unix_ms().saturating_add(ms))
}
