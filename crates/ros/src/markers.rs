//! What there is to draw: where the arm goes and looks, and where it may not go.
//!
//! Every message holds all markers, so that the newest alone, kept for late comers, shows everything. Namespaces to switch
//! on and off in RViz: `keyframe`, `path`, `gaze`, `walls`. A key-frame that nobody renews for two seconds is taken away.

use std::time::{Duration, Instant};

use nalgebra::{Rotation3, Unit, UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, JointPath, Joints, KeyFrame, Pose, Tool, World};
use r2r::{
    Node, Publisher,
    geometry_msgs::msg::{Point, Vector3 as Vector3Msg},
    std_msgs::msg::{ColorRGBA, Header},
    visualization_msgs::msg::{Marker, MarkerArray},
};

use crate::{
    RosError, RosStats, conversions,
    publish::{Stamper, publisher},
    supervision::{Boundaries, Gaze, Intent, Kinematics, Wall},
    topics,
};

const PERIOD: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(2);
/// Length of the arrow along which the tool approaches, and of the axes of its goal [m].
const ARROW_M: f64 = 0.12;
const AXIS_M: f64 = 0.06;
/// Side of the piece of a wall that is drawn [m].
const WALL_M: f64 = 1.5;
/// Points drawn per leg of a path: straight lines of the joints are curves of the tool.
const PER_LEG: usize = 8;

const RED: [f32; 4] = [0.9, 0.2, 0.2, 1.0];
const GREEN: [f32; 4] = [0.2, 0.8, 0.3, 1.0];
const BLUE: [f32; 4] = [0.2, 0.4, 0.9, 1.0];
const ORANGE: [f32; 4] = [0.95, 0.55, 0.1, 1.0];
const YELLOW: [f32; 4] = [0.95, 0.9, 0.2, 1.0];
const WHITE: [f32; 4] = [0.9, 0.9, 0.9, 1.0];
const WALL_COLOUR: [f32; 4] = [0.6, 0.6, 0.65, 0.35];
const BOX_COLOUR: [f32; 4] = [0.3, 0.6, 0.9, 0.6];

/// What is written at a key-frame: the way there, what the gripper does there, how sure that is.
const STRAIGHT: &str = "straight";
const AROUND: &str = "around";
const OPEN: &str = "open";
const CLOSE: &str = "close";

/// Publishes what there is to draw.
pub(crate) struct Markers {
    publisher: Publisher<MarkerArray>,
    intent: Box<dyn FnMut() -> Option<Intent> + Send>,
    world_from_tool: Box<Kinematics>,
    boundaries: Boundaries,
    world_frame: String,
    looked: Instant,
    /// The newest, when it came, and where the arm was then.
    shown: Option<(Intent, Instant, Vec<Vector3<f64>>)>,
    is_published: bool,
}

impl Markers {
    pub(crate) fn new(
        node: &mut Node,
        world_frame: String,
        boundaries: Boundaries,
        intent: Box<dyn FnMut() -> Option<Intent> + Send>,
        world_from_tool: Box<Kinematics>,
    ) -> Result<Self, RosError> {
        Ok(Self {
            publisher: publisher(node, topics::MARKERS, topics::latched_qos())?,
            intent,
            world_from_tool,
            boundaries,
            world_frame,
            looked: Instant::now(),
            shown: None,
            is_published: false,
        })
    }

    /// Publishes what is new; `q`: where the arm is.
    pub(crate) fn publish(&mut self, q: &Joints, stamper: &Stamper, stats: &mut RosStats) {
        if self.is_published && self.looked.elapsed() < PERIOD {
            return;
        }
        self.looked = Instant::now();
        let is_known = |intent: &Intent| self.shown.as_ref().is_some_and(|(shown, ..)| shown.seq == intent.seq);
        let newest = (self.intent)().filter(|intent| intent.keyframe.world_from_tool.is_valid());
        let is_gone = self.shown.as_ref().is_some_and(|(_, since, _)| since.elapsed() > PATIENCE);
        match newest.filter(|intent| !is_known(intent)) {
            Some(intent) => {
                let way = intent.path.map_or_else(Vec::new, |path| tool_way(q, &path, &*self.world_from_tool));
                self.shown = Some((intent, self.looked, way));
            }
            None if is_gone => self.shown = None,
            None if self.is_published => return,
            None => {}
        }
        self.is_published = true;
        let stamp = stamper.now().map(conversions::time_to_msg).unwrap_or_default();
        let header = conversions::header(&stamp, &self.world_frame);
        let shown = self.shown.as_ref().map(|(intent, _, way)| (intent, way.as_slice()));
        let markers = draw(&header, &self.boundaries, shown);
        let sent = self.publisher.publish(&MarkerArray { markers }).is_ok();
        stats.count_published(sent, |stats| &mut stats.markers);
    }
}

