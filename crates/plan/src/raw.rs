//! A plan as it is sent: by a language model, by a file, by the symbolic planner. Nothing in it is trusted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    expr::Unit,
    monitor::{RawTest, Relation},
};

/// Most nodes of a plan.
pub const MOST_NODES: usize = 64;
/// Most levels, the root's included.
pub const MOST_DEPTH: usize = 6;
/// Most children of a node.
pub const MOST_CHILDREN: usize = 8;
/// Most entries of any other list.
pub const MOST_ENTRIES: usize = 32;
/// Most characters of a text.
pub const MOST_CHARACTERS: usize = 300;
/// Longest time of a node [s].
pub const MOST_SECS: f64 = 600.0;

/// The whole answer. Fields are written in this order: first what was looked at and why, then the decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPlan {
    /// Objects that were seen.
    #[serde(default)]
    pub scene_check: Vec<String>,
    /// Why it is done in this way, for a person.
    #[serde(default)]
    pub rationale: String,
    /// Facts that must hold at the start.
    #[serde(default)]
    pub assumptions: Vec<String>,
    /// Facts that hold at the end.
    pub goal: Vec<String>,
    /// The tree as a flat list; children run in the order in which they are listed.
    pub nodes: Vec<RawNode>,
}

/// One node of the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawNode {
    /// Its number, unique.
    pub id: u16,
    /// Number of its parent; null for the root.
    pub parent: Option<u16>,
    /// What it does with its children, or what sort of leaf it is.
    pub kind: RawKind,
    /// For `skill`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// What it needs to know.
    #[serde(default, skip_serializing_if = "RawArgs::is_empty")]
    pub args: RawArgs,
    /// Facts that are observed when it succeeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<String>,
    /// Tests that must stay passed while it runs; a trip is its failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<RawTest>,
    /// What must stay true while it runs; recovery goes back to where it still is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintain: Vec<RawMaintain>,
    /// Time after which it has failed [s].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// What to do about its failure, mildest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_fail: Vec<RawRung>,
}

impl RawPlan {
    /// The node of this number.
    pub fn node(&self, id: u16) -> Option<&RawNode> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl RawNode {
    /// A node with nothing in it.
    pub fn new(id: u16, parent: Option<u16>, kind: RawKind) -> Self {
        Self {
            id,
            parent,
            kind,
            skill: None,
            args: RawArgs::default(),
            post: Vec::new(),
            guards: Vec::new(),
            maintain: Vec::new(),
            timeout_s: None,
            on_fail: Vec::new(),
        }
    }
}

impl RawArgs {
    /// Names of the things that it is about.
    pub fn things(&self) -> impl Iterator<Item = &str> {
        [&self.obj, &self.from, &self.to, &self.at].into_iter().flatten().map(String::as_str)
    }
}

/// Sorts of nodes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawKind {
    /// Children in turn, until one fails.
    Sequence,
    /// Children in turn, until one succeeds.
    Fallback,
    /// As `sequence`, from the first child again at every tick; one child at most takes time.
    ReactiveSequence,
    /// All children at once.
    ParallelAll,
    /// Its child up to `times` times, until it succeeds.
    Retry,
    /// Its child; a failure after `secs`.
    Timeout,
    /// Succeeds if `fact` is observed, or `not` fact; fails otherwise.
    Condition,
    /// Does a skill.
    Skill,
    /// Keeps still for `secs`.
    Hold,
    /// Ends the plan: keeps still and asks a person, saying `why`.
    AskHuman,
}

impl RawKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Sequence,
        Self::Fallback,
        Self::ReactiveSequence,
        Self::ParallelAll,
        Self::Retry,
        Self::Timeout,
        Self::Condition,
        Self::Skill,
        Self::Hold,
        Self::AskHuman,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequence => "sequence",
            Self::Fallback => "fallback",
            Self::ReactiveSequence => "reactive_sequence",
            Self::ParallelAll => "parallel_all",
            Self::Retry => "retry",
            Self::Timeout => "timeout",
            Self::Condition => "condition",
            Self::Skill => "skill",
            Self::Hold => "hold",
            Self::AskHuman => "ask_human",
        }
    }
}

