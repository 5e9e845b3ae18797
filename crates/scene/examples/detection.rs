//! How many of the things that sentences name by colour are found where the key-frame goes, over data sets.
//!
//! `cargo run --release -p neuraxis-scene --example detection -- DIR... [--every N] [--show RECORD]`
//!
//! Counted are the steps of the experts that go to a thing of the named colour: a button, a block, a jar, a bulb's
//! holder. "Near" means that a thing of that colour has its middle within 20 mm of the key-frame along x and y; "box"
//! that its box is, which also counts steps that go to a rim.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use neuraxis_core::{Gripper, KeyFrame, Pose, Tool, World};
use neuraxis_episode::dataset::Dataset;
use neuraxis_scene::{Colour, Hand, Palette, SceneConfig, segment};
use serde::Deserialize;

/// What this example needs of a record.
#[derive(Deserialize)]
struct Record {
    task: String,
    seed: u64,
    kind: usize,
    world_from_tool: Pose<World, Tool>,
    gripper: Gripper,
    gripper_width_m: f64,
    goals: Vec<Goal>,
}

#[derive(Deserialize)]
struct Goal {
    instruction: String,
    keyframe: KeyFrame,
}

#[derive(Default)]
struct Tally {
    steps: usize,
    named: usize,
    near: usize,
    boxed: usize,
    offs_m: Vec<f64>,
}

/// Colour of the thing to which this step goes, if it goes to a thing that the sentence names by colour.
fn target(record: &Record) -> Option<Colour> {
    let goal = record.goals.first()?;
    let words = goal.instruction.split(|c: char| !c.is_ascii_alphabetic());
    let colours: Vec<Colour> = words.filter_map(Colour::parse).filter(|colour| colour.has_hue()).collect();
    let step = |nth: usize| colours.get(nth).copied();
    match (record.task.as_str(), record.kind) {
        ("push_buttons", kind) => step(kind / 2),
        ("stack_blocks", kind) if kind % 5 < 4 => step(0),
        ("stack_cups", 3 | 4 | 9 | 10) => step(0),
        ("close_jar", 3..=6) => step(0),
        ("light_bulb_in", 0 | 1) => step(0),
        _ => None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut dirs, mut every, mut show) = (Vec::new(), 1, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--every" => every = arguments.next().ok_or("--every needs a number")?.parse()?,
            "--show" => show = Some(arguments.next().ok_or("--show needs a number")?.parse::<usize>()?),
            dir => dirs.push(PathBuf::from(dir)),
        }
    }
    let data = Dataset::open_all(&dirs)?;
    let (config, palette) = (SceneConfig::default(), Palette::default());
    let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut millis, mut failures, mut points) = (Vec::new(), 0usize, 0usize);
    let records: Vec<usize> = match show {
        Some(one) => vec![one],
        None => (0..data.len()).step_by(every).collect(),
    };
    for i in records {
        let record: Record = data.record(i)?;
        let wanted = target(&record);
        if wanted.is_none() && show.is_none() {
            continue;
        }
        data.cloud_into(i, &mut xyz, &mut rgb)?;
        points += xyz.len();
        let hand =
            Hand { world_from_tool: record.world_from_tool, gripper: record.gripper, width_m: record.gripper_width_m };
        let begin = Instant::now();
        let sight = segment(&xyz, &rgb, Some(&hand), &config, &palette);
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
        let Ok(sight) = sight else {
            failures += 1;
            continue;
        };
        let goal = record.goals[0].keyframe.world_from_tool.position();
        if show.is_some() {
            println!("{} seed {} kind {}: {}", record.task, record.seed, record.kind, record.goals[0].instruction);
            println!("hand {:?}, {:.4} m, goal {goal:.3?}", hand.world_from_tool, hand.width_m);
            println!("table {:?}, arm {}, noise {}", sight.table, sight.arm_points, sight.noise_points);
            for thing in &sight.things {
                println!("  {thing}, top {:.2}", thing.top_seen);
                let rows = thing.fronts.iter().flat_map(|fronts| &fronts.rows);
                rows.for_each(|row| {
                    println!("    front {:.3} m out at {:.3} m, {} points", row.out_m, row.z_m, row.points)
                });
            }
            return Ok(());
        }
        let Some(wanted) = wanted else { continue };
        let tally = tallies.entry(format!("{} {}", record.task, record.kind)).or_default();
        tally.steps += 1;
        let named: Vec<_> = sight.things.iter().filter(|thing| thing.colour == Some(wanted)).collect();
        tally.named += usize::from(!named.is_empty());
        let off = |p: nalgebra::Vector3<f64>| (p - goal).xy().norm();
        let nearest = named.iter().map(|thing| off(thing.bounds.centre_in_world)).min_by(f64::total_cmp);
        tally.offs_m.extend(nearest.filter(|off| *off <= 0.02));
        let near = nearest.is_some_and(|off| off <= 0.02);
        let boxed = named.iter().any(|thing| thing.bounds.depth_m(&goal) >= -0.02);
        tally.near += usize::from(near);
        tally.boxed += usize::from(boxed);
        if !near && !boxed && tally.steps - tally.boxed <= 2 {
            println!("missed: record {i}, {} kind {}, {wanted}, nearest {nearest:?}", record.task, record.kind);
        }
    }
    println!("{:<28} {:>6} {:>8} {:>8} {:>8} {:>10}", "step", "clouds", "named", "near", "box", "median mm");
    for (step, tally) in &mut tallies {
        tally.offs_m.sort_by(f64::total_cmp);
        let percent = |n: usize| 100.0 * n as f64 / tally.steps as f64;
        let median = tally.offs_m.get(tally.offs_m.len() / 2).map_or(f64::NAN, |m| 1e3 * m);
        println!(
            "{step:<28} {:>6} {:>7.1}% {:>7.1}% {:>7.1}% {median:>10.1}",
            tally.steps,
            percent(tally.named),
            percent(tally.near),
            percent(tally.boxed)
        );
    }
    millis.sort_by(f64::total_cmp);
    let at = |part: f64| millis.get((part * (millis.len() as f64 - 1.0)) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "{} clouds of {} points on average, {failures} without a table; segmentation p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        millis.len(),
        points / millis.len().max(1),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}
