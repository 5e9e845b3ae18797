//! What each kind of node makes of its children, one small plan each.

#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use neuraxis_executor::{Budgets, ExecutorConfig, Outcome, Reason, Thresholds, What};
use neuraxis_plan::{FactId, Predicate, Skill, Truth};
use serde_json::{Value, json};
use ten_tasks::TASKS;
use world::{Bench, Fault, checked};

fn node(id: u16, parent: Option<u16>, kind: &str, more: Value) -> Value {
    let mut node = json!({"id": id, "parent": parent, "kind": kind});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    node
}

fn reach(id: u16, parent: u16, object: &str) -> Value {
    let post = format!("at({object})");
    let more = json!({"skill": "reach", "args": {"obj": object}, "post": [post], "timeout_s": 20});
    node(id, Some(parent), "skill", more)
}

fn hold(id: u16, parent: u16, secs: f64) -> Value {
    node(id, Some(parent), "hold", json!({"args": {"secs": secs}}))
}

fn condition(id: u16, parent: u16, fact: &str) -> Value {
    node(id, Some(parent), "condition", json!({"args": {"fact": fact}}))
}

fn begun(goal: &str, nodes: Vec<Value>) -> Bench {
    let scene = TASKS[0].scene();
    let plan = checked(&scene, &json!({"goal": [goal], "nodes": nodes}).to_string());
    let mut bench = Bench::new(&scene, ExecutorConfig::default(), Thresholds::default());
    bench.begin(&plan);
    bench
}

fn until_started(bench: &mut Bench) {
    while bench.world().running == 0 {
        bench.tick();
    }
}

fn set(bench: &mut Bench, text: &str, holds: bool) -> FactId {
    let mut world = bench.world();
    let fact = world.fact(text);
    world.truth = world.truth.with(fact, holds);
    fact
}

/// Of a node: what happened to it, in turn.
fn story(bench: &Bench, node: u16) -> Vec<What> {
    bench.log.iter().filter(|event| event.node == node).map(|event| event.what).collect()
}

fn reactive() -> Bench {
    begun(
        "at(red_block)",
        vec![
            node(0, None, "sequence", json!({})),
            node(1, Some(0), "reactive_sequence", json!({})),
            condition(2, 1, "closed(top_drawer)"),
            hold(3, 1, 2.0),
            reach(4, 0, "red_block"),
        ],
    )
}

#[test]
fn a_reactive_sequence_looks_at_its_conditions_all_the_time() {
    let mut bench = reactive();
    until_started(&mut bench);
    let closed = set(&mut bench, "closed(top_drawer)", false);
    bench.ticks(25);
    assert_eq!(bench.debrief().outcome, Outcome::Failed(Reason::Condition(closed, Truth::False)));
    assert_eq!(bench.world().running, 0, "what ran is told to stop");
    assert!(story(&bench, 3).contains(&What::Aborted));
}

#[test]
fn a_condition_that_is_unknown_for_a_moment_is_borne_and_for_long_is_not() {
    let mut bench = reactive();
    until_started(&mut bench);
    let closed = bench.world().fact("closed(top_drawer)");
    bench.world().hidden = [closed].into_iter().collect();
    bench.ticks(120);
    assert_eq!(bench.debrief().outcome, Outcome::Running);
    bench.world().hidden = Default::default();
    assert_eq!(bench.run(20.0), Outcome::Succeeded, "{:#?}", bench.log);

    let mut bench = reactive();
    until_started(&mut bench);
    bench.world().hidden = [closed].into_iter().collect();
    assert_eq!(bench.run(1.5), Outcome::Failed(Reason::Condition(closed, Truth::Unknown)));
}

