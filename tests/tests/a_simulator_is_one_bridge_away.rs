//! `neuraxis bridge serve` and `eval --bridge`: RLBench's meaning of reset and step, and our policy at the other end.

use std::{net::TcpListener, ops::ControlFlow, process::Command, thread, time::Duration};

use neuraxis_bridge::{
    ACTION_LEN, ActionError, Backend, BridgeError, Client, Code, Event, JointAction, Patience, Refusal, Reset,
    SceneChoice, SceneView, TaskInfo,
};
use neuraxis_tests::{binary, python::python, run, server::Server};

fn serve() -> Server {
    Server::start(Command::new(binary()).args(["bridge", "serve", "--port", "0", "--task", "push_buttons,stack_cups"]))
}

fn scene(task: &str, seed: u64) -> Reset {
    Reset { task: task.into(), variation: None, scene: SceneChoice::Seed(seed) }
}

/// Where the arm stands, a little moved, with the fingers as told.
fn moved(view: &SceneView, by_m: [f64; 3], gripper: f64) -> [f64; ACTION_LEN] {
    let [x, y, z, qx, qy, qz, qw] = view.gripper_pose;
    [x + by_m[0], y + by_m[1], z + by_m[2], qx, qy, qz, qw, gripper, 0.0]
}

#[test]
fn an_action_is_a_key_frame_and_motion_errors_end_the_episode() {
    let server = serve();
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    assert!(client.hello().can_step && client.hello().about.contains("mujoco"));
    let tasks: Vec<String> = client.list_tasks().unwrap().into_iter().map(|task| task.name).collect();
    assert_eq!(tasks, ["push_buttons", "stack_cups"]);

    // The same seed is the same scene.
    let first = client.reset(&scene("push_buttons", 5)).unwrap();
    assert_eq!(client.reset(&scene("push_buttons", 5)).unwrap(), first);
    assert_ne!(client.reset(&scene("push_buttons", 6)).unwrap().cameras, first.cameras);
    assert_eq!(first.cameras.len(), 4);
    assert!(first.cameras.iter().all(|camera| camera.calibration.k[0][0] < 0.0));
    assert_eq!((first.gripper_open, first.joint_positions.len()), (1.0, 7));
    assert!(first.secs < Some(0.01));

    // There, then the fingers; and again to where it stands already.
    let action = moved(&first, [0.05, 0.1, -0.2], 0.0);
    let there = client.step(&action).unwrap();
    let off = (0..3).map(|i| (there.gripper_pose[i] - action[i]).abs()).fold(0.0, f64::max);
    assert!(off < 0.003, "{off} m off");
    assert_eq!((there.gripper_open, there.done, there.reward), (0.0, false, 0.0));
    assert!(there.gripper_joint_positions.iter().all(|finger| *finger < 0.002));
    assert_eq!(there.ignore_collisions, Some(false));
    assert!(there.secs > first.secs);
    let again = client.step(&action).unwrap();
    assert_eq!((again.done, again.error), (false, None));

    let lost = |client: &mut Client, action: &[f64; ACTION_LEN]| {
        client.reset(&scene("push_buttons", 5)).unwrap();
        let view = client.step(action).unwrap();
        assert_eq!((view.done, view.reward), (true, 0.0));
        // Over is over.
        let after = client.step(action).unwrap_err();
        assert!(matches!(after, BridgeError::Refused { code: Code::NoEpisode, .. }), "{after}");
        view.error
    };
    let mut long = action;
    long[3] += 0.2;
    assert_eq!(lost(&mut client, &long), Some(ActionError::Invalid), "no unit quaternion");
    assert_eq!(lost(&mut client, &moved(&first, [2.0, 0.0, 0.0], 1.0)), Some(ActionError::Invalid), "out of bounds");
    // In the corner of the workspace, further than the arm is long.
    let mut far = action;
    [far[0], far[1], far[2]] = [0.69, 0.49, 1.59];
    assert_eq!(lost(&mut client, &far), Some(ActionError::Unreachable));

    for (reset, said) in [
        (scene("open_drawer", 1), "no task \"open_drawer\""),
        (Reset { variation: Some(99), ..scene("stack_cups", 1) }, "variations"),
        (Reset { scene: SceneChoice::Episode(0), ..scene("stack_cups", 1) }, "no recorded episodes"),
    ] {
        let error = client.reset(&reset).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    // A client that vanishes in the middle of an episode leaves the simulator to the next one.
    client.reset(&scene("stack_cups", 3)).unwrap();
    drop(client);
    let mut next = Client::connect(&server.address, Patience::CLIENT).unwrap();
    let error = next.step(&action).unwrap_err();
    assert!(matches!(error, BridgeError::Refused { code: Code::NoEpisode, .. }), "{error}");
    assert_eq!(next.reset(&scene("push_buttons", 5)).unwrap(), first);
    next.close().unwrap();
}

#[test]
fn dense_actions_are_followed_and_do_not_mix_with_key_frames() {
    let server = serve();
    let mut client = Client::connect(&server.address, Patience::CLIENT).unwrap();
    let first = client.reset(&scene("push_buttons", 5)).unwrap();
    let home: [f64; 7] = first.joint_positions.clone().try_into().unwrap();
    let turned = |rad: f64, width_m: f64| {
        let mut positions = home;
        positions[0] += rad;
        JointAction { positions, width_m, secs: 0.1 }
    };
    let refused = |error: BridgeError, code: Code| {
        assert!(matches!(&error, BridgeError::Refused { code: is, .. } if *is == code), "{error}");
    };

    // A turn of 0.4 rad in one second.
    let mut view = first.clone();
    for i in 1..=10 {
        view = client.joints(&turned(0.04 * f64::from(i), 0.08)).unwrap();
        assert_eq!((view.done, view.error), (false, None));
        assert!((view.secs.unwrap() - 0.1 * f64::from(i)).abs() < 0.002, "{:?} s after {i}", view.secs);
    }
    let off = view.joint_positions[0] - (home[0] + 0.4);
    assert!(off.abs() < 0.02, "{off} rad off");
    assert_ne!(view.cameras, first.cameras);
    // Standing still, while the fingers close.
    for _ in 0..10 {
        view = client.joints(&turned(0.4, 0.0)).unwrap();
    }
    let off = view.joint_positions[0] - (home[0] + 0.4);
    assert!(off.abs() < 0.002 && view.gripper_open == 0.0, "{off} rad off");
    // A leap is gone to as fast as the arm can, and no further.
    let leap = client.joints(&turned(2.4, 0.0)).unwrap();
    let gone = leap.joint_positions[0] - view.joint_positions[0];
    assert!((0.01..0.3).contains(&gone) && !leap.done, "{gone} rad in 0.1 s");

    refused(client.step(&moved(&first, [0.0; 3], 1.0)).unwrap_err(), Code::BadRequest);
    refused(client.joints(&JointAction { secs: 0.0, ..turned(0.0, 0.0) }).unwrap_err(), Code::BadRequest);
    client.reset(&scene("push_buttons", 5)).unwrap();
    client.step(&moved(&first, [0.0, 0.05, 0.0], 1.0)).unwrap();
    refused(client.joints(&turned(0.0, 0.0)).unwrap_err(), Code::BadRequest);
    // Down through the table: the brainstem stops the arm in front of it, and the episode goes on.
    client.reset(&scene("push_buttons", 5)).unwrap();
    let mut down = turned(0.0, 0.08);
    for _ in 0..15 {
        down.positions[1] += 0.08;
        view = client.joints(&down).unwrap();
        assert!(!view.done, "{:?}", view.error);
    }
    assert!(view.gripper_pose[2] > 0.74, "{:?}", view.gripper_pose);
    client.close().unwrap();
}

#[test]
fn a_recorded_expert_succeeds_again_as_dense_actions() {
    let dir = tempfile::tempdir().unwrap();
    let (out, file) = (dir.path().join("experts"), dir.path().join("result.json"));
    let peer = |what: &str, more: &[&str]| {
        let mut command = python();
        command.args(["peers/demonstrations.py", what, "--episodes", "1", "--out"]).arg(&out);
        command.arg("--program").arg(binary()).args(more);
        let ended = run(&mut command, Duration::from_secs(300)).unwrap();
        assert!(ended.status.success(), "{what}: {}{}", ended.stdout, ended.stderr);
    };
    peer("make", &["--tasks", "open_drawer,stack_cups"]);
    peer("replay", &["--json", file.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for task in ["open_drawer", "stack_cups"] {
        assert_eq!(report["tasks"][task]["successes"], 1, "{report:#}");
    }
    // What it writes is a result like any other.
    let ended = run(Command::new(binary()).arg("merge").arg(&file), Duration::from_secs(60)).unwrap();
    assert!(ended.status.success() && ended.stdout.contains("stack_cups"), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn the_shipped_weights_act_over_the_bridge() {
    let server = serve();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("result.json");
    let mut eval = Command::new(binary());
    eval.args(["eval", "--bridge", &server.address, "--tasks", "push_buttons", "--episodes", "4", "--json"]).arg(&file);
    let ended = run(&mut eval, Duration::from_secs(600)).unwrap();
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let table = &report["tasks"]["push_buttons"];
    assert!(table["successes"].as_u64() >= Some(3), "{report:#}");
    assert!(table["rows"][0]["reached"].as_u64() > Some(1) && table["rows"][0]["secs"].as_f64() > Some(1.0));
    assert!(report["meta"]["versions"]["bridge"].as_str().unwrap().contains("mujoco"));

    let mut eval = Command::new(binary());
    eval.args(["eval", "--bridge", &server.address, "--tasks", "open_drawer"]);
    let ended = run(&mut eval, Duration::from_secs(120)).unwrap();
    assert!(!ended.status.success() && ended.stderr.contains("no task \"open_drawer\"; on offer"), "{}", ended.stderr);
}

/// Shows two scenes without pictures, and cannot make a third.
struct Failing(u32);

impl Backend for Failing {
    fn about(&self) -> String {
        "a stub".into()
    }

    fn can_step(&self) -> bool {
        true
    }

    fn tasks(&mut self) -> Result<Vec<TaskInfo>, Refusal> {
        Ok(vec![TaskInfo { name: "push_buttons".into(), variations: None }])
    }

    fn reset(&mut self, _: &Reset) -> Result<SceneView, Refusal> {
        self.0 += 1;
        if self.0 > 2 {
            return Err(Refusal::new(Code::Internal, "the task cannot be placed"));
        }
        Ok(SceneView {
            descriptions: vec!["push the red button".into()],
            reward: 0.0,
            done: false,
            error: None,
            gripper_open: 1.0,
            ignore_collisions: None,
            secs: Some(0.0),
            cameras: Vec::new(),
            joint_positions: vec![0.0; 7],
            joint_velocities: None,
            joint_forces: None,
            gripper_pose: [0.3, 0.0, 1.2, 0.0, 1.0, 0.0, 0.0],
            gripper_joint_positions: [0.04; 2],
            gripper_touch_forces: None,
            task_low_dim_state: None,
        })
    }

    fn step(&mut self, _: &[f64; ACTION_LEN]) -> Result<SceneView, Refusal> {
        Err(Refusal::new(Code::Internal, "nothing is seen, so nobody acts"))
    }
}

#[test]
fn an_evaluation_that_ends_early_leaves_what_it_has_measured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        neuraxis_bridge::serve(&listener, &mut Failing(0), Patience::SERVER, |event| match event {
            Event::Came(_) => ControlFlow::Continue(()),
            Event::Went(..) => ControlFlow::Break(()),
        })
        .unwrap();
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("result.json");
    let mut eval = Command::new(binary());
    eval.args(["eval", "--bridge", &address, "--tasks", "push_buttons", "--episodes", "5", "--json"]).arg(&file);
    let ended = run(&mut eval, Duration::from_secs(120)).unwrap();
    let said = "the evaluation is incomplete: ";
    assert!(!ended.status.success() && ended.stderr.contains(said), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("incomplete: it ended before its last episode"), "{}", ended.stdout);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["tasks"]["push_buttons"]["rows"].as_array().map(Vec::len), Some(2), "{report:#}");
    assert!(report["incomplete"].as_str().unwrap().contains("the task cannot be placed"), "{report:#}");
}

#[test]
fn a_peer_leaves_what_it_has_measured_and_goes_on_where_it_was() {
    let ended = run(python().arg("peers/test_act.py"), Duration::from_secs(60)).unwrap();
    assert!(ended.status.success() && ended.stderr.contains("OK"), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_server_that_dies_ends_the_evaluation_with_its_address() {
    let mut server = serve();
    let mut eval = Command::new(binary());
    let address = server.address.clone();
    eval.args(["eval", "--bridge", &address, "--tasks", "push_buttons", "--episodes", "100000"]);
    let running = thread::spawn(move || run(&mut eval, Duration::from_secs(120)).unwrap());
    thread::sleep(Duration::from_secs(5));
    server.kill();
    let ended = running.join().unwrap();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains(&format!("bridge {address}")), "{}", ended.stderr);
}
