//! A policy in a process of its own, on this machine or another: the robot's end ([`remote_policy`]) and the policy's
//! ([`PolicyNode`]).
//!
//! The robot's program keeps what must not wait: cameras, cerebellum, brainstem. It sends each observation with its
//! session (which run of the program), epoch (which task) and number; an answer names the three, the session and the
//! weights of the policy that made it, and how long it is good for. One question is under way at a time, the newest
//! observation is the next: nothing queues.
//!
//! | an answer | ends in |
//! |---|---|
//! | of a policy that did not announce itself, or whose robot, cameras, bounds or weights do not suit | refused, counted |
//! | of a second policy, while the first is heard | refused, counted; the node cannot be activated |
//! | to another run, another task, an observation never sent, answered already, or older than one answered | refused, counted |
//! | later after its image than its own time to live or the lease of predictions | refused, counted |
//! | with numbers that are not finite, no rotation, outside of the workspace | refused, counted |
//! | that the words are never answered, whatever is seen | refused, counted; the task ends with that reason |
//! | on a link that gives fewer good answers a second than the minimum | refused; the node cannot be activated |
//! | none | the loop's own: the arm brakes within its limits and holds |
//!
//! What the policy sees besides, its node tells itself: the views on `policy/<view>/image` and `heat`, which a robot that records
//! takes in; and on `/diagnostics`, with its session, the cameras that it does without, which the robot warns of and tells as its own.
//!
//! Ages are told by the robot's clock alone, from the capture to the arrival of the answer that names it: clocks of two
//! machines need not agree. A policy that is started again has a new session; it is heard once the old one has been silent
//! for a second and it has given [`NEEDED`] good answers.

mod answers;
mod card;
mod link;
mod messages;
mod policy;
mod recent;
mod refusal;
mod robot;
mod sights;

pub(crate) use messages::prediction_from_msg;
pub(crate) use policy::NAME as POLICY_NODE;

pub use card::PolicyCard;
pub use link::{LinkConfig, NEEDED, Suits};
pub use policy::{PolicyNode, PolicyNodeStats, Said, Think, Thought};
pub use refusal::{AnswerRefusal, LinkTrouble};
pub use robot::{LinkNode, LinkReport, Remote, RemotePolicy, remote_policy};

use std::hash::{BuildHasher, RandomState};

/// Names one run of a program: random, so that no two are the same.
fn session() -> u64 {
    // The standard library's hasher is seeded from the system's random numbers.
    RandomState::new().hash_one("session")
}
