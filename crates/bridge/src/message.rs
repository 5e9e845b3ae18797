//! What the two ends say to each other.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Frame, MessageError, SceneView, conversions::DOF, frame::shortened};

/// Version of the contract that this program speaks.
pub const VERSION: u64 = 1;
/// Numbers of an action: x y z qx qy qz qw gripper ignore_collisions.
pub const ACTION_LEN: usize = 9;
/// Shortest and longest time of a dense action [s].
const ACTION_SECS: [f64; 2] = [0.005, 1.0];

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Who are you? Comes first.
    Hello {
        /// Version of the contract that the client speaks.
        version: u64,
    },
    /// What can be asked for?
    ListTasks,
    /// A new episode.
    Reset(Reset),
    /// One key-frame: x y z [m], qx qy qz qw, gripper (open above 0.5), ignore_collisions (from 0.5 on).
    Step([f64; ACTION_LEN]),
    /// One dense action; for servers that take them. An episode has either these or key-frames.
    Joints(JointAction),
    /// The end.
    Close,
}

/// Where joints and fingers shall be a moment from now, for policies that act many times a second. The next action is
/// wanted at the end of that moment, whether the arm has come there or not: nothing stops in between.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct JointAction {
    /// RLBench's joint angles: see [`crate::conversions::q_from_rlbench`] [rad].
    pub positions: [f64; DOF],
    /// Distance of the fingers; what they hold keeps them from it [m].
    pub width_m: f64,
    /// How long the moment is, 0.005 to 1 [s].
    pub secs: f64,
}

/// Which episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Task name, as `list_tasks` has it.
    pub task: String,
    /// Variation; without it the server chooses by the scene.
    pub variation: Option<u64>,
    /// Where things are.
    pub scene: SceneChoice,
}

/// Where things are in an episode.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SceneChoice {
    /// As the server draws them from this seed.
    Seed(u64),
    /// As in this recorded episode; without a variation by its place among those of all.
    Episode(u64),
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To `hello`.
    Hello(Hello),
    /// To `list_tasks`.
    Tasks(Vec<TaskInfo>),
    /// To `reset` and `step`.
    Obs(Box<SceneView>),
    /// To `close`.
    Closed,
    /// To anything that it will not do; the connection stays.
    Error {
        /// Why, for programs.
        code: Code,
        /// Why, for people.
        message: String,
    },
}

/// Who a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the contract that it speaks.
    pub version: u64,
    /// What simulates or keeps the episodes, with its versions.
    pub about: String,
    /// It takes actions; one that only has recordings does not.
    pub can_step: bool,
}

/// A task of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Name.
    pub name: String,
    /// How many variations it has, numbered from 0; absent where that is known only once it is loaded.
    pub variations: Option<u64>,
}

/// Why a server refuses.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// It has recordings only.
    NotSteppable,
    /// The request is malformed.
    BadRequest,
    /// It has no such task, variation or episode.
    NoSuchScene,
    /// No episode is under way.
    NoEpisode,
    /// The client speaks another version.
    Version,
    /// The server itself failed.
    Internal,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSteppable => "not_steppable",
            Self::BadRequest => "bad_request",
            Self::NoSuchScene => "no_such_scene",
            Self::NoEpisode => "no_episode",
            Self::Version => "version",
            Self::Internal => "internal",
        })
    }
}

impl Request {
    /// As it is sent.
    pub fn to_frame(&self) -> Frame {
        let header = match self {
            Self::Hello { version } => json!({"op": "hello", "version": version}),
            Self::ListTasks => json!({"op": "list_tasks"}),
            Self::Reset(Reset { task, variation, scene: SceneChoice::Seed(seed) }) => {
                json!({"op": "reset", "seed": seed, "task": task, "variation": variation})
            }
            Self::Reset(Reset { task, variation, scene: SceneChoice::Episode(episode) }) => {
                json!({"episode": episode, "op": "reset", "task": task, "variation": variation})
            }
            Self::Step(action) => json!({"action": action, "op": "step"}),
            Self::Joints(JointAction { positions, width_m, secs }) => {
                json!({"op": "joints", "positions": positions, "secs": secs, "width_m": width_m})
            }
            Self::Close => json!({"op": "close"}),
        };
        Frame { header: object(header), arrays: Vec::new() }
    }

