//! How a skill is started, asked, and told to stop.

use nalgebra::Isometry3;
use neuraxis_core::{KeyFrame, Nanos, Progress};
use neuraxis_plan::{Class, ObjectId, Scene, Senses, Skill, Step, Truth};

use crate::Variation;

/// What to do, with its arguments by name. Numbers are in their ranges of [`Skill::numbers`].
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Task {
    /// The empty hand above a thing.
    Reach {
        /// Above what.
        object: ObjectId,
        /// Its kind.
        class: Class,
        /// How high above [m].
        height_m: f64,
    },
    /// Take a block.
    Grasp {
        /// Which.
        block: ObjectId,
        /// Where it is.
        from: ObjectId,
        /// How firmly [N].
        force_n: f64,
    },
    /// Put the held block somewhere and let go.
    Place {
        /// Which.
        block: ObjectId,
        /// Where.
        to: ObjectId,
    },
    /// Press a button for good.
    Press {
        /// Which.
        button: ObjectId,
    },
    /// Push a drawer shut.
    Shut {
        /// Which.
        drawer: ObjectId,
    },
    /// Pull a drawer open.
    Pull {
        /// Which.
        drawer: ObjectId,
    },
    /// See a block.
    Look {
        /// Which.
        block: ObjectId,
        /// Where it is said to be.
        at: ObjectId,
    },
    /// Keep still.
    Hold {
        /// How long [s].
        secs: f64,
    },
    /// Let the learned policy follow the order's instruction.
    Policy,
}

impl Task {
    /// Names the arguments of a checked step; `None` if they do not fit the scene.
    pub(crate) fn of(step: &Step, scene: &Scene) -> Option<Self> {
        let class = step.object.and_then(|object| scene.class(object));
        Some(match step.skill {
            Skill::Reach => Self::Reach { object: step.object?, class: class?, height_m: step.number("height_m")? },
            Skill::Grasp => Self::Grasp { block: step.object?, from: step.place?, force_n: step.number("force_n")? },
            Skill::Place => Self::Place { block: step.object?, to: step.place? },
            Skill::Push if class == Some(Class::Button) => Self::Press { button: step.object? },
            Skill::Push => Self::Shut { drawer: step.object? },
            Skill::Pull => Self::Pull { drawer: step.object? },
            Skill::Look => Self::Look { block: step.object?, at: step.place? },
            Skill::Hold => Self::Hold { secs: step.number("secs")? },
            Skill::Policy => Self::Policy,
        })
    }

    /// How firmly the fingers are to close [N]; `None`: nothing is said about it.
    pub(crate) fn grip_force_n(&self) -> Option<f64> {
        match self {
            Self::Grasp { force_n, .. } => Some(*force_n),
            _ => None,
        }
    }
}

/// Names one run of a skill. Reports of other runs are late and dropped.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunId {
    /// Of the plan.
    pub epoch: u32,
    /// Counts the runs of an executor.
    pub run: u32,
}

/// An order to start.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Order<'a> {
    /// Name of the run.
    pub run: RunId,
    /// What to do.
    pub task: Task,
    /// Share of the greatest speed, varied already.
    pub speed: f64,
    /// What is done otherwise than at the first try.
    pub variation: Variation,
    /// For [`Task::Policy`]: the sentence to follow.
    pub instruction: Option<&'a str>,
}

/// What skills and tests look at, all in the world frame. Called at 200 Hz: must not allocate.
///
/// Frames of things, right-handed: a *block*'s in its middle, z up when it stands upright; a *plate*'s in the middle of
/// its upper side, z up; a *button*'s in the middle of its top, z out of it; a *drawer*'s in the middle of its handle, x
/// out of the cabinet, z up.
pub trait Sights: Senses {
    /// `X_WB` that a block is to have when it lies in its place; `None`: no room is known there.
    fn world_from_seat(&self, block: ObjectId, place: ObjectId) -> Option<Isometry3<f64>>;
    /// How far a drawer is open [m].
    fn opening_m(&self, drawer: ObjectId) -> Option<f64>;
    /// Height in the world that the tool must have where it crosses the scene, if something stands in the way: a drawer
    /// that is open, say [m].
    fn crossing_z_in_world(&self) -> Option<f64> {
        None
    }
    /// From the tool to the nearest handle [m].
    fn handle_distance_m(&self) -> Option<f64> {
        None
    }
    /// Whether the hand has room beside what stands around there, with the tool at `X_WT`.
    fn hand_fits(&self, _world_from_tool: &Isometry3<f64>) -> bool {
        true
    }
}

