//! From a key-frame to joint states at 200 Hz.
//!
//! Free key-frames move in joint space over via points (lift, cross, lower), contact key-frames on a straight line of
//! the tool. Both are jerk-limited and both take a moved goal without stopping. They know one transit height and no
//! obstacles; a path that the planner found is followed from waypoint to waypoint.

mod along;
mod beside;
mod follower;
mod straight;

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::{Fault, Joints, KeyFrame, MOST_WAYPOINTS, PERIOD_CEREBELLUM, Pose, SegmentState, Tool, World};
use neuraxis_robot::{IkRequest, Robot};

pub use self::follower::towards;
use self::{beside::Detour, follower::Follower};
use crate::{
    MotionConfig, MotionError,
    line::JointLine,
    posture::{DOWN_Z, facing},
    target::Approach,
};

/// Joints supported; unused ones stand still at zero.
const ARM: usize = 7;
/// Horizontal distance above which a free path goes over objects [m].
const CROSSING_M: f64 = 0.05;
/// A larger turn than this is made this far behind a goal that is not approached from above [rad], [m].
const TURN_RAD: f64 = 0.6;
const STAND_OFF_M: f64 = 0.17;
/// A joint this far from its posture makes a contorted arm [rad].
const CONTORTED_RAD: f64 = 1.4;
/// Of a joint's velocity limit motion uses no larger part: the rest is for whoever makes good what is missing to a line,
/// and lets go of the acceleration at its end.
const MOST_OF_VELOCITY: f64 = 0.99;
/// However little room there is, motion goes on at this share of its speed.
const SLOWEST_PACE: f64 = 0.05;
/// The pace changes by at most this [1/s], and by less where the fastest joint would need more for it than this share of
/// its acceleration limit.
const PACE_PER_SEC: f64 = 2.0;
const PACE_SHARE: f64 = 0.5;
/// Via points of a free path, the goal included.
const MOST_VIAS: usize = MOST_WAYPOINTS;
/// Slower than this an arm stands [rad/s].
const STILL_RAD_S: f64 = 0.02;

/// Executes one key-frame at a time.
pub struct Mover {
    robot: Arc<Robot>,
    config: MotionConfig,
    joint: Approach<ARM>,
    tool: Approach<6>,
    line: JointLine<ARM>,
    mode: Mode,
    state: SegmentState,
    goal: Pose<World, Tool>,
    /// Via points still ahead as (pose, joint positions); the last is the goal.
    vias: [(Pose<World, Tool>, Joints); MOST_VIAS],
    via: usize,
    vias_len: usize,
    /// Where the straight line began, and the goal that it was made for, or made again for by a detour.
    line_from: Pose<World, Tool>,
    line_to: Vector3<f64>,
    /// What the straight line does before it goes to its goal, and how often it has.
    detour: Option<Detour>,
    detours: u32,
    /// Goes after the straight line within the acceleration limits.
    follower: Follower,
    /// Posture for a tool that does not point down; empty if there is none.
    forward: Joints,
    /// Share of its speed that the arm may have.
    speed_scale: f64,
    /// Share of its speed at which the motion under way runs.
    pace: f64,
    /// How fast the pace may change [1/s].
    pace_per_sec: f64,
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum Mode {
    Idle,
    Free,
    Straight,
    /// Along a planned path, on the line to a waypoint.
    Along,
    /// On the way to the first waypoint of a path that began in motion.
    Joining,
}

impl Mover {
    /// Checks the configuration against the robot.
    pub fn new(robot: Arc<Robot>, config: MotionConfig) -> Result<Self, MotionError> {
        config.validate()?;
        if robot.dof() > ARM {
            return Err(MotionError::Joints { given: robot.dof(), most: ARM });
        }
        let limit = |i: usize| robot.limits().get(i).copied();
        let velocity_share = config.velocity_scale.min(MOST_OF_VELOCITY);
        let velocity = std::array::from_fn(|i| limit(i).map_or(1.0, |l| l.velocity_rad_s * velocity_share));
        let acceleration =
            std::array::from_fn(|i| limit(i).map_or(1.0, |l| l.acceleration_rad_s2.min(config.acceleration_rad_s2)));
        let jerk = std::array::from_fn(|i| limit(i).map_or(1.0, |l| l.jerk_rad_s3.min(config.jerk_rad_s3)));
        let period = PERIOD_CEREBELLUM.secs();
        // A turn of one radian takes as long as a way of 0.2 m.
        let spread = |linear: f64| std::array::from_fn(|i| if i < 3 { linear } else { 5.0 * linear });
        let tool = Approach::new(
            period,
            spread(config.contact_speed_m_s),
            spread(config.contact_acceleration_m_s2),
            spread(config.contact_jerk_m_s3),
        )
        .straight();
        let given = config.forward_posture_rad.len();
        if given != 0 && given != robot.dof() {
            return Err(MotionError::Joints { given, most: robot.dof() });
        }
        let forward = Joints::from_slice(&config.forward_posture_rad).unwrap_or(Joints::zeros(0));
        let home = robot.home();
        let still = Joints::zeros(robot.dof());
        let state = SegmentState { q: home, qd: still, qdd: still };
        Ok(Self {
            joint: Approach::new(period, velocity, acceleration, jerk),
            line: JointLine::new(period, velocity, acceleration, jerk),
            tool,
            mode: Mode::Idle,
            state,
            follower: Follower::new(&state),
            goal: robot.world_from_tool(&home),
            vias: [(robot.world_from_tool(&home), home); MOST_VIAS],
            via: 0,
            vias_len: 0,
            line_from: robot.world_from_tool(&home),
            line_to: Vector3::zeros(),
            detour: None,
            detours: 0,
            forward,
            speed_scale: 1.0,
            pace: 1.0,
            pace_per_sec: pace_per_sec(&robot, &velocity),
            robot,
            config,
        })
    }

