//! What a model is told from memory, what it is asked about facts, and how many calls a task has: at the wire, against a
//! server on loopback.

mod rig;
#[path = "../../cortex/tests/wire/mod.rs"]
mod wire;

use std::{collections::BTreeSet, sync::Arc};

use neuraxis_brain::{BrainConfig, Drafter, PlannerKind, recollect};
use neuraxis_cortex::vlm::{Context, Image};
use neuraxis_executor::Outcome;
use neuraxis_hippocampus::RepairId;
use neuraxis_plan::{Geometry, Scene, Skill, Step, Truth};
use rig::*;
use wire::{Act, Server, good};

/// Everywhere.
struct Far;

impl Geometry for Far {
    fn reachable(&self, _: &Step, _: &Scene) -> Result<(), String> {
        Ok(())
    }
}

fn drafter(server: &Server, planner: PlannerKind, calls_per_task: u32) -> Drafter {
    let vlm = neuraxis_cortex::VlmConfig { calls_per_task, ..wire::config(server) };
    let config = BrainConfig { planner, vlm, ..BrainConfig::default() };
    Drafter::of(&config, Arc::new(Far)).unwrap()
}

#[test]
fn tasks_like_this_one_what_is_usual_and_what_was_tried_reach_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut planner, _) = counting();
    let mut world = bench(&workbench());
    for i in 0..3 {
        set(&mut world, &workbench());
        // The first time both retries fail too: a new plan helps, and is a repair.
        let first = world.world().starts[Skill::Grasp as usize];
        let count = if i == 0 { 3 } else { 0 };
        world.world().cues = (first..first + count).map(|i| (Skill::Grasp, i, Fault::Fails)).collect();
        assert_eq!(run(&mut memory, &mut planner, &mut world, ON_PLATE, 100 * i).outcome, Outcome::Succeeded);
    }
    assert!(memory.consolidate(at(400)).unwrap() > 0);
    let tried: BTreeSet<RepairId> = memory.store().all_repairs().unwrap().iter().map(|repair| repair.id).collect();
    let mut context = Context::default();
    let sentence = "place the red block on the yellow plate";
    recollect(&mut memory, sentence, &workbench(), &tried, at(500), &mut context).unwrap();
    println!("{context:#?}");
    assert_eq!(context.episodes.len(), 3);
    let told = "led to the goal: grasp red_block table, place red_block yellow_plate";
    assert!(context.episodes.iter().all(|episode| episode.contains(told)), "{:?}", context.episodes);
    assert!(context.episodes.iter().any(|episode| episode.contains("grasp of block failed by skill other(7)")));
    assert!(context.learned.iter().any(|fact| fact.contains("usually_on")), "{:?}", context.learned);
    assert!(context.tried.iter().any(|tried| tried.contains("when grasp of block fails")), "{:?}", context.tried);

    // And all of it is in what the server reads.
    let server = Server::new([Act::plan(&good())]);
    let mut asking = drafter(&server, PlannerKind::Vlm, 6);
    asking.tell(|| context.clone());
    asking.draft(wire::SAY, &workbench(), 1).unwrap();
    let words = server.asked()[0].last_words();
    for part in
        ["led to the goal: grasp red_block table", "usually_on", "tried_already_do_not_repeat", "when grasp of block"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    let served = asking.model();
    assert_eq!((served.calls, served.tokens_in, served.tokens_out), (1, 100, 20));
    assert!(!served.time.is_zero());
}

#[test]
fn a_sentence_that_is_like_none_recalls_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut planner, _) = counting();
    run(&mut memory, &mut planner, &mut bench(&workbench()), ON_PLATE, 0);
    let mut context = Context::default();
    recollect(&mut memory, "sing a song", &workbench(), &BTreeSet::new(), at(50), &mut context).unwrap();
    assert_eq!(context, Context::default());
}

#[test]
fn a_fact_is_asked_about_in_a_call_of_its_own_and_nonsense_is_an_error() {
    let said = |answer: &str| Act::say(format!("{{\"answer\": {answer}}}"));
    let server = Server::new([said("\"true\""), said("\"false\""), said("\"unknown\""), said("\"perhaps\"")]);
    let mut asking = drafter(&server, PlannerKind::VlmOrSymbolic, 6);
    let image = Image::new("front", vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10], Vec::new()).unwrap();
    let mut ask = || asking.check("on(red_block,yellow_plate)", std::slice::from_ref(&image));
    assert_eq!([ask().unwrap(), ask().unwrap(), ask().unwrap()], [Truth::True, Truth::False, Truth::Unknown]);
    let error = ask().unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("perhaps"), "{error}");
    let asked = server.asked();
    assert_eq!((asked.len(), asking.model().calls), (4, 4));
    assert!(asked[0].last_words().contains("on(red_block,yellow_plate)"), "{}", asked[0].last_words());
    assert!(asked[0].body.contains("data:image/png"), "the picture goes with it");
    // Who has no model does not know.
    let (mut without, _) = counting();
    assert_eq!(without.check("hand_empty", &[]).unwrap(), Truth::Unknown);
}

#[test]
fn a_model_that_is_shown_no_picture_is_not_asked_about_a_fact() {
    let server = Server::new([]);
    let mut asking = drafter(&server, PlannerKind::Vlm, 6);
    assert_eq!(asking.check("hand_empty", &[]).unwrap(), Truth::Unknown);
    let vlm = neuraxis_cortex::VlmConfig { images: false, ..wire::config(&server) };
    let config = BrainConfig { planner: PlannerKind::Vlm, vlm, ..BrainConfig::default() };
    let mut blind = Drafter::of(&config, Arc::new(Far)).unwrap();
    let image = Image::new("front", vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10], Vec::new()).unwrap();
    assert_eq!(blind.check("hand_empty", std::slice::from_ref(&image)).unwrap(), Truth::Unknown);
    assert_eq!((server.asked().len(), asking.model().calls, blind.model().calls), (0, 0, 0));
}

#[test]
fn calls_are_counted_for_each_task_and_a_new_one_is_not_broken_off_with_the_last() {
    let server = Server::new([Act::plan(&good()), Act::plan(&good()), Act::plan(&good())]);
    let mut asking = drafter(&server, PlannerKind::Vlm, 1);
    asking.begin_task();
    asking.draft(wire::SAY, &workbench(), 1).unwrap();
    let error = asking.draft(wire::SAY, &workbench(), 2).unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("the 1 calls of this task are spent"), "{error}");
    asking.begin_task();
    asking.draft(wire::SAY, &workbench(), 3).unwrap();
    // Somebody breaks off what is asked; a new task is asked again.
    asking.cancel().unwrap().cancel();
    assert!(asking.draft(wire::SAY, &workbench(), 4).is_err());
    asking.begin_task();
    asking.draft(wire::SAY, &workbench(), 5).unwrap();
    assert_eq!(server.asked().len(), 3);
}
