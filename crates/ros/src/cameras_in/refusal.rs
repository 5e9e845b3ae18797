//! Why something of a camera was refused.

/// Why something of a camera was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewRefusal {
    /// Encoding, size, intrinsics or numbers; in words, with the type of the message.
    #[error("{0}")]
    Message(String),
    /// A frame that is not the camera's, or not the world's.
    #[error("{what} is in frame {found:?}, needed is {needed:?}")]
    Frame {
        /// Which message.
        what: &'static str,
        /// Its frame.
        found: String,
        /// The frame it must have.
        needed: String,
    },
    /// Depth or calibration does not belong to colour.
    #[error("{what} is {width} x {height}, colour is {colour_width} x {colour_height}: register it to colour")]
    NotRegistered {
        /// Which message.
        what: &'static str,
        /// Its width [px].
        width: u32,
        /// Its height [px].
        height: u32,
        /// Width of colour [px].
        colour_width: u32,
        /// Height of colour [px].
        colour_height: u32,
    },
    /// The same stamp again: the camera is frozen.
    #[error("the stamp of {what} stands still")]
    Frozen {
        /// Which message.
        what: &'static str,
    },
    /// A stamp before the last one.
    #[error("the stamp of {what} went back by {secs:.3} s")]
    Returned {
        /// Which message.
        what: &'static str,
        /// By how much [s].
        secs: f64,
    },
    /// Too old when it came.
    #[error("{what} is {secs:.3} s old, allowed is {allowed_secs} s")]
    Late {
        /// Which message.
        what: &'static str,
        /// How old [s].
        secs: f64,
        /// The greatest age [s].
        allowed_secs: f64,
    },
    /// From the future.
    #[error("the stamp of {what} lies {secs:.3} s ahead of this machine's clock")]
    Ahead {
        /// Which message.
        what: &'static str,
        /// By how much [s].
        secs: f64,
    },
    /// Nothing else came that was captured with it.
    #[error("no {missing} within {skew_secs} s of colour")]
    Unpaired {
        /// What was missing.
        missing: &'static str,
        /// The greatest skew [s].
        skew_secs: f64,
    },
    /// `/tf` does not say where the camera is.
    #[error("no transform from {parent:?} to {child:?}: the chain ends at {ends_at:?}")]
    NoTransform {
        /// What carries the camera.
        parent: String,
        /// The camera.
        child: String,
        /// The frame of which nobody says the parent.
        ends_at: String,
    },
    /// Who says where the camera is says it no longer.
    #[error("the transform to {child:?} is {secs:.3} s old, allowed is {allowed_secs} s")]
    OldTransform {
        /// Its frame.
        child: String,
        /// How old [s].
        secs: f64,
        /// The greatest age [s].
        allowed_secs: f64,
    },
    /// The camera is not where it was when it was heard of first.
    #[error(
        "{camera:?} has moved in {parent:?} by {by_m:.4} m and {by_rad:.4} rad since the start: calibrate, then start again"
    )]
    Moved {
        /// What carries the camera.
        parent: String,
        /// The camera.
        camera: String,
        /// By how much [m].
        by_m: f64,
        /// By how much [rad].
        by_rad: f64,
    },
    /// The clock of this machine leapt: what waited was dropped.
    #[error("the clock of this machine leapt by {secs:.3} s")]
    ClockLeapt {
        /// By how much [s].
        secs: f64,
    },
}
