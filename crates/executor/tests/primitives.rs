//! The primitives with an ideal hand: key-frames are reached at 0.4 m/s, and blocks stick to closed fingers.

mod world;

use nalgebra::{Isometry3, Translation3, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Progress, Tool, World};
use neuraxis_executor::{
    Event, Events, Executor, ExecutorConfig, Input, Observed, Outcome, PrimitiveConfig, Program, Reason, Sights,
    Signals, SkillFault, Thresholds, Want, What, Wish, primitives,
};
use neuraxis_plan::{Body, FactSet, ObjectId, Plan, Scene, SceneFile, Senses, Skill, State, Step, Truth, effects};
use world::checked;

const STEP_M: f64 = 0.002;

fn scene() -> Scene {
    let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
    file.try_into().unwrap()
}

fn plan(scene: &Scene) -> Plan {
    checked(
        scene,
        r#"{"goal": ["on(red_block,yellow_plate)", "pressed(pink_button)"], "nodes": [
            {"id": 0, "parent": null, "kind": "sequence"},
            {"id": 1, "parent": 0, "kind": "skill", "skill": "grasp", "args": {"obj": "red_block", "from": "table", "force_n": 20},
             "post": ["holding(red_block)"], "timeout_s": 20,
             "guards": [{"expr": ["force", "norm"], "op": "<", "val": 30, "unit": "N", "n": 2, "m": 3}],
             "on_fail": [{"level": 2, "do": "retry", "max": 2, "vary": "grasp_rank"}]},
            {"id": 2, "parent": 0, "kind": "skill", "skill": "place", "args": {"obj": "red_block", "to": "yellow_plate"},
             "post": ["on(red_block,yellow_plate)"], "timeout_s": 20,
             "maintain": [{"pred": "holding(red_block)", "until": "release"}],
             "guards": [{"expr": ["force", "norm"], "op": "<", "val": 30, "unit": "N", "n": 2, "m": 3}]},
            {"id": 3, "parent": 0, "kind": "skill", "skill": "push", "args": {"obj": "pink_button"},
             "post": ["pressed(pink_button)"], "timeout_s": 20,
             "guards": [{"expr": ["force", "norm"], "op": "<", "val": 30, "unit": "N", "n": 2, "m": 3}]}]}"#,
    )
}

/// Where everything is.
struct Place {
    scene: Scene,
    poses: Vec<Isometry3<f64>>,
    tool: Isometry3<f64>,
    held: bool,
}

impl Senses for Place {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        match body {
            Body::Tool => Some(self.tool),
            Body::Object(id) => self.poses.get(id.index()).copied(),
        }
    }
    fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
        None
    }
    fn force_in_world(&self) -> Option<Vector3<f64>> {
        Some(Vector3::zeros())
    }
    fn grip_width_m(&self) -> Option<f64> {
        Some(0.04)
    }
}

impl Sights for Place {
    fn world_from_seat(&self, _: ObjectId, place: ObjectId) -> Option<Isometry3<f64>> {
        Some(Translation3::new(0.0, 0.0, 0.018) * self.poses[place.index()])
    }
    fn opening_m(&self, _: ObjectId) -> Option<f64> {
        Some(0.0)
    }
}

/// The cerebellum, as far as it is seen from here: goes to what is wanted, then does the fingers, then counts.
struct Hand {
    place: Place,
    truth: State,
    progress: Progress,
    active: Option<KeyFrame>,
    begun: Vec<KeyFrame>,
    slippery: u32,
    /// With which force the fingers were told to close, without repetitions.
    forces_n: Vec<Option<f64>>,
}

impl Hand {
    fn new() -> Self {
        let scene = scene();
        let poses = scene
            .objects()
            .iter()
            .map(|object| Translation3::from(object.position_in_world.unwrap_or_default()).into())
            .collect();
        let tool = Isometry3::translation(0.2, 0.0, 1.1);
        let reached: Pose<World, Tool> = Pose::new(tool);
        Self {
            truth: *scene.state(),
            place: Place { scene, poses, tool, held: false },
            progress: Progress { reached_world_from_tool: reached, gripper: Gripper::Open, reached_count: 0 },
            active: None,
            begun: Vec::new(),
            slippery: 0,
            forces_n: Vec::new(),
        }
    }

