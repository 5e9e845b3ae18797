//! Scripted disturbances: once in an episode something goes wrong that no sentence announces.
//!
//! They need nothing from a task but that it has things that move freely, or drawers.

use std::{fmt, str::FromStr};

use mujoco_rs::prelude::{MjModel, MjtJoint};
use nalgebra::Vector3;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::{
    SimError,
    grasp::{Grasp, Jointed},
    model::TABLE_Z_M,
    plant::WorldData,
};

/// What goes wrong.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// The first thing that is lifted falls out of the hand: it is put 60 mm aside.
    ObjectDropped,
    /// The first thing that is lifted slips by 12 mm in the hand.
    GripperSlip,
    /// While the first thing is lifted everything else on the table is displaced by 40 mm.
    TargetMoved,
    /// Once the first thing is lifted a post is put up on its side of the table, where it stands in the way of the arm and
    /// leaves the hand room around every thing.
    PathBlocked,
    /// The first drawer that has been opened and let go of slides shut.
    DrawerClosed,
}

impl Disturbance {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ObjectDropped, Self::GripperSlip, Self::TargetMoved, Self::PathBlocked, Self::DrawerClosed];

    /// As in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::ObjectDropped => "object_dropped",
            Self::GripperSlip => "gripper_slip",
            Self::TargetMoved => "target_moved",
            Self::PathBlocked => "path_blocked",
            Self::DrawerClosed => "drawer_closed",
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Disturbance {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|disturbance| disturbance.name() == text)
            .ok_or_else(|| SimError::UnknownDisturbance { name: text.into(), known: known() })
    }
}

/// The post of [`Disturbance::PathBlocked`], which waits below the floor: half its sides, and where it may be put up, on
/// the side where the thing was lifted: the freest of these places [m].
const POST_HALF_M: [f64; 3] = [0.03, 0.03, 0.14];
const POSTS_X_M: [f64; 4] = [0.20, 0.26, 0.32, 0.14];
const POSTS_Y_M: [f64; 3] = [0.17, 0.22, 0.27];
/// It keeps so far from the arm, and so much further from things, which the hand has to reach [m].
const POST_CLEAR_M: f64 = 0.02;
const POST_ROOM_M: f64 = 0.05;
/// Whether there is room for it is looked at so often [s].
const POST_EVERY_SECS: f64 = 0.05;
/// A thing that both fingers touch and that has risen by this much is lifted [m].
const LIFTED_M: f64 = 0.05;
/// Ways and speeds [m], [m/s].
const ASIDE_M: f64 = 0.06;
const SLIP_M: f64 = 0.012;
const MOVED_M: f64 = 0.04;
const MOVED_M_S: f64 = 0.4;
const SHUT_M_S: f64 = 0.4;
/// An open drawer, and one that is shut again [m].
const OPENED_M: f64 = 0.15;
const SHUT_M: f64 = 0.005;

/// Bodies that a disturbance adds to the scene.
pub(crate) fn bodies(disturbance: Option<Disturbance>) -> String {
    if disturbance != Some(Disturbance::PathBlocked) {
        return String::new();
    }
    let [a, b, c] = POST_HALF_M;
    format!(
        r#"<body name="post" mocap="true" pos="0 0 -1"><geom type="box" size="{a} {b} {c}" rgba="0.95 0.75 0.10 1"/></body>"#
    )
}

/// Watches for its moment.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: Disturbance,
    hand: usize,
    /// Body and mocap body of the post, where there is one.
    post: Option<[usize; 2]>,
    free: Vec<Jointed>,
    /// Heights at the start [m].
    heights_m: Vec<f64>,
    /// Joints of drawers: where they are in `qpos` and `qvel`, and their bodies.
    drawers: Vec<Jointed>,
    direction: [f64; 2],
    state: State,
    shift_m: [f64; 2],
    /// When it began [s].
    since_secs: Option<f64>,
    /// No room for the post until then [s].
    not_before_secs: f64,
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum State {
    Waiting,
    /// Everything but one thing is moved; this much is left [m].
    Moving {
        held: usize,
        left_m: f64,
    },
    /// A drawer slides.
    Shutting {
        drawer: usize,
    },
    Over,
}