#[test]
fn parallel_children_run_together_and_one_failure_ends_all() {
    let plan = || {
        vec![
            node(0, None, "sequence", json!({})),
            node(1, Some(0), "parallel_all", json!({})),
            hold(2, 1, 3.0),
            reach(3, 1, "red_block"),
            hold(4, 1, 1.0),
        ]
    };
    let mut bench = begun("at(red_block)", plan());
    until_started(&mut bench);
    let begin = bench.now;
    bench.ticks(20);
    assert_eq!(bench.world().running, 3, "with the first facts");
    assert_eq!(bench.run(20.0), Outcome::Succeeded);
    let took = bench.now.secs_since(begin);
    assert!((3.0..3.4).contains(&took), "as long as the longest: {took}");
    assert!([2, 3, 4].iter().all(|id| story(&bench, *id).contains(&What::Succeeded)));

    let mut bench = begun("at(red_block)", plan());
    bench.world().cues.push((Skill::Reach, 0, Fault::Fails));
    assert!(matches!(bench.run(20.0), Outcome::Failed(Reason::Skill(_))));
    assert!(story(&bench, 2).contains(&What::Aborted) && story(&bench, 4).contains(&What::Aborted));
}

#[test]
fn a_timeout_and_a_retry_bound_their_child() {
    let mut bench = begun(
        "at(red_block)",
        vec![
            node(0, None, "retry", json!({"args": {"times": 3}})),
            node(1, Some(0), "timeout", json!({"args": {"secs": 2}})),
            reach(2, 1, "red_block"),
        ],
    );
    bench.world().always = Some(Fault::Hangs);
    let begin = bench.now;
    assert_eq!(bench.run(60.0), Outcome::Failed(Reason::Timeout));
    assert_eq!(bench.world().starts[Skill::Reach as usize], 3);
    // Each try waits for a frame of facts.
    let took = bench.now.secs_since(begin);
    assert!((6.0..6.5).contains(&took), "{took}");
}

#[test]
fn a_fallback_goes_on_to_the_next_after_a_failure_and_stops_at_a_success() {
    let mut bench = begun(
        "at(red_block)",
        vec![
            node(0, None, "fallback", json!({})),
            reach(1, 0, "red_block"),
            reach(2, 0, "red_block"),
            reach(3, 0, "red_block"),
        ],
    );
    bench.world().cues.push((Skill::Reach, 0, Fault::Fails));
    assert_eq!(bench.run(20.0), Outcome::Succeeded);
    assert_eq!(bench.world().starts[Skill::Reach as usize], 2);
    assert!(story(&bench, 3).is_empty());
}

#[test]
fn what_a_row_maintains_is_watched_while_any_of_it_runs() {
    let mut bench = begun(
        "at(red_block)",
        vec![
            node(0, None, "sequence", json!({"maintain": [{"pred": "not open(top_drawer)", "until": "end"}]})),
            hold(1, 0, 2.0),
            reach(2, 0, "red_block"),
        ],
    );
    until_started(&mut bench);
    set(&mut bench, "closed(top_drawer)", false);
    set(&mut bench, "open(top_drawer)", true);
    bench.ticks(20);
    assert_eq!(bench.debrief().outcome, Outcome::Running, "one frame is none");
    bench.ticks(25);
    assert_eq!(bench.debrief().outcome, Outcome::Failed(Reason::Maintain(0)));
    assert_eq!(bench.world().running, 0);
}

#[test]
fn a_goal_must_be_seen_at_the_end_not_only_on_the_way() {
    let nodes = || vec![node(0, None, "sequence", json!({})), condition(1, 0, "closed(top_drawer)"), hold(2, 0, 2.0)];
    let mut bench = begun("closed(top_drawer)", nodes());
    assert_eq!(bench.run(20.0), Outcome::Succeeded);
    let mut bench = begun("closed(top_drawer)", nodes());
    until_started(&mut bench);
    let closed = set(&mut bench, "closed(top_drawer)", false);
    assert_eq!(bench.run(20.0), Outcome::Failed(Reason::Post(closed, Truth::False)));
}

