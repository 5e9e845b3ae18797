//! What touches the arm: friction and what is usual of it, from recordings of ordinary work.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use neuraxis_episode::{EpisodeReader, Record};
use neuraxis_robot::{
    Robot,
    contact::{ContactModel, Measured, Training},
};

/// Less motion than this teaches nothing [s].
const LEAST_SECS: f64 = 60.0;

/// Writes `contact.json`.
pub fn run(files: &[PathBuf], robot: Robot, out: &Path) -> Result<()> {
    let began = Instant::now();
    let robot = Arc::new(robot);
    let mut recordings = Vec::new();
    for file in files {
        recordings.push(measured(file, &robot)?);
    }
    let secs: f64 = recordings.iter().filter_map(|r| Some(r.last()?.secs - r.first()?.secs)).sum();
    if secs < LEAST_SECS {
        bail!("{secs:.0} s in {} recordings, wanted: {LEAST_SECS} s at least, ten minutes if it can be", files.len());
    }
    let made = format!("neuraxis calibrate contact, {} recordings, {secs:.0} s", files.len());
    let model = ContactModel::learn(&robot, &recordings, &Training::default(), made)?;
    model.write(out)?;
    say!("{} recordings, {secs:.0} s of motion, learned in {:.0} s", files.len(), began.elapsed().as_secs_f64());
    say!("written     {}", out.display());
    Ok(())
}

/// The joint states of a recording.
fn measured(file: &Path, robot: &Robot) -> Result<Vec<Measured>> {
    let reader = EpisodeReader::open(file)?;
    if reader.header().joint_names != robot.joint_names() {
        bail!("{}: a recording of {:?}, not of {:?}", file.display(), reader.header().joint_names, robot.joint_names());
    }
    let mut states = Vec::new();
    for record in reader.records() {
        if let Record::State(state) = record? {
            let (q, qd, tau_nm) = (state.q, state.qd, state.tau_nm);
            states.push(Measured { secs: state.stamp.secs(), q, qd, tau_nm });
        }
    }
    states.first().with_context(|| format!("{}: no joint states", file.display()))?;
    Ok(states)
}
