//! Curves of a training run: `curves.csv` grows over all runs of a folder, `curves.rrd` shows the same in Rerun.

use std::{io::Write, path::Path};

use anyhow::{Context, Result};

/// Folder of the pictures of a run, and their name in the viewer.
pub const PICTURES: &str = "pictures";

/// A plot of the viewer's: its name and which curves it shows.
pub type Plot = (&'static str, &'static str);

/// What a run draws.
#[derive(Copy, Clone, Debug)]
pub struct Drawn {
    /// Of the run.
    pub title: &'static str,
    /// Names of curves, in the order of the file's columns after the step.
    pub names: &'static [&'static str],
    /// In the viewer, one below the other; those of a row stand one behind the other.
    pub plots: &'static [&'static [Plot]],
}

/// Curves by name, in the order of the file's columns, after the step.
pub struct Curves {
    names: &'static [&'static str],
    csv: std::fs::File,
    rerun: neuraxis_viz::Curves,
}

impl Curves {
    /// Goes on after the first `steps`, of which earlier runs have written. `live`: also in the viewer, which lies below that root.
    pub fn create(out: &Path, drawn: &Drawn, live: Option<&Path>, steps: u64) -> Result<Self> {
        let path = out.join("curves.csv");
        let text = keep_until(&path, steps)?;
        let csv = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let curves = Self {
            names: drawn.names,
            csv: csv.with_context(|| path.display().to_string())?,
            rerun: open(&out.join("curves.rrd"), drawn, live)?,
        };
        for line in text.lines() {
            let mut numbers = line.split(',').map(str::parse::<f64>);
            let Some(Ok(step)) = numbers.next() else { continue };
            let values: Vec<_> = drawn.names.iter().copied().zip(numbers.flatten()).collect();
            curves.rerun.push(step as u64, &values)?;
        }
        Ok(curves)
    }

    /// One value per curve at a step.
    pub fn push(&mut self, step: u64, values: &[f64]) -> Result<()> {
        let columns = values.iter().map(|v| format!("{v:.5}")).collect::<Vec<_>>().join(",");
        writeln!(self.csv, "{step},{columns}")?;
        self.rerun.push(step, &self.names.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>())?;
        Ok(())
    }

    /// The same file in Rerun, for more than curves.
    pub fn rerun(&self) -> &neuraxis_viz::Curves {
        &self.rerun
    }

    /// Waits until everything is on disk.
    pub fn finish(self) -> Result<()> {
        self.rerun.finish()?;
        Ok(())
    }
}

/// Leaves those lines of a table out that are of later steps: a run that ended wrote them after its last checkpoint, and one that
/// goes on comes there again. Lines without a step stay. What is left; nothing, if there is no such file.
pub fn keep_until(path: &Path, step: u64) -> Result<String> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        text => text.with_context(|| path.display().to_string())?,
    };
    let of = |line: &str| line.split(',').next().and_then(|number| number.parse::<u64>().ok());
    let kept = text.lines().filter(|line| of(line).is_none_or(|of| of <= step));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    if kept != text {
        std::fs::write(path, &kept).with_context(|| path.display().to_string())?;
    }
    Ok(kept)
}

fn open(file: &Path, drawn: &Drawn, live: Option<&Path>) -> Result<neuraxis_viz::Curves> {
    use neuraxis_viz::{Curves, Target, VizError};
    if let Some(root) = live {
        let viewer = crate::package::viewer(root);
        let both = Target::Viewer { viewer: viewer.as_deref(), also_to: Some(file) };
        match Curves::open(&both, drawn.title, PICTURES, drawn.plots) {
            Err(error @ VizError::NoDisplay) => say!("viewer      {error}"),
            shown => return Ok(shown?),
        }
    }
    Ok(Curves::open(&Target::File(file), drawn.title, PICTURES, drawn.plots)?)
}
