//! `neuraxis replay`: recorded episodes in the viewer again, alone or side by side.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use neuraxis_core::Nanos;
use neuraxis_episode::{End, EpisodeReader, Glance};
use neuraxis_viz::{Target, Viz, VizConfig, VizError};

use crate::{decisions, interrupt, rec, recorder};

/// Messages that cannot be decoded are named up to this count.
const MOST_NAMED: u64 = 3;

/// What to replay, and where.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recordings (MCAP) of ours; several stand side by side, their starts at the same time.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write a Rerun recording instead of opening the viewer.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["web", "decisions"])]
    rrd: Option<PathBuf>,
    /// Serve the viewer as a page on this machine only, until Ctrl-C.
    #[arg(long, conflicts_with = "decisions")]
    web: bool,
    /// Show nothing: take every decision of the loop again from its recorded inputs; an error names the first that differs,
    /// or a gap.
    #[arg(long)]
    decisions: bool,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

/// Carries it out.
pub fn run(root: &Path, args: &ReplayArgs) -> Result<()> {
    if args.decisions {
        return args.files.iter().try_for_each(|file| decisions::tell(file));
    }
    if let Some(out) = &args.rrd {
        return to_file(root, &args.files, out, args.force);
    }
    if args.web {
        return serve(root, &args.files);
    }
    let viewer = recorder::viewer(root);
    show(root, &args.files, &Target::Viewer { viewer: viewer.as_deref(), also_to: None })
}

/// Writes recordings for the viewer.
pub fn to_file(root: &Path, files: &[PathBuf], out: &Path, force: bool) -> Result<()> {
    rec::may_write(out, force)?;
    show(root, files, &Target::File(out))?;
    println!("written     {}", out.display());
    Ok(())
}

/// Reads recordings into the viewer.
fn show(root: &Path, files: &[PathBuf], target: &Target<'_>) -> Result<()> {
    let started = Instant::now();
    let readers = files.iter().map(|file| EpisodeReader::open(file)).collect::<Result<Vec<_>, _>>()?;
    let glances: Vec<Glance> = readers.iter().map(Glance::of).collect();
    let configs: Vec<VizConfig> = readers
        .iter()
        .zip(&glances)
        .enumerate()
        .map(|(index, (reader, glance))| config(root, reader, glance, (readers.len() > 1).then_some(index)))
        .collect();
    let windows = match Viz::together(target, &configs) {
        Err(VizError::NoDisplay) => bail!(
            "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; --rrd OUT writes a file for a machine with a screen, \
             --web serves a page on this one"
        ),
        windows => windows?,
    };
    println!("opened      after {:.2} s", started.elapsed().as_secs_f64());
    for ((reader, glance), mut viz) in readers.iter().zip(&glances).zip(windows) {
        let Fed { shown, unreadable, end } = feed(reader, &mut viz)?;
        viz.finish()?;
        let path = reader.path().display();
        println!("replayed    {path}: {:.1} s, {shown} records", glance.duration_secs);
        if unreadable > 0 {
            println!("            {unreadable} messages of it cannot be decoded and are left out");
        }
        match end {
            Some(End::Complete) => {}
            Some(End::Truncated) => println!("            it is truncated: what came before is shown"),
            None => println!("            it is damaged: what came before is shown"),
        }
    }
    println!("took        {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// What became of a recording in the viewer.
pub struct Fed {
    /// Records.
    pub shown: u64,
    /// Messages that cannot be decoded.
    pub unreadable: u64,
    /// How it ends; `None`: damaged.
    pub end: Option<End>,
}

/// Gives a recording to its window.
pub fn feed(reader: &EpisodeReader, viz: &mut Viz) -> Result<Fed> {
    let (mut shown, mut unreadable) = (0, 0);
    let mut records = reader.records();
    for record in records.by_ref() {
        match record {
            Ok(record) => {
                viz.show(&record)?;
                shown += 1;
            }
            Err(error) => {
                unreadable += 1;
                if unreadable <= MOST_NAMED {
                    eprintln!("warning: {error}");
                }
            }
        }
    }
    Ok(Fed { shown, unreadable, end: records.end() })
}

/// The window of a recording; with an index it stands beside others.
pub fn config(root: &Path, reader: &EpisodeReader, glance: &Glance, index: Option<usize>) -> VizConfig {
    let header = reader.header();
    let told = glance.instruction.as_deref().unwrap_or("no instruction");
    let path = reader.path();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let word: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    VizConfig {
        urdf: description(root, &header.meta["configuration"]["robot"]["urdf"]),
        robot_description: Some(header.robot_description.clone()),
        world_from_base: header.world_from_base,
        joint_names: header.joint_names.clone(),
        gripper_joint_names: header
            .gripper_joint_names
            .iter()
            .filter(|name| *name != recorder::GRIPPER)
            .cloned()
            .collect(),
        cameras: glance.cameras(),
        virtual_views: glance.views(),
        brain: glance.has_brain(),
        title: index.map_or_else(|| told.to_string(), |_| format!("{}: {told}", path.display())),
        root: index.map_or_else(String::new, |index| format!("/{}_{word}", index + 1)),
        zero: Nanos(glance.zero_nanos),
        ..VizConfig::default()
    }
}

/// Where the robot's meshes lie: beside its description as recorded, or beside the one of that name in this workspace.
fn description(root: &Path, recorded: &serde_json::Value) -> PathBuf {
    let recorded = PathBuf::from(recorded.as_str().unwrap_or("urdf/fr3.urdf"));
    let here = root.join("urdf").join(recorded.file_name().unwrap_or_default());
    if recorded.exists() { recorded } else { here }
}

/// The viewer as a page: our Rerun crate holds none, the installed program does.
fn serve(root: &Path, files: &[PathBuf]) -> Result<()> {
    let Some(viewer) = recorder::viewer(root) else {
        bail!("the Rerun program is not installed; ./neuraxis setup installs it");
    };
    interrupt::listen()?;
    let scratch = std::env::temp_dir().join(format!("neuraxis-replay-{}.rrd", std::process::id()));
    let served = show(root, files, &Target::File(&scratch)).and_then(|()| page(&viewer, &scratch));
    std::fs::remove_file(&scratch).with_context(|| scratch.display().to_string())?;
    served
}

fn page(viewer: &Path, recording: &Path) -> Result<()> {
    // Two free ports; whoever takes one in between makes the program fail, loudly.
    let port = || -> Result<u16> { Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()) };
    let (data, page) = (port()?, port()?);
    let mut server = Command::new(viewer)
        .arg(recording)
        .args(["--serve-web", "--bind", "127.0.0.1"])
        // Only what goes wrong.
        .env("RUST_LOG", "warn")
        .args(["--port", &data.to_string(), "--web-viewer-port", &page.to_string()])
        .spawn()
        .with_context(|| viewer.display().to_string())?;
    println!("look at it  http://127.0.0.1:{page}/?url=rerun%2Bhttp%3A%2F%2F127.0.0.1%3A{data}%2Fproxy");
    println!("            until Ctrl-C");
    loop {
        if let Some(status) = server.try_wait()? {
            if interrupt::asked() {
                return Ok(());
            }
            bail!("{} ended: {status}", viewer.display());
        }
        if interrupt::asked() {
            // It may have heard the same Ctrl-C and be gone.
            let _ = server.kill();
            server.wait()?;
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
