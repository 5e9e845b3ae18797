//! One small thing to do with an arm, and then nothing: go home, move a joint or the tool a little, move the fingers.

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::{
    Gripper, Instruction, JointPath, Joints, KeyFrame, Observation, Policy, PolicyError, Pose, Prediction, StageTimes,
};
use neuraxis_robot::Robot;

/// What to do. From wherever the arm is when it is first seen.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Errand {
    /// To the robot's home position, straight in joint space.
    Home,
    /// One joint (0 is next to the base) by an angle [rad].
    Joint(usize, f64),
    /// The tool by x, y, z in the world [m], on a straight line, as it is turned.
    Tool([f64; 3]),
    /// The fingers; the arm stays.
    Fingers(Gripper),
}

/// An errand as a source of key-frames: it decides at the first observation and then keeps to it.
pub struct Errands {
    robot: Arc<Robot>,
    errand: Errand,
    decided: Option<(KeyFrame, Option<JointPath>)>,
    seq: u64,
}

impl Errands {
    /// For one errand of one robot.
    pub fn new(robot: Arc<Robot>, errand: Errand) -> Self {
        Self { robot, errand, decided: None, seq: 0 }
    }

    /// Only an errand of the fingers is about them: they may hold something.
    pub fn leaves_fingers(&self) -> bool {
        !matches!(self.errand, Errand::Fingers(_))
    }

    fn decide(&self, seen: &Observation) -> Result<(KeyFrame, Option<JointPath>), String> {
        let here = self.robot.world_from_tool(&seen.q);
        let keyframe =
            |world_from_tool, gripper, ignore_collisions| KeyFrame { world_from_tool, gripper, ignore_collisions };
        let as_they_are = seen.progress.gripper;
        match self.errand {
            Errand::Home => self.in_joint_space(self.robot.home(), as_they_are),
            Errand::Joint(index, by_rad) => {
                let q = Joints::from_fn(seen.q.len(), |i| {
                    seen.q.get(i).copied().unwrap_or(f64::NAN) + if i == index { by_rad } else { 0.0 }
                });
                self.in_joint_space(q, as_they_are)
            }
            Errand::Tool(by_m) => {
                let there = Pose::from_parts(here.position() + Vector3::from(by_m), here.rotation());
                Ok((keyframe(there, as_they_are, true), None))
            }
            Errand::Fingers(gripper) => Ok((keyframe(here, gripper, true), None)),
        }
    }

    /// A straight line in joint space.
    fn in_joint_space(&self, q: Joints, gripper: Gripper) -> Result<(KeyFrame, Option<JointPath>), String> {
        for ((value, limit), name) in q.iter().zip(self.robot.limits()).zip(self.robot.joint_names()) {
            if !(limit.lower_rad..=limit.upper_rad).contains(value) {
                let (low, high) = (limit.lower_rad, limit.upper_rad);
                return Err(format!("{name} would be at {value:.3} rad, allowed: {low:.3} to {high:.3}"));
            }
        }
        let world_from_tool = self.robot.world_from_tool(&q);
        Ok((KeyFrame { world_from_tool, gripper, ignore_collisions: false }, JointPath::new(&[q])))
    }
}

impl Policy for Errands {
    fn predict(&mut self, seen: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        let (keyframe, path) = match self.decided {
            Some(decided) => decided,
            None => {
                let decided = self
                    .decide(seen)
                    .map_err(|reason| PolicyError::Instruction { text: words.text.to_string(), reason })?;
                *self.decided.insert(decided)
            }
        };
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: words.epoch,
            observed_at: seen.stamp,
            keyframe,
            confidence: 1.0,
            times: StageTimes::default(),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Nanos, Progress};

    use super::*;
    use crate::config::{Config, workspace_root};

    fn seen(robot: &Robot, q: Joints) -> Observation {
        let world_from_tool = robot.world_from_tool(&q);
        let progress =
            Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Closed, reached_count: 0 };
        let (stamp, cameras) = (Nanos::from_millis(1), Vec::new());
        Observation { seq: 0, stamp, cameras, q, world_from_tool, gripper_width_m: 0.03, progress }
    }

    #[test]
    fn a_joint_that_would_leave_its_range_is_named_and_fingers_stay_as_they_are() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let robot = Arc::new(config.load_robot().unwrap());
        let words = Instruction { text: "jog".into(), epoch: 1, features: None };
        let mut low = robot.home();
        low[5] = 0.9;
        let error =
            Errands::new(robot.clone(), Errand::Joint(5, -0.5)).predict(&seen(&robot, low), &words).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("fr3_joint6") && said.contains("0.400") && said.contains("0.544 to 4.517"), "{said}");

        // Decided once: what is seen later, on the way, changes nothing.
        let mut errands = Errands::new(robot.clone(), Errand::Joint(5, 0.5));
        let first = errands.predict(&seen(&robot, low), &words).unwrap();
        let later = errands.predict(&seen(&robot, robot.home()), &words).unwrap();
        assert_eq!((first.keyframe, first.path), (later.keyframe, later.path));
        assert_eq!(first.keyframe.gripper, Gripper::Closed);
        assert!((first.path.unwrap().waypoints()[0][5] - 1.4).abs() < 1e-12);

        assert!(errands.leaves_fingers() && Errands::new(robot.clone(), Errand::Home).leaves_fingers());
        assert!(!Errands::new(robot, Errand::Fingers(Gripper::Open)).leaves_fingers());
    }
}
