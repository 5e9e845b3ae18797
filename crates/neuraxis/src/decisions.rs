//! `neuraxis replay --decisions`: takes every decision of a recorded loop again, from the inputs recorded with it.

use std::{fmt, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::{Brainstem, BrainstemConfig, RefusedSegments, Requests, Tick, TickInputs, TickRecord};
use neuraxis_episode::{Decision, EpisodeReader, LoopInputs, Record, TickSample};
use neuraxis_robot::{Robot, RobotConfig};
use serde::de::DeserializeOwned;

/// A tick as it is recorded. Taken apart field by field: a new field does not compile until it is recorded.
pub fn sample(record: &TickRecord) -> TickSample {
    let TickRecord { number, inputs, tick, wake_latency, compute, missed } = *record;
    let TickInputs { now, state, segment, requests: Requests { stop, reset }, read, write, overrun } = inputs;
    TickSample {
        number,
        inputs: LoopInputs { now, state, segment, stop, reset, read, write, overrun },
        decision: decision(&tick),
        wake_latency,
        compute,
        missed,
    }
}

fn decision(tick: &Tick) -> Decision {
    let Tick {
        now,
        command,
        started,
        mode,
        fault,
        rejected,
        segment_epoch,
        segment_seq,
        refused,
        tracking_error_rad,
        clearance,
        speed_scale,
    } = *tick;
    let RefusedSegments { malformed, out_of_order, expired, jump, while_stopping } = refused;
    let neuraxis_brainstem::Clearance { joints_rad, walls_m, self_m } = clearance;
    Decision {
        now,
        command,
        started,
        mode: format!("{mode:?}"),
        fault,
        rejected,
        segment_epoch,
        segment_seq,
        refused: [malformed, out_of_order, expired, jump, while_stopping],
        tracking_error_rad,
        clearance: [joints_rad, walls_m, self_m],
        speed_scale,
    }
}

fn inputs(recorded: &LoopInputs) -> TickInputs {
    let LoopInputs { now, state, segment, stop, reset, read, write, overrun } = *recorded;
    TickInputs { now, state, segment, requests: Requests { stop, reset }, read, write, overrun }
}

/// What came of taking decisions again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Decisions that were the same to the last bit.
    pub same: u64,
    /// Why it ended before the recording did.
    pub end: Option<Early>,
}

/// Why a replay of decisions ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum Early {
    /// A decision differs: tick, field, recorded and decided again.
    Differs(u64, &'static str, String, String),
    /// Ticks are missing: the last one before, if any, and how many. What follows depends on them.
    Gap(Option<u64>, u64),
    /// The file is damaged there.
    Damaged(String),
}

impl fmt::Display for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(tick, field, recorded, again) => {
                write!(f, "tick {tick} differs in {field}: recorded {recorded}, decided again {again}")
            }
            Self::Gap(None, missing) => {
                write!(f, "the recording lacks the loop's first {missing} ticks: what follows depends on them")
            }
            Self::Gap(Some(last), missing) => {
                write!(f, "gap: {missing} ticks are missing after tick {last}; what follows depends on them")
            }
            Self::Damaged(reason) => write!(f, "{reason}"),
        }
    }
}

/// Feeds a fresh loop, configured as recorded, with the recorded inputs.
pub fn replay(reader: &EpisodeReader) -> Result<Replayed> {
    let mut brainstem = brainstem(reader)?;
    let mut same = 0;
    for record in reader.records() {
        let tick = match record {
            Ok(Record::Tick(tick)) => tick,
            Ok(_) => continue,
            Err(error) => return Ok(Replayed { same, end: Some(Early::Damaged(error.to_string())) }),
        };
        if tick.number != same {
            let missing = tick.number.saturating_sub(same);
            return Ok(Replayed { same, end: Some(Early::Gap(same.checked_sub(1), missing)) });
        }
        let again = decision(&brainstem.tick(&inputs(&tick.inputs)));
        if let Some((field, recorded, again)) = tick.decision.first_difference(&again) {
            return Ok(Replayed { same, end: Some(Early::Differs(tick.number, field, recorded, again)) });
        }
        same += 1;
    }
    if same == 0 {
        bail!("{}: no ticks of the loop are recorded here: an older recording, or another's", reader.path().display());
    }
    Ok(Replayed { same, end: None })
}

/// Says what came of it; an error where not all was the same.
pub fn tell(path: &Path) -> Result<()> {
    let reader = EpisodeReader::open(path)?;
    let Replayed { same, end } = replay(&reader)?;
    say!("{}: {same} decisions taken again, all the same to the last bit", path.display());
    let Some(end) = end else { return Ok(()) };
    let version = &reader.header().meta["version"];
    if matches!(end, Early::Differs(..)) && version["commit"] != env!("NEURAXIS_COMMIT") {
        say!("recorded by version {version}, this is commit {}", env!("NEURAXIS_COMMIT"));
    }
    bail!("{}: {end}", path.display())
}

/// The loop as it was when the recording was made: its configuration and robot are in the file.
fn brainstem(reader: &EpisodeReader) -> Result<Brainstem> {
    let config: BrainstemConfig = part(reader, "brainstem")?;
    let robot: RobotConfig = part(reader, "robot")?;
    // Crate k, which checks our kinematics, reads descriptions from files only.
    let urdf = std::env::temp_dir().join(format!("neuraxis-replay-{}.urdf", std::process::id()));
    std::fs::write(&urdf, &reader.header().robot_description).with_context(|| urdf.display().to_string())?;
    let loaded = Robot::from_urdf(&urdf, &robot);
    std::fs::remove_file(&urdf).with_context(|| urdf.display().to_string())?;
    let robot = loaded.with_context(|| format!("{}: the robot that is recorded", reader.path().display()))?;
    Ok(Brainstem::new(Arc::new(robot), config)?)
}

fn part<T: DeserializeOwned>(reader: &EpisodeReader, key: &str) -> Result<T> {
    let value = reader.header().meta["configuration"][key].clone();
    serde_json::from_value(value)
        .with_context(|| format!("{}: /neuraxis/meta: configuration.{key}", reader.path().display()))
}
