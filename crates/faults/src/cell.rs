//! Where a fault sits, and what it is: the matrix.

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// All, in the order of the matrix.
            pub const ALL: &[$name] = &[$($name::$item,)*];

            /// As on the command line and in reports.
            pub fn name(self) -> &'static str {
                match self { $($name::$item => $text,)* }
            }
        }
    };
}

names! {
    /// Whose stream is disturbed.
    Source {
        /// Arm to brainstem: measured states.
        State = "state",
        /// Cerebellum to brainstem: motion segments.
        Command = "command",
        /// Policy to cerebellum: predictions.
        Policy = "policy",
        /// Cameras to policy: observations.
        Camera = "camera",
        /// The monotonic clock and the loop's wakes.
        Clock = "clock",
        /// Who looks at the body's states.
        Viewer = "viewer",
        /// Who writes down the loop's ticks.
        Disk = "disk",
        /// Outside programs to the body: instructions, stops, resets.
        Ros = "ros",
    }
}

names! {
    /// What happens to a stream.
    FaultKind {
        /// Messages are lost.
        Drop = "drop",
        /// Messages come a fixed time late.
        Delay = "delay",
        /// Messages come late by chance, in order.
        Jitter = "jitter",
        /// Messages come twice.
        Duplicate = "duplicate",
        /// Neighbours change places.
        Reorder = "reorder",
        /// The source repeats itself.
        Freeze = "freeze",
        /// Numbers are NaN.
        Nan = "nan",
        /// Numbers are infinite.
        Inf = "inf",
        /// Numbers, or the rate of requests, are absurdly large.
        Huge = "huge",
        /// Vectors are too short.
        WrongLength = "wrong_length",
        /// Time stamps, or the clock, lie back.
        StepBack = "step_back",
        /// Time stamps, or the clock, lie ahead.
        StepForward = "step_forward",
        /// The source's thread blocks.
        Hang = "hang",
        /// The source's thread panics.
        Panic = "panic",
        /// The source runs at a tenth of its rate.
        Slow = "slow",
        /// The disk takes no more.
        DiskFull = "disk_full",
        /// The source's process is gone.
        Kill = "kill",
    }
}

/// One place of the matrix.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Whose stream.
    pub source: Source,
    /// What happens to it.
    pub fault: FaultKind,
}

impl Cell {
    /// The matrix, row by row.
    pub fn all() -> impl Iterator<Item = Cell> {
        Source::ALL.iter().flat_map(|&source| FaultKind::ALL.iter().map(move |&fault| Cell { source, fault }))
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.source.name(), self.fault.name())
    }
}
