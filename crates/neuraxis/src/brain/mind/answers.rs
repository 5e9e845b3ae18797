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

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_brain::PlannerKind;
    use neuraxis_core::{CameraView, Gripper, Instruction, Intrinsics, Joints, Nanos, Pose, Progress};
    use neuraxis_executor::{Event, Outcome, What};

    use super::*;
    use crate::config::{Config, workspace_root};

    /// An empty table as a camera above it sees it.
    fn observation(millis: u64) -> Observation {
        let side = 64;
        let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        let world_from_tool = Pose::from_parts(Vector3::new(0.1, -0.3, 1.3), down);
        let camera = CameraView {
            name: "front".into(),
            intrinsics: Intrinsics { width: side, height: side, fx: 80.0, fy: 80.0, cx: 31.5, cy: 31.5 },
            world_from_camera: Pose::from_parts(Vector3::new(0.3, 0.0, 1.75), down),
            rgb: [202_u8, 185, 163].repeat((side * side) as usize),
            depth_m: (0..side * side).map(|i| 1.0 + 1e-4 * (i % 7) as f32).collect(),
        };
        Observation {
            seq: millis,
            stamp: Nanos::from_millis(millis),
            cameras: vec![camera],
            q: Joints::zeros(7),
            world_from_tool,
            gripper_width_m: 0.08,
            progress: Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 },
        }
    }

    fn words() -> Instruction {
        Instruction { text: "do it".into(), epoch: 1, features: None }
    }

    #[test]
    fn cameras_that_stand_still_or_are_gone_are_done_without_and_named() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let mut mind = Mind::new(&config, false, Vec::new()).unwrap();
        let mut seen = observation(100);
        seen.world_from_tool = Pose::from_parts(Vector3::new(0.3, 0.0, 1.3), seen.world_from_tool.rotation());
        seen.cameras.push(CameraView { name: "side".into(), ..seen.cameras[0].clone() });
        let mut left_out = |seen: &Observation| {
            mind.see(seen, &words(), 0).unwrap();
            mind.sight().left_out
        };
        assert_eq!(left_out(&seen), Vec::<String>::new());
        seen.stamp = Nanos::from_millis(200);
        seen.world_from_tool.iso.translation.x += 0.05;
        seen.cameras[1].rgb[0] ^= 1;
        assert_eq!(left_out(&seen), ["front: its picture stands still while the arm moves"]);
        seen.stamp = Nanos::from_millis(300);
        seen.cameras.remove(0);
        assert_eq!(left_out(&seen), ["front: not in the observation"]);
    }

    /// A mind with a clock.
    struct Looking {
        mind: Mind,
        millis: u64,
    }

    impl Looking {
        /// The next look; whether a plan is asked for.
        fn asks(&mut self) -> bool {
            self.millis += 100;
            self.mind.see(&observation(self.millis), &words(), 0).unwrap().is_some()
        }

        /// There is no plan for what was seen.
        fn refuse(&mut self) {
            let reply = PlanReply {
                task: self.mind.task,
                id: None,
                epoch: 0,
                draft: Err("there is none".into()),
                is_final: false,
                lines: Vec::new(),
                reused: false,
                scribe: None,
                model: ModelUse::default(),
                checked: None,
            };
            assert!(self.mind.take(Reply::Plan(Box::new(reply))).is_none());
        }
    }

    #[test]
    fn in_every_task_the_mind_looks_again_for_a_while_however_long_an_answer_takes() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let mut looking = Looking { mind: Mind::new(&config, false, Vec::new()).unwrap(), millis: 0 };
        for task in 0..2 {
            assert!((0..3).any(|_| looking.asks()), "task {task}");
            assert!(!(0..100).any(|_| looking.asks()), "nobody is asked twice");
            looking.refuse();
            assert_eq!(looking.mind.story.trouble, None, "task {task}: another look may show more");
            let mut tries = 0;
            while looking.asks() {
                tries += 1;
                looking.refuse();
                assert!(tries < 100, "for a while only");
            }
            assert!(tries > 10 && looking.mind.story.trouble.is_some(), "task {task}: {tries} tries");
            assert!(looking.mind.end_task(Outcome::Idle, Nanos::default()).is_none(), "nothing is to be remembered");
        }
    }

    #[test]
    fn a_model_is_told_what_failed_in_this_task_and_nothing_of_the_one_before() {
        let mut config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        config.brain.planner = PlannerKind::Vlm;
        let mut mind = Mind::new(&config, false, Vec::new()).unwrap();
        let failed = |line: &str| (Event { what: What::Failed, ..Event::NONE }, line.to_string());
        mind.story.told.push(failed("2 grasp red_block failed"));
        let question = (1..=3).find_map(|i| mind.see(&observation(100 * i), &words(), 0).unwrap()).unwrap();
        let context = question.context.unwrap();
        assert_eq!((context.images.len(), context.failure.len()), (1, 0), "{:?}", context.failure);
        mind.story.told.push(failed("3 push red_button failed"));
        assert_eq!(mind.context(&observation(400)).unwrap().failure, ["3 push red_button failed"]);
    }
}
