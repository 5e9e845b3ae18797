//! A failure that a new plan got over is got over from memory the next time, and that is a skill after two successes.

mod rig;

use std::{collections::BTreeSet, sync::atomic::Ordering};

use neuraxis_brain::{FailedLeaf, Origin};
use neuraxis_executor::{Outcome, Reason, SkillFault};
use neuraxis_hippocampus::Mending;
use neuraxis_plan::{Class, Plan, RawNode, Skill, Truth};
use rig::*;

/// The next grasps fail, so many of them.
fn slippery(world: &mut Bench, count: u32) {
    let mut world = world.world();
    let first = world.starts[Skill::Grasp as usize];
    world.cues = (first..first + count).map(|i| (Skill::Grasp, i, Fault::Fails)).collect();
}

fn skills(plan: &Plan) -> Vec<&str> {
    plan.raw().nodes.iter().filter_map(|node| node.skill.as_deref()).collect()
}

fn leaf<'a>(plan: &'a Plan, skill: &str) -> &'a RawNode {
    plan.raw().nodes.iter().find(|node| node.skill.as_deref() == Some(skill)).unwrap()
}

#[test]
fn a_new_plan_that_helped_is_a_repair_and_then_a_skill() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, asked) = counting();
    let mut world = bench(&workbench());
    // The first try and both retries fail; memory knows nothing; a new plan helps.
    slippery(&mut world, 3);
    let told = run(&mut memory, &mut drafter, &mut world, ON_PLATE, 0);
    assert_eq!((told.outcome, asked.load(Ordering::Relaxed)), (Outcome::Succeeded, 2));
    assert_eq!(told.no_repair, ["no repair is known for grasp of block failing by skill other(7)"]);
    let known = memory.store().all_repairs().unwrap();
    assert_eq!((known.len(), known[0].worked, known[0].is_skill()), (1, 1, false));
    assert!(known[0].to_string().contains("when grasp of block fails by skill other(7): grasp ?obj from ?from"));

    // With another block it is known from there, and the planner is asked once, for the first plan.
    set(&mut world, &workbench());
    slippery(&mut world, 3);
    let told = run(&mut memory, &mut drafter, &mut world, "put the blue block on the purple plate", 100);
    assert_eq!((told.outcome, asked.load(Ordering::Relaxed)), (Outcome::Succeeded, 3));
    let [_, ("repair", Origin::Mended { repair, nodes })] = &told.plans[..] else { panic!("{:?}", told.plans) };
    assert_eq!((*repair, nodes[0].args.obj.as_deref()), (known[0].id, Some("blue_block")));
    let known = memory.store().all_repairs().unwrap();
    assert_eq!((known.len(), known[0].worked, known[0].is_skill()), (1, 2, true));

    // A repair that does not help is not tried twice in an episode, and loses its good name.
    set(&mut world, &workbench());
    slippery(&mut world, 20);
    let told = run(&mut memory, &mut drafter, &mut world, "put the green block on the purple plate", 200);
    assert!(matches!(told.outcome, Outcome::Yielded(_)));
    assert_eq!(told.plans.iter().filter(|(source, _)| *source == "repair").count(), 1);
    assert_eq!(memory.store().all_repairs().unwrap()[0].failed, 1);
}

#[test]
fn a_repair_keeps_the_rest_of_the_plan_and_is_proved_from_what_is_so_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, _) = counting();
    let mut world = bench(&workbench());
    slippery(&mut world, 3);
    run(&mut memory, &mut drafter, &mut world, ON_PLATE, 0);

    // The drawer is open already when the grasp fails: what is left is to take, to put in and to close.
    let plan = drafter.draft("put the red block in the top drawer and close it", &workbench(), 7).unwrap().plan;
    assert_eq!(skills(&plan), ["pull", "grasp", "place", "push"]);
    let failed = FailedLeaf { plan: &plan, node: leaf(&plan, "grasp").id, reason: Reason::Skill(SkillFault::Other(7)) };
    let now = scene(&["open(top_drawer)", "not closed(top_drawer)"]);
    let none = BTreeSet::new();
    let draft = drafter.repair(memory.store(), &failed, &none, &now, 7).unwrap();
    assert_eq!((skills(&draft.plan), draft.epoch, draft.source), (vec!["grasp", "place", "push"], 7, "repair"));
    assert_eq!(draft.plan.raw().goal, plan.raw().goal);

    // With the drawer shut the rest cannot be proved.
    let error = drafter.repair(memory.store(), &failed, &none, &workbench(), 7).unwrap_err().to_string();
    assert!(error.starts_with("no repair fits here") && error.contains("open(top_drawer)"), "{error}");
    // And other failures, tried repairs and nodes that are no leaves have none.
    let Origin::Mended { repair, .. } = draft.origin else { panic!() };
    let why = |failed, tried: &BTreeSet<_>| drafter.repair(memory.store(), failed, tried, &now, 7).unwrap_err();
    assert!(why(&failed, &[repair].into()).to_string().contains("no repair is known"));
    let timeout = FailedLeaf { reason: Reason::Timeout, ..failed };
    assert!(why(&timeout, &none).to_string().contains("failing by timeout"));
    assert!(why(&FailedLeaf { node: 0, ..failed }, &none).to_string().contains("does no skill"));
    assert_eq!(memory.store().repairs("grasp", Some(Class::Block), "skill other(7)", &none).unwrap().len(), 1);
}

#[test]
fn what_only_makes_ready_is_put_before_the_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = open(&folder.path().join("m"));
    let (mut drafter, _) = counting();
    // The block is in a drawer that somebody has shut while the arm reached for it.
    let inside = ["not on(red_block,table)", "in(red_block,top_drawer)"];
    let plan = drafter.draft("put the red block on the yellow plate", &scene(&inside), 0).unwrap().plan;
    let (pull, grasp) = (leaf(&plan, "pull").clone(), leaf(&plan, "grasp").clone());
    let mut notes = memory.begin("a test", &scene(&inside), "fr3", at(0)).unwrap();
    let nodes = vec![RawNode { id: 0, parent: None, ..pull }];
    let (class, failure) = (Some(Class::Block), "timeout".into());
    notes.mended(Mending { leaf: grasp.clone(), class, failure, nodes, observed: Truth::True }, at(1)).unwrap();
    memory.commit(&notes.give_up(None, "only a test", at(2))).unwrap();

    let failed = FailedLeaf { plan: &plan, node: grasp.id, reason: Reason::Timeout };
    let draft = drafter.repair(memory.store(), &failed, &BTreeSet::new(), &scene(&inside), 0).unwrap();
    assert_eq!(skills(&draft.plan), ["pull", "grasp", "place"]);
    let mut world = bench(&scene(&inside));
    world.begin(&draft.plan);
    assert_eq!(world.run(60.0), Outcome::Succeeded);
}
