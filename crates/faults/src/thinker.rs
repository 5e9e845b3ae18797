//! Cameras and policy of the rig: what flows from images to predictions.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_channel::{RingReceiver, RingSender, ring};
use neuraxis_core::{
    ArmState, CameraView, Instruction, Intrinsics, KeyFrame, Nanos, Observation, Policy, Pose, Prediction, Progress,
};
use neuraxis_robot::Robot;

use crate::{EyedPolicy, Injector, SharedClock};

/// Images and predictions come at this rate; a prediction takes this long.
pub(crate) const LOOK: Nanos = Nanos::from_millis(50);
pub(crate) const LATENCY: Nanos = Nanos::from_millis(30);
const WIDTH: u32 = 8;
const HEIGHT: u32 = 6;

/// Cameras, policy, and the observations between them open to faults.
pub(crate) struct Thinker {
    robot: Arc<Robot>,
    clock: SharedClock,
    keyframes: [KeyFrame; 2],
    /// `None` once its thread has panicked.
    policy: Option<EyedPolicy<SharedClock>>,
    instruction: Instruction,
    pub(crate) observations: Injector<Observation>,
    ring_in: RingSender<Observation>,
    ring_out: RingReceiver<Observation>,
    on_the_way: Option<(Nanos, Prediction)>,
    camera_seq: u64,
    answered: u64,
    refused: u64,
    superseded: u64,
}

impl Thinker {
    pub(crate) fn new(
        robot: Arc<Robot>,
        clock: SharedClock,
        keyframes: [KeyFrame; 2],
        observations: Injector<Observation>,
    ) -> Self {
        let (ring_in, ring_out) = ring(2);
        Self {
            robot,
            policy: Some(EyedPolicy::new(clock.clone(), keyframes)),
            clock,
            keyframes,
            instruction: Instruction { text: "to and fro".into(), epoch: 0, features: None },
            observations,
            ring_in,
            ring_out,
            on_the_way: None,
            camera_seq: 0,
            answered: 0,
            refused: 0,
            superseded: 0,
        }
    }

    /// A new task, for a policy that may itself be new.
    pub(crate) fn start_task(&mut self, epoch: u32) {
        self.instruction.epoch = epoch;
        if self.policy.is_none() {
            self.policy = Some(EyedPolicy::new(self.clock.clone(), self.keyframes));
        }
    }

    /// The policy's thread panics, for real, and is gone with what it was thinking about.
    pub(crate) fn panic_policy(&mut self) {
        unwind(self.policy.take());
        self.on_the_way = None;
    }

    /// The cameras' thread panics; started again it counts from zero.
    pub(crate) fn panic_cameras(&mut self) {
        unwind(());
        self.camera_seq = 0;
    }

    /// Takes pictures.
    pub(crate) fn look(&mut self, world: Nanos, now: Nanos, state: &ArmState, progress: Progress) {
        let pixels = (WIDTH * HEIGHT) as usize;
        let view = CameraView {
            name: "front".into(),
            intrinsics: Intrinsics { width: WIDTH, height: HEIGHT, fx: 8.0, fy: 8.0, cx: 3.5, cy: 2.5 },
            world_from_camera: Pose::from_parts(Vector3::new(1.0, 0.0, 1.4), UnitQuaternion::identity()),
            rgb: vec![90; 3 * pixels],
            depth_m: vec![1.0; pixels],
        };
        let observation = Observation {
            seq: self.camera_seq,
            stamp: now,
            cameras: vec![view],
            q: state.q,
            world_from_tool: self.robot.world_from_tool(&state.q),
            gripper_width_m: state.gripper_width_m,
            progress,
        };
        self.camera_seq += 1;
        self.observations.offer(world, observation);
    }

    /// What the stream has brought by now is in the policy's ring; the stamp of the last images.
    pub(crate) fn deliver(&mut self, world: Nanos) -> Option<Nanos> {
        let mut stamp = None;
        while let Some(observation) = self.observations.take(world) {
            stamp = Some(observation.stamp);
            self.ring_in.push_newest(observation);
        }
        stamp
    }

    /// Thinks about the newest observation unless it is busy; `latency` later the answer is there.
    pub(crate) fn think(&mut self, world: Nanos, latency: Nanos) {
        let Some(policy) = self.policy.as_mut().filter(|_| self.on_the_way.is_none()) else { return };
        let mut newest = None;
        while let Some(observation) = self.ring_out.pop() {
            self.superseded += u64::from(newest.replace(observation).is_some());
        }
        let Some(observation) = newest else { return };
        match policy.predict(&observation, &self.instruction) {
            Ok(prediction) => {
                self.answered += 1;
                self.on_the_way = Some((world + latency, prediction));
            }
            Err(_) => self.refused += 1,
        }
    }

    /// The answer, once it is there.
    pub(crate) fn answer(&mut self, world: Nanos) -> Option<Prediction> {
        self.on_the_way.take_if(|(due, _)| *due <= world).map(|(_, prediction)| prediction)
    }

    /// Observations that the policy would not use.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Observations: each was answered, refused, superseded, dropped, or waits.
    pub(crate) fn adds_up(&self) -> Result<(), String> {
        let counts = self.observations.counts();
        let taken = self.answered + self.refused + self.superseded;
        let (sent, dropped, waits) = (self.ring_in.sent(), self.ring_in.dropped(), self.ring_out.len() as u64);
        if self.observations.adds_up() && counts.delivered == sent && sent == taken + dropped + waits {
            return Ok(());
        }
        Err(format!("observations: {counts:?}; {sent} sent = {taken} taken + {dropped} dropped + {waits} waiting?"))
    }
}

/// A panic that owns `lost`. Without the hook that prints: this one is wanted.
pub(crate) fn unwind<T>(lost: T) {
    let _ = catch_unwind(AssertUnwindSafe(move || {
        let _dropped_by_unwinding = lost;
        resume_unwind(Box::new("injected"));
    }));
}
