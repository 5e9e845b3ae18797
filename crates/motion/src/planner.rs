//! A path of the whole arm around what is in the way.
//!
//! Postures at the goal from inverse kinematics; for the best of them a straight line in joint space, else a search.

mod body;
mod clearance;
mod config;
mod error;
mod goals;
mod search;

use std::sync::Arc;

use neuraxis_core::{JointPath, Joints, Pose, Tool, World};
use neuraxis_robot::Robot;
use rand::SeedableRng;
use rand_pcg::Pcg64;

pub use config::{PlannerConfig, ToolCapsule};
pub use error::PathError;

use crate::{DistanceField, MotionConfig, MotionError};
use body::Body;
use clearance::Clearance;
use goals::Posture;
use search::Search;

/// Postures at the goal that are searched for.
const MOST_GOALS: usize = 5;
/// An arm is planned for that was found this far beyond the limits that are planned with: a brainstem's margin may be as
/// wide, and lets it move in [rad].
const MOST_MARGIN_RAD: f64 = 0.5;
/// What a posture costs more that lacks clearance.
const CROWDED_RAD_PER_M: f64 = 100.0;
/// A line to a posture that costs this much more than the best one is only taken if there is no path to that [rad].
const DETOUR_RAD: f64 = 2.0;
/// Steps of the search, coarse to fine; see [`Search::run`] [m].
const STEPS_M: [f64; 2] = [0.12, 0.05];

/// What to plan.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct PathRequest {
    /// Where the arm is [rad].
    pub from: Joints,
    /// Where the tool shall be, `X_WT`.
    pub goal: Pose<World, Tool>,
    /// What the hand holds.
    pub held: Option<ToolCapsule>,
    /// The same request with the same seed gives the same path.
    pub seed: u64,
}

/// Plans paths of one robot. Immutable; allocates, so keep it off the control path.
#[derive(Clone, Debug)]
pub struct PathPlanner {
    body: Body,
    forward: Joints,
    config: PlannerConfig,
}

impl PathPlanner {
    /// Checks the configuration against the robot, which must have capsules.
    pub fn new(robot: Arc<Robot>, config: &MotionConfig) -> Result<Self, MotionError> {
        config.validate()?;
        let dof = robot.dof();
        if config.planner.first_link > dof {
            let (value, allowed) = (config.planner.first_link as f64, "1 to the number of joints");
            return Err(MotionError::Config { key: "planner.first_link", value, allowed });
        }
        let forward = Joints::from_slice(&config.forward_posture_rad).unwrap_or(Joints::zeros(0));
        if !forward.is_empty() && forward.len() != dof {
            return Err(MotionError::Joints { given: forward.len(), most: dof });
        }
        let body = Body::new(robot, &config.planner.fingers)?;
        Ok(Self { body, forward, config: config.planner.clone() })
    }

    /// A path from the request's joint positions to its goal, clear of the field's obstacles and of the arm itself.
    ///
    /// Every ball of the arm from `first_link` on keeps `clearance_m`, except near the start and near the goal: there
    /// what it has at the start or at the goal, less 2 mm, suffices. The goal is refused if the arm without its fingers
    /// is deeper than `contact_m` in an obstacle. Work is bounded by `tries`.
    pub fn plan(&self, request: &PathRequest, field: &DistanceField) -> Result<JointPath, PathError> {
        self.check(request)?;
        let body = self.body.holding(request.held.as_ref());
        let mut rng = Pcg64::seed_from_u64(request.seed);
        let postures = goals::postures(&body.robot, &self.forward, request, self.config.seeds, &mut rng)?;
        let goals = self.free(&body, &postures, field)?;
        let rules: Vec<_> = goals
            .iter()
            .map(|goal| (goal, Clearance::new(&body, field, &self.config, &request.from, &goal.q)))
            .collect();
        let line = |most_rad: f64| {
            let near = rules.iter().take_while(|(goal, _)| goal.cost_rad <= most_rad);
            near.map(|(goal, clearance)| (goal.q, clearance))
                .find(|(q, clearance)| clearance.is_line_free(&request.from, q))
        };

        // Nothing in the way: one line.
        let best_rad = goals.first().map_or(0.0, |goal| goal.cost_rad);
        if let Some((goal, _)) = line(best_rad + DETOUR_RAD) {
            return error::path(&[goal]);
        }

        // Around it: each posture with coarse steps, then each with fine ones.
        let searched = rules.len().min(MOST_GOALS);
        let tries = self.config.tries.div_ceil(searched * STEPS_M.len());
        let mut why = PathError::NotFound { tries: self.config.tries };
        for step_m in STEPS_M {
            for (goal, clearance) in rules.iter().take(searched) {
                let search = Search { body: &body, clearance, from: &request.from, goal: &goal.q };
                if let Some(path) = search.run(step_m, tries, &mut rng) {
                    match error::path(path.get(1..).unwrap_or(&[])) {
                        Ok(path) => return Ok(path),
                        Err(error) => why = error,
                    }
                }
            }
        }

        // At last a line to a posture that the arm does not like.
        if let Some((goal, _)) = line(f64::INFINITY) {
            return error::path(&[goal]);
        }
        Err(why)
    }

