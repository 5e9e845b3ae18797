//! The arm against itself: the capsules cover the meshes, working poses are free, folded ones are not.

mod shipped;

use nalgebra::{IsometryMatrix3, Point3, UnitQuaternion, Vector3};
use neuraxis_core::{Base, Joints, Pose, Tool};
use neuraxis_robot::{CapsuleConfig, IkRequest, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::Deserialize;
use shipped::{config, robot, root};

/// How far a mesh vertex may stand out of the capsules [m].
const COVER_M: f64 = 2e-4;

/// Corners of a binary STL file [m].
fn corners(link: &str) -> Vec<Point3<f64>> {
    let bytes = std::fs::read(root().join("urdf/meshes/fr3").join(format!("{link}_coll.stl"))).unwrap();
    let number = |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
    let facets = u32::from_le_bytes(bytes[80..84].try_into().unwrap()) as usize;
    let corner = |at: usize| Point3::new(number(at), number(at + 4), number(at + 8));
    (0..facets).flat_map(|f| (0..3).map(move |c| 84 + 50 * f + 12 + 12 * c)).map(corner).collect()
}

fn outside_m(capsule: &CapsuleConfig, point: &Point3<f64>) -> f64 {
    let (from, to) = (Point3::from(capsule.from_xyz_m), Point3::from(capsule.to_xyz_m));
    let span = to - from;
    let along = ((point - from).dot(&span) / span.norm_squared()).clamp(0.0, 1.0);
    (point - (from + along * span)).norm() - capsule.radius_m
}

#[test]
fn capsules_cover_the_meshes() {
    let config = config("fr3");
    for link in ["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7", "hand"] {
        let capsules: Vec<_> = config.capsules.iter().filter(|c| c.link == format!("fr3_{link}")).collect();
        assert!((1..=2).contains(&capsules.len()), "{link}");
        for point in corners(link) {
            let nearest = capsules.iter().map(|c| outside_m(c, &point)).fold(f64::INFINITY, f64::min);
            assert!(nearest < COVER_M, "{link}: {point} is {nearest} m outside");
        }
    }
}

/// The tool at a place in the world, pointing down, turned about the vertical.
fn pointing_down(robot: &Robot, x: f64, y: f64, z: f64, yaw: f64) -> Pose<Base, Tool> {
    let rotation = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw)
        * UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    robot.world_from_base().inverse() * Pose::from_parts(Vector3::new(x, y, z), rotation)
}

#[test]
fn home_and_poses_over_the_table_are_free() {
    let robot = robot("fr3");
    let frames = robot.link_frames(&robot.home());
    assert!(robot.self_clearance_m(&frames) > 0.1, "{:?}", robot.nearest_links(&frames));
    let (mut reached, mut rng) = (0, Pcg64::seed_from_u64(11));
    for _ in 0..2000 {
        let mut within = |low: f64, high: f64| rng.random_range(low..high);
        let target =
            pointing_down(&robot, within(0.05, 0.45), within(-0.35, 0.35), within(0.755, 1.15), within(-1.57, 1.57));
        let request =
            IkRequest { base_from_tool: target, seed: robot.home(), restarts: 20, posture: Some(robot.home()) };
        let Ok(q) = robot.ik(&request) else { continue };
        reached += 1;
        let frames = robot.link_frames(&q);
        assert!(robot.self_clearance_m(&frames) > 0.0, "{:?} at {q:?}", robot.nearest_links(&frames));
    }
    assert!(reached > 1500, "{reached} of 2000 poses reached: the test says little");
}

#[derive(Deserialize)]
struct Meshes {
    samples: Vec<Distance>,
}

/// Of the nearest two meshes, among the pairs of links that are checked; 0: they touch (golden_meshes.py).
#[derive(Deserialize)]
struct Distance {
    q_rad: Joints,
    distance_m: f64,
}

/// Capsules around the meshes are never further apart than the meshes are, and mostly not much nearer.
#[test]
fn clearance_is_at_most_the_distance_of_the_meshes_and_every_contact_is_reported() {
    let robot = robot("fr3");
    let text = std::fs::read_to_string(root().join("crates/robot/tests/data/golden_fr3_meshes.json")).unwrap();
    let meshes: Meshes = serde_json::from_str(&text).unwrap();
    let (mut touching, mut free, mut false_alarms, mut lost_m) = (0, 0, 0, 0.0);
    for Distance { q_rad, distance_m } in meshes.samples {
        let clearance_m = robot.self_clearance_m(&robot.link_frames(&q_rad));
        assert!(clearance_m < distance_m + 2.0 * COVER_M, "{q_rad:?}: {clearance_m}, meshes {distance_m}");
        if distance_m == 0.0 {
            touching += 1;
            assert!(clearance_m < 0.0, "{q_rad:?}: {clearance_m}");
        } else {
            free += 1;
            false_alarms += i32::from(clearance_m <= 0.0);
            lost_m += distance_m - clearance_m;
        }
    }
    println!("{touching} touch; of {free} others {false_alarms} false alarms, {:.3} m lost", lost_m / f64::from(free));
    assert!(touching > 50 && free == 100);
    assert!(false_alarms <= 5, "{false_alarms} of 100");
}

