//! What people are shown of a run beside what the body needs: the views of a policy, the mind of a brain, the log.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

/// How important a line of the log is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// As expected.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// One rendered view of a policy with the heatmap it put on it.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualView {
    /// Name of the view, e.g. `top`.
    pub name: String,
    /// Width and height [px].
    pub size: [u32; 2],
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
    /// (height, width), any non-negative scale: it is shown relative to its largest value. Empty: no heatmap.
    pub heat: Vec<f32>,
}

/// What a policy saw and thought on the way to a prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionDetail {
    /// Its views.
    pub views: Vec<VirtualView>,
    /// Where its gaze rested, if it has one.
    pub gaze: Option<GazeRay>,
}

/// Where a gaze rests in the scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GazeRay {
    /// The eye in the world [m].
    pub eye_in_world: [f32; 3],
    /// Direction in the world, of length one.
    pub direction: [f32; 3],
    /// The point that is seen there, in the world [m].
    pub point_in_world: Option<[f32; 3]>,
}

/// Coloured points of the scene.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Positions in the world [m].
    pub xyz_in_world: Vec<[f32; 3]>,
    /// Colours, as many as points.
    pub rgb: Vec<[u8; 3]>,
}

/// A number that is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Of what, with its unit.
    pub name: String,
    /// How much.
    pub value: f64,
    /// At which it trips.
    pub limit: Option<f64>,
}

/// The brain at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrainPanel {
    /// The tree with the state of each node, as Markdown.
    pub tree: String,
    /// What is known and not known, as Markdown.
    pub facts: String,
    /// Plans, calls, recoveries and their cost, memory's part, as Markdown.
    pub costs: String,
}

/// A thing of the scene as the brain sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenThing {
    /// What it is called.
    pub name: String,
    /// Middle of its box in the world [m].
    pub centre_in_world: Vector3<f64>,
    /// Half its sides [m].
    pub half_m: Vector3<f64>,
    /// Turn about z [rad].
    pub yaw_rad: f64,
    /// It has a name in the plan.
    pub is_named: bool,
    /// It is in the hand.
    pub is_held: bool,
}
