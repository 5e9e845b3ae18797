//! A small world in which skills change facts, faults happen on cue, and everybody's word is checked.
#![allow(dead_code)]

use std::sync::{Arc, Mutex, MutexGuard};

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{Fault as BodyFault, Gripper, Nanos, Pose, Progress};
use neuraxis_executor::{
    Counts, Debrief, Event, Events, Executor, ExecutorConfig, ExecutorTick, Input, Observed, Order, Outcome, Perform,
    Pool, Program, RunId, Sights, Signals, SkillFault, SkillReport, SkillStatus, Task, Thresholds, View, Want, What,
};
use neuraxis_plan::{
    Body, Effects, FactSet, Limits, ObjectId, Plan, Predicate, Scene, Senses, Skill, State, Step, Truth, Validator,
    effects,
};

/// What happens at a run of a skill.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Fault {
    /// The skill says that it failed; nothing has changed.
    Fails,
    /// The skill says that it failed, but it did what it should.
    FailsButDid,
    /// It goes on for ever.
    Hangs,
    /// It does not report any more.
    Silent,
    /// It reports for another run.
    Late,
    /// It says that it is done; nothing has changed.
    DoesNothing,
    /// What is held falls on the table on the way.
    Drops,
    /// Its key-frame is not finite.
    Nan,
}

/// How long a skill takes.
pub const ACT: Nanos = Nanos::from_millis(300);
/// Time between two frames of facts.
pub const FRAME: Nanos = Nanos::from_millis(100);

/// The world behind the cameras.
pub struct World {
    pub scene: Scene,
    pub truth: State,
    /// Counts starts, by skill.
    pub starts: [u32; Skill::ALL.len()],
    /// (skill, which of its starts, what happens).
    pub cues: Vec<(Skill, u32, Fault)>,
    /// At every start of any skill, instead of `cues`.
    pub always: Option<Fault>,
    /// What was started although it was not ready, in truth.
    pub unready: u32,
    /// What the cameras showed last.
    pub seen: State,
    /// What was started although it was not ready in what was shown last.
    pub unseen: u32,
    /// All orders, in turn.
    pub orders: Vec<(Skill, neuraxis_executor::Variation, f64)>,
    /// What the policy's node wants, for whoever follows the sentence.
    pub policy_does: FactSet,
    /// The last order.
    pub last: Option<Task>,
    /// Frames of facts contradict themselves.
    pub contradicts: bool,
    /// No frames of facts any more.
    pub blind: bool,
    /// Hidden from the cameras.
    pub hidden: FactSet,
    /// Not shown by the frames, but as it was when it was seen last: so the truth has it here.
    pub remembered: FactSet,
    pub force_n: f64,
    /// What the fingers feel.
    pub felt: Truth,
    pub fault: Option<BodyFault>,
    pub signals: Signals,
    pub running: u32,
}

impl World {
    pub fn effects(&self, task: &Task) -> Option<Effects> {
        let (skill, object, place) = match *task {
            Task::Reach { object, .. } => (Skill::Reach, Some(object), None),
            Task::Grasp { block, from, .. } => (Skill::Grasp, Some(block), Some(from)),
            Task::Place { block, to } => (Skill::Place, Some(block), Some(to)),
            Task::Press { button } => (Skill::Push, Some(button), None),
            Task::Shut { drawer } => (Skill::Push, Some(drawer), None),
            Task::Pull { drawer } => (Skill::Pull, Some(drawer), None),
            Task::Look { block, at } => (Skill::Look, Some(block), Some(at)),
            Task::Hold { .. } => (Skill::Hold, None, None),
            Task::Policy => return Some(Effects { add: self.policy_does, ..Effects::default() }),
        };
        effects(&self.scene, &Step::new(skill, object, place))
    }

    /// What is held falls on the table.
    pub fn drop_held(&mut self) {
        let scene = &self.scene;
        for block in scene.object_ids() {
            let Some(holding) = scene.find(Predicate::Holding, &[block]) else { continue };
            if self.truth.truth(holding) == Truth::True {
                let table = scene.object("table").unwrap();
                let add = [
                    scene.find(Predicate::On, &[block, table]).unwrap(),
                    scene.find(Predicate::HandEmpty, &[]).unwrap(),
                    scene.find(Predicate::Clear, &[block]).unwrap(),
                    scene.find(Predicate::Visible, &[block]).unwrap(),
                ];
                self.truth = self.truth.after(&add.into_iter().collect(), &[holding].into_iter().collect());
                return;
            }
        }
    }

    pub fn fact(&self, text: &str) -> neuraxis_plan::FactId {
        self.scene.literal(text).unwrap().fact
    }
}

pub type Shared = Arc<Mutex<World>>;

/// Which run, since when, what, and what goes wrong.
type Run = (RunId, Nanos, Task, Option<Fault>);