/// The tool's way through a path from where the arm is. Empty if the arm is not one of that path.
fn tool_way(q: &Joints, path: &JointPath, world_from_tool: &Kinematics) -> Vec<Vector3<f64>> {
    let mut way = Vec::new();
    let mut from = *q;
    for to in path.waypoints() {
        if from.len() != to.len() {
            return Vec::new();
        }
        for i in 0..PER_LEG {
            let share = i as f64 / PER_LEG as f64;
            let between = Joints::from_fn(to.len(), |j| from[j] + share * (to[j] - from[j]));
            way.push(world_from_tool(&between).position());
        }
        from = *to;
    }
    way.push(world_from_tool(&from).position());
    way.retain(|point| point.iter().all(|x| x.is_finite()));
    way
}

/// Everything, as it is now. What is not there is deleted where it was drawn before.
fn draw(header: &Header, boundaries: &Boundaries, shown: Option<(&Intent, &[Vector3<f64>])>) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut put = |namespace: &str, id: i32, marker: Option<Marker>| {
        let gone = || Marker { action: Marker::DELETE as i32, ..Default::default() };
        let marker = marker.unwrap_or_else(gone);
        markers.push(Marker { header: header.clone(), ns: namespace.into(), id, ..marker });
    };
    let goal = shown.map(|(intent, _)| intent);
    put("keyframe", 0, goal.map(arrow));
    put("keyframe", 1, goal.map(axes));
    put("keyframe", 2, goal.map(words));
    put(
        "path",
        0,
        shown.filter(|(_, way)| way.len() > 1).map(|(_, way)| lines(Marker::LINE_STRIP as i32, way, 0.006, ORANGE)),
    );
    let gaze = goal.and_then(|intent| intent.gaze);
    put("gaze", 0, gaze.map(|gaze| lines(Marker::LINE_LIST as i32, &[gaze.from, gaze.at], 0.003, YELLOW)));
    put("gaze", 1, gaze.map(|gaze| sphere(gaze.at, 0.025, YELLOW)));
    put("walls", 0, boundaries.tool_box.as_ref().map(box_edges));
    for (id, wall) in (1..).step_by(2).zip(&boundaries.walls) {
        put("walls", id, Some(plate(wall)));
        put("walls", id + 1, Some(text(&wall.name, wall.point, 0.05, WHITE)));
    }
    markers
}

fn arrow(intent: &Intent) -> Marker {
    let goal = &intent.keyframe.world_from_tool;
    let tip = goal.position();
    let start = tip - goal.rotation() * (ARROW_M * Vector3::z());
    let colour = if intent.keyframe.gripper == Gripper::Open { GREEN } else { ORANGE };
    // Two points: from, to. Then the scale is: shaft's diameter, head's diameter, head's length.
    Marker { scale: scale(0.008, 0.018, 0.03), ..points(Marker::ARROW as i32, &[start, tip], colour) }
}

fn axes(intent: &Intent) -> Marker {
    let goal = &intent.keyframe.world_from_tool;
    let origin = goal.position();
    let ends = [Vector3::x(), Vector3::y(), Vector3::z()].map(|axis| origin + goal.rotation() * (AXIS_M * axis));
    let pairs: Vec<Vector3<f64>> = ends.iter().flat_map(|end| [origin, *end]).collect();
    let colors = [RED, RED, GREEN, GREEN, BLUE, BLUE].map(colour).to_vec();
    Marker { colors, ..lines(Marker::LINE_LIST as i32, &pairs, 0.004, WHITE) }
}

fn words(intent: &Intent) -> Marker {
    let gripper = if intent.keyframe.gripper == Gripper::Open { OPEN } else { CLOSE };
    let way = if intent.keyframe.ignore_collisions { STRAIGHT } else { AROUND };
    let above = intent.keyframe.world_from_tool.position() + Vector3::new(0.0, 0.0, 0.05 + ARROW_M);
    text(&format!("{way}, {gripper}, {:.0} %", 100.0 * intent.confidence), above, 0.03, WHITE)
}

