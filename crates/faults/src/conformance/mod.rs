//! What every arm must do, whatever is behind it: one suite for simulated, ros2_control and Franka arms.
//!
//! An adapter's tests give a [`Bench`], its world with a way to take the device away and to bring it back, and call
//! [`Conformance::run`]. The arm is driven by the real loop on the real clock; nothing asserts a duration.

mod driver;
mod watched;

use std::{fmt, sync::Arc};

use neuraxis_brainstem::BrainstemConfig;
use neuraxis_core::Arm;
use neuraxis_robot::Robot;

/// The world around an arm under test.
pub trait Bench: Sync {
    /// A fresh arm, connected and at rest. Called once.
    fn arm(&self) -> Result<Box<dyn Arm>, String>;
    /// Takes the device away, in the middle of a motion.
    fn lose(&self) -> Result<(), String>;
    /// Brings it back, and does what its operator has to do before the loop's reset.
    fn restore(&self) -> Result<(), String>;
}

/// A thing that every arm must do.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// States arrive, finite, with stamps that never go back.
    ReportsStates,
    /// Commanded to stand, it stands.
    StandsStill,
    /// A slow motion of one joint is followed, and ends where it should.
    Follows,
    /// A stop on request keeps the limits, latches, and a reset leads on.
    Stops,
    /// A segment and a command that are not numbers are refused, and harm nothing.
    RefusesNonsense,
    /// A device lost in motion is a fault that latches; the loop lives on.
    LossIsAFault,
    /// After the device is back, a reset leads on to motion.
    ResetGoesOn,
    /// Neither `read` nor `write` calls the allocator while all is well.
    NoHeap,
}

impl Behaviour {
    /// All, in the order in which they are tried.
    pub const ALL: &[Behaviour] = &[
        Behaviour::ReportsStates,
        Behaviour::StandsStill,
        Behaviour::Follows,
        Behaviour::Stops,
        Behaviour::RefusesNonsense,
        Behaviour::LossIsAFault,
        Behaviour::ResetGoesOn,
        Behaviour::NoHeap,
    ];

    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Behaviour::ReportsStates => "reports states",
            Behaviour::StandsStill => "stands still",
            Behaviour::Follows => "follows",
            Behaviour::Stops => "stops within limits",
            Behaviour::RefusesNonsense => "refuses nonsense",
            Behaviour::LossIsAFault => "loss is a fault",
            Behaviour::ResetGoesOn => "reset goes on",
            Behaviour::NoHeap => "no heap",
        }
    }
}

/// The suite, with what is asked of an arm.
pub struct Conformance {
    pub(crate) robot: Arc<Robot>,
    pub(crate) brainstem: BrainstemConfig,
    pub(crate) heap: fn() -> u64,
    /// Joint that is moved, and how far and how long one way is [rad], [s].
    pub joint: usize,
    /// See [`Self::joint`].
    pub swing_rad: f64,
    /// See [`Self::joint`].
    pub swing_secs: f64,
    /// A standing arm is this close to where it was commanded to be [rad].
    pub tolerance_rad: f64,
}

impl Conformance {
    /// A swing of 0.3 rad of the first joint in 1.5 s. `heap` tells the calling thread's calls of the allocator so far.
    ///
    /// Lateness is tolerated, and so are privileges that the configuration asks for and that are refused: the machine may be
    /// any, and busy.
    pub fn new(robot: Arc<Robot>, brainstem: BrainstemConfig, heap: fn() -> u64) -> Self {
        let brainstem = BrainstemConfig {
            lease_max_secs: 1.0,
            lead_max_secs: 0.1,
            overrun_budget: 1_000_000,
            arm_when_degraded: true,
            ..brainstem
        };
        Self { robot, brainstem, heap, joint: 0, swing_rad: 0.3, swing_secs: 1.5, tolerance_rad: 0.01 }
    }

    /// Tries every behaviour in order, on one arm; what comes after a failure that ends the loop fails too.
    pub fn run(&self, bench: &dyn Bench) -> ConformanceReport {
        ConformanceReport { rows: driver::run(self, bench) }
    }
}

/// What an arm did.
#[derive(Clone, Debug)]
pub struct ConformanceReport {
    /// Each behaviour, and what was seen, or what was wrong.
    pub rows: Vec<(Behaviour, Result<String, String>)>,
}

impl ConformanceReport {
    /// True if the arm does all that every arm must.
    pub fn is_ok(&self) -> bool {
        self.rows.len() == Behaviour::ALL.len() && self.rows.iter().all(|(_, result)| result.is_ok())
    }
}

impl fmt::Display for ConformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (behaviour, result) in &self.rows {
            let (mark, text) = match result {
                Ok(seen) => ("ok", seen),
                Err(wrong) => ("FAILED", wrong),
            };
            writeln!(f, "  {:<20} {mark:<6} {text}", behaviour.name())?;
        }
        Ok(())
    }
}
