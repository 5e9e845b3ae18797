//! V6 and V7: where the arm can get to, and rules that hold for every plan.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::{Faults, Geometry};
use crate::{
    ErrorKind,
    effects::effects,
    monitor::{Relation, Test},
    plan::{Node, NodeKind},
    scene::Scene,
    skill::{Skill, Step},
};

/// Looks that a guard of the force may remember at most: what trips it later than after 25 ms comes too late.
pub const MOST_FORCE_LOOKS: u8 = 5;

/// What no plan may exceed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Force with which the fingers may squeeze [N].
    pub grip_force_n: f64,
    /// Force from outside at which a step that touches things must be broken off at the latest [N].
    pub contact_force_n: f64,
    /// Boxes in which nothing may be touched.
    pub keep_out: Vec<KeepOut>,
}

/// A box in the world frame.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepOut {
    /// Lower corner [m].
    pub min_xyz_m: [f64; 3],
    /// Upper corner [m].
    pub max_xyz_m: [f64; 3],
}

impl Default for Limits {
    fn default() -> Self {
        Self { grip_force_n: 40.0, contact_force_n: 40.0, keep_out: Vec::new() }
    }
}

impl KeepOut {
    fn contains(&self, point_in_world: &Vector3<f64>) -> bool {
        let corners = self.min_xyz_m.iter().zip(&self.max_xyz_m);
        point_in_world.iter().zip(corners).all(|(x, (low, high))| (low..=high).contains(&x))
    }
}

pub(super) fn check(
    scene: &Scene,
    limits: &Limits,
    geometry: Option<&dyn Geometry>,
    nodes: &[Node],
    faults: &mut Faults,
) {
    for node in nodes {
        let NodeKind::Skill(step) = &node.kind else { continue };
        if let Some(Err(why)) = geometry.map(|geometry| geometry.reachable(step, scene)) {
            let what = format!("{}: {why}", step.describe(scene));
            faults.add(Some(node.id), ErrorKind::OutOfReach, what, "use another thing or place");
        }
        rules(scene, limits, node, step, faults);
    }
}

fn rules(scene: &Scene, limits: &Limits, node: &Node, step: &Step, faults: &mut Faults) {
    let name = step.skill.name();
    let mut forbid = |what: String, fix: String| faults.add(Some(node.id), ErrorKind::Forbidden, what, fix);

    // Success is an observation, never an assumption.
    match effects(scene, step).and_then(|effects| effects.purpose) {
        Some(purpose) if !node.post.contains(purpose) => {
            let purpose = scene.name(purpose);
            forbid(format!("{name} without its purpose in `post`"), format!("add {purpose:?} to `post`"));
        }
        None if step.skill == Skill::Policy && node.post.is_empty() => {
            forbid("policy without `post`".into(), "say in `post` what is to be observed".into());
        }
        _ => {}
    }
    // Everything that moves ends.
    if step.skill.moves() && node.timeout_secs.is_none() {
        forbid(format!("{name} without `timeout_s`"), "give it a time".into());
    }
    // Forces.
    if step.skill.touches() && !node.guards.iter().any(|test| bounds_force(test, limits.contact_force_n)) {
        let most_n = limits.contact_force_n;
        let fix = format!("guard [\"force\",\"norm\"] < {most_n} N or less with m {MOST_FORCE_LOOKS} or less");
        forbid(format!("{name} without a guard of the force"), fix);
    }
    if let Some(force) = step.number("force_n").filter(|force| *force > limits.grip_force_n) {
        forbid(format!("a grip of {force} N"), format!("choose at most {} N", limits.grip_force_n));
    }
    // Places.
    for id in [step.object, step.place].into_iter().flatten() {
        let position = scene.objects().get(id.index()).and_then(|object| object.position_in_world);
        let kept = position.is_some_and(|at| limits.keep_out.iter().any(|keep_out| keep_out.contains(&at)));
        if step.skill.moves() && kept {
            forbid(format!("{} is in a keep-out box", scene.object_name(id)), "leave it alone".into());
        }
    }
}

/// A test of the magnitude of the force from above, which trips soon.
fn bounds_force(test: &Test, most_n: f64) -> bool {
    test.expr.as_force() == Some(crate::expr::Axis::Norm)
        && matches!(test.op, Relation::Less | Relation::AtMost)
        && (0.0..=most_n).contains(&test.val)
        && test.m <= MOST_FORCE_LOOKS
}
