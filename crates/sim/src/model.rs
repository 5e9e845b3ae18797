//! The MJCF around every task: options, light, table, robot, cameras.

use std::{fs, path::Path};

use mujoco_rs::{
    prelude::{MjSpec, SpecElement},
    wrappers::mj_editing::MjsBody,
};

use crate::SimError;

/// Height of the table top [m].
pub const TABLE_Z_M: f64 = 0.75;
/// Where arms stand along x, more or less [m].
pub(crate) const BASE_X_M: f64 = -0.268;
/// Image side [px].
pub const IMAGE_PX: usize = 128;
/// Cameras in the order of observations, with their vertical field of view [deg].
pub const CAMERAS: [(&str, f64); 4] =
    [("front", 40.0), ("left_shoulder", 40.0), ("right_shoulder", 40.0), ("wrist", 60.0)];

/// A robot as MJCF, read from `sim/ROBOT.xml` under the assets folder.
pub fn robot_xml(assets: &Path, robot: &str) -> Result<String, SimError> {
    let path = assets.join(format!("sim/{robot}.xml"));
    fs::read_to_string(&path).map_err(|source| SimError::Asset { path, source })
}

/// Name of the body that a robot's file begins with.
pub(crate) fn base_name(robot: &str) -> Option<&str> {
    let (_, body) = split_fragment(robot).0.split_once("<body name=\"")?;
    body.split('"').next()
}

/// A whole model: `robot` is the robot's fragment, `objects` the task's bodies, `extra` further top-level sections.
pub fn scene_xml(assets: &Path, robot: &str, objects: &str, extra: &str) -> String {
    let meshes = assets.join("urdf/meshes/fr3");
    let meshes = meshes.canonicalize().unwrap_or(meshes);
    let wrist = wrist_camera();
    let robot = robot.replace(WRIST_CAMERA, &wrist);
    let (robot_body, robot_rest) = split_fragment(&robot);
    format!(
        r#"<mujoco model="neuraxis">
  <compiler angle="radian" meshdir="{meshes}" autolimits="true"/>
  <option timestep="0.001" integrator="implicitfast" cone="elliptic" impratio="10" noslip_iterations="2">
    <!-- What lies still costs nothing until something touches it. -->
    <flag sleep="enable"/>
  </option>
  <size memory="16M"/>
  <visual>
    <global offwidth="{IMAGE_PX}" offheight="{IMAGE_PX}"/>
    <quality offsamples="0" shadowsize="0" numslices="16" numstacks="8" numquads="1"/>
    <headlight ambient="0.45 0.45 0.45" diffuse="0.35 0.35 0.35" specular="0 0 0"/>
    <map znear="0.005" zfar="20"/>
  </visual>
  <default>
    <geom condim="4" friction="1.0 0.02 0.001" solref="0.004 1"/>
  </default>
  {robot_rest}
  {extra}
  <worldbody>
    <light type="directional" pos="0.4 0 3" dir="0 0 -1" castshadow="false" diffuse="0.35 0.35 0.35" specular="0 0 0"/>
    <geom name="floor" type="plane" size="4 4 0.1" pos="0 0 0" rgba="0.35 0.35 0.38 1"/>
    <geom name="table" type="box" size="0.65 0.65 0.02" pos="0.25 0 {table}" rgba="0.72 0.66 0.58 1"/>
    {cameras}
    {robot_body}
    {objects}
  </worldbody>
</mujoco>"#,
        meshes = meshes.display(),
        table = TABLE_Z_M - 0.02,
        cameras = fixed_cameras(),
    )
}

/// A body of the scene, not of the robot.
pub(crate) struct SceneBody {
    pub(crate) name: String,
    /// It can move against what it hangs from.
    pub(crate) has_joint: bool,
    /// It hangs from the world.
    pub(crate) is_root: bool,
}

/// All bodies but the world and those of the robot, which hang from `base`.
pub(crate) fn scene_bodies(spec: &MjSpec, base: &str) -> Vec<SceneBody> {
    let seen = |body: &MjsBody, is_root| SceneBody {
        name: body.name().to_owned(),
        has_joint: body.joint_iter(false).next().is_some(),
        is_root,
    };
    let roots = spec.world_body().body_iter(false).filter(|body| body.name() != base);
    roots
        .flat_map(|root| std::iter::once(seen(root, true)).chain(root.body_iter(true).map(move |b| seen(b, false))))
        .collect()
}

