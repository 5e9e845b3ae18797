//! What can be touched: contacts of the fingers, solids for a planner, and how far apart things are.

use mujoco_rs::{prelude::MjtJoint, wrappers::mj_model::MjtGeomBase};
use nalgebra::{Isometry3, Matrix3, Rotation3, UnitQuaternion, Vector3};
use neuraxis_motion::{Shape, Solid};

use super::WorldData;
use crate::grasp::Jointed;

impl WorldData {
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
}
