//! The FR3 against the maker's own model library.
//!
//! `data/golden_fr3_libfranka.json` is a part of the reference data that the crate franka-rs 0.4.0 ships
//! (Apache-2.0, its `licence` field has the notice): libfranka 0.20.4 at 30 joint positions, flange, no load. The
//! inertial parameters there are ours with more digits: masses differ by up to 5e-6 kg, centres of mass by 5e-8 m.

mod shipped;

use nalgebra::{Matrix4, Vector3, Vector6};
use neuraxis_core::Joints;
use neuraxis_robot::{Gravity, Robot};
use serde::Deserialize;
use shipped::{config, root};

/// What rounded parameters may cost [N m], [kg m²].
const ROUNDED: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    gravity_m_s2: [f64; 3],
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    q_rad: Joints,
    qd_rad_s: Joints,
    flange_column_major: Vec<f64>,
    jacobian_by_joint: Vec<Vector6<f64>>,
    mass_by_joint: Vec<Joints>,
    coriolis_nm: Joints,
    gravity_nm: Joints,
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(root().join("crates/robot/tests/data/golden_fr3_libfranka.json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert_eq!(golden.gravity_m_s2, [0.0, 0.0, -neuraxis_robot::GRAVITY_M_S2]);
    assert_eq!(golden.samples.len(), 30);
    golden
}

/// The arm without its hand, up to the flange.
fn bare_arm() -> Robot {
    let mut bare = config("fr3");
    let mut text = std::fs::read_to_string(&bare.urdf).unwrap();
    for (hand, nothing) in [
        (r#"<mass value="0.73"/>"#, r#"<mass value="0"/>"#),
        (
            r#"ixx="0.001" ixy="0" ixz="0" iyy="0.0025" iyz="0" izz="0.0017""#,
            r#"ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0""#,
        ),
    ] {
        assert!(text.contains(hand));
        text = text.replace(hand, nothing);
    }
    let file = std::env::temp_dir().join(format!(
        "neuraxis-flange-{}-{:?}.urdf",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, text).unwrap();
    (bare.urdf, bare.tool_link, bare.hand_from_tool_z_m) = (file.clone(), "fr3_link8".into(), 0.0);
    let robot = Robot::from_urdf(&file, &bare).unwrap();
    std::fs::remove_file(&file).unwrap();
    robot
}

#[test]
fn flange_poses_and_jacobians_are_those_of_libfranka() {
    let robot = bare_arm();
    for s in golden().samples {
        let (jacobian, flange) = robot.jacobian(&s.q_rad);
        let theirs = Matrix4::from_column_slice(&s.flange_column_major);
        assert!((flange.iso.to_homogeneous() - theirs).abs().max() < 1e-12, "{:?}", s.q_rad);
        for (ours, theirs) in jacobian.columns().iter().zip(&s.jacobian_by_joint) {
            assert!((ours - theirs).abs().max() < 1e-12, "{ours} {theirs}");
        }
        let last = robot.link_frames(&s.q_rad).base_from_link()[7] * Vector3::z();
        assert!((last - theirs.fixed_view::<3, 1>(0, 2)).norm() < 1e-12);
    }
}

#[test]
fn gravity_coriolis_and_mass_are_those_of_libfranka() {
    let robot = bare_arm();
    let still = Joints::zeros(7);
    let mut worst = [0.0_f64; 3];
    for s in golden().samples {
        let gravity_nm = robot.inverse_dynamics(&s.q_rad, &still, &still, Gravity::Included);
        worst[0] = worst[0].max(gravity_nm.max_abs_diff(&s.gravity_nm));
        let coriolis_nm = robot.inverse_dynamics(&s.q_rad, &s.qd_rad_s, &still, Gravity::Compensated);
        worst[1] = worst[1].max(coriolis_nm.max_abs_diff(&s.coriolis_nm));
        // A column of the mass matrix is the torque of a unit acceleration.
        for (i, column) in s.mass_by_joint.iter().enumerate() {
            let unit = Joints::from_fn(7, |j| f64::from(u8::from(i == j)));
            let ours = robot.inverse_dynamics(&s.q_rad, &still, &unit, Gravity::Compensated);
            worst[2] = worst[2].max(ours.max_abs_diff(column));
        }
    }
    println!("gravity {:.1e} N m, coriolis {:.1e} N m, mass {:.1e} kg m2", worst[0], worst[1], worst[2]);
    assert!(worst.iter().all(|w| *w < ROUNDED), "{worst:?}");
}
