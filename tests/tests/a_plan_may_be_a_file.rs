//! A plan that somebody wrote down is checked as every plan is, and run; limits of brain.yaml hold for it and for all others.

use std::{fs, io};

use neuraxis_tests::brain::Bench;

const SAY: &str = "put the red block in the top drawer and close it";
const FILE: &str = "planner: {file: plan.json}";

/// What a command says, and whether it succeeded.
fn said(bench: &Bench, args: &[&str]) -> io::Result<(bool, String)> {
    let done = bench.command().args(args).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((done.status.success(), text(&done.stdout) + &text(&done.stderr)))
}

#[test]
fn it_is_shown_checked_and_refused_with_its_fault() -> io::Result<()> {
    let bench = Bench::new(&[])?;
    let (_, json) = said(&bench, &["plan", SAY, "--json"])?;
    fs::write(bench.file("plan.json"), &json)?;
    let (_, searched) = said(&bench, &["plan", SAY])?;
    assert_eq!(said(&bench, &["plan", "--file", "plan.json"])?, (true, searched));
    fs::write(bench.file("plan.json"), json.replace("holding(red_block)", "holding(red_cup)"))?;
    let (is_done, text) = said(&bench, &["plan", "--file", "plan.json"])?;
    println!("{text}");
    assert!(!is_done && text.contains("the plan is refused") && text.contains("red_cup"), "{text}");
    let (is_done, text) = said(&bench, &["plan", "--file", "no.json"])?;
    assert!(!is_done && text.contains("no.json"), "{text}");
    Ok(())
}

#[test]
fn nothing_in_a_keep_out_box_is_touched_whoever_plans() -> io::Result<()> {
    // Around the red block of the scene that `plan` takes.
    let around = "limits: {keep_out: [{min_xyz_m: [0.1, 0.25, 0.7], max_xyz_m: [0.2, 0.35, 0.9]}]}";
    let (is_done, text) = said(&Bench::new(&[around.into()])?, &["plan", SAY])?;
    println!("{text}");
    assert!(!is_done && text.contains("red_block is in a keep-out box"), "{text}");
    let wrong = "limits: {keep_out: [{min_xyz_m: [0.2, 0.25, 0.7], max_xyz_m: [0.1, 0.35, 0.9]}]}";
    let (is_done, text) = said(&Bench::new(&[wrong.into()])?, &["plan", SAY])?;
    assert!(!is_done && text.contains("brain.yaml") && text.contains("limits.keep_out"), "{text}");
    Ok(())
}

#[test]
fn the_brain_runs_it_in_place_of_the_search() -> io::Result<()> {
    // Made for the scene that `plan` takes, where the things of this task have the same names.
    let bench = Bench::new(&[FILE.into()])?;
    let (_, json) = said(&bench, &["plan", "put the red block in the bottom drawer and close it", "--json"])?;
    fs::write(bench.file("plan.json"), json)?;
    let done = bench.episode("stow_block", &["--pictures", "seen"])?;
    let story = fs::read_to_string(bench.file("seen/stow_block-1000000.txt"))?;
    println!("{}", story.lines().take(2).collect::<Vec<_>>().join("\n"));
    assert!(
        story.starts_with("the red block belongs in the bottom drawer") && story.contains("plan by file"),
        "{story}"
    );
    assert_eq!(done.row["success"], true, "{story}");

    // A file with nothing in it moves nothing.
    fs::write(bench.file("plan.json"), "{}")?;
    let refused = bench.episode("stow_block", &[])?;
    println!("{}", refused.brain["ended"]);
    assert_eq!((&refused.row["success"], &refused.brain["tool_moved_m"]), (&false.into(), &0.0.into()), "{refused:#?}");
    assert!(refused.brain["ended"].as_str().is_some_and(|ended| ended.contains("plan")), "{refused:#?}");
    Ok(())
}
