//! A hand that hides what the plan waits to see draws back: a better view before anybody is asked.

use nalgebra::Translation3;
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Progress};

use crate::config::WithdrawConfig;

/// Draws back once in each wait.
#[derive(Clone, Debug, Default)]
pub struct Withdraw {
    waits_since: Option<Nanos>,
    step: Option<Step>,
}

/// What is under way: opening the fingers, then drawing back.
#[derive(Copy, Clone, Debug)]
struct Step {
    goal: KeyFrame,
    reached_before: u32,
    then_back: bool,
    is_over: bool,
}

impl Withdraw {
    /// Where the arm shall go, if anywhere. `waits`: the plan waits for facts; `holds`: something that must not be let go
    /// of is in the hand.
    pub fn tick(
        &mut self,
        now: Nanos,
        waits: bool,
        holds: bool,
        progress: &Progress,
        world_from_tool: &Pose<neuraxis_core::World, neuraxis_core::Tool>,
        config: &WithdrawConfig,
    ) -> Option<KeyFrame> {
        if !waits {
            *self = Self::default();
            return None;
        }
        let since = *self.waits_since.get_or_insert(now);
        let Some(step) = &mut self.step else {
            if now.secs_since(since) < config.after_secs
                || world_from_tool.position().z + config.back_m > config.ceiling_m
            {
                return None;
            }
            let opens = progress.gripper == Gripper::Closed && !holds;
            let goal = if opens {
                // A handle, or nothing: the fingers let go before the hand moves.
                KeyFrame { world_from_tool: *world_from_tool, gripper: Gripper::Open, ignore_collisions: true }
            } else {
                back(world_from_tool, progress.gripper, config)
            };
            let reached_before = progress.reached_count;
            self.step = Some(Step { goal, reached_before, then_back: opens, is_over: false });
            return Some(goal);
        };
        if progress.reached_count > step.reached_before && !step.is_over {
            if step.then_back {
                step.goal = back(&step.goal.world_from_tool, Gripper::Open, config);
                (step.reached_before, step.then_back) = (progress.reached_count, false);
            } else {
                step.is_over = true;
            }
        }
        (!step.is_over).then_some(step.goal)
    }
}

/// Back along the way that the tool points.
fn back(
    world_from_tool: &Pose<neuraxis_core::World, neuraxis_core::Tool>,
    gripper: Gripper,
    config: &WithdrawConfig,
) -> KeyFrame {
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
    fn under_the_ceiling_only() {
        let at = Pose::new(Isometry3::translation(0.3, 0.0, 1.34));
        let progress = Progress { reached_world_from_tool: at, gripper: Gripper::Open, reached_count: 0 };
        let (config, mut withdraw) = (WithdrawConfig::default(), Withdraw::default());
        for secs in [0.0, 1.0, 2.0] {
            assert_eq!(withdraw.tick(Nanos::from_secs(secs), true, false, &progress, &at, &config), None);
        }
    }
}
