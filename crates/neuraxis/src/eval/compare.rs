//! Two results, scene by scene: where one succeeds and the other does not, and whether chance does the like.

use std::{
    collections::{BTreeMap, BTreeSet},
    f64::consts::LN_2,
};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::{Meta, Report};

/// What two had in the same scenes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Scenes.
    pub scenes: u64,
    /// Successes of the one and of the other.
    pub successes: [u64; 2],
    /// Scenes in which the one succeeds and the other does not.
    pub won: u64,
    /// Scenes in which the other succeeds and the one does not.
    pub lost: u64,
}

impl Pairs {
    fn count(&mut self, [one, other]: [bool; 2]) {
        self.scenes += 1;
        self.successes[0] += u64::from(one);
        self.successes[1] += u64::from(other);
        self.won += u64::from(one && !other);
        self.lost += u64::from(other && !one);
    }

    /// How likely two of equal skill differ so much or more, one way or the other: the exact two-sided sign test, which for
    /// yes and no is McNemar's exact test (Psychometrika 12, 1947).
    pub fn p(&self) -> f64 {
        let (decided, fewer) = (self.won + self.lost, self.won.min(self.lost));
        // Each term of the binomial distribution from the one before it; in logarithms, for 2^-n is soon no f64.
        let (mut log, mut tail) = (-(decided as f64) * LN_2, 0.0);
        for i in 0..=fewer {
            tail += log.exp();
            log += ((decided - i) as f64).ln() - ((i + 1) as f64).ln();
        }
        (2.0 * tail).min(1.0)
    }
}

/// Two results of the same scenes, each of which may lie in several files.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// By task.
    pub tasks: BTreeMap<String, Pairs>,
    /// All tasks together.
    pub all: Pairs,
    /// Scenes that only one of them has.
    pub alone: usize,
    /// In what the evaluations differ: `policy_hash 1a2b | 3c4d`.
    pub differ: Vec<String>,
}

/// Pairs episodes of the same task and seed under the same conditions.
///
/// # Errors
/// An episode is in two files of one side, or none is on both.
pub fn compare(one: &[Report], other: &[Report]) -> Result<Comparison> {
    let [mine, theirs] = [scenes(one)?, scenes(other)?];
    let (mut tasks, mut all) = (BTreeMap::<String, Pairs>::new(), Pairs::default());
    for (scene, success) in &mine {
        if let Some(their) = theirs.get(scene) {
            for pairs in [tasks.entry(scene.task.clone()).or_default(), &mut all] {
                pairs.count([*success, *their]);
            }
        }
    }
    ensure!(
        all.scenes > 0,
        "no episode is in both: they pair by task, seed, robot, --perturb, --moving and --disturb; the one has {} \
         episodes, the other {}",
        mine.len(),
        theirs.len(),
    );
    let alone = mine.len() + theirs.len() - 2 * all.scenes as usize;
    Ok(Comparison { tasks, all, alone, differ: differences(one, other) })
}

/// What decides how a scene looks and what happens in it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Scene {
    task: String,
    seed: u64,
    conditions: String,
}

/// Each scene's success.
fn scenes(reports: &[Report]) -> Result<BTreeMap<Scene, bool>> {
    let mut scenes = BTreeMap::new();
    for report in reports {
        let Meta { robot, perturbation, moving, disturbance, .. } = &report.meta;
        let conditions = json!([robot, perturbation, moving, disturbance]).to_string();
        for row in report.tasks.values().flat_map(|table| &table.rows) {
            let scene = Scene { task: row.task.clone(), seed: row.seed, conditions: conditions.clone() };
            if scenes.insert(scene, row.success).is_some() {
                bail!("episode {} of {} is twice on one side", row.seed, row.task);
            }
        }
    }
    Ok(scenes)
}

