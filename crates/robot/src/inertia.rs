//! Masses: what hangs on each joint, merged at load.

use nalgebra::{Matrix3, Point3, Rotation3, Vector3};

use crate::chain::{Chain, isometry};

/// A rigid body in the frame of its moving link.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Inertia {
    pub(crate) mass_kg: f64,
    /// Centre of mass in the link [m].
    pub(crate) centre_in_link: Vector3<f64>,
    /// About the centre of mass, axes of the link [kg m²].
    pub(crate) about_centre: Matrix3<f64>,
}

impl Inertia {
    fn none() -> Self {
        Self { mass_kg: 0.0, centre_in_link: Vector3::zeros(), about_centre: Matrix3::zeros() }
    }

    /// Both bodies as one.
    pub(crate) fn merged(&self, other: &Self) -> Self {
        let mass_kg = self.mass_kg + other.mass_kg;
        if mass_kg <= 0.0 {
            return Self::none();
        }
        let moment = self.mass_kg * self.centre_in_link + other.mass_kg * other.centre_in_link;
        let centre_in_link = moment / mass_kg;
        let about_centre = self.about(&centre_in_link) + other.about(&centre_in_link);
        Self { mass_kg, centre_in_link, about_centre }
    }

    /// The same body in another frame: `to_from_here`, and the origin of the one in the other [m].
    pub(crate) fn moved(&self, to_from_here: &Rotation3<f64>, here_in_to: &Vector3<f64>) -> Self {
        let rotation = to_from_here.matrix();
        Self {
            mass_kg: self.mass_kg,
            centre_in_link: to_from_here * self.centre_in_link + here_in_to,
            about_centre: rotation * self.about_centre * rotation.transpose(),
        }
    }

    /// About another point, axes unchanged (Steiner).
    fn about(&self, point_in_link: &Vector3<f64>) -> Matrix3<f64> {
        let d = self.centre_in_link - point_in_link;
        self.about_centre + self.mass_kg * (Matrix3::identity() * d.norm_squared() - d * d.transpose())
    }

    /// A body that can exist: a mass, and moments that turn it nowhere by themselves.
    fn is_physical(&self) -> bool {
        self.mass_kg.is_finite()
            && self.mass_kg > 0.0
            && self.centre_in_link.iter().all(|v| v.is_finite())
            && self.about_centre.cholesky().is_some()
    }
}

/// One body per moving link, links that are fixed to it included. Empty if one of them has no mass or no positive
/// definite inertia. Links on joints that are not the arm's, such as fingers, are left out.
pub(crate) fn bodies(urdf: &urdf_rs::Robot, chain: &Chain) -> Vec<Inertia> {
    let mut bodies = vec![Inertia::none(); chain.joints.len()];
    for link in &urdf.links {
        let Some((index, moving_from_link)) = chain.attachment(&link.name) else { continue };
        // The base does not move.
        let Some(body) = index.checked_sub(1).and_then(|i| bodies.get_mut(i)) else { continue };
        let given = &link.inertial;
        let moving_from_body = moving_from_link * isometry(&given.origin);
        let rotation = moving_from_body.rotation.matrix();
        let i = &given.inertia;
        let tensor = Matrix3::new(i.ixx, i.ixy, i.ixz, i.ixy, i.iyy, i.iyz, i.ixz, i.iyz, i.izz);
        *body = body.merged(&Inertia {
            mass_kg: given.mass.value,
            centre_in_link: (moving_from_body * Point3::origin()).coords,
            about_centre: rotation * tensor * rotation.transpose(),
        });
    }
    if bodies.iter().all(Inertia::is_physical) { bodies } else { Vec::new() }
}
