//! Moving targets: everything on the table moves together, by what experts are told, until the arm touches it.

mod driver;

use driver::try_setup;
use neuraxis_core::ArmCommand;
use neuraxis_sim::{Moving, Plant, SimConfig, tasks};

const SEED: u64 = 5;

fn moving(task: &str, moving: Moving) -> Plant {
    let config = SimConfig { moving, ..SimConfig::default() };
    Plant::new(&try_setup(task, SEED, &config).expect("a scene")).expect("physics")
}

/// Lets time pass with the arm at rest.
fn wait(plant: &mut Plant, secs: f64) {
    let state = plant.state();
    let still = ArmCommand::hold(state.q, state.gripper_width_m, 35.0);
    for _ in 0..(secs * 1000.0) as usize {
        plant.step(&still);
    }
}

#[test]
fn nothing_moves_unless_asked_for() {
    let mut plant = moving("open_drawer", Moving::Still);
    let before = plant.world().body_pose("cabinet").expect("a body");
    wait(&mut plant, 1.0);
    assert_eq!(plant.shift_m(), [0.0; 2]);
    assert_eq!(plant.world().body_pose("cabinet").expect("a body"), before);
}

#[test]
fn furniture_and_things_move_by_what_experts_are_told() {
    for (how, secs) in [(Moving::Displaced, 2.6), (Moving::Drifting, 4.5)] {
        let mut plant = moving("put_item_in_drawer", how);
        let bodies = ["cabinet", "drawer1", "block"];
        let before = bodies.map(|name| plant.world().body_position(plant.world().body_index(name).expect("a body")));
        wait(&mut plant, secs);
        let [x, y] = plant.shift_m();
        assert!((0.03..0.081).contains(&x.hypot(y)), "{how}: {x} {y}");
        for (name, before) in bodies.iter().zip(before) {
            let moved = plant.world().body_position(plant.world().body_index(name).expect("a body")) - before;
            let off = (moved.x - x).hypot(moved.y - y);
            // The block settles on the table meanwhile.
            assert!(off < 5e-4 && moved.z.abs() < 1e-3, "{how}: {name} moved by {moved:?} instead of {x} {y}");
        }
        wait(&mut plant, 1.0);
        assert_eq!(plant.shift_m(), [x, y], "{how}: it has come to rest");
    }
}

#[test]
fn the_gripper_ends_the_approach() {
    let mut plant = moving("stack_blocks", Moving::Drifting);
    wait(&mut plant, 1.0);
    let midway = plant.shift_m();
    let closing = ArmCommand::hold(plant.state().q, 0.0, 35.0);
    for _ in 0..2000 {
        plant.step(&closing);
    }
    assert!(midway[0].hypot(midway[1]) > 0.01);
    assert_eq!(plant.shift_m(), midway);
}

#[test]
fn the_same_seed_moves_every_task_the_same_way_twice() {
    for task in tasks::names(&tasks::kinds()) {
        let shift = || {
            let mut plant = moving(task, Moving::Displaced);
            wait(&mut plant, 2.6);
            plant.shift_m()
        };
        let [x, y] = shift();
        assert!(x.hypot(y) >= 0.03, "{task}");
        assert_eq!(shift(), [x, y], "{task}");
    }
}
