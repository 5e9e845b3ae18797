//! The FR3's kinematics against crate k, finite differences and themselves.

use std::path::{Path, PathBuf};

use nalgebra::Vector3;
use neuraxis_core::{Joints, Pose};
use neuraxis_robot::{IkRequest, Robot, RobotConfig};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

fn urdf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../urdf/fr3.urdf")
}

fn config() -> RobotConfig {
    RobotConfig {
        urdf: urdf(),
        base_link: "fr3_link0".into(),
        tool_link: "fr3_hand".into(),
        hand_from_tool_z_m: 0.1034,
        world_from_base_xyz_m: [-0.268, -0.0064, 0.75],
        world_from_base_yaw_rad: 0.0,
        acceleration_limits_rad_s2: vec![10.0; 7],
        jerk_limits_rad_s3: vec![5000.0; 7],
        home_rad: vec![0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, std::f64::consts::FRAC_PI_4],
        ..RobotConfig::default()
    }
}

fn robot() -> Robot {
    Robot::from_urdf(&urdf(), &config()).unwrap()
}

fn random(robot: &Robot, rng: &mut Pcg64) -> Joints {
    Joints::from_fn(robot.dof(), |i| {
        let l = robot.limits()[i];
        rng.random_range(l.lower_rad..l.upper_rad)
    })
}

#[test]
fn forward_kinematics_agrees_with_k_everywhere() {
    let robot = robot();
    let chain = k::Chain::<f64>::from_urdf_file(urdf()).unwrap();
    let serial = k::SerialChain::from_end(chain.find_link("fr3_hand").unwrap());
    let mut rng = Pcg64::seed_from_u64(1);
    for _ in 0..200 {
        let q = random(&robot, &mut rng);
        serial.set_joint_positions(&q).unwrap();
        let t = serial.end_transform().translation.vector;
        let hand = robot.base_from_tool(&q).iso * nalgebra::Translation3::new(0.0, 0.0, -0.1034);
        assert!((hand.translation.vector - Vector3::new(t.x, t.y, t.z)).norm() < 1e-9);
    }
}

#[test]
fn home_points_down() {
    let robot = robot();
    let home = robot.world_from_tool(&robot.home());
    assert!((home.rotation() * Vector3::z() + Vector3::z()).norm() < 1e-3, "{home:?}");
}

/// RLBench's recorded start pose: joint 4 of its Panda is offset by 0.0698 rad, its tip lies 0.110 m from the hand.
#[test]
fn agrees_with_the_start_pose_recorded_in_rlbench() {
    let robot = robot();
    let q =
        Joints::from_slice(&[0.0, 0.1752, 0.0, -0.8732 + 0.0698, 0.0, 1.2216, std::f64::consts::FRAC_PI_4]).unwrap();
    let tip = robot.world_from_tool(&q).iso * nalgebra::Translation3::new(0.0, 0.0, 0.110 - 0.1034);
    let recorded = Vector3::new(0.2785, -0.0082, 1.4719);
    assert!((tip.translation.vector - recorded).norm() < 0.005, "{tip}");
}

#[test]
fn jacobian_agrees_with_finite_differences() {
    let robot = robot();
    let mut rng = Pcg64::seed_from_u64(2);
    for _ in 0..50 {
        let q = random(&robot, &mut rng);
        let (jacobian, pose) = robot.jacobian(&q);
        for (i, column) in jacobian.columns().iter().enumerate() {
            let mut moved = q;
            moved[i] += 1e-6;
            let after = robot.base_from_tool(&moved);
            let linear = (after.position() - pose.position()) / 1e-6;
            let angular = (after.rotation() * pose.rotation().inverse()).scaled_axis() / 1e-6;
            assert!((linear - column.fixed_rows::<3>(0)).norm() < 1e-4);
            assert!((angular - column.fixed_rows::<3>(3)).norm() < 1e-4);
        }
    }
}

#[test]
fn cold_ik_reaches_random_poses_within_limits() {
    let robot = robot();
    let mut rng = Pcg64::seed_from_u64(3);
    let mut failures = 0;
    for _ in 0..500 {
        let target = robot.base_from_tool(&random(&robot, &mut rng));
        match robot.ik(&IkRequest { base_from_tool: target, seed: robot.home(), restarts: 40, posture: None }) {
            Ok(q) => {
                let (metres, radians) = robot.base_from_tool(&q).distance(&target);
                assert!(metres < 1e-4 && radians < 1e-3);
                assert!(q.iter().zip(robot.limits()).all(|(v, l)| (l.lower_rad..=l.upper_rad).contains(v)));
            }
            Err(_) => failures += 1,
        }
    }
    assert!(failures <= 5, "{failures} of 500 reachable poses were not reached");
}

#[test]
fn impossible_and_malformed_targets_are_refused() {
    let robot = robot();
    let request = |target| IkRequest { base_from_tool: target, seed: robot.home(), restarts: 3, posture: None };
    let far = Pose::from_parts(Vector3::new(3.0, 0.0, 0.0), Default::default());
    assert!(robot.ik(&request(far)).unwrap_err().to_string().contains("m away"));
    let nan = Pose::from_parts(Vector3::new(f64::NAN, 0.0, 0.0), Default::default());
    assert!(robot.ik(&request(nan)).unwrap_err().to_string().contains("not finite"));
}

#[test]
fn sr05_a_base_or_a_tool_that_is_nowhere_is_named() {
    type Spoil = fn(&mut RobotConfig, f64);
    let keys: [(&str, Spoil); 5] = [
        ("hand_from_tool_z_m", |c, bad| c.hand_from_tool_z_m = bad),
        ("world_from_base_xyz_m[0]", |c, bad| c.world_from_base_xyz_m[0] = bad),
        ("world_from_base_xyz_m[1]", |c, bad| c.world_from_base_xyz_m[1] = bad),
        ("world_from_base_xyz_m[2]", |c, bad| c.world_from_base_xyz_m[2] = bad),
        ("world_from_base_yaw_rad", |c, bad| c.world_from_base_yaw_rad = bad),
    ];
    for (key, spoil) in keys {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut config = config();
            spoil(&mut config, bad);
            let text = Robot::from_urdf(&urdf(), &config).unwrap_err().to_string();
            assert_eq!(text, format!("robot configuration: {key} = {bad}, allowed: finite"));
        }
    }
}

#[test]
fn sr05_broken_descriptions_are_named() {
    let mut bad = config();
    bad.tool_link = "no_such_link".into();
    assert!(
        Robot::from_urdf(&urdf(), &bad).unwrap_err().to_string().contains("no chain from fr3_link0 to no_such_link")
    );
    let mut bad = config();
    bad.jerk_limits_rad_s3[2] = f64::INFINITY;
    let text = Robot::from_urdf(&urdf(), &bad).unwrap_err().to_string();
    assert!(text.contains("fr3_joint3") && text.contains("jerk limit") && text.contains("finite, positive"), "{text}");
    let mut bad = config();
    bad.home_rad.pop();
    assert!(Robot::from_urdf(&urdf(), &bad).unwrap_err().to_string().contains("home_rad has 6 entries"));
    let file = std::env::temp_dir().join(format!("neuraxis-broken-{}.urdf", std::process::id()));
    std::fs::write(&file, "<robot name='x'><link").unwrap();
    assert!(Robot::from_urdf(&file, &config()).unwrap_err().to_string().contains("neuraxis-broken"));
    std::fs::remove_file(&file).unwrap();
}
