//! An arm that moves as somebody else wants.

use neuraxis_core::{Arm, ArmCommand, ArmState, Fault, Nanos, Pacing};

/// An arm that is only watched.
pub(super) struct Unheard<'a>(pub(super) Box<dyn Arm + 'a>);

impl Arm for Unheard<'_> {
    fn dof(&self) -> usize {
        self.0.dof()
    }
    fn pacing(&self) -> Pacing {
        self.0.pacing()
    }
    fn period(&self) -> Nanos {
        self.0.period()
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.0.read()
    }
    fn write(&mut self, _command: &ArmCommand) -> Result<(), Fault> {
        Ok(())
    }
}
