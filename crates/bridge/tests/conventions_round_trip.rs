//! RLBench's conventions and ours: there and back, and against numbers that RLBench itself recorded.

use std::path::Path;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_bridge::{ActionError, conversions::*};
use neuraxis_core::{CameraView, Gripper, Intrinsics, KeyFrame, Pose};
use neuraxis_robot::{Robot, RobotConfig};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

fn rotation(rng: &mut Pcg64) -> UnitQuaternion<f64> {
    let mut angle = || rng.random_range(-3.1..3.1);
    UnitQuaternion::from_euler_angles(angle(), angle(), angle())
}

fn position(rng: &mut Pcg64) -> Vector3<f64> {
    Vector3::from_fn(|_, _| rng.random_range(-2.0..2.0))
}

#[test]
fn poses_actions_and_joints_come_back() {
    let mut rng = Pcg64::seed_from_u64(11);
    for i in 0..1000 {
        let pose = Pose::from_parts(position(&mut rng), rotation(&mut rng));
        let back = world_from_tool(&gripper_pose(&pose)).unwrap();
        let (metres, radians) = back.distance(&pose);
        assert!(metres < 1e-12 && radians < 1e-7, "{metres} {radians}");
        let gripper = if i % 2 == 0 { Gripper::Open } else { Gripper::Closed };
        let wanted = KeyFrame { world_from_tool: pose, gripper, ignore_collisions: i % 3 == 0 };
        let found = keyframe(&action(&wanted)).unwrap();
        assert_eq!((found.gripper, found.ignore_collisions), (wanted.gripper, wanted.ignore_collisions));
        assert!(found.world_from_tool.distance(&pose).0 < 1e-12);
        let q: Vec<f64> = (0..7).map(|_| rng.random_range(-3.0..3.0)).collect();
        let ours = q_from_rlbench(&q).unwrap();
        assert!((ours[3] - q[3] - 0.0698).abs() < 1e-4 && ours[2] == q[2]);
        assert!(q_to_rlbench(&ours).iter().zip(&q).all(|(a, b)| (a - b).abs() < 1e-15));
    }
}

#[test]
fn cameras_come_back_and_see_the_same_points() {
    let mut rng = Pcg64::seed_from_u64(12);
    for _ in 0..200 {
        let view = CameraView {
            name: "front".into(),
            intrinsics: Intrinsics { width: 4, height: 3, fx: 175.84, fy: 170.0, cx: 2.0, cy: 1.5 },
            world_from_camera: Pose::from_parts(position(&mut rng), rotation(&mut rng)),
            rgb: (0..36).collect(),
            depth_m: (0..12).map(|i| 0.5 + 0.1 * i as f32).collect(),
        };
        let image = camera_image(&view, [0.01, 4.5]);
        let (k, pose) = (image.calibration.k, image.calibration.world_from_camera);
        assert!(k[0][0] == -175.84 && k[1][1] == -170.0);
        for (u, v) in [(0.0, 0.0), (3.0, 1.0), (1.0, 2.0)] {
            // RLBench's formula for the points of an image, against ours.
            let z = 1.7;
            let theirs = [(u - k[0][2]) / k[0][0] * z, (v - k[1][2]) / k[1][1] * z, z, 1.0];
            let theirs: [f64; 3] = std::array::from_fn(|row| (0..4).map(|c| pose[row][c] * theirs[c]).sum());
            let i = &view.intrinsics;
            let ours = Vector3::new((u - i.cx) / i.fx * z, (v - i.cy) / i.fy * z, z);
            let ours = view.world_from_camera.iso * nalgebra::Point3::from(ours);
            assert!((Vector3::from(theirs) - ours.coords).norm() < 1e-9);
        }
        let back = camera_view(image).unwrap();
        let (metres, radians) = back.world_from_camera.distance(&view.world_from_camera);
        assert!(metres < 1e-12 && radians < 1e-7, "{metres} {radians}");
        assert_eq!(back.intrinsics, view.intrinsics);
        assert_eq!((back.rgb, back.depth_m), (view.rgb, view.depth_m));
    }
}

#[test]
fn rlbench_start_pose_is_where_our_kinematics_put_its_joints() {
    // The arm at the start of RLBench's recordings: joints, and the tip that was recorded with them.
    let q = q_from_rlbench(&[0.0, 0.1752, 0.0, -0.8732, 0.0, 1.2216, std::f64::consts::FRAC_PI_4]).unwrap();
    let tip = [0.2785, -0.0082, 1.4719];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let yaml = std::fs::read_to_string(root.join("configs/fr3/robot.yaml")).unwrap();
    let config: RobotConfig = serde_yaml::from_str(&yaml).unwrap();
    let robot = Robot::from_urdf(&root.join(&config.urdf), &config).unwrap();
    let found = gripper_pose(&robot.world_from_tool(&q));
    let off = (0..3).map(|i| (found[i] - tip[i]).powi(2)).sum::<f64>().sqrt();
    assert!(off < 0.003, "{off} m off: {found:?}");
    // Without the offset of joint 4 it is centimetres away.
    let unturned =
        neuraxis_core::Joints::from_slice(&[0.0, 0.1752, 0.0, -0.8732, 0.0, 1.2216, std::f64::consts::FRAC_PI_4])
            .unwrap();
    let found = gripper_pose(&robot.world_from_tool(&unturned));
    let off = (0..3).map(|i| (found[i] - tip[i]).powi(2)).sum::<f64>().sqrt();
    assert!(off > 0.02, "{off} m off: {found:?}");
}

#[test]
fn what_no_camera_and_no_arm_has_is_refused_by_name() {
    let view = CameraView {
        name: "wrist".into(),
        intrinsics: Intrinsics { width: 1, height: 1, fx: 1.0, fy: 1.0, cx: 0.0, cy: 0.0 },
        world_from_camera: Pose::identity(),
        rgb: vec![0; 3],
        depth_m: vec![f32::NAN],
    };
    let image = camera_image(&view, [0.01, 4.5]);
    assert_eq!(image.depth_m, [0.0]);
    let said = |change: &dyn Fn(&mut neuraxis_bridge::Calibration)| {
        let mut image = image.clone();
        change(&mut image.calibration);
        camera_view(image).unwrap_err().to_string()
    };
    assert!(said(&|c| c.k[0][0] = 175.0).contains("camera wrist: K is"));
    assert!(said(&|c| c.k[0][1] = 0.1).contains("K is"));
    assert!(said(&|c| c.far = 0.0).contains("near 0.01 m and far 0 m"));
    assert!(said(&|c| c.world_from_camera[0][0] = 0.5).contains("T_world_cam"));
    assert!(said(&|c| c.world_from_camera[3][0] = 0.5).contains("T_world_cam"));
    assert!(said(&|c| c.world_from_camera[2] = [0.0, 0.0, -c.world_from_camera[2][2], 0.0]).contains("T_world_cam"));
    assert_eq!(keyframe(&[0.3, 0.0, 1.0, 0.0, 1.1, 0.0, 0.0, 1.0, 0.0]), Err(ActionError::Invalid));
    assert_eq!(keyframe(&[f64::NAN, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]), Err(ActionError::Invalid));
    assert!(q_from_rlbench(&[0.0; 6]).unwrap_err().to_string().contains("joint_positions is <f8 [6], wanted: <f8 [7]"));
}
