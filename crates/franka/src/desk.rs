//! The operator's side of a Franka arm: how it is, and how it comes back after a stop of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{FrankaConfig, FrankaError, Reflexes, RobotMode, link::Link, shared::Shared};

/// Between two looks at the robot's mode.
const LOOK: Duration = Duration::from_millis(2);

/// How the robot is.
#[derive(Clone, Debug, PartialEq)]
pub struct FrankaStatus {
    /// Its mode.
    pub mode: RobotMode,
    /// It follows our commands.
    pub is_driven: bool,
    /// Errors in force.
    pub errors: Reflexes,
    /// What ended its last motion.
    pub last_reflexes: Reflexes,
    /// Share of the last hundred commands that came in time, 0 to 1; 0 while it is not driven.
    pub success_rate: f64,
    /// The robot's milliseconds that the loop saw no state of, since the start.
    pub lost_packets: u64,
    /// Why the arm took no command last time; `None` since a recovery.
    pub trouble: Option<FrankaError>,
}

/// The operator's side; clone it freely. Its methods block: keep them off the loop's thread.
#[derive(Clone, Debug)]
pub struct FrankaDesk {
    shared: Arc<Shared>,
    config: FrankaConfig,
}

impl FrankaDesk {
    pub(crate) fn new(shared: Arc<Shared>, config: FrankaConfig) -> Self {
        Self { shared, config }
    }

    /// How the robot is, as of its last state.
    pub fn status(&self) -> FrankaStatus {
        self.shared.status()
    }

    /// Makes the robot ready again after a stop of its own: clears a reflex, connects again after a lost connection.
    ///
    /// To be called when a person has looked at the robot and asks for a reset, never by itself; the loop's own reset comes
    /// after it. The robot does not move: its next motion begins with the loop's next command. Errors: a robot that
    /// cannot be reached, or in a mode that only its user can end, or that refuses. Blocks for as long as the robot
    /// takes, seconds at most. Nothing to recover is no error.
    pub fn recover(&self) -> Result<(), FrankaError> {
        if self.shared.status().is_driven {
            return Ok(());
        }
        let link = self.shared.link();
        let recovered = if link.is_open() {
            self.make_ready(&link, || Ok(self.shared.mode()))
        } else {
            let fresh = Arc::new(Link::connect(&self.config)?);
            let ready = self.make_ready(&fresh, || Ok(RobotMode::from_wire(fresh.receive(None)?.robot_mode)));
            ready.and_then(|()| fresh.set_up(&self.config)).map(|_| self.shared.replace_link(fresh))
        };
        self.shared.set_trouble(recovered.clone().err());
        recovered?;
        self.shared.recovered.raise();
        // Only then does the loop see states that a reset can rest on. A loop that does not run need not be waited for.
        let deadline = Instant::now() + FrankaConfig::secs(self.config.state_timeout_secs) + 50 * LOOK;
        while self.shared.recovered.is_raised() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn make_ready(
        &self,
        link: &Link,
        mut mode: impl FnMut() -> Result<RobotMode, FrankaError>,
    ) -> Result<(), FrankaError> {
        link.forget_motion();
        match mode()? {
            RobotMode::Idle | RobotMode::Recovering => {}
            RobotMode::Reflex => link.recover(&self.config)?,
            RobotMode::Move => link.stop_motion(&self.config)?,
            mode @ (RobotMode::Other | RobotMode::Guiding | RobotMode::UserStopped) => {
                return Err(FrankaError::Mode { mode });
            }
        }
        let deadline = Instant::now() + FrankaConfig::secs(self.config.answer_timeout_secs);
        loop {
            match mode()? {
                RobotMode::Idle => return Ok(()),
                mode if Instant::now() > deadline => return Err(FrankaError::Mode { mode }),
                _ => std::thread::sleep(LOOK),
            }
        }
    }
}
