//! The second time no planner is asked: the plan of a past success is found, about other things of the same classes
//! too, says why, passes the validator; and in doubt there is none.

mod rig;

use neuraxis_hippocampus::{Attempt, Found, Likeness, Memory, Reuse};
use neuraxis_plan::{Limits, Scene, Validator};
use rig::*;

fn found(memory: &mut Memory, instruction: &str, scene: &Scene) -> Found {
    match memory.reuse(instruction, scene, None).unwrap() {
        Reuse::Found(found) => {
            Validator::new(scene, &Limits::default()).check(&found.plan).unwrap();
            *found
        }
        Reuse::Nothing { why } => panic!("{instruction}: {why:?}"),
    }
}

/// What spoke against reuse.
fn why_not(memory: &mut Memory, instruction: &str, scene: &Scene) -> String {
    match memory.reuse(instruction, scene, None).unwrap() {
        Reuse::Found(found) => panic!("{instruction}: {found}"),
        Reuse::Nothing { why } => why.join("; "),
    }
}

fn memory(folder: &tempfile::TempDir) -> Memory {
    let mut memory = open(&folder.path().join("m"));
    let concluded = stowed(&mut memory, 0);
    memory.commit(&concluded).unwrap();
    memory
}

#[test]
fn the_same_words_in_the_same_scene_give_the_same_plan_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    let again = found(&mut memory, "Put the red block in the top drawer, and close it!", &workbench());
    assert_eq!((again.likeness, &again.plan), (Likeness::SameScene, &stow_plan()));
    assert_eq!(
        again.to_string(),
        "plan of episode 1 (\"put the red block in the top drawer and close it\"): the same words in the same scene, \
         similarity 1.00; all 6 assumptions hold, 100 % of the facts are the same; it led to its goal 1 times of 1"
    );
    // The first success is enough; the same after a restart.
    drop(memory);
    found(&mut open(&folder.path().join("m")), STOW, &workbench());
}

#[test]
fn other_things_of_the_same_classes_take_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    let other = found(&mut memory, "put the green block in the bottom drawer and close it", &workbench());
    assert_eq!(other.likeness, Likeness::SameWords);
    assert_eq!(other.plan.goal, ["in(green_block,bottom_drawer)", "closed(bottom_drawer)"]);
    assert!(other.to_string().contains("red_block is now green_block; top_drawer is now bottom_drawer"), "{other}");
}

#[test]
fn other_words_of_the_same_meaning_do_for_the_same_things_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    let other = found(&mut memory, "stow the red block away inside the top drawer, then shut it", &workbench());
    assert_eq!((other.likeness, &other.plan), (Likeness::OtherWords, &stow_plan()));
    why_not(&mut memory, "stow the blue block away inside the top drawer, then shut it", &workbench());
    let out = why_not(&mut memory, "put the red block out of the top drawer and close it", &workbench());
    assert!(out.contains("only one of the sentences has out"), "{out}");
}

#[test]
fn a_scene_that_does_not_bear_the_plan_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    let covered = scene(&["not on(blue_block,table)", "on(blue_block,red_block)", "not clear(red_block)"]);
    assert!(why_not(&mut memory, STOW, &covered).contains("clear(red_block) is not known to be so"));
    let mut unsure = workbench();
    unknown(&mut unsure, &["closed(middle_drawer)"]);
    assert!(why_not(&mut memory, STOW, &unsure).contains("closed(middle_drawer) is not known to be so"));
    let goal = ["in(red_block,top_drawer)".to_string()];
    let Reuse::Nothing { why } = memory.reuse(STOW, &workbench(), Some(&goal)).unwrap() else { panic!() };
    assert!(why[0].contains("its goal is in(red_block,top_drawer), closed(top_drawer), not"), "{why:?}");
}

#[test]
fn what_refers_to_the_past_is_for_the_facts() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    for text in ["put the red block back where it was", "do it again", "put the other block in the top drawer"] {
        assert!(why_not(&mut memory, text, &workbench()).contains("ask the facts"));
    }
}

#[test]
fn a_goal_that_the_sentence_does_not_name_holds_for_that_scene_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let mut seen = workbench();
    let mut draft = memory.begin("clear the workplace", &seen, "fr3", at(0)).unwrap();
    draft.attempt(attempt(stow_plan()), at(0)).unwrap();
    run_stow(&mut draft, &mut seen, 0);
    memory.commit(&draft.conclude(&seen, &stow_plan().goal, at(20)).unwrap()).unwrap();
    assert_eq!(found(&mut memory, "clear the workplace", &workbench()).likeness, Likeness::SameScene);
    let another = scene(&["not on(blue_block,table)", "on(blue_block,yellow_plate)", "not clear(yellow_plate)"]);
    let why = why_not(&mut memory, "clear the workplace", &another);
    assert!(why.contains("the sentence does not name red_block, and the scene is another"), "{why}");
}

#[test]
fn a_plan_that_fails_more_often_than_not_is_no_longer_offered() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory(&folder);
    for failures in 1..=2 {
        // Told about other things, it counts for the plan that it was made from.
        let other = found(&mut memory, "put the blue block in the top drawer and close it", &workbench());
        assert_eq!(other.record, (1, failures - 1));
        let mut draft =
            memory.begin("put the blue block in the top drawer and close it", &workbench(), "fr3", at(50)).unwrap();
        let attempt = Attempt { plan: other.plan, source: "memory".into(), derived_from: Some(other.plan_id) };
        draft.attempt(attempt, at(50)).unwrap();
        memory.commit(&draft.give_up(Some(&workbench()), "slipped", at(60))).unwrap();
    }
    assert!(why_not(&mut memory, STOW, &workbench()).contains("its plan worked 1 times of 3"));
}

#[test]
fn neither_failures_nor_the_rest_of_a_job_are_offered() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let mut draft = memory.begin(STOW, &workbench(), "fr3", at(0)).unwrap();
    draft.attempt(attempt(stow_plan()), at(0)).unwrap();
    memory.commit(&draft.give_up(None, "stopped", at(1))).unwrap();
    assert_eq!(why_not(&mut memory, STOW, &workbench()), "");
    // The second plan of an episode may begin in the middle.
    let mut seen = workbench();
    let mut draft = memory.begin(STOW, &seen, "fr3", at(10)).unwrap();
    draft.attempt(attempt(stow_plan()), at(10)).unwrap();
    draft.attempt(attempt(stow_plan()), at(12)).unwrap();
    run_stow(&mut draft, &mut seen, 12);
    memory.commit(&draft.conclude(&seen, &stow_plan().goal, at(30)).unwrap()).unwrap();
    assert_eq!(why_not(&mut memory, STOW, &workbench()), "");
}
