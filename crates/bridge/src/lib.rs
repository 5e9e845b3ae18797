//! A wire to simulators that others have: RLBench, or our own behind the same contract.
//!
//! One TCP connection, on loopback by default. Each message is a [`Frame`]: two lengths, a JSON header, and arrays as
//! raw bytes. A client says `hello`, `list_tasks`, `reset`, `step` and `close`; the server answers each with one frame.
//! An action is one key-frame as RLBench takes it; the answer to it is what the cameras see once it is reached. Our own
//! simulator also takes `joints`: dense actions, for policies that act many times a second.
//!
//! No peer is believed: sizes are checked before anything is allocated, types and shapes before anything is read, and
//! every wait has an end. All errors say what was wrong.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod array;
pub mod client;
pub mod conversions;
pub mod error;
pub mod frame;
pub mod message;
pub mod scene;
pub mod server;
pub mod wire;

pub use array::{Array, Dtype};
pub use client::Client;
pub use error::{BridgeError, FrameError, MessageError};
pub use frame::{Frame, Limits};
pub use message::{ACTION_LEN, Code, Hello, JointAction, Reply, Request, Reset, SceneChoice, TaskInfo, VERSION};
pub use scene::{ActionError, Calibration, CameraImage, SceneView};
pub use server::{Backend, Event, Refusal, serve};
pub use wire::{Patience, Wire};
