//! A drawer is where its handle is seen, closed and open, and nowhere before that; what a model says of a fact is believed
//! for a while where nothing else tells.

#[path = "../../scene/tests/scenarios/cloud.rs"]
#[allow(dead_code)]
mod cloud;

use cloud::{RED, Scene as Cloud, TABLE_M, hand};
use nalgebra::Vector3;
use neuraxis_brain::{BrainConfig, Perception};
use neuraxis_core::{Gripper, Nanos};
use neuraxis_plan::Scene;
use neuraxis_scene::Hand;

const WOOD: [u8; 3] = [150, 100, 60];
/// Where the cabinet's front is, how deep and wide and high it is [m].
const FRONT_X_M: f64 = 0.42;
const SIDES_M: [f64; 3] = [0.24, 0.30, 0.49];

/// A cabinet with its front towards the arm, and the front of the middle drawer this far out of it.
fn cabinet(out_m: f64) -> Cloud {
    let [depth, width, height] = SIDES_M;
    let at = [FRONT_X_M + 0.5 * depth, 0.0];
    let cloud = Cloud::new(0.0005).cube([0.15, 0.3], 0.04, 0.0, RED).brick(at, TABLE_M, SIDES_M, 0.0, WOOD);
    assert!(TABLE_M + height > 1.16 + 0.03, "the top drawer is under the board");
    if out_m == 0.0 {
        return cloud;
    }
    let mut cloud = cloud.brick([FRONT_X_M - 0.5 * out_m, 0.0], 1.05 - 0.05, [out_m, width - 0.06, 0.10], 0.0, WOOD);
    // Behind an open drawer there is no front.
    cloud.hide(|p| (p.x - FRONT_X_M).abs() < 0.01 && (p.z - 1.05).abs() < 0.045 && p.y.abs() < 0.5 * width - 0.02);
    cloud
}

/// A cabinet of which nobody sees the lowest drawer.
fn hidden_below() -> Cloud {
    let mut cloud = cabinet(0.0);
    cloud.hide(|p| (p.x - FRONT_X_M).abs() < 0.01 && (0.88..1.00).contains(&p.z));
    cloud
}

fn away() -> Hand {
    hand([0.1, -0.3, 1.3], Gripper::Open, 0.08)
}

fn look(perception: &mut Perception, millis: u64, cloud: &Cloud) {
    perception.look(Nanos::from_millis(millis), &cloud.xyz, &cloud.rgb, &away()).unwrap();
}

fn handle(scene: &Scene, name: &str) -> Option<Vector3<f64>> {
    scene.objects()[scene.object(name).unwrap().index()].position_in_world
}

#[test]
fn a_handle_is_in_front_of_its_drawer_and_goes_with_it() {
    let mut perception = Perception::new(&BrainConfig::default()).unwrap();
    (0..3).for_each(|i| look(&mut perception, 100 * i, &cabinet(0.0)));
    let scene = perception.begin("open the middle drawer").unwrap();
    let out_m = BrainConfig::default().furniture.handle_out_m;
    for (name, z_m) in [("bottom_drawer", 0.94), ("middle_drawer", 1.05), ("top_drawer", 1.16)] {
        let at = handle(&scene, name).unwrap();
        println!("{name} closed: {at:?}");
        assert!((at - Vector3::new(FRONT_X_M - out_m, 0.0, z_m)).norm() < 0.02, "{name} {at:?}");
    }
    (3..8).for_each(|i| {
        look(&mut perception, 100 * i, &cabinet(0.15));
        perception.read();
    });
    let at = handle(&perception.present().unwrap(), "middle_drawer").unwrap();
    println!("middle_drawer open: {at:?}");
    assert!((at - Vector3::new(FRONT_X_M - 0.15 - out_m, 0.0, 1.05)).norm() < 0.02, "{at:?}");
}

#[test]
fn a_drawer_that_is_not_seen_has_no_place() {
    let mut perception = Perception::new(&BrainConfig::default()).unwrap();
    let cloud = hidden_below();
    (0..3).for_each(|i| look(&mut perception, 100 * i, &cloud));
    let scene = perception.begin("open the top drawer").unwrap();
    assert_eq!(handle(&scene, "bottom_drawer"), None);
    assert!(handle(&scene, "top_drawer").is_some());
}

#[test]
fn what_a_model_says_is_believed_until_a_look_tells_or_it_is_old() {
    use neuraxis_plan::Truth;
    let mut perception = Perception::new(&BrainConfig::default()).unwrap();
    let cloud = hidden_below();
    (0..3).for_each(|i| look(&mut perception, 100 * i, &cloud));
    let scene = perception.begin("open the top drawer").unwrap();
    let fact = |text: &str| scene.literal(text).unwrap().fact;
    let (bottom, top) = (fact("closed(bottom_drawer)"), fact("closed(top_drawer)"));
    let truths = |perception: &mut Perception, millis: u64| {
        look(perception, millis, &cloud);
        let state = perception.read().observed.state;
        [state.truth(bottom), state.truth(top)]
    };
    assert_eq!(truths(&mut perception, 300), [Truth::Unknown, Truth::True]);
    perception.believe(bottom, true);
    perception.believe(top, false);
    assert_eq!(truths(&mut perception, 400), [Truth::True, Truth::True], "what is seen is not overruled");
    assert_eq!(truths(&mut perception, 5200), [Truth::True, Truth::True]);
    assert_eq!(truths(&mut perception, 5400), [Truth::Unknown, Truth::True], "after five seconds");
}
