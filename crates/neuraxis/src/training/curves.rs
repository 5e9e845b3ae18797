//! Files of a policy's training that people look at: beside the curves, `evaluation.csv` grows over all runs of a
//! folder, `pictures/` has what the networks saw at each evaluation, and `curves.rrd` shows all of it in Rerun.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use neuraxis_policy::train::{Evaluation, Progress, Score};

use super::{early::Early, held_out, sheets};
use crate::curves::{Curves as Losses, Drawn, keep_until};

/// Columns of `curves.csv` after the step, and how the viewer shows them.
const DRAWN: Drawn = Drawn {
    title: "neuraxis train policy",
    names: &[
        "loss/coarse",
        "loss/fine",
        "loss/rotation",
        "loss/gripper",
        "loss/collision",
        "speed",
        "loss/consistency",
        "loss/dynamic",
        "loss/outlook",
    ],
    plots: &[
        &[("losses", "+ /loss/**"), ("samples per second", "+ /speed")],
        &[
            ("held out: position [mm], mean of key-frames", "+ /held_out/position_mm"),
            ("rotation [deg]", "+ /held_out/rotation_deg"),
            ("right choice", "+ /held_out/choice"),
            ("position by task and key-frame [mm]", "+ /held_out/position_mm/*/**"),
        ],
        &[("early episodes: successes", "+ /early/**")],
    ],
};
/// Columns of `evaluation.csv` after step, task and key-frame.
const SCORES: [&str; 6] = ["observations", "position_mm", "rotation_deg", "gripper", "collision", "choice"];

/// Open files of a run.
pub struct Curves {
    losses: Losses,
    scores: File,
    out: PathBuf,
}

impl Curves {
    /// Goes on after the first `steps`, of which earlier runs have written. `live`: also in the viewer, which lies below that root.
    pub fn create(out: &Path, live: Option<&Path>, steps: u64) -> Result<Self> {
        let path = out.join("evaluation.csv");
        let [scored, early] = [&path, &out.join("early.csv")].map(|path| keep_until(path, steps));
        let scores = OpenOptions::new().create(true).append(true).open(&path);
        let mut curves = Self {
            losses: Losses::create(out, &DRAWN, live, steps)?,
            scores: scores.with_context(|| path.display().to_string())?,
            out: out.into(),
        };
        if curves.scores.metadata()?.len() == 0 {
            writeln!(curves.scores, "step,task,kind,{}", SCORES.join(","))?;
        }
        curves.show_again(&scored?, &early?)?;
        Ok(curves)
    }

    /// Losses and speed.
    pub fn push(&mut self, p: &Progress) -> Result<()> {
        let [action @ .., consistency, dynamic, outlook] = p.terms;
        let values: Vec<f64> = action.into_iter().chain([p.samples_per_sec, consistency, dynamic, outlook]).collect();
        self.losses.push(p.step, &values)
    }

    /// Errors and pictures of held-out observations.
    pub fn push_evaluation(&mut self, evaluation: &Evaluation) -> Result<()> {
        for score in &evaluation.scores {
            let columns: Vec<String> =
                values(score).iter().map(|v| v.map_or(String::new(), |v| format!("{v:.4}"))).collect();
            writeln!(self.scores, "{},{},{},{}", evaluation.step, score.task, score.kind, columns.join(","))?;
        }
        self.show_evaluation(evaluation)
    }

    /// What episodes with the weights of a step came to.
    pub fn push_early(&self, early: &Early) -> Result<()> {
        for (task, won, of) in &early.tasks {
            self.show_early(early.step, task, *won, *of)?;
        }
        Ok(())
    }

    fn show_early(&self, step: u64, task: &str, won: u64, of: u64) -> Result<()> {
        self.losses.rerun().push(step, &[(&format!("early/{task}"), won as f64 / of.max(1) as f64)])?;
        Ok(())
    }

    fn show_evaluation(&self, evaluation: &Evaluation) -> Result<()> {
        let step = evaluation.step;
        for score in &evaluation.scores {
            self.show_score(step, &score.task, score.kind, &values(score))?;
        }
        if !evaluation.scores.is_empty() {
            let means = held_out::means(evaluation).map(|(name, value)| (format!("held_out/{name}"), value));
            self.losses.rerun().push(step, &means.each_ref().map(|(name, value)| (name.as_str(), *value)))?;
        }
        sheets::push(self.losses.rerun(), &self.out, step, &evaluation.pictures)
    }