    fn red(&mut self) -> &mut Isometry3<f64> {
        let red = self.place.scene.object("red_block").unwrap();
        &mut self.place.poses[red.index()]
    }

    fn did(&mut self, skill: Skill, object: &str, place: Option<&str>) {
        let scene = &self.place.scene;
        let step = Step::new(skill, scene.object(object), place.and_then(|place| scene.object(place)));
        self.truth = effects(scene, &step).unwrap().success(&self.truth);
    }

    fn step(&mut self, wish: Wish) {
        let (Want::Reach(goal) | Want::Touch(goal)) = wish.want else {
            self.active = None;
            return;
        };
        if self
            .active
            .is_none_or(|active| active.gripper != goal.gripper || active.ignore_collisions != goal.ignore_collisions)
        {
            self.begun.push(goal);
        }
        self.active = Some(goal);
        if goal.gripper == Gripper::Closed && self.forces_n.last() != Some(&wish.grip_force_n) {
            self.forces_n.push(wish.grip_force_n);
        }
        let to = goal.world_from_tool.position() - self.place.tool.translation.vector;
        let step = to * (STEP_M / to.norm().max(STEP_M));
        self.place.tool = goal.world_from_tool.iso;
        self.place.tool.translation.vector = goal.world_from_tool.position() - to + step;
        let tool = self.place.tool;
        if self.place.held {
            *self.red() = Isometry3::from_parts(tool.translation, self.red().rotation);
        }
        let button = self.place.poses[self.place.scene.object("pink_button").unwrap().index()];
        if (tool.translation.vector - button.translation.vector).norm() < 0.015 {
            let pressed = self.place.scene.literal("pressed(pink_button)").unwrap().fact;
            self.truth = self.truth.with(pressed, true);
        }
        if to.norm() > 1e-9 || (self.progress.reached_count > 0 && self.is_reached(&goal)) {
            return;
        }
        let near = (self.red().translation.vector - tool.translation.vector).norm() < 0.008;
        match (self.progress.gripper, goal.gripper) {
            (Gripper::Open, Gripper::Closed) if near && self.slippery == 0 => {
                self.place.held = true;
                self.did(Skill::Grasp, "red_block", Some("table"));
            }
            (Gripper::Open, Gripper::Closed) if near => self.slippery -= 1,
            (Gripper::Closed, Gripper::Open) if self.place.held => {
                self.place.held = false;
                self.did(Skill::Place, "red_block", Some("yellow_plate"));
            }
            _ => {}
        }
        self.progress = Progress {
            reached_world_from_tool: goal.world_from_tool,
            gripper: goal.gripper,
            reached_count: self.progress.reached_count + 1,
        };
    }

    fn is_reached(&self, goal: &KeyFrame) -> bool {
        let (metres, radians) = goal.world_from_tool.distance(&self.progress.reached_world_from_tool);
        metres < 5e-4 && radians < 5e-3 && goal.gripper == self.progress.gripper
    }

    /// What the executor looks at in a tick without a fault.
    fn input<'a>(&'a self, now: Nanos, observed: &'a Observed, held: Truth) -> Input<'a> {
        Input {
            now,
            observed: Some(observed),
            sights: &self.place,
            signals: Signals::default(),
            progress: self.progress,
            held,
            fault: None,
        }
    }
}

/// Runs the plan; `each` may change the world before each tick.
fn run(hand: &mut Hand, mut each: impl FnMut(u32, &mut Hand)) -> (Outcome, Vec<Event>) {
    let scene = scene();
    let pool = primitives(PrimitiveConfig::default()).unwrap();
    let mut executor = Executor::new(ExecutorConfig::default(), pool, Thresholds::default()).unwrap();
    let mut slots = [Event::NONE; 128];
    let program = Program::compile(&plan(&scene), &scene).unwrap();
    let begun = executor.begin(Nanos(0), 0, program, &mut Events::new(&mut slots));
    assert!(begun.is_ok());
    let (mut log, mut observed) = (Vec::new(), Observed::default());
    for i in 1..20_000_u32 {
        each(i, hand);
        let now = Nanos::from_millis(5 * u64::from(i));
        if i % 20 == 0 {
            observed = Observed::all_shown(hand.truth, now);
        }
        let held = match (hand.progress.gripper, hand.place.held) {
            (Gripper::Open, _) => Truth::Unknown,
            (Gripper::Closed, true) => Truth::True,
            (Gripper::Closed, false) => Truth::False,
        };
        let input = hand.input(now, &observed, held);
        let mut events = Events::new(&mut slots);
        let tick = executor.tick(&input, &mut events);
        log.extend_from_slice(events.written());
        if tick.outcome != Outcome::Running {
            return (tick.outcome, log);
        }
        hand.step(tick.wish);
    }
    panic!("it does not end: {:?}", executor.debrief());
}

