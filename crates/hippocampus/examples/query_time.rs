//! Times of the memory with many episodes.
//!
//! Budget: a query under 10 ms at 1e5 entries (issue 6). Peer: the sum of as many numbers, which is what memory
//! gives. Sentences are encoded by next to nothing here; with the shipped encoder a question takes about 9 ms more
//! (printed by the test `a_paraphrase_is_done_from_memory_and_another_task_is_not` of the binary).
//!
//! ```text
//! cargo run --release -p neuraxis-hippocampus --example query_time [EPISODES]
//! ```

use std::time::Instant;

use neuraxis_core::{PolicyError, TextEmbedder, TextFeatures};
use neuraxis_hippocampus::{Memory, Ranking, Stamp, Store};
use neuraxis_plan::{RawPlan, Scene, SceneFile};

const WIDTH: usize = 384;
const RUNS: usize = 200;

/// A random direction for each sentence.
struct Random;

impl TextEmbedder for Random {
    fn id(&self) -> &str {
        "random"
    }

    fn embed(&mut self, text: &str) -> Result<TextFeatures, PolicyError> {
        let mut state =
            text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        Ok(TextFeatures { tokens: 1, width: WIDTH, values: (0..WIDTH).map(|_| next()).collect() })
    }
}

fn scene() -> Result<Scene, Box<dyn std::error::Error>> {
    let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml"))?;
    Ok(file.try_into()?)
}

fn print(what: &str, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms[((ms.len() - 1) as f64 * share) as usize];
    println!("{what:<44} p50 {:>9.3} ms   p99 {:>9.3} ms   max {:>9.3} ms", at(0.5), at(0.99), at(1.0));
}

fn timed<T>(mut work: impl FnMut(usize) -> T, runs: usize) -> Vec<f64> {
    let one = |i| {
        let started = Instant::now();
        std::hint::black_box(work(i));
        started.elapsed().as_secs_f64() * 1e3
    };
    (0..runs).map(one).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let episodes: usize = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("memory.sqlite");
    let scene = scene()?;
    let plan: RawPlan = serde_json::from_str(include_str!("../../plan/tests/plans/stow_block.json"))?;
    let at = |i: usize| Stamp::from_unix_ms(1_800_000_000_000 + 60_000 * i as i64);

    let mut memory = Memory::open(&path, Box::new(Random))?;
    let mut commits = Vec::new();
    let started = Instant::now();
    for i in 0..episodes {
        let instruction = format!("task {i}: put the red block in the top drawer and close it");
        let mut draft = memory.begin(&instruction, &scene, "fr3", at(i))?;
        let attempt =
            neuraxis_hippocampus::Attempt { plan: plan.clone(), source: "symbolic".into(), derived_from: None };
        draft.attempt(attempt, at(i))?;
        let concluded = draft.conclude(&scene, &["hand_empty".to_string()], at(i))?;
        let started = Instant::now();
        memory.commit(&concluded)?;
        commits.push(started.elapsed().as_secs_f64() * 1e3);
    }
    println!("{episodes} episodes of {WIDTH} numbers written in {:.1} s", started.elapsed().as_secs_f64());
    print("commit, on the disk", commits);
    drop(memory);

    let started = Instant::now();
    let mut memory = Memory::open(&path, Box::new(Random))?;
    println!("{:<44} {:>13.0} ms", "open, check and read", started.elapsed().as_secs_f64() * 1e3);
    let ranking = Ranking { least_similarity: -1.0, ..Ranking::default() };
    print("recall", timed(|i| memory.recall(&format!("query {i}"), at(episodes), &ranking).map(|r| r.len()), RUNS));
    let said = |i: usize| format!("task {i}: put the red block in the top drawer and close it");
    print("plan reuse, found", timed(|i| memory.reuse(&said(i), &scene, None).is_ok(), RUNS));
    print("plan reuse, nothing near", timed(|i| memory.reuse(&format!("query {i}"), &scene, None).is_ok(), RUNS));
    let store = Store::look(&path)?;
    print("place of a thing before it moved", timed(|_| store.last_move("red_block").is_ok(), RUNS));

    let bytes: Vec<f32> = vec![1.0; episodes * WIDTH];
    print("peer: sum of as many f32", timed(|_| sum(&bytes), RUNS));
    Ok(())
}

fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0; 32];
    values.chunks_exact(32).for_each(|chunk| sums.iter_mut().zip(chunk).for_each(|(s, x)| *s += x));
    sums.iter().sum()
}
