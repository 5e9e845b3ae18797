//! A plan that was checked: only [`crate::Validator`] makes one.

use crate::{
    facts::FactSet,
    monitor::Test,
    raw::{RawPlan, Until, Vary},
    scene::Literal,
    skill::Step,
};

/// A tree in preorder. The children of node `i` are `i + 1`, then the `end` of that child, and so on up to the `end` of
/// `i`: an executor needs neither pointers nor recursion, and allocates nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) assumptions: Vec<Literal>,
    pub(crate) goal: FactSet,
    pub(crate) raw: RawPlan,
}

impl Plan {
    /// All nodes, the root first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Places of the children of a node.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        children(&self.nodes, at)
    }

    /// What must be so at the start.
    pub fn assumptions(&self) -> &[Literal] {
        &self.assumptions
    }

    /// What holds at the end.
    pub fn goal(&self) -> &FactSet {
        &self.goal
    }

    /// As it was sent.
    pub fn raw(&self) -> &RawPlan {
        &self.raw
    }
}

/// Places of the children of a node in preorder.
pub(crate) fn children(nodes: &[Node], at: usize) -> impl Iterator<Item = usize> + '_ {
    let end = nodes.get(at).map_or(0, |node| usize::from(node.end));
    let mut next = at + 1;
    std::iter::from_fn(move || {
        let child = (next < end).then_some(next)?;
        next = usize::from(nodes.get(child)?.end);
        Some(child)
    })
}

/// A node and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its number as it was sent.
    pub id: u16,
    /// One past its last descendant.
    pub end: u16,
    /// What it does.
    pub kind: NodeKind,
    /// Observed when it succeeds.
    pub post: FactSet,
    /// A trip is its failure.
    pub guards: Vec<Test>,
    /// Must stay so while it runs.
    pub maintain: Vec<Maintain>,
    /// Time after which it has failed [s].
    pub timeout_secs: Option<f64>,
    /// What to do about its failure, mildest first.
    pub ladder: Vec<Rung>,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// Children in turn, until one fails.
    Sequence,
    /// Children in turn, until one succeeds.
    Fallback,
    /// As `Sequence`, from the first child again at every tick; one child at most takes time.
    ReactiveSequence,
    /// All children at once.
    ParallelAll,
    /// Its child until it succeeds.
    Retry {
        /// At most so often.
        times: u8,
    },
    /// Its child; a failure after a time.
    Timeout {
        /// The time [s].
        secs: f64,
    },
    /// Succeeds if it is observed.
    Condition(Literal),
    /// Does something; `hold` nodes are steps, too.
    Skill(Step),
    /// Ends the plan: keeps still and asks a person.
    AskHuman {
        /// What to say.
        why: String,
    },
}

impl NodeKind {
    /// True for leaves that take more than a tick.
    pub fn is_async(&self) -> bool {
        matches!(self, Self::Skill(_) | Self::AskHuman { .. })
    }
}

/// Something that must stay true while a node runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Maintain {
    /// A fact, observed at the start of the node.
    Fact {
        /// The fact or its contrary.
        literal: Literal,
        /// How long.
        until: Until,
    },
    /// A test.
    Test(Test),
}

/// A rung of the recovery ladder.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Rung {
    /// L2: the leaf again, if its preconditions are observed.
    Retry {
        /// At most so often.
        max: u8,
        /// With what varied.
        vary: Option<Vary>,
    },
    /// L3: back to an earlier leaf, if its preconditions are observed.
    Goto {
        /// Its place in [`Plan::nodes`].
        node: u16,
    },
    /// L4: a repair from memory.
    Recall,
    /// L5: a new plan.
    Replan,
    /// L6: keep still and ask a person.
    AskHuman,
}
