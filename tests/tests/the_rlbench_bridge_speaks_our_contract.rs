//! sim/rlbench_bridge.py and the wire below it: their own tests, and our client against the `stored` back-end on an episode
//! in RLBench's layout.
//!
//! The episode is written by sim/test_rlbench_bridge.py; RLBench itself is not needed, NumPy is.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use neuraxis_bridge::{
    ACTION_LEN, BridgeError, Client, Code, Patience, Reset, SceneChoice,
    conversions::{camera_view, q_from_rlbench, world_from_tool},
};
use neuraxis_tests::{binary, python::python, run, server::Server};

const CAMERAS: [&str; 5] = ["front", "left_shoulder", "right_shoulder", "wrist", "overhead"];
const SIDE: usize = 16;

fn stored(root: &Path) -> Server {
    let mut write = python();
    let ended = run(write.args(["test_rlbench_bridge.py", "write"]).arg(root), Duration::from_secs(60)).unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    Server::start(python().args(["rlbench_bridge.py", "stored", "--port", "0", "--root"]).arg(root))
}

fn episode(number: u64) -> Reset {
    Reset { task: "push_buttons".into(), variation: None, scene: SceneChoice::Episode(number) }
}

#[test]
fn its_own_tests_pass() {
    for tests in ["test_bridge_wire.py", "test_rlbench_bridge.py"] {
        let ended = run(python().arg(tests), Duration::from_secs(300)).unwrap();
        assert!(ended.status.success() && ended.stderr.contains("OK"), "{tests}: {}", ended.stderr);
    }
}

#[test]
fn a_recorded_episode_comes_across_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let server = stored(dir.path());
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    assert!(!client.hello().can_step);
    assert_eq!(client.list_tasks().unwrap()[0].name, "push_buttons");
    let view = client.reset(&episode(0)).unwrap();
    assert_eq!(view.descriptions, ["push the maroon button", "press the button"]);
    assert_eq!((view.reward, view.done, view.error), (0.0, false, None));
    assert_eq!((view.gripper_open, view.ignore_collisions), (1.0, Some(true)));
    assert_eq!(view.gripper_pose[..3], [0.2785, -0.0082, 1.4719]);
    assert_eq!(view.task_low_dim_state, Some(vec![0.0, 1.0, 2.0, 3.0, 4.0]));
    assert!((q_from_rlbench(&view.joint_positions).unwrap()[3] + 0.8732 - 0.0698).abs() < 1e-4);
    // Half a turn about y looks down; RLBench's tip is 6.6 mm before ours.
    let tool = world_from_tool(&view.gripper_pose).unwrap().position();
    assert!((tool.z - (1.4719 + 0.0066)).abs() < 1e-9, "{tool}");
    let names: Vec<&str> = view.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!(names, CAMERAS);
    for (number, camera) in view.cameras.into_iter().enumerate() {
        let seen = camera_view(camera).unwrap();
        assert_eq!(seen.world_from_camera.position().x, 0.1 * number as f64);
        assert_eq!((seen.intrinsics.fx, seen.intrinsics.cx), (20.0, SIDE as f64 / 2.0));
        for i in 0..SIDE * SIDE {
            let (x, y) = (i % SIDE, i / SIDE);
            let colours = [7 * x % 256, (5 * y + number) % 256, x * y % 256].map(|c| c as u8);
            assert_eq!(seen.rgb[3 * i..3 * i + 3], colours, "{} {x} {y}", seen.name);
            let fixed = (4_000_000 + 10_000 * x + 700 * y + 13 * number) as f64;
            let metres = 0.01 + fixed / (2f64.powi(24) - 1.0) * 3.49;
            assert!((f64::from(seen.depth_m[i]) - metres).abs() < 1e-6);
        }
    }
    client.close().unwrap();
}

#[test]
fn what_it_cannot_do_is_said_and_bad_clients_do_it_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let server = stored(dir.path());
    for bytes in [&[255u8; 16][..], b"GET / HTTP/1.1\r\n\r\n", &[12, 0, 0, 0, 8, 0, 0, 0, b'{', b'}'], &[1]] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("\"code\":\"bad_request\""), "{said}");
    }
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    let refusal = |error: BridgeError| match error {
        BridgeError::Refused { code, message } => (code, message),
        other => panic!("{other}"),
    };
    assert_eq!(refusal(client.step(&[0.0; ACTION_LEN]).unwrap_err()).0, Code::NotSteppable);
    let (code, message) = refusal(client.reset(&episode(7)).unwrap_err());
    assert!(code == Code::NoSuchScene && message.contains("episode7 is missing"), "{message}");
    // The connection is still good.
    client.reset(&episode(0)).unwrap();
    drop(client);

    let mut eval = Command::new(binary());
    eval.args(["eval", "--bridge", &server.address, "--tasks", "push_buttons", "--episodes", "1"]);
    let ended = run(&mut eval, Duration::from_secs(120)).unwrap();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("is not_steppable: nothing can be evaluated in it"), "{}", ended.stderr);
}
