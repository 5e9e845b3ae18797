//! Skills without learning: each is a short row of key-frames, computed from where things are.
//!
//! The motion between key-frames, their arrival and the fingers are the cerebellum's (`neuraxis-cerebellum`); here is only
//! which key-frame comes next. Until the tool is in contact the row is computed anew each tick, so that a target that
//! moves is followed (L1); from the contact on it stays as it was: what is held moves with the hand.

mod config;
mod learned;
mod route;
mod run;

pub use config::PrimitiveConfig;
pub use learned::LearnedSkill;
pub use route::Route;
pub use run::{Primitive, primitives};