impl Trouble {
    /// Refuses what can never happen in the scene.
    pub(crate) fn new(
        what: Disturbance,
        seed: u64,
        grasp: Grasp,
        world: &WorldData,
        model: &MjModel,
    ) -> Result<Self, SimError> {
        if grasp == Grasp::Attach && matches!(what, Disturbance::ObjectDropped | Disturbance::GripperSlip) {
            return Err(SimError::NothingToDisturb { name: what.name(), lacks: "grasps by friction" });
        }
        let (free, slides) = (Jointed::all(model, MjtJoint::mjJNT_FREE), Jointed::all(model, MjtJoint::mjJNT_SLIDE));
        let drawers: Vec<Jointed> =
            slides.into_iter().filter(|slide| world.body_name(slide.body).starts_with("drawer")).collect();
        let needed = if what == Disturbance::DrawerClosed { &drawers } else { &free };
        if needed.is_empty() {
            let lacks = if what == Disturbance::DrawerClosed { "drawers" } else { "things that can be lifted" };
            return Err(SimError::NothingToDisturb { name: what.name(), lacks });
        }
        let angle = Pcg64::seed_from_u64(seed ^ 0x0000_d157).random_range(0.0..std::f64::consts::TAU);
        let post = match what {
            Disturbance::PathBlocked => Some([world.body_index("post")?, world.mocap_index("post")?]),
            _ => None,
        };
        Ok(Self {
            what,
            hand: world.body_index("hand")?,
            post,
            heights_m: free.iter().map(|thing| world.body_position(thing.body).z).collect(),
            free,
            drawers,
            direction: [angle.cos(), angle.sin()],
            state: State::Waiting,
            shift_m: [0.0; 2],
            since_secs: None,
            not_before_secs: 0.0,
        })
    }

    /// By how much everything that is not held has been moved, along x and y [m].
    pub(crate) fn shift_m(&self) -> [f64; 2] {
        self.shift_m
    }

    /// When it began, if it has [s].
    pub(crate) fn since_secs(&self) -> Option<f64> {
        self.since_secs
    }

    /// After a physics step of `dt_secs`. No allocation.
    pub(crate) fn step(&mut self, world: &mut WorldData, dt_secs: f64) {
        self.state = match self.state {
            State::Waiting => self.wait(world),
            State::Moving { held, left_m } => {
                let way_m = MOVED_M_S * dt_secs;
                let step = self.direction.map(|d| d * way_m);
                for (shift, step) in self.shift_m.iter_mut().zip(step) {
                    *shift += step;
                }
                let moved = self.free.iter().enumerate().filter(|(i, _)| *i != held).map(|(_, thing)| thing.qpos);
                world.shift(moved, step);
                if left_m > way_m { State::Moving { held, left_m: left_m - way_m } } else { State::Over }
            }
            State::Shutting { drawer } => {
                let slide = self.drawers[drawer];
                let open = world.qpos()[slide.qpos] > SHUT_M && world.touching_fingers(slide.body) == [false; 2];
                world.set_velocity(slide.qvel, if open { -SHUT_M_S } else { 0.0 });
                if open { State::Shutting { drawer } } else { State::Over }
            }
            State::Over => State::Over,
        };
        if self.state != State::Waiting && self.since_secs.is_none() {
            self.since_secs = Some(world.time_secs());
        }
    }

    fn wait(&mut self, world: &mut WorldData) -> State {
        if self.what == Disturbance::DrawerClosed {
            let is_left = |slide: &Jointed| {
                world.qpos()[slide.qpos] > OPENED_M && world.touching_fingers(slide.body) == [false; 2]
            };
            return self.drawers.iter().position(is_left).map_or(State::Waiting, |drawer| State::Shutting { drawer });
        }
        let lifted = self.free.iter().zip(&self.heights_m).position(|(thing, height_m)| {
            world.body_position(thing.body).z > height_m + LIFTED_M && world.touching_fingers(thing.body) == [true; 2]
        });
        let Some(held) = lifted else { return State::Waiting };
        let thing = self.free[held];
        let pose = world.pose(thing.body);
        match self.what {
            // Across the fingers it would meet them.
            Disturbance::ObjectDropped => {
                let out = world.pose(self.hand).rotation * Vector3::x() * ASIDE_M;
                world.place(thing, &(nalgebra::Translation3::from(out) * pose));
            }
            Disturbance::GripperSlip => {
                let down = nalgebra::Translation3::new(0.0, 0.0, -SLIP_M);
                world.place(thing, &(down * pose));
            }
            Disturbance::TargetMoved => return State::Moving { held, left_m: MOVED_M },
            Disturbance::PathBlocked => {
                let Some(post) = self.post.filter(|_| world.time_secs() >= self.not_before_secs) else {
                    return State::Waiting;
                };
                self.not_before_secs = world.time_secs() + POST_EVERY_SECS;
                if !put_up_post(world, post, pose.translation.y.signum()) {
                    return State::Waiting;
                }
            }
            Disturbance::DrawerClosed => {}
        }
        State::Over
    }
}

/// At the freest place on that side, if there is one with room for it.
fn put_up_post(world: &mut WorldData, [body, mocap]: [usize; 2], side: f64) -> bool {
    let mut best = (POST_CLEAR_M, [0.0, 0.0, -1.0]);
    for x in POSTS_X_M {
        for y in POSTS_Y_M {
            let place = [x, side * y, TABLE_Z_M + POST_HALF_M[2]];
            world.put(mocap, place);
            let [arm_m, things_m] = world.clearances_m(body);
            let clear_m = arm_m.min(things_m - POST_ROOM_M);
            if clear_m > best.0 {
                best = (clear_m, place);
            }
        }
    }
    world.put(mocap, best.1);
    best.1[2] > 0.0
}
