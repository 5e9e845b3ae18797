//! The state of the simulated world, by name and by number.

use std::sync::Arc;

use mujoco_rs::prelude::{MjData, MjModel, MjtObjBase};
use nalgebra::{Isometry3, Quaternion, UnitQuaternion, Vector3};

use super::{
    Snapshot,
    names::{BODY, GEOM, JOINT, Kind, SITE, missing, named},
};
use crate::{Setup, SimError, grasp::Jointed, perturb::Sizes};

/// MuJoCo's data with names resolved; what judges and experts see.
pub struct WorldData {
    pub(super) data: MjData<Arc<MjModel>>,
    /// Where its names come from, for errors.
    file: Arc<str>,
    /// Bodies of the gripper's fingers.
    pub(super) fingers: [usize; 2],
    /// The table's top.
    pub(super) table: usize,
    sizes: Sizes,
}

impl WorldData {
    pub(crate) fn new(setup: &Setup) -> Result<Self, SimError> {
        let data = MjData::new(setup.model.clone());
        let sizes = setup.perturbation.sizes(setup.spec().seed);
        let mut world = Self { data, file: setup.file.clone(), fingers: [0; 2], table: 0, sizes };
        world.fingers = [world.body_index("left_finger")?, world.body_index("right_finger")?];
        world.table = world.id(GEOM, "table")?;
        Ok(world)
    }

    pub(crate) fn show(&mut self, snapshot: &Snapshot) -> &mut MjData<Arc<MjModel>> {
        self.data.qpos_mut().copy_from_slice(&snapshot.qpos);
        self.data.mocap_pos_mut().copy_from_slice(&snapshot.mocap);
        self.data.forward();
        &mut self.data
    }

    /// All joint positions.
    pub fn qpos(&self) -> &[f64] {
        self.data.qpos()
    }

    /// Simulated time [s].
    pub fn time_secs(&self) -> f64 {
        self.data.ffi().time
    }

    /// Sizes in this scene.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Size of a body of the scene by index, as a share of the usual one [-].
    pub fn size(&self, body: usize) -> f64 {
        if self.data.model().body_jntnum()[body] > 0 { self.sizes.thing } else { self.sizes.furniture }
    }

    /// Pose of a body in the world; an error if there is none of this name.
    pub fn body_pose(&self, name: &str) -> Result<Isometry3<f64>, SimError> {
        Ok(self.pose(self.body_index(name)?))
    }

    /// Pose of a body by index in the world.
    pub fn pose(&self, body: usize) -> Isometry3<f64> {
        let [w, x, y, z] = self.data.xquat()[body];
        let rotation = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
        Isometry3::from_parts(self.body_position(body).into(), rotation)
    }

    /// Moves what moves freely (its positions begin there in `qpos`) and every body that the simulator places, along x
    /// and y [m].
    pub(crate) fn shift(&mut self, free: impl IntoIterator<Item = usize>, [x, y]: [f64; 2]) {
        let qpos = self.data.qpos_mut();
        for index in free {
            qpos[index] += x;
            qpos[index + 1] += y;
        }
        for position in self.data.mocap_pos_mut() {
            position[0] += x;
            position[1] += y;
        }
    }

    /// Puts a freely moving thing somewhere, at rest.
    pub(crate) fn place(&mut self, thing: Jointed, pose: &Isometry3<f64>) {
        let (p, q) = (pose.translation.vector, pose.rotation.coords);
        self.data.qpos_mut()[thing.qpos..thing.qpos + 7].copy_from_slice(&[p.x, p.y, p.z, q.w, q.x, q.y, q.z]);
        self.data.qvel_mut()[thing.qvel..thing.qvel + 6].fill(0.0);
    }

    /// Gives a joint a velocity [m/s], [rad/s].
    pub(crate) fn set_velocity(&mut self, qvel: usize, velocity: f64) {
        self.data.qvel_mut()[qvel] = velocity;
    }

    /// Puts a body that the simulator places somewhere [m].
    pub(crate) fn put(&mut self, mocap: usize, position: [f64; 3]) {
        self.data.mocap_pos_mut()[mocap] = position;
    }

    /// Name of a body.
    pub(crate) fn body_name(&self, body: usize) -> &str {
        self.data.model().id_to_name(MjtObjBase::mjOBJ_BODY, body).unwrap_or_default()
    }

    /// Position of a body by index [m].
    pub fn body_position(&self, id: usize) -> Vector3<f64> {
        Vector3::from(self.data.xpos()[id])
    }

    /// Position of a site [m]; an error if there is none of this name.
    pub fn site_position(&self, name: &str) -> Result<Vector3<f64>, SimError> {
        Ok(Vector3::from(self.data.site_xpos()[self.id(SITE, name)?]))
    }

    /// Rotation matrix of a site, row-major; an error if there is none of this name.
    pub fn site_rotation(&self, name: &str) -> Result<[f64; 9], SimError> {
        Ok(self.data.site_xmat()[self.id(SITE, name)?])
    }

    /// Index of a body; an error if there is none of this name.
    pub fn body_index(&self, name: &str) -> Result<usize, SimError> {
        self.id(BODY, name)
    }

    pub(crate) fn qpos_index(&self, joint: &str) -> Result<usize, SimError> {
        Ok(self.data.model().jnt_qposadr()[self.id(JOINT, joint)?] as usize)
    }

    /// Place of a body among those that the simulator moves.
    pub(crate) fn mocap_index(&self, body: &str) -> Result<usize, SimError> {
        let index = self.data.model().body_mocapid()[self.body_index(body)?];
        usize::try_from(index).map_err(|_| missing(&self.file, "mocap body", body))
    }

    pub(crate) fn mocap_z(&mut self, index: usize, z_m: f64) {
        self.data.mocap_pos_mut()[index][2] = z_m;
    }

    fn id(&self, kind: Kind, name: &str) -> Result<usize, SimError> {
        named(self.data.model(), &self.file, kind, name)
    }
}