/// Where the arm goes and looks, as it is drawn: read back from [`arrow`]'s neighbours [`axes`] and [`words`] and from the
/// gaze's line, for a viewer in another process. `None`: it goes nowhere, or these are another program's markers.
pub(crate) fn intent_of(markers: &[Marker]) -> Option<Intent> {
    let drawn = |namespace: &str, id: i32| {
        let is_it = |m: &&Marker| m.ns == namespace && m.id == id && m.action == Marker::ADD as i32;
        markers.iter().find(is_it)
    };
    let point = |p: &Point| Vector3::new(p.x, p.y, p.z);
    let ends: Vec<Vector3<f64>> = drawn("keyframe", 1)?.points.iter().map(point).collect();
    let [origin, x, _, y, _, z] = ends[..] else { return None };
    let turn = Rotation3::from_basis_unchecked(&[x, y, z].map(|end| (end - origin) / AXIS_M));
    let is_turn = (turn.matrix().transpose() * turn.matrix() - nalgebra::Matrix3::identity()).norm() < 1e-6
        && turn.matrix().determinant() > 0.0;
    let mut parts = drawn("keyframe", 2)?.text.split(", ");
    let (way, gripper, sure) = (parts.next()?, parts.next()?, parts.next()?.strip_suffix(" %")?);
    let gaze = drawn("gaze", 0).and_then(|line| match &line.points[..] {
        [from, at] => Some(Gaze { from: point(from), at: point(at) }),
        _ => None,
    });
    let is_finite = |gaze: &Gaze| gaze.from.iter().chain(gaze.at.iter()).all(|x| x.is_finite());
    let keyframe = KeyFrame {
        world_from_tool: Pose::from_parts(origin, UnitQuaternion::from_rotation_matrix(&turn)),
        gripper: if gripper == OPEN { Gripper::Open } else { Gripper::Closed },
        ignore_collisions: way == STRAIGHT,
    };
    let confidence = sure.parse::<f32>().ok()? / 100.0;
    let intent = Intent { seq: 0, keyframe, confidence, path: None, gaze: gaze.filter(is_finite) };
    (is_turn && origin.iter().all(|x| x.is_finite())).then_some(intent)
}

fn plate(wall: &Wall) -> Marker {
    let normal = Unit::new_normalize(wall.normal);
    // A wall that faces down needs any half turn that is not about the vertical.
    let turn = UnitQuaternion::rotation_between(&Vector3::z(), &normal)
        .unwrap_or_else(|| UnitQuaternion::from(Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)));
    let world_from_wall = Pose::<World, Tool>::from_parts(wall.point, turn);
    Marker {
        type_: Marker::CUBE as i32,
        pose: conversions::pose_to_msg(&world_from_wall),
        scale: scale(WALL_M, WALL_M, 0.002),
        color: colour(WALL_COLOUR),
        ..blank()
    }
}

fn box_edges(corners: &[Vector3<f64>; 2]) -> Marker {
    let corner = |bits: usize| {
        let side = |axis: usize| corners[bits >> axis & 1][axis];
        Vector3::new(side(0), side(1), side(2))
    };
    // Two corners share an edge if they differ in one bit.
    let edges = (0..8).flat_map(|a| (0..3).map(move |axis| (a, a | 1 << axis))).filter(|(a, b)| a != b);
    let ends: Vec<Vector3<f64>> = edges.flat_map(|(a, b)| [corner(a), corner(b)]).collect();
    lines(Marker::LINE_LIST as i32, &ends, 0.004, BOX_COLOUR)
}

fn sphere(at: Vector3<f64>, diameter_m: f64, rgba: [f32; 4]) -> Marker {
    let pose = conversions::pose_to_msg(&Pose::<World, Tool>::from_parts(at, UnitQuaternion::identity()));
    let scale = scale(diameter_m, diameter_m, diameter_m);
    Marker { type_: Marker::SPHERE as i32, pose, scale, color: colour(rgba), ..blank() }
}

fn text(words: &str, at: Vector3<f64>, height_m: f64, rgba: [f32; 4]) -> Marker {
    let (type_, scale) = (Marker::TEXT_VIEW_FACING as i32, scale(0.0, 0.0, height_m));
    Marker { type_, scale, text: words.into(), ..sphere(at, height_m, rgba) }
}

fn lines(kind: i32, ends: &[Vector3<f64>], width_m: f64, rgba: [f32; 4]) -> Marker {
    Marker { scale: scale(width_m, 0.0, 0.0), ..points(kind, ends, rgba) }
}

fn points(kind: i32, at: &[Vector3<f64>], rgba: [f32; 4]) -> Marker {
    let points = at.iter().map(|p| Point { x: p.x, y: p.y, z: p.z }).collect();
    Marker { type_: kind, points, color: colour(rgba), ..blank() }
}

/// To be drawn, where its points say.
fn blank() -> Marker {
    let pose = conversions::pose_to_msg(&Pose::<World, Tool>::identity());
    Marker { action: Marker::ADD as i32, pose, ..Default::default() }
}

fn scale(x: f64, y: f64, z: f64) -> Vector3Msg {
    Vector3Msg { x, y, z }
}

fn colour([r, g, b, a]: [f32; 4]) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

#[cfg(test)]
#[path = "markers_tests.rs"]
mod tests;