#[test]
fn a_block_is_carried_and_a_button_pressed() {
    let mut hand = Hand::new();
    let (outcome, log) = run(&mut hand, |_, _| {});
    assert_eq!(outcome, Outcome::Succeeded, "{log:#?}");
    let plate = hand.place.scene.object("yellow_plate").unwrap();
    let off = hand.red().translation.vector - hand.place.poses[plate.index()].translation.vector;
    assert!((off - Vector3::new(0.0, 0.0, 0.020)).norm() < 1e-6, "{off}");
    assert_eq!(hand.progress.reached_count, 11);
    assert_eq!(hand.forces_n, [Some(20.0), None], "as the grasp says; carrying and pressing say nothing");
    assert!(!log.iter().any(|event| event.what == What::Failed));
}

#[test]
fn a_block_that_is_moved_before_it_is_touched_is_followed() {
    let mut hand = Hand::new();
    let (outcome, log) = run(&mut hand, |i, hand| {
        // Once, when the hand is on its way; then slowly, until it is held.
        if i == 60 {
            hand.red().translation.vector += Vector3::new(0.08, -0.05, 0.0);
        }
    });
    assert_eq!(outcome, Outcome::Succeeded, "{log:#?}");
    assert!(!log.iter().any(|event| event.what == What::Failed));
}

#[test]
fn fingers_that_close_on_nothing_are_noticed_at_once_and_the_next_grasp_is_another() {
    let mut hand = Hand::new();
    hand.slippery = 1;
    let (outcome, log) = run(&mut hand, |_, _| {});
    assert_eq!(outcome, Outcome::Succeeded, "{log:#?}");
    let failed = log.iter().find(|event| event.what == What::Failed).unwrap();
    assert_eq!(failed.reason, Some(Reason::Skill(SkillFault::EmptyHand)));
    // Before the lift, not after it.
    let grasps: Vec<_> = hand.begun.iter().filter(|frame| frame.gripper == Gripper::Closed).collect();
    let fingers = |frame: &KeyFrame| frame.world_from_tool.rotation() * Vector3::y();
    assert!(fingers(grasps[0]).dot(&fingers(grasps[1])).abs() < 1e-6, "across the other pair of sides");
}

#[test]
fn a_block_that_is_out_of_sight_is_not_taken() {
    let mut hand = Hand::new();
    let red = hand.place.scene.object("red_block").unwrap();
    hand.place.poses.truncate(red.index());
    assert_eq!(red.index(), 0);
    let visible: FactSet = [hand.place.scene.literal("visible(red_block)").unwrap().fact].into_iter().collect();
    assert!(visible.is_subset(hand.truth.holds()));
    let scene = scene();
    let pool = primitives(PrimitiveConfig::default()).unwrap();
    let mut executor = Executor::new(ExecutorConfig::default(), pool, Thresholds::default()).unwrap();
    let mut slots = [Event::NONE; 64];
    let program = Program::compile(&plan(&scene), &scene).unwrap();
    assert!(executor.begin(Nanos(0), 0, program, &mut Events::new(&mut slots)).is_ok());
    for i in 1..2000_u64 {
        let now = Nanos::from_millis(5 * i);
        let observed = Observed::all_shown(hand.truth, now);
        let input = hand.input(now, &observed, Truth::Unknown);
        let tick = executor.tick(&input, &mut Events::new(&mut slots));
        assert_eq!(tick.wish.want, Want::Still);
        if tick.outcome != Outcome::Running {
            assert_eq!(tick.outcome, Outcome::Failed(Reason::Skill(SkillFault::NotSeen)));
            return;
        }
    }
    panic!("it does not end");
}
