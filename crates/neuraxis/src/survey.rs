//! A source of key-frames that takes the arm from pose to pose and looks at what is seen from each.

use std::sync::Arc;

use neuraxis_core::{
    Instruction, JointPath, Joints, KeyFrame, Observation, Policy, PolicyError, Prediction, StageTimes,
};
use neuraxis_robot::Robot;

/// Observations looked at from each pose.
const LOOKS: u32 = 5;
/// Kept to the ends of the joints' ranges [rad].
const MARGIN_RAD: f64 = 0.05;
/// The tool stays this high above the lowest that the workspace allows [m].
const ABOVE_M: f64 = 0.2;
/// Poses tried before it is said that there are too few.
const TRIES: usize = 400;

/// Poses around the first one, and what is to be done at each.
pub struct Survey {
    robot: Arc<Robot>,
    count: usize,
    spread_rad: f64,
    /// The tool stays within these corners [m].
    tool_box: [[f64; 3]; 2],
    look: Box<dyn FnMut(&Observation) + Send>,
    poses: Vec<Joints>,
    /// Key-frames reached when it was looked last, and how often it was looked since.
    at: u32,
    looks: u32,
    seq: u64,
}

impl Survey {
    /// `count` poses, each joint up to `spread_rad` from where it is at the beginning; `look` is called at each. `workspace`
    /// are the corners of where the tool may be [m].
    pub fn new(
        robot: Arc<Robot>,
        count: usize,
        spread_rad: f64,
        workspace: [[f64; 3]; 2],
        look: impl FnMut(&Observation) + Send + 'static,
    ) -> Self {
        let (poses, look) = (Vec::new(), Box::new(look));
        let mut tool_box = workspace;
        tool_box[0][2] += ABOVE_M;
        Self { robot, count, spread_rad, tool_box, look, poses, at: 0, looks: 0, seq: 0 }
    }

    fn is_inside(&self, q: &Joints) -> bool {
        let at = self.robot.world_from_tool(q).position();
        let [low, high] = &self.tool_box;
        at.iter().zip(low).zip(high).all(|((at, low), high)| (*low..=*high).contains(at))
    }

    /// Spread evenly by a quasi-random sequence (Roberts' generalised golden ratio); then back to the first.
    fn plan(&self, from: &Joints) -> Result<Vec<Joints>, String> {
        let golden = {
            let mut x = 2.0f64;
            for _ in 0..60 {
                x = (1.0 + x).powf(1.0 / (from.len() as f64 + 1.0));
            }
            x
        };
        let inside = |q: &Joints| {
            q.iter()
                .zip(self.robot.limits())
                .all(|(q, limit)| (limit.lower_rad + MARGIN_RAD..=limit.upper_rad - MARGIN_RAD).contains(q))
                && self.is_inside(q)
        };
        let pose = |k: usize| {
            Joints::from_fn(from.len(), |j| {
                let share = (0.5 + (k + 1) as f64 * golden.powi(-(j as i32 + 1))).fract();
                from[j] + self.spread_rad * (2.0 * share - 1.0)
            })
        };
        let mut poses: Vec<Joints> = (0..TRIES).map(pose).filter(inside).take(self.count).collect();
        if poses.len() < self.count {
            return Err(format!("only {} poses around this one are within reach and high enough", poses.len()));
        }
        poses.push(*from);
        Ok(poses)
    }
}

impl Policy for Survey {
    fn predict(&mut self, seen: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        if self.poses.is_empty() {
            let refuse = |reason| PolicyError::Instruction { text: words.text.to_string(), reason };
            self.poses = self.plan(&seen.q).map_err(refuse)?;
        }
        let reached = seen.progress.reached_count;
        if reached != self.at {
            (self.at, self.looks) = (reached, 0);
        }
        // A pose that was reached is left when it was looked from there; a key-frame that is reached moves nothing.
        let stays = reached > 0 && self.looks < LOOKS;
        if stays {
            (self.look)(seen);
            self.looks += 1;
        }
        let next = (reached as usize - usize::from(stays)).min(self.poses.len() - 1);
        let q = self.poses[next];
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: words.epoch,
            observed_at: seen.stamp,
            keyframe: KeyFrame {
                world_from_tool: self.robot.world_from_tool(&q),
                gripper: seen.progress.gripper,
                ignore_collisions: false,
            },
            confidence: 1.0,
            times: StageTimes::default(),
            path: JointPath::new(&[q]),
        })
    }
}
