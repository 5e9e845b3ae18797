//! Goes along a route: the next key-frame once the one before is reached.

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Progress};
use neuraxis_plan::{Body, Skill, Truth};

use super::{PrimitiveConfig, Route};
use crate::{
    ExecutorError, Variation,
    config::has_passed,
    skill::{Order, Perform, Pool, RunId, SkillFault, SkillReport, SkillStatus, Task, View, Want},
};

/// An arm that pushes comes to rest in about this time [s].
const STOP_SECS: f64 = 0.02;
/// Things that one performer does at once.
const MOST_RUNS: usize = 8;

/// Does reach, grasp, place, push, pull, look and hold. No heap after it was made.
pub struct Primitive {
    config: PrimitiveConfig,
    runs: [Option<Run>; MOST_RUNS],
}

/// A pool in which every skill but the learned policy is a primitive.
pub fn primitives(config: PrimitiveConfig) -> Result<Pool, ExecutorError> {
    config.validate()?;
    let skills = Skill::ALL.into_iter().filter(|skill| *skill != Skill::Policy);
    Ok(skills.fold(Pool::default(), |pool, skill| pool.with(skill, Box::new(Primitive::new(config)))))
}

#[derive(Copy, Clone, Debug)]
struct Run {
    id: RunId,
    task: Task,
    variation: Variation,
    began: Nanos,
    /// What comes before the route, and how much of it is done.
    lead: Option<[KeyFrame; 2]>,
    led: usize,
    route: Route,
    /// The key-frame under way.
    at: usize,
    /// Key-frames that the cerebellum had reached when this one was begun.
    reached_before: u64,
    /// What was felt on the tool before this key-frame was begun, in the world [N].
    tare_n: Option<Vector3<f64>>,
    /// When the tool was pressed last, and how much more than that [N].
    pressed: Option<(Nanos, f64)>,
    /// The key-frame whose end was felt.
    met: Option<usize>,
}

impl Primitive {
    /// With checked distances; [`primitives`] checks them.
    pub(crate) fn new(config: PrimitiveConfig) -> Self {
        Self { config, runs: [None; MOST_RUNS] }
    }
}

impl Perform for Primitive {
    fn start(&mut self, now: Nanos, order: &Order<'_>, view: &View<'_>) -> Result<(), SkillFault> {
        let route = Route::of(&order.task, &order.variation, &self.config, view.sights)?;
        let slot = self.runs.iter_mut().find(|slot| slot.is_none()).ok_or(SkillFault::Busy)?;
        *slot = Some(Run {
            id: order.run,
            task: order.task,
            variation: order.variation,
            began: now,
            lead: if route.frame(0).is_some() { Route::lead(&order.task, &self.config, view.sights) } else { None },
            led: 0,
            route,
            at: 0,
            reached_before: count(&view.progress),
            tare_n: None,
            pressed: None,
            met: None,
        });
        Ok(())
    }

    fn tick(&mut self, now: Nanos, id: RunId, view: &View<'_>) -> SkillReport {
        let report = |status, released| SkillReport { run: id, at: now, status, released, holds: false };
        let Some(slot) = self.runs.iter_mut().find(|slot| slot.is_some_and(|run| run.id == id)) else {
            // Nobody started it here: an answer of no run, which the executor drops.
            return SkillReport { run: RunId::default(), ..report(SkillStatus::Done, false) };
        };
        let Some(run) = slot else { return report(SkillStatus::Done, false) };
        let status = run.tick(now, &self.config, view);
        let released = run.route.releases.is_some_and(|releases| {
            run.at > releases || (run.at == releases && view.progress.gripper == Gripper::Open)
        });
        let holds = run.holds();
        if !matches!(status, SkillStatus::Running(_)) {
            *slot = None;
        }
        SkillReport { holds, ..report(status, released) }
    }

    fn abort(&mut self, _: Nanos, id: RunId) {
        for slot in &mut self.runs {
            if slot.is_some_and(|run| run.id == id) {
                *slot = None;
            }
        }
    }
}

