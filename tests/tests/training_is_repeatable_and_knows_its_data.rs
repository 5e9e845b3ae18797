//! `neuraxis train policy`: the same seed gives the same weights, killed without warning or not (dropout on, one worker, one
//! thread); demonstrations that do not go together are refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use neuraxis_tests::{binary, run, workspace};

const RECIPE: &str = "steps: 300\nbatch: 4\nmicro_batch: 4\nworkers: 1\nseed: 5\ncheckpoint_every: 20\nholdout: 0.25\n\
    evaluate_every: 300\npolicy: { image_px: 32, pixel_dim: 8, dim: 16, heads: 2, depth_view: 1, depth_joint: 1, dropout: 0.2 }\n";
const PATIENCE: Duration = Duration::from_secs(300);

fn neuraxis(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(workspace());
    command
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// The numbers of a file of weights, without its header, which knows how long it took.
fn numbers(dir: &Path) -> Vec<u8> {
    let bytes = fs::read(dir.join("policy.safetensors")).expect("weights");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("its length"));
    bytes[8 + header as usize..].to_vec()
}

fn demonstrate(data: &Path) {
    let demos = ["demos", "--tasks", "push_buttons", "--episodes", "4", "--out", path(data)];
    let made = run(&mut neuraxis(&demos), PATIENCE).expect("demonstrations");
    assert!(made.status.success(), "{}{}", made.stdout, made.stderr);
}

#[test]
fn demonstrations_seen_by_other_cameras_are_not_mixed() {
    let dir = tempfile::tempdir().expect("a folder");
    let sets = ["here", "there"].map(|name| dir.path().join(name));
    sets.iter().for_each(|set| demonstrate(set));
    for file in walk(&sets[1]).into_iter().filter(|file| file.ends_with("index.json")) {
        let text = fs::read_to_string(&file).expect("an index");
        fs::write(&file, text.replace("wrist", "hand")).expect("it can be written");
    }
    let [here, there] = sets.each_ref().map(|set| path(set));
    let out = dir.path().join("out");
    let mut train = neuraxis(&["train", "policy", "--data", here, "--data", there, "--out", path(&out)]);
    let ended = run(&mut train, PATIENCE).expect("it ends");
    assert!(!ended.status.success() && ended.stderr.contains("weights are for one set of cameras"), "{ended:?}");
}

/// All files below a folder.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_seed_gives_the_same_weights_whole_or_in_pieces() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, recipe) = (dir.path().join("data"), dir.path().join("recipe.yaml"));
    demonstrate(&data);
    fs::write(&recipe, RECIPE).expect("the recipe");
    let train = |out: &Path| {
        neuraxis(&["train", "policy", "--data", path(&data), "--config", path(&recipe), "--out", path(out)])
    };
    let whole = |name: &str| {
        let out = dir.path().join(name);
        // Episodes beside it, with the weights so far, change nothing.
        let mut train = train(&out);
        if name == "other" {
            train.args(["--early", "push_buttons", "--early-episodes", "1"]);
        }
        let ended = run(&mut train, PATIENCE).expect("it ends");
        assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
        (out, ended.stdout + &ended.stderr)
    };
    let ((one, _), (other, said)) = (whole("one"), whole("other"));
    assert!(numbers(&one) == numbers(&other), "the same seed gave other weights");
    let early = fs::read_to_string(other.join("early.csv")).expect("what the episodes came to");
    assert!(early.lines().all(|line| line.contains("push_buttons") && line.ends_with(",1")), "{early}");
    assert!(said.contains("early       step 20: push_buttons "), "{said}");

    let broken = dir.path().join("broken");
    let mut child = train(&broken).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let end = Instant::now() + PATIENCE;
    while !broken.join("state.safetensors").exists() {
        assert!(child.try_wait().expect("its state").is_none() && Instant::now() < end, "no state was written");
        sleep(Duration::from_millis(5));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
    assert!(!broken.join("policy.safetensors").exists() || numbers(&broken) != numbers(&one), "it was done already");
    let (broken, said) = whole("broken");
    assert!(said.contains("going on after step"), "{said}");
    assert!(numbers(&broken) == numbers(&one), "killed and resumed, it gave other weights");
}
