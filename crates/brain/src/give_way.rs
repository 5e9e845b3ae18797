//! A hand that is pressed while no skill runs gives way: what presses it would not let the next skill begin.

use nalgebra::{Translation3, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Progress, Tool, World};

/// A force that lasts so long is no jolt: [N], [s].
const PRESSED_N: f64 = 12.0;
const LASTS_SECS: f64 = 0.05;
/// Where the force points, by this much at once [m]; so often in one wait.
const WAY_M: f64 = 0.03;
const MOST: u8 = 4;
/// A step that is not done after this time is given up [s].
const STEP_SECS: f64 = 1.5;

/// Gives way step by step while a plan waits.
#[derive(Clone, Debug, Default)]
pub struct GiveWay {
    pressed_since: Option<Nanos>,
    step: Option<Step>,
    steps: u8,
}

#[derive(Copy, Clone, Debug)]
struct Step {
    goal: KeyFrame,
    reached_before: u32,
    began: Nanos,
}

impl GiveWay {
    /// Where the arm shall go, if anywhere. `waits`: no skill runs; `holds`: something that must not be let go of is in the
    /// hand; `force`: on the tool from outside, in the world [N].
    pub fn tick(
        &mut self,
        now: Nanos,
        waits: bool,
        holds: bool,
        force_in_world_n: Option<Vector3<f64>>,
        progress: &Progress,
        world_from_tool: &Pose<World, Tool>,
    ) -> Option<KeyFrame> {
        if !waits {
            *self = Self::default();
            return None;
        }
        if let Some(step) = self.step {
            let is_over = progress.reached_count > step.reached_before || now.secs_since(step.began) > STEP_SECS;
            if !is_over {
                return Some(step.goal);
            }
            (self.step, self.pressed_since) = (None, None);
        }
        let force = force_in_world_n.filter(|force| force.norm() > PRESSED_N);
        let Some(force) = force.filter(|_| self.steps < MOST) else {
            self.pressed_since = None;
            return None;
        };
        let since = *self.pressed_since.get_or_insert(now);
        if now.secs_since(since) < LASTS_SECS {
            return None;
        }
        // A handle, or nothing: the fingers let go before the hand moves.
        let opens = progress.gripper == Gripper::Closed && !holds;
        let way = if opens { Vector3::zeros() } else { force.normalize() * WAY_M };
        let goal = KeyFrame {
            world_from_tool: Pose::new(Translation3::from(way) * world_from_tool.iso),
            gripper: if opens { Gripper::Open } else { progress.gripper },
            ignore_collisions: true,
        };
        self.steps += 1;
        self.step = Some(Step { goal, reached_before: progress.reached_count, began: now });
        Some(goal)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Isometry3;

    use super::*;

    #[test]
    fn what_presses_the_hand_is_given_way_and_what_jolts_it_is_not() {
        let at = Pose::new(Isometry3::translation(0.3, 0.0, 0.9));
        let mut way = GiveWay::default();
        let mut progress = Progress { reached_world_from_tool: at, gripper: Gripper::Closed, reached_count: 4 };
        let mut tick = |secs: f64, waits: bool, holds: bool, force_n: f64, progress: &Progress| {
            let force = Some(Vector3::new(0.0, -force_n, 0.0));
            way.tick(Nanos::from_secs(secs), waits, holds, force, progress, &at)
        };
        assert_eq!(tick(0.0, true, true, 200.0, &progress), None, "a jolt");
        assert_eq!(tick(0.1, true, true, 3.0, &progress), None);
        assert_eq!(tick(0.2, true, true, 200.0, &progress), None);
        let goal = tick(0.3, true, true, 200.0, &progress).unwrap();
        assert!((goal.world_from_tool.position() - Vector3::new(0.3, -WAY_M, 0.9)).norm() < 1e-9);
        assert_eq!(goal.gripper, Gripper::Closed, "what is held is kept");
        assert_eq!(tick(0.4, true, true, 5.0, &progress), Some(goal), "on its way");
        progress.reached_count = 5;
        assert_eq!(tick(0.5, true, true, 5.0, &progress), None, "it is free");
        assert_eq!(tick(0.6, false, true, 200.0, &progress), None, "a skill runs");
        // A handle is let go of first.
        assert_eq!(tick(1.0, true, false, 50.0, &progress), None);
        let open = tick(1.1, true, false, 50.0, &progress).unwrap();
        assert_eq!((open.gripper, open.world_from_tool), (Gripper::Open, at));
        // Not for ever.
        progress.gripper = Gripper::Open;
        let mut steps = 0;
        for i in 0..200 {
            progress.reached_count += 1;
            steps += usize::from(tick(1.2 + 0.1 * f64::from(i), true, false, 50.0, &progress).is_some());
        }
        assert_eq!(steps, usize::from(MOST) - 1);
    }
}
