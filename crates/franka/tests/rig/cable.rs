//! A cable that can be pulled: while it is, commands vanish.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use neuraxis_core::{Arm, ArmCommand, ArmState, Fault, Nanos, Pacing};
use neuraxis_franka::FrankaArm;

pub struct Cable {
    arm: FrankaArm,
    is_cut: Arc<AtomicBool>,
}

impl Cable {
    pub fn new(arm: FrankaArm) -> Self {
        Self { arm, is_cut: Arc::new(AtomicBool::new(false)) }
    }

    /// True while it is pulled.
    pub fn is_cut(&self) -> Arc<AtomicBool> {
        self.is_cut.clone()
    }
}

impl Arm for Cable {
    fn dof(&self) -> usize {
        self.arm.dof()
    }
    fn pacing(&self) -> Pacing {
        self.arm.pacing()
    }
    fn period(&self) -> Nanos {
        self.arm.period()
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.arm.read()
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        if self.is_cut.load(Ordering::Relaxed) { Ok(()) } else { self.arm.write(command) }
    }
}
