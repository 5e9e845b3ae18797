//! Two things that look the same may be mistaken for each other; never silently.

use neuraxis_scene::{Colour, SceneConfig, ThingId, Tracker};

use crate::{
    a_hand_takes_a_block::look,
    cloud::{BLUE, RED, Scene},
};

type Painted = ([f64; 2], [u8; 3]);

fn cubes(at: &[Painted]) -> Scene {
    at.iter().fold(Scene::new(0.0005), |scene, (at, rgb)| scene.cube(*at, 0.04, 0.0, *rgb))
}

/// After two looks, and the numbers in the order of the first.
fn followed(first: &[Painted], second: &[Painted]) -> (Tracker, Vec<ThingId>) {
    let mut tracker = Tracker::new(SceneConfig::default()).unwrap();
    look(&mut tracker, 0, &cubes(first), None);
    look(&mut tracker, 50, &cubes(first), None);
    let number = |at: &[f64; 2]| {
        let off = |x: f64, y: f64| (x - at[0]).hypot(y - at[1]);
        let near = |t: &&neuraxis_scene::Track| {
            let p = t.thing.bounds.centre_in_world;
            off(p.x, p.y) < 0.01
        };
        tracker.tracks().iter().find(near).unwrap().id
    };
    let ids = first.iter().map(|(at, _)| number(at)).collect();
    look(&mut tracker, 100, &cubes(second), None);
    (tracker, ids)
}

fn x_of(tracker: &Tracker, id: ThingId) -> f64 {
    tracker.track(id).unwrap().thing.bounds.centre_in_world.x
}

#[test]
fn equal_blocks_that_move_a_little_are_not_mistaken() {
    let (tracker, ids) = followed(&[([0.2, 0.0], RED), ([0.32, 0.0], RED)], &[([0.23, 0.0], RED), ([0.35, 0.0], RED)]);
    assert!((x_of(&tracker, ids[0]) - 0.23).abs() < 0.003 && (x_of(&tracker, ids[1]) - 0.35).abs() < 0.003);
    assert!(tracker.tracks().iter().all(|track| track.doubts.is_empty()));
    assert_eq!(tracker.tracks().len(), 2);
}

#[test]
fn equal_blocks_that_change_places_are_in_doubt_until_somebody_settles_it() {
    // Both move from a line along y to one along x: each could be either.
    let (mut tracker, ids) =
        followed(&[([0.3, -0.032], RED), ([0.3, 0.032], RED)], &[([0.268, 0.0], RED), ([0.332, 0.0], RED)]);
    assert_eq!(tracker.track(ids[0]).unwrap().doubts, [ids[1]]);
    assert_eq!(tracker.track(ids[1]).unwrap().doubts, [ids[0]]);
    look(&mut tracker, 200, &cubes(&[([0.268, 0.0], RED), ([0.332, 0.0], RED)]), None);
    assert_eq!(tracker.track(ids[0]).unwrap().doubts, [ids[1]], "time alone settles nothing");
    tracker.settle(ids[0]);
    assert!(tracker.tracks().iter().all(|track| track.doubts.is_empty()));
}

#[test]
fn different_blocks_that_change_places_are_told_apart() {
    let (tracker, ids) =
        followed(&[([0.3, -0.025], RED), ([0.3, 0.025], BLUE)], &[([0.3, 0.025], RED), ([0.3, -0.025], BLUE)]);
    let colour = |id| tracker.track(id).unwrap().thing.colour;
    assert_eq!((colour(ids[0]), colour(ids[1])), (Some(Colour::Red), Some(Colour::Blue)));
    assert!(tracker.track(ids[0]).unwrap().thing.bounds.centre_in_world.y > 0.02);
    assert!(tracker.tracks().iter().all(|track| track.doubts.is_empty()));
}

#[test]
fn one_of_two_equal_blocks_that_is_left_half_way_between_is_in_doubt() {
    let (tracker, ids) = followed(&[([0.3, -0.04], RED), ([0.3, 0.04], RED)], &[([0.3, 0.004], RED)]);
    assert!(ids.iter().all(|id| tracker.track(*id).unwrap().doubts.len() == 1), "{:?}", tracker.tracks());
}
