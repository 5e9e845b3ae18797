//! From (task, seed) to a scene: the same pair gives the same scene, byte for byte.

use std::{path::PathBuf, sync::Arc};

use mujoco_rs::prelude::{MjData, MjModel, MjSpec, MjtObjBase};
use neuraxis_core::{Joints, KeyFrame};
use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::{
    Disturbance, Factor, Grasp, Moving, Perturbation, Plant, SimError,
    body::Body,
    disturb,
    model::{self, Mark},
    moving, perturb,
    tasks::{self, Goal, Task},
};

/// Home of the FR3 as in configs/fr3/robot.yaml [rad].
const FR3_HOME_RAD: [f64; 7] = [0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, std::f64::consts::FRAC_PI_4];

/// Which scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Task name.
    pub task: String,
    /// Decides everything that is random.
    pub seed: u64,
    /// Fixes the variation instead of drawing it.
    pub variation: Option<usize>,
}

/// Settings of the simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct SimConfig {
    /// Folder that holds `sim/fr3.xml` and `urdf/meshes`.
    pub assets: PathBuf,
    /// Which robot: the file `sim/ROBOT.xml`.
    pub robot: String,
    /// Joint positions at the start [rad].
    pub home_rad: Joints,
    /// What is different from the world that policies are trained in.
    pub perturbation: Perturbation,
    /// What holds things.
    pub grasp: Grasp,
    /// Whether the scene is displaced during the approach.
    pub moving: Moving,
    /// What goes wrong.
    pub disturbance: Option<Disturbance>,
    /// A red ball that cameras are calibrated by.
    pub mark: Option<Mark>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            assets: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.."),
            robot: "fr3".into(),
            home_rad: Joints::from_fn(FR3_HOME_RAD.len(), |i| FR3_HOME_RAD[i]),
            perturbation: Perturbation::default(),
            grasp: Grasp::default(),
            moving: Moving::default(),
            disturbance: None,
            mark: None,
        }
    }
}

/// A sampled scene, compiled.
#[derive(Clone)]
pub struct Setup {
    pub(crate) model: Arc<MjModel>,
    /// Where the names in the model come from, for errors.
    pub(crate) file: Arc<str>,
    pub(crate) task: Arc<dyn Task>,
    pub(crate) body: Body,
    pub(crate) home_rad: Joints,
    pub(crate) perturbation: Arc<Perturbation>,
    pub(crate) grasp: Grasp,
    pub(crate) moving: Moving,
    pub(crate) disturbance: Option<Disturbance>,
    spec: Spec,
}

impl Setup {
    /// Samples and compiles.
    pub fn new(spec: &Spec, config: &SimConfig) -> Result<Self, SimError> {
        // Seeds of different tasks must not share their draws.
        let salt = spec.task.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        let mut rng = Pcg64::seed_from_u64(spec.seed ^ salt.rotate_left(32));
        let task: Arc<dyn Task> = tasks::sample(&spec.task, spec.seed, spec.variation, &mut rng)?.into();
        let mut robot = model::robot_xml(&config.assets, &config.robot)?;
        if config.mark == Some(Mark::Hand) {
            robot = model::with_ball_in_hand(&robot);
        }
        let base = model::base_name(&robot).unwrap_or_default();
        let perturbation = &config.perturbation;
        perturbation.validate()?;
        let is_loose = config.moving != Moving::Still || config.disturbance == Some(Disturbance::TargetMoved);
        let mut bodies = task.bodies(perturbation.sizes(spec.seed)) + &disturb::bodies(config.disturbance);
        if config.mark == Some(Mark::Table) {
            bodies += &model::ball_on_table();
        }
        let refuse = |reason: String| SimError::Model { task: spec.task.clone(), seed: spec.seed, reason };
        let compile = |objects: &str| {
            let sections = task.sections() + perturb::ASSETS;
            let xml = model::scene_xml(&config.assets, &robot, objects, &sections);
            let mut scene = MjSpec::from_xml_string(&xml).map_err(|e| refuse(e.to_string()))?;
            perturbation.apply(&mut scene, spec.seed, base);
            if is_loose {
                moving::loosen(&mut scene, base);
            }
            scene.compile().map_err(|e| refuse(e.to_string()))
        };
        let model = if perturbation.factors.is_empty() && !is_loose {
            let xml = model::scene_xml(&config.assets, &robot, &bodies, &task.sections());
            MjModel::from_xml_string(&xml).map_err(|e| refuse(e.to_string()))?
        } else {
            let bare = compile(&bodies)?;
            if perturbation.has(Factor::Distractor) {
                let extra = perturbation.distractors(&spec.task, spec.seed, &taken(bare))?;
                compile(&(bodies + &extra))?
            } else {
                bare
            }
        };
        let body = Body::new(&model, &config.robot)?;
        if config.home_rad.len() != body.dof() {
            let reason = format!("{} joints, home_rad has {}", body.dof(), config.home_rad.len());
            return Err(SimError::Robot { file: format!("sim/{}.xml", config.robot), reason });
        }
        Ok(Self {
            model: Arc::new(model),
            file: format!("sim/{}.xml with the things of {}", config.robot, spec.task).into(),
            body,
            task,
            home_rad: config.home_rad,
            perturbation: Arc::new(perturbation.clone()),
            grasp: config.grasp,
            moving: config.moving,
            disturbance: config.disturbance,
            spec: spec.clone(),
        })
    }

    /// What is different in this scene.
    pub fn perturbation(&self) -> &Perturbation {
        &self.perturbation
    }

    /// What was sampled.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The goal to reach.
    pub fn goal(&self) -> &Goal {
        &self.task.goals()[0]
    }

    /// Other goals that are valid in this scene.
    pub fn alternatives(&self) -> &[Goal] {
        &self.task.goals()[1..]
    }

    /// How many times the usual time limit the task may take.
    pub fn length(&self) -> f64 {
        self.task.length()
    }

    /// Chance that a random valid goal would reach the first.
    pub fn chance(&self) -> f64 {
        self.task.chance()
    }

    /// The expert's key-frames for a goal, from the true state of the scene.
    pub fn keyframes(&self, goal: &Goal, plant: &Plant) -> Result<Vec<KeyFrame>, SimError> {
        self.task.keyframes(goal, plant.world())
    }

    /// What the expert does next when it has reached all of that and the goal is not met; empty: nothing.
    pub fn more_keyframes(&self, goal: &Goal, plant: &Plant) -> Result<Vec<KeyFrame>, SimError> {
        self.task.more(goal, plant.world())
    }
}

/// Circles on the table (x, y, radius) in which a task's things stand.
fn taken(model: MjModel) -> Vec<[f64; 3]> {
    let names = ["table", "floor"].map(|name| model.name_to_id(MjtObjBase::mjOBJ_GEOM, name));
    let mut data = MjData::new(&model);
    data.forward();
    let circles = data.geom_xpos().iter().zip(model.geom_rbound()).enumerate();
    circles.filter(|(i, _)| !names.contains(&Some(*i))).map(|(_, ([x, y, _], radius))| [*x, *y, *radius]).collect()
}