    /// Begins to move from a commanded state to a key-frame. No allocation.
    pub fn start(&mut self, from: &SegmentState, goal: &KeyFrame) -> Result<(), Fault> {
        if !goal.world_from_tool.is_valid() || !from.q.is_finite() {
            return Err(Fault::Unreachable);
        }
        self.state = *from;
        self.goal = goal.world_from_tool;
        self.pace = self.first_pace(from);
        // A line starts at rest; an arm that still moves goes to its goal in joint space.
        if goal.ignore_collisions && is_still(from) { self.start_line(from) } else { self.start_free(from) }
    }

    /// Moves the goal a little while under way. No allocation.
    ///
    /// On a planned path only the line to the goal changes; once on it, the arm leaves it without stopping. On a straight
    /// way in, also one that has ended, the tool backs off and goes over a goal that has moved aside before it comes in.
    pub fn retarget(&mut self, goal: &KeyFrame) -> Result<(), Fault> {
        if !goal.world_from_tool.is_valid() {
            return Err(Fault::Unreachable);
        }
        self.goal = goal.world_from_tool;
        match self.mode {
            Mode::Idle => Err(Fault::Unreachable),
            Mode::Straight => {
                if self.is_done() {
                    // From rest it begins as slowly as it shall go.
                    self.pace = self.speed_scale;
                }
                if self.detour.is_none() {
                    self.begin_detour();
                }
                self.aim_line();
                Ok(())
            }
            Mode::Free | Mode::Along | Mode::Joining => {
                let last = self.vias_len.saturating_sub(1);
                let seed = self.vias.get(last).map_or(self.state.q, |v| v.1);
                let q = self.solve(&self.goal, &seed, 0)?;
                if let Some(slot) = self.vias.get_mut(last) {
                    *slot = (self.goal, q);
                }
                if self.mode == Mode::Along {
                    // A line before the last one stays as it is.
                    if self.via < last {
                        return Ok(());
                    }
                    // On the clock of the approach, which runs at the pace.
                    let on_clock = |values: &Joints, pace: f64| array(values).map(|value| value / pace);
                    let SegmentState { q, qd, qdd } = &self.state;
                    self.joint.start(array(q), on_clock(qd, self.pace), on_clock(qdd, self.pace * self.pace));
                    self.mode = Mode::Free;
                }
                self.aim_at_via();
                Ok(())
            }
        }
    }

    /// Motion goes on at this share of its speed: slower where there is little room. No allocation.
    pub fn set_speed_scale(&mut self, scale: f64) {
        // NaN is taken for the slowest.
        self.speed_scale = if scale > SLOWEST_PACE { scale.min(1.0) } else { SLOWEST_PACE };
    }

    /// The state one period (5 ms) later. No allocation, unless rsruckig fails: see `Approach::step`.
    pub fn step(&mut self) -> Result<SegmentState, Fault> {
        let wanted = if self.mode == Mode::Straight { self.contact_pace() } else { 1.0 };
        let most = self.pace_per_sec * PERIOD_CEREBELLUM.secs();
        self.pace += (wanted.min(self.speed_scale) - self.pace).clamp(-most, most);
        match self.mode {
            Mode::Idle => {}
            Mode::Free => self.step_free()?,
            Mode::Straight => self.step_line()?,
            Mode::Along => self.step_along()?,
            Mode::Joining => self.step_joining()?,
        }
        Ok(self.state)
    }

    /// The goal is reached and the arm stands.
    pub fn is_done(&self) -> bool {
        match self.mode {
            Mode::Idle => true,
            Mode::Free => self.joint.is_done() && self.via + 1 >= self.vias_len,
            Mode::Straight => self.tool.is_done() && self.detour.is_none(),
            Mode::Along => self.line.is_done() && self.via + 1 >= self.vias_len,
            Mode::Joining => self.joint.is_done() && self.via + 1 >= self.vias_len,
        }
    }

    /// From rest it begins as slowly as it shall go; what moves already slows down on its way.
    fn first_pace(&self, from: &SegmentState) -> f64 {
        if is_still(from) { self.speed_scale } else { 1.0 }
    }

    /// Straight distance of the tool to the goal [m].
    pub fn remaining_m(&self) -> f64 {
        (self.robot.world_from_tool(&self.state.q).position() - self.goal.position()).norm()
    }

