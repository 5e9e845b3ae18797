//! Why a scene cannot be simulated or seen.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// No such task.
    #[error("unknown task {name:?}; known: {known}")]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// No such factor.
    #[error("unknown factor {name:?}; known: {known}")]
    UnknownFactor {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// No such way of holding.
    #[error("unknown grasp {name:?}; known: friction, attach")]
    UnknownGrasp {
        /// What was asked for.
        name: String,
    },
    /// No such motion of the targets.
    #[error("unknown motion {name:?}; known: still, displaced, drifting")]
    UnknownMoving {
        /// What was asked for.
        name: String,
    },
    /// No such disturbance.
    #[error("unknown disturbance {name:?}; known: {known}")]
    UnknownDisturbance {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A disturbance cannot happen in the scene.
    #[error("disturbance {name} cannot happen here: the scene has no {lacks}")]
    NothingToDisturb {
        /// Which.
        name: &'static str,
        /// What it needs.
        lacks: &'static str,
    },
    /// A snapshot of another scene.
    #[error("a snapshot of {joints} joint positions, and this scene has {here}: it is of another scene")]
    OtherScene {
        /// In the snapshot.
        joints: usize,
        /// In the scene.
        here: usize,
    },
    /// A perturbation makes no world.
    #[error("perturbation: {key} is {value}, allowed is {allowed}")]
    Perturbation {
        /// Key.
        key: &'static str,
        /// Value given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A file of the model is missing or unreadable.
    #[error("{path}: {source}")]
    Asset {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A robot's file lacks what the simulator needs.
    #[error("{file}: {reason}")]
    Robot {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A name that is looked for is not in the model.
    #[error("{file}: no {kind} named {name:?}")]
    Missing {
        /// The robot's file, and the task whose things are beside it.
        file: String,
        /// What it should be.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// MuJoCo refused the model.
    #[error("task {task}, seed {seed}: MuJoCo refused the scene: {reason}")]
    Model {
        /// Task name.
        task: String,
        /// Seed.
        seed: u64,
        /// What MuJoCo said.
        reason: String,
    },
    /// Objects could not be placed.
    #[error("task {task}, seed {seed}: {object} found no free place after {tries} tries")]
    Placement {
        /// Task name.
        task: String,
        /// Seed.
        seed: u64,
        /// What could not be placed.
        object: &'static str,
        /// Tries made.
        tries: usize,
    },
    /// The scene has more parts than a realtime frame carries.
    #[error("the scene has {count} {what}; a realtime frame holds at most {room}")]
    TooLarge {
        /// Which parts.
        what: &'static str,
        /// How many the scene has.
        count: usize,
        /// How many fit.
        room: usize,
    },
    /// The renderer could not start or draw.
    #[error("headless rendering (EGL) failed: {reason}; install libegl1 libegl-mesa0 libgl1-mesa-dri")]
    Render {
        /// What EGL or MuJoCo said.
        reason: String,
    },
}
