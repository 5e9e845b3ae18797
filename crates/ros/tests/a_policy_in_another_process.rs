//! The policy in one process, the robot in another, an operator in a third, real DDS between them: it leads the arm, it is
//! killed in motion and comes back; and whatever else answers is refused with its reason.

mod peers;

use std::process::Command;

use peers::{Process, domain, example, file, python};

const SEED: &str = "1000007";

fn program(arguments: &[&str], domain: &str) -> Command {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(arguments).env("ROS_DOMAIN_ID", domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
    command
}

fn script(name: &'static str, arguments: &[&str], domain: &str) -> Process {
    let mut command = python();
    command.arg(file("tests/ros").join(name)).args(arguments);
    command.env("ROS_DOMAIN_ID", domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
    Process::start(name, &mut command)
}

/// An operator who does one thing after the other.
struct Operator(Process);

impl Operator {
    fn does(&mut self, lines: &[&str]) {
        for line in lines {
            self.0.tell(line);
            self.0.read_until(&format!("ok {line}"));
        }
    }
}

/// The simulated robot without a policy, which nobody activates but the operator, and the sentence of its scene.
fn robot(domain: &str, wait: &str) -> (Process, String) {
    let arguments = ["ros", "sim", "--policy", "remote", "--task", "push_buttons", "--seed", SEED, wait];
    let arguments = [&arguments[..], &["--ros-args", "-p", "autostart:=false"]].concat();
    let mut robot = Process::start("neuraxis ros sim", &mut program(&arguments, domain));
    let said = robot.read_until("ros         node is up");
    let task = said.lines().find(|line| line.starts_with("task ")).and_then(|line| line.split(": ").nth(1));
    (robot, task.expect("the scene's sentence").into())
}

#[test]
fn sr25_it_leads_the_arm_is_killed_in_motion_and_comes_back() {
    let domain = domain(30);
    let (mut robot, task) = robot(&domain, "--wait=true");
    let mut operator = Operator(script("look_after_the_link.py", &[], &domain));
    operator.does(&["configure", "link WARN no policy is there", "refused"]);
    let policy = || Process::start("neuraxis ros policy", &mut program(&["ros", "policy"], &domain));
    let mut killed = policy();
    operator.does(&["link OK can lead the arm", "activate", &format!("say {task}"), "moves"]);
    killed.kill();
    operator.does(&["holds", "link ERROR has said nothing for"]);
    let mut restarted = policy();
    operator.does(&["link OK can lead the arm", &format!("goal {task}")]);
    restarted.interrupt();
    let (code, told) = restarted.finish();
    assert!(code == Some(0) && told.contains("answers: "), "{told}");
    robot.interrupt();
    let (code, told) = robot.finish();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("activate refused: no policy is there"), "{told}");
}

#[test]
fn sr18_sr25_answers_that_are_bad_late_strange_or_too_few_lead_nothing() {
    let domain = domain(31);
    let (mut robot, _) = robot(&domain, "--wait=false");
    let run_yaml = std::fs::read_to_string(file("configs/fr3/run.yaml")).unwrap();
    let hash = run_yaml.lines().find_map(|line| line.strip_prefix("weights_hash: ")).expect("a hash of weights");
    let hash = &hash[..16];
    let mut policy = script("be_a_policy.py", &["--hash", hash, "--slow"], &domain);
    let mut operator = Operator(script("look_after_the_link.py", &[], &domain));
    let mut change = |mode: &str| {
        policy.tell(mode);
        policy.read_until(&format!("is {mode}"));
    };
    operator.does(&["configure", "link WARN too slow", "refused"]);
    change("honest");
    operator.does(&["link OK can lead the arm", "activate", "moves"]);
    change("slow");
    operator.does(&["link ERROR too slow", "holds"]);
    change("honest");
    operator.does(&["moves"]);
    change("bad");
    policy.read_until("all kinds sent");
    // It is still heard, and the arm goes on.
    operator.does(&["link OK can lead the arm", "moves"]);
    let (code, told) = policy.finish();
    assert_eq!(code, Some(0), "{told}");
    robot.interrupt();
    let (code, told) = robot.finish();
    assert_eq!(code, Some(0), "{told}");
    let report = told.lines().find(|line| line.starts_with("ros_policy")).expect("a report of the link");
    for reason in [
        "malformed",
        "out_of_bounds",
        "other_robot",
        "other_epoch",
        "other_weights",
        "not_asked",
        "no_answer",
        "repeated",
        "reordered",
        "stale",
        "second_policy",
        "unannounced",
        "unsuited",
        "link",
    ] {
        assert!(report.contains(&format!("(\"{reason}\", ")), "{reason} in {report}");
    }
    assert!(told.contains("activate refused: too slow"), "{told}");
}
