//! What is shown, known before the first record.

use std::path::PathBuf;

use neuraxis_core::{Base, Nanos, Pose, World};

/// What a window or file for the window needs to know in advance.
#[derive(Clone, Debug, PartialEq)]
pub struct VizConfig {
    /// The robot; meshes are found relative to it.
    pub urdf: PathBuf,
    /// Its text, where it is not what lies there now.
    pub robot_description: Option<String>,
    /// `X_WB`: where the URDF's root link stands.
    pub world_from_base: Pose<World, Base>,
    /// Names of the arm's joints in the order of every joint vector.
    pub joint_names: Vec<String>,
    /// Names of the gripper's joints; each moves by an equal part of the gripper's width.
    pub gripper_joint_names: Vec<String>,
    /// Names of the cameras, for the layout.
    pub cameras: Vec<String>,
    /// Names of the policy's virtual views, for the layout; empty: no such panel.
    pub virtual_views: Vec<String>,
    /// A panel for the brain; the virtual views are behind the cameras then.
    pub brain: bool,
    /// Title of the recording.
    pub title: String,
    /// A line below the instruction: what acts, how it ended. Empty: none.
    pub subtitle: String,
    /// What a run is called beside others, and its curves with it; empty: it is alone.
    pub name: String,
    /// Its number among others, from 0; gives the colour of its curves.
    pub place: usize,
    /// Other weights, whose answers are shown beside those recorded; `None`: there are none.
    pub other: Option<String>,
    /// Names of the views of those; they get their place when the layout is made again.
    pub other_views: Vec<String>,
    /// Where everything lies in the viewer, `/left` say, when several runs are shown together; empty: at the top.
    pub root: String,
    /// States beyond this rate are not logged [Hz].
    pub state_rate_hz: f64,
    /// Start of the time line: the moment that the viewer calls zero.
    pub zero: Nanos,
    /// Size of the camera frusta [m].
    pub frustum_m: f32,
}

impl Default for VizConfig {
    fn default() -> Self {
        Self {
            urdf: PathBuf::from("urdf/fr3.urdf"),
            robot_description: None,
            world_from_base: Pose::identity(),
            joint_names: Vec::new(),
            gripper_joint_names: Vec::new(),
            cameras: Vec::new(),
            virtual_views: Vec::new(),
            brain: false,
            title: "neuraxis".into(),
            subtitle: String::new(),
            name: String::new(),
            place: 0,
            other: None,
            other_views: Vec::new(),
            root: String::new(),
            state_rate_hz: 60.0,
            zero: Nanos(0),
            frustum_m: 0.12,
        }
    }
}
