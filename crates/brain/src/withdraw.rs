//! A hand that hides what the plan waits to see draws back: a better view before anybody is asked.

use nalgebra::Translation3;
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Progress, Tool, World};

use crate::config::WithdrawConfig;

/// Draws back once in each wait; if that does not help, or cannot be, to where it stood at first: from there the scene
/// was seen.
#[derive(Clone, Debug, Default)]
pub struct Withdraw {
    first: Option<Pose<World, Tool>>,
    waits_since: Option<Nanos>,
    step: Option<Step>,
}

/// What is under way: opening the fingers, drawing back, going to where the hand stood at first.
#[derive(Copy, Clone, Debug)]
struct Step {
    goal: KeyFrame,
    reached_before: u32,
    then: Then,
    over_at: Option<Nanos>,
}

/// What comes after a step.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Then {
    Back,
    First,
    Nothing,
}

/// Nearer than this it stands where it stood at first; and it is not gone to from as far above it [m].
const SAME_M: f64 = 0.03;

impl Withdraw {
    /// Where the arm shall go, if anywhere. `waits`: the plan waits for facts; `holds`: something that must not be let go
    /// of is in the hand.
    pub fn tick(
        &mut self,
        now: Nanos,
        waits: bool,
        holds: bool,
        progress: &Progress,
        world_from_tool: &Pose<World, Tool>,
        config: &WithdrawConfig,
    ) -> Option<KeyFrame> {
        let first = *self.first.get_or_insert(*world_from_tool);
        if !waits {
            *self = Self { first: Some(first), ..Self::default() };
            return None;
        }
        let since = *self.waits_since.get_or_insert(now);
        let Some(step) = &mut self.step else {
            if now.secs_since(since) < config.after_secs {
                return None;
            }
            let step = Step {
                goal: back(world_from_tool, progress.gripper, config),
                reached_before: progress.reached_count,
                then: Then::First,
                over_at: None,
            };
            let opens = progress.gripper == Gripper::Closed && !holds;
            let is_low = world_from_tool.position().z + config.back_m <= config.ceiling_m;
            self.step = if opens && is_low {
                // A handle, or nothing: the fingers let go before the hand moves.
                let goal =
                    KeyFrame { world_from_tool: *world_from_tool, gripper: Gripper::Open, ignore_collisions: true };
                Some(Step { goal, then: Then::Back, ..step })
            } else if is_low {
                Some(step)
            } else {
                let goal = to_first(&first, world_from_tool, progress.gripper)?;
                Some(Step { goal, then: Then::Nothing, ..step })
            };
            return self.step.map(|step| step.goal);
        };
        if progress.reached_count > step.reached_before && step.over_at.is_none() {
            if step.then == Then::Back {
                step.goal = back(&step.goal.world_from_tool, Gripper::Open, config);
                (step.reached_before, step.then) = (progress.reached_count, Then::First);
            } else {
                step.over_at = Some(now);
            }
        }
        let Some(over_at) = step.over_at else { return Some(step.goal) };
        if step.then == Then::First && now.secs_since(over_at) >= config.after_secs {
            step.then = Then::Nothing;
            let goal = to_first(&first, world_from_tool, progress.gripper)?;
            (step.goal, step.reached_before, step.over_at) = (goal, progress.reached_count, None);
            return Some(goal);
        }
        None
    }
}

/// To where the tool stood at first, if it is elsewhere and not above.
fn to_first(first: &Pose<World, Tool>, world_from_tool: &Pose<World, Tool>, gripper: Gripper) -> Option<KeyFrame> {
    let way = first.position() - world_from_tool.position();
    let helps = way.norm() > SAME_M && way.z > -SAME_M;
    helps.then_some(KeyFrame { world_from_tool: *first, gripper, ignore_collisions: false })
}

