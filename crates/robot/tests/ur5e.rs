//! The UR5e's description: its table, its limits, its body.

mod shipped;

use nalgebra::{Rotation3, Vector3};
use neuraxis_core::Joints;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use shipped::{config, random, robot};

/// d, a [m] and alpha [rad] of the maker's Denavit-Hartenberg table.
const TABLE: [[f64; 3]; 6] = [
    [0.1625, 0.0, std::f64::consts::FRAC_PI_2],
    [0.0, -0.425, 0.0],
    [0.0, -0.3922, 0.0],
    [0.1333, 0.0, std::f64::consts::FRAC_PI_2],
    [0.0997, 0.0, -std::f64::consts::FRAC_PI_2],
    [0.0996, 0.0, 0.0],
];

#[test]
fn the_flange_is_where_the_makers_table_puts_it() {
    let robot = robot("ur5e");
    let mut rng = Pcg64::seed_from_u64(21);
    for _ in 0..100 {
        let q = random(&robot, &mut rng);
        let (mut position, mut rotation) = (Vector3::zeros(), Rotation3::identity());
        for ([d, a, alpha], angle) in TABLE.iter().zip(q.iter()) {
            rotation *= Rotation3::from_axis_angle(&Vector3::z_axis(), *angle);
            position += rotation * Vector3::new(*a, 0.0, *d);
            rotation *= Rotation3::from_axis_angle(&Vector3::x_axis(), *alpha);
        }
        let tool = position + rotation * Vector3::new(0.0, 0.0, config("ur5e").hand_from_tool_z_m);
        assert!((tool - robot.base_from_tool(&q).position()).norm() < 1e-12);
    }
}

#[test]
fn limits_are_those_of_the_data_sheet() {
    let robot = robot("ur5e");
    let torques_nm: Vec<f64> = robot.limits().iter().map(|l| l.effort_nm).collect();
    assert_eq!(torques_nm, [150.0, 150.0, 150.0, 28.0, 28.0, 28.0]);
    assert!(robot.limits().iter().all(|l| (l.velocity_rad_s - 180f64.to_radians()).abs() < 1e-12));
    assert!(robot.torque_rate_limits_nm_s().is_empty());
}

#[test]
fn home_points_down_in_front_and_is_free() {
    let robot = robot("ur5e");
    let home = robot.world_from_tool(&robot.home());
    assert!((home.rotation() * Vector3::z() + Vector3::z()).norm() < 1e-9, "{home:?}");
    assert!(home.position().x > 0.0 && home.position().z > 0.9, "{home:?}");
    let frames = robot.link_frames(&robot.home());
    assert!(robot.self_clearance_m(&frames) > 0.05, "{:?}", robot.nearest_links(&frames));
}

#[test]
fn folded_poses_are_reported() {
    let robot = robot("ur5e");
    // The forearm folded back onto the upper arm, either way.
    for (folded, links) in [
        ([0.0, -1.57, 3.1, 0.0, 0.0, 0.0], ["ur5e_upper_arm", "ur5e_wrist_2"]),
        ([0.0, -1.57, -3.1, 0.0, 0.0, 0.0], ["ur5e_upper_arm", "ur5e_wrist_1"]),
    ] {
        let frames = robot.link_frames(&Joints::from_slice(&folded).unwrap());
        let (a, b, clearance_m) = robot.nearest_links(&frames).unwrap();
        assert!(clearance_m < 0.0 && [a, b] == links, "{a} {b} {clearance_m}");
    }
}
