//! The crate `k` as an independent second opinion. It brings an older nalgebra: numbers cross the border one by one.

use std::collections::BTreeMap;

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

/// Pose of the tool link in the base link by `k`, from the text of a URDF that `chain` accepted.
///
/// `positions_rad` names the arm's joints; all others stand at zero. `None` if `k` does not find the links.
pub(crate) fn base_from_tool_link(
    urdf: &str,
    base_link: &str,
    tool_link: &str,
    positions_rad: &BTreeMap<&str, f64>,
) -> Option<Isometry3<f64>> {
    let chain: k::Chain<f64> = k::Chain::from(k::urdf::read_from_string(urdf)?);
    for node in chain.iter() {
        let name = node.joint().name.clone();
        if let Some(position) = positions_rad.get(name.as_str()) {
            node.set_joint_position_unchecked(*position);
        }
    }
    chain.update_transforms();
    let base = chain.find_link(base_link)?.world_transform()?;
    let tool = chain.find_link(tool_link)?.world_transform()?;
    Some(from_k(&(base.inverse() * tool)))
}

fn from_k(iso: &k::Isometry3<f64>) -> Isometry3<f64> {
    let (t, r) = (&iso.translation, iso.rotation.quaternion());
    let rotation = UnitQuaternion::from_quaternion(Quaternion::new(r.w, r.i, r.j, r.k));
    Isometry3::from_parts(Translation3::new(t.x, t.y, t.z), rotation)
}
