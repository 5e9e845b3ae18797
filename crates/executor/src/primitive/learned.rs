//! The learned policy as a skill: its predictions come from elsewhere, and it is done when what it was for is observed.

use nalgebra::{Isometry3, Translation3};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose};
use neuraxis_plan::Body;

use crate::{
    config::has_passed,
    skill::{Order, Perform, RunId, SkillFault, SkillReport, SkillStatus, Task, View, Want},
};

/// What was begun is brought to its key-frame, if it takes no longer than this [s].
const REST_SECS: f64 = 3.0;
/// A hand that has let go draws back by this much before it goes elsewhere [m].
const BACK_M: f64 = 0.08;

/// Lets the arm follow the policy until the executor has seen enough, or lost patience. A drawer that is seen open is
/// pulled on to where the policy wants it; then fingers that are closed let go and draw back.
#[derive(Clone, Debug, Default)]
pub struct LearnedSkill {
    run: Option<RunId>,
    /// When enough was seen first, and how many key-frames were reached then.
    seen: Option<(Nanos, u32)>,
    leaving: Option<Leaving>,
}

/// Letting go, then drawing back.
#[derive(Copy, Clone, Debug)]
struct Leaving {
    world_from_tool: Isometry3<f64>,
    reached_before: u32,
    draws_back: bool,
}

impl Leaving {
    fn keyframe(&self) -> KeyFrame {
        let back = Translation3::new(0.0, 0.0, if self.draws_back { -BACK_M } else { 0.0 });
        let world_from_tool = Pose::new(self.world_from_tool * back);
        KeyFrame { world_from_tool, gripper: Gripper::Open, ignore_collisions: true }
    }
}

impl Perform for LearnedSkill {
    fn start(&mut self, _: Nanos, order: &Order<'_>, _: &View<'_>) -> Result<(), SkillFault> {
        if order.task != Task::Policy || order.instruction.is_none() {
            return Err(SkillFault::NotAvailable);
        }
        if self.run.is_some() {
            return Err(SkillFault::Busy);
        }
        *self = Self { run: Some(order.run), ..Self::default() };
        Ok(())
    }

    fn tick(&mut self, now: Nanos, id: RunId, view: &View<'_>) -> SkillReport {
        // Of no run, if nobody started it here: the executor drops that.
        let run = self.run.filter(|run| *run == id).unwrap_or_default();
        let report = |status, released| SkillReport { run, at: now, status, released, holds: false };
        let Some(leaving) = &mut self.leaving else { return report(SkillStatus::Running(Want::Policy), false) };
        let count = view.progress.reached_count;
        if count > leaving.reached_before {
            if leaving.draws_back {
                *self = Self::default();
                return report(SkillStatus::Done, true);
            }
            (leaving.draws_back, leaving.reached_before) = (true, count);
        }
        report(SkillStatus::Running(Want::Reach(leaving.keyframe())), leaving.draws_back)
    }

    fn finish(&mut self, now: Nanos, id: RunId, view: &View<'_>) -> bool {
        if self.run != Some(id) || (self.leaving.is_none() && view.progress.gripper == Gripper::Open) {
            return false;
        }
        let reached_before = view.progress.reached_count;
        let (since, before) = *self.seen.get_or_insert((now, reached_before));
        if self.leaving.is_none() {
            if reached_before == before && !has_passed(since, now, REST_SECS) {
                return true;
            }
            let here = view.sights.world_from_body(Body::Tool);
            self.leaving = here.map(|here| Leaving { world_from_tool: here, reached_before, draws_back: false });
        }
        self.leaving.is_some()
    }

    fn abort(&mut self, _: Nanos, id: RunId) {
        if self.run == Some(id) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Gripper, Pose, Progress};
    use neuraxis_plan::{Body, ObjectId, Senses, Truth};

    use super::*;
    use crate::{Variation, skill::Sights};

