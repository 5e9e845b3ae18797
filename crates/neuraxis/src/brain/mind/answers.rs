//! What the slow half asks for, and what comes of the answers.

use neuraxis_brain::{Draft, ModelUse};
use neuraxis_core::Observation;
use neuraxis_episode::Level;
use neuraxis_executor::{Answer, Ask};
use neuraxis_plan::Scene;

use super::{Mind, Offered, PlanInForce};
use crate::brain::{
    Without,
    plans::{PlanReply, Question, Reply, Wanted},
    reflex::{Order, Report},
};

impl Mind {
    /// What the executor asks for, once.
    pub fn question(&mut self, report: &Report, seen: &Observation, words: &str) -> Option<Question> {
        let request = report.request.filter(|request| self.asked != Some(request.id))?;
        self.asked = Some(request.id);
        let scene = self.perception.present();
        let scene = scene.map_err(|why| self.story.lines.push(format!("no {:?}: {why}", request.ask))).ok()?;
        let wanted = match (request.ask, &self.plan) {
            (Ask::Recall, Some(PlanInForce { plan, .. })) => Wanted::Repair {
                plan: Box::new(plan.clone()),
                node: request.node,
                reason: request.reason,
                tried: self.scribe.as_ref().map(|scribe| scribe.tried().clone()).unwrap_or_default(),
            },
            _ => {
                self.story.plans += 1;
                let tried = self.scribe.as_ref().map(|scribe| scribe.tried().clone()).unwrap_or_default();
                Wanted::Replan { unknown: request.reason.unknown(), tried }
            }
        };
        let (task, sentence, id) = (self.task, self.sentence, Some(request.id));
        let (epoch, context) = (request.epoch, self.context(seen));
        let words = self.meant.as_deref().unwrap_or(words).to_string();
        Some(Question { task, sentence, id, epoch, wanted, words, context, scene, at: report.now })
    }

    /// Takes an answer: what the executor is to be told.
    pub fn take(&mut self, reply: Reply) -> Option<Order> {
        let reply = match reply {
            Reply::Plan(reply) => *reply,
            Reply::Meant { task, words, said } => {
                if task == self.task {
                    self.take_meaning(words, said);
                }
                return None;
            }
            Reply::Untold(line) => {
                self.untold += 1;
                self.story.untold(self.clock, line);
                return None;
            }
        };
        let PlanReply { task, id, epoch, draft, is_final, lines, reused, scribe, model, checked } = reply;
        if task != self.task {
            self.account(model, id.is_none());
            self.late(draft.as_ref().map_or("nobody", |draft| draft.0.source));
            return None;
        }
        if scribe.is_some() {
            (self.scribe, self.story.reused) = (scribe, reused);
        }
        self.account(model, id.is_none());
        if let Some((fact, holds)) = checked {
            self.perception.believe(fact, holds);
        }
        lines.into_iter().for_each(|line| self.remembers_this(self.clock, line));
        let program = match (draft, id) {
            (Ok(draft), _) => Some(self.offer(*draft, epoch)),
            (Err(why), None) => {
                self.no_plan(&why, is_final);
                None
            }
            (Err(why), Some(_)) => {
                self.story.remark(self.clock, Level::Warning, format!("no plan: {why}"));
                None
            }
        };
        match id {
            Some(id) => Some(Order::Answer(Answer { id, epoch, program })),
            None => program.map(|program| Order::Begin(epoch, program)),
        }
    }

    fn take_meaning(&mut self, words: String, said: Result<Option<String>, String>) {
        match said {
            Ok(None) => self.meant = Some(words),
            Ok(Some(plain)) => {
                self.story.lines.push(format!("{words}: that is, {plain}"));
                self.meant = Some(plain);
            }
            Err(why) => return self.no_plan(&why, false),
        }
        // The next look begins with it.
        self.perception.end();
    }

    /// Keeps count of the model's calls since the last time.
    fn account(&mut self, model: ModelUse, is_first: bool) {
        let before = std::mem::replace(&mut self.story.model, model);
        let model = self.story.model.clone();
        if let (true, Some(why)) = (model.failures > before.failures, &model.why) {
            let line = format!("no plan by the model: {why}");
            self.story.remark(self.clock, Level::Warning, line);
        }
        if is_first {
            self.story.first_calls = model.calls;
        }
        if let Some(scribe) = &mut self.scribe {
            (before.calls..model.calls).for_each(|_| scribe.vlm_called());
        }
    }

    fn offer(&mut self, (draft, scene): (Draft, Scene), epoch: u32) -> Box<neuraxis_executor::Program> {
        let program = self.without.iter().fold(draft.program.clone(), |program, without| match without {
            Without::Monitors => program.without_watches(),
            Without::Ladder => program.without_ladder(),
            Without::Feedback => program.without_facts(),
        });
        self.offered = Some(Offered { draft, scene, epoch });
        program
    }
}