/// Does one skill in the world.
struct Actor {
    skill: Skill,
    world: Shared,
    runs: [Option<Run>; 8],
}

impl Perform for Actor {
    fn start(&mut self, now: Nanos, order: &Order<'_>, _: &View<'_>) -> Result<(), SkillFault> {
        let mut world = self.world.lock().unwrap();
        let count = world.starts[self.skill as usize];
        world.starts[self.skill as usize] += 1;
        let cue = world.cues.iter().find(|(skill, nth, _)| *skill == self.skill && *nth == count);
        let fault = world.always.or(cue.map(|cue| cue.2));
        if let Some(effects) = world.effects(&order.task) {
            world.unready += u32::from(!effects.ready(&world.truth));
            world.unseen += u32::from(!effects.ready(&world.seen));
        }
        if world.orders.len() < world.orders.capacity() {
            world.orders.push((self.skill, order.variation, order.speed));
        }
        world.running += 1;
        world.last = Some(order.task);
        let slot = self.runs.iter_mut().find(|slot| slot.is_none()).ok_or(SkillFault::Busy)?;
        *slot = Some((order.run, now, order.task, fault));
        Ok(())
    }

    fn tick(&mut self, now: Nanos, id: RunId, _: &View<'_>) -> SkillReport {
        let slot = self.runs.iter_mut().find(|slot| slot.is_some_and(|run| run.0 == id)).expect("it was started");
        let (_, began, task, fault) = slot.unwrap();
        // A clock that steps back.
        let began = began.min(now);
        *slot = Some((id, began, task, fault));
        let mut world = self.world.lock().unwrap();
        let keyframe = neuraxis_core::KeyFrame {
            world_from_tool: Pose::identity(),
            gripper: Gripper::Open,
            ignore_collisions: false,
        };
        let mut report = SkillReport {
            run: id,
            at: now,
            status: SkillStatus::Running(Want::Reach(keyframe)),
            released: now.secs_since(began) > 0.2,
            // Taken late in a grasp, let go of late in a place.
            holds: match task {
                Task::Grasp { .. } => now.secs_since(began) >= 0.1,
                Task::Place { .. } => now.secs_since(began) < 0.2,
                _ => false,
            },
        };
        let secs = if let Task::Hold { secs } = task { secs } else { ACT.secs() };
        match fault {
            Some(Fault::Silent) => report.at = began,
            Some(Fault::Late) => report.run.epoch = report.run.epoch.wrapping_sub(1),
            Some(Fault::Nan) => {
                let nan = Pose::new(Isometry3::translation(f64::NAN, 0.0, 0.0));
                report.status =
                    SkillStatus::Running(Want::Reach(neuraxis_core::KeyFrame { world_from_tool: nan, ..keyframe }));
            }
            Some(Fault::Drops) if now.secs_since(began) > 0.1 => {
                world.drop_held();
                report.released = false;
            }
            Some(Fault::Hangs | Fault::Drops) => {}
            _ if now.secs_since(began) < secs => {}
            Some(Fault::Fails) => report.status = SkillStatus::Failed(SkillFault::Other(7)),
            Some(Fault::DoesNothing) => report.status = SkillStatus::Done,
            _ => {
                if let Some(effects) = world.effects(&task) {
                    world.truth = effects.success(&world.truth);
                }
                report.status = match (self.skill, fault) {
                    (_, Some(_)) => SkillStatus::Failed(SkillFault::Other(7)),
                    // It never says that it is done.
                    (Skill::Policy, _) => SkillStatus::Running(Want::Policy),
                    _ => SkillStatus::Done,
                };
            }
        }
        if !matches!(report.status, SkillStatus::Running(_)) {
            *slot = None;
            world.running -= 1;
        }
        report
    }

    fn abort(&mut self, _: Nanos, id: RunId) {
        for slot in &mut self.runs {
            if slot.is_some_and(|run| run.0 == id) {
                *slot = None;
                self.world.lock().unwrap().running -= 1;
            }
        }
    }
}

/// What tests look at: nothing moves; the force is the world's.
pub struct Eyes {
    pub force_n: f64,
}

impl Senses for Eyes {
    fn world_from_body(&self, _: Body) -> Option<Isometry3<f64>> {
        Some(Isometry3::translation(0.3, 0.0, 1.0))
    }
    fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
        Some(Vector3::zeros())
    }
    fn force_in_world(&self) -> Option<Vector3<f64>> {
        Some(Vector3::new(0.0, 0.0, self.force_n))
    }
    fn grip_width_m(&self) -> Option<f64> {
        Some(0.04)
    }
}

impl Sights for Eyes {
    fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
        None
    }
    fn opening_m(&self, _: ObjectId) -> Option<f64> {
        None
    }
}

