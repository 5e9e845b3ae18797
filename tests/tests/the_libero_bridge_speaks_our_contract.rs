//! sim/libero_bridge.py: its own tests, and our client over it.
//!
//! LIBERO is not installed where tests run: the bridge runs over the stand-in of sim/test_libero_bridge.py. What it does over
//! LIBERO itself is in sim/README.md, with the commands.

use std::time::Duration;

use neuraxis_bridge::{
    BridgeError, Client, Code, Patience, Reset, SceneChoice, SceneView,
    conversions::{action, camera_view, gripper_pose, q_from_rlbench, world_from_tool},
};
use neuraxis_core::{Gripper, KeyFrame, Point};
use neuraxis_tests::{python::python, run, server::Server};

const TASK: &str = "put_the_can_on_the_plate";

fn server() -> Server {
    Server::start(python().args(["test_libero_bridge.py", "serve"]))
}

fn initial_state(number: u64) -> Reset {
    Reset { task: TASK.into(), variation: None, scene: SceneChoice::Episode(number) }
}

/// RLBench's tip there, looking down.
fn keyframe(place: [f64; 3], gripper: Gripper) -> KeyFrame {
    let [x, y, z] = place;
    let world_from_tool = world_from_tool(&[x, y, z, 0.0, 1.0, 0.0, 0.0]).unwrap();
    KeyFrame { world_from_tool, gripper, ignore_collisions: false }
}

fn code(answer: Result<SceneView, BridgeError>) -> Code {
    match answer.unwrap_err() {
        BridgeError::Refused { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[test]
fn its_own_tests_pass() {
    let ended = run(python().arg("test_libero_bridge.py"), Duration::from_secs(300)).unwrap();
    assert!(ended.status.success() && ended.stderr.contains("OK"), "{}", ended.stderr);
}

#[test]
fn our_client_sees_acts_and_is_judged() {
    let server = server();
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    assert!(client.hello().can_step && client.hello().about.contains("suite_a"), "{}", client.hello().about);
    assert_eq!(client.list_tasks().unwrap()[0].name, TASK);
    let mut view = client.reset(&initial_state(0)).unwrap();
    assert_eq!(view.descriptions[0], "put the can on the plate");
    assert_eq!((view.reward, view.done, view.error, view.secs), (0.0, false, None, Some(0.0)));
    assert!((q_from_rlbench(&view.joint_positions).unwrap()[3] + 2.4).abs() < 1e-9);
    let names: Vec<&str> = view.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!(names, ["front", "left_shoulder", "right_shoulder", "wrist"]);
    for camera in &view.cameras {
        // Every pixel that looks at the floor near the arm says that it is there.
        let seen = camera_view(camera.clone()).unwrap();
        let (i, mut count) = (seen.intrinsics, 0);
        for (pixel, &z) in seen.depth_m.iter().enumerate().filter(|(_, z)| (0.05..2.0).contains(*z)) {
            let (u, v, z) = (pixel % i.width as usize, pixel / i.width as usize, f64::from(z));
            let in_camera = [(u as f64 - i.cx) / i.fx * z, (v as f64 - i.cy) / i.fy * z, z];
            let height = (seen.world_from_camera * Point::new(in_camera.into())).xyz.z;
            assert!((height - 0.75).abs() < 1e-3, "{}: {height} m", seen.name);
            count += 1;
        }
        assert!(count > 300, "{}: {count}", seen.name);
    }

    let places = view.task_low_dim_state.clone().unwrap();
    let (can, plate) = ([places[0], places[1], places[2]], [places[3], places[4], places[5]]);
    let above = |[x, y, _]: [f64; 3], z: f64| [x, y, z];
    let way = [
        (above(can, 0.9), Gripper::Open),
        (above(can, can[2]), Gripper::Closed),
        (above(can, 0.95), Gripper::Closed),
        (above(plate, 0.95), Gripper::Closed),
        (above(plate, 0.85), Gripper::Open),
    ];
    let mut secs = 0.0;
    for (place, gripper) in way {
        assert_eq!((view.reward, view.done), (0.0, false));
        let keyframe = keyframe(place, gripper);
        view = client.step(&action(&keyframe)).unwrap();
        assert_eq!(view.error, None);
        let wanted = gripper_pose(&keyframe.world_from_tool);
        let off: f64 = (0..3).map(|i| (view.gripper_pose[i] - wanted[i]).powi(2)).sum();
        assert!(off.sqrt() < 0.005, "{:?}", view.gripper_pose);
        assert!(view.secs.unwrap() > secs);
        secs = view.secs.unwrap();
    }
    assert_eq!((view.reward, view.done), (1.0, true));
    client.close().unwrap();
}

#[test]
fn what_it_will_not_do_has_a_name() {
    let server = server();
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    let down = action(&keyframe([0.2, -0.1, 0.9], Gripper::Open));
    assert_eq!(code(client.step(&down)), Code::NoEpisode);
    assert_eq!(code(client.reset(&initial_state(2))), Code::NoSuchScene);
    client.reset(&initial_state(1)).unwrap();
    let far = action(&keyframe([0.9, 0.0, 0.8], Gripper::Open));
    let view = client.step(&far).unwrap();
    assert_eq!((view.error.map(|error| format!("{error:?}")), view.done), (Some("Unreachable".into()), true));
    assert_eq!(code(client.step(&down)), Code::NoEpisode);
    client.reset(&Reset { task: TASK.into(), variation: None, scene: SceneChoice::Seed(u64::MAX) }).unwrap();
    assert_eq!(client.step(&down).unwrap().error, None);
}
