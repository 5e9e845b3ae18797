use neuraxis_core::KeyFrame;

use super::*;
use crate::supervision::Gaze;

fn boundaries() -> Boundaries {
    let wall = |name: &str, z: f64| Wall {
        name: name.into(),
        normal: Vector3::new(0.0, 0.0, z),
        point: Vector3::new(0.1, 0.2, 0.75),
    };
    Boundaries {
        tool_box: Some([Vector3::new(-0.6, -0.7, 0.7), Vector3::new(0.7, 0.8, 1.7)]),
        walls: vec![wall("table", 2.0), wall("ceiling", -1.0)],
    }
}

fn intent() -> Intent {
    let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    Intent {
        seq: 7,
        keyframe: KeyFrame {
            world_from_tool: Pose::from_parts(Vector3::new(0.3, 0.1, 0.9), down),
            gripper: Gripper::Closed,
            ignore_collisions: false,
        },
        confidence: 0.5,
        path: None,
        gaze: Some(Gaze { from: Vector3::new(0.0, 0.0, 1.5), at: Vector3::new(0.3, 0.1, 0.8) }),
    }
}

fn header() -> Header {
    Header { frame_id: "world".into(), ..Default::default() }
}

/// What tools check before they draw: one marker per name, finite numbers, quaternions of length one, sizes.
fn assert_drawable(markers: &[Marker]) {
    let mut names: Vec<_> = markers.iter().map(|m| (m.ns.clone(), m.id)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), markers.len(), "each marker has its own name");
    for marker in markers.iter().filter(|m| m.action == Marker::ADD as i32) {
        assert_eq!(marker.header.frame_id, "world");
        let (p, q, s) = (&marker.pose.position, &marker.pose.orientation, &marker.scale);
        assert!((q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w - 1.0).abs() < 1e-9, "{marker:?}");
        assert!([p.x, p.y, p.z, s.x, s.y, s.z].iter().all(|x| x.is_finite()), "{marker:?}");
        assert!(marker.points.iter().all(|p| [p.x, p.y, p.z].iter().all(|x| x.is_finite())), "{marker:?}");
        assert!(s.x > 0.0 || s.z > 0.0, "a size: {marker:?}");
        assert!(marker.color.a > 0.0, "seen: {marker:?}");
        let is_list = marker.type_ == Marker::LINE_LIST as i32;
        assert!(!is_list || marker.points.len() % 2 == 0, "pairs: {marker:?}");
        assert!(marker.colors.is_empty() || marker.colors.len() == marker.points.len(), "{marker:?}");
    }
}

fn one<'a>(markers: &'a [Marker], namespace: &str, id: i32) -> &'a Marker {
    markers.iter().find(|m| m.ns == namespace && m.id == id).expect("such a marker")
}

#[test]
fn all_is_drawn_and_the_arrow_ends_at_the_goal() {
    let way = [Vector3::new(0.0, 0.0, 1.0), Vector3::new(0.3, 0.1, 0.9)];
    let intent = intent();
    let markers = draw(&header(), &boundaries(), Some((&intent, &way)));
    assert_drawable(&markers);
    assert!(markers.iter().all(|m| m.action == Marker::ADD as i32));
    let arrow = one(&markers, "keyframe", 0);
    let (start, tip) = (&arrow.points[0], &arrow.points[1]);
    assert!((tip.z - 0.9).abs() < 1e-12 && (start.z - 0.9 - ARROW_M).abs() < 1e-9, "it comes from above: {start:?}");
    assert_eq!(one(&markers, "keyframe", 2).text, "around, close, 50 %");
    assert_eq!(one(&markers, "path", 0).points.len(), 2);
    assert_eq!(one(&markers, "gaze", 1).pose.position.z, 0.8);
}

