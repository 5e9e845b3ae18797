//! "Put it back where it was" becomes a plain sentence that is planned and done.

mod rig;

use neuraxis_brain::{put_back_instruction, where_it_was};
use neuraxis_cortex::read_goals;
use neuraxis_executor::Outcome;
use neuraxis_hippocampus::Memory;
use neuraxis_plan::Scene;
use rig::*;

const BACK: &str = "Put it back where it was.";

fn said(memory: &Memory, scene: &Scene, sentence: &str) -> String {
    match put_back_instruction(memory.store(), scene, sentence) {
        Ok(Some(plain)) => plain,
        Ok(None) => "not about the past".into(),
        Err(why) => format!("no: {why}"),
    }
}

#[test]
fn it_goes_back_to_and_fro_and_out_of_a_closed_drawer() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, _) = counting();
    let mut world = bench(&workbench());
    assert_eq!(said(&memory, &workbench(), BACK), "no: I do not remember that anything was moved");
    let mut step = |memory: &mut Memory, sentence: &str, secs: i64| {
        let told = run(memory, &mut drafter, &mut world, sentence, secs);
        assert_eq!(told.outcome, Outcome::Succeeded, "{sentence}");
        present(&world)
    };
    let now = step(&mut memory, ON_PLATE, 0);
    assert_eq!(where_it_was(memory.store(), "red_block").unwrap(), "table");
    for sentence in
        [BACK, "put the red block back", "bring red back to where it came from", "return it to its old place"]
    {
        assert_eq!(said(&memory, &now, sentence), "put the red block on the table", "{sentence}");
    }
    let back = said(&memory, &now, BACK);
    let now = step(&mut memory, &back, 100);
    assert_eq!(said(&memory, &now, BACK), "put the red block on the yellow plate");
    let now = step(&mut memory, "put the red block in the top drawer and close it", 200);
    let back = said(&memory, &now, BACK);
    assert_eq!(back, "put the red block from the top drawer on the table");
    let goals = read_goals(&back, &now).unwrap();
    assert_eq!(now.names(goals.stages.last().unwrap()), ["on(red_block,table)"]);
    let now = step(&mut memory, &back, 300);
    assert!(now.state().proves(now.literal("on(red_block,table)").unwrap()));

    assert_eq!(
        said(&memory, &now, "put the green block back"),
        "no: I do not remember where the green block was before"
    );
    for other in ["put the red block on the table", "put it back and open the top drawer", "put the cup back"] {
        assert_eq!(said(&memory, &now, other), "not about the past", "{other}");
    }
}

#[test]
fn of_several_it_is_the_one_that_was_asked_for_and_a_person_s_hand_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, _) = counting();
    let mut world = bench(&workbench());
    let both = "put the red block on the yellow plate and the blue block on the purple plate";
    run(&mut memory, &mut drafter, &mut world, both, 0);
    let now = present(&world);
    assert_eq!(said(&memory, &now, BACK), "no: which one? the last time the blue block and the red block were moved");
    assert_eq!(said(&memory, &now, "put blue back"), "put the blue block on the table");
    let two = "put the blue block on the table, then put the red block on the table";
    assert_eq!(said(&memory, &now, "put them back where they were"), two);
    assert_eq!(read_goals(two, &now).unwrap().stages.last().unwrap().len(), 2);

    // Somebody has taken the red block from its plate since.
    let mut moved = now.clone();
    change(&mut moved, &["not on(red_block,yellow_plate)", "clear(yellow_plate)", "on(red_block,table)"]);
    assert_eq!(said(&memory, &moved, "put the red block back"), "put the red block on the yellow plate");
    // The red block makes room: it is not what was asked for.
    run(&mut memory, &mut drafter, &mut world, "put the green block on the yellow plate", 100);
    let now = present(&world);
    assert_eq!(said(&memory, &now, BACK), "put the green block on the table");
}
