//! Curves of a training run: `curves.csv` grows over all runs of a folder, `curves.rrd` shows the same in Rerun.

use std::{io::Write, path::Path};

use anyhow::{Context, Result};

/// Curves by name, in the order of the file's columns, after the step.
pub struct Curves {
    #[cfg_attr(not(feature = "viz"), allow(dead_code))]
    names: &'static [&'static str],
    csv: std::fs::File,
    #[cfg(feature = "viz")]
    rerun: neuraxis_viz::Curves,
}

impl Curves {
    /// Goes on after what earlier runs have written. `live`: also in the viewer, which lies below that root.
    #[cfg_attr(not(feature = "viz"), allow(unused_variables))]
    pub fn create(out: &Path, title: &str, names: &'static [&'static str], live: Option<&Path>) -> Result<Self> {
        let path = out.join("curves.csv");
        let csv = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let curves = Self {
            names,
            csv: csv.with_context(|| path.display().to_string())?,
            #[cfg(feature = "viz")]
            rerun: open(&out.join("curves.rrd"), title, live)?,
        };
        #[cfg(feature = "viz")]
        for line in std::fs::read_to_string(&path)?.lines() {
            let mut numbers = line.split(',').map(str::parse::<f64>);
            let Some(Ok(step)) = numbers.next() else { continue };
            let values: Vec<_> = names.iter().copied().zip(numbers.flatten()).collect();
            curves.rerun.push(step as u64, &values)?;
        }
        Ok(curves)
    }

    /// One value per curve at a step.
    pub fn push(&mut self, step: u64, values: &[f64]) -> Result<()> {
        let columns = values.iter().map(|v| format!("{v:.5}")).collect::<Vec<_>>().join(",");
        writeln!(self.csv, "{step},{columns}")?;
        #[cfg(feature = "viz")]
        self.rerun.push(step, &self.names.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>())?;
        Ok(())
    }

    /// The same file in Rerun, for more than curves.
    #[cfg(feature = "viz")]
    pub fn rerun(&self) -> &neuraxis_viz::Curves {
        &self.rerun
    }

    /// Waits until everything is on disk.
    pub fn finish(self) -> Result<()> {
        #[cfg(feature = "viz")]
        self.rerun.finish()?;
        Ok(())
    }
}

#[cfg(feature = "viz")]
fn open(file: &Path, title: &str, live: Option<&Path>) -> Result<neuraxis_viz::Curves> {
    use neuraxis_viz::{Curves, Target, VizError};
    if let Some(root) = live {
        let viewer = crate::package::viewer(root);
        match Curves::open(&Target::Viewer { viewer: viewer.as_deref(), also_to: Some(file) }, title) {
            Err(error @ VizError::NoDisplay) => println!("viewer      {error}"),
            shown => return Ok(shown?),
        }
    }
    Ok(Curves::open(&Target::File(file), title)?)
}
