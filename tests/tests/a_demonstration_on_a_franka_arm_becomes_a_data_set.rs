//! From a camera whose place is not known to a policy in the arm's shadow: franky-sim is driven, and led as by hand; the cameras
//! are those of `ros plant`, whose own arm goes where that one is. That a policy learns something from one demonstration is not
//! claimed, only that each step takes what the one before made.

use std::{path::Path, process::Command, thread::sleep, time::Duration};

use neuraxis_tests::{
    Finished, binary,
    franky::{Franky, plant_cameras},
    run,
    running::{Running, domain},
    workspace,
};

const SAY: &str = "put the cup on the tray";
/// From home down to the table and back, the hand closing in between [rad].
const LOW_RAD: &str = "0.2 0.3 0 -1.2 0 1.4 0.785";
const HOME_RAD: &str = "0 0.1752 0 -0.943 0 1.1182 0.785";
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
fn a_led_motion_is_recorded_imported_trained_on_and_shadowed() {
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

    // One demonstration leaves none to hold out, which is said; two steps without.
    let weights = workspace().join("configs/weights/small.safetensors");
    let recipe = dir.path().join("recipe.yaml");
    let policy = dir.path().join("cup");
    let (init, set) = (path(&weights), path(&set));
    let train = |text: &str| {
        std::fs::write(&recipe, text).expect("the recipe");
        let files = ["--config", path(&recipe), "--out", path(&policy)];
        neuraxis(&[&["train", "policy", "--data", set, "--init", init], &files[..]].concat(), &domain)
    };
    let refused = train("policy: { preset: small, fovea: 0.6 }\nsteps: 2\n");
    assert!(!refused.status.success() && refused.stderr.contains("smaller holdout"), "{}", refused.stderr);
    let trained = train("policy: { preset: small, fovea: 0.6 }\nsteps: 2\nholdout: 0.0\n");
    assert!(trained.status.success(), "{}{}", trained.stdout, trained.stderr);

    let (learned, shadow) = (policy.join("policy.safetensors"), dir.path().join("shadow"));
    let arm = ["arm", "--config", path(&arm), "--out", path(&shadow)];
    let watch = ["shadow", "--policy", path(&learned), "--say", SAY, "--secs", "10"];
    let shadowed = neuraxis(&[&arm[..], &watch[..]].concat(), &domain);
    assert!(shadowed.status.success(), "{}{}", shadowed.stdout, shadowed.stderr);
    assert!(shadowed.stdout.lines().any(|line| line.starts_with("wanted ")), "{}", shadowed.stdout);
    // It stands where it was led: nothing was sent to it.
    let state = franky.ask("state");
    let stands = state["q"].as_array().expect("joints").iter().map(|q| q.as_f64().expect("a number"));
    let home = HOME_RAD.split(' ').map(|q| q.parse::<f64>().expect("a number"));
    assert!(stands.zip(home).all(|(q, home)| (q - home).abs() < 0.01), "{state}");
}
