//! What the robot says about itself.

use std::fmt;

use franka::errors::ERROR_NAMES;

/// The robot's mode, as it reports it with each state.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RobotMode {
    /// None of the others: brakes locked, or starting.
    Other,
    /// Ready.
    Idle,
    /// A motion runs.
    Move,
    /// Guided by hand.
    Guiding,
    /// Stopped by a reflex.
    Reflex,
    /// Stopped by the user's stop button or enabling device.
    UserStopped,
    /// Recovering from an error.
    Recovering,
}

impl RobotMode {
    /// All, in the order of the wire.
    pub(crate) const ALL: [RobotMode; 7] = [
        RobotMode::Other,
        RobotMode::Idle,
        RobotMode::Move,
        RobotMode::Guiding,
        RobotMode::Reflex,
        RobotMode::UserStopped,
        RobotMode::Recovering,
    ];

    /// From the wire; unknown ones are [`RobotMode::Other`].
    pub(crate) fn from_wire(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(RobotMode::Other)
    }

    /// What to do so that it takes commands.
    pub fn remedy(self) -> &'static str {
        match self {
            RobotMode::Other => "open the brakes in Desk and wait until the lights are blue",
            RobotMode::Idle => "nothing is to be done",
            RobotMode::Move => "another program drives it: stop that one",
            RobotMode::Guiding => "let go of the guiding buttons",
            RobotMode::Reflex => "see why it stopped, make room, then ask for recovery",
            RobotMode::UserStopped => "release the stop button or press the enabling device",
            RobotMode::Recovering => "wait until it has recovered",
        }
    }
}

impl fmt::Display for RobotMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RobotMode::Other => "not ready (brakes locked?)",
            RobotMode::Idle => "ready",
            RobotMode::Move => "moving",
            RobotMode::Guiding => "being guided by hand",
            RobotMode::Reflex => "stopped by a reflex",
            RobotMode::UserStopped => "stopped by its user",
            RobotMode::Recovering => "recovering from an error",
        })
    }
}

/// A set of the robot's error flags, in the order of the wire.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Reflexes(pub(crate) u64);

impl Reflexes {
    /// From one byte per flag.
    pub(crate) fn from_wire(flags: &[u8]) -> Self {
        Self(flags.iter().take(64).enumerate().fold(0, |set, (bit, &flag)| set | (u64::from(flag != 0) << bit)))
    }

    /// True if no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Franka's names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ERROR_NAMES.iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| *name)
    }
}

impl fmt::Display for Reflexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_flags_are_those_of_the_wire() {
        for (byte, mode) in RobotMode::ALL.into_iter().enumerate() {
            assert_eq!(RobotMode::from_wire(byte as u8), mode);
        }
        assert_eq!(RobotMode::from_wire(200), RobotMode::Other);
        let mut flags = [0; 41];
        (flags[3], flags[25]) = (1, 1);
        let set = Reflexes::from_wire(&flags);
        assert_eq!(set.to_string(), "joint_velocity_violation, communication_constraints_violation");
        assert!(Reflexes::from_wire(&[0; 41]).is_empty());
    }
}
