//! An ideal arm on the real clock, one whose driver breaks, and what ends a test that hangs. Whoever uses them asserts no
//! duration.
#![allow(dead_code)]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use neuraxis_brainstem::{BrainstemConfig, MonotonicClock, PrivilegeConfig};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment};

use crate::rig;

pub struct IdealArm {
    pub state: ArmState,
    pub reads_left: u64,
}

impl Arm for IdealArm {
    fn dof(&self) -> usize {
        self.state.q.len()
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(Fault::ReadFailed)?;
        Ok(ArmState { stamp: MonotonicClock.now(), ..self.state })
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        (self.state.q, self.state.qd) = (command.q, command.qd);
        Ok(())
    }
}

pub fn config() -> BrainstemConfig {
    // Ordinary scheduling: the machine may be busy, so leases and budgets are long.
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
    BrainstemConfig { lease_max_secs: 1.0, overrun_budget: 1_000_000, privileges, ..Default::default() }
}

/// From rest at `q`, with a lease that outlasts most of a second: joint 0 speeds up.
pub fn speeding_up(t0: Nanos, q: Joints, rad_s2: f64) -> Segment {
    Segment {
        epoch: 1,
        seq: 1,
        t0,
        valid_until: t0 + Nanos::from_millis(900),
        q,
        qd: Joints::zeros(q.len()),
        qdd: Joints::from_fn(q.len(), |i| if i == 0 { rad_s2 } else { 0.0 }),
        gripper_width_m: 0.08,
        grip_force_n: 20.0,
    }
}

/// Ends the process if a test hangs.
pub fn watchdog() -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(120)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("the loop hangs");
            std::process::exit(101);
        }
    });
    alive
}

/// An arm that keeps all commands, and whose driver panics at a given read or write.
pub struct FragileArm {
    pub ideal: IdealArm,
    pub real: bool,
    pub reads: u64,
    pub panics_at_read: Option<u64>,
    pub panics_at_writes: std::ops::Range<usize>,
    pub attempts: usize,
    pub commands: Arc<Mutex<Vec<ArmCommand>>>,
}

impl FragileArm {
    pub fn new() -> Self {
        let ideal = IdealArm { state: rig::at_rest(rig::fr3().home()), reads_left: u64::MAX };
        Self {
            ideal,
            real: false,
            reads: 0,
            panics_at_read: None,
            panics_at_writes: 0..0,
            attempts: 0,
            commands: Arc::default(),
        }
    }
}

impl Arm for FragileArm {
    fn dof(&self) -> usize {
        7
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn is_real(&self) -> bool {
        self.real
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads += 1;
        assert!(self.panics_at_read != Some(self.reads), "the driver is broken");
        self.ideal.read()
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        self.attempts += 1;
        assert!(!self.panics_at_writes.contains(&self.attempts), "the wire is cut");
        self.commands.lock().unwrap().push(*command);
        self.ideal.write(command)
    }
}
