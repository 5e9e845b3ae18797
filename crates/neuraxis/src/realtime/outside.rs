//! The ends of a run that other programs hold.

use std::sync::Arc;

use neuraxis_channel::{MailboxReader, RingReceiver, RingSender};
use neuraxis_core::{ArmState, Observation, TaskOrder, TaskReport};

use crate::{insight::Insight, threads::Seen};

/// What outside programs (ROS) hold of a run.
pub struct Outside {
    /// What the arm measures.
    pub states: MailboxReader<ArmState>,
    /// What the cameras see.
    pub frames: RingReceiver<Arc<Observation>>,
    /// What a brain plans, does and notices, a line each.
    pub events: RingReceiver<String>,
    /// Tasks for the policy or the brain.
    pub orders: RingSender<TaskOrder>,
    /// What is said of those that are goals.
    pub reports: RingReceiver<TaskReport>,
    /// What a policy looked at.
    #[cfg_attr(not(feature = "ros"), allow(dead_code, reason = "ROS publishes it"))]
    pub looks: RingReceiver<Arc<Seen>>,
    /// How the run is.
    pub insight: Insight,
}
