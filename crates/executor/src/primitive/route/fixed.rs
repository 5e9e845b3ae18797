//! What a row's tests see: everything in one place.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use neuraxis_plan::{Body, ObjectId, Scene, SceneFile, Senses};

use crate::skill::Sights;

/// Everything in one place.
#[derive(Copy, Clone)]
pub(super) struct Fixed {
    pub(super) at: Isometry3<f64>,
    pub(super) crossing_z_in_world: Option<f64>,
    pub(super) has_seat: bool,
    pub(super) opening_m: Option<f64>,
    pub(super) handle_distance_m: Option<f64>,
    pub(super) hand_fits: fn(&Isometry3<f64>) -> bool,
}

impl Fixed {
    /// With room everywhere, no seat for a block, drawers three centimetres open, and no handle near.
    pub(super) fn at(at: Isometry3<f64>, crossing_z_in_world: Option<f64>) -> Self {
        Self {
            at,
            crossing_z_in_world,
            has_seat: false,
            opening_m: Some(0.03),
            handle_distance_m: None,
            hand_fits: |_| true,
        }
    }

    /// With room only for fingers that lie along the world's x, a seat, and a handle near.
    pub(super) fn narrow(at: Isometry3<f64>) -> Self {
        let hand_fits = |world_from_tool: &Isometry3<f64>| (world_from_tool.rotation * Vector3::y()).x.abs() > 0.9;
        let (has_seat, opening_m, handle_distance_m) = (true, None, Some(0.02));
        Self { has_seat, opening_m, handle_distance_m, hand_fits, ..Self::at(at, None) }
    }
}

impl Senses for Fixed {
    fn world_from_body(&self, _: Body) -> Option<Isometry3<f64>> {
        Some(self.at)
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
        self.has_seat.then_some(self.at)
    }
    fn opening_m(&self, _: ObjectId) -> Option<f64> {
        self.opening_m
    }
    fn crossing_z_in_world(&self) -> Option<f64> {
        self.crossing_z_in_world
    }
    fn handle_distance_m(&self) -> Option<f64> {
        self.handle_distance_m
    }
    fn hand_fits(&self, world_from_tool: &Isometry3<f64>) -> bool {
        (self.hand_fits)(world_from_tool)
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
