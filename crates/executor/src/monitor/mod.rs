//! Monitors: what is noticed without asking anybody (an idea of FrankenBot, arXiv 2506.21627).
//!
//! | level | rate | looks at | test |
//! |---|---|---|---|
//! | M0 | 1 kHz | deadlines, limits, faults of the arm | the brainstem's; the executor takes its [`neuraxis_core::Fault`] |
//! | M1 | 200 Hz | scores of [`Signals`], by [`Channel`] | conformal threshold of (skill, channel), N of M |
//! | M2 | 200 Hz | the plan's tests on expressions | N of M, blindness; also ahead in time ([`Ahead`]) |
//! | M3 | each frame of facts | maintained facts, pre- and postconditions | true, false, unknown; so many frames in a row |
//!
//! All of it works on numbers given by the caller; no clock, no heap after set-up.

mod ahead;
mod channel;
mod conformal;
mod debounce;
mod score;
mod tally;

pub use ahead::Ahead;
pub(crate) use channel::Channels;
pub use channel::{CHANNELS, Channel, Score, Scores, Signals};
pub use conformal::{Calibration, Thresholds, conformal_threshold, runs_needed};
pub use debounce::Debounce;
pub use score::{Cusum, Ewma, Slip, Stall};
pub use tally::{Tally, TallyCounts};
