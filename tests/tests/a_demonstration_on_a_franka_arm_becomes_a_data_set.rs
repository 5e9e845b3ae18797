//! From a demonstration to a policy in the arm's shadow, and then to one that leads the arm: franky-sim is led as by hand, and
//! driven by `arm.launch.xml`; the cameras are those of `ros plant`, whose own arm goes where that one is. That a policy learns
//! something from one demonstration is not claimed, only that each step takes what the one before made, and that the arm goes
//! where these weights want it, wherever that is, and stops when it is told to.

use std::{path::Path, process::Command, thread::sleep, time::Duration};

use neuraxis_tests::{
    Finished, binary,
    franky::{Franky, farthest, plant_cameras},
    run,
    running::{Running, domain, launch, script},
    workspace,
};

const SAY: &str = "put the cup on the tray";
/// From home down to the table and back, the hand closing in between [rad].
const LOW_RAD: &str = "0.2 0.3 0 -1.2 0 1.4 0.785";
const HOME_RAD: &str = "0 0.1752 0 -0.943 0 1.1182 0.785";
/// An arm that has gone so far is on its way [rad].
const WAY_RAD: f64 = 0.1;
const PATIENCE: Duration = Duration::from_secs(40);
/// Whoever leads an arm lets it stand.
const STAND: Duration = Duration::from_millis(1500);

fn neuraxis(arguments: &[&str], domain: &str) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).env("ROS_DOMAIN_ID", domain).current_dir(workspace());
    run(&mut command, Duration::from_secs(300)).expect("the command ends")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn a_led_motion_is_recorded_imported_trained_on_shadowed_and_then_leads_the_arm() {
    let (domain, dir) = (domain(), tempfile::tempdir().expect("a folder"));
    let plant = Running::start(&["ros", "plant", "--task", "push_buttons", "--seed", "1000007"], &domain);
    plant.wait_for("ros ");
    let mut franky = Franky::start();
    let _follower = franky.seen_by_the_plant(&domain);
    let arm = dir.path().join("arm.yaml");
    franky.write_arm(&arm, &plant_cameras());

    let out = dir.path().join("recorded/1");
    let record = ["record", "--demo", "--say", SAY, "--out", path(&out), "--config", path(&arm)];
    let recording = Running::start(&record, &domain);
    recording.wait_for("recording");
    // Arm, hand and cameras are found in the meantime; then it is led.
    sleep(Duration::from_secs(8));
    for line in [format!("lead 2 {LOW_RAD}"), "hand 0.03".into(), format!("lead 2 {HOME_RAD}")] {
        franky.ask(&line);
        sleep(STAND);
    }
    recording.interrupt();
    let told = recording.wait_for("tool");
    assert!(told.iter().any(|line| line.contains("wrist: ")), "{told:#?}");

    let info = neuraxis(&["rec", "info", path(&out.join("episode.mcap"))], &domain);
    assert!(info.stdout.contains("nobody judged") && info.stdout.contains(SAY), "{}", info.stdout);

    // A folder of recordings; three key-frames: where it came down, where the hand has closed, where it came back.
    let set = dir.path().join("set");
    let imported = neuraxis(&["import", "mcap", path(&dir.path().join("recorded")), "--out", path(&set)], &domain);
    assert!(imported.status.success(), "{}{}", imported.stdout, imported.stderr);
    let count = imported.stdout.lines().find_map(|line| line.strip_prefix("key-frames")?.rsplit(": ").next());
    assert_eq!(count, Some("3"), "{}{}", imported.stdout, imported.stderr);

    // Two steps on the one demonstration: it is not held out.
    let weights = workspace().join("configs/weights/small.safetensors");
    let recipe = dir.path().join("recipe.yaml");
    let policy = dir.path().join("cup");
    let (init, set) = (path(&weights), path(&set));
    std::fs::write(&recipe, "policy: { preset: small, fovea: 0.6 }\nsteps: 2\n").expect("the recipe");
    let files = ["--config", path(&recipe), "--out", path(&policy)];
    let trained = neuraxis(&[&["train", "policy", "--data", set, "--init", init], &files[..]].concat(), &domain);
    assert!(trained.status.success(), "{}{}", trained.stdout, trained.stderr);

    let (learned, shadow) = (policy.join("policy.safetensors"), dir.path().join("shadow"));
    let command = ["arm", "--config", path(&arm), "--out", path(&shadow)];
    let watch = ["shadow", "--policy", path(&learned), "--say", SAY, "--secs", "10"];
    let shadowed = neuraxis(&[&command[..], &watch[..]].concat(), &domain);
    assert!(shadowed.status.success(), "{}{}", shadowed.stdout, shadowed.stderr);
    assert!(shadowed.stdout.lines().any(|line| line.starts_with("wanted ")), "{}", shadowed.stdout);
    // It stands where it was led: nothing was sent to it.
    let home: Vec<f64> = HOME_RAD.split(' ').map(|q| q.parse().expect("a number")).collect();
    let stands = franky.joints_rad();
    assert!(farthest(&stands, &home) < 0.01, "{stands:?}");

    leads(&mut franky, &arm, &learned, &domain);
}

