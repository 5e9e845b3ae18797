//! Perturbations: each changes what it says and nothing else, is the same for the same seed, and is refused in words.

mod driver;

use driver::{Driver, setup};
use nalgebra::{Point3, Vector3};
use neuraxis_core::{ArmCommand, CameraView};
use neuraxis_sim::{
    CameraRig, Factor, Grasp, Perturbation, Plant, Setup, SimConfig, SimError, Snapshot, Spec, colour::COLOURS,
};

const SEED: u64 = 3;

fn with(task: &str, seed: u64, perturbation: Perturbation) -> Result<Setup, SimError> {
    Setup::new(&Spec { task: task.into(), seed, variation: None }, &SimConfig { perturbation, ..SimConfig::default() })
}

fn under(task: &str, factor: Factor) -> Setup {
    with(task, SEED, Perturbation { factors: vec![factor], ..Perturbation::default() }).expect("a scene")
}

fn views(setup: &Setup) -> Vec<CameraView> {
    let plant = Plant::new(setup).expect("physics");
    CameraRig::new(setup).expect("cameras").render(&plant).expect("images")
}

fn differing(a: &CameraView, b: &CameraView) -> usize {
    a.rgb.iter().zip(&b.rgb).filter(|(a, b)| a.abs_diff(**b) > 8).count()
}

#[test]
fn a_factor_is_seen_and_the_goal_stays() {
    let task = "put_money_in_safe";
    let plain = setup(task, SEED);
    let before = views(&plain);
    for factor in Factor::ALL {
        let changed = under(task, factor);
        assert_eq!(changed.goal(), plain.goal(), "{factor}");
        let after = views(&changed);
        let seen: usize = before.iter().zip(&after).map(|(a, b)| differing(a, b)).sum();
        let is_invisible = matches!(factor, Factor::Friction | Factor::Mass | Factor::Latency | Factor::CameraFrozen);
        assert_eq!(seen > 0, !is_invisible, "{factor}: {seen} values differ");
        let again: usize = after.iter().zip(&views(&under(task, factor))).map(|(a, b)| differing(a, b)).sum();
        assert_eq!(again, 0, "{factor}: one seed, two worlds");
    }
}

#[test]
fn what_a_sentence_names_keeps_its_colour() {
    for factor in [Factor::MoColor, Factor::RoColor] {
        let (plain, changed) = (views(&setup("stack_blocks", SEED)), views(&under("stack_blocks", factor)));
        assert_eq!(plain.iter().zip(&changed).map(|(a, b)| differing(a, b)).sum::<usize>(), 0, "{factor}");
    }
}

#[test]
fn one_factor_does_not_change_what_another_draws() {
    let both = Perturbation { factors: vec![Factor::TableColor, Factor::CameraPose], ..Perturbation::default() };
    let both = views(&with("turn_tap", SEED, both).expect("a scene"));
    let one = views(&under("turn_tap", Factor::CameraPose));
    for (a, b) in both.iter().zip(&one) {
        assert_eq!(a.world_from_camera.position(), b.world_from_camera.position(), "{}", a.name);
    }
}

#[test]
fn cameras_fail_as_told() {
    let dead = &views(&under("turn_tap", Factor::CameraDead))[0];
    assert!(dead.rgb.iter().all(|v| *v == 0) && dead.depth_m.iter().all(|z| *z == 0.0));

    let setup = under("turn_tap", Factor::CameraFrozen);
    let mut plant = Plant::new(&setup).expect("physics");
    let mut rig = CameraRig::new(&setup).expect("cameras");
    let before = rig.render(&plant).expect("images");
    let state = plant.state();
    let mut command = neuraxis_core::ArmCommand::hold(state.q, state.gripper_width_m, 35.0);
    for _ in 0..400 {
        command.q[0] += 0.001;
        plant.step(&command);
    }
    let after = rig.render(&plant).expect("images");
    assert_eq!(before[0].rgb, after[0].rgb, "the frozen camera");
    assert!(differing(&before[1], &after[1]) > 100, "the others go on");
}

#[test]
fn mass_and_friction_are_felt() {
    // A lighter block leaves the same start with less resistance: the arm's world has other numbers.
    let heavy = Perturbation { factors: vec![Factor::Mass], mass: [3.0, 3.0], ..Perturbation::default() };
    let sinks = |perturbation: Perturbation| {
        let setup = with("push_buttons", SEED, perturbation).expect("a scene");
        let mut plant = Plant::new(&setup).expect("physics");
        let state = plant.state();
        let still = neuraxis_core::ArmCommand::hold(state.q, state.gripper_width_m, 35.0);
        (0..500).for_each(|_| plant.step(&still));
        // A cap rests on its spring: the heavier, the lower.
        plant.world().body_pose("cap0").expect("a body").translation.z
    };
    assert!(sinks(heavy) < sinks(Perturbation::default()) - 1e-4);
}

/// What both fingers touch is lifted by friction, or however slippery if it is attached.
#[test]
fn a_slippery_thing_is_held_only_if_attached() {
    let factors = vec![Factor::Friction, Factor::Mass];
    let slippery = Perturbation { factors, friction: [0.05; 2], mass: [12.0; 2], ..Perturbation::default() };
    let lifted = |perturbation: &Perturbation, grasp| {
        let config = SimConfig { perturbation: perturbation.clone(), grasp, ..SimConfig::default() };
        let spec = Spec { task: "meat_off_grill".into(), seed: SEED, variation: Some(1) };
        let setup = Setup::new(&spec, &config).expect("a scene");
        let mut driver = Driver::new(&setup);
        let height = |driver: &Driver| driver.plant.world().body_pose("steak").expect("a body").translation.z;
        let before = height(&driver);
        for keyframe in &setup.keyframes(setup.goal(), &driver.plant).expect("a script")[..3] {
            driver.reach(keyframe);
        }
        height(&driver) - before > 0.05
    };
    assert!(lifted(&Perturbation::default(), Grasp::Friction));
    assert!(!lifted(&slippery, Grasp::Friction));
    assert!(lifted(&slippery, Grasp::Attach));
}

