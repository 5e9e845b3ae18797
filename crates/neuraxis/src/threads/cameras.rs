//! Thread `cameras`: observations, to everybody who looks.

use std::{str::FromStr, sync::Arc};

use anyhow::{Context, Result};
use neuraxis_brainstem::{BodyState, MonotonicClock};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::{MailboxReader, MailboxWriter, RingSender};
use neuraxis_core::{CameraView, Clock, Nanos, Observation};
use neuraxis_robot::Robot;
use neuraxis_sim::{CameraRig, Frame, Setup, Snapshot};

use super::{Rate, Shared, periodic};
use crate::episode_run::simulated_cameras;

/// A fault begins and ends within a day [s].
const LONGEST_SECS: f64 = 86_400.0;

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

/// A fault of the cameras to try out; in words `KIND:CAMERA:FROM[:TO]`, such as `blind:wrist:2:6`.
#[derive(Clone, Debug, PartialEq)]
pub struct EyeFault {
    /// What goes wrong.
    pub kind: EyeFaultKind,
    /// With which camera; `None`: with all.
    pub camera: Option<String>,
    /// So long after the start.
    pub after: Nanos,
    /// And until so long after it; `None`: for ever.
    pub until: Option<Nanos>,
}

/// What goes wrong with cameras.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EyeFaultKind {
    /// No pictures.
    Silent,
    /// Pictures come, but no depth is a number.
    NoDepth,
}

impl EyeFault {
    fn is_in_force(&self, since_start: Nanos) -> bool {
        since_start > self.after && self.until.is_none_or(|until| since_start <= until)
    }

    /// What it makes of pictures.
    fn spoil(&self, views: &mut Vec<CameraView>) {
        let hits = |view: &CameraView| self.camera.as_deref().is_none_or(|camera| *view.name == *camera);
        match self.kind {
            EyeFaultKind::Silent => views.retain(|view| !hits(view)),
            EyeFaultKind::NoDepth => {
                views.iter_mut().filter(|view| hits(view)).for_each(|view| view.depth_m.fill(f32::NAN));
            }
        }
    }
}

impl FromStr for EyeFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, camera, from, to) = match text.split(':').collect::<Vec<_>>()[..] {
            [kind, camera, from] => (kind, camera, from, None),
            [kind, camera, from, to] => (kind, camera, from, Some(to)),
            _ => return Err("allowed: KIND:CAMERA:FROM or KIND:CAMERA:FROM:TO".into()),
        };
        let kind = match kind {
            "silent" => EyeFaultKind::Silent,
            "blind" => EyeFaultKind::NoDepth,
            _ => return Err(format!("KIND {kind:?}, allowed: silent, blind")),
        };
        let cameras = simulated_cameras();
        if camera != "all" && !cameras.iter().any(|name| name == camera) {
            return Err(format!("CAMERA {camera:?}, allowed: all, {}", cameras.join(", ")));
        }
        let secs = |name: &str, text: &str| {
            let secs = text.parse::<f64>().ok().filter(|secs| (0.0..=LONGEST_SECS).contains(secs));
            secs.map(Nanos::from_secs).ok_or_else(|| format!("{name} {text:?}, allowed: 0 to {LONGEST_SECS} [s]"))
        };
        let (after, until) = (secs("FROM", from)?, to.map(|to| secs("TO", to)).transpose()?);
        if until.is_some_and(|until| until <= after) {
            return Err("TO is not after FROM".into());
        }
        let camera = (camera != "all").then(|| camera.to_string());
        Ok(Self { kind, camera, after, until })
    }
}

/// All cameras of the simulated rig.
pub fn cameras(
    setup: &Setup,
    robot: &Robot,
    period: Nanos,
    mut frames: MailboxReader<Frame>,
    mut links: CameraLinks,
    faults: &[EyeFault],
    shared: &Shared,
) -> Result<Rate> {
    // The renderer's context belongs to the thread that made it.
    let mut rig = CameraRig::new(setup).context("starting the cameras")?;
    let mut snapshot = Snapshot::default();
    let start = MonotonicClock.now();
    let mut seq = 0;
    periodic("cameras", period, &shared.done, |now| {
        let (Some(body), Some(mind)) = (links.body.latest(), links.minds.latest()) else { return Ok(false) };
        let Some(frame) = frames.fresh() else { return Ok(false) };
        frame.copy_into(&mut snapshot);
        let mut cameras = rig.render_snapshot(&snapshot).context("rendering the cameras")?;
        faults.iter().filter(|fault| fault.is_in_force(now - start)).for_each(|fault| fault.spoil(&mut cameras));
        // Nothing has come.
        if cameras.is_empty() {
            return Ok(false);
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

#[cfg(test)]
mod tests {
    use neuraxis_core::{Intrinsics, Pose};

    use super::*;

    fn fault(text: &str) -> EyeFault {
        text.parse().unwrap()
    }

    /// Which cameras come at a time [s] and have depth, under these faults.
    fn seeing(faults: &[&str], secs: f64) -> Vec<(String, bool)> {
        let view = |name: &str| CameraView {
            name: name.into(),
            intrinsics: Intrinsics { width: 1, height: 1, fx: 1.0, fy: 1.0, cx: 0.0, cy: 0.0 },
            world_from_camera: Pose::identity(),
            rgb: vec![9; 3],
            depth_m: vec![1.0],
        };
        let mut views = ["front", "wrist"].map(view).to_vec();
        let faults = faults.iter().map(|text| fault(text));
        faults.filter(|fault| fault.is_in_force(Nanos::from_secs(secs))).for_each(|fault| fault.spoil(&mut views));
        views.iter().map(|view| (view.name.to_string(), view.depth_m[0].is_finite())).collect()
    }

    #[test]
    fn a_fault_is_of_its_camera_and_ends() {
        let front = ("front".to_string(), true);
        for (secs, sees) in [(1.9, true), (2.1, false), (5.9, false), (6.1, true)] {
            assert_eq!(seeing(&["blind:wrist:2:6"], secs), [front.clone(), ("wrist".into(), sees)], "{secs}");
        }
        assert_eq!(seeing(&["silent:front:2:6"], 3.0), [("wrist".into(), true)]);
        assert_eq!(seeing(&["silent:all:2"], 1e4), [], "for ever");
        let both = ["blind:wrist:2:9", "blind:all:5:7"];
        assert_eq!(seeing(&both, 6.0), [("front".into(), false), ("wrist".into(), false)]);
        assert_eq!(seeing(&both, 8.0), [front, ("wrist".into(), false)]);
    }

    #[test]
    fn a_fault_that_is_none_is_refused_with_what_is_allowed() {
        for (text, why) in [
            ("blind:wrist", "KIND:CAMERA:FROM"),
            ("deaf:wrist:1", "allowed: silent, blind"),
            ("blind:nose:1", "allowed: all, front"),
            ("blind:wrist:-1", "FROM \"-1\", allowed: 0 to 86400"),
            ("blind:wrist:1:nan", "TO \"nan\""),
            ("blind:wrist:3:3", "TO is not after FROM"),
        ] {
            let error = text.parse::<EyeFault>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
