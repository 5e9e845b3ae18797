//! A way around what stands between the arm and a free key-frame: policies and experts share this planner.
//!
//! Planning happens where predictions are made, off the control path, while the arm stands; a goal that moves a little
//! under way keeps its path.

use std::sync::Arc;

use anyhow::Result;
use nalgebra::Vector3;
use neuraxis_core::{Gripper, JointPath, Joints, KeyFrame, Observation, PolicyError, Pose, Prediction};
use neuraxis_motion::{DistanceField, MotionConfig, PathPlanner, PathRequest, ToolCapsule};
use neuraxis_policy::{PolicyConfig, views};
use neuraxis_robot::{IkRequest, Robot};
use neuraxis_sim::Plant;
use neuraxis_vision::{Cloud, FrozenWatch};

use crate::config::Surroundings;

/// What the hand holds is taken for a ball around the tool point [m].
const HELD_RADIUS_M: f64 = 0.035;
/// Fingers further apart than this after closing hold something [m].
const HELD_WIDTH_M: f64 = 0.002;
/// Nearer to something than this the arm may be in contact (a cloud does not show what is near it), and draws back by
/// this much before it turns elsewhere [m].
const CONTACT_M: f64 = 0.045;
const BACK_M: f64 = 0.05;
/// Marks of a cloud this near to the arm are taken for the arm [m].
const SPARE_M: f64 = 0.03;
/// Joints that differ by less from one observation to the next stand [rad].
const STILL_RAD: f64 = 0.003;
/// A key-frame this near to the one planned for is the same [m], [rad]; one under way may move by as much as a policy's
/// prediction may without being a jump.
const SAME_M: f64 = 1e-4;
const SAME_RAD: f64 = 1e-3;
const MOVED_M: f64 = 0.05;
const MOVED_RAD: f64 = 0.35;

/// Plans for one episode.
pub struct Router {
    robot: Arc<Robot>,
    planner: PathPlanner,
    surroundings: Surroundings,
    field: DistanceField,
    watch: FrozenWatch,
    cloud: Cloud,
    fuse: PolicyConfig,
    planned: Option<Plan>,
    /// At the last observation.
    seen_q: Option<Joints>,
    plans: u64,
}

/// A path, and what it was planned for.
struct Plan {
    keyframe: KeyFrame,
    from: Joints,
    /// Key-frames reached before.
    after: u32,
    path: JointPath,
}

impl Router {
    /// `None` if nothing is known of the world.
    pub fn new(surroundings: Surroundings, robot: Arc<Robot>, config: &MotionConfig) -> Result<Option<Self>> {
        if surroundings == Surroundings::Off {
            return Ok(None);
        }
        Ok(Some(Self {
            planner: PathPlanner::new(robot.clone(), config)?,
            robot,
            surroundings,
            field: DistanceField::new(&config.planner.field)?,
            watch: FrozenWatch::default(),
            cloud: Cloud::default(),
            fuse: PolicyConfig::default(),
            planned: None,
            seen_q: None,
            plans: 0,
        }))
    }

    /// Observations must come with images.
    pub fn looks(&self) -> bool {
        self.surroundings == Surroundings::Cloud
    }

    /// The prediction with a path, if its key-frame is free and the arm is about to start for it. `plant` is where the
    /// simulator's geometry comes from.
    pub fn route(
        &mut self,
        seen: &Observation,
        prediction: Prediction,
        plant: Option<&Plant>,
    ) -> Result<Prediction, PolicyError> {
        if self.surroundings == Surroundings::Cloud {
            self.watch.note(seen);
        }
        let (keyframe, reached) = (prediction.keyframe, seen.progress.reached_count);
        if keyframe.ignore_collisions {
            return Ok(prediction);
        }
        let is_moving = self.seen_q.replace(seen.q).is_some_and(|before| before.max_abs_diff(&seen.q) > STILL_RAD);
        if let Some(plan) = &self.planned {
            let (metres, radians) = plan.keyframe.world_from_tool.distance(&keyframe.world_from_tool);
            let is_at_start = plan.from.max_abs_diff(&seen.q) < STILL_RAD;
            if is_at_start && metres < SAME_M && radians < SAME_RAD {
                return Ok(Prediction { path: Some(plan.path), ..prediction });
            }
            // The motion under way goes on with its path; a new one would begin elsewhere.
            if is_moving && plan.after == reached && metres < MOVED_M && radians < MOVED_RAD {
                return Ok(prediction);
            }
        }
        let path = self.plan(seen, &keyframe, plant)?;
        self.planned = Some(Plan { keyframe, from: seen.q, after: reached, path });
        Ok(Prediction { path: Some(path), ..prediction })
    }

    fn plan(
        &mut self,
        seen: &Observation,
        keyframe: &KeyFrame,
        plant: Option<&Plant>,
    ) -> Result<JointPath, PolicyError> {
        let is_holding = seen.progress.gripper == Gripper::Closed && seen.gripper_width_m > HELD_WIDTH_M;
        let held =
            is_holding.then_some(ToolCapsule { from_xyz_m: [0.0; 3], to_xyz_m: [0.0; 3], radius_m: HELD_RADIUS_M });
        self.field.clear();
        match self.surroundings {
            Surroundings::Off => {}
            Surroundings::Simulator => {
                let plant = plant.ok_or_else(|| PolicyError::Internal("there is no simulator to plan in".into()))?;
                for solid in plant.world().solids() {
                    self.field.mark_solid(&solid).map_err(|e| PolicyError::Internal(e.to_string()))?;
                }
            }
            Surroundings::Cloud => {
                let refuse = |reason: String| PolicyError::Observation { seq: seen.seq, reason };
                let masked = &mut Vec::new();
                views::fuse_usable(seen, &[], &self.fuse, &mut self.watch, &mut self.cloud, masked)
                    .map_err(|e| refuse(e.to_string()))?;
                self.field.mark_points(&self.cloud.xyz_in_world);
                self.planner.erase_arm(&mut self.field, &seen.q, held.as_ref(), SPARE_M);
            }
        }
        self.field.finish();
        self.plans += 1;
        let back = self.back(seen, held.as_ref());
        let from = back.unwrap_or(seen.q);
        let request = PathRequest { from, goal: keyframe.world_from_tool, held, seed: self.plans };
        let path = self.planner.plan(&request, &self.field).map_err(|e| PolicyError::NoWay(e.to_string()))?;
        let waypoints: Vec<Joints> = back.into_iter().chain(path.waypoints().iter().copied()).collect();
        JointPath::new(&waypoints).ok_or_else(|| PolicyError::NoWay("too many waypoints".into()))
    }

    /// Where the arm draws back to from a contact, along its approach direction: sideways it would push what it touches.
    fn back(&self, seen: &Observation, held: Option<&ToolCapsule>) -> Option<Joints> {
        if self.planner.clearance_m(&seen.q, held, &self.field) > CONTACT_M {
            return None;
        }
        let pose = seen.world_from_tool;
        let behind = pose.position() - pose.rotation() * Vector3::z() * BACK_M;
        let base_from_tool = self.robot.world_from_base().inverse() * Pose::from_parts(behind, pose.rotation());
        self.robot.ik(&IkRequest { base_from_tool, seed: seen.q, restarts: 0, posture: None }).ok()
    }
}
