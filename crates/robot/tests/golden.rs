//! Kinematics and dynamics against Pinocchio (golden_pinocchio.py beside this file wrote the numbers).

mod shipped;

use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use neuraxis_core::{Joints, Pose};
use neuraxis_robot::{Gravity, Robot};
use serde::Deserialize;
use shipped::{config, robot, root};

#[derive(Deserialize)]
struct Golden {
    pinocchio: String,
    gravity_m_s2: [f64; 3],
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    q_rad: Joints,
    qd_rad_s: Joints,
    qdd_rad_s2: Joints,
    tool_xyz_m: [f64; 3],
    tool_wxyz: [f64; 4],
    jacobian_by_joint: Vec<[f64; 6]>,
    gravity_nm: Joints,
    torque_nm: Joints,
}

fn golden(robot: &str) -> Golden {
    let path = root().join("crates/robot/tests/data").join(format!("golden_{robot}.json"));
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.pinocchio, "4.1.0");
    assert_eq!(golden.gravity_m_s2, [0.0, 0.0, -neuraxis_robot::GRAVITY_M_S2]);
    assert_eq!(golden.samples.len(), 50);
    golden
}

#[test]
fn poses_and_jacobians_agree_with_pinocchio() {
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        for s in golden(name).samples {
            let (jacobian, base_from_tool) = robot.jacobian(&s.q_rad);
            let [w, x, y, z] = s.tool_wxyz;
            let rotation = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
            let theirs = Pose::from_parts(Vector3::from(s.tool_xyz_m), rotation);
            let (metres, radians) = base_from_tool.distance(&theirs);
            assert!(metres < 1e-12 && radians < 1e-7, "{name}: {metres} m, {radians} rad");
            let (metres, radians) = robot.base_from_tool(&s.q_rad).distance(&theirs);
            assert!(metres < 1e-12 && radians < 1e-7, "{name}: {metres} m, {radians} rad");
            assert_eq!(jacobian.columns().len(), s.jacobian_by_joint.len());
            for (ours, theirs) in jacobian.columns().iter().zip(&s.jacobian_by_joint) {
                assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-12), "{name}: {ours} {theirs:?}");
            }
        }
    }
}

#[test]
fn torques_agree_with_pinocchio() {
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        assert!(robot.has_dynamics());
        let still = Joints::zeros(robot.dof());
        for s in golden(name).samples {
            let gravity_nm = robot.inverse_dynamics(&s.q_rad, &still, &still, Gravity::Included);
            assert!(gravity_nm.max_abs_diff(&s.gravity_nm) < 1e-10, "{name}: {gravity_nm:?} {:?}", s.gravity_nm);
            let torque_nm = robot.inverse_dynamics(&s.q_rad, &s.qd_rad_s, &s.qdd_rad_s2, Gravity::Included);
            assert!(torque_nm.max_abs_diff(&s.torque_nm) < 1e-9, "{name}: {torque_nm:?} {:?}", s.torque_nm);
            // What the arm's own controller adds is exactly the difference.
            let moving_nm = robot.inverse_dynamics(&s.q_rad, &s.qd_rad_s, &s.qdd_rad_s2, Gravity::Compensated);
            let sum = Joints::from_fn(robot.dof(), |i| moving_nm[i] + gravity_nm[i]);
            assert!(sum.max_abs_diff(&torque_nm) < 1e-9);
        }
    }
}

/// The arm loads without masses, and then has no dynamics: torques are zeros, not guesses.
#[test]
fn a_description_without_masses_has_no_dynamics() {
    let mut bare = config("ur5e");
    let text = std::fs::read_to_string(&bare.urdf).unwrap();
    for (change, to) in [(r#"<mass value="2.846"/>"#, r#"<mass value="0"/>"#), ("ixx=", "ixx=\"-1\" was=")] {
        let file = std::env::temp_dir().join(format!("neuraxis-massless-{}-{}.urdf", std::process::id(), to.len()));
        std::fs::write(&file, text.replacen(change, to, 1)).unwrap();
        bare.urdf = file.clone();
        let robot = Robot::from_urdf(&file, &bare).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(!robot.has_dynamics());
        let q = robot.home();
        assert_eq!(robot.inverse_dynamics(&q, &q, &q, Gravity::Included), Joints::zeros(6));
    }
}
