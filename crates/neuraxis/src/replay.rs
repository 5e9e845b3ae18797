//! `neuraxis replay`: recorded episodes in the viewer again, alone or side by side.

mod compare;
mod other;
mod page;
mod palette;
pub mod picture;
pub mod window;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, bail};
use clap::Args;
use neuraxis_core::Nanos;
use neuraxis_episode::{End, EpisodeReader, Glance, Record};
use neuraxis_viz::{Target, Viz, VizConfig, VizError};
use serde_json::Value;

use self::{compare::Comparison, other::Other};
use crate::{cli::write_json, decisions, interrupt, package, rec};

/// Messages that cannot be decoded are named up to this count.
const MOST_NAMED: u64 = 3;

/// What to replay, and where.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recordings (MCAP) of ours; several stand side by side, their starts at the same time.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Ask other weights what they would have answered to what was seen: `weights` (those that are shipped) or a file. Both
    /// answers are shown, and how far they are apart.
    #[arg(long, value_name = "W", conflicts_with = "decisions")]
    policy: Option<String>,
    /// Ask them this often [s] (0: at every observation), and not once for each key-frame.
    #[arg(long, value_name = "SECS", requires = "policy", value_parser = secs)]
    every: Option<f64>,
    /// Write the comparison of the two, with every answer, as JSON.
    #[arg(long, value_name = "FILE", requires = "policy")]
    json: Option<PathBuf>,
    /// Write a Rerun recording instead of opening the viewer.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["web", "decisions", "picture", "unseen"])]
    rrd: Option<PathBuf>,
    /// Serve the viewer as a page on this machine only, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["decisions", "picture", "unseen"])]
    web: bool,
    /// Write a picture of the viewer's window (PNG, 256 colours); needs no screen.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["decisions", "unseen"])]
    picture: Option<PathBuf>,
    /// The picture's moment on the time line [s]; the end if left out.
    #[arg(long, value_name = "SECS", requires = "picture", value_parser = secs)]
    at: Option<f64>,
    /// Size of the picture [px].
    #[arg(long, value_name = "WxH", requires = "picture", default_value = "1400x900", value_parser = size)]
    size: [u32; 2],
    /// Show nothing: print the comparison of the two policies alone.
    #[arg(long, requires = "policy", conflicts_with = "decisions")]
    unseen: bool,
    /// Show nothing: take every decision of the loop again from its recorded inputs; an error names the first that differs,
    /// or a gap.
    #[arg(long)]
    decisions: bool,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

fn secs(text: &str) -> Result<f64, String> {
    let secs: f64 = text.parse().map_err(|_| "seconds, such as 0.5".to_string())?;
    if secs.is_finite() && secs >= 0.0 { Ok(secs) } else { Err("from 0 s on".into()) }
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (320..=3840).contains(side));
    let sides = text.split_once('x').and_then(|(width, height)| Some([side(width)?, side(height)?]));
    sides.ok_or_else(|| "two sides of 320 to 3840 px, such as 1400x900".into())
}

/// Carries it out.
pub fn run(root: &Path, args: &ReplayArgs) -> Result<()> {
    if args.decisions {
        return args.files.iter().try_for_each(|file| decisions::tell(file));
    }
    for (option, out) in [("--rrd", &args.rrd), ("--picture", &args.picture), ("--json", &args.json)] {
        out.as_ref().map_or(Ok(()), |out| rec::may_write(option, out, args.force))?;
    }
    let recordings = Recordings::open(root, args)?;
    if args.unseen {
        return recordings.show(None);
    }
    if let Some(out) = &args.rrd {
        recordings.show(Some(&Target::File(out)))?;
        say!("written     {}", out.display());
        return Ok(());
    }
    if !args.web && args.picture.is_none() {
        let viewer = package::viewer(root);
        return recordings.show(Some(&Target::Viewer { viewer: viewer.as_deref(), also_to: None }));
    }
    let Some(viewer) = package::viewer(root) else {
        bail!("the Rerun program is not installed; ./neuraxis setup installs it");
    };
    let scratch = std::env::temp_dir().join(format!("neuraxis-replay-{}.rrd", std::process::id()));
    let shown = recordings.show(Some(&Target::File(&scratch))).and_then(|()| match &args.picture {
        None => interrupt::listen().and_then(|()| page::serve(&viewer, &scratch)),
        Some(out) => {
            let moment = picture::Moment { at_secs: args.at, size: args.size };
            picture::take(&viewer, &scratch, recordings.longest_secs(), moment, out)?;
            say!("written     {}", out.display());
            Ok(())
        }
    });
    // What was refused before it was begun has left none.
    let _ = std::fs::remove_file(&scratch);
    shown
}

