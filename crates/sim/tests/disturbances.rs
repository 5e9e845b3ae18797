//! Disturbances: each does what it says, once, when it should; what cannot happen is refused in words.

mod driver;

use driver::{Driver, try_setup};
use nalgebra::Vector3;
use neuraxis_sim::{Disturbance, Grasp, Plant, Setup, SimConfig};

const SEED: u64 = 4;

fn scene(task: &str, disturbance: Option<Disturbance>) -> Setup {
    try_setup(task, SEED, &SimConfig { disturbance, ..SimConfig::default() }).expect("a scene")
}

/// Where the four blocks are after one has been grasped and lifted: the highest one's height above the table, and all
/// positions.
fn lift(disturbance: Option<Disturbance>) -> (Driver, Vec<Vector3<f64>>) {
    let setup = scene("stack_blocks", disturbance);
    let mut driver = Driver::new(&setup);
    let script = setup.keyframes(setup.goal(), &driver.plant).expect("a script");
    driver.reach(&script[0]);
    driver.reach(&script[1]);
    driver.rise(0.12);
    driver.wait(800);
    let world = driver.plant.world();
    let at = (0..4).map(|i| world.body_position(world.body_index(&format!("block{i}")).expect("a body"))).collect();
    (driver, at)
}

fn highest(at: &[Vector3<f64>]) -> f64 {
    at.iter().map(|p| p.z - 0.77).fold(f64::MIN, f64::max)
}

#[test]
fn a_dropped_object_lies_on_the_table_again() {
    let (_, plain) = lift(None);
    assert!(highest(&plain) > 0.11, "it is lifted when nothing goes wrong: {}", highest(&plain));
    let (driver, at) = lift(Some(Disturbance::ObjectDropped));
    assert!(highest(&at) < 0.01, "{}", highest(&at));
    assert!(driver.plant.state().gripper_width_m < 0.005, "the hand is empty");
}

#[test]
fn a_slip_leaves_the_object_lower_in_the_hand() {
    let (_, plain) = lift(None);
    let (_, at) = lift(Some(Disturbance::GripperSlip));
    let slipped = highest(&plain) - highest(&at);
    assert!((0.008..0.016).contains(&slipped), "{slipped}");
}

#[test]
fn targets_move_and_what_is_held_does_not() {
    let (_, plain) = lift(None);
    let (driver, at) = lift(Some(Disturbance::TargetMoved));
    let [x, y] = driver.plant.shift_m();
    assert!((x.hypot(y) - 0.04).abs() < 0.001, "{x} {y}");
    for (before, now) in plain.iter().zip(&at) {
        let (moved, expected) = ((now - before).xy(), if now.z > 0.85 { [0.0; 2] } else { [x, y] });
        assert!((moved - Vector3::new(expected[0], expected[1], 0.0).xy()).norm() < 0.003, "{moved:?}, {expected:?}");
    }
}

#[test]
fn a_post_comes_up_once_something_is_lifted() {
    let (plain, _) = lift(None);
    let (driver, _) = lift(Some(Disturbance::PathBlocked));
    let world = driver.plant.world();
    let post = world.body_pose("post").expect("a body").translation;
    assert!(post.z > 0.75);
    for block in 0..4 {
        let way = world.body_pose(&format!("block{block}")).expect("a body").translation.vector - post.vector;
        assert!(way.z > 0.05 || way.xy().norm() > 0.10, "it stands clear of block {block}: {way:?}");
    }
    let (free, here) = (plain.plant.state().q, driver.plant.state().q);
    for (free, here) in free.iter().zip(here.iter()) {
        assert!((free - here).abs() < 1e-4, "and of the arm: {here} rad, {free} without it");
    }
    let waiting = Plant::new(&scene("stack_blocks", Some(Disturbance::PathBlocked))).expect("physics");
    assert!(waiting.world().body_pose("post").expect("a body").translation.z < 0.0, "until then it is out of sight");
}

#[test]
fn an_open_drawer_slides_shut_when_it_is_let_go_of() {
    let setup = scene("put_item_in_drawer", Some(Disturbance::DrawerClosed));
    let mut driver = Driver::new(&setup);
    let script = setup.keyframes(setup.goal(), &driver.plant).expect("a script");
    let opening = |d: &Driver| {
        let world = d.plant.world();
        let closed = world.body_position(world.body_index("cabinet").expect("a body"));
        let out = |i: usize| {
            (world.body_position(world.body_index(&format!("drawer{i}")).expect("a body")) - closed).xy().norm()
        };
        (0..3).map(out).fold(0.0, f64::max)
    };
    for keyframe in &script[..3] {
        driver.reach(keyframe);
    }
    assert!(opening(&driver) > 0.15, "held open: {}", opening(&driver));
    driver.grip(script[3].gripper);
    driver.wait(1000);
    assert!(opening(&driver) < 0.01, "let go: {}", opening(&driver));
}

#[test]
fn what_cannot_happen_is_refused_in_words() {
    let refused = |task: &str, grasp, disturbance| {
        let config = SimConfig { disturbance: Some(disturbance), grasp, ..SimConfig::default() };
        Plant::new(&try_setup(task, SEED, &config).expect("a scene")).err().expect("a refusal").to_string()
    };
    let said = refused("stack_blocks", Grasp::Friction, Disturbance::DrawerClosed);
    assert!(said.contains("drawer_closed") && said.contains("no drawers"), "{said}");
    let said = refused("turn_tap", Grasp::Friction, Disturbance::ObjectDropped);
    assert!(said.contains("no things that can be lifted"), "{said}");
    let said = refused("stack_blocks", Grasp::Attach, Disturbance::GripperSlip);
    assert!(said.contains("no grasps by friction"), "{said}");
    let said = "power_cut".parse::<Disturbance>().expect_err("a refusal").to_string();
    assert!(said.contains("power_cut") && said.contains("drawer_closed"), "{said}");
}
