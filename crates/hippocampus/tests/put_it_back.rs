//! "Put it back where it was": places with the times between which they held, who moved what, and what is usual.

mod rig;

use neuraxis_hippocampus::{Cause, Memory, Store, Why};
use neuraxis_plan::{Scene, SceneFile};
use rig::*;

fn look_only(memory: &mut Memory, scene: &Scene, secs: i64) -> i64 {
    let draft = memory.begin("look around", scene, "fr3", at(secs)).unwrap();
    let goal = ["hand_empty".to_string()];
    memory.commit(&draft.conclude(scene, &goal, at(secs + 1)).unwrap()).unwrap().0
}

fn was(store: &Store, thing: &str) -> Option<(String, String)> {
    let last = store.last_move(thing).unwrap()?;
    Some((last.now.triple.to_string(), last.before.triple.to_string()))
}

fn pair(now: &str, before: &str) -> Option<(String, String)> {
    Some((now.into(), before.into()))
}

#[test]
fn the_place_before_the_last_episode_that_moved_it_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut memory = open(&path);
    assert_eq!(was(memory.store(), "red_block"), None);
    let concluded = stowed(&mut memory, 100);
    let id = memory.commit(&concluded).unwrap();
    drop(memory);

    let store = Store::look(&path).unwrap();
    assert_eq!(was(&store, "red_block"), pair("in(red_block,top_drawer)", "on(red_block,table)"));
    assert_eq!(was(&store, "green_block"), None, "it was never moved");
    let last = store.last_move("red_block").unwrap().unwrap();
    assert_eq!(last.before.position_in_world, Some([0.14, 0.31, 0.768]));
    assert_eq!((last.now.cause, last.now.valid_from, last.now.valid_to), (Cause::Leaf(5), at(115), None));
    assert_eq!((last.before.valid_from, last.before.valid_to), (at(100), Some(at(105))));
    let then = |secs| -> Vec<String> {
        store.facts_at(Some("red_block"), at(secs)).unwrap().iter().map(|k| k.triple.to_string()).collect()
    };
    let expected = |fact: &str| -> Vec<String> { vec![fact.to_string()] };
    assert_eq!(then(101), expected("on(red_block,table)"));
    assert_eq!(then(110), expected("holding(red_block)"));
    assert_eq!(then(500), expected("in(red_block,top_drawer)"));
    assert_eq!(then(99), Vec::<String>::new());
    let history: Vec<_> = store.history("red_block").unwrap().iter().map(|k| k.triple.to_string()).collect();
    assert_eq!(history, ["on(red_block,table)", "holding(red_block)", "in(red_block,top_drawer)"]);
    let why = store.why_fact(last.now.id).unwrap();
    let Why::Fact { instead_of: Some(before), seen_in: Some(evidence), .. } = &why else { panic!("{why}") };
    assert_eq!((before.triple.to_string().as_str(), evidence.episode), ("holding(red_block)", id));
    assert!(why.to_string().contains(STOW), "{why}");
}

#[test]
fn a_way_station_within_the_episode_is_not_where_it_was_and_a_person_s_hand_counts_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    // Table, then for a while on the plate, then in the drawer: it was on the table.
    let mut scene = workbench();
    let mut draft = memory.begin(STOW, &scene, "fr3", at(0)).unwrap();
    let on_plate = ["not on(red_block,table)", "not clear(yellow_plate)", "on(red_block,yellow_plate)"];
    change(&mut scene, &on_plate);
    draft.observe(&scene, 3, at(5)).unwrap();
    change(&mut scene, &["not on(red_block,yellow_plate)", "clear(yellow_plate)"]);
    run_stow(&mut draft, &mut scene, 5);
    memory.commit(&draft.conclude(&scene, &stow_plan().goal, at(30)).unwrap()).unwrap();
    assert_eq!(was(memory.store(), "red_block"), pair("in(red_block,top_drawer)", "on(red_block,table)"));

    // Somebody takes it out between two episodes and puts it on the plate: it was in the drawer.
    look_only(&mut memory, &scene_with_red_on_plate(), 60);
    assert_eq!(was(memory.store(), "red_block"), pair("on(red_block,yellow_plate)", "in(red_block,top_drawer)"));
}

