//! Scenes: seeded, within reach, with goals that differ, and refused in words that help.

mod driver;

use std::{collections::BTreeSet, fs};

use driver::{robot, setup, try_setup, workspace};
use neuraxis_core::{Base, Pose, Tool};
use neuraxis_robot::IkRequest;
use neuraxis_sim::{Plant, Setup, SimConfig, Spec, tasks};

const SEEDS: std::ops::Range<u64> = 100..140;

#[test]
fn a_seed_names_one_scene() {
    for task in tasks::names(&tasks::kinds()) {
        let all: Vec<Setup> = SEEDS.map(|seed| setup(task, seed)).collect();
        let start = |s: &Setup| {
            let plant = Plant::new(s).expect("physics");
            let key = s.keyframes(s.goal(), &plant).expect("a script");
            (s.goal().clone(), s.alternatives().to_vec(), format!("{key:?}"))
        };
        let (first, again) = (start(&all[0]), start(&setup(task, SEEDS.start)));
        assert!(first == again, "{task}: one seed, two scenes");
        let different = all.iter().map(|s| start(s).2).collect::<BTreeSet<_>>().len();
        assert_eq!(different, all.len(), "{task}: two seeds share a scene");
    }
}

#[test]
fn instructions_come_in_four_wordings_or_more() {
    // Colours, drawers and order aside.
    let skeleton = |text: &str| {
        let names = neuraxis_sim::colour::COLOURS.iter().map(|c| c.name).chain(["bottom", "middle", "top"]);
        let names: Vec<&str> = names.collect();
        text.split([' ', ',']).filter(|w| !names.contains(w)).collect::<Vec<_>>().join(" ")
    };
    for task in tasks::names(&tasks::kinds()) {
        let wordings: BTreeSet<String> = SEEDS.map(|seed| skeleton(&setup(task, seed).goal().instruction)).collect();
        assert!(wordings.len() >= 4, "{task}: {wordings:?}");
    }
}

#[test]
fn other_goals_are_other_goals() {
    for task in tasks::names(&tasks::kinds()) {
        for seed in SEEDS {
            let setup = setup(task, seed);
            let goal = setup.goal();
            assert!(!setup.alternatives().is_empty());
            for other in setup.alternatives() {
                assert_ne!(other.instruction, goal.instruction, "{task} {seed}");
                assert_ne!(other.targets, goal.targets, "{task} {seed}");
            }
            // Which to tell apart is asked from the beginning; one at most begins alike.
            let alike = setup.alternatives().iter().filter(|other| other.targets[0] == goal.targets[0]).count();
            assert!(
                alike <= 1 && alike < setup.alternatives().len(),
                "{task} {seed}: {alike} begin with the same thing"
            );
            let chance = setup.chance();
            assert!(chance > 0.0 && chance <= 0.5, "{task} {seed}: {chance}");
        }
    }
}

#[test]
fn variations_can_be_chosen() {
    let with = |task: &str, variation| {
        let spec = Spec { task: task.into(), seed: 7, variation: Some(variation) };
        Setup::new(&spec, &SimConfig::default()).expect("a scene").goal().clone()
    };
    for drawer in 0..3 {
        assert_eq!(with("open_drawer", drawer).targets, [drawer]);
    }
    for presses in 0..3 {
        assert_eq!(with("push_buttons", presses).targets.len(), presses + 1);
    }
    for (i, colour) in neuraxis_sim::colour::COLOURS.iter().enumerate() {
        for (j, number) in ["two", "three", "four"].into_iter().enumerate() {
            let said = with("stack_blocks", j * neuraxis_sim::colour::COLOURS.len() + i).instruction;
            assert!(said.contains(colour.name) && said.contains(number), "{said}");
        }
    }
}

/// Every key-frame of every valid goal has a solution within the joint limits.
#[test]
fn experts_ask_only_for_what_the_arm_reaches() {
    let robot = robot();
    let home = SimConfig::default().home_rad;
    for task in tasks::names(&tasks::kinds()) {
        for seed in SEEDS.take(20) {
            let setup = setup(task, seed);
            let plant = Plant::new(&setup).expect("physics");
            for goal in std::iter::once(setup.goal()).chain(setup.alternatives()) {
                let script = setup.keyframes(goal, &plant).expect("a script");
                assert!(script.len() >= 2, "{task} {seed}: {}", goal.instruction);
                for (i, keyframe) in script.iter().enumerate() {
                    let base_from_tool: Pose<Base, Tool> = robot.world_from_base().inverse() * keyframe.world_from_tool;
                    let request = IkRequest { base_from_tool, seed: home, restarts: 30, posture: None };
                    let solved = robot.ik(&request);
                    assert!(solved.is_ok(), "{task} {seed}, {}: key-frame {i}: {solved:?}", goal.instruction);
                }
            }
        }
    }
}

/// Contact is meant where collisions are ignored, and nowhere else.
#[test]
fn scripts_start_away_from_things_and_end_in_contact() {
    for task in tasks::names(tasks::KINDS) {
        let setup = setup(task, 3);
        let script = setup.keyframes(setup.goal(), &Plant::new(&setup).expect("physics")).expect("a script");
        assert!(!script[0].ignore_collisions && script[script.len() - 1].ignore_collisions, "{task}: {script:?}");
    }
}

#[test]
fn an_unknown_task_is_named_with_those_known() {
    let said = try_setup("juggle", 1, &SimConfig::default()).err().expect("no such task").to_string();
    assert!(
        said.contains("\"juggle\"") && tasks::names(&tasks::kinds()).iter().all(|name| said.contains(name)),
        "{said}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let config = SimConfig { assets: "no/such/folder".into(), ..SimConfig::default() };
    let said = try_setup("push_buttons", 1, &config).err().expect("no model there").to_string();
    assert!(said.contains("no/such/folder/sim/fr3.xml"), "{said}");

    // The model is there, a mesh is not.
    let assets = std::env::temp_dir().join(format!("neuraxis-sim-assets-{}", std::process::id()));
    fs::create_dir_all(assets.join("sim")).expect("a folder");
    fs::copy(workspace().join("sim/fr3.xml"), assets.join("sim/fr3.xml")).expect("the model");
    let config = SimConfig { assets: assets.clone(), ..SimConfig::default() };
    let said = try_setup("push_buttons", 1, &config).err().expect("no meshes there").to_string();
    fs::remove_dir_all(&assets).expect("cleared");
    assert!(said.contains("link0_coll.stl") && said.contains("push_buttons"), "{said}");
}