/// `ros2 launch neuraxis arm.launch.xml`, as launch/README.md says it, with the weights that were learned; an operator lets it
/// act, tells it what was shown, and stops it. The second time the program is killed in motion.
///
/// No reset after the stop: braked so hard, franky-sim's last joint trembles, and the loop sees an arm that does not stand.
fn leads(franky: &mut Franky, arm: &Path, weights: &Path, domain: &str) {
    let (config, policy) = (format!("config:={}", path(arm)), format!("policy:={}", path(weights)));
    // The arm that is seen has topics of the same names.
    let arguments = ["arm:=franka", "namespace:=/led", &config, &policy];
    let Moving { node, mut operator, start, .. } = moving(franky, arm, &arguments, domain, Told::AfterAWhile);
    does(&mut operator, &["stop"]);
    // By the robot's own word. The stop holds, whatever is said.
    let stopped = franky.at_rest();
    does(&mut operator, &["say go on"]);
    sleep(STAND);
    let rests = franky.joints_rad();
    println!(
        "led: moved by {:.3} rad, at rest within {:.5} rad",
        farthest(&stopped, &start),
        farthest(&rests, &stopped)
    );
    assert!(farthest(&rests, &stopped) < 0.005, "{stopped:?}, {rests:?}");
    node.interrupt();
    node.wait_for("ros         RosStats");
    comes_back(arm, domain);

    let Moving { mut node, at: killed, .. } = moving(franky, arm, &arguments, domain, Told::AtOnce);
    node.kill();
    let left = franky.at_rest();
    println!("killed: {:.3} rad further to its rest", farthest(&left, &killed));
    sleep(STAND);
    assert!(farthest(&franky.joints_rad(), &left) < 0.005, "it moves on without a program: {left:?}");
    comes_back(arm, domain);
}

/// An arm that is told what to do, does it, and does nothing before.
struct Moving {
    node: Running,
    operator: Running,
    start: Vec<f64>,
    at: Vec<f64>,
}

/// When an active arm is told what to do: before that it stands still.
#[derive(Copy, Clone, PartialEq)]
enum Told {
    AtOnce,
    AfterAWhile,
}

/// In three attempts: robot and loop are in real time, and packets that a busy machine loses are a fault that ends the motion.
fn moving(franky: &mut Franky, arm: &Path, arguments: &[&str], domain: &str, told: Told) -> Moving {
    for attempt in 1..=3 {
        let start = franky.at_rest();
        let (node, mut operator) = launched(arguments, domain);
        does(&mut operator, &["configure", "activate"]);
        if told == Told::AfterAWhile {
            sleep(STAND);
        }
        let still = franky.joints_rad();
        assert!(farthest(&still, &start) < 0.005, "it moved before it was told what to do: {start:?}, {still:?}");
        does(&mut operator, &[&format!("say {SAY}")]);
        if let Some(at) = franky.on_its_way(&start, WAY_RAD, PATIENCE) {
            println!("on its way: attempt {attempt} of 3");
            return Moving { node, operator, start, at };
        }
        operator.tell("troubles");
        eprintln!("attempt {attempt}: it goes nowhere: {:#?}", operator.wait_for("ok troubles"));
        node.interrupt();
        // It counts the instructions that came, too.
        eprintln!("{:#?}", node.wait_for("ros         RosStats"));
        comes_back(arm, domain);
    }
    panic!("it went nowhere in three attempts");
}

/// The launch file's node over the Franka interface, and an operator of it.
fn launched(arguments: &[&str], domain: &str) -> (Running, Running) {
    let node = Running::of(&mut launch("arm.launch.xml", arguments), domain);
    let told = node.wait_for("ros ");
    assert!(told.iter().any(|line| line == "arm         fr3 over franka"), "{told:#?}");
    (node, Running::of(script("look_after_the_link.py").args(["--node", "/led/neuraxis"]), domain))
}

fn does(operator: &mut Running, lines: &[&str]) {
    for line in lines {
        operator.tell(line);
        operator.wait_for(&format!("ok {line}"));
    }
}

/// The robot is there for the next program: recovered, it goes home. In three attempts, as robot and loop are in real time.
fn comes_back(arm: &Path, domain: &str) {
    let by_hand = |what: &str| neuraxis(&["arm", "--config", path(arm), what], domain);
    let recovered = by_hand("recover");
    assert!(recovered.status.success(), "{}{}", recovered.stdout, recovered.stderr);
    let tries: Vec<_> = (0..3).map(|_| by_hand("home")).take_while(|home| !home.status.success()).collect();
    println!("home: attempt {} of 3", tries.len() + 1);
    assert!(tries.len() < 3, "{tries:?}");
}
