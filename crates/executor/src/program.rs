//! A proved plan as flat arrays: compiled once, outside the loop, and constant from then on.

use neuraxis_core::Nanos;
use neuraxis_plan::{
    Effects, FactId, FactSet, Literal, MOST_NODES, Maintain, NodeKind, Plan, Predicate, Rung, Scene, Skill, Step, Test,
    Until, effects,
};

use crate::{ExecutorError, knowledge::Exclusions, skill::Task};

/// Most guards and maintained facts of one plan.
pub const MOST_WATCHES: usize = 256;
/// Most operations of all tests that may be looked at in one tick: this bounds its time, at about 15 ns each.
pub const MOST_OPERATIONS_AT_ONCE: usize = 600;

/// What to run. Made from a [`Plan`], which only the validator makes: what was not proved cannot be given.
///
/// ```compile_fail,E0308
/// # fn give(scene: &neuraxis_plan::Scene) {
/// let unproved = neuraxis_plan::RawPlan::default();
/// let program = neuraxis_executor::Program::compile(&unproved, scene);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) cells: Box<[Cell]>,
    pub(crate) leaves: Box<[Leaf]>,
    pub(crate) watches: Box<[Watch]>,
    pub(crate) rungs: Box<[Rung]>,
    pub(crate) assumptions: Box<[Literal]>,
    /// What is carried is watched by the gripper's word.
    pub(crate) watches_hand: bool,
    pub(crate) exclusions: Exclusions,
}

/// A node. Children of node `i` are `i + 1`, then the `end` of that one, and so on up to the `end` of `i`.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) id: u16,
    pub(crate) end: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) post: FactSet,
    /// Places in [`Program::watches`], guards first.
    pub(crate) watches: (usize, usize),
    pub(crate) guards: usize,
    /// It, or something below it, takes more than a tick.
    pub(crate) takes_time: bool,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Sequence,
    Fallback,
    Reactive,
    Parallel,
    Retry {
        times: u8,
    },
    Timeout {
        secs: f64,
    },
    Condition(Literal),
    /// Its place in [`Program::leaves`].
    Skill(usize),
    AskHuman,
}

impl Kind {
    pub(crate) fn is_leaf(self) -> bool {
        matches!(self, Self::Condition(_) | Self::Skill(_) | Self::AskHuman)
    }
}

/// What a skill node does.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) skill: Skill,
    pub(crate) task: Task,
    pub(crate) speed: f64,
    pub(crate) effects: Effects,
    pub(crate) timeout_secs: Option<f64>,
    /// Places in [`Program::rungs`].
    pub(crate) rungs: (usize, usize),
    pub(crate) instruction: Option<Box<str>>,
    /// The fact that the hand is empty, if it is to be so afterwards.
    pub(crate) ends_free: Option<FactId>,
}

/// Something looked at while a node runs.
#[derive(Clone, Debug)]
pub(crate) enum Watch {
    Test(Test),
    Fact { literal: Literal, until: Until },
}

/// For ablations: what a plan does without one of the executor's means. Nothing that runs on a robot.
impl Program {
    /// Without guards and maintained facts; what is carried is not watched either.
    #[must_use]
    pub fn without_watches(mut self: Box<Self>) -> Box<Self> {
        for cell in &mut self.cells {
            (cell.watches, cell.guards) = ((0, 0), 0);
        }
        self.watches_hand = false;
        self
    }

    /// Without the ladder of recovery: a leaf that fails has failed.
    #[must_use]
    pub fn without_ladder(mut self: Box<Self>) -> Box<Self> {
        for leaf in &mut self.leaves {
            leaf.rungs = (0, 0);
        }
        self
    }

    /// Without looking: steps are begun and taken for done whatever is observed.
    #[must_use]
    pub fn without_facts(mut self: Box<Self>) -> Box<Self> {
        for cell in &mut self.cells {
            cell.post = FactSet::default();
        }
        for leaf in &mut self.leaves {
            (leaf.effects.pre, leaf.effects.pre_not) = (FactSet::default(), FactSet::default());
        }
        self.assumptions = Box::default();
        self.without_watches()
    }
}

