//! Plans from a vision-language model behind an OpenAI-style chat interface.
//!
//! ```text
//!   PlanRequest, Context --prompt--> Chat --VlmClient--> Reply --Validator--> Plan --TrustGate--> Proposal
//!                                      ^        |           |
//!                    errors, appended  +--------|-----------+   once
//!                                               |
//!         breaker, budget, deadline, cancel ----+---- Http, or a Cassette in its place
//! ```
//! Everything blocks: the caller gives it a thread of its own. A late answer is told by its epoch, and dropped and
//! counted where it would act (R2): `Executor::begin` and `Executor::answer`.

mod ask;
mod breaker;
mod budget;
mod cancel;
mod cassette;
mod catalogue;
mod chat;
mod client;
mod config;
mod context;
mod dialect;
mod error;
mod extract;
mod http;
mod planner;
mod probe;
mod prompt;
mod reply;

pub use ask::Question;
pub use breaker::{Breaker, BreakerConfig, Health};
pub use budget::{Budget, Cost, Costs, Purpose};
pub use cancel::Cancel;
pub use cassette::{CassetteConfig, CassetteMode};
pub use chat::{Chat, Image, Message, Part, Role};
pub use client::{Monitor, Status, VlmClient};
pub use config::VlmConfig;
pub(crate) use config::check;
pub use context::Context;
pub use dialect::{Capabilities, Dialect, SchemaForm};
pub use error::{Stage, Unusable, VlmError};
pub use planner::{Provenance, VlmPlanner};
pub use reply::{Finish, Reply};