    /// Shows what earlier runs wrote.
    fn show_again(&self, scored: &str, early: &str) -> Result<()> {
        for line in scored.lines() {
            let mut columns = line.split(',');
            let step = columns.next().and_then(|step| step.parse().ok());
            let (Some(step), Some(task), kind) = (step, columns.next(), columns.next()) else { continue };
            let Some(kind) = kind.and_then(|kind| kind.parse().ok()) else { continue };
            let values: Vec<Option<f64>> = columns.map(|value| value.parse().ok()).collect();
            self.show_score(step, task, kind, &values)?;
        }
        for line in early.lines() {
            if let [step, task, won, of] = line.split(',').collect::<Vec<_>>()[..]
                && let (Ok(step), Ok(won), Ok(of)) = (step.parse(), won.parse(), of.parse())
            {
                self.show_early(step, task, won, of)?;
            }
        }
        sheets::show_again(self.losses.rerun(), &self.out)
    }

    fn show_score(&self, step: u64, task: &str, kind: u32, values: &[Option<f64>]) -> Result<()> {
        // The number of observations is no curve.
        for (name, value) in SCORES.iter().zip(values).skip(1) {
            if let Some(value) = value {
                self.losses.rerun().push(step, &[(&format!("held_out/{name}/{task}/{kind}"), *value)])?;
            }
        }
        Ok(())
    }

    /// Waits until everything is on disk.
    pub fn finish(self) -> Result<()> {
        self.losses.finish()
    }
}

/// In the order of [`SCORES`].
fn values(s: &Score) -> [Option<f64>; SCORES.len()] {
    let [position, rotation] = [s.position_mm, s.rotation_deg];
    [Some(s.observations as f64), Some(position), Some(rotation), Some(s.gripper), Some(s.collision), s.choice]
}

#[cfg(test)]
mod tests {
    use neuraxis_policy::{PredictionViews, train::Picture};

    use super::*;

    #[test]
    fn a_run_that_goes_on_shows_what_was_before() {
        let out = std::env::temp_dir().join(format!("neuraxis-curves-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let score = Score {
            task: "t".into(),
            kind: 0,
            observations: 2,
            position_mm: 4.5,
            rotation_deg: 1.0,
            gripper: 1.0,
            collision: 1.0,
            choice: Some(0.5),
        };
        let views = PredictionViews {
            side: 2,
            rgb: vec![vec![9; 12]; 6],
            heat: vec![vec![0.25; 4]; 6],
            ..PredictionViews::default()
        };
        // The second run was killed after its evaluation, and the third comes there again.
        for (steps, step) in [(0, 3), (3, 6), (3, 6)] {
            let mut curves = Curves::create(&out, None, steps).unwrap();
            let pictures = vec![Picture { name: "t".into(), views: views.clone() }];
            curves.push_evaluation(&Evaluation { step, scores: vec![score.clone()], pictures }).unwrap();
            curves.finish().unwrap();
        }
        let csv = std::fs::read_to_string(out.join("evaluation.csv")).unwrap();
        let expected = "step,task,kind,observations,position_mm,rotation_deg,gripper,collision,choice\n\
                        3,t,0,2.0000,4.5000,1.0000,1.0000,1.0000,0.5000\n\
                        6,t,0,2.0000,4.5000,1.0000,1.0000,1.0000,0.5000\n";
        assert_eq!(csv, expected);
        assert!(out.join("pictures/000003.png").exists() && out.join("pictures/000006.png").exists());
        let both = std::fs::metadata(out.join("curves.rrd")).unwrap().len();
        std::fs::remove_dir_all(out.join("pictures")).unwrap();
        Curves::create(&out, None, 6).unwrap().finish().unwrap();
        let without_pictures = std::fs::metadata(out.join("curves.rrd")).unwrap().len();
        assert!(without_pictures < both, "{without_pictures} {both}");
        std::fs::remove_dir_all(&out).unwrap();
    }
}