/// Writes recordings for the viewer.
pub fn to_file(root: &Path, file: &Path, out: &Path, force: bool) -> Result<()> {
    rec::may_write("--rrd", out, force)?;
    let recording = Recording::open(file)?;
    Recordings { root, all: vec![recording], policy: None, every: None, json: None }.show(Some(&Target::File(out)))?;
    say!("written     {}", out.display());
    Ok(())
}

/// A recording and what it is about.
pub struct Recording {
    reader: EpisodeReader,
    glance: Glance,
}

impl Recording {
    /// Opens it, which takes as long for a long one as for a short one.
    pub fn open(file: &Path) -> Result<Self> {
        let reader = EpisodeReader::open(file)?;
        Ok(Self { glance: Glance::of(&reader), reader })
    }
}

/// What is replayed together.
struct Recordings<'a> {
    root: &'a Path,
    all: Vec<Recording>,
    policy: Option<&'a str>,
    every: Option<f64>,
    json: Option<&'a Path>,
}

impl<'a> Recordings<'a> {
    fn open(root: &'a Path, args: &'a ReplayArgs) -> Result<Self> {
        let all = args.files.iter().map(|file| Recording::open(file)).collect::<Result<Vec<_>>>()?;
        let ReplayArgs { policy, every, json, .. } = args;
        Ok(Self { root, all, policy: policy.as_deref(), every: *every, json: json.as_deref() })
    }

    /// From the start to the end of the longest.
    fn longest_secs(&self) -> f64 {
        self.all.iter().map(|recording| recording.glance.duration_secs).fold(0.0, f64::max)
    }