/// What a skill sees in a tick.
#[derive(Copy, Clone)]
pub struct View<'a> {
    /// Where things are.
    pub sights: &'a dyn Sights,
    /// How far the motion has come, from the cerebellum.
    pub progress: Progress,
    /// Whether the closed fingers have hold of something.
    pub held: Truth,
}

/// What a running skill wants the arm to do.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub enum Want {
    /// Nothing: stand still.
    #[default]
    Still,
    /// Go there; may change from tick to tick when the target moves.
    Reach(KeyFrame),
    /// Go there slowly and straight, for something is to be touched on the way: no way around things is planned.
    Touch(KeyFrame),
    /// Follow the predictions of the learned policy.
    Policy,
}

/// What the arm shall do, and how.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Wish {
    /// What.
    pub want: Want,
    /// Share of the greatest speed to move with, above 0 to 1.
    pub speed: f64,
    /// What is done was tried before.
    pub retried: bool,
    /// How firmly fingers shall close that close now [N]; `None`: as they usually do.
    pub grip_force_n: Option<f64>,
}

impl Wish {
    /// To stand still.
    pub const STILL: Self = Self { want: Want::Still, speed: 1.0, retried: false, grip_force_n: None };
}

/// Why a skill failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkillFault {
    /// Nobody does this skill.
    NotAvailable,
    /// It cannot do one more thing at once.
    Busy,
    /// A thing that it needs is not seen.
    NotSeen,
    /// There is no room at the place.
    NoRoom,
    /// The fingers closed on nothing, or lost what they held.
    EmptyHand,
    /// The key-frame is none: not finite.
    Malformed,
    /// For a reason of its own.
    Other(u8),
}

/// How far a run is.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum SkillStatus {
    /// Under way.
    Running(Want),
    /// At its end. Whether it succeeded is for the observed postcondition to say.
    Done,
    /// It gave up.
    Failed(SkillFault),
}

/// A skill's answer to a tick.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct SkillReport {
    /// The run that it is about.
    pub run: RunId,
    /// When it was made, in the loop's clock: a skill in another thread may answer from the past.
    pub at: Nanos,
    /// How far it is.
    pub status: SkillStatus,
    /// The fingers have been told to open.
    pub released: bool,
    /// Something must be between the fingers now.
    pub holds: bool,
}

/// Does one or more skills. Called from the executor's thread at 200 Hz: must not allocate, block or log; what takes
/// longer (the learned policy) runs in its own thread, and this is its mailbox.
pub trait Perform: Send {
    /// Begins a run. Others of the same performer may be under way: a plan may hold and look at once.
    fn start(&mut self, now: Nanos, order: &Order<'_>, view: &View<'_>) -> Result<(), SkillFault>;
    /// The newest report of the run.
    fn tick(&mut self, now: Nanos, run: RunId, view: &View<'_>) -> SkillReport;
    /// What the run was for is observed: if this says true it goes on, to leave with an empty hand, and will be done soon.
    /// Called again each tick until then. For skills that do not know themselves when they are done.
    fn finish(&mut self, _now: Nanos, _run: RunId, _view: &View<'_>) -> bool {
        false
    }
    /// Ends the run, whatever it is doing. The arm is told to stand still by the executor.
    fn abort(&mut self, now: Nanos, run: RunId);
}

/// Who does which skill.
#[derive(Default)]
pub struct Pool {
    performers: [Option<Box<dyn Perform>>; Skill::ALL.len()],
}

impl Pool {
    /// With a skill added or replaced.
    #[must_use]
    pub fn with(mut self, skill: Skill, performer: Box<dyn Perform>) -> Self {
        if let Some(slot) = self.performers.get_mut(skill as usize) {
            *slot = Some(performer);
        }
        self
    }

    pub(crate) fn of(&mut self, skill: Skill) -> Option<&mut Box<dyn Perform>> {
        self.performers.get_mut(skill as usize)?.as_mut()
    }
}
