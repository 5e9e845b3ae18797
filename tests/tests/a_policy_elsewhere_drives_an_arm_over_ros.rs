//! A real arm whose policy runs elsewhere, rehearsed: a robot on ROS 2 (`ros plant`), `ros arm --policy remote`, `ros policy`,
//! and an operator, four processes with real DDS between them. The policy is killed in motion, and another one comes.

use neuraxis_tests::{
    running::{Running, domain, script},
    stalls::unless_it_stalls,
};

/// An operator who does one thing after the other.
struct Operator(Running);

impl Operator {
    fn comes(domain: &str) -> Self {
        Self(Running::of(&mut script("look_after_the_link.py"), domain))
    }

    fn does(&mut self, lines: &[&str]) {
        for line in lines {
            self.0.tell(line);
            self.0.wait_for(&format!("ok {line}"));
        }
    }
}

/// Four processes start and end on a machine with two cores.
const LATE_STATES: &str = "ReadFailed: the arm could not be read";
/// Physics that could not keep up by more than this stood still.
const LOST_SECS: f64 = 0.05;

#[test]
fn sr25_it_moves_by_the_answers_holds_when_the_policy_is_killed_and_goes_on_with_another() {
    unless_it_stalls(
        || {
            let domain = domain();
            let plant = ["ros", "plant", "--task", "push_buttons", "--seed", "1000007"];
            (Running::start(&plant, &domain), domain)
        },
        |(plant, domain)| it_moves_holds_and_goes_on(plant, domain),
        |(plant, _), failure| {
            if failure.contains(LATE_STATES) {
                return Some("the robot's states came late, as a loop that latches for it says".into());
            }
            plant.interrupt();
            let told = plant.wait_for("lost");
            let lost = told.last()?.split_whitespace().nth(1)?.parse::<f64>().ok()?;
            (lost > LOST_SECS).then(|| format!("the simulated robot stood still for {lost} s"))
        },
    );
}

fn it_moves_holds_and_goes_on(plant: &Running, domain: &str) {
    plant.wait_for("ros ");
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().to_str().expect("a path");
    let say = "hit the button that is green";
    let arm = ["ros", "arm", "--config", "sim/rehearsal.yaml", "--policy", "remote", "--say", say, "--out", out];
    let arm = Running::start(&arm, domain);
    arm.wait_for("ros ");

    let mut operator = Operator::comes(domain);
    operator.does(&["configure", "link WARN no policy is there", "refused"]);
    let mut policy = Running::start(&["ros", "policy"], domain);
    operator.does(&["link OK can lead the arm", "activate", "moves"]);
    policy.kill();
    // The operator looks that it was never faster than the arm may be.
    operator.does(&["holds", "link ERROR has said nothing for"]);

    let another = Running::start(&["ros", "policy"], domain);
    operator.does(&["link OK can lead the arm", "moves"]);
    plant.wait_for("success");
    another.interrupt();
    another.wait_for("ros         PolicyNodeStats");
    arm.interrupt();
    let told = arm.wait_for("recorded");
    let link = told.iter().find(|line| line.starts_with("ros_policy")).expect("a report of the link");
    assert!(link.contains("answers: ") && !link.contains("answers: 0,"), "{link}");
}
