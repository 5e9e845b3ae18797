//! Exact shapes are found where they are, with their colour and the name of their shape.

use neuraxis_core::Gripper;
use neuraxis_scene::{Colour, Palette, SceneConfig, Shape, Sight, SightError, Thing, segment};

use crate::cloud::{BLACK, BLUE, GREEN, RED, Scene, TABLE_M, hand};

fn see(scene: &Scene) -> Sight {
    segment(&scene.xyz, &scene.rgb, None, &SceneConfig::default(), &Palette::default()).unwrap()
}

fn one(sight: &Sight, colour: Colour) -> &Thing {
    let found: Vec<_> = sight.things.iter().filter(|thing| thing.colour == Some(colour)).collect();
    assert_eq!(found.len(), 1, "{colour}: {:?}", sight.things);
    found[0]
}

fn off_m(thing: &Thing, [x, y, z]: [f64; 3]) -> f64 {
    (thing.bounds.centre_in_world - nalgebra::Vector3::new(x, y, z)).norm()
}

#[test]
fn cubes_plates_and_buttons_are_measured_under_noise() {
    for noise_m in [0.0, 0.001, 0.002] {
        let scene = Scene::new(noise_m)
            .cube([0.2, 0.1], 0.04, 0.4, RED)
            .plate([0.2, -0.1], 0.10, GREEN)
            .button([0.4, 0.0], BLUE)
            .with_nan(50);
        let sight = see(&scene);
        assert_eq!(sight.things.len(), 3, "{noise_m} m: {:?}", sight.things);
        let cube = one(&sight, Colour::Red);
        assert_eq!(cube.shape, Shape::Cube);
        assert!(off_m(cube, [0.2, 0.1, TABLE_M + 0.02]) < 0.003, "{cube}");
        assert!((cube.bounds.yaw_rad - 0.4).abs() < 0.1, "{cube}");
        assert!(cube.bounds.sides_m().iter().all(|side| (side - 0.04).abs() < 0.006), "{cube}");
        assert!(cube.top_seen > 0.8);
        let plate = one(&sight, Colour::Green);
        assert_eq!(plate.shape, Shape::Plate);
        assert!(off_m(plate, [0.2, -0.1, TABLE_M]) < 0.005, "{plate}");
        let button = one(&sight, Colour::Blue);
        assert_eq!(button.shape, Shape::Button);
        assert!(off_m(button, [0.4, 0.0, TABLE_M + 0.0225]) < 0.004, "{button}");
    }
}

#[test]
fn touching_cubes_of_two_colours_are_two_and_a_tower_is_as_many_as_it_is_high() {
    let scene = Scene::new(0.0005).cube([0.2, 0.1], 0.04, 0.0, RED).cube([0.24, 0.1], 0.04, 0.0, BLUE).brick(
        [0.4, 0.1],
        TABLE_M,
        [0.04, 0.04, 0.12],
        0.3,
        GREEN,
    );
    let sight = see(&scene);
    assert!(off_m(one(&sight, Colour::Red), [0.2, 0.1, TABLE_M + 0.02]) < 0.003);
    assert!(off_m(one(&sight, Colour::Blue), [0.24, 0.1, TABLE_M + 0.02]) < 0.003);
    let tower: Vec<_> = sight.things.iter().filter(|thing| thing.colour == Some(Colour::Green)).collect();
    assert_eq!(tower.len(), 3);
    for (i, cube) in tower.iter().enumerate() {
        assert!(off_m(cube, [0.4, 0.1, TABLE_M + 0.02 + 0.04 * i as f64]) < 0.003, "{cube}");
    }
}

#[test]
fn a_block_on_a_block_of_another_colour_stands_on_it() {
    let scene =
        Scene::new(0.0005).cube([0.3, 0.0], 0.04, 0.2, RED).brick([0.3, 0.0], TABLE_M + 0.04, [0.036; 3], 0.5, BLUE);
    let sight = see(&scene);
    let (below, above) = (one(&sight, Colour::Red), one(&sight, Colour::Blue));
    assert!((above.bounds.bottom_m() - below.bounds.top_m()).abs() < 0.004, "{below}, {above}");
}

#[test]
fn vessels_are_hollow_and_a_pressed_button_is_black() {
    let scene = Scene::new(0.0)
        .round([0.2, 0.2], 0.035, [TABLE_M, TABLE_M + 0.075], true, RED)
        .round([0.2, -0.2], 0.035, [TABLE_M, TABLE_M + 0.075], false, BLUE)
        .button([0.4, 0.0], BLACK);
    let sight = see(&scene);
    assert_eq!(one(&sight, Colour::Red).shape, Shape::Jar);
    assert_eq!(one(&sight, Colour::Blue).shape, Shape::Cylinder);
    assert_eq!(one(&sight, Colour::Black).shape, Shape::Button);
}

#[test]
fn the_hand_is_no_thing_and_hides_none_that_it_does_not_touch() {
    let open = hand([0.3, 0.0, 0.87], Gripper::Open, 0.08);
    let scene = Scene::new(0.0005).cube([0.3, 0.0], 0.04, 0.0, RED).hand(&open);
    let config = SceneConfig::default();
    let sight = segment(&scene.xyz, &scene.rgb, Some(&open), &config, &Palette::default()).unwrap();
    assert_eq!(sight.things.len(), 1, "{:?}", sight.things);
    assert!(sight.arm_points > 500, "{}", sight.arm_points);
    assert!(off_m(one(&sight, Colour::Red), [0.3, 0.0, TABLE_M + 0.02]) < 0.003);
    // The same cloud without knowing of the hand: the red cube at least stays what it is.
    assert_eq!(one(&see(&scene), Colour::Red).shape, Shape::Cube);
}

#[test]
fn equal_clouds_give_equal_things_in_the_same_order() {
    let scene =
        Scene::new(0.001).cube([0.2, 0.1], 0.04, 0.4, RED).cube([0.3, 0.2], 0.04, 0.1, RED).button([0.4, 0.0], BLUE);
    assert_eq!(see(&scene), see(&scene));
}

#[test]
fn bad_clouds_are_errors_with_words() {
    let (config, palette) = (SceneConfig::default(), Palette::default());
    let none = segment(&[], &[], None, &config, &palette).unwrap_err();
    assert!(matches!(none, SightError::NoTable { points: 0, .. }));
    let uneven = segment(&[[0.2, 0.0, 0.75]; 3], &[RED; 2], None, &config, &palette).unwrap_err();
    assert_eq!(uneven.to_string(), "3 points, but 2 colours");
    let scene = Scene::new(0.0);
    let lost = hand([f64::NAN, 0.0, 0.9], Gripper::Open, 0.08);
    let nowhere = segment(&scene.xyz, &scene.rgb, Some(&lost), &config, &palette).unwrap_err();
    assert_eq!(nowhere, SightError::Hand);
    assert!(see(&scene).things.is_empty());
}
