//! What an episode learned is kept when its outcome is known, whole or not at all, and found again by meaning.

mod rig;

use neuraxis_hippocampus::{Anomaly, EpisodeId, Memory, MemoryError, Outcome, Ranking, Store};
use neuraxis_plan::{Class, Truth};
use rig::*;

#[test]
fn nothing_is_remembered_before_the_outcome_is_known_and_then_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.sqlite");
    let mut memory = open(&path);
    let mut scene = workbench();
    let mut draft = memory.begin(STOW, &scene, "fr3", at(0)).unwrap();
    draft.attempt(attempt(stow_plan()), at(0)).unwrap();
    draft.vlm_called();
    draft.recorded_in("out/episode.mcap").unwrap();
    let slip = Anomaly { at: at(3), node: 4, monitor: "slip".into(), level: 2, score: 1.5, threshold: 1.0 };
    draft.anomaly(slip).unwrap();
    run_stow(&mut draft, &mut scene, 0);
    assert!(Store::look(&path).unwrap().facts_now(None).unwrap().is_empty(), "facts before the outcome");

    // Nobody has seen whether the drawer is closed.
    unknown(&mut scene, &["closed(top_drawer)"]);
    let undecided = draft.conclude(&scene, &stow_plan().goal, at(18)).unwrap_err();
    assert_eq!(undecided.unknown, ["closed(top_drawer)"]);
    assert!(undecided.to_string().ends_with("is not known: closed(top_drawer)"));
    change(&mut scene, &["closed(top_drawer)"]);
    let concluded = undecided.draft.conclude(&scene, &stow_plan().goal, at(20)).unwrap();
    assert_eq!((concluded.outcome(), memory.len()), (&Outcome::Success, 0));
    let id = memory.commit(&concluded).unwrap();

    let store = Store::look(&path).unwrap();
    let shown = store.episode(id).unwrap().unwrap();
    assert_eq!((shown.instruction.as_str(), &shown.outcome, shown.vlm_calls), (STOW, &Outcome::Success, 1));
    assert_eq!((shown.leaves.len(), shown.anomalies.len(), shown.attempts.len()), (2, 1, 1));
    assert_eq!(shown.attempts[0].plan, stow_plan());
    let text = shown.to_string();
    assert!(text.contains("node 4: slip at 1.500 over 1.000, level 2"), "{text}");
    assert!(text.contains("in(red_block,top_drawer)"), "{text}");
    assert!(text.contains("recorded in out/episode.mcap"), "{text}");
    let overview = store.overview(5).unwrap().to_string();
    assert!(overview.contains("1 episodes, 1 reached their goal"), "{overview}");
    assert!(overview.contains("grasp of block with fr3: 1 of 1 worked, 2.0 s"), "{overview}");
    assert_eq!(store.episode(EpisodeId(99)).unwrap(), None);
}

#[test]
fn success_is_what_is_observed_and_no_goal_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let begin = |memory: &mut Memory| memory.begin(STOW, &workbench(), "fr3", at(0)).unwrap();
    let goal = |text: &str| vec![text.to_string()];
    let failed = begin(&mut memory).conclude(&workbench(), &goal("in(red_block,top_drawer)"), at(1)).unwrap();
    assert_eq!(failed.outcome().to_string(), "failure: not so at the end: in(red_block,top_drawer)");
    let not = begin(&mut memory).conclude(&workbench(), &goal("not in(red_block,top_drawer)"), at(1)).unwrap();
    assert_eq!(not.outcome(), &Outcome::Success);
    let none = begin(&mut memory).conclude(&workbench(), &[], at(1)).unwrap_err();
    assert!(none.to_string().ends_with("no goal is given"));
    let nonsense = begin(&mut memory).conclude(&workbench(), &goal("under(x,y)"), at(1)).unwrap_err();
    assert_eq!(nonsense.unknown, ["under(x,y)"]);
    // The clock may step back.
    let given_up = begin(&mut memory).give_up(None, "stopped\0by hand", at(-50));
    assert_eq!(given_up.outcome(), &Outcome::Failure { why: "stopped by hand".into() });
    memory.commit(&given_up).unwrap();
}

#[test]
fn the_nearest_meaning_comes_first_then_success_then_the_newest_and_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut memory = open(&path);
    let mut remember = |text: &str, success: bool, start: i64| {
        let draft = memory.begin(text, &workbench(), "fr3", at(start)).unwrap();
        let goal = [if success { "hand_empty" } else { "not hand_empty" }.to_string()];
        memory.commit(&draft.conclude(&workbench(), &goal, at(start)).unwrap()).unwrap().0
    };
    let day = 86_400;
    let failed = remember(STOW, false, 2 * day);
    let old = remember(STOW, true, 0);
    let new = remember(STOW, true, 3 * day);
    let press = remember("press the pink button", true, 3 * day);
    let ask = |memory: &mut Memory, text: &str| {
        let found = memory.recall(text, at(4 * day), &Ranking { most: 9, ..Ranking::default() }).unwrap();
        found.iter().map(|hit| hit.episode.0).collect::<Vec<_>>()
    };
    assert_eq!(ask(&mut memory, "stow the red block inside the top drawer, shut it"), [new, old, failed]);
    assert_eq!(ask(&mut memory, "press the pink button"), [press]);
    assert!(ask(&mut memory, "sing a song").is_empty(), "a neighbour was forced");
    drop(memory);
    assert_eq!(ask(&mut open(&path), STOW), [new, old, failed]);
    let odd = Ranking { half_life_secs: f64::NAN, ..Ranking::default() };
    assert!(open(&path).recall(STOW, at(0), &odd).is_err());
}

#[test]
fn another_encoder_is_refused_until_everything_is_encoded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut memory = open(&path);
    let concluded = stowed(&mut memory, 0);
    memory.commit(&concluded).unwrap();
    drop(memory);
    for other in [Words("others", WIDTH), Words("words", WIDTH + 1)] {
        let Err(refused) = Memory::open(&path, Box::new(other)) else { panic!("taken") };
        assert!(matches!(refused, MemoryError::Encoder { .. }), "{refused}");
    }
    let mut memory = Memory::reembed(&path, Box::new(Words("words", WIDTH + 1))).unwrap();
    assert_eq!(memory.recall(STOW, at(0), &Ranking::default()).unwrap().len(), 1);
    // A draft of the time before does not fit any more.
    let refused = memory.commit(&concluded).unwrap_err();
    assert_eq!(refused.to_string(), "embedding refused: 64 numbers, this memory has 65");
}

#[test]
fn counts_of_skills_are_those_of_their_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    for (i, observed) in [Truth::True, Truth::False, Truth::True, Truth::Unknown].into_iter().enumerate() {
        let mut draft = memory.begin(STOW, &workbench(), "fr3", at(0)).unwrap();
        let mut ran = leaf(4, "grasp", observed, (observed == Truth::False).then_some("slip"));
        ran.parameters[0].1 = 30.0 + 10.0 * i as f64;
        ran.scores[0].1 = i as f64;
        draft.leaf(ran, at(1)).unwrap();
        memory.commit(&draft.give_up(None, "enough", at(2))).unwrap();
    }
    let store = memory.store();
    let skills = store.skills().unwrap();
    assert_eq!((skills.len(), skills[0].worked, skills[0].failed), (1, 2, 1));
    assert_eq!(store.failures("grasp", Some(Class::Block)).unwrap(), [("slip".to_string(), 1)]);
    let force = &store.parameters("grasp", Some(Class::Block), "fr3").unwrap()[0];
    assert_eq!((force.count, force.mean, force.deviation), (2, 40.0, 10.0));
}