    /// Least distance of the arm, its fingers and what it holds to the field's obstacles [m]: below zero inside their
    /// cells. Links before `first_link` are left out.
    pub fn clearance_m(&self, q: &Joints, held: Option<&ToolCapsule>, field: &DistanceField) -> f64 {
        self.least(&self.body.holding(held), q, field, true)
    }

    /// Takes out of a field what belongs to the arm, its base, its fingers and what it holds, as a cloud sees it:
    /// marks whose cell lies within `spare_m` of it. A cell and the camera's noise are a good choice [m].
    pub fn erase_arm(&self, field: &mut DistanceField, q: &Joints, held: Option<&ToolCapsule>, spare_m: f64) {
        let body = self.body.holding(held);
        for (middle_in_world, ball) in body.placed(&body.robot.link_frames(q)) {
            field.erase_ball(&middle_in_world, ball.radius_m + spare_m);
        }
    }

    fn check(&self, request: &PathRequest) -> Result<(), PathError> {
        let malformed = |what| Err(PathError::Malformed { what });
        let limits = self.body.robot.limits();
        let inside = |(q, l): (&f64, &neuraxis_robot::JointLimits)| {
            (l.lower_rad - MOST_MARGIN_RAD..=l.upper_rad + MOST_MARGIN_RAD).contains(q)
        };
        if request.from.len() != limits.len() || !request.from.iter().zip(limits).all(inside) {
            return malformed("the start");
        }
        if !request.goal.is_valid() {
            return malformed("the goal");
        }
        if request.held.is_some_and(|held| !held.is_valid()) {
            return malformed("the held thing");
        }
        Ok(())
    }

    /// Postures where the arm is neither in an obstacle nor too near to itself, the best first.
    fn free(&self, body: &Body, postures: &[Posture], field: &DistanceField) -> Result<Vec<Posture>, PathError> {
        let (mut free, mut apart_m, mut clear_m) = (Vec::new(), f64::NEG_INFINITY, f64::NEG_INFINITY);
        for posture in postures {
            let q = &posture.q;
            let between_links_m = body.robot.self_clearance_m(&body.robot.link_frames(q));
            apart_m = apart_m.max(between_links_m);
            if between_links_m < self.config.self_clearance_m {
                continue;
            }
            let clearance_m = self.least(body, q, field, false);
            clear_m = clear_m.max(clearance_m);
            if clearance_m >= -self.config.contact_m {
                let short_m = (self.config.clearance_m - clearance_m).max(0.0);
                free.push(Posture { cost_rad: posture.cost_rad + CROWDED_RAD_PER_M * short_m, ..*posture });
            }
        }
        free.sort_by(|a, b| a.cost_rad.total_cmp(&b.cost_rad));
        if !free.is_empty() {
            Ok(free)
        } else if clear_m.is_finite() {
            Err(PathError::GoalInCollision { clearance_m: clear_m })
        } else {
            Err(PathError::GoalFolded { clearance_m: apart_m })
        }
    }

    /// Least clearance of the balls, with or without those that may touch things [m]; NaN for a NaN posture.
    fn least(&self, body: &Body, q: &Joints, field: &DistanceField, touching: bool) -> f64 {
        let frames = body.robot.link_frames(q);
        let counted = |ball: &body::Ball| ball.link >= self.config.first_link && (touching || !ball.may_touch);
        let balls = body.placed(&frames).filter(|(_, ball)| counted(ball));
        balls.map(|(middle, ball)| field.distance_m(&middle) - ball.radius_m).fold(f64::INFINITY, |least, clearance| {
            if clearance.is_nan() || clearance < least { clearance } else { least }
        })
    }
}
