//! `neuraxis rec`: what is in a recording, parts of it, and its numbers for other programs.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use neuraxis_core::Nanos;
use neuraxis_episode::{Edited, EpisodeReader, Info, OwnRecording, Record, Recorded, cut, merge};
use serde_json::Value;

use crate::cli::can_write;

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub enum RecCommand {
    /// Duration, topics with counts, rates and sizes, instruction, outcome, versions, drops, gaps, and how it ends.
    Info {
        /// A recording.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// A part of a recording; saves what is good of a damaged one.
    Cut {
        /// A recording.
        file: PathBuf,
        /// From this time on [s from its start].
        #[arg(long, default_value_t = 0.0, value_name = "S")]
        from: f64,
        /// Until this time [s from its start]; to the end if left out.
        #[arg(long, default_value_t = f64::INFINITY, hide_default_value = true, value_name = "S")]
        to: f64,
        /// The new recording.
        #[arg(long)]
        out: PathBuf,
        /// Replace a file that exists.
        #[arg(long)]
        force: bool,
    },
    /// Join parts of one run; what several hold is written once.
    Merge {
        /// The parts.
        #[arg(required = true, num_args = 2.., value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The new recording.
        #[arg(long)]
        out: PathBuf,
        /// Replace a file that exists.
        #[arg(long)]
        force: bool,
    },
    /// For other programs.
    #[command(group = clap::ArgGroup::new("form").required(true))]
    Export {
        /// A recording.
        file: PathBuf,
        /// For the Rerun viewer, as `neuraxis replay --rrd`.
        #[arg(long, value_name = "OUT", group = "form")]
        rrd: Option<PathBuf>,
        /// A folder for joint_states.csv, joint_commands.csv and events.csv.
        #[arg(long, value_name = "DIR", group = "form")]
        csv: Option<PathBuf>,
        /// A new folder for a data set of LeRobot, version 3: joints, gripper, commands, pictures. Depth and calibration have no
        /// place in it.
        #[arg(long, value_name = "DIR", group = "form")]
        lerobot: Option<PathBuf>,
        /// A folder for an episode in RLBench's layout, TASK/all_variations/episodes/episodeN, which PerAct's loader reads too. N
        /// is the scene's seed, or the next number that is free. A recording is written there once.
        #[arg(long, value_name = "DIR", group = "form")]
        rlbench: Option<PathBuf>,
        /// Replace files that exist; --lerobot and --rlbench replace none.
        #[arg(long, conflicts_with_all = ["lerobot", "rlbench"])]
        force: bool,
    },
}

/// Carries it out.
pub fn run(root: &Path, what: &RecCommand) -> Result<()> {
    match what {
        RecCommand::Info { file, json } => {
            let info = Info::of(&EpisodeReader::open(file)?);
            match json {
                true => say!("{}", serde_json::to_string_pretty(&info)?),
                false => put!("{}", describe(file, &info)?),
            }
            Ok(())
        }
        RecCommand::Cut { file, from, to, out, force } => {
            if !(*from >= 0.0 && from < to) {
                bail!("--from {from} --to {to}: from 0 on, and from before to");
            }
            told(out, &cut(file, *from, *to, out, *force)?);
            Ok(())
        }
        RecCommand::Merge { files, out, force } => {
            told(out, &merge(files, out, *force)?);
            Ok(())
        }
        RecCommand::Export { file, rrd, csv, lerobot, rlbench, force } => {
            if let Some(out) = rrd {
                crate::replay::to_file(root, file, out, *force)?;
            }
            if let Some(dir) = lerobot {
                return to_lerobot(file, dir);
            }
            if let Some(dir) = rlbench {
                let own = own(file)?;
                let (folder, count) = neuraxis_rlbench::export(&own, dir)?;
                say!("written     {}, {count} frames", folder.display());
                return Ok(());
            }
            csv.as_ref().map_or(Ok(()), |dir| tables(file, dir, *force))
        }
    }
}

/// A recording as an episode; what is odd about it is said.
fn own(file: &Path) -> Result<OwnRecording> {
    let own = OwnRecording::new(EpisodeReader::open(file)?)?;
    own.about().notes.iter().for_each(|note| say_err!("note: {note}"));
    Ok(own)
}

fn to_lerobot(file: &Path, dir: &Path) -> Result<()> {
    let told = neuraxis_formats::lerobot::export(&own(file)?, dir)?;
    told.notes.iter().for_each(|note| say_err!("note: {note}"));
    say!("written     {}, {} frames, {} a second", dir.display(), told.frames, told.fps);
    // A frame's time is its number there.
    say!("            times moved by {:.1} ms at most", told.shift_secs * 1e3);
    Ok(())
}

/// An error where a file would be replaced without having been told to, or cannot be written at all.
pub fn may_write(option: &str, out: &Path, force: bool) -> Result<()> {
    if out.exists() && !force {
        bail!("{}: exists already; --force replaces it", out.display());
    }
    can_write(option, out)
}

fn told(out: &Path, edited: &Edited) {
    say!("written     {}, {} messages", out.display(), edited.messages);
    edited.losses.iter().for_each(|loss| say!("lost        {loss}"));
}

/// How a recorded run ended, in words.
pub fn outcome(summary: Option<&Value>) -> String {
    let Some(summary) = summary else { return "outcome not recorded".into() };
    let success = match summary["success"].as_bool() {
        Some(true) => "success",
        Some(false) => "no success",
        None => "nobody judged",
    };
    let reached = summary["key_frames"].as_u64().map_or_else(String::new, |count| format!(", {count} key-frames"));
    let fault = summary["fault"].as_str().map_or_else(String::new, |fault| format!(", fault {fault}"));
    format!("{success}{reached}{fault}")
}

/// A recording in words.
fn describe(file: &Path, info: &Info) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "file        {}, {}", file.display(), size(info.file_bytes))?;
    writeln!(out, "ends        {}", info.ends)?;
    writeln!(out, "duration    {:.3} s", info.duration_secs)?;
    for (secs, text) in &info.instructions {
        writeln!(out, "instruction {text} (at {secs:.1} s)")?;
    }
    if !info.run.is_null() {
        writeln!(out, "run         {}", info.run)?;
    }
    writeln!(out, "outcome     {}", outcome(info.summary.as_ref()).trim_start_matches("outcome "))?;
    let version = if info.version.is_null() { "unknown".to_string() } else { info.version.to_string() };
    writeln!(out, "version     {version}, configuration {}", info.configuration_hash)?;
    let drops = info.drops.as_ref().map_or_else(|| "not recorded".to_string(), ToString::to_string);
    writeln!(out, "dropped     {drops}")?;
    for gap in &info.gaps {
        match gap.after {
            Some(tick) => writeln!(out, "gap         {} ticks of the loop after tick {tick}", gap.missing)?,
            None => writeln!(out, "gap         the loop's first {} ticks", gap.missing)?,
        }
    }
    let width = info.topics.iter().map(|topic| topic.topic.len()).max().unwrap_or(0).max(5);
    let [messages, rate, bytes, longest] = ["messages", "rate [Hz]", "size", "longest gap"];
    writeln!(out, "\n{:<width$} {messages:>8} {rate:>9} {bytes:>10} {longest:>11}  type", "topic")?;
    for topic in &info.topics {
        let backward = match topic.backward {
            0 => String::new(),
            count => format!("; {count} stamped before the one before"),
        };
        writeln!(
            out,
            "{:<width$} {:>8} {:>9.1} {:>10} {:>9.0}ms  {}{backward}",
            topic.topic,
            topic.messages,
            topic.rate_hz,
            size(topic.bytes),
            topic.longest_gap_secs * 1e3,
            topic.schema
        )?;
    }
    Ok(out)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A file of rows with a head.