impl Program {
    /// Compiles a plan for the scene that it was checked against. Allocates; takes well under a millisecond beside the
    /// table of exclusions.
    pub fn compile(plan: &Plan, scene: &Scene) -> Result<Box<Self>, ExecutorError> {
        same_scene(plan, scene)?;
        let nodes = plan.nodes().get(..MOST_NODES.min(plan.nodes().len())).unwrap_or_default();
        let (mut cells, mut leaves) = (Vec::with_capacity(nodes.len()), Vec::new());
        let (mut watches, mut rungs) = (Vec::new(), Vec::new());
        for (at, node) in nodes.iter().enumerate() {
            let first_watch = watches.len();
            watches.extend(node.guards.iter().cloned().map(Watch::Test));
            watches.extend(node.maintain.iter().map(|maintain| match maintain {
                Maintain::Fact { literal, until } => Watch::Fact { literal: *literal, until: *until },
                Maintain::Test(test) => Watch::Test(test.clone()),
            }));
            let first_rung = rungs.len();
            rungs.extend(node.ladder.iter().copied());
            let kind = match &node.kind {
                NodeKind::Sequence => Kind::Sequence,
                NodeKind::Fallback => Kind::Fallback,
                NodeKind::ReactiveSequence => Kind::Reactive,
                NodeKind::ParallelAll => Kind::Parallel,
                NodeKind::Retry { times } => Kind::Retry { times: *times },
                NodeKind::Timeout { secs } => Kind::Timeout { secs: *secs },
                NodeKind::Condition(literal) => Kind::Condition(*literal),
                NodeKind::AskHuman { .. } => Kind::AskHuman,
                NodeKind::Skill(step) => {
                    let rungs = (first_rung, rungs.len());
                    let hand_empty = scene.find(Predicate::HandEmpty, &[]);
                    let ends_free = hand_empty.filter(|fact| node.post.contains(*fact));
                    leaves.push(Leaf { ends_free, ..leaf(step, node.timeout_secs, rungs, scene)? });
                    Kind::Skill(leaves.len() - 1)
                }
            };
            let end = usize::from(node.end);
            let under = nodes.get(at..end).unwrap_or_default();
            // The innermost node around it; parents come first.
            let parent = cells.iter().rposition(|above: &Cell| at < above.end);
            // The end of the plan is the end of its root.
            let post = if at == 0 { node.post.union(plan.goal()) } else { node.post };
            cells.push(Cell {
                id: node.id,
                end,
                parent,
                kind,
                post,
                watches: (first_watch, watches.len()),
                guards: node.guards.len(),
                takes_time: under.iter().any(|node| node.kind.is_async()),
            });
        }
        if watches.len() > MOST_WATCHES {
            return Err(ExecutorError::TooManyWatches { count: watches.len(), most: MOST_WATCHES });
        }
        let operations = operations_at_once(&cells, &watches);
        if operations > MOST_OPERATIONS_AT_ONCE {
            return Err(ExecutorError::TooMuchAtOnce { operations, most: MOST_OPERATIONS_AT_ONCE });
        }
        Ok(Box::new(Self {
            cells: cells.into(),
            leaves: leaves.into(),
            watches: watches.into(),
            rungs: rungs.into(),
            assumptions: plan.assumptions().into(),
            watches_hand: true,
            exclusions: Exclusions::of(scene),
        }))
    }

    pub(crate) fn cell(&self, at: usize) -> Option<&Cell> {
        self.cells.get(at)
    }

    pub(crate) fn leaf(&self, at: usize) -> Option<&Leaf> {
        match self.cell(at)?.kind {
            Kind::Skill(leaf) => self.leaves.get(leaf),
            _ => None,
        }
    }

    pub(crate) fn end(&self, at: usize) -> usize {
        self.cell(at).map_or(at + 1, |cell| cell.end)
    }
}

fn leaf(step: &Step, timeout_secs: Option<f64>, rungs: (usize, usize), scene: &Scene) -> Result<Leaf, ExecutorError> {
    let other = || ExecutorError::OtherScene { what: format!("no {:?} with these things", step.skill) };
    let speed = step.number("speed").unwrap_or(1.0);
    Ok(Leaf {
        skill: step.skill,
        task: Task::of(step, scene).ok_or_else(other)?,
        speed,
        effects: effects(scene, step).ok_or_else(other)?,
        timeout_secs,
        rungs,
        instruction: step.instruction.as_deref().map(Into::into),
        ends_free: None,
    })
}

/// The most that the root and what may run below it at the same time look at.
fn operations_at_once(cells: &[Cell], watches: &[Watch]) -> usize {
    // Of each node with all below it; children come after their parents.
    let mut below = vec![0; cells.len()];
    let mut all = 0;
    for (at, cell) in cells.iter().enumerate().rev() {
        let (from, to) = cell.watches;
        let own = watches.get(from..to).unwrap_or_default().iter().map(|watch| match watch {
            Watch::Test(test) => test.expr.operations(),
            Watch::Fact { .. } => 1,
        });
        let operations = own.sum::<usize>() + below.get(at).copied().unwrap_or_default();
        all = operations;
        let Some(parent) = cell.parent else { continue };
        let is_parallel = cells.get(parent).is_some_and(|parent| parent.kind == Kind::Parallel);
        if let Some(sum) = below.get_mut(parent) {
            *sum = if is_parallel { *sum + operations } else { operations.max(*sum) };
        }
    }
    all
}

/// Facts and things are numbers in a plan: they must be the same numbers here.
fn same_scene(plan: &Plan, scene: &Scene) -> Result<(), ExecutorError> {
    let other = |what: String| Err(ExecutorError::OtherScene { what });
    let raw = plan.raw();
    for (text, literal) in raw.assumptions.iter().zip(plan.assumptions()) {
        if scene.literal(text).ok() != Some(*literal) {
            return other(format!("assumption {text}"));
        }
    }
    let read = |texts: &[String]| -> FactSet {
        texts.iter().filter_map(|text| scene.literal(text).ok()).map(|literal| literal.fact).collect()
    };
    if read(&raw.goal) != *plan.goal() {
        return other(format!("goal {}", raw.goal.join(", ")));
    }
    for node in plan.nodes() {
        let Some(sent) = raw.node(node.id) else { continue };
        if read(&sent.post) != node.post {
            return other(format!("postcondition {}", sent.post.join(", ")));
        }
        match &node.kind {
            NodeKind::Skill(step) => {
                for (argument, id) in step.skill.objects().iter().zip([step.object, step.place]) {
                    if sent.args.name(argument.key).and_then(|name| scene.object(name)) != id {
                        return other(format!("{} of node {}", argument.key, node.id));
                    }
                }
            }
            NodeKind::Condition(literal)
                if sent.args.fact.as_deref().and_then(|text| scene.literal(text).ok()) != Some(*literal) =>
            {
                return other(format!("condition of node {}", node.id));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A time that a plan may have given, as it is compared.
pub(crate) fn is_over(since: Nanos, now: Nanos, secs: Option<f64>) -> bool {
    secs.is_some_and(|secs| crate::config::has_passed(since, now, secs))
}