#[test]
fn going_back_begins_the_row_anew_from_there_and_not_for_ever() {
    // The block is taken and put twice nested; putting always drops it.
    let force = json!([{"expr": ["force", "norm"], "op": "<", "val": 30, "unit": "N", "n": 2, "m": 3}]);
    let grasp = json!({"skill": "grasp", "args": {"obj": "red_block", "from": "table"}, "post": ["holding(red_block)"],
        "timeout_s": 20, "guards": force});
    let place = json!({"skill": "place", "args": {"obj": "red_block", "to": "yellow_plate"},
        "post": ["on(red_block,yellow_plate)"], "timeout_s": 20, "guards": force,
        "maintain": [{"pred": "holding(red_block)", "until": "release"}],
        "on_fail": [{"level": 3, "do": "goto", "node": 4}]});
    let nodes = || {
        vec![
            node(0, None, "sequence", json!({})),
            node(1, Some(0), "sequence", json!({})),
            hold(2, 1, 0.5),
            node(3, Some(1), "timeout", json!({"args": {"secs": 30}})),
            node(4, Some(3), "skill", grasp.clone()),
            node(5, Some(0), "skill", place.clone()),
        ]
    };
    let mut bench = begun("on(red_block,yellow_plate)", nodes());
    bench.world().cues.push((Skill::Place, 0, Fault::Drops));
    assert_eq!(bench.run(60.0), Outcome::Succeeded, "{:#?}", bench.log);
    let starts = bench.world().starts;
    assert_eq!(starts[Skill::Hold as usize], 1, "what comes before is not done again");
    assert_eq!((starts[Skill::Grasp as usize], starts[Skill::Place as usize]), (2, 2));
    assert_eq!(story(&bench, 3).iter().filter(|what| **what == What::Entered).count(), 2);

    let mut bench = begun("on(red_block,yellow_plate)", nodes());
    bench.world().cues.extend((0..9).map(|nth| (Skill::Place, nth, Fault::Drops)));
    assert_eq!(bench.run(60.0), Outcome::Failed(Reason::Maintain(0)));
    assert_eq!(bench.world().starts[Skill::Place as usize], 3);

    // Back only if it can be taken there: it fell, and cannot be seen.
    let mut bench = begun("on(red_block,yellow_plate)", nodes());
    bench.world().cues.push((Skill::Place, 0, Fault::Drops));
    until_started(&mut bench);
    while bench.world().starts[Skill::Place as usize] == 0 {
        bench.tick();
    }
    let hidden = {
        let world = bench.world();
        let table = world.scene.object("table").unwrap();
        let red = world.scene.object("red_block").unwrap();
        world.scene.find(Predicate::On, &[red, table]).unwrap()
    };
    bench.world().hidden = [hidden].into_iter().collect();
    assert_eq!(bench.run(60.0), Outcome::Failed(Reason::Maintain(0)));
    assert_eq!(bench.count(|what| *what == What::Recovering(3)), 0);
    assert_eq!(bench.count(|what| *what == What::Passed(3)), 1);
}

#[test]
fn retries_of_retries_end_and_each_tick_begins_a_child_once() {
    let mut nodes = vec![node(0, None, "fallback", json!({}))];
    for id in 1..4 {
        nodes.push(node(id, Some(id - 1), "retry", json!({"args": {"times": 5}})));
    }
    nodes.push(condition(4, 3, "open(top_drawer)"));
    nodes.push(reach(5, 0, "red_block"));
    let scene = TASKS[0].scene();
    // The goal is not reached by the condition, so it must be assumed of both ways.
    let plan = json!({"goal": ["hand_empty"], "nodes": nodes}).to_string();
    let budgets = Budgets { task_secs: 30.0, ..Budgets::default() };
    let config = ExecutorConfig { budgets, ..ExecutorConfig::default() };
    let mut bench = Bench::new(&scene, config, Thresholds::default());
    bench.begin(&checked(&scene, &plan));
    assert_eq!(bench.run(30.0), Outcome::Succeeded);
    let looks = story(&bench, 4).iter().filter(|what| **what == What::Entered).count();
    assert_eq!(looks, 125);
    let mut stamps: Vec<_> =
        bench.log.iter().filter(|event| event.node == 4 && event.what == What::Entered).map(|event| event.at).collect();
    stamps.dedup();
    assert_eq!(stamps.len(), 125, "one a tick");
}

#[test]
fn what_was_seen_before_the_act_does_not_confirm_it() {
    let mut bench = begun("at(red_block)", vec![node(0, None, "sequence", json!({})), reach(1, 0, "red_block")]);
    let at = set(&mut bench, "at(red_block)", true);
    bench.world().always = Some(Fault::DoesNothing);
    until_started(&mut bench);
    // The last frame shows the fact, and is not too old when the skill says that it is done.
    bench.world().blind = true;
    assert_eq!(bench.run(10.0), Outcome::Failed(Reason::Post(at, Truth::Unknown)));
}
