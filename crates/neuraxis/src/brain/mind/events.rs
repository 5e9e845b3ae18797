//! What happened: to the plan in force, to the task, at the end.

use neuraxis_brain::outcome_text;
use neuraxis_core::Nanos;
use neuraxis_executor::{Outcome, What};

use super::{Mind, Offered, PlanInForce};
use crate::brain::{
    plans::{Plans, Record},
    reflex::{Report, Told},
    story::Story,
};

impl Mind {
    /// The executor has taken over what it was offered, or found it late, as its events tell.
    fn settle(&mut self, told: &Told) {
        let Some(Offered { draft, scene, epoch }) = self
            .offered
            .take_if(|offered| told.event.what == What::Late || told.event.epoch == offered.epoch.wrapping_add(1))
        else {
            return;
        };
        if told.event.what == What::Late {
            return self.late(draft.source);
        }
        self.story.lines.push(format!("plan by {}\n{}", draft.source, neuraxis_plan::outline(&draft.plan, &scene)));
        self.story.marks.clear();
        if let Some(scribe) = &mut self.scribe {
            let heard = scribe.attempt(&draft, told.event.at);
            self.story.heard(told.event.at, heard);
        }
        self.before = self.plan.take();
        self.plan = Some(PlanInForce { plan: draft.plan, scene, epoch: epoch.wrapping_add(1) });
    }

    /// Keeps what happened; tells memory.
    pub fn note(&mut self, told: &[Told]) {
        for told in told {
            self.clock = told.event.at.max(self.clock);
            self.settle(told);
            let is_in_force = self.plan.as_ref().is_some_and(|plan| plan.epoch == told.event.epoch);
            if let Some(scribe) = self.scribe.as_mut().filter(|_| is_in_force) {
                let heard = scribe.events(&[told.event]);
                self.story.heard(told.event.at, heard);
            }
            if told.event.what == What::Started {
                self.started = Some(told.event.node);
            }
            let about = if is_in_force { &self.plan } else { &self.before };
            let Some(about) = about.as_ref().or(self.plan.as_ref()) else { continue };
            let unclear = match told.event.what {
                What::Failed => self.unclear(told, &about.plan, &about.scene),
                _ => Vec::new(),
            };
            self.story.tell(told, self.zero, &about.plan, &about.scene);
            self.story.lines.extend(unclear);
        }
    }

    /// The task is over, or another sentence came: things stay known. What is to be remembered of it comes back.
    #[must_use]
    pub fn end_task(&mut self, outcome: Outcome, at: Nanos) -> Option<Record> {
        let record = self.record(outcome, at);
        self.perception.end();
        (self.task, self.looks) = (self.task + 1, 0);
        (self.offered, self.meant, self.story.from_memory) = (None, None, None);
        self.before = self.plan.take();
        (self.story.trouble, self.story.force_limit_n) = (None, None);
        self.story.marks.clear();
        record
    }

    /// Another sentence came. Its number: what is asked about an earlier one need not be answered any more.
    pub fn hear(&mut self) -> u32 {
        self.sentence += 1;
        self.sentence
    }

    /// What is to be remembered of a task that is over, once.
    pub fn record(&mut self, outcome: Outcome, at: Nanos) -> Option<Record> {
        let scene = self.perception.present().ok()?;
        Some(Record { scribe: self.scribe.take()?, outcome, scene, at })
    }

    /// Ends: memory is told how it ended.
    pub fn end(mut self, plans: &mut Plans, report: &Report) -> Story {
        let ended = self.plan.as_ref().map(|plan| outcome_text(&report.outcome, &plan.scene));
        self.story.ended = ended.or(self.story.trouble.clone()).unwrap_or_else(|| "nothing was begun".into());
        self.story.goal_seen = report.outcome == Outcome::Succeeded;
        self.story.tool_moved_m = report.felt.moved_m;
        self.record(report.outcome, report.now).into_iter().for_each(|record| plans.keep(record));
        for line in plans.troubles().since(self.untold) {
            self.story.untold(report.now, line.clone());
        }
        self.story
    }
}
