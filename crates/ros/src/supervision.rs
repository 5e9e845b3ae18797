//! What those who look after the arm are shown, and what they may switch.

use nalgebra::Vector3;
use neuraxis_core::{JointPath, Joints, KeyFrame, Pose, Tool, World};

use crate::{RosError, config, health::Health};

/// Where the node is connected for lifecycle, diagnostics, robot description and markers. Every closure is called on the
/// node's thread and must not block: it raises flags, and reads mailboxes and counters.
pub struct Supervision {
    /// The name of the arm in diagnostics, such as `fr3`.
    pub hardware_id: String,
    /// Lets the arm move (true) or makes it stop and hold (false). Called with false before anything else.
    pub let_move: Box<dyn FnMut(bool) + Send>,
    /// Why the arm may not be let go now, in words, if so; asked at each activation.
    pub obstacle: Box<dyn FnMut() -> Option<String> + Send>,
    /// How the program is; called once a second.
    pub health: Box<dyn FnMut() -> Health + Send>,
    /// The arm's URDF. Its meshes are found by programs on other machines only if their paths are URIs: [`with_mesh_uris`].
    pub robot_description: String,
    /// Where the arm may not go.
    pub boundaries: Boundaries,
    /// Where the arm goes; called five times a second.
    pub intent: Box<dyn FnMut() -> Option<Intent> + Send>,
    /// Forward kinematics `X_WT(q)`, to draw paths.
    pub world_from_tool: Box<Kinematics>,
}

/// Where the tool is when the joints are so.
pub type Kinematics = dyn Fn(&Joints) -> Pose<World, Tool> + Send;

/// Where the arm may not go, in the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Boundaries {
    /// Lower and upper corner of the box that the tool stays in [m].
    pub tool_box: Option<[Vector3<f64>; 2]>,
    /// Planes that the links stay in front of.
    pub walls: Vec<Wall>,
}

/// A plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Wall {
    /// For people.
    pub name: String,
    /// Towards the free side; of any length but 0.
    pub normal: Vector3<f64>,
    /// A point of the plane [m].
    pub point: Vector3<f64>,
}

/// Where the arm goes and looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Tells one from the next.
    pub seq: u64,
    /// What is approached.
    pub keyframe: KeyFrame,
    /// How sure the policy is, 0 to 1.
    pub confidence: f32,
    /// The way there, if one was planned around what stands in it.
    pub path: Option<JointPath>,
    /// Where the policy looks, if it has a gaze.
    pub gaze: Option<Gaze>,
}

/// Where a policy looks, in the world [m].
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Gaze {
    /// Where the eye is.
    pub from: Vector3<f64>,
    /// What it looks at.
    pub at: Vector3<f64>,
}

impl Supervision {
    /// For a node beside no arm, as in benchmarks: nothing to look after.
    pub fn of_nothing() -> Self {
        Self {
            hardware_id: "none".into(),
            let_move: Box::new(|_| ()),
            obstacle: Box::new(|| None),
            health: Box::new(Health::default),
            robot_description: "<robot name=\"none\"/>".into(),
            boundaries: Boundaries::default(),
            intent: Box::new(|| None),
            world_from_tool: Box::new(|_| Pose::identity()),
        }
    }

    /// What is published once is checked once.
    pub(crate) fn validate(&self) -> Result<(), RosError> {
        let is_finite = |v: &Vector3<f64>| v.iter().all(|x| x.is_finite());
        if !self.robot_description.contains("<robot") {
            return Err(config::setting("robot_description", "no <robot>", "the text of a URDF"));
        }
        for wall in &self.boundaries.walls {
            if !(is_finite(&wall.point) && is_finite(&wall.normal) && wall.normal.norm() > 1e-9) {
                return Err(config::setting("walls", &wall.name, "a finite point, and a normal that has a length"));
            }
        }
        match &self.boundaries.tool_box {
            Some(corners) if !corners.iter().all(is_finite) => {
                Err(config::setting("tool_box", format!("{corners:?}"), "finite corners"))
            }
            _ => Ok(()),
        }
    }
}

/// A URDF whose meshes lie below `base_uri`, such as `package://neuraxis/urdf` or `file:///opt/neuraxis/urdf`: paths of
/// meshes that are relative become URIs; those that are URIs or absolute stay as they are.
pub fn with_mesh_uris(urdf: &str, base_uri: &str) -> String {
    const KEY: &str = "<mesh filename=\"";
    let mut parts = urdf.split(KEY);
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        text.push_str(KEY);
        let name = part.split('"').next().unwrap_or_default();
        if !(name.contains("://") || name.starts_with('/')) {
            text.push_str(base_uri.trim_end_matches('/'));
            text.push('/');
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_meshes_become_uris_and_others_stay() {
        let urdf = r#"<robot><mesh filename="meshes/a.stl"/><mesh filename="package://x/b.stl"/>
            <mesh filename="/c.stl" scale="1 1 1"/></robot>"#;
        let told = with_mesh_uris(urdf, "package://neuraxis/urdf/");
        assert_eq!(told, urdf.replace("\"meshes/a.stl\"", "\"package://neuraxis/urdf/meshes/a.stl\""));
        assert_eq!(with_mesh_uris("<robot/>", "file:///x"), "<robot/>");
    }

    #[test]
    fn our_own_description_is_told_whole() {
        let urdf = include_str!("../../../urdf/fr3.urdf");
        let told = with_mesh_uris(urdf, "package://neuraxis/urdf");
        let meshes = urdf.matches("<mesh ").count();
        assert!(meshes > 0 && told.matches("filename=\"package://neuraxis/urdf/meshes/").count() == meshes);
    }
}
