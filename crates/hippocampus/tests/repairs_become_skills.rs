//! What mended a failure is found for the next one like it, about other things too, and is a skill after two successes.

mod rig;

use std::collections::BTreeSet;

use neuraxis_hippocampus::{Memory, Mending, Repair, Why};
use neuraxis_plan::{Class, RawNode, Truth};
use rig::*;

/// The leaf of the plan that grasps, about another block, and a repair for it: look again, then take it with less force.
fn grasp(block: &str) -> RawNode {
    let mut leaf = stow_plan().nodes.into_iter().find(|node| node.skill.as_deref() == Some("grasp")).unwrap();
    leaf.args.obj = Some(block.into());
    leaf.post = vec![format!("holding({block})")];
    leaf
}

fn softer(block: &str) -> Vec<RawNode> {
    let mut soft = grasp(block);
    soft.args.force_n = Some(15.0);
    vec![soft]
}

fn mend(memory: &mut Memory, block: &str, observed: Truth) -> i64 {
    let mut draft = memory.begin(STOW, &workbench(), "fr3", at(0)).unwrap();
    let mending = || Mending {
        leaf: grasp(block),
        class: Some(Class::Block),
        failure: "slip".into(),
        nodes: softer(block),
        observed,
    };
    draft.mended(mending(), at(1)).unwrap();
    draft.mended(mending(), at(2)).unwrap();
    memory.commit(&draft.give_up(None, "only a test", at(3))).unwrap().0
}

fn known(memory: &Memory) -> Vec<Repair> {
    memory.store().repairs("grasp", Some(Class::Block), "slip", &BTreeSet::new()).unwrap()
}

#[test]
fn two_successes_in_two_episodes_make_a_skill_that_fits_other_things() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut memory = open(&path);
    mend(&mut memory, "red_block", Truth::Unknown);
    assert!(known(&memory).is_empty(), "nobody saw whether it worked");
    mend(&mut memory, "red_block", Truth::True);
    let once = known(&memory);
    assert_eq!((once.len(), once[0].worked, once[0].is_skill()), (1, 1, false), "twice in one episode is once");
    // With another block it is the same repair.
    let second = mend(&mut memory, "green_block", Truth::True);
    drop(memory);
    let mut memory = open(&path);
    let twice = known(&memory);
    assert_eq!((twice.len(), twice[0].worked, twice[0].is_skill()), (1, 2, true));
    assert_eq!(twice[0].nodes(&grasp("blue_block")).unwrap(), softer("blue_block"));
    assert!(twice[0].to_string().starts_with("skill 1: when grasp of block fails by slip: grasp ?obj from ?from"));
    assert!(known(&memory).iter().all(|r| r.nodes(&RawNode { args: Default::default(), ..grasp("x") }).is_none()));

    let why = memory.store().why_repair(twice[0].id).unwrap();
    let Why::Repair { tried_in, .. } = &why else { panic!("{why}") };
    assert_eq!(tried_in.len(), 4);
    assert!(tried_in.iter().all(|evidence| evidence.worked) && tried_in[3].episode.0 == second);

    // Forgetting one of its two successes makes it a repair again.
    use neuraxis_hippocampus::{EpisodeId, What};
    memory.forget(&What::Episode(EpisodeId(second))).unwrap();
    assert!(!known(&memory)[0].is_skill());
}

#[test]
fn what_fails_mostly_or_was_tried_or_is_for_another_failure_is_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    mend(&mut memory, "red_block", Truth::True);
    let id = known(&memory)[0].id;
    let ask = |memory: &Memory, skill: &str, class, failure: &str, tried: &[_]| {
        memory.store().repairs(skill, class, failure, &tried.iter().copied().collect()).unwrap().len()
    };
    assert_eq!(ask(&memory, "grasp", Some(Class::Block), "slip", &[]), 1);
    assert_eq!(ask(&memory, "grasp", Some(Class::Block), "slip", &[id]), 0);
    assert_eq!(ask(&memory, "grasp", None, "slip", &[]), 0);
    assert_eq!(ask(&memory, "place", Some(Class::Block), "slip", &[]), 0);
    assert_eq!(ask(&memory, "grasp", Some(Class::Block), "timeout' OR 1=1 --", &[]), 0);
    mend(&mut memory, "red_block", Truth::False);
    assert_eq!(ask(&memory, "grasp", Some(Class::Block), "slip", &[]), 0, "1 of 3 worked");
}
