//! The model's server goes away, or takes too long, while the arm is at work. Plans here ask for a new plan as soon as
//! anything fails, so that the model is missed.

use std::io;

use neuraxis_tests::{
    brain::{Bench, Episode, client},
    model::{Act, Model},
};
use serde_json::{Value, json};

const TASK: &str = "stow_block";
const DROPPED: [&str; 2] = ["--disturb", "object_dropped"];
const MODEL: [&str; 2] = ["--cortex", "vlm"];
const MODEL_OR_SEARCH: [&str; 2] = ["--cortex", "vlm_or_symbolic"];

fn as_it_is(_: &mut Value) {}

/// Without the milder rungs: the first failure is for the planner.
fn impatient(plan: &mut Value) {
    for node in plan["nodes"].as_array_mut().expect("the good plan has nodes") {
        if let Some(rungs) = node.get_mut("on_fail").and_then(Value::as_array_mut) {
            rungs.retain(|rung| rung["do"] == "replan");
        }
    }
}

/// Patient, but for the executor, which waits for a new plan as long as it is told.
fn bench(model: &Model, further: &[&str]) -> io::Result<Bench> {
    let mut lines = vec![client(&model.url, 60.0, 120.0)];
    lines.extend(further.iter().map(ToString::to_string));
    Bench::new(&lines)
}

fn counts(done: &Episode) -> Value {
    let brain = &done.brain;
    println!("{}", done.said);
    json!({
        "success": done.row["success"],
        "calls": [brain["vlm_calls"], brain["vlm_recovery_calls"]],
        "in_vain": brain["vlm_failures"],
        "late": brain["late_plans"],
        "replans": brain["recoveries"][3],
    })
}

#[test]
fn a_failure_that_only_the_planner_can_mend_costs_one_more_call() -> io::Result<()> {
    let model = Model::new(&[Act::Spoilt(impatient), Act::Plan])?;
    let done = bench(&model, &[])?.episode(TASK, &[MODEL, DROPPED].concat())?;
    let expected = json!({"success": true, "calls": [2, 1], "in_vain": 0, "late": 0, "replans": 1});
    assert_eq!((counts(&done), model.asked().len()), (expected, 2), "{done:#?}");
    // The second question tells what has failed.
    let is_told =
        |question: &String| question.contains("tried_already_do_not_repeat") && question.contains("recovers, L5");
    assert_eq!(model.asked().iter().map(is_told).collect::<Vec<_>>(), [false, true]);
    Ok(())
}

#[test]
fn a_plan_that_is_there_is_done_although_its_maker_is_gone() -> io::Result<()> {
    let model = Model::new(&[Act::Last(as_it_is)])?;
    let done = bench(&model, &[])?.episode(TASK, &MODEL)?;
    let expected = json!({"success": true, "calls": [1, 0], "in_vain": 0, "late": 0, "replans": 0});
    assert_eq!(counts(&done), expected, "{done:#?}");
    Ok(())
}

#[test]
fn when_a_new_plan_is_needed_the_search_makes_it() -> io::Result<()> {
    let model = Model::new(&[Act::Last(impatient)])?;
    let done = bench(&model, &[])?.episode(TASK, &[MODEL_OR_SEARCH, DROPPED].concat())?;
    let expected = json!({"success": true, "calls": [2, 1], "in_vain": 1, "late": 0, "replans": 1});
    assert_eq!((counts(&done), model.asked().len()), (expected, 1), "{done:#?}");
    let why = done.brain["vlm_why"].as_str().unwrap_or_default();
    assert!(why.contains("cannot be reached"), "{done:#?}");
    Ok(())
}

#[test]
fn with_nobody_else_to_ask_the_task_is_given_up() -> io::Result<()> {
    let model = Model::new(&[Act::Last(impatient)])?;
    let done = bench(&model, &[])?.episode(TASK, &[MODEL, DROPPED].concat())?;
    let expected = json!({"success": false, "calls": [2, 1], "in_vain": 1, "late": 0, "replans": 1});
    assert_eq!(counts(&done), expected, "{done:#?}");
    assert!(done.brain["ended"].as_str().is_some_and(|ended| ended.contains("given up")), "{done:#?}");
    assert_eq!(done.row["fault"], Value::Null, "the arm holds still");
    Ok(())
}

#[test]
fn an_answer_after_the_deadline_is_dropped_and_counted() -> io::Result<()> {
    let model = Model::new(&[Act::Spoilt(impatient), Act::Plan])?;
    // A call takes half a second longer than the executor waits.
    let bench = bench(&model, &["lockstep_vlm_secs: 2.5", IMPATIENT_EXECUTOR])?;
    let memory = bench.file("memory.sqlite");
    let remembering = ["--memory", memory.to_str().unwrap_or_default()];
    let done = bench.episode(TASK, &[MODEL, DROPPED, remembering].concat())?;
    let expected = json!({"success": false, "calls": [2, 1], "in_vain": 0, "late": 1, "replans": 1});
    assert_eq!((counts(&done), model.asked().len()), (expected, 2), "{done:#?}");
    assert!(done.brain["ended"].as_str().is_some_and(|ended| ended.contains("given up")), "{done:#?}");
    // A plan that was not begun is not remembered as tried.
    let shown = bench.command().args(["memory", "--file", remembering[1], "show", "1"]).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.matches(" by vlm, ").count(), 1, "{shown}");
    assert!(shown.contains("2 VLM calls"), "{shown}");
    Ok(())
}

/// As configured, but that it waits for a new plan for two seconds only.
const IMPATIENT_EXECUTOR: &str = "executor: {facts_lease_secs: 0.5, ready_secs: 2.0, settle_secs: 2.0, touch_share: 0.12, \
                                  budgets: {replan_answer_secs: 2.0}}";
