//! Thread `cameras`: observations, to everybody who looks.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::{BodyState, MonotonicClock};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::{MailboxReader, MailboxWriter, RingSender};
use neuraxis_core::{Clock, Nanos, Observation};
use neuraxis_robot::Robot;
use neuraxis_sim::{CameraRig, Frame, Setup, Snapshot};

use super::{Rate, Shared, periodic};

/// Ends of the cameras' channels.
pub struct CameraLinks {
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// Progress, from the cerebellum.
    pub minds: MailboxReader<Option<CerebellumTick>>,
    /// To policy, recorder and ROS: each keeps the newest and drops what it cannot use.
    pub observations: Vec<RingSender<Arc<Observation>>>,
    /// To the cerebellum: when the newest images were taken.
    pub stamps: MailboxWriter<Option<Nanos>>,
}

impl CameraLinks {
    /// To everybody who looks.
    pub fn give(&mut self, observation: Observation) {
        let observation = Arc::new(observation);
        self.stamps.write(Some(observation.stamp));
        for out in &self.observations {
            out.push_newest(observation.clone());
        }
    }
}

/// A fault of all cameras to try out.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct EyeFault {
    /// What goes wrong.
    pub kind: EyeFaultKind,
    /// So long after the start.
    pub after: Nanos,
}

/// What goes wrong with cameras.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EyeFaultKind {
    /// No pictures any more.
    Silent,
    /// Pictures come, but no depth is a number.
    NoDepth,
}

/// All cameras of the simulated rig.
pub fn cameras(
    setup: &Setup,
    robot: &Robot,
    period: Nanos,
    mut frames: MailboxReader<Frame>,
    mut links: CameraLinks,
    fault: Option<EyeFault>,
    shared: &Shared,
) -> Result<Rate> {
    // The renderer's context belongs to the thread that made it.
    let mut rig = CameraRig::new(setup).context("starting the cameras")?;
    let mut snapshot = Snapshot::default();
    let start = MonotonicClock.now();
    let mut seq = 0;
    periodic("cameras", period, &shared.done, |now| {
        let (Some(body), Some(mind)) = (links.body.latest(), links.minds.latest()) else { return Ok(false) };
        let fault = fault.filter(|fault| now - start > fault.after).map(|fault| fault.kind);
        if fault == Some(EyeFaultKind::Silent) {
            return Ok(false);
        }
        let Some(frame) = frames.fresh() else { return Ok(false) };
        frame.copy_into(&mut snapshot);
        let mut cameras = rig.render_snapshot(&snapshot).context("rendering the cameras")?;
        if fault == Some(EyeFaultKind::NoDepth) {
            cameras.iter_mut().for_each(|camera| camera.depth_m.fill(f32::NAN));
        }
        links.give(Observation {
            seq,
            stamp: frame.stamp,
            cameras,
            q: body.state.q,
            world_from_tool: robot.world_from_tool(&body.state.q),
            gripper_width_m: body.state.gripper_width_m,
            progress: mind.progress,
        });
        seq += 1;
        Ok(true)
    })
}
