//! The validator: from what was sent to a plan that may be run, or to everything that is wrong with it.

mod names;
mod proof;
mod rules;
mod shape;
mod tree;

use std::sync::Arc;

use crate::{
    ErrorKind, PlanError, PlanErrors,
    plan::{Node, Plan},
    raw::RawPlan,
    scene::Scene,
    skill::Step,
};

pub use rules::{KeepOut, Limits, MOST_FORCE_LOOKS};

/// What the arm can reach (V6).
pub trait Geometry {
    /// True of a step whose things stand where the scene says; otherwise in words why not.
    fn reachable(&self, step: &Step, scene: &Scene) -> Result<(), String>;
}

impl<G: Geometry + ?Sized> Geometry for Arc<G> {
    fn reachable(&self, step: &Step, scene: &Scene) -> Result<(), String> {
        self.as_ref().reachable(step, scene)
    }
}

/// Checks plans against a scene.
pub struct Validator<'a> {
    scene: &'a Scene,
    limits: &'a Limits,
    geometry: Option<&'a dyn Geometry>,
}

impl<'a> Validator<'a> {
    /// Without geometry: V6 is left out.
    pub fn new(scene: &'a Scene, limits: &'a Limits) -> Self {
        Self { scene, limits, geometry: None }
    }

    /// With what the arm can reach.
    #[must_use]
    pub fn with_geometry(self, geometry: &'a dyn Geometry) -> Self {
        Self { geometry: Some(geometry), ..self }
    }

    /// V0 to V7 on a text. Stages that build on each other stop at the first with faults; all of its faults are told.
    pub fn read(&self, text: &str) -> Result<Plan, PlanErrors> {
        self.check(&shape::read(text)?)
    }

    /// V1 to V7 on what was read already.
    pub fn check(&self, raw: &RawPlan) -> Result<Plan, PlanErrors> {
        let mut faults = Faults::default();
        shape::sizes(raw, &mut faults);
        faults.stop()?;

        let (assumptions, goal) = names::ends(raw, self.scene, &mut faults);
        let nodes: Vec<Node> = raw.nodes.iter().map(|node| names::node(node, self.scene, &mut faults)).collect();
        let order = tree::preorder(raw, &mut faults);
        faults.stop()?;
        let nodes = tree::arrange(nodes, &order, &mut faults);
        faults.stop()?;

        proof::prove(self.scene, &nodes, &assumptions, &goal, &mut faults);
        rules::check(self.scene, self.limits, self.geometry, &nodes, &mut faults);
        faults.stop()?;
        Ok(Plan { nodes, assumptions, goal, raw: raw.clone() })
    }
}

/// Faults found so far.
#[derive(Default)]
struct Faults(Vec<PlanError>);

impl Faults {
    fn add(&mut self, node: Option<u16>, kind: ErrorKind, what: impl Into<String>, fix: impl Into<String>) {
        self.push(PlanError::new(node, kind, what, fix));
    }

    /// Each fault once, however often its node is run.
    fn push(&mut self, fault: PlanError) {
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    fn stop(&mut self) -> Result<(), PlanErrors> {
        if self.0.is_empty() { Ok(()) } else { Err(PlanErrors(std::mem::take(&mut self.0))) }
    }
}
