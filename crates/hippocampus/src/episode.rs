//! What is written down of one episode.

use std::fmt;

use neuraxis_plan::{Class, RawNode, RawPlan, Truth};

use crate::{MemoryError, Result, Stamp, text};

/// Number of an episode; later ones have larger ones, none is used twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpisodeId(pub i64);

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How an episode ended, by what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every goal was observed to hold.
    Success,
    /// A goal was observed not to hold, or it was given up.
    Failure {
        /// Which goal, or why.
        why: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => write!(f, "success"),
            Self::Failure { why } => write!(f, "failure: {why}"),
        }
    }
}

/// A plan that is tried in an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// As it was sent.
    pub plan: RawPlan,
    /// Who proposed it: `symbolic`, `vlm`, `file`, `memory`.
    pub source: String,
    /// If it came from memory: the plan there, see [`crate::Found::plan_id`].
    pub derived_from: Option<PlanId>,
}

/// Number of a plan.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub i64);

/// One run of a leaf of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Id of its node.
    pub node: u16,
    /// Name of its skill.
    pub skill: String,
    /// Kind of the thing acted on, if on any.
    pub class: Option<Class>,
    /// Whether its postcondition was observed. Unknown ones enter no count.
    pub observed: Truth,
    /// Its failure signature, such as the monitor that tripped.
    pub failure: Option<String>,
    /// How long it took [s].
    pub secs: f64,
    /// Arguments that are numbers, in the units of `neuraxis_plan::NumberArgument`.
    pub parameters: Vec<(String, f64)>,
    /// Greatest score of each monitor while it ran: kept, asked for by nobody (`neuraxis calibrate monitors` takes its own).
    pub scores: Vec<(String, f64)>,
}

/// A monitor that tripped.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// When.
    pub at: Stamp,
    /// Id of the node that ran.
    pub node: u16,
    /// Name of the monitor.
    pub monitor: String,
    /// Level of recovery that it led to, 0 to 6 (the executor's ladder).
    pub level: u8,
    /// What it computed.
    pub score: f64,
    /// Above this it trips.
    pub threshold: f64,
}

/// What was done about a failed leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct Mending {
    /// The leaf that failed, as in the plan: repairs are looked up by its skill and the class of what it acts on.
    pub leaf: RawNode,
    /// Kind of the thing that it acts on, if on any.
    pub class: Option<Class>,
    /// Its failure signature.
    pub failure: String,
    /// The nodes that were run instead or before; the first is their root.
    pub nodes: Vec<RawNode>,
    /// Whether the postcondition of the failed leaf was observed afterwards.
    pub observed: Truth,
}

/// Most of anything listed in one episode, so that a loop elsewhere cannot fill the memory.
pub(crate) const MOST_RECORDS: usize = 4096;
/// Most bytes of a plan or repair as JSON.
pub(crate) const MOST_PLAN_BYTES: usize = 256 * 1024;

impl Leaf {
    /// Itself with names trimmed, or what is wrong with it.
    pub(crate) fn checked(mut self) -> Result<Self> {
        self.skill = text::name("skill", &self.skill)?;
        self.failure = self.failure.map(|failure| text::name("failure", &failure)).transpose()?;
        if !(self.secs.is_finite() && self.secs >= 0.0) {
            return Err(MemoryError::Number {
                what: "secs",
                value: self.secs,
                range: "it must be finite and not negative",
            });
        }
        for (name, value) in self.parameters.iter_mut().chain(&mut self.scores) {
            *name = text::name("name of a number", name)?;
            text::finite("number of a leaf", *value)?;
        }
        if self.parameters.len() + self.scores.len() > 64 {
            return Err(MemoryError::TooMany { what: "numbers of one leaf", most: 64 });
        }
        Ok(self)
    }
}

impl Anomaly {
    /// Itself with its name trimmed, or what is wrong with it.
    pub(crate) fn checked(mut self) -> Result<Self> {
        self.monitor = text::name("monitor", &self.monitor)?;
        text::finite("score", self.score)?;
        text::finite("threshold", self.threshold)?;
        Ok(self)
    }
}

/// Name of a class in the tables; `none` without one.
pub(crate) fn class_name(class: Option<Class>) -> &'static str {
    class.map_or("none", Class::name)
}

/// JSON of a plan or of nodes, if it is not too large.
pub(crate) fn json(what: &'static str, value: &impl serde::Serialize) -> Result<String> {
    let refused = |reason: String| MemoryError::Text { what, reason };
    let json = serde_json::to_string(value).map_err(|e| refused(e.to_string()))?;
    if json.len() > MOST_PLAN_BYTES {
        return Err(refused(format!("{} bytes, at most {MOST_PLAN_BYTES}", json.len())));
    }
    Ok(json)
}
