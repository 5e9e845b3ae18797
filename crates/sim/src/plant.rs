//! The simulated arm and its surroundings: one millisecond per step.

use std::sync::Arc;

use mujoco_rs::{
    prelude::{MjData, MjModel, MjtJoint, MjtObjBase},
    wrappers::mj_model::MjtGeomBase,
};
use nalgebra::{Isometry3, Matrix3, Quaternion, Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos, PERIOD_BRAINSTEM};
use neuraxis_motion::{Shape, Solid};

use crate::{
    Setup, SimError,
    body::Body,
    disturb::Trouble,
    grasp::{Attachment, Grasp, Jointed},
    moving::Motion,
    perturb::Sizes,
    tasks::{Goal, Judge},
};

/// Of the finger actuators in sim/*.xml [N/m], [N s/m].
const FINGER_STIFFNESS: f64 = 1500.0;
const FINGER_DAMPING: f64 = 40.0;

/// MuJoCo's data with names resolved; what judges and experts see.
pub struct WorldData {
    data: MjData<Arc<MjModel>>,
    /// Where its names come from, for errors.
    file: Arc<str>,
    /// Bodies of the gripper's fingers.
    fingers: [usize; 2],
    /// The table's top.
    table: usize,
    sizes: Sizes,
}

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

    /// Which of the two fingers are in contact with the body.
    pub fn touching_fingers(&self, body: usize) -> [bool; 2] {
        let owner = |geom: i32| self.data.model().geom_bodyid().get(geom as usize).map_or(usize::MAX, |b| *b as usize);
        let mut touching = [false; 2];
        for contact in self.data.contact() {
            let [a, b] = contact.geom.map(owner);
            for (finger, touches) in self.fingers.iter().zip(&mut touching) {
                *touches |= (a == body && b == *finger) || (b == body && a == *finger);
            }
        }
        touching
    }

    /// A finger touches a body that hangs from one of these.
    pub(crate) fn fingers_touch(&self, roots: &[usize]) -> bool {
        let model = self.data.model();
        let body = |geom: i32| model.geom_bodyid().get(geom as usize).map_or(0, |b| *b as usize);
        let root = |body: usize| model.body_rootid().get(body).map_or(0, |b| *b as usize);
        self.data.contact().iter().any(|contact| {
            let [a, b] = contact.geom.map(body);
            (self.fingers.contains(&a) && roots.contains(&root(b)))
                || (self.fingers.contains(&b) && roots.contains(&root(a)))
        })
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

    /// The scene as solids for a planner: everything that can be touched, but for the robot, the floor and what is held.
    pub fn solids(&self) -> Vec<Solid> {
        let model = self.data.model();
        let body_of = |geom: usize| model.geom_bodyid().get(geom).map_or(0, |b| *b as usize);
        let root_of = |body: usize| model.body_rootid().get(body).map_or(0, |b| *b as usize);
        let robot = root_of(self.fingers[0]);
        let is_held = |thing: &Jointed| self.touching_fingers(thing.body) == [true; 2];
        let free = Jointed::all(model, MjtJoint::mjJNT_FREE);
        let held: Vec<usize> = free.iter().filter(|thing| is_held(thing)).map(|thing| thing.body).collect();
        let seen = |geom: &usize| {
            let root = root_of(body_of(*geom));
            let is_solid = model.geom_contype()[*geom] != 0 || model.geom_conaffinity()[*geom] != 0;
            is_solid && root != robot && !held.contains(&root)
        };
        let solid = |geom: usize| {
            let [a, b, c] = model.geom_size()[geom];
            let shape = match model.geom_type()[geom] {
                MjtGeomBase::mjGEOM_BOX => Shape::Box { half_m: [a, b, c] },
                MjtGeomBase::mjGEOM_CYLINDER => Shape::Cylinder { radius_m: a, half_height_m: b },
                MjtGeomBase::mjGEOM_CAPSULE => Shape::Capsule { radius_m: a, half_length_m: b },
                MjtGeomBase::mjGEOM_SPHERE => Shape::Ball { radius_m: a },
                MjtGeomBase::mjGEOM_ELLIPSOID => Shape::Ellipsoid { half_m: [a, b, c] },
                // The floor; scenes have no meshes but the robot's.
                _ => return None,
            };
            let turn = Matrix3::from_row_slice(&self.data.geom_xmat()[geom]);
            let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(turn));
            let position = Vector3::from(self.data.geom_xpos()[geom]);
            Some(Solid { shape, world_from_solid: Isometry3::from_parts(position.into(), rotation) })
        };
        (0..model.geom_bodyid().len()).filter(seen).filter_map(solid).collect()
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

    /// How far a body is from the arm, with what it holds, and from everything else that can be touched but the table and
    /// the floor, 0.2 at most [m].
    pub(crate) fn clearances_m(&mut self, body: usize) -> [f64; 2] {
        const FAR_M: f64 = 0.2;
        let (body, table) = (body as i32, self.table);
        self.data.kinematics();
        let count = self.data.model().geom_bodyid().len();
        let root = |world: &Self, geom: usize| {
            let model = world.data.model();
            model.body_rootid()[model.geom_bodyid()[geom] as usize]
        };
        let robot = self.data.model().body_rootid()[self.fingers[0]];
        let mut least_m = [FAR_M; 2];
        for geom in 0..count {
            let model = self.data.model();
            let is_solid = model.geom_contype()[geom] != 0 || model.geom_conaffinity()[geom] != 0;
            let is_floor = model.geom_type()[geom] == MjtGeomBase::mjGEOM_PLANE;
            if !is_solid || is_floor || geom == table || model.geom_bodyid()[geom] == body {
                continue;
            }
            let owner = self.data.model().geom_bodyid()[geom] as usize;
            let is_arm = root(self, geom) == robot || self.touching_fingers(owner) == [true; 2];
            let least_m = &mut least_m[usize::from(!is_arm)];
            for own in 0..count {
                if self.data.model().geom_bodyid()[own] == body {
                    *least_m = least_m.min(self.data.geom_distance(own, geom, FAR_M, None));
                }
            }
        }
        least_m
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

/// A kind of named parts of a model, for MuJoCo and for a person.
pub(crate) type Kind = (MjtObjBase, &'static str);

const BODY: Kind = (MjtObjBase::mjOBJ_BODY, "body");
const GEOM: Kind = (MjtObjBase::mjOBJ_GEOM, "geom");
const JOINT: Kind = (MjtObjBase::mjOBJ_JOINT, "joint");
const SITE: Kind = (MjtObjBase::mjOBJ_SITE, "site");
pub(crate) const CAMERA: Kind = (MjtObjBase::mjOBJ_CAMERA, "camera");

/// Number of a part of a model; an error names the file that should have it.
pub(crate) fn named(model: &MjModel, file: &str, (kind, text): Kind, name: &str) -> Result<usize, SimError> {
    model.name_to_id(kind, name).ok_or_else(|| missing(file, text, name))
}

fn missing(file: &str, kind: &'static str, name: &str) -> SimError {
    SimError::Missing { file: file.to_string(), kind, name: name.to_string() }
}
