//! What worked is done again without asking the planner, and what does not fit any more is planned anew.

mod rig;

use std::sync::atomic::Ordering;

use neuraxis_brain::{Drafter, Origin};
use neuraxis_executor::Outcome;
use neuraxis_hippocampus::Outcome as Remembered;
use rig::*;

#[test]
fn on_a_repeat_and_with_another_block_the_planner_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, asked) = counting();
    let mut bench = bench(&workbench());
    let first = run(&mut memory, &mut drafter, &mut bench, ON_PLATE, 0);
    assert_eq!((first.outcome, asked.load(Ordering::Relaxed)), (Outcome::Succeeded, 1));
    assert_eq!(first.plans, [("symbolic", Origin::New { not_reused: Vec::new() })]);

    set(&mut bench, &workbench());
    let again = run(&mut memory, &mut drafter, &mut bench, ON_PLATE, 100);
    set(&mut bench, &workbench());
    let other = run(&mut memory, &mut drafter, &mut bench, "put the blue block on the purple plate", 200);
    assert_eq!(asked.load(Ordering::Relaxed), 1, "memory was enough");
    for (told, says) in [(&again, "the same words in the same scene"), (&other, "red_block is now blue_block")] {
        assert_eq!(told.outcome, Outcome::Succeeded);
        let [("memory", Origin::Reused { why, .. })] = &told.plans[..] else { panic!("{:?}", told.plans) };
        assert!(why.contains(says), "{why}");
    }

    // What was written down: one attempt, made from the first, two leaves, facts in their places.
    let store = memory.store();
    let episode = store.episode(again.episode).unwrap().unwrap();
    assert_eq!((episode.outcome.clone(), episode.vlm_calls, episode.attempts.len()), (Remembered::Success, 0, 1));
    let leaves: Vec<_> = episode.leaves.iter().map(|leaf| (leaf.skill.as_str(), leaf.worked)).collect();
    assert_eq!(leaves, [("grasp", Some(true)), ("place", Some(true))]);
    assert!(episode.leaves.iter().all(|leaf| leaf.secs > 0.2 && leaf.class == "block"), "{episode}");
    assert!(episode.started == at(101) || episode.started > at(101), "{}", episode.started);
    let origin = store.episode(other.episode).unwrap().unwrap().attempts[0].derived_from;
    assert_eq!(origin, Some(store.episode(first.episode).unwrap().unwrap().attempts[0].id));
    assert_eq!(store.parameters("grasp", Some(neuraxis_plan::Class::Block), "fr3").unwrap()[0].name, "force_n");
}

#[test]
fn what_the_validator_refuses_is_planned_anew_and_it_is_said_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    // A plan that does not say what it rests on.
    let (mut drafter, asked) = counting();
    let sentence = "open the top drawer";
    let mut plan = drafter.draft(sentence, &workbench(), 0).unwrap().plan.raw().clone();
    plan.assumptions.clear();
    let mut careless = Drafter::new(Box::new(Fixed(plan)));
    let mut world = bench(&workbench());
    assert_eq!(run(&mut memory, &mut careless, &mut world, sentence, 0).plans[0].0, "file");

    let other = scene(&["not closed(middle_drawer)", "open(middle_drawer)"]);
    let mut world = bench(&other);
    let told = run(&mut memory, &mut drafter, &mut world, sentence, 100);
    assert_eq!((told.outcome, asked.load(Ordering::Relaxed)), (Outcome::Succeeded, 2));
    let [("symbolic", Origin::New { not_reused })] = &told.plans[..] else { panic!("{:?}", told.plans) };
    assert!(not_reused[0].contains("memory is refused") && not_reused[0].contains("closed(middle_drawer)"));

    // A plan that says it is not even taken out.
    set(&mut world, &workbench());
    let told = run(&mut memory, &mut drafter, &mut world, sentence, 200);
    assert_eq!(told.plans[0].0, "memory");
}

#[test]
fn success_is_what_was_observed_and_what_is_not_known_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, _) = counting();
    // It gives up with the block in the hand.
    let mut world = bench(&workbench());
    world.world().cues = (0..20).map(|i| (neuraxis_plan::Skill::Place, i, Fault::Fails)).collect();
    let told = run(&mut memory, &mut drafter, &mut world, ON_PLATE, 0);
    assert!(matches!(told.outcome, Outcome::Yielded(_)), "{:?}", told.outcome);
    let episode = memory.store().episode(told.episode).unwrap().unwrap();
    let Remembered::Failure { why } = &episode.outcome else { panic!("{episode}") };
    assert!(why.contains("not so at the end: on(red_block,yellow_plate)"), "{why}");
    let failed: Vec<_> = episode.leaves.iter().filter(|leaf| leaf.failure.is_some()).collect();
    assert!(failed.len() >= 3 && failed.iter().all(|leaf| leaf.worked == Some(false)), "{episode}");
    assert!(episode.anomalies.iter().any(|(.., level, _, _)| *level == 5), "{episode}");
    assert_eq!(memory.store().failures("place", Some(neuraxis_plan::Class::Block)).unwrap()[0].0, "skill other(7)");

    // It never ends: nothing is remembered of it.
    let scene = workbench();
    let before = memory.len();
    let mut scribe = neuraxis_brain::Scribe::begin(&mut memory, ON_PLATE, &scene, "fr3", at(9), world.now).unwrap();
    scribe.attempt(&drafter.draft(ON_PLATE, &scene, 0).unwrap(), world.now).unwrap();
    drop(scribe);
    assert_eq!(memory.len(), before);

    // And without a plan it is a failure that says so.
    let scribe = neuraxis_brain::Scribe::begin(&mut memory, ON_PLATE, &scene, "fr3", at(9), world.now).unwrap();
    let id = scribe.end(&mut memory, &Outcome::Idle, &scene, world.now).unwrap();
    assert!(memory.store().episode(id).unwrap().unwrap().outcome.to_string().contains("no plan"));
}
