//! A vision-language model plans for the brain: how often it is asked when all goes well, when something goes wrong, and
//! when the same is to be done again. The model is a server on loopback that answers with good plans.

use std::io;

use neuraxis_tests::{
    brain::{Bench, Episode, client},
    model::{Act, Model},
};
use serde_json::Value;

const MODEL: [&str; 2] = ["--cortex", "vlm"];

/// Patient: a busy machine changes nothing.
fn bench(model: &Model) -> io::Result<Bench> {
    Bench::new(&[client(&model.url, 60.0, 120.0)])
}

fn is_success(episode: &Episode) -> bool {
    episode.row["success"] == true
}

#[test]
fn one_call_is_enough_and_the_same_again_costs_none() -> io::Result<()> {
    let model = Model::new(&[Act::Plan])?;
    let bench = bench(&model)?;
    let memory = bench.file("memory.sqlite");
    let memory = ["--memory", memory.to_str().unwrap_or_default()];
    let mut calls = Vec::new();
    for reused in [false, true] {
        let done = bench.episode("stow_block", &[MODEL, memory].concat())?;
        assert!(is_success(&done), "{done:#?}");
        assert_eq!((&done.brain["reused"], &done.brain["vlm_failures"]), (&reused.into(), &0.into()), "{done:#?}");
        calls.push((done.brain["vlm_calls"].clone(), model.asked().len()));
        println!("{}", done.said);
    }
    // With the question goes a picture, the words behind it.
    let asked: Value = serde_json::from_str(&model.asked()[0])?;
    let parts = asked["messages"][1]["content"].clone();
    let picture = parts[0]["image_url"]["url"].as_str().unwrap_or_default();
    assert!(picture.starts_with("data:image/png;base64,iVBORw0KGgo") && parts[1]["text"].is_string(), "{parts}");
    // What the row says is what the server has seen.
    assert_eq!(calls, [(1.into(), 1), (0.into(), 1)]);
    // The episodes' own record says the same.
    let shown = bench.command().args(["memory", "--file", memory[1], "show", "1"]).output()?;
    assert!(String::from_utf8_lossy(&shown.stdout).contains("1 VLM call"), "{shown:?}");
    Ok(())
}

#[test]
fn what_is_dropped_is_taken_again_without_a_call() -> io::Result<()> {
    let model = Model::new(&[Act::Plan])?;
    let dropped = [MODEL, ["--disturb", "object_dropped"]].concat();
    let done = bench(&model)?.episode("stow_block", &dropped)?;
    println!("{}", done.said);
    assert!(is_success(&done) && done.brain["alarms"].as_u64() >= Some(1), "{done:#?}");
    // Cheaper rungs first: the leaf again, or back to an earlier one.
    assert_eq!((&done.brain["vlm_calls"], &done.brain["vlm_recovery_calls"]), (&1.into(), &0.into()), "{done:#?}");
    assert_eq!(model.asked().len(), 1);
    Ok(())
}
