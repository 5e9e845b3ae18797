//! Where the arm gets to, for plans (V6): nobody plans what cannot be done.

use std::{f64::consts::PI, sync::Arc};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_brain::Reach;
use neuraxis_core::{Joints, Pose, Tool, World};
use neuraxis_plan::{Class, Geometry, ObjectId, Scene, Step};
use neuraxis_robot::{IkRequest, Robot};

use crate::config::Config;

/// How a tool may stand at a thing: straight down, and leaning by so much, to any of these sides [rad].
const LEANS_RAD: [f64; 3] = [0.0, 0.6, 1.1];
const SIDES: usize = 4;
/// Further starts of the inverse kinematics.
const RESTARTS: usize = 4;

/// Reach of a robot in its workspace.
pub fn reach(config: &Config, robot: Arc<Robot>) -> Reach {
    let corners = [config.cerebellum.workspace_min_xyz_m, config.cerebellum.workspace_max_xyz_m];
    let inner = Arc::new(robot.within_margin(config.brainstem.position_margin_rad));
    Arc::new(Arm { home: robot.home(), robot: inner, corners: corners.map(Vector3::from) })
}

struct Arm {
    robot: Arc<Robot>,
    home: Joints,
    /// Of the workspace, in the world [m].
    corners: [Vector3<f64>; 2],
}

impl Geometry for Arm {
    /// A thing of unknown place, and the table, may be anywhere: a look will tell.
    fn reachable(&self, step: &Step, scene: &Scene) -> Result<(), String> {
        if !step.skill.moves() {
            return Ok(());
        }
        let things = [step.object, step.place].into_iter().flatten();
        things.into_iter().try_for_each(|id| self.thing(id, scene))
    }
}

impl Arm {
    fn thing(&self, id: ObjectId, scene: &Scene) -> Result<(), String> {
        let Some(thing) = scene.objects().get(id.index()).filter(|thing| thing.class != Class::Table) else {
            return Ok(());
        };
        let Some(at) = thing.position_in_world else { return Ok(()) };
        let name = scene.object_name(id);
        let place = format!("({:.2}, {:.2}, {:.2}) m", at.x, at.y, at.z);
        let [low, high] = &self.corners;
        if !(0..3).all(|i| (low[i]..=high[i]).contains(&at[i])) {
            return Err(format!("{name} at {place} is outside the workspace"));
        }
        let gets_there = LEANS_RAD.iter().any(|lean| (0..SIDES).any(|side| self.stands(&at, *lean, side)));
        let away_m = (at - self.robot.world_from_base().position()).norm();
        if gets_there { Ok(()) } else { Err(format!("the arm does not get to {name} at {place}, {away_m:.2} m away")) }
    }

    fn stands(&self, at: &Vector3<f64>, lean_rad: f64, side: usize) -> bool {
        let yaw = 2.0 * PI * side as f64 / SIDES as f64;
        let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, yaw)
            * UnitQuaternion::from_euler_angles(PI, 0.0, 0.0)
            * UnitQuaternion::from_euler_angles(0.0, lean_rad, 0.0);
        let world_from_tool: Pose<World, Tool> = Pose::from_parts(*at, turn);
        let base_from_tool = self.robot.world_from_base().inverse() * world_from_tool;
        let request = IkRequest { base_from_tool, seed: self.home, restarts: RESTARTS, posture: None };
        self.robot.ik(&request).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
    use neuraxis_plan::{Limits, SceneFile, Validator};

    use super::*;
    use crate::config::workspace_root;

    /// The outline's fault for one step at the red block, which lies there.
    fn said(position_m: [f64; 3]) -> Option<String> {
        let root = workspace_root().unwrap();
        let config = Config::load(&root, "fr3").unwrap();
        let text = std::fs::read_to_string(root.join("sim/scenes/workbench.yaml")).unwrap();
        let mut file: SceneFile = serde_yaml::from_str(&text).unwrap();
        file.objects.iter_mut().find(|o| o.id == "red_block").unwrap().position_m = Some(position_m);
        let scene = Scene::try_from(file).unwrap();
        let reach = reach(&config, Arc::new(config.load_robot().unwrap()));
        let instruction = "put the red block in the top drawer and close it";
        let request = PlanRequest { instruction, scene: &scene, epoch: 1 };
        let raw = SymbolicPlanner.plan(&request).unwrap().plan;
        let limits = Limits::default();
        let errors = Validator::new(&scene, &limits).with_geometry(reach.as_ref()).check(&raw).err()?.to_string();
        errors.contains("V6").then_some(errors)
    }

    #[test]
    fn what_the_arm_cannot_reach_is_not_planned() {
        assert_eq!(said([0.25, 0.10, 0.77]), None);
        let far = said([0.65, 0.45, 0.77]).unwrap();
        assert!(far.contains("the arm does not get to red_block") && far.contains("1.03 m away"), "{far}");
        let outside = said([1.5, 0.0, 0.77]).unwrap();
        assert!(outside.contains("red_block at (1.50, 0.00, 0.77) m is outside the workspace"), "{outside}");
    }
}
