//! The simulated arm and its surroundings: one millisecond per step.

mod names;
mod touch;
mod world;

use mujoco_rs::prelude::MjtJoint;
use nalgebra::Vector3;
use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos, PERIOD_BRAINSTEM};

pub(crate) use self::names::{CAMERA, named};
pub use self::world::WorldData;
use crate::{
    Setup, SimError,
    body::Body,
    disturb::Trouble,
    grasp::{Attachment, Grasp, Jointed},
    moving::Motion,
    tasks::{Goal, Judge},
};

/// Of the finger actuators in sim/*.xml [N/m], [N s/m].
const FINGER_STIFFNESS: f64 = 1500.0;
const FINGER_DAMPING: f64 = 40.0;

/// What is needed to draw the world: positions of joints and of mocap bodies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When.
    pub stamp: Nanos,
    /// All joint positions.
    pub qpos: Vec<f64>,
    /// Positions of mocap bodies [m].
    pub mocap: Vec<[f64; 3]>,
}

/// Physics of one episode.
pub struct Plant {
    world: WorldData,
    judge: Box<dyn Judge>,
    body: Body,
    tau_nm: Joints,
    ticks: u64,
    attachment: Option<Attachment>,
    motion: Option<Motion>,
    trouble: Option<Trouble>,
}

impl Plant {
    /// The arm at home with open fingers, objects at rest.
    pub fn new(setup: &Setup) -> Result<Self, SimError> {
        let mut world = WorldData::new(setup)?;
        let body = setup.body.clone();
        for (joint, angle) in body.joints.iter().zip(setup.home_rad.iter()) {
            world.data.qpos_mut()[joint.qpos] = *angle;
        }
        for (qpos, _) in body.fingers {
            world.data.qpos_mut()[qpos] = body.open_m;
        }
        world.data.forward();
        let judge = setup.task.judge(&world)?;
        let attachment = (setup.grasp == Grasp::Attach).then(|| Attachment::new(&world, &setup.model)).transpose()?;
        let trouble = match setup.disturbance {
            Some(what) => Some(Trouble::new(what, setup.spec().seed, setup.grasp, &world, &setup.model)?),
            None => None,
        };
        Ok(Self {
            world,
            judge,
            tau_nm: Joints::zeros(body.dof()),
            body,
            ticks: 0,
            attachment,
            motion: Motion::new(setup.moving, setup.spec().seed, &setup.model),
            trouble,
        })
    }

    /// One millisecond under joint impedance control around the command. No allocation.
    pub fn step(&mut self, command: &ArmCommand) {
        for (i, joint) in self.body.joints.iter().enumerate() {
            let (q, qd) = (self.world.data.qpos()[joint.qpos], self.world.data.qvel()[joint.qvel]);
            let error = command.q.get(i).map_or(0.0, |c| c - q);
            let error_rate = command.qd.get(i).map_or(0.0, |c| c - qd);
            let ahead = command.tau_nm.get(i).copied().unwrap_or(0.0);
            let wanted = ahead + joint.stiffness * error + joint.damping * error_rate;
            let tau = wanted.clamp(-joint.most_nm, joint.most_nm);
            self.tau_nm[i] = tau;
            self.world.data.ctrl_mut()[i] = tau;
        }
        // Closing asks for a little less than nothing, so that the fingers squeeze.
        let finger = (command.gripper_width_m / 2.0).clamp(0.0, self.body.open_m);
        let finger = if finger < 1e-4 { -0.005 } else { finger };
        let dof = self.body.dof();
        for (i, (qpos, qvel)) in self.body.fingers.into_iter().enumerate() {
            let (q, qd) = (self.world.data.qpos()[qpos], self.world.data.qvel()[qvel]);
            // The actuator pushes with `FINGER_STIFFNESS (ctrl - q) - FINGER_DAMPING qd`: no harder than asked for.
            let firmest = q + (FINGER_DAMPING * qd - command.grip_force_n) / FINGER_STIFFNESS;
            self.world.data.ctrl_mut()[dof + i] = finger.max(firmest);
        }
        self.world.data.step();
        self.ticks += 1;
        let width = self.width_m();
        if let Some(attachment) = &mut self.attachment {
            attachment.step(&mut self.world, command.gripper_width_m, width);
        }
        if let Some(motion) = &mut self.motion {
            motion.step(&mut self.world, command.gripper_width_m, PERIOD_BRAINSTEM.secs());
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.step(&mut self.world, PERIOD_BRAINSTEM.secs());
        }
        self.judge.step(&mut self.world, width);
    }

