//! Facts follow from what is seen and felt; what is not seen is unknown, and never false.

use neuraxis_core::{Gripper, Nanos};
use neuraxis_plan::{Class, ObjectFile, Scene as Known, SceneFile, Truth, Unlisted};
use neuraxis_scene::{FactReader, Findings, SceneConfig, Tracker, Why, scene_file};

use crate::{
    a_hand_takes_a_block::look,
    cloud::{BLACK, BLUE, GREEN, RED, Scene, TABLE_M, hand},
};

fn known() -> Known {
    let object = |id: &str, class| ObjectFile { id: id.into(), class, position_m: None };
    let objects = vec![
        object("red_block", Class::Block),
        object("blue_block", Class::Block),
        object("green_plate", Class::Plate),
        object("blue_button", Class::Button),
        ObjectFile { position_m: Some([0.48, 0.0, 0.94]), ..object("bottom_drawer", Class::Drawer) },
        object("table", Class::Table),
    ];
    Known::try_from(SceneFile { objects, facts: Vec::new(), unlisted: Unlisted::Unknown }).unwrap()
}

struct Watcher {
    tracker: Tracker,
    reader: FactReader,
    known: Known,
}

impl Watcher {
    fn new() -> Self {
        let tracker = Tracker::new(SceneConfig::default()).unwrap();
        Self { tracker, reader: FactReader::default(), known: known() }
    }

    fn read(&mut self) -> Findings {
        self.reader.read(&self.known, &self.tracker)
    }

    fn fact(&mut self, text: &str) -> (Truth, Why) {
        let fact = self.known.literal(text).unwrap().fact;
        let findings = self.read();
        let finding = findings.findings.into_iter().find(|finding| finding.fact == fact).unwrap();
        assert_eq!(findings.state.truth(fact), finding.truth);
        (finding.truth, finding.why)
    }

    fn truth(&mut self, text: &str) -> Truth {
        self.fact(text).0
    }
}

fn bench() -> Scene {
    Scene::new(0.0005).cube([0.2, 0.2], 0.036, 0.1, RED).cube([0.35, 0.2], 0.036, 0.3, BLUE).plate(
        [0.2, -0.1],
        0.1,
        GREEN,
    )
}

#[test]
fn what_is_seen_on_the_table_is_on_the_table_and_nowhere_else() {
    let mut watcher = Watcher::new();
    let above = hand([0.2, 0.2, 0.86], Gripper::Open, 0.08);
    look(&mut watcher.tracker, 0, &bench(), Some(&above));
    for (text, truth) in [
        ("on(red_block,table)", Truth::True),
        ("on(red_block,green_plate)", Truth::False),
        ("on(red_block,blue_block)", Truth::False),
        ("clear(red_block)", Truth::True),
        ("clear(green_plate)", Truth::True),
        ("hand_empty", Truth::True),
        ("holding(red_block)", Truth::False),
        ("visible(red_block)", Truth::True),
        ("at(red_block)", Truth::True),
        ("at(blue_block)", Truth::False),
        ("open(bottom_drawer)", Truth::Unknown),
        ("in(red_block,bottom_drawer)", Truth::Unknown),
        ("pressed(blue_button)", Truth::Unknown),
    ] {
        assert_eq!(watcher.truth(text), truth, "{text}: {:?}", watcher.fact(text).1);
    }
}

#[test]
fn a_block_on_a_plate_or_a_block_is_there_and_at_its_edge_nobody_knows() {
    let mut watcher = Watcher::new();
    let on = |x: f64| {
        let scene = Scene::new(0.0).cube([0.35, 0.2], 0.036, 0.3, BLUE).plate([0.2, -0.1], 0.1, GREEN);
        scene.brick([x, -0.1], TABLE_M + 0.0016, [0.036; 3], 0.0, RED)
    };
    look(&mut watcher.tracker, 0, &on(0.2), None);
    assert_eq!(watcher.truth("on(red_block,green_plate)"), Truth::True);
    assert_eq!(watcher.truth("on(red_block,table)"), Truth::False);
    assert_eq!(watcher.truth("clear(green_plate)"), Truth::False);
    look(&mut watcher.tracker, 100, &on(0.249), None);
    assert_eq!(watcher.fact("on(red_block,green_plate)"), (Truth::Unknown, Why::Close));
    assert_eq!(watcher.truth("on(red_block,table)"), Truth::Unknown);

    let mut watcher = Watcher::new();
    let stack = Scene::new(0.0).cube([0.3, 0.0], 0.036, 0.0, BLUE).brick([0.3, 0.004], 0.786, [0.036; 3], 0.2, RED);
    look(&mut watcher.tracker, 0, &stack, None);
    assert_eq!(watcher.truth("on(red_block,blue_block)"), Truth::True);
    assert_eq!(watcher.truth("on(blue_block,red_block)"), Truth::False);
    assert_eq!(watcher.truth("on(red_block,table)"), Truth::False);
    assert_eq!(watcher.truth("clear(blue_block)"), Truth::False);
    assert_eq!(watcher.truth("clear(red_block)"), Truth::True);
}

#[test]
fn nothing_seen_is_unknown_and_never_false() {
    let clouds: [Vec<[f32; 3]>; 3] = [Vec::new(), vec![[f32::NAN; 3]; 5000], vec![[0.3, 0.0, 2.0]; 5000]];
    for cloud in clouds {
        let mut watcher = Watcher::new();
        let rgb = vec![RED; cloud.len()];
        assert!(watcher.tracker.look(Nanos(1), &cloud, &rgb, None).is_err());
        let findings = watcher.read();
        assert!(findings.state.holds().is_empty() && findings.state.fails().is_empty());
        assert_eq!(findings.findings.len(), watcher.known.fact_ids().count());
    }
    // A good look at an empty table says nothing of where things are, either.
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &Scene::new(0.0), None);
    assert!(watcher.read().state.fails().is_empty());
}