/// Back along the way that the tool points.
fn back(world_from_tool: &Pose<World, Tool>, gripper: Gripper, config: &WithdrawConfig) -> KeyFrame {
    let iso = world_from_tool.iso * Translation3::new(0.0, 0.0, -config.back_m);
    KeyFrame { world_from_tool: Pose::new(iso), gripper, ignore_collisions: true }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, UnitQuaternion, Vector3};

    use super::*;

    #[test]
    fn it_lets_go_draws_back_once_and_then_stands() {
        let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        let at = Pose::new(Isometry3::from_parts(Translation3::new(0.3, 0.0, 0.9), down));
        let config = WithdrawConfig::default();
        let mut withdraw = Withdraw::default();
        let mut progress = Progress { reached_world_from_tool: at, gripper: Gripper::Closed, reached_count: 4 };
        let mut tick = |secs: f64, waits: bool, holds: bool, progress: &Progress| {
            withdraw.tick(Nanos::from_secs(secs), waits, holds, progress, &at, &config)
        };
        assert_eq!(tick(0.0, true, false, &progress), None, "not at once");
        let open = tick(1.0, true, false, &progress).unwrap();
        assert_eq!((open.gripper, open.world_from_tool), (Gripper::Open, at));
        (progress.reached_count, progress.gripper) = (5, Gripper::Open);
        let back = tick(1.5, true, false, &progress).unwrap();
        assert!((back.world_from_tool.position().z - (0.9 + config.back_m)).abs() < 1e-9);
        progress.reached_count = 6;
        assert_eq!(tick(2.0, true, false, &progress), None);
        assert_eq!(tick(9.0, true, false, &progress), None, "once");
        assert_eq!(tick(9.1, false, false, &progress), None);
        // What is held is not let go of.
        progress.gripper = Gripper::Closed;
        assert_eq!(tick(10.0, true, true, &progress), None);
        assert_eq!(tick(11.0, true, true, &progress).unwrap().gripper, Gripper::Closed);
    }

    #[test]
    fn where_it_stood_at_first_it_sees_more() {
        let at = |z: f64| Pose::new(Isometry3::translation(0.3, 0.0, z));
        let progress =
            |reached_count| Progress { reached_world_from_tool: at(1.2), gripper: Gripper::Open, reached_count };
        let (config, mut withdraw) = (WithdrawConfig::default(), Withdraw::default());
        let mut tick = |secs: f64, waits: bool, reached: u32, z: f64| {
            withdraw.tick(Nanos::from_secs(secs), waits, false, &progress(reached), &at(z), &config)
        };
        assert_eq!(tick(0.0, false, 0, 1.47), None);
        // Drawing back did not help.
        assert_eq!(tick(1.0, true, 1, 1.1), None);
        assert!(tick(1.6, true, 1, 1.1).is_some());
        assert_eq!(tick(2.0, true, 2, 1.22), None);
        let goal = tick(2.6, true, 2, 1.22).unwrap();
        assert_eq!((goal.world_from_tool, goal.ignore_collisions), (at(1.47), false));
        assert_eq!(tick(2.7, true, 2, 1.3), Some(goal));
        assert_eq!(tick(3.5, true, 3, 1.47), None);
        assert_eq!(tick(9.0, true, 3, 1.47), None, "once");
        // Under the ceiling there is no drawing back.
        assert_eq!(tick(9.1, false, 3, 1.35), None);
        assert_eq!(tick(10.0, true, 3, 1.35), None);
        assert_eq!(tick(10.6, true, 3, 1.35), Some(goal));
    }

    #[test]
    fn under_the_ceiling_only() {
        let at = Pose::new(Isometry3::translation(0.3, 0.0, 1.34));
        let progress = Progress { reached_world_from_tool: at, gripper: Gripper::Open, reached_count: 0 };
        let (config, mut withdraw) = (WithdrawConfig::default(), Withdraw::default());
        for secs in [0.0, 1.0, 2.0] {
            assert_eq!(withdraw.tick(Nanos::from_secs(secs), true, false, &progress, &at, &config), None);
        }
    }
}