/// Names and values of what the conditions of two evaluations differ in; first seeds do not count.
fn differences(one: &[Report], other: &[Report]) -> Vec<String> {
    let [mine, theirs] = [one, other].map(|reports| {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for report in reports {
            let meta = serde_json::to_value(&report.meta).unwrap_or_default();
            flat("", &meta, &mut |name, value| {
                all.entry(name).or_default().insert(value);
            });
        }
        all.remove("seed");
        all
    });
    let names: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
    let words = |all: &BTreeMap<String, BTreeSet<String>>, name: &String| {
        all.get(name).map_or_else(|| "-".into(), |values| values.iter().cloned().collect::<Vec<_>>().join(", "))
    };
    names
        .into_iter()
        .map(|name| (name, words(&mine, name), words(&theirs, name)))
        .filter(|(_, mine, theirs)| mine != theirs)
        .map(|(name, mine, theirs)| format!("{name} {mine} | {theirs}"))
        .collect()
}

/// Every value in an object, with its path.
fn flat(path: &str, value: &Value, tell: &mut impl FnMut(String, String)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flat(&path, field, tell);
            }
        }
        Value::String(text) => tell(path.into(), text.clone()),
        other => tell(path.into(), other.to_string()),
    }
}

/// The table people read.
pub fn print(comparison: &Comparison) {
    say!("{:<28} {:>9} {:>9} {:>6} {:>6} {:>8}", "task", "the one", "other", "won", "lost", "p");
    for (task, pairs) in &comparison.tasks {
        line(task, pairs);
    }
    line("all", &comparison.all);
    for difference in &comparison.differ {
        say!("differ      {difference}");
    }
    if comparison.alone > 0 {
        say!("left out    {} episodes that only one side has", comparison.alone);
    }
}

fn line(name: &str, pairs: &Pairs) {
    let [one, other] = pairs.successes.map(|successes| format!("{successes}/{}", pairs.scenes));
    let p = pairs.p();
    let p = if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") };
    say!("{name:<28} {one:>9} {other:>9} {:>6} {:>6} {p:>8}", pairs.won, pairs.lost);
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::report, *};

    /// Of a policy that succeeds at some of its seeds.
    fn result(policy: &str, seeds: &[u64], solved: &[u64]) -> Report {
        let mut report = report(policy, seeds);
        for row in report.tasks.values_mut().flat_map(|table| &mut table.rows) {
            row.success = solved.contains(&row.seed);
        }
        report
    }

    #[test]
    fn scenes_are_paired_whatever_file_they_are_in() {
        let parts = [result("act", &[3, 4], &[3]), result("act", &[1, 2, 9], &[1, 9])];
        let whole = [result("weights", &[1, 2, 3, 4], &[1, 4])];
        let found = compare(&parts, &whole).unwrap();
        let pairs = Pairs { scenes: 4, successes: [2, 2], won: 1, lost: 1 };
        assert_eq!((found.tasks["stack_cups"], found.alone), (pairs, 1));
        assert_eq!(found.differ, ["policy act | weights"]);
    }

    #[test]
    fn scenes_under_other_conditions_are_no_pairs() {
        let mut drifting = result("act", &[1], &[1]);
        drifting.meta.moving = neuraxis_sim::Moving::Drifting;
        let still = [result("act", &[1], &[])];
        let refused = compare(std::slice::from_ref(&drifting), &still).unwrap_err().to_string();
        assert!(refused.starts_with("no episode is in both"), "{refused}");
        // Together they are two scenes of one task.
        let both = [drifting, still[0].clone()];
        assert_eq!(compare(&both, &both).unwrap().tasks["stack_cups"].scenes, 2);
        let twice = compare(&[still[0].clone(), still[0].clone()], &still).unwrap_err().to_string();
        assert_eq!(twice, "episode 1 of stack_cups is twice on one side");
    }

    #[test]
    fn chance_is_counted_exactly() {
        let p = |won, lost| Pairs { won, lost, ..Pairs::default() }.p();
        // By hand: 2 (1 + 5) / 2^5, 2 / 2^6; and two that differ in nothing.
        for ((won, lost), expected) in [((4, 1), 0.375), ((0, 6), 0.03125), ((0, 0), 1.0), ((3, 3), 1.0)] {
            assert!((p(won, lost) - expected).abs() < 1e-12 && p(won, lost) == p(lost, won), "{won} {lost}");
        }
        // 2^-3000 is no f64.
        assert!(p(1600, 1400) > 1e-4 && p(1600, 1400) < 1e-3 && p(3000, 0) == 0.0);
    }
}
