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
    route: Route,
    /// The key-frame under way.
    at: usize,
    /// Key-frames that the cerebellum had reached when this one was begun.
    reached_before: u64,
    /// What was felt on the tool before this key-frame was begun, in the world [N].
    tare_n: Option<Vector3<f64>>,
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
            route,
            at: 0,
            reached_before: count(&view.progress),
            tare_n: None,
        });
        Ok(())
    }

    fn tick(&mut self, now: Nanos, id: RunId, view: &View<'_>) -> SkillReport {
        let report = |status, released| SkillReport { run: id, at: now, status, released };
        let Some(slot) = self.runs.iter_mut().find(|slot| slot.is_some_and(|run| run.id == id)) else {
            // Nobody started it here: an answer of no run, which the executor drops.
            return SkillReport { run: RunId::default(), ..report(SkillStatus::Done, false) };
        };
        let Some(run) = slot else { return report(SkillStatus::Done, false) };
        let status = run.tick(now, &self.config, view);
        let released = run.route.releases.is_some_and(|releases| {
            run.at > releases || (run.at == releases && view.progress.gripper == Gripper::Open)
        });
        if !matches!(status, SkillStatus::Running(_)) {
            *slot = None;
        }
        report(status, released)
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
        // Follow what moves, as long as it is not touched and is seen.
        if self.at < self.route.contact
            && let Ok(route) = Route::of(&self.task, &self.variation, config, view.sights)
        {
            self.route = route;
        }
        let Some(frame) = self.route.frame(self.at) else { return SkillStatus::Done };
        if !self.has_reached(&frame, config, &view.progress) {
            let here = self.met(config, view).map(|tool| KeyFrame {
                world_from_tool: Pose::new(tool),
                // Not a correction of the way under way, but another one, to be taken at once.
                ignore_collisions: !frame.ignore_collisions,
                ..frame
            });
            if let Some(here) = here {
                self.route.replace(self.at, here);
                self.route.pushes = None;
            }
            return SkillStatus::Running(match here {
                Some(here) => Want::Reach(here),
                None => self.want(frame),
            });
        }
        if self.route.grips == Some(self.at) && view.held == Truth::False {
            return SkillStatus::Failed(SkillFault::EmptyHand);
        }
        self.at += 1;
        self.reached_before = count(&view.progress);
        self.tare_n = view.sights.force_in_world();
        match self.route.frame(self.at) {
            Some(frame) => SkillStatus::Running(self.want(frame)),
            None => SkillStatus::Done,
        }
    }

    fn want(&self, frame: KeyFrame) -> Want {
        if self.route.pushes == Some(self.at) { Want::Touch(frame) } else { Want::Reach(frame) }
    }

    /// Where the tool is, if what it pushes does not give way any more. What was felt before counts as an error of the
    /// sensor.
    fn met(&self, config: &PrimitiveConfig, view: &View<'_>) -> Option<Isometry3<f64>> {
        let (pushes, tare) = (self.route.pushes?, self.tare_n?);
        let force = view.sights.force_in_world()?;
        let resists = pushes == self.at && (force - tare).norm() >= config.push_n;
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