#[test]
fn what_is_drawn_can_be_read_again() {
    let mut intent = intent();
    intent.keyframe.world_from_tool =
        Pose::from_parts(Vector3::new(0.3, 0.1, 0.9), UnitQuaternion::from_euler_angles(0.4, -0.9, 2.0));
    let read = intent_of(&draw(&header(), &boundaries(), Some((&intent, &[])))).unwrap();
    let (metres, radians) = read.keyframe.world_from_tool.distance(&intent.keyframe.world_from_tool);
    assert!(metres < 1e-9 && radians < 1e-6, "{metres} m, {radians} rad");
    let rest = |of: &Intent| (of.keyframe.gripper, of.keyframe.ignore_collisions, of.confidence, of.gaze);
    assert_eq!(rest(&read), rest(&intent));
    let open = KeyFrame { gripper: Gripper::Open, ignore_collisions: true, ..intent.keyframe };
    let other = Intent { keyframe: open, gaze: None, ..intent.clone() };
    let read = intent_of(&draw(&header(), &boundaries(), Some((&other, &[])))).unwrap();
    assert_eq!(rest(&read), rest(&other));
    assert_eq!(intent_of(&draw(&header(), &boundaries(), None)), None);
    // Whoever else draws under these names: no frame of right angles is no key-frame.
    let mut strange = draw(&header(), &boundaries(), Some((&intent, &[])));
    strange.iter_mut().filter(|m| m.ns == "keyframe" && m.id == 1).for_each(|m| m.points[1].x += 0.01);
    assert_eq!(intent_of(&strange), None);
}

#[test]
fn what_is_not_there_is_taken_away() {
    let markers = draw(&header(), &boundaries(), None);
    assert_drawable(&markers);
    for (namespace, id) in [("keyframe", 0), ("keyframe", 1), ("keyframe", 2), ("path", 0), ("gaze", 0), ("gaze", 1)] {
        assert_eq!(one(&markers, namespace, id).action, Marker::DELETE as i32, "{namespace} {id}");
    }
    let unseeing = Intent { gaze: None, ..intent() };
    let markers = draw(&header(), &Boundaries::default(), Some((&unseeing, &[])));
    assert_drawable(&markers);
    assert_eq!(one(&markers, "gaze", 0).action, Marker::DELETE as i32);
    assert_eq!(one(&markers, "walls", 0).action, Marker::DELETE as i32);
}

#[test]
fn the_box_has_twelve_edges_along_the_axes() {
    let edges = box_edges(&boundaries().tool_box.unwrap());
    assert_eq!(edges.points.len(), 24);
    for pair in edges.points.chunks(2) {
        let differs = [pair[0].x != pair[1].x, pair[0].y != pair[1].y, pair[0].z != pair[1].z];
        assert_eq!(differs.iter().filter(|d| **d).count(), 1, "{pair:?}");
    }
}

#[test]
fn walls_face_their_free_side() {
    for wall in boundaries().walls {
        let pose: Pose<World, Tool> = conversions::pose_from_msg(&plate(&wall).pose).unwrap();
        let up = pose.rotation() * Vector3::z();
        assert!((up - wall.normal.normalize()).norm() < 1e-9, "{}: {up:?}", wall.name);
    }
}

#[test]
fn the_tools_way_passes_every_waypoint() {
    // An arm whose joints are its tool's coordinates.
    let kinematics = |q: &Joints| Pose::from_parts(Vector3::new(q[0], q[1], 0.0), UnitQuaternion::identity());
    let at = |x: f64, y: f64| Joints::from_slice(&[x, y]).unwrap();
    let path = JointPath::new(&[at(1.0, 0.0), at(1.0, 2.0)]).unwrap();
    let way = tool_way(&at(0.0, 0.0), &path, &kinematics);
    assert_eq!(way.len(), 2 * PER_LEG + 1);
    assert_eq!((way[0], way[PER_LEG], way[2 * PER_LEG]), (Vector3::zeros(), Vector3::x(), Vector3::new(1.0, 2.0, 0.0)));
    assert!(tool_way(&Joints::zeros(7), &path, &kinematics).is_empty(), "another arm");
}