/// A scene in which one factor has made things or furniture smaller.
fn small(task: &str, variation: usize, factor: Factor) -> (Setup, Plant) {
    let perturbation = Perturbation { factors: vec![factor], size: [0.86; 2], ..Perturbation::default() };
    let spec = Spec { task: task.into(), seed: SEED, variation: Some(variation) };
    let setup = Setup::new(&spec, &SimConfig { perturbation, ..SimConfig::default() }).expect("a scene");
    let plant = Plant::new(&setup).expect("physics");
    (setup, plant)
}

/// Things are put somewhere in the world by hand [m], and left alone for a while: the goal is met.
fn is_done(setup: &Setup, plant: &mut Plant, things: &[(String, Vector3<f64>)]) -> bool {
    let mut snapshot = Snapshot::default();
    plant.snapshot_into(&mut snapshot);
    for (name, there) in things {
        let here = plant.world().body_pose(name).expect("a body").translation.vector;
        let qpos = snapshot.qpos.windows(3).position(|q| q == here.as_slice()).expect("it moves freely");
        snapshot.qpos[qpos..qpos + 3].copy_from_slice(there.as_slice());
    }
    plant.resume(&snapshot, setup).expect("the same scene");
    let state = plant.state();
    let still = ArmCommand::hold(state.q, state.gripper_width_m, 35.0);
    (0..800).for_each(|_| plant.step(&still));
    plant.success(setup.goal())
}

#[test]
fn what_is_done_with_smaller_things_counts() {
    // From the frame of the furniture, a little above: in smaller jars, safes and lamps, and near the edge of a plate.
    let done = |task: &str, variation: usize, thing: &str, frame: &str, at: [f64; 3]| {
        let (setup, mut plant) = small(task, variation, Factor::RoSize);
        let target = setup.goal().targets[0].to_string();
        let [thing, frame] = [thing, frame].map(|name| name.replace('#', &target));
        let there = plant.world().body_pose(&frame).expect("a body") * Point3::from(at);
        is_done(&setup, &mut plant, &[(thing, there.coords)])
    };
    assert!(done("close_jar", 0, "lid", "jar#", [0.0, 0.0, 0.86 * 0.075 + 0.005]));
    assert!(done("light_bulb_in", 0, "bulb#", "lamp", [0.0, 0.0, 0.86 * 0.06 + 0.051]));
    for shelf in 0..3 {
        let z = 0.86 * (0.135 * shelf as f64 + 0.012) + 0.016;
        assert!(done("put_money_in_safe", shelf, "money", "safe", [0.06, 0.0, z]), "shelf {shelf}");
    }
    assert!(done("slide_block_to_color_target", 0, "block", "plates", [0.86 * 0.16 - 0.02, 0.0, 0.031]));

    // The last variations ask for four blocks.
    let (setup, mut plant) = small("stack_blocks", 2 * COLOURS.len(), Factor::MoSize);
    let names: Vec<String> = (0..4).map(|i| format!("block{i}")).collect();
    let base = plant.world().body_pose(&names[0]).expect("a body").translation.vector;
    let on = |level: usize| base + Vector3::z() * (level as f64 * (0.86 * 0.04 + 0.0002));
    let tower: Vec<_> = names.into_iter().enumerate().map(|(level, name)| (name, on(level))).collect();
    assert_eq!(setup.goal().targets, [0, 4]);
    assert!(is_done(&setup, &mut plant, &tower[1..]), "a tower of four");
}

#[test]
fn what_cannot_be_is_refused() {
    let said = "mo_colour".parse::<Factor>().expect_err("a wrong name").to_string();
    assert!(said.contains("\"mo_colour\"") && said.contains("mo_color"), "{said}");

    let said = "glue".parse::<Grasp>().expect_err("no such grasp").to_string();
    assert!(said.contains("\"glue\"") && said.contains("attach"), "{said}");

    let refused = |perturbation: Perturbation| with("turn_tap", SEED, perturbation).err().expect("refused").to_string();
    let base = Perturbation { factors: vec![Factor::MoSize], ..Perturbation::default() };
    let said = refused(Perturbation { size: [1.0, f64::NAN], ..base.clone() });
    assert!(said.contains("size") && said.contains("0.05"), "{said}");
    let said = refused(Perturbation { faulty_camera: "rear".into(), ..base.clone() });
    assert!(said.contains("\"rear\"") || said.contains("rear") && said.contains("wrist"), "{said}");
    let said = refused(Perturbation { blur_px: 4, ..base });
    assert!(said.contains("blur_px") && said.contains("odd"), "{said}");

    // No room: the tries are bounded, and the error says what, where and how often.
    let crowd = Perturbation { factors: vec![Factor::Distractor], distractors: 200, ..Perturbation::default() };
    let said = with("put_groceries_in_cupboard", SEED, crowd).err().expect("no room for two hundred").to_string();
    assert!(said.contains("a distractor") && said.contains("2000 tries"), "{said}");
}

#[test]
fn a_file_with_an_unknown_key_is_refused() {
    let said =
        serde_yaml::from_str::<Perturbation>("factors: [mass]\nmasss: [1, 2]\n").expect_err("a typo").to_string();
    assert!(said.contains("masss"), "{said}");
}
