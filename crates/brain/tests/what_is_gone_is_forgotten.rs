//! What was taken away is no part of the next task; what was seen to go into a drawer is still there.

#[path = "../../scene/tests/scenarios/cloud.rs"]
#[allow(dead_code)]
mod cloud;

use cloud::{GREEN, RED, Scene as Cloud, TABLE_M, hand};
use neuraxis_brain::{BrainConfig, Perception};
use neuraxis_core::{Gripper, Nanos};
use neuraxis_plan::{Scene, Truth};

const WOOD: [u8; 3] = [150, 100, 60];
/// Where the cabinet's front is, and how deep and wide and high it is [m].
const FRONT_X_M: f64 = 0.42;
const SIDES_M: [f64; 3] = [0.24, 0.30, 0.49];
/// A side of the block [m].
const SIDE_M: f64 = 0.036;

/// A cabinet whose middle drawer is out so far, with a red block in it, which nobody sees when it is shut.
fn drawer(out_m: f64) -> Cloud {
    let [depth, width, _] = SIDES_M;
    let closed = Cloud::new(0.0005).brick([FRONT_X_M + 0.5 * depth, 0.0], TABLE_M, SIDES_M, 0.0, WOOD);
    if out_m == 0.0 {
        return closed;
    }
    let mut cloud = closed.brick([FRONT_X_M - 0.5 * out_m, 0.0], 1.00, [out_m, width - 0.06, 0.06], 0.0, WOOD);
    // Behind an open drawer there is no front.
    cloud.hide(|p| (p.x - FRONT_X_M).abs() < 0.01 && (p.z - 1.05).abs() < 0.045 && p.y.abs() < 0.5 * width - 0.02);
    cloud.brick([FRONT_X_M - out_m + 0.10, 0.0], 1.06, [SIDE_M; 3], 0.0, RED)
}

fn perception() -> Perception {
    Perception::new(&BrainConfig::default()).unwrap()
}

fn look(perception: &mut Perception, millis: u64, cloud: &Cloud) {
    let away = hand([0.1, -0.3, 1.3], Gripper::Open, 0.08);
    perception.look(Nanos::from_millis(millis), &cloud.xyz, &cloud.rgb, &away).unwrap();
    perception.read();
}

fn truth(scene: &Scene, text: &str) -> Truth {
    scene.state().truth(scene.literal(text).unwrap().fact)
}

#[test]
fn what_was_taken_away_or_carried_off_is_no_part_of_the_next_task() {
    let mut perception = perception();
    let before = Cloud::new(0.0005).cube([0.2, 0.2], SIDE_M, 0.1, RED).plate([0.2, -0.1], 0.1, GREEN);
    let after = Cloud::new(0.0005).cube([0.35, -0.2], SIDE_M, 0.3, RED);
    [0, 100, 200].into_iter().for_each(|millis| look(&mut perception, millis, &before));
    look(&mut perception, 6300, &after);
    let scene = perception.begin("put the red block on the table").unwrap();
    let names: Vec<_> = scene.objects().iter().map(|object| object.id.as_str()).collect();
    assert_eq!(names, ["red_block", "table"]);
    assert_eq!(truth(&scene, "on(red_block,table)"), Truth::True, "there is no plate that it could lie on");
}

#[test]
fn what_was_seen_to_go_into_a_drawer_has_a_name_in_the_next_task() {
    let mut perception = perception();
    let inside = "in(red_block,middle_drawer)";
    [0, 100, 200].into_iter().for_each(|millis| look(&mut perception, millis, &drawer(0.15)));
    let scene = perception.begin("close the middle drawer").unwrap();
    assert_eq!(truth(&scene, inside), Truth::True);
    for (millis, out_m) in [(300, 0.11), (400, 0.07), (500, 0.0), (600, 0.0)] {
        look(&mut perception, millis, &drawer(out_m));
    }
    assert_eq!(truth(&perception.present().unwrap(), inside), Truth::True);
    perception.end();
    for secs in [10, 20] {
        look(&mut perception, 1000 * secs, &drawer(0.0));
        let scene = perception.begin("put the red block on the table").unwrap();
        assert_eq!(truth(&scene, inside), Truth::True, "after {secs} s");
    }
    // A red block in view is taken for it.
    let taken_out = drawer(0.0).cube([0.2, 0.2], SIDE_M, 0.1, RED);
    look(&mut perception, 30_000, &taken_out);
    let scene = perception.begin("put the red block on the table").unwrap();
    assert_eq!([inside, "on(red_block,table)"].map(|text| truth(&scene, text)), [Truth::False, Truth::True]);
}

#[test]
fn what_was_only_said_to_be_in_a_drawer_is_forgotten_with_its_task() {
    let mut perception = perception();
    [0, 100, 200].into_iter().for_each(|millis| look(&mut perception, millis, &drawer(0.0)));
    let scene = perception.begin("take the red block out of the middle drawer").unwrap();
    assert_eq!(truth(&scene, "in(red_block,middle_drawer)"), Truth::True);
    let error = perception.begin("put the red block on the table").unwrap_err().to_string();
    assert!(error.starts_with("I do not see a red block"), "{error}");
}