    #[derive(Default)]
    struct Dark(Option<Isometry3<f64>>);

    impl Senses for Dark {
        fn world_from_body(&self, _: Body) -> Option<nalgebra::Isometry3<f64>> {
            self.0
        }
        fn velocity_in_world(&self, _: Body) -> Option<nalgebra::Vector3<f64>> {
            None
        }
        fn force_in_world(&self) -> Option<nalgebra::Vector3<f64>> {
            None
        }
        fn grip_width_m(&self) -> Option<f64> {
            None
        }
    }

    impl Sights for Dark {
        fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<nalgebra::Isometry3<f64>> {
            None
        }
        fn opening_m(&self, _: ObjectId) -> Option<f64> {
            None
        }
    }

    #[test]
    fn it_runs_once_at_a_time_with_a_sentence_and_until_it_is_told_to_stop() {
        let progress = Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 };
        let view = View { sights: &Dark::default(), progress, held: Truth::False };
        let (mut skill, now) = (LearnedSkill::default(), Nanos::from_millis(5));
        let run = RunId { epoch: 1, run: 7 };
        let order =
            |instruction| Order { run, task: Task::Policy, speed: 1.0, variation: Variation::default(), instruction };
        assert_eq!(skill.start(now, &order(None), &view), Err(SkillFault::NotAvailable));
        assert_eq!(skill.start(now, &order(Some("open the top drawer")), &view), Ok(()));
        assert_eq!(skill.start(now, &order(Some("open it")), &view), Err(SkillFault::Busy));
        let report = skill.tick(now, run, &view);
        assert_eq!((report.run, report.status), (run, SkillStatus::Running(Want::Policy)));
        skill.abort(now, run);
        assert_eq!(skill.tick(now, run, &view).run, RunId::default());
        assert_eq!(skill.start(now, &order(Some("open it")), &view), Ok(()));
        assert!(!skill.finish(now, run, &view), "an open hand has nothing to let go of");
    }

    #[test]
    fn a_closed_hand_lets_go_and_draws_back_when_enough_is_seen() {
        let dim = Dark(Some(Isometry3::translation(0.4, 0.0, 1.0)));
        let at = |gripper, reached_count| View {
            sights: &dim,
            progress: Progress { reached_world_from_tool: Pose::identity(), gripper, reached_count },
            held: Truth::True,
        };
        let (mut skill, now, run) = (LearnedSkill::default(), Nanos::from_millis(5), RunId { epoch: 1, run: 7 });
        let order = Order {
            run,
            task: Task::Policy,
            speed: 1.0,
            variation: Variation::default(),
            instruction: Some("open the top drawer"),
        };
        skill.start(now, &order, &at(Gripper::Open, 0)).unwrap();
        // What was begun goes on to its key-frame.
        assert!(skill.finish(now, run, &at(Gripper::Closed, 2)));
        assert_eq!(skill.tick(now, run, &at(Gripper::Closed, 2)).status, SkillStatus::Running(Want::Policy));
        assert!(skill.finish(now, run, &at(Gripper::Closed, 3)));
        let wanted = |skill: &mut LearnedSkill, view: View<'_>| match skill.tick(now, run, &view).status {
            SkillStatus::Running(Want::Reach(keyframe)) => (keyframe.world_from_tool.position().z, keyframe.gripper),
            other => panic!("{other:?}"),
        };
        assert_eq!(wanted(&mut skill, at(Gripper::Closed, 3)), (1.0, Gripper::Open));
        let (z, _) = wanted(&mut skill, at(Gripper::Open, 4));
        assert!((z - (1.0 - BACK_M)).abs() < 1e-12, "this tool points up: {z}");
        assert!(skill.finish(now, run, &at(Gripper::Open, 4)), "it is under way");
        let last = skill.tick(now, run, &at(Gripper::Open, 5));
        assert_eq!((last.run, last.status, last.released), (run, SkillStatus::Done, true));
    }
}