impl Run {
    fn tick(&mut self, now: Nanos, config: &PrimitiveConfig, view: &View<'_>) -> SkillStatus {
        let waits_secs = match self.task {
            Task::Hold { secs } => Some(secs),
            Task::Look { .. } => Some(config.look_secs),
            _ => None,
        };
        // The clock may have stepped back.
        self.began = self.began.min(now);
        if let Some(secs) = waits_secs {
            let done = has_passed(self.began, now, secs);
            return if done { SkillStatus::Done } else { SkillStatus::Running(Want::Still) };
        }
        if let Some(frame) = self.lead.and_then(|lead| lead.get(self.led).copied()) {
            if !self.has_reached(&frame, config, &view.progress) {
                return SkillStatus::Running(Want::Reach(frame));
            }
            self.led += 1;
            self.reached_before = count(&view.progress);
            if let Some(next) = self.lead.and_then(|lead| lead.get(self.led).copied()) {
                return SkillStatus::Running(Want::Reach(next));
            }
        }
        // Follow what moves, as long as it is not touched and is seen.
        if self.at < self.route.contact
            && let Ok(route) = Route::of(&self.task, &self.variation, config, view.sights)
        {
            self.route = route;
        }
        let Some(frame) = self.route.frame(self.at) else { return SkillStatus::Done };
        if !self.has_reached(&frame, config, &view.progress) {
            let here = self.met(now, config, view).map(|tool| KeyFrame {
                world_from_tool: Pose::new(tool),
                // Not a correction of the way under way, but another one, to be taken at once.
                ignore_collisions: !frame.ignore_collisions,
                ..frame
            });
            if let Some(here) = here {
                self.route.replace(self.at, here);
                self.met = Some(self.at);
            }
            return SkillStatus::Running(self.want(here.unwrap_or(frame)));
        }
        if self.route.grips == Some(self.at) && view.held == Truth::False {
            return SkillStatus::Failed(SkillFault::EmptyHand);
        }
        self.at += 1;
        self.reached_before = count(&view.progress);
        (self.tare_n, self.pressed) = (view.sights.force_in_world(), None);
        match self.route.frame(self.at) {
            Some(frame) => SkillStatus::Running(self.want(frame)),
            None => SkillStatus::Done,
        }
    }

    /// A block is between the fingers: it was taken, or is not put down yet.
    fn holds(&self) -> bool {
        match self.task {
            Task::Grasp { .. } => self.route.grips.is_some_and(|grips| self.at > grips),
            Task::Place { .. } => self.route.releases.is_some_and(|releases| self.at < releases),
            _ => false,
        }
    }

    fn want(&self, frame: KeyFrame) -> Want {
        // No way is planned to where the tool is.
        if self.route.pushes == Some(self.at) { Want::Touch(frame) } else { Want::Reach(frame) }
    }

    /// Where the tool is, if what it pushes does not give way any more, or will not by the time that the arm has stopped.
    /// What was felt before counts as an error of the sensor.
    fn met(&mut self, now: Nanos, config: &PrimitiveConfig, view: &View<'_>) -> Option<Isometry3<f64>> {
        if self.met == Some(self.at) {
            return None;
        }
        let (pushes, tare) = (self.route.pushes?, self.tare_n?);
        let pressed_n = (view.sights.force_in_world()? - tare).norm();
        let before = self.pressed.replace((now, pressed_n));
        let rate_n_s = before.map_or(0.0, |(at, before_n)| (pressed_n - before_n) / now.secs_since(at).max(1e-3));
        let soon_n = pressed_n + rate_n_s * STOP_SECS;
        let meets = pressed_n >= config.push_n || (pressed_n >= 0.5 * config.push_n && soon_n >= config.push_n);
        let resists = pushes == self.at && meets;
        resists.then(|| view.sights.world_from_body(Body::Tool)).flatten()
    }

    /// The cerebellum has reached it since it was asked to, or stands there already with the fingers as wanted.
    fn has_reached(&self, frame: &KeyFrame, config: &PrimitiveConfig, progress: &Progress) -> bool {
        let (metres, radians) = frame.world_from_tool.distance(&progress.reached_world_from_tool);
        let there = metres <= config.reached_m && radians <= config.reached_rad && frame.gripper == progress.gripper;
        let is_new = count(progress) > self.reached_before;
        // So close that the cerebellum takes it for the one that it has reached.
        let same = count(progress) > 0 && metres <= 0.0005 && radians <= 0.005;
        there && (is_new || same)
    }
}

