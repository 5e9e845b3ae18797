//! The crates depend on each other, and on heavy foreign crates, only as the map in the README allows.
//!
//! Only normal and build dependencies count; tests may use what they like.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Duration,
};

use neuraxis_tests::{run, workspace};
use serde_json::Value;

/// Crate, and our crates that it may use. Arrows point only to earlier rows.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("channel", &[]),
    ("robot", &["core"]),
    ("motion", &["core", "robot"]),
    ("vision", &["core"]),
    ("plan", &[]),
    ("scene", &["core", "plan"]),
    ("episode", &["core"]),
    ("policy", &["core", "vision", "episode"]),
    ("brainstem", &["core", "channel", "robot", "motion"]),
    ("cerebellum", &["core", "channel", "robot", "motion"]),
    ("hippocampus", &["core", "plan"]),
    ("cortex", &["core", "plan"]),
    ("executor", &["core", "plan"]),
    ("brain", &["core", "plan", "scene", "hippocampus", "cortex", "executor"]),
    ("bridge", &["core"]),
    ("rlbench", &["core", "bridge", "episode"]),
    ("picture", &[]),
    ("formats", &["core", "episode", "picture"]),
    ("sim", &["core", "channel", "robot", "motion"]),
    ("franka", &["core", "channel"]),
    ("viz", &["core", "episode"]),
    ("ros", &["core", "channel", "robot", "motion", "picture"]),
    ("faults", &["core", "channel", "robot", "episode", "brainstem", "cerebellum"]),
    (
        BINARY,
        &[
            "core",
            "channel",
            "robot",
            "motion",
            "vision",
            "plan",
            "scene",
            "episode",
            "policy",
            "brainstem",
            "cerebellum",
            "hippocampus",
            "cortex",
            "executor",
            "brain",
            "bridge",
            "rlbench",
            "formats",
            "sim",
            "franka",
            "viz",
            "ros",
            "faults",
        ],
    ),
];

const BINARY: &str = "neuraxis";
const ADAPTERS: &[&str] = &["policy", "sim", "franka", "viz", "ros"];

/// Foreign crate, and the only crates of ours that may name it.
const FOREIGN: &[(&str, &[&str])] = &[
    ("crossbeam", &["channel"]),
    ("triple_buffer", &["channel"]),
    ("urdf-rs", &["robot"]),
    // The binary measures itself against these two.
    ("k", &["robot", BINARY]),
    ("rsruckig", &["motion", BINARY]),
    ("rrt", &["motion"]),
    ("png", &["rlbench", "picture", BINARY]),
    ("mcap", &["episode"]),
    ("rusqlite", &["hippocampus", "formats"]),
    ("parquet", &["formats"]),
    ("zune-jpeg", &["picture"]),
    ("ureq", &["cortex"]),
    ("tch", &["policy"]),
    // The binary's build script learns from it where LibTorch is: cargo tells only direct dependants.
    ("torch-sys", &["policy", BINARY]),
    ("tokenizers", &["policy"]),
    ("mujoco-rs", &["sim"]),
    ("franka-rs", &["franka"]),
    ("zerocopy", &["franka"]),
    ("rerun", &["viz"]),
    ("r2r", &["ros"]),
    ("clap", &[BINARY]),
    // A bag of ROS 2 describes itself in YAML.
    ("serde_yaml", &["formats", BINARY]),
    ("anyhow", &[BINARY]),
];

/// All that the contracts may stand on.
const UNDER_CORE: &[&str] = &["nalgebra", "serde", "thiserror"];

/// Dependencies by crate of ours (prefix cut off), as cargo reports them.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace()).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata = run(&mut command, Duration::from_secs(60)).unwrap();
    assert!(metadata.status.success(), "{}", metadata.stderr);
    let metadata: Value = serde_json::from_str(&metadata.stdout).unwrap();
    let short = |name: &Value| name.as_str().unwrap().trim_start_matches("neuraxis-").to_string();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let counted = dependencies.filter(|d| d["kind"] != "dev").map(|d| short(&d["name"])).collect();
            (short(&package["name"]), counted)
        })
        .filter(|(name, _)| name != "tests")
        .collect()
}

/// What breaks the map, in words; empty when nothing does.
fn violations(dependencies: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let ours: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut found = Vec::new();
    for (name, uses) in dependencies {
        let Some(allowed) = ours.get(name.as_str()) else {
            found.push(format!("{name} is not on the map"));
            continue;
        };
        for used in uses.iter().map(String::as_str) {
            if ours.contains_key(used) && !allowed.contains(&used) {
                found.push(format!("{name} must not use {used}"));
            }
            if let Some((_, owners)) = FOREIGN.iter().find(|(foreign, _)| *foreign == used)
                && !owners.contains(&name.as_str())
            {
                found.push(format!("{name} must not use {used}: it belongs to {}", owners.join(", ")));
            }
            if name == "core" && !UNDER_CORE.contains(&used) {
                found.push(format!("core must not use {used}"));
            }
        }
    }
    found
}

#[test]
fn cargo_reports_what_the_map_allows() {
    let dependencies = dependencies();
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let built: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(listed, built, "the map lists other crates than the workspace has");
    let violations = violations(&dependencies);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn the_map_itself_has_only_downward_arrows_and_separate_adapters() {
    for (row, (name, uses)) in ARROWS.iter().enumerate() {
        for used in *uses {
            assert!(ARROWS[..row].iter().any(|(earlier, _)| earlier == used), "{name} points up to {used}");
            assert!(!(ADAPTERS.contains(name) && ADAPTERS.contains(used)), "{name} and {used} are both adapters");
        }
    }
}

#[test]
fn a_broken_map_is_noticed() {
    let uses = |pairs: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        pairs.iter().map(|(n, d)| (n.to_string(), d.iter().map(|d| d.to_string()).collect())).collect()
    };
    assert!(violations(&uses(&[("motion", &["core", "robot", "rsruckig"])])).is_empty());
    let broken = uses(&[("core", &["serde_json"]), ("helpers", &[]), ("sim", &["policy"]), ("vision", &["tch"])]);
    assert_eq!(
        violations(&broken),
        [
            "core must not use serde_json",
            "helpers is not on the map",
            "sim must not use policy",
            "vision must not use tch: it belongs to policy",
        ]
    );
}
