//! What is between the closed fingers moves with the tool, seen or not, and keeps its number when it is let go.

use neuraxis_core::{Gripper, Nanos};
use neuraxis_scene::{Colour, Grip, Hand, SceneConfig, SightError, ThingId, Tracker};

use crate::cloud::{RED, Scene, TABLE_M, hand};

pub fn look(tracker: &mut Tracker, millis: u64, scene: &Scene, hand: Option<&Hand>) {
    tracker.look(Nanos::from_millis(millis), &scene.xyz, &scene.rgb, hand).unwrap();
}

fn red(tracker: &Tracker) -> ThingId {
    let found: Vec<_> = tracker.tracks().iter().filter(|t| t.thing.colour == Some(Colour::Red)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].id
}

/// Up to the moment at which the block hangs between the fingers, at 300 ms.
fn taken() -> (Tracker, ThingId) {
    let mut tracker = Tracker::new(SceneConfig::default()).unwrap();
    let cube = || Scene::new(0.0005).cube([0.3, 0.0], 0.04, 0.0, RED);
    look(&mut tracker, 0, &cube(), Some(&hand([0.3, 0.0, 1.0], Gripper::Open, 0.08)));
    let id = red(&tracker);
    assert_eq!(tracker.grip(), Grip::Empty);
    for (millis, width_m) in [(100, 0.06), (200, 0.0395), (300, 0.0395)] {
        let closing = hand([0.3, 0.0, 0.77], Gripper::Closed, width_m);
        look(&mut tracker, millis, &cube().hand(&closing), Some(&closing));
    }
    (tracker, id)
}

#[test]
fn it_is_held_once_the_fingers_rest_and_not_before() {
    let mut tracker = Tracker::new(SceneConfig::default()).unwrap();
    let cube = Scene::new(0.0).cube([0.3, 0.0], 0.04, 0.0, RED);
    look(&mut tracker, 0, &cube, Some(&hand([0.3, 0.0, 0.77], Gripper::Open, 0.08)));
    look(&mut tracker, 100, &cube, Some(&hand([0.3, 0.0, 0.77], Gripper::Closed, 0.06)));
    assert_eq!(tracker.grip(), Grip::Unknown, "the fingers move");
    let (tracker, id) = taken();
    assert_eq!(tracker.grip(), Grip::Holds(Some(id)));
}

#[test]
fn it_moves_with_the_tool_out_of_sight_and_keeps_its_number_when_it_is_let_go() {
    let (mut tracker, id) = taken();
    let up = hand([0.4, 0.2, 0.9], Gripper::Closed, 0.0395);
    look(&mut tracker, 400, &Scene::new(0.0005), Some(&up));
    let track = tracker.track(id).unwrap();
    assert!((track.thing.bounds.centre_in_world - up.tool_in_world()).norm() < 0.005, "{}", track.thing);
    assert!(!tracker.is_seen(track) && track.held.is_some());
    let mut over = up;
    over.world_from_tool.iso.translation.vector.z = 0.78;
    tracker.blind(Nanos::from_millis(500), Some(&over)).unwrap();
    // It falls a little.
    let released = Scene::new(0.0005).cube([0.405, 0.2], 0.04, 0.1, RED);
    look(&mut tracker, 600, &released, Some(&hand([0.4, 0.2, 0.80], Gripper::Open, 0.08)));
    assert_eq!(red(&tracker), id);
    let track = tracker.track(id).unwrap();
    assert!(track.held.is_none() && track.doubts.is_empty() && tracker.is_seen(track));
    assert!((track.thing.bounds.bottom_m() - TABLE_M).abs() < 0.003);
}

#[test]
fn what_slips_out_is_held_no_more() {
    let (mut tracker, id) = taken();
    look(&mut tracker, 400, &Scene::new(0.0), Some(&hand([0.4, 0.2, 0.9], Gripper::Closed, 0.0002)));
    assert_eq!(tracker.grip(), Grip::Empty);
    let track = tracker.track(id).unwrap();
    assert!(track.held.is_none());
    assert_eq!(tracker.unseen_since(track), Some(Nanos::from_millis(300)));
}

#[test]
fn time_does_not_go_backwards_and_a_lost_hand_is_an_error_that_changes_no_thing() {
    let (mut tracker, id) = taken();
    let early = tracker.blind(Nanos::from_millis(200), None).unwrap_err();
    assert_eq!(early.to_string(), "a look at 0.200 s comes after one at 0.300 s");
    let lost = hand([f64::NAN, 0.0, 0.9], Gripper::Closed, 0.0395);
    let before = tracker.track(id).unwrap().thing.clone();
    assert_eq!(tracker.blind(Nanos::from_millis(400), Some(&lost)), Err(SightError::Hand));
    assert_eq!(tracker.track(id).unwrap().thing, before);
    assert_eq!(tracker.grip(), Grip::Unknown);
}