#[test]
fn what_vanishes_is_remembered_for_the_stated_time_and_then_unknown() {
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &bench(), None);
    look(&mut watcher.tracker, 100, &bench(), None);
    let before = watcher.read().state;
    // All cameras die.
    watcher.tracker.blind(Nanos::from_millis(1100), None).unwrap();
    let (truth, why) = watcher.fact("on(red_block,table)");
    assert_eq!(truth, Truth::True);
    assert!(matches!(why, Why::Remembered(secs) if (secs - 1.0).abs() < 1e-9), "{why}");
    assert_eq!(watcher.truth("visible(red_block)"), Truth::Unknown);
    assert_eq!(watcher.truth("clear(red_block)"), Truth::Unknown);
    assert!(watcher.read().state.fails().is_subset(before.fails()), "nothing comes to be false");
    watcher.tracker.blind(Nanos::from_millis(2200), None).unwrap();
    let (truth, why) = watcher.fact("on(red_block,table)");
    assert_eq!(truth, Truth::Unknown);
    assert_eq!(why.to_string(), "object 0 has been out of sight since 0.1 s");
    assert!(watcher.read().state.fails().is_empty());
    // Only the red one comes back.
    look(&mut watcher.tracker, 2300, &Scene::new(0.0005).cube([0.2, 0.2], 0.036, 0.1, RED), None);
    assert_eq!(watcher.truth("visible(red_block)"), Truth::True);
    assert_eq!(watcher.truth("visible(blue_block)"), Truth::False, "the cameras see the table and not the block");
    assert_eq!(watcher.truth("on(blue_block,table)"), Truth::Unknown);
}

#[test]
fn a_button_is_pressed_for_good_once_its_cap_is_black() {
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &Scene::new(0.0).button([0.3, 0.0], BLUE), None);
    assert_eq!(watcher.truth("pressed(blue_button)"), Truth::False);
    look(&mut watcher.tracker, 100, &Scene::new(0.0).button([0.3, 0.0], BLACK), None);
    assert_eq!(watcher.truth("pressed(blue_button)"), Truth::True);
    watcher.tracker.blind(Nanos::from_millis(9000), None).unwrap();
    assert_eq!(watcher.truth("pressed(blue_button)"), Truth::True);
}

#[test]
fn what_is_held_is_held_and_stands_on_nothing() {
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &bench(), Some(&hand([0.2, 0.2, 0.77], Gripper::Open, 0.08)));
    for millis in [100, 200] {
        let closed = hand([0.2, 0.2, 0.77], Gripper::Closed, 0.0355);
        look(&mut watcher.tracker, millis, &bench(), Some(&closed));
    }
    for (text, truth) in [
        ("holding(red_block)", Truth::True),
        ("holding(blue_block)", Truth::False),
        ("hand_empty", Truth::False),
        ("on(red_block,table)", Truth::False),
        ("on(blue_block,table)", Truth::True),
        ("at(blue_block)", Truth::False),
    ] {
        assert_eq!(watcher.truth(text), truth, "{text}");
    }
}

#[test]
fn a_name_that_two_things_fit_means_neither_unless_its_place_tells() {
    let two = || Scene::new(0.0005).cube([0.2, 0.2], 0.036, 0.1, RED).cube([0.3, -0.2], 0.036, 0.1, RED);
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &two(), None);
    let red = watcher.known.object("red_block").unwrap();
    assert_eq!(watcher.fact("visible(red_block)"), (Truth::Unknown, Why::Several(red, 2)));
    let mut file = scene_file(&watcher.tracker);
    let names: Vec<_> = file.objects.iter().map(|object| object.id.as_str()).collect();
    assert_eq!(names, ["red_block", "red_block_2", "table"]);
    file.objects[0].position_m = Some([0.3, -0.19, 0.77]);
    watcher.known = Known::try_from(file).unwrap();
    watcher.reader = FactReader::default();
    assert_eq!(watcher.truth("on(red_block,table)"), Truth::True);
    assert_eq!(watcher.truth("on(red_block_2,table)"), Truth::True);
    let meant = watcher.reader.names().get(watcher.known.object("red_block").unwrap()).unwrap();
    assert!(watcher.tracker.track(meant).unwrap().thing.bounds.centre_in_world.y < 0.0);
}

#[test]
fn doubt_about_a_thing_is_doubt_about_its_facts() {
    let pair = |a: [f64; 2], b: [f64; 2]| Scene::new(0.0).cube(a, 0.036, 0.0, RED).cube(b, 0.036, 0.0, RED);
    let mut watcher = Watcher::new();
    look(&mut watcher.tracker, 0, &pair([0.3, -0.03], [0.3, 0.03]), None);
    let mut file = scene_file(&watcher.tracker);
    file.objects[0].position_m = Some([0.3, -0.04, 0.77]);
    watcher.known = Known::try_from(file).unwrap();
    assert_eq!(watcher.truth("on(red_block,table)"), Truth::True);
    look(&mut watcher.tracker, 100, &pair([0.27, 0.0], [0.33, 0.0]), None);
    let (truth, why) = watcher.fact("on(red_block,table)");
    assert_eq!(truth, Truth::Unknown);
    assert!(matches!(why, Why::Doubt(_, ref others) if others.len() == 1), "{why}");
}