    fn start_free(&mut self, from: &SegmentState) -> Result<(), Fault> {
        let here = self.robot.world_from_tool(&from.q);
        let mut poses = [self.goal; MOST_VIAS];
        let mut count = 0;
        let (a, b) = (here.position(), self.goal.position());
        let down = |pose: &Pose<World, Tool>| (pose.rotation() * Vector3::z()).z < DOWN_Z;
        let low = a.z < self.config.transit_z_m;
        if low && down(&here) && down(&self.goal) && (a - b).xy().norm() > CROSSING_M {
            let z = self.config.transit_z_m.max(b.z);
            poses[0] = Pose::from_parts(Vector3::new(a.x, a.y, z), here.rotation());
            count = 1;
            if b.z < z - 0.03 {
                poses[1] = Pose::from_parts(Vector3::new(b.x, b.y, z), self.goal.rotation());
                count = 2;
            }
        } else if !down(&self.goal) && (here.rotation().angle_to(&self.goal.rotation())) > TURN_RAD {
            // The hand sweeps wide while it turns: turn at a distance, then come in along the approach direction.
            let back = self.goal.rotation() * Vector3::new(0.0, 0.0, -STAND_OFF_M);
            let behind = Pose::from_parts(b + back, self.goal.rotation());
            // Where the stand-off is out of reach, or only for a contorted arm, the goal may still be reached directly.
            let posture = facing(&self.forward, &(self.robot.world_from_base().inverse() * behind));
            let behind_q = self.solve(&behind, &from.q, self.config.ik_restarts);
            if behind_q.is_ok_and(|q| posture.is_empty() || q.max_abs_diff(&posture) < CONTORTED_RAD) {
                poses[0] = behind;
                count = 1;
            }
        }
        if let Some(slot) = poses.get_mut(count) {
            *slot = self.goal;
        }
        self.vias_len = count + 1;
        let mut seed = from.q;
        for i in 0..self.vias_len {
            let Some(pose) = poses.get(i).copied() else { break };
            let q = self.solve(&pose, &seed, self.config.ik_restarts)?;
            if let Some(slot) = self.vias.get_mut(i) {
                *slot = (pose, q);
            }
            seed = q;
        }
        self.via = 0;
        self.mode = Mode::Free;
        self.joint.start(array(&from.q), array(&from.qd), array(&from.qdd));
        self.aim_at_via();
        Ok(())
    }

    fn step_free(&mut self) -> Result<(), Fault> {
        self.step_joints()?;
        if self.via + 1 < self.vias_len {
            let here = self.robot.world_from_tool(&self.state.q).position();
            let near = self.vias.get(self.via).is_none_or(|v| (v.0.position() - here).norm() < self.config.blend_m);
            if near || self.joint.is_done() {
                self.via += 1;
                self.aim_at_via();
            }
        }
        Ok(())
    }

    fn step_joints(&mut self) -> Result<(), Fault> {
        let n = self.state.q.len();
        let (q, qd, qdd) = self.joint.step(self.pace)?;
        self.state = SegmentState { q: joints(n, &q), qd: joints(n, &qd), qdd: joints(n, &qdd) };
        Ok(())
    }

    fn aim_at_via(&mut self) {
        if let Some((_, q)) = self.vias.get(self.via) {
            self.joint.aim(array(q));
        }
    }

    fn solve(&self, pose: &Pose<World, Tool>, seed: &Joints, restarts: usize) -> Result<Joints, Fault> {
        let base_from_tool = self.robot.world_from_base().inverse() * *pose;
        // On a line the redundancy stays where it is; elsewhere it drifts to a posture.
        if restarts == 0 {
            let request = IkRequest { base_from_tool, seed: *seed, restarts, posture: None };
            return self.robot.ik(&request).map_err(|_| Fault::Unreachable);
        }
        if (pose.rotation() * Vector3::z()).z > DOWN_Z && !self.forward.is_empty() {
            let posture = facing(&self.forward, &base_from_tool);
            let request = IkRequest { base_from_tool, seed: posture, restarts, posture: Some(posture) };
            return self.robot.ik(&request).map_err(|_| Fault::Unreachable);
        }
        let request = IkRequest { base_from_tool, seed: *seed, restarts, posture: Some(self.robot.home()) };
        self.robot.ik(&request).map_err(|_| Fault::Unreachable)
    }
}

/// A joint that moves at `v` and changes its pace by `r` a second accelerates by `r v` for it.
fn pace_per_sec(robot: &Robot, velocity: &[f64; ARM]) -> f64 {
    let room = robot.limits().iter().zip(velocity).map(|(limit, v)| PACE_SHARE * limit.acceleration_rad_s2 / v);
    room.fold(PACE_PER_SEC, f64::min)
}

fn is_still(state: &SegmentState) -> bool {
    state.qd.iter().all(|v| v.abs() < STILL_RAD_S)
}

fn array(joints: &Joints) -> [f64; ARM] {
    std::array::from_fn(|i| joints.get(i).copied().unwrap_or(0.0))
}

fn joints(n: usize, values: &[f64; ARM]) -> Joints {
    Joints::from_fn(n, |i| values.get(i).copied().unwrap_or(0.0))
}
