//! What goes out comes back, and what cannot be meant is refused.

use std::sync::Arc;

use neuraxis_core::{Camera, Tool, World};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

fn view() -> CameraView {
    CameraView {
        name: Arc::from("front"),
        intrinsics: Intrinsics { width: 3, height: 2, fx: 4.0, fy: 5.0, cx: 1.0, cy: 0.5 },
        world_from_camera: Pose::identity(),
        rgb: (0..18).collect(),
        depth_m: vec![0.5, 1.0, 1.5, 2.0, 2.5, 3.0],
    }
}

fn arm() -> ([String; 2], ArmState) {
    let joints = |values: [f64; 2]| Joints::from_slice(&values).unwrap();
    let state = ArmState {
        stamp: Nanos(7),
        q: joints([0.1, -0.2]),
        qd: joints([0.3, 0.4]),
        tau_nm: joints([0.0, 0.0]),
        gripper_width_m: 0.06,
        grip_force_n: None,
    };
    (["joint_a".into(), "joint_b".into()], state)
}

#[test]
fn poses_come_back_for_any_rotation() {
    let mut random = Pcg64::seed_from_u64(1);
    for _ in 0..1000 {
        let mut number = || random.random_range(-3.0..3.0);
        let rotation = UnitQuaternion::from_euler_angles(number(), number(), number());
        let there: Pose<World, Tool> = Pose::from_parts(Vector3::new(number(), number(), number()), rotation);
        let back = pose_from_msg::<World, Tool>(&pose_to_msg(&there)).unwrap();
        let (metres, radians) = back.distance(&there);
        assert!(metres < 1e-12 && radians < 1e-7, "{there:?} became {back:?}");
    }
}

#[test]
fn a_quarter_turn_about_z_has_its_numbers_in_z_and_w() {
    let turn: Pose<World, Camera> =
        Pose::from_parts(Vector3::zeros(), UnitQuaternion::from_euler_angles(0.0, 0.0, std::f64::consts::FRAC_PI_2));
    let q = pose_to_msg(&turn).orientation;
    let half = std::f64::consts::FRAC_1_SQRT_2;
    assert!(q.x.abs() + q.y.abs() < 1e-12 && (q.z - half).abs() + (q.w - half).abs() < 1e-12, "{q:?}");
}

#[test]
fn poses_that_are_none_are_refused() {
    let refusal = |x: f64, w: f64| {
        let mut msg = pose_to_msg::<World, Tool>(&Pose::identity());
        (msg.position.x, msg.orientation.w) = (x, w);
        pose_from_msg::<World, Tool>(&msg).unwrap_err().to_string()
    };
    assert!(refusal(f64::NAN, 1.0).contains("not finite"));
    assert!(refusal(0.0, 0.0).contains("length is 0"));
    assert!(refusal(0.0, f64::NAN).contains("length is NaN"));
}

#[test]
fn joint_states_come_back_in_any_order() {
    let (names, state) = arm();
    let mut msg = joint_state_to_msg(Header::default(), &names, "finger", &state, 0.01);
    assert_eq!(msg.name, ["joint_a", "joint_b", "finger"]);
    assert_eq!((msg.position[2], msg.velocity[2]), (0.03, 0.01));
    for values in [&mut msg.position, &mut msg.velocity] {
        values.reverse();
    }
    msg.name.reverse();
    let width_m = 2.0 * joint_position(&msg, "finger").unwrap();
    assert_eq!(joint_state_from_msg(&msg, &names, width_m, state.stamp).unwrap(), state);
}

#[test]
fn joint_states_with_holes_are_refused_by_name() {
    let (names, state) = arm();
    let whole = joint_state_to_msg(Header::default(), &names, "finger", &state, 0.0);
    let changed = |change: fn(&mut JointState)| {
        let mut msg = whole.clone();
        change(&mut msg);
        joint_state_from_msg(&msg, &names, 0.06, Nanos(0)).map_err(|refusal| refusal.to_string())
    };
    for refusal in [
        changed(|msg| msg.name[1] = "other".into()),
        changed(|msg| msg.position.truncate(1)),
        changed(|msg| msg.position[1] = f64::INFINITY),
    ] {
        assert!(refusal.unwrap_err().contains("position of joint joint_b"));
    }
    // Not every driver has velocities and efforts.
    let state = changed(|msg| (msg.velocity[1], msg.effort) = (f64::NAN, vec![f64::NAN, 4.0])).unwrap();
    assert_eq!((&*state.qd, &*state.tau_nm), (&[0.3, 0.0][..], &[0.0, 4.0][..]));
    assert_eq!(joint_position(&whole, "other"), None);
}

#[test]
fn intrinsics_come_back() {
    let intrinsics = view().intrinsics;
    let msg = intrinsics_to_msg(Header::default(), &intrinsics);
    assert_eq!(intrinsics_from_msg(&msg).unwrap(), intrinsics);
    let mut bent = msg.clone();
    bent.d[0] = 0.1;
    assert!(intrinsics_from_msg(&bent).unwrap_err().to_string().contains("distorted"));
    let mut short = msg;
    short.k.pop();
    assert!(intrinsics_from_msg(&short).unwrap_err().to_string().contains("8 numbers"));
}

#[test]
fn images_come_back_and_no_reading_becomes_zero() {
    let mut view = view();
    view.depth_m[4] = f32::NAN;
    let (rgb, depth) = (rgb_to_msg(Header::default(), &view), depth_to_msg(Header::default(), &view));
    assert_eq!((rgb.step, depth.step), (9, 12));
    assert_eq!(rgb_from_msg(&rgb).unwrap(), view.rgb);
    assert_eq!(depth_from_msg(&depth).unwrap(), [0.5, 1.0, 1.5, 2.0, 0.0, 3.0]);
}

#[test]
fn images_with_padding_are_read_and_images_of_the_wrong_size_refused() {
    let view = view();
    let rgb = rgb_to_msg(Header::default(), &view);
    let mut padded = rgb.clone();
    padded.step += 2;
    padded.data = rgb.data.chunks(9).flat_map(|row| row.iter().chain(&[255, 255])).copied().collect();
    assert_eq!(rgb_from_msg(&padded).unwrap(), view.rgb);
    let mut cut = rgb.clone();
    cut.data.pop();
    assert!(rgb_from_msg(&cut).unwrap_err().to_string().contains("17 bytes"));
    assert!(depth_from_msg(&rgb).unwrap_err().to_string().contains("needed is 32FC1"));
}

#[test]
fn a_stamp_is_as_old_in_ros_time_as_in_ours() {
    let ros_now = Duration::from_secs(1_700_000_000);
    assert_eq!(ros_time_of(ros_now, Nanos(5_000), Nanos(2_000)), ros_now - Duration::from_nanos(3_000));
    assert_eq!(ros_time_of(ros_now, Nanos(5_000), Nanos(9_000)), ros_now);
    assert_eq!(ros_time_of(Duration::ZERO, Nanos(5_000), Nanos(2_000)), Duration::ZERO);
    let time = time_to_msg(Duration::new(12, 34));
    assert_eq!((time.sec, time.nanosec), (12, 34));
}
