//! One request and one answer, byte by byte: the same files are checked by sim/test_bridge_wire.py and
//! sim/test_rlbench_bridge.py.

use neuraxis_bridge::{
    ActionError, Calibration, CameraImage, Frame, Limits, Reply, Request, SceneView, conversions::camera_view,
};

const STEP: &str = include_str!("golden/step.hex");
const OBS: &str = include_str!("golden/obs.hex");

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.trim().chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn step() -> Request {
    Request::Step([0.25, -0.125, 0.75, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
}

fn view() -> SceneView {
    let calibration = Calibration {
        k: [[-175.5, 0.0, 1.0], [0.0, -175.5, 0.5], [0.0, 0.0, 1.0]],
        world_from_camera: [[1.0, 0.0, 0.0, 1.35], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.58], [0.0, 0.0, 0.0, 1.0]],
        near: 0.01,
        far: 4.5,
    };
    let front = CameraImage {
        name: "front".into(),
        width: 2,
        height: 1,
        rgb: vec![0, 1, 2, 3, 4, 5],
        depth_m: vec![0.5, 1.25],
        calibration,
    };
    SceneView {
        descriptions: vec!["push the red button".into()],
        reward: 1.0,
        done: true,
        error: Some(ActionError::Unreachable),
        gripper_open: 1.0,
        ignore_collisions: None,
        secs: None,
        cameras: vec![front],
        joint_positions: vec![0.0, 0.1752, 0.0, -0.8732, 0.0, 1.2216, 0.785],
        joint_velocities: None,
        joint_forces: None,
        gripper_pose: [0.25, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        gripper_joint_positions: [0.04, 0.04],
        gripper_touch_forces: None,
        task_low_dim_state: None,
    }
}

#[test]
fn the_request_is_these_bytes() {
    assert_eq!(step().to_frame().encode(&Limits::REQUEST).unwrap(), bytes(STEP));
    let frame = Frame::decode(&bytes(STEP), &Limits::REQUEST).unwrap();
    assert_eq!(Request::from_frame(&frame), Ok(step()));
}

#[test]
fn the_answer_is_these_bytes() {
    let reply = Reply::Obs(Box::new(view()));
    assert_eq!(reply.to_frame().unwrap().encode(&Limits::REPLY).unwrap(), bytes(OBS));
    let frame = Frame::decode(&bytes(OBS), &Limits::REPLY).unwrap();
    assert_eq!(Reply::from_frame(frame), Ok(reply));
    camera_view(view().cameras.remove(0)).unwrap();
}

#[test]
fn every_request_and_answer_comes_back_as_it_went() {
    use neuraxis_bridge::{Code, Hello, JointAction, Reset, SceneChoice, TaskInfo};
    let reset = |scene| Request::Reset(Reset { task: "stack_cups".into(), variation: Some(3), scene });
    let seed = reset(SceneChoice::Seed(u64::MAX));
    let joints = JointAction { positions: [0.1, 0.2, -0.3, -1.5, 0.0, 1.6, 0.7], width_m: 0.08, secs: 0.1 };
    for request in [
        Request::Hello { version: 1 },
        Request::ListTasks,
        seed,
        reset(SceneChoice::Episode(2)),
        Request::Joints(joints),
        Request::Close,
    ] {
        let bytes = request.to_frame().encode(&Limits::REQUEST).unwrap();
        assert_eq!(Request::from_frame(&Frame::decode(&bytes, &Limits::REQUEST).unwrap()), Ok(request));
    }
    let hello = Hello { version: 1, about: "Größe".into(), can_step: true };
    let tasks = ["a", "b"].map(|name| TaskInfo { name: name.into(), variations: (name == "a").then_some(4) });
    let refused = Reply::Error { code: Code::NotSteppable, message: "no".into() };
    for reply in [Reply::Hello(hello), Reply::Tasks(tasks.into()), Reply::Closed, refused] {
        let bytes = reply.to_frame().unwrap().encode(&Limits::REPLY).unwrap();
        assert_eq!(Reply::from_frame(Frame::decode(&bytes, &Limits::REPLY).unwrap()), Ok(reply));
    }
}
