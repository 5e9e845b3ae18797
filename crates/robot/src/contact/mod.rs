//! Torques from outside: what touches the arm, without a sensor for it.
//!
//! ```text
//!   q, q̇, τ --> Observer --r--> (-) --> Bank --> score, joint
//!   q, q̇ ----> FrictionNet -----/        |
//!                                      Scales (of nominal runs)
//! ```
//! [`Observer`] turns the balance of momentum into the torque `r` that nobody commanded; most of it is friction.
//! [`FrictionNet`] is a memoryless network of the arm's state, trained on nominal `r`, and takes that off. [`Bank`]
//! averages what is left over [`HORIZONS_SECS`]; [`Scales`] say how far each average strays when all is well, and the
//! greatest ratio is the score. [`Detector`] is all of it in one step, [`ContactModel`] what was learned of one arm. The score's threshold comes from whole nominal
//! runs (split conformal prediction, in the executor, whose contact channel takes the score).
//!
//! Steps do not touch the heap; [`train`] does.

mod bank;
mod dense;
mod detector;
mod error;
mod file;
mod friction;
mod model;
mod observer;
mod train;

pub use bank::{Bank, Cells, HORIZONS_SECS, Scales, Score};
pub use detector::{Contact, Detector};
pub use error::{ContactError, ContactFault};
pub use friction::FrictionNet;
pub use model::{ContactModel, Measured};
pub use observer::Observer;
pub use train::{Sample, Training, train};