struct Table {
    path: PathBuf,
    out: BufWriter<File>,
    rows: u64,
}

impl Table {
    fn create(path: PathBuf, head: &[String]) -> Result<Self> {
        let out = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
        let mut table = Self { path, out, rows: 0 };
        table.row(head)?;
        table.rows = 0;
        Ok(table)
    }

    fn row(&mut self, cells: &[String]) -> Result<()> {
        self.rows += 1;
        writeln!(self.out, "{}", cells.join(",")).with_context(|| self.path.display().to_string())
    }

    fn close(mut self) -> Result<()> {
        self.out.flush().with_context(|| self.path.display().to_string())?;
        say!("written     {}, {} rows", self.path.display(), self.rows);
        Ok(())
    }
}

/// Joint states, commands and the log as tables.
fn tables(file: &Path, dir: &Path, force: bool) -> Result<()> {
    let reader = EpisodeReader::open(file)?;
    let zero = Nanos(Info::of(&reader).zero_nanos);
    let paths = ["joint_states.csv", "joint_commands.csv", "events.csv"].map(|name| dir.join(name));
    paths.iter().try_for_each(|path| may_write("--csv", path, force))?;
    let names = &reader.header().joint_names;
    let head = |parts: &[&str], last: &[&str]| -> Vec<String> {
        let joints = parts.iter().flat_map(|part| names.iter().map(move |name| format!("{name}.{part}")));
        let first = std::iter::once("time_s".to_string());
        first.chain(joints).chain(last.iter().map(|name| name.to_string())).collect()
    };
    let [states, commands, events] = paths;
    let mut states =
        Table::create(states, &head(&["q_rad", "qd_rad_s", "tau_nm"], &["gripper_width_m", "grip_force_n"]))?;
    let mut commands = Table::create(commands, &head(&["q_rad", "qd_rad_s"], &["gripper_width_m"]))?;
    let mut events = Table::create(events, &["time_s".into(), "level".into(), "text".into()])?;
    let time = |stamp: Nanos| format!("{:.6}", (stamp - zero).secs());
    let numbers = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>();
    let mut records = reader.records();
    for record in records.by_ref() {
        match record {
            Ok(Record::State(state)) => {
                let mut row = vec![time(state.stamp)];
                // An arm that does not measure torques leaves their columns empty.
                let torques =
                    if state.tau_nm.is_empty() { vec![String::new(); names.len()] } else { numbers(&state.tau_nm) };
                row.extend(numbers(&state.q).into_iter().chain(numbers(&state.qd)).chain(torques));
                row.push(state.gripper_width_m.to_string());
                row.push(state.grip_force_n.map_or_else(String::new, |force| force.to_string()));
                states.row(&row)?;
            }
            Ok(Record::Command(command)) => {
                let mut row = vec![time(command.stamp)];
                row.extend(numbers(&command.q).into_iter().chain(numbers(&command.qd)));
                row.push(command.gripper_width_m.to_string());
                commands.row(&row)?;
            }
            Ok(Record::Event(stamp, level, text)) => {
                let quoted = format!("\"{}\"", text.replace('"', "\"\""));
                events.row(&[time(stamp), format!("{level:?}"), quoted])?;
            }
            Ok(_) => {}
            Err(error) => say_err!("warning: {error}"),
        }
    }
    if records.end() != Some(neuraxis_episode::End::Complete) {
        say_err!("warning: {}: not complete; what came before is written", file.display());
    }
    [states, commands, events].into_iter().try_for_each(Table::close)
}
