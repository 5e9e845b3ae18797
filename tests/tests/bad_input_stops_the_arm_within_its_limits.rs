//! The whole program, `ros arm` led by the shipped weights over ros2_control, beside a robot that misbehaves, somebody else who
//! commands it, and somebody who floods its services. Each ends in a state that `/diagnostics` names, the arm at rest, and on
//! the way no joint left its limits (`tests/ros/see_it_stop.py` in a process of its own: velocities
//! by the plant's own word, accelerations by what it was told).

use neuraxis_tests::{
    plant::{judged, plant, write_arm},
    running::{Running, domain},
};

/// What goes wrong: of the plant or else; and what is said: status, level (1: warning, 2: error), words.
struct Case {
    misbehaviour: Option<&'static str>,
    trouble: &'static str,
    task: &'static str,
    said: &'static [[&'static str; 3]],
}

/// The trouble comes when a joint is this fast [rad/s]. Accelerations are those that the arm is told over the wire: on a busy
/// machine what physics does with them varies by half. configs/fr3/robot.yaml, and a twentieth for rounding [rad/s2].
const MOVING: &str = "1.2";
const ACCELERATION: &str = "10.5";

const TASK: &str = "push_buttons";
const DRIVER: &str = "driver ros2_control";

const CASES: [Case; 7] = [
    Case {
        misbehaviour: Some("silent@asked"),
        trouble: "asked",
        task: TASK,
        said: &[[DRIVER, "2", "no state that can be believed: nothing comes"], ["arm", "2", "could not be read"]],
    },
    Case {
        misbehaviour: Some("nan@asked"),
        trouble: "asked",
        task: TASK,
        said: &[[DRIVER, "2", "position of joint fr3_joint7 is not finite"], ["arm", "2", "could not be read"]],
    },
    Case {
        misbehaviour: Some("jump@asked"),
        trouble: "asked",
        task: TASK,
        said: &[[DRIVER, "2", "the stamp went back by "], ["arm", "2", "could not be read"]],
    },
    Case {
        misbehaviour: Some("cameras_freeze@asked"),
        trouble: "asked",
        task: TASK,
        said: &[
            ["driver camera front", "2", "left out of the sets: the stamp of"],
            ["driver camera wrist", "2", "left out of the sets: the stamp of"],
            ["arm", "1", "a camera stopped delivering images"],
        ],
    },
    // The arm goes on at its full speed until its fingers shall close, and stands then: what is judged is that it stays there, and
    // that it says why.
    Case {
        misbehaviour: Some("gripper_abort@asked"),
        trouble: "asked",
        task: "close_jar",
        said: &[[DRIVER, "2", "the gripper gave up the goal of "], ["arm", "2", "did not take a command"]],
    },
    Case {
        misbehaviour: None,
        trouble: "rival",
        task: TASK,
        said: &[[DRIVER, "2", "commanded by others, too: /see_it_stop"], ["arm", "2", "did not take a command"]],
    },
    Case { misbehaviour: None, trouble: "flood", task: TASK, said: &[["arm", "1", "a stop was requested"]] },
];

#[test]
fn each_ends_at_rest_with_a_diagnostic() {
    let (domain, dir) = (domain(), tempfile::tempdir().expect("a folder"));
    let file = dir.path().join("arm.yaml");
    write_arm(
        &file,
        "interface: joint_trajectory,",
        "kind: action, topic: /gripper_controller/gripper_cmd, joint: fr3_finger_joint1",
    );
    for Case { misbehaviour, trouble, task, said } in CASES {
        let name = misbehaviour.unwrap_or(trouble);
        let (_plant, sentence) = plant(task, misbehaviour, &domain);
        let arguments = ["ros", "arm", "--config", file.to_str().expect("a path"), "--say", &sentence];
        let arm = Running::start(&arguments, &domain);
        arm.wait_for("ros ");
        let mut arguments = vec!["--activate", "--trouble", trouble];
        arguments.extend(["--moving", MOVING, "--told", "--acceleration", ACCELERATION]);
        said.iter().for_each(|status| {
            arguments.push("--expect");
            arguments.extend(status);
        });
        let ended = judged(&arguments, &domain);
        println!("{name}\n{}", ended.stdout);
        assert!(ended.status.success(), "{name}: {}{}", ended.stdout, ended.stderr);
    }
}