/// The fixed cameras of the RLBench rig. RLBench's rows are camera axes x left, y up, z forward in columns;
/// MuJoCo's camera looks along -z with y up, so x and z change sign.
fn fixed_cameras() -> String {
    let rows = [
        ("front", [1.35, 0.0, 1.58], [[0.0, -0.4226, -0.9063], [-1.0, 0.0, 0.0], [0.0, 0.9063, -0.4226]]),
        (
            "left_shoulder",
            [-0.175, 0.2, 1.98],
            [[0.1736, 0.8925, 0.4162], [0.9848, -0.1574, -0.0734], [0.0, 0.4226, -0.9063]],
        ),
        (
            "right_shoulder",
            [-0.175, -0.2, 1.98],
            [[-0.1736, 0.8925, 0.4162], [0.9848, 0.1574, 0.0734], [0.0, 0.4226, -0.9063]],
        ),
    ];
    rows.iter()
        .map(|(name, p, r)| {
            format!(
                r#"<camera name="{name}" pos="{} {} {}" xyaxes="{} {} {} {} {} {}" fovy="40"/>"#,
                p[0], p[1], p[2], -r[0][0], -r[1][0], -r[2][0], r[0][1], r[1][1], r[2][1]
            )
        })
        .collect()
}

/// The wrist camera rides on the hand. RLBench gives its pose in the tip frame, which is the hand's moved by 0.11 m
/// along z and turned by 180 degrees about z.
fn wrist_camera() -> String {
    let r = [[0.0, -0.9962, 0.0872], [1.0, 0.0, 0.0], [0.0, 0.0872, 0.9962]];
    let p = [-0.05, 0.002, -0.0921];
    let in_hand = |v: [f64; 3]| [-v[0], -v[1], v[2]];
    let column = |c: usize| in_hand([r[0][c], r[1][c], r[2][c]]);
    let (left, up) = (column(0), column(1));
    let p = in_hand(p);
    format!(
        r#"<camera name="wrist" pos="{} {} {}" xyaxes="{} {} {} {} {} {}" fovy="60"/>"#,
        p[0],
        p[1],
        p[2] + 0.11,
        -left[0],
        -left[1],
        -left[2],
        up[0],
        up[1],
        up[2]
    )
}

/// Where the ball is that cameras are calibrated by.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Between the fingers, fixed to the hand: for cameras in the world.
    Hand,
    /// On the table: for a camera on the hand.
    Table,
}

/// Its radius [m]: it fits between the fingers.
pub const MARK_RADIUS_M: f64 = 0.03;
/// Its colour's name.
pub const MARK_COLOUR: &str = "red";
/// In the hand, a little off the tool point, as a ball that somebody put there would be [m].
const MARK_IN_HAND_M: [f64; 3] = [0.004, -0.003, 0.118];
const MARK_ON_TABLE_M: [f64; 3] = [0.28, 0.05, TABLE_Z_M + MARK_RADIUS_M];

/// It touches nothing and weighs nothing.
fn mark([x, y, z]: [f64; 3]) -> String {
    format!(
        r#"<geom name="mark" type="sphere" size="{MARK_RADIUS_M}" pos="{x} {y} {z}" mass="0" contype="0" conaffinity="0" rgba="0.85 0.05 0.05 1"/>"#
    )
}

/// A robot's MJCF with the ball in its hand.
pub(crate) fn with_ball_in_hand(robot: &str) -> String {
    robot.replace(WRIST_CAMERA, &(mark(MARK_IN_HAND_M) + WRIST_CAMERA))
}

/// The ball as a body of the scene.
pub(crate) fn ball_on_table() -> String {
    format!(r#"<body name="mark">{}</body>"#, mark(MARK_ON_TABLE_M))
}

/// Where a robot's file has its camera.
const WRIST_CAMERA: &str = "<!-- wrist camera -->";

/// A fragment file holds one `<body>` and, before it, the sections that belong outside `<worldbody>`.
fn split_fragment(fragment: &str) -> (&str, &str) {
    match fragment.find("<!-- worldbody -->") {
        Some(at) => (&fragment[at..], &fragment[..at]),
        None => (fragment, ""),
    }
}
