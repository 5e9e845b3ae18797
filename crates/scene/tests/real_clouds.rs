//! Clouds of the simulator's cameras, fused from four of 128 x 128 pixels while the expert worked.
//!
//! `tests/clouds` was made from a data set of `neuraxis demos` (seeds 0 on, FR3, 50 episodes a task) by
//! `cargo run --release -p neuraxis-scene --example cut_fixtures -- data/all/shard-1 crates/scene/tests/clouds 0 518 296 925 407 4440`

use std::path::Path;

use neuraxis_core::{Gripper, Nanos, Pose, Tool, World};
use neuraxis_episode::dataset::Dataset;
use neuraxis_plan::{Class, ObjectFile, Scene, SceneFile, Truth, Unlisted};
use neuraxis_scene::{Colour, FactReader, Hand, SceneConfig, Shape, Thing, Tracker};
use serde_json::Value;

/// The tracker after one look at a record.
fn seen(record: usize) -> Tracker {
    let data = Dataset::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clouds")).unwrap();
    let value: Value = data.record(record).unwrap();
    let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
    data.cloud_into(record, &mut xyz, &mut rgb).unwrap();
    let world_from_tool: Pose<World, Tool> = serde_json::from_value(value["world_from_tool"].clone()).unwrap();
    let gripper: Gripper = serde_json::from_value(value["gripper"].clone()).unwrap();
    let hand = Hand { world_from_tool, gripper, width_m: value["gripper_width_m"].as_f64().unwrap() };
    let mut tracker = Tracker::new(SceneConfig::default()).unwrap();
    tracker.look(Nanos(0), &xyz, &rgb, Some(&hand)).unwrap();
    tracker
}

fn all(tracker: &Tracker, colour: Colour, shape: Shape) -> Vec<&Thing> {
    let things = tracker.tracks().iter().map(|track| &track.thing);
    things.filter(|thing| thing.colour == Some(colour) && thing.shape == shape).collect()
}

fn off_m(thing: &Thing, [x, y]: [f64; 2]) -> f64 {
    let p = thing.bounds.centre_in_world;
    (p.x - x).hypot(p.y - y)
}

#[test]
fn three_buttons() {
    let tracker = seen(0);
    assert_eq!(tracker.tracks().len(), 3);
    // The orange one is where the expert's key-frame goes.
    for (colour, at) in
        [(Colour::Red, [0.369, 0.060]), (Colour::Yellow, [0.146, 0.064]), (Colour::Orange, [0.211, 0.246])]
    {
        let buttons = all(&tracker, colour, Shape::Button);
        assert_eq!(buttons.len(), 1, "{colour}");
        assert!(off_m(buttons[0], at) < 0.004, "{}", buttons[0]);
    }
}

#[test]
fn eight_cubes_two_of_them_one_on_the_other() {
    let tracker = seen(1);
    let (purple, yellow) = (all(&tracker, Colour::Purple, Shape::Cube), all(&tracker, Colour::Yellow, Shape::Cube));
    assert_eq!((purple.len(), yellow.len(), tracker.tracks().len()), (4, 4, 8));
    let tower: Vec<_> = purple.iter().filter(|cube| cube.part_of == 2).collect();
    assert_eq!(tower.len(), 2);
    assert!((tower[1].bounds.bottom_m() - tower[0].bounds.top_m()).abs() < 1e-9);
    // The next cube is where the expert's key-frame goes.
    assert!(purple.iter().any(|cube| off_m(cube, [0.231, 0.129]) < 0.004));
    for cube in purple.iter().chain(&yellow) {
        assert!(cube.bounds.sides_m().iter().all(|side| (side - 0.04).abs() < 0.004), "{cube}");
    }
}

#[test]
fn four_plates_around_a_grey_cube() {
    let tracker = seen(2);
    assert_eq!(tracker.tracks().len(), 5);
    for colour in [Colour::Orange, Colour::Blue, Colour::Purple, Colour::Green] {
        let plates = all(&tracker, colour, Shape::Plate);
        assert_eq!(plates.len(), 1, "{colour}");
        assert!(plates[0].bounds.sides_m().iter().all(|side| (side - 0.09).abs() < 0.008), "{}", plates[0]);
    }
    assert_eq!(all(&tracker, Colour::Grey, Shape::Cube).len(), 1);
}

#[test]
fn two_jars_one_below_a_hand() {
    let tracker = seen(3);
    assert_eq!(all(&tracker, Colour::Red, Shape::Jar).len(), 1);
    let purple = all(&tracker, Colour::Purple, Shape::Jar);
    assert_eq!(purple.len(), 1);
    assert!(off_m(purple[0], [0.143, -0.159]) < 0.01, "where the key-frame goes: {}", purple[0]);
}

/// Facts of a cabinet with drawers at the heights of the shipped scene.
fn drawers(record: usize) -> impl Fn(&str) -> Truth {
    let at = |z| Some([0.48, 0.0, z]);
    let drawer = |id: &str, z| ObjectFile { id: id.into(), class: Class::Drawer, position_m: at(z) };
    let objects = vec![drawer("bottom_drawer", 0.94), drawer("middle_drawer", 1.05), drawer("top_drawer", 1.16)];
    let scene = Scene::try_from(SceneFile { objects, facts: Vec::new(), unlisted: Unlisted::Unknown }).unwrap();
    let findings = FactReader::default().read(&scene, &seen(record));
    move |text| findings.state.truth(scene.literal(text).unwrap().fact)
}

#[test]
fn closed_drawers_are_closed() {
    let truth = drawers(4);
    for name in ["bottom_drawer", "middle_drawer", "top_drawer"] {
        assert_eq!(truth(&format!("closed({name})")), Truth::True, "{name}");
        assert_eq!(truth(&format!("open({name})")), Truth::False, "{name}");
    }
}

#[test]
fn an_open_drawer_is_open_and_what_it_hides_is_not_called_open() {
    let truth = drawers(5);
    assert_eq!(truth("open(middle_drawer)"), Truth::True);
    assert_eq!(truth("closed(middle_drawer)"), Truth::False);
    assert_eq!(truth("closed(top_drawer)"), Truth::True);
    assert_ne!(truth("open(bottom_drawer)"), Truth::True);
}