    /// Reads them into the viewer, if there is one; says what they were.
    fn show(&self, target: Option<&Target<'_>>) -> Result<()> {
        let started = Instant::now();
        let other = |recording: &Recording| {
            self.policy.map(|w| Other::new(self.root, &recording.reader, &recording.glance, w, self.every)).transpose()
        };
        let mut others = self.all.iter().map(other).collect::<Result<Vec<_>>>()?;
        say!("opened      after {:.2} s", started.elapsed().as_secs_f64());
        let windows: Vec<Option<Viz>> = match target {
            Some(target) => self.windows(target, &others)?.into_iter().map(Some).collect(),
            None => self.all.iter().map(|_| None).collect(),
        };
        let mut fed = Vec::new();
        let mut rows = Vec::new();
        for ((recording, other), mut viz) in self.all.iter().zip(&mut others).zip(windows) {
            let path = recording.reader.path().display();
            let told = feed(recording, viz.as_mut(), other.as_mut())?;
            let outcome = rec::outcome(told.summary.as_ref());
            say!("replayed    {path}: {:.1} s, {outcome}, {} records", recording.glance.duration_secs, told.shown);
            if told.unreadable > 0 {
                say!("            {} messages of it cannot be decoded and are left out", told.unreadable);
            }
            match told.end {
                Some(End::Complete) => {}
                Some(End::Truncated) => say!("            it is truncated: what came before is shown"),
                None => say!("            it is damaged: what came before is shown"),
            }
            if let Some(other) = other {
                tell(other, &told.comparison, &recording.reader)?;
                if let Some(viz) = &viz {
                    viz.log_compared(&told.comparison.markdown(&format!("{} beside what was recorded", other.name())))?;
                }
                let mut row = told.comparison.json();
                row["file"] = recording.reader.path().display().to_string().into();
                row["policy_hash"] = format!("{:016x}", other.hash()).into();
                rows.push(row);
            }
            fed.extend(viz);
        }
        Viz::lay_out(&fed)?;
        fed.into_iter().try_for_each(Viz::finish)?;
        if let Some(file) = self.json {
            write_json(file, &rows)?;
        }
        say!("took        {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    }

    fn windows(&self, target: &Target<'_>, others: &[Option<Other>]) -> Result<Vec<Viz>> {
        let config = |(place, (recording, other)): (usize, (&Recording, &Option<Other>))| VizConfig {
            other: other.as_ref().map(|other| other.name().to_string()),
            ..window::config(self.root, recording, (self.all.len() > 1).then_some(place))
        };
        let configs: Vec<VizConfig> = self.all.iter().zip(others).enumerate().map(config).collect();
        match Viz::together(target, &configs) {
            Err(VizError::NoDisplay) => bail!(
                "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; --rrd OUT writes a file for a machine with a \
                 screen, --web serves a page on this one, --picture OUT.png takes a picture"
            ),
            windows => Ok(windows?),
        }
    }
}

/// Says how far two policies are apart; an error if nothing could be compared.
fn tell(other: &Other, comparison: &Comparison, reader: &EpisodeReader) -> Result<()> {
    let (name, rows) = (other.name(), comparison.count());
    let (refused, why) = &other.refused;
    if comparison.is_empty() {
        let path = reader.path().display();
        let because = why.as_ref().map_or_else(
            || "no recorded answer was made from a recorded observation; --every SECS asks without".to_string(),
            |why| format!("they refused {refused} observations: {why}"),
        );
        bail!("{path}: nothing to compare with {name}: {because}");
    }
    say!("compared    {name} (hash {:016x}), {rows} answers beside those recorded", other.hash());
    comparison.lines().iter().for_each(|line| say!("{line}"));
    if let Some(why) = why {
        say!("            refused {refused} observations: {why}");
    }
    for (count, what) in [(other.unseen, "observations"), (other.unheard, "instructions")] {
        if count > 0 {
            say!("            {count} recorded answers were made to {what} that are not recorded");
        }
    }
    Ok(())
}

/// What became of a recording.
#[derive(Default)]
pub struct Fed {
    /// Records.
    pub shown: u64,
    /// Messages that cannot be decoded.
    pub unreadable: u64,
    /// How it ends; `None`: damaged.
    pub end: Option<End>,
    /// How the run ended, as far as it is recorded.
    summary: Option<Value>,
    comparison: Comparison,
}

/// Shows every record, and what other weights answer to it; then how it ended.
pub fn feed(recording: &Recording, mut viz: Option<&mut Viz>, mut other: Option<&mut Other>) -> Result<Fed> {
    let zero = Nanos(recording.glance.zero_nanos);
    let mut fed = Fed::default();
    let compare = |compared: Vec<other::Compared>, viz: Option<&mut Viz>, fed: &mut Fed| -> Result<()> {
        let Some(viz) = viz else {
            compared.iter().for_each(|one| fed.comparison.push(one.stamp, zero, one.answers));
            return Ok(());
        };
        for other::Compared { stamp, answers, detail } in compared {
            fed.comparison.push(stamp, zero, answers);
            viz.log_answers(stamp, &answers)?;
            viz.log_other_views(stamp, &detail)?;
        }
        Ok(())
    };
    let mut records = recording.reader.records();
    for record in records.by_ref() {
        match record {
            Ok(record) => {
                if let Some(viz) = viz.as_deref_mut() {
                    viz.show(&record)?;
                }
                if let Some(other) = other.as_deref_mut() {
                    compare(other.see(&record)?, viz.as_deref_mut(), &mut fed)?;
                }
                if let Record::Summary(_, summary) = record {
                    fed.summary = Some(summary);
                }
                fed.shown += 1;
            }
            Err(error) => {
                fed.unreadable += 1;
                if fed.unreadable <= MOST_NAMED {
                    say_err!("warning: {error}");
                }
            }
        }
    }
    if let Some(other) = other {
        compare(other.end(), viz.as_deref_mut(), &mut fed)?;
    }
    fed.end = records.end();
    if let Some(viz) = viz {
        viz.log_subtitle(&window::subtitle(recording, &rec::outcome(fed.summary.as_ref())))?;
    }
    Ok(fed)
}
