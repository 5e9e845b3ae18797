//! How long a long recording takes to open: one that is there, repeated until it is long enough.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use neuraxis_core::{Nanos, Observation};
use neuraxis_episode::{EpisodeReader, EpisodeWriter, Info, Record, TickSample};
use neuraxis_viz::Viz;

use super::Measured;
use crate::{config::Config, replay};

/// All rows; the long recording and what the viewer makes of it are written to `out`.
pub fn replay(config: &Config, file: &Path, secs: f64, out: &Path, keep_files: bool) -> Result<Vec<Measured>> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (long, rrd) = (out.join("long.mcap"), out.join("long.rrd"));
    repeat(file, secs, &long)?;
    let megabytes = |path: &Path| -> Result<f64> {
        Ok(std::fs::metadata(path).with_context(|| path.display().to_string())?.len() as f64 / 1e6)
    };
    let one = |name: &str, start: Instant| Measured::samples(name, "s", &[start.elapsed().as_secs_f64()]);

    let start = Instant::now();
    let recording = replay::Recording::open(&long)?;
    let mut rows = vec![one("replay.open", start).target("seconds: from here on the viewer is fed")];
    let start = Instant::now();
    let reader = EpisodeReader::open(&long)?;
    let records = reader.records().filter(Result::is_ok).count();
    rows.push(one("replay.decode", start));
    let start = Instant::now();
    let mut viz = Viz::to_file(&rrd, &replay::window::config(&config.root, &recording, None))?;
    replay::feed(&recording, Some(&mut viz), None)?;
    viz.finish()?;
    rows.push(one("replay.feed", start));
    let start = Instant::now();
    let info = Info::of(&reader);
    rows.push(one("rec.info", start));
    say!(
        "recording   {:.0} s, {records} records, {:.0} MB; for the viewer {:.0} MB; it ends {}",
        info.duration_secs,
        megabytes(&long)?,
        megabytes(&rrd)?,
        info.ends
    );
    if !keep_files {
        for path in [&long, &rrd] {
            std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(rows)
}

/// Writes a recording again and again, each time later.
fn repeat(file: &Path, secs: f64, out: &Path) -> Result<()> {
    let reader = EpisodeReader::open(file)?;
    let once = Info::of(&reader);
    let ticks = once.topics.iter().find(|topic| topic.topic == "/neuraxis/tick").map_or(0, |topic| topic.messages);
    if once.duration_secs < 0.1 {
        bail!("{}: {:.3} s are too short to be repeated", file.display(), once.duration_secs);
    }
    let period = Nanos::from_secs(once.duration_secs + 0.001);
    let mut writer = EpisodeWriter::create(out, reader.header())?;
    let times = (secs / period.secs()).ceil() as u64;
    for time in 0..times {
        for record in reader.records() {
            let Some(record) = later(record?, time, Nanos(period.0 * time), ticks * time) else { continue };
            writer.record(&record)?;
        }
    }
    writer.finish()?;
    Ok(())
}

/// The same at another time; what a run says once is said once.
fn later(record: Record, time: u64, by: Nanos, ticks: u64) -> Option<Record> {
    Some(match record {
        Record::Instruction { .. } | Record::Summary(..) | Record::Drops(..) if time > 0 => return None,
        Record::State(state) => Record::State(neuraxis_core::ArmState { stamp: state.stamp + by, ..state }),
        Record::Command(mut command) => {
            command.stamp = command.stamp + by;
            Record::Command(command)
        }
        Record::Tick(tick) => {
            let TickSample { number, mut inputs, mut decision, .. } = *tick;
            (inputs.now, inputs.state.stamp, decision.now) =
                (inputs.now + by, inputs.state.stamp + by, decision.now + by);
            Record::Tick(Box::new(TickSample { number: number + ticks, inputs, decision, ..*tick }))
        }
        Record::Observation(seen) => {
            Record::Observation(Observation { stamp: seen.stamp + by, ..Observation::clone(&seen) }.into())
        }
        Record::Prediction(at, prediction) => Record::Prediction(at + by, prediction),
        Record::Detail(at, detail) => Record::Detail(at + by, detail),
        Record::Cloud(at, points) => Record::Cloud(at + by, points),
        Record::Phase(at, phase) => Record::Phase(at + by, phase),
        Record::Brain(at, panel) => Record::Brain(at + by, panel),
        Record::Things(at, things) => Record::Things(at + by, things),
        Record::Monitors(at, monitors) => Record::Monitors(at + by, monitors),
        Record::Event(at, level, text) => Record::Event(at + by, level, text),
        other => other,
    })
}