    /// From what came.
    ///
    /// # Errors
    /// The field that is missing or wrong.
    pub fn from_frame(frame: &Frame) -> Result<Self, MessageError> {
        let header = &frame.header;
        if let Some(array) = frame.arrays.first() {
            return Err(MessageError::Unknown(array.name().into()));
        }
        let wrong = |field, allowed: &str| {
            let found = header.get(field).map_or_else(|| "missing".into(), shortened);
            MessageError::Field { field, reason: format!("{found}, allowed: {allowed}") }
        };
        let whole =
            |field| header.get(field).and_then(Value::as_u64).ok_or_else(|| wrong(field, "a whole number from 0"));
        let has = |field| header.get(field).is_some_and(|value| !value.is_null());
        match header.get("op").and_then(Value::as_str) {
            Some("hello") => Ok(Self::Hello { version: whole("version")? }),
            Some("list_tasks") => Ok(Self::ListTasks),
            Some("reset") => {
                let task = header.get("task").and_then(Value::as_str).ok_or_else(|| wrong("task", "a name"))?;
                let scene = match (has("seed"), has("episode")) {
                    (true, false) => SceneChoice::Seed(whole("seed")?),
                    (false, true) => SceneChoice::Episode(whole("episode")?),
                    _ => return Err(wrong("seed", "either this or episode")),
                };
                let variation = has("variation").then(|| whole("variation")).transpose()?;
                Ok(Self::Reset(Reset { task: task.into(), variation, scene }))
            }
            Some("step") => {
                let action = header.get("action").and_then(numbers);
                Ok(Self::Step(action.ok_or_else(|| wrong("action", "nine finite numbers"))?))
            }
            Some("joints") => {
                let number = |field| header.get(field).and_then(Value::as_f64).filter(|x| x.is_finite());
                let positions = header.get("positions").and_then(numbers);
                let [shortest, longest] = ACTION_SECS;
                let secs = number("secs").filter(|secs| (shortest..=longest).contains(secs));
                Ok(Self::Joints(JointAction {
                    positions: positions.ok_or_else(|| wrong("positions", "seven finite numbers"))?,
                    width_m: number("width_m").ok_or_else(|| wrong("width_m", "a finite number"))?,
                    secs: secs.ok_or_else(|| wrong("secs", "0.005 to 1"))?,
                }))
            }
            Some("close") => Ok(Self::Close),
            _ => Err(wrong("op", "hello, list_tasks, reset, step, joints, close")),
        }
    }
}

impl Reply {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Tasks(_) => "tasks",
            Self::Obs(_) => "obs",
            Self::Closed => "closed",
            Self::Error { .. } => "error",
        }
    }

    /// As it is sent.
    ///
    /// # Errors
    /// Numbers that are not finite, which the wire does not carry.
    pub fn to_frame(&self) -> Result<Frame, MessageError> {
        let header = match self {
            Self::Hello(Hello { version, about, can_step }) => {
                json!({"about": about, "can_step": can_step, "kind": "hello", "version": version})
            }
            Self::Tasks(tasks) => json!({"kind": "tasks", "tasks": tasks}),
            Self::Obs(view) => return view.to_frame(),
            Self::Closed => json!({"kind": "closed"}),
            Self::Error { code, message } => json!({"code": code, "kind": "error", "message": message}),
        };
        Ok(Frame { header: object(header), arrays: Vec::new() })
    }

    /// From what came.
    ///
    /// # Errors
    /// The field or array that is missing or wrong.
    pub fn from_frame(frame: Frame) -> Result<Self, MessageError> {
        let kind = frame.header.get("kind").and_then(Value::as_str).unwrap_or_default().to_string();
        if kind == "obs" {
            return Ok(Self::Obs(Box::new(SceneView::from_frame(frame)?)));
        }
        let is_known = ["hello", "tasks", "closed", "error"].contains(&kind.as_str());
        if let Some(array) = frame.arrays.first().filter(|_| is_known) {
            return Err(MessageError::Unknown(array.name().into()));
        }
        #[derive(Deserialize)]
        struct Tasks {
            tasks: Vec<TaskInfo>,
        }
        #[derive(Deserialize)]
        struct Refusal {
            code: Code,
            message: String,
        }
        match kind.as_str() {
            "hello" => Ok(Self::Hello(parsed(frame.header)?)),
            "tasks" => Ok(Self::Tasks(parsed::<Tasks>(frame.header)?.tasks)),
            "closed" => Ok(Self::Closed),
            "error" => {
                let Refusal { code, message } = parsed(frame.header)?;
                Ok(Self::Error { code, message })
            }
            _ => {
                let found = frame.header.get("kind").map_or_else(|| "missing".into(), shortened);
                let reason = format!("{found}, allowed: hello, tasks, obs, closed, error");
                Err(MessageError::Field { field: "kind", reason })
            }
        }
    }
}

/// So many finite numbers.
fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let numbers: Option<Vec<f64>> = value.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
    let numbers = <[f64; N]>::try_from(numbers?).ok()?;
    numbers.iter().all(|x| x.is_finite()).then_some(numbers)
}

/// A header as a structure; errors name the field.
pub(crate) fn parsed<T: for<'de> Deserialize<'de>>(header: Map<String, Value>) -> Result<T, MessageError> {
    serde_json::from_value(Value::Object(header)).map_err(|e| MessageError::Header(e.to_string()))
}

/// The fields of a literal.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("value".into(), other)]),
    }
}