/// An executor in its world, ticked at 200 Hz.
pub struct Bench {
    pub world: Shared,
    pub executor: Executor,
    pub now: Nanos,
    pub observed: Observed,
    /// All events so far.
    pub log: Vec<Event>,
    /// For one tick.
    slots: [Event; 512],
    pub dropped: u64,
}

impl Bench {
    pub fn new(scene: &Scene, config: ExecutorConfig, thresholds: Thresholds) -> Self {
        let world = Arc::new(Mutex::new(World {
            scene: scene.clone(),
            truth: *scene.state(),
            starts: [0; Skill::ALL.len()],
            cues: Vec::new(),
            always: None,
            unready: 0,
            seen: State::default(),
            unseen: 0,
            orders: Vec::with_capacity(256),
            policy_does: FactSet::default(),
            last: None,
            contradicts: false,
            blind: false,
            hidden: FactSet::default(),
            remembered: FactSet::default(),
            force_n: 1.0,
            felt: Truth::Unknown,
            fault: None,
            signals: Signals::default(),
            running: 0,
        }));
        let pool = Skill::ALL.into_iter().fold(Pool::default(), |pool, skill| {
            pool.with(skill, Box::new(Actor { skill, world: world.clone(), runs: [None; 8] }))
        });
        let executor = Executor::new(config, pool, thresholds).unwrap();
        let observed = Observed::all_shown(*scene.state(), Nanos(0));
        let now = Nanos::from_millis(1000);
        Self { world, executor, now, observed, log: Vec::new(), slots: [Event::NONE; 512], dropped: 0 }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Begins a plan made for the present epoch.
    pub fn begin(&mut self, plan: &Plan) {
        let program = Program::compile(plan, &self.world().scene).unwrap();
        let epoch = self.executor.epoch();
        assert!(self.executor.begin(self.now, epoch, program, &mut Events::new(&mut self.slots)).is_ok());
    }

    /// 5 ms. Does not allocate, but for `log` if `keep`.
    pub fn tick_and(&mut self, keep: bool) -> ExecutorTick {
        self.now = self.now + Nanos::from_millis(5);
        let mut world = self.world.lock().unwrap();
        if self.now.0.is_multiple_of(FRAME.0) && !world.blind {
            let mut state = world.truth.forget(&world.hidden);
            if world.contradicts {
                let scene = &world.scene;
                let both = [Predicate::Open, Predicate::Closed].map(|predicate| scene.of_predicate(predicate));
                state = state.after(&both[0].union(&both[1]), &FactSet::default());
                state = state.after(&scene.of_predicate(Predicate::Holding), &FactSet::default());
            }
            world.seen = state;
            let shown = Observed::all_shown(state, self.now);
            self.observed = Observed { shown: shown.shown.minus(&world.remembered), ..shown };
        }
        let (fault, signals, held) = (world.fault, world.signals, world.felt);
        let eyes = Eyes { force_n: world.force_n };
        world.running = world.running.min(64);
        drop(world);
        let input = Input {
            now: self.now,
            observed: Some(&self.observed),
            sights: &eyes,
            signals,
            progress: Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 },
            held,
            fault,
        };
        let mut events = Events::new(&mut self.slots);
        let tick = self.executor.tick(&input, &mut events);
        self.dropped += events.dropped();
        if keep {
            self.log.extend_from_slice(events.written());
        }
        tick
    }

    pub fn tick(&mut self) -> ExecutorTick {
        self.tick_and(true)
    }

    /// So many ticks.
    pub fn ticks(&mut self, count: u32) {
        for _ in 0..count {
            self.tick();
        }
    }

    /// Until the plan has ended, for `secs` at most.
    pub fn run(&mut self, secs: f64) -> Outcome {
        for _ in 0..(secs * 200.0) as u64 {
            let tick = self.tick();
            if !matches!(tick.outcome, Outcome::Running) {
                assert_eq!(tick.wish.want, Want::Still);
                assert_eq!(self.world().running, 0, "skills run on");
                return tick.outcome;
            }
        }
        self.debrief().outcome
    }

    pub fn debrief(&self) -> Debrief {
        self.executor.debrief()
    }

    pub fn counts(&self) -> Counts {
        self.debrief().counts
    }

    /// How often something happened.
    pub fn count(&self, what: impl Fn(&What) -> bool) -> usize {
        self.log.iter().filter(|event| what(&event.what)).count()
    }

    /// Every fact of the goal holds in truth.
    pub fn is_done(&self, plan: &Plan) -> bool {
        plan.goal().is_subset(self.world().truth.holds())
    }
}

pub fn checked(scene: &Scene, text: &str) -> Plan {
    Validator::new(scene, &Limits::default()).read(text).unwrap_or_else(|errors| panic!("{errors}"))
}