/// All arguments that there are; a node has those that its kind and skill take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawArgs {
    /// Skills: the thing acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obj: Option<String>,
    /// `grasp`: where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `place`: where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `look`: where it is said to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Share of the greatest speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// `grasp`: how firmly [N].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_n: Option<f64>,
    /// `reach`: how high above [m].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_m: Option<f64>,
    /// `hold`, `timeout`: how long [s].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
    /// `retry`: how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u8>,
    /// `condition`: a fact, or `not` and a fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fact: Option<String>,
    /// `policy`: the sentence to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// `ask_human`: what to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl RawArgs {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The keys that are given.
    pub fn given(&self) -> Vec<&'static str> {
        let keys = [
            ("obj", self.obj.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("at", self.at.is_some()),
            ("speed", self.speed.is_some()),
            ("force_n", self.force_n.is_some()),
            ("height_m", self.height_m.is_some()),
            ("secs", self.secs.is_some()),
            ("times", self.times.is_some()),
            ("fact", self.fact.is_some()),
            ("instruction", self.instruction.is_some()),
            ("why", self.why.is_some()),
        ];
        keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }

    /// A thing's name by its key.
    pub fn name(&self, key: &str) -> Option<&str> {
        match key {
            "obj" => self.obj.as_deref(),
            "from" => self.from.as_deref(),
            "to" => self.to.as_deref(),
            "at" => self.at.as_deref(),
            _ => None,
        }
    }

    /// A number by its key.
    pub fn number(&self, key: &str) -> Option<f64> {
        match key {
            "speed" => self.speed,
            "force_n" => self.force_n,
            "height_m" => self.height_m,
            "secs" => self.secs,
            _ => None,
        }
    }
}

/// What must stay true: a fact (`pred`, `until`), or a test (the other fields).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawMaintain {
    /// A fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pred: Option<String>,
    /// How long it must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<Value>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<Relation>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<f64>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u8>,
    /// As in [`RawTest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m: Option<u8>,
}

/// How long a fact must be maintained.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// As long as the node runs.
    End,
    /// Until the fingers are told to open, in a `place`.
    Release,
}

/// One rung of the recovery ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRung {
    /// Level: 2 retry, 3 goto, 4 recall, 5 replan, 6 ask_human.
    pub level: u8,
    /// What is done.
    #[serde(rename = "do")]
    pub action: RungAction,
    /// `retry`: how often at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u8>,
    /// `retry`: what is varied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vary: Option<Vary>,
    /// `goto`: the node to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u16>,
}

/// What a rung does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungAction {
    /// The leaf again, varied.
    Retry,
    /// Back to an earlier leaf.
    Goto,
    /// A repair from memory.
    Recall,
    /// A new plan.
    Replan,
    /// Keep still and ask a person.
    AskHuman,
}

impl RungAction {
    /// All of them, mildest first.
    pub const ALL: [Self; 5] = [Self::Retry, Self::Goto, Self::Recall, Self::Replan, Self::AskHuman];

    /// Its level, 2 to 6.
    pub fn level(self) -> u8 {
        match self {
            Self::Retry => 2,
            Self::Goto => 3,
            Self::Recall => 4,
            Self::Replan => 5,
            Self::AskHuman => 6,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Goto => "goto",
            Self::Recall => "recall",
            Self::Replan => "replan",
            Self::AskHuman => "ask_human",
        }
    }
}

/// What a retry does differently.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vary {
    /// The next best grasp.
    GraspRank,
    /// Another direction of approach.
    Approach,
    /// Slower.
    Speed,
    /// A little to the side.
    Offset,
}

impl Vary {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::GraspRank, Self::Approach, Self::Speed, Self::Offset];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::GraspRank => "grasp_rank",
            Self::Approach => "approach",
            Self::Speed => "speed",
            Self::Offset => "offset",
        }
    }
}