    /// Joints of the arm.
    pub fn dof(&self) -> usize {
        self.body.dof()
    }

    /// What the arm's sensors report.
    pub fn state(&self) -> ArmState {
        let (dof, joints) = (self.body.dof(), &self.body.joints);
        let force = self.world.data.actuator_force();
        ArmState {
            stamp: self.now(),
            q: Joints::from_fn(dof, |i| self.world.data.qpos()[joints[i].qpos]),
            qd: Joints::from_fn(dof, |i| self.world.data.qvel()[joints[i].qvel]),
            tau_nm: self.tau_nm,
            gripper_width_m: self.width_m(),
            grip_force_n: Some(-0.5 * (force[dof] + force[dof + 1])),
        }
    }

    /// Simulated time.
    pub fn now(&self) -> Nanos {
        Nanos(self.ticks * PERIOD_BRAINSTEM.0)
    }

    /// By how much the scene has been displaced since the start, along x and y of the world [m].
    pub fn shift_m(&self) -> [f64; 2] {
        let moved = self.motion.as_ref().map_or([0.0; 2], Motion::shift_m);
        let disturbed = self.trouble.as_ref().map_or([0.0; 2], Trouble::shift_m);
        [moved[0] + disturbed[0], moved[1] + disturbed[1]]
    }

    /// When the disturbance began, if it has.
    pub fn disturbed_at(&self) -> Option<Nanos> {
        self.trouble.as_ref().and_then(Trouble::since_secs).map(Nanos::from_secs)
    }

    /// The goal is met now.
    pub fn success(&self, goal: &Goal) -> bool {
        self.judge.success(goal)
    }

    /// The goal can no longer be met.
    pub fn failed(&self, goal: &Goal) -> bool {
        self.judge.failed(goal)
    }

    /// True state, for experts and scoring only.
    pub fn world(&self) -> &WorldData {
        &self.world
    }

    /// Copies what a renderer needs; allocates only the first time.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot) {
        snapshot.stamp = self.now();
        snapshot.qpos.clear();
        snapshot.qpos.extend_from_slice(self.world.data.qpos());
        snapshot.mocap.clear();
        snapshot.mocap.extend_from_slice(self.world.data.mocap_pos());
    }

    /// Puts everything but the arm where it was in a snapshot of the same scene, at rest, and judges from here on.
    ///
    /// # Errors
    /// If the snapshot is of a scene with other joints, or the scene lacks what its judge looks at.
    pub fn resume(&mut self, snapshot: &Snapshot, setup: &Setup) -> Result<(), SimError> {
        let data = &mut self.world.data;
        if snapshot.qpos.len() != data.qpos().len() || snapshot.mocap.len() != data.mocap_pos().len() {
            return Err(SimError::OtherScene { joints: snapshot.qpos.len(), here: data.qpos().len() });
        }
        let arm = self.body.joints.iter().map(|joint| joint.qpos).chain(self.body.fingers.map(|(qpos, _)| qpos));
        let own: Vec<(usize, f64)> = arm.map(|qpos| (qpos, data.qpos()[qpos])).collect();
        data.qpos_mut().copy_from_slice(&snapshot.qpos);
        data.mocap_pos_mut().copy_from_slice(&snapshot.mocap);
        for (qpos, angle) in own {
            data.qpos_mut()[qpos] = angle;
        }
        data.forward();
        self.judge = setup.task.judge(&self.world)?;
        Ok(())
    }

    /// Things that move freely, and where their middles are in the world [m].
    pub fn things(&self) -> Vec<(String, Vector3<f64>)> {
        let free = Jointed::all(self.world.data.model(), MjtJoint::mjJNT_FREE);
        free.iter()
            .map(|thing| (self.world.body_name(thing.body).to_string(), self.world.body_position(thing.body)))
            .collect()
    }

    fn width_m(&self) -> f64 {
        self.body.fingers.iter().map(|(qpos, _)| self.world.data.qpos()[*qpos]).sum()
    }
}
