//! The plan language, shared by who makes plans, who runs them and who remembers them.
//!
//! A [`Scene`] says what things there are and which facts hold, fail, or are unknown. A plan is sent as a flat list of
//! nodes ([`RawPlan`], JSON; [`schema`] gives a JSON schema made for the scene). The [`Validator`] checks it in stages,
//! V0 to V7, and returns either a [`Plan`], compiled for execution, or everything that is wrong with it and how to
//! mend it. No clock, thread or I/O.
//!
//! | stage | checks |
//! |---|---|
//! | V0 | it is JSON, and not too long |
//! | V1 | fields, their types, lengths of lists and texts |
//! | V2 | names: facts, objects, skills, operators |
//! | V3 | arguments: those that the kind takes, classes, units, ranges |
//! | V4 | the tree: one root, no cycle, sizes, one child that takes time under `reactive_sequence`, nothing unreachable |
//! | V5 | every precondition, postcondition and goal is proved, whatever fails on the way (three-valued STRIPS) |
//! | V6 | the arm can get there ([`Geometry`], optional) |
//! | V7 | rules for every plan: postcondition and time limit for all that moves, force limits, keep-out boxes |
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod check;
mod effects;
mod error;
pub mod expr;
mod facts;
mod monitor;
mod object;
mod outline;
mod plan;
mod raw;
mod scene;
mod schema;
mod skill;
mod xml;

pub use check::{Geometry, KeepOut, Limits, MOST_FORCE_LOOKS, Validator};
pub use effects::{Effects, effects, steps};
pub use error::{ErrorKind, PlanError, PlanErrors, SceneError};
pub use expr::{Body, Expr, Senses, Unit};
pub use facts::{FactId, FactSet, MOST_FACTS, State, Truth};
pub use monitor::{RawTest, Relation, Test};
pub use object::{Class, Predicate};
pub use outline::outline;
pub use plan::{Maintain, Node, NodeKind, Plan, Rung};
pub use raw::{
    MOST_CHARACTERS, MOST_CHILDREN, MOST_DEPTH, MOST_ENTRIES, MOST_NODES, MOST_SECS, RawArgs, RawKind, RawMaintain,
    RawNode, RawPlan, RawRung, RungAction, Until, Vary,
};
pub use scene::{Fact, Literal, MOST_OBJECTS, Object, ObjectFile, ObjectId, Scene, SceneFile, Unlisted};
pub use schema::schema;
pub use skill::{NumberArgument, ObjectArgument, Skill, Step};
pub use xml::behavior_tree_xml;

/// The scene of `sim/scenes/workbench.yaml`.
#[cfg(test)]
fn workbench() -> Scene {
    let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
    Scene::try_from(file).unwrap()
}
