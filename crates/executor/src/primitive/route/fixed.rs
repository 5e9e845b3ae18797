//! What a row's tests see: everything in one place.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use neuraxis_plan::{Body, ObjectId, Scene, SceneFile, Senses};

use crate::skill::Sights;

/// Everything in one place, and how high to cross.
pub(super) struct Fixed(pub(super) Isometry3<f64>, pub(super) Option<f64>);

impl Senses for Fixed {
    fn world_from_body(&self, _: Body) -> Option<Isometry3<f64>> {
        Some(self.0)
    }
    fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
        None
    }
    fn force_in_world(&self) -> Option<Vector3<f64>> {
        None
    }
    fn grip_width_m(&self) -> Option<f64> {
        None
    }
}

impl Sights for Fixed {
    fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
        None
    }
    fn opening_m(&self, _: ObjectId) -> Option<f64> {
        Some(0.03)
    }
    fn crossing_z_in_world(&self) -> Option<f64> {
        self.1
    }
}

pub(super) fn object(name: &str) -> ObjectId {
    let file: SceneFile = serde_yaml::from_str(include_str!("../../../../../sim/scenes/workbench.yaml")).unwrap();
    Scene::try_from(file).unwrap().object(name).unwrap()
}

pub(super) fn turned(x: f64, y: f64, z: f64, yaw: f64) -> Isometry3<f64> {
    Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(0.0, 0.0, yaw))
}

pub(super) fn close(a: Vector3<f64>, b: Vector3<f64>) {
    assert!((a - b).norm() < 1e-9, "{a} {b}");
}

/// As [`Fixed`], with room only for fingers that lie along the world's x.
pub(super) struct Narrow(pub(super) Fixed);

impl Senses for Narrow {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        self.0.world_from_body(body)
    }
    fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
        None
    }
    fn force_in_world(&self) -> Option<Vector3<f64>> {
        None
    }
    fn grip_width_m(&self) -> Option<f64> {
        None
    }
}

impl Sights for Narrow {
    fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
        Some(self.0.0)
    }
    fn opening_m(&self, _: ObjectId) -> Option<f64> {
        None
    }
    fn hand_fits(&self, world_from_tool: &Isometry3<f64>) -> bool {
        (world_from_tool.rotation * Vector3::y()).x.abs() > 0.9
    }
    fn handle_distance_m(&self) -> Option<f64> {
        Some(0.02)
    }
}