#[test]
fn folded_poses_are_reported() {
    let robot = robot("fr3");
    // The forearm folded onto the upper arm, wrist turned in: the hand is in the shoulder.
    let folded = Joints::from_slice(&[0.0, 0.0, 0.0, -3.0, 0.0, 0.6, 0.785]).unwrap();
    let frames = robot.link_frames(&folded);
    let (a, b, clearance_m) = robot.nearest_links(&frames).unwrap();
    assert!(clearance_m < 0.0 && [a, b] == ["fr3_link1", "fr3_hand"], "{a} {b} {clearance_m}");
    assert_eq!(robot.self_clearance_m(&frames), clearance_m);
    let nowhere = robot.link_frames(&Joints::from_fn(7, |_| f64::NAN));
    assert!(robot.self_clearance_m(&nowhere).is_nan(), "a position that is not a number is not free");
}

#[test]
fn frames_agree_with_forward_kinematics_and_the_points_with_the_frames() {
    let robot = robot("fr3");
    let mut rng = Pcg64::seed_from_u64(12);
    for _ in 0..100 {
        let q = Joints::from_fn(7, |i| rng.random_range(robot.limits()[i].lower_rad..robot.limits()[i].upper_rad));
        let frames = robot.link_frames(&q);
        let (metres, radians) = frames.base_from_tool().distance(&robot.base_from_tool(&q));
        assert!(metres < 1e-12 && radians < 1e-7);
        assert_eq!(frames.base_from_link().len(), 8);
        assert_eq!(frames.base_from_link()[0], IsometryMatrix3::identity());
        // The hand hangs on link 7, 0.107 m along z and turned by -45 degrees; its tool is 0.1034 m further.
        let flange = frames.base_from_link()[7] * Point3::new(0.0, 0.0, 0.107 + 0.1034);
        assert!((flange.coords - frames.tool_in_base()).norm() < 1e-12);
        let points: Vec<_> = robot.capsule_points(&frames).collect();
        let first = &config("fr3").capsules[0];
        assert_eq!(points.len(), 2 * config("fr3").capsules.len());
        assert_eq!(points[0], (Vector3::from(first.from_xyz_m), first.radius_m, 0));
        assert!(points.iter().all(|(p, _, link)| p.norm() < 1.5 && *link <= 7));
    }
}

#[test]
fn sr05_broken_capsules_are_named() {
    let refused = |change: &dyn Fn(&mut neuraxis_robot::RobotConfig)| {
        let mut broken = config("fr3");
        change(&mut broken);
        Robot::from_urdf(&broken.urdf, &broken).unwrap_err().to_string()
    };
    let text = refused(&|c| c.capsules[3].link = "fr3_link9".into());
    assert!(text.contains("capsules[3]") && text.contains("fr3_link9"), "{text}");
    // A finger moves by a joint that is not the arm's.
    let text = refused(&|c| c.capsules[0].link = "fr3_leftfinger".into());
    assert!(text.contains("fr3_leftfinger"), "{text}");
    let text = refused(&|c| c.capsules[2].radius_m = -0.1);
    assert!(text.contains("radius_m = -0.1") && text.contains("finite, positive"), "{text}");
    let text = refused(&|c| c.capsules[2].to_xyz_m[1] = f64::NAN);
    assert!(text.contains("to_xyz_m = NaN"), "{text}");
    let text = refused(&|c| c.may_touch = vec![["fr3_link1".into(), "elbow".into()]]);
    assert!(text.contains("may_touch[0]") && text.contains("elbow"), "{text}");
    let text = refused(&|c| c.capsules = vec![c.capsules[0].clone(); 33]);
    assert!(text.contains("33 capsules, at most 32"), "{text}");
    let text = refused(&|c| c.torque_rate_limits_nm_s = vec![1000.0; 6]);
    assert!(text.contains("torque_rate_limits_nm_s has 6 entries"), "{text}");
    let text = refused(&|c| c.torque_rate_limits_nm_s = vec![0.0; 7]);
    assert!(text.contains("torque rate limit = 0"), "{text}");
}

#[test]
fn without_capsules_nothing_is_near_and_links_that_may_touch_are_left_out() {
    let folded = Joints::from_slice(&[0.0, 0.0, 0.0, -3.0, 0.0, 0.6, 0.785]).unwrap();
    let mut bare = config("fr3");
    bare.capsules.clear();
    let bare = Robot::from_urdf(&bare.urdf, &bare).unwrap();
    assert_eq!(bare.self_clearance_m(&bare.link_frames(&folded)), f64::INFINITY);
    assert_eq!(bare.nearest_links(&bare.link_frames(&folded)), None);
    let mut spared = config("fr3");
    spared.may_touch.extend([["fr3_hand".into(), "fr3_link1".into()]]);
    let spared = Robot::from_urdf(&spared.urdf, &spared).unwrap();
    let nearest = spared.nearest_links(&spared.link_frames(&folded)).unwrap();
    assert!([nearest.0, nearest.1] != ["fr3_link1", "fr3_hand"]);
}