fn count(progress: &Progress) -> u64 {
    u64::from(progress.reached_count)
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::{ObjectId, Scene, SceneFile, Senses};

    use super::*;
    use crate::Sights;

    /// The tool, and the force on it from below [N].
    struct Felt(Isometry3<f64>, f64);

    impl Senses for Felt {
        fn world_from_body(&self, _: Body) -> Option<Isometry3<f64>> {
            Some(self.0)
        }
        fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
            None
        }
        fn force_in_world(&self) -> Option<Vector3<f64>> {
            Some(Vector3::new(0.0, 0.0, self.1))
        }
        fn grip_width_m(&self) -> Option<f64> {
            None
        }
    }

    impl Sights for Felt {
        fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
            Some(Isometry3::translation(0.1, 0.2, 0.77))
        }
        fn opening_m(&self, _: ObjectId) -> Option<f64> {
            None
        }
    }

    /// Puts a block down while the force on the tool goes as told, one number each 5 ms; which of them ends it.
    fn met_at(forces_n: &[f64]) -> Option<usize> {
        let file: SceneFile = serde_yaml::from_str(include_str!("../../../../sim/scenes/workbench.yaml")).unwrap();
        let scene = Scene::try_from(file).unwrap();
        let [block, to] = ["red_block", "table"].map(|name| scene.object(name).unwrap());
        let (config, id) = (PrimitiveConfig::default(), RunId { epoch: 0, run: 1 });
        let (task, variation) = (Task::Place { block, to }, Variation::default());
        let order = Order { run: id, task, speed: 1.0, variation, instruction: None };
        let mut primitive = Primitive::new(config);
        let mut view_at = |tool: Isometry3<f64>, reached_count: u32, force_n: f64, at: usize| {
            let sights = Felt(tool, force_n);
            let progress =
                Progress { reached_world_from_tool: Pose::new(tool), gripper: Gripper::Closed, reached_count };
            let view = View { sights: &sights, progress, held: Truth::True };
            let now = Nanos::from_millis(5 * at as u64);
            if at == 0 {
                primitive.start(now, &order, &view).unwrap();
            }
            primitive.tick(now, id, &view).status
        };
        let route = Route::of(&task, &variation, &config, &Felt(Isometry3::identity(), 0.0)).unwrap();
        let pose = |i: usize| route.frame(i).unwrap().world_from_tool.iso;
        view_at(Isometry3::identity(), 0, 0.0, 0);
        view_at(pose(0), 1, 0.0, 1);
        view_at(pose(1), 2, forces_n[0], 2);
        // It ends where the tool is.
        let goes_on = |status| match status {
            SkillStatus::Running(Want::Touch(to)) => to.world_from_tool.iso != pose(1),
            _ => false,
        };
        forces_n.iter().enumerate().position(|(i, force_n)| !goes_on(view_at(pose(1), 2, *force_n, 3 + i)))
    }

    #[test]
    fn what_is_put_down_ends_before_its_seat_presses_hard() {
        let most = PrimitiveConfig::default().push_n;
        // It rises slowly: up to what is allowed, less what was felt before.
        let slow: Vec<f64> = (0..100).map(|i| 3.0 + 0.3 * f64::from(i)).collect();
        let at = met_at(&slow).unwrap();
        assert!((slow[at] - 3.0 - most).abs() < 2.0, "{}", slow[at]);
        // It rises fast: half of it is enough.
        let fast: Vec<f64> = (0..100).map(|i| 3.0 + 3.5 * f64::from(i)).collect();
        let at = met_at(&fast).unwrap();
        assert!(fast[at] - 3.0 >= 0.5 * most && fast[at] - 3.0 < 0.8 * most, "{}", fast[at]);
        // A jolt ends nothing.
        assert_eq!(met_at(&[0.0, 4.0, 8.0, 4.0, 0.0, -4.0, 0.0]), None);
    }
}