fn scene_with_red_on_plate() -> Scene {
    scene(&["not on(red_block,table)", "not clear(yellow_plate)", "on(red_block,yellow_plate)"])
}

#[test]
fn on_the_same_table_another_spot_is_another_place_and_noise_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let with_red_at = |x: f64| -> Scene {
        let mut file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
        file.objects[0].position_m = Some([x, 0.31, 0.768]);
        file.try_into().unwrap()
    };
    look_only(&mut memory, &with_red_at(0.14), 0);
    look_only(&mut memory, &with_red_at(0.15), 10);
    assert_eq!(memory.store().last_move("red_block").unwrap(), None);
    look_only(&mut memory, &with_red_at(0.20), 20);
    let last = memory.store().last_move("red_block").unwrap().unwrap();
    assert_eq!(last.before.position_in_world, Some([0.14, 0.31, 0.768]));
    assert_eq!(last.now.position_in_world, Some([0.20, 0.31, 0.768]));
}

#[test]
fn what_is_not_seen_stays_as_it_was_and_what_is_seen_otherwise_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let concluded = stowed(&mut memory, 0);
    memory.commit(&concluded).unwrap();
    let places: Vec<String> = workbench()
        .fact_ids()
        .map(|id| workbench().name(id).to_string())
        .filter(|name| name.contains("(red_block,") || name == "holding(red_block)")
        .collect();
    // The drawer is shut: nobody sees the block, and it is remembered where it was put.
    let mut hidden = scene(&STOWED);
    unknown(&mut hidden, &places.iter().map(String::as_str).collect::<Vec<_>>());
    look_only(&mut memory, &hidden, 50);
    let red = |memory: &Memory| memory.store().facts_now(Some("red_block")).unwrap();
    assert_eq!(red(&memory)[0].triple.to_string(), "in(red_block,top_drawer)");
    // The drawer is seen to be empty: nothing is known of the block.
    change(&mut hidden, &["not in(red_block,top_drawer)"]);
    look_only(&mut memory, &hidden, 80);
    assert!(red(&memory).is_empty());
    assert_eq!(memory.store().history("red_block").unwrap()[2].valid_to, Some(at(80)));
}

#[test]
fn a_clock_that_steps_back_does_not_change_the_order_of_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    look_only(&mut memory, &workbench(), 1000);
    look_only(&mut memory, &scene_with_red_on_plate(), 10);
    assert_eq!(was(memory.store(), "red_block"), pair("on(red_block,yellow_plate)", "on(red_block,table)"));
    let before = memory.store().last_move("red_block").unwrap().unwrap().before;
    assert_eq!((before.valid_from, before.valid_to), (at(1000), Some(at(1000))));
}

#[test]
fn where_a_thing_is_usually_found_is_summed_up_and_ends_when_it_is_no_longer_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let usual = |memory: &Memory| -> Vec<String> {
        let facts = memory.store().facts_now(Some("red_block")).unwrap();
        facts.iter().filter(|k| k.cause == Cause::Consolidation).map(|k| k.triple.to_string()).collect()
    };
    for i in 0..2 {
        look_only(&mut memory, &workbench(), 10 * i);
    }
    assert_eq!(memory.consolidate(at(50)).unwrap(), 0, "two are not enough");
    look_only(&mut memory, &workbench(), 60);
    assert_eq!(memory.consolidate(at(70)).unwrap(), 3, "three blocks");
    assert_eq!(usual(&memory), ["usually_on(red_block,table)"]);
    assert_eq!(memory.consolidate(at(80)).unwrap(), 0, "nothing new");
    for i in 0..6 {
        look_only(&mut memory, &scene_with_red_on_plate(), 100 + 10 * i);
    }
    memory.consolidate(at(200)).unwrap();
    assert_eq!(usual(&memory), ["usually_on(red_block,yellow_plate)"]);
}
