//! Who takes records out of the loop's rings, and takes them badly: a viewer, and a recorder with a real file.

use std::path::{Path, PathBuf};

use neuraxis_brainstem::TickRecord;
use neuraxis_channel::{RingReceiver, RingSender};
use neuraxis_core::{Nanos, Pose};
use neuraxis_episode::{CommandSample, DepthEncoding, EpisodeError, EpisodeReader, EpisodeWriter, Header};
use neuraxis_robot::Robot;
use rand::Rng;
use rand_pcg::Pcg64;

use crate::{FaultKind, thinker::unwind};

/// Records are taken at this rate.
const PERIOD: Nanos = Nanos::from_millis(20);
/// A disk or viewer that is late, is late by this.
const LATE: Nanos = Nanos::from_millis(100);
/// A slow one takes this many at a time, a tenth of what comes.
const SLOW_RECORDS: usize = 2;
/// Joint states are written at this rate: every fifth millisecond.
const STATE_EVERY: u64 = 5;
/// A file on a disk that is full: writing to it is answered with ENOSPC by the kernel.
const FULL_DISK: &str = "/dev/full";

/// One reader of a ring of tick records.
pub(crate) struct Audience {
    sender: RingSender<TickRecord>,
    /// `None` once its thread or process is gone.
    ring: Option<RingReceiver<TickRecord>>,
    room: u64,
    writer: Option<EpisodeWriter>,
    file: Option<PathBuf>,
    fault: Option<FaultKind>,
    next: Nanos,
    random: Pcg64,
    taken: u64,
    /// Records or visits that the fault changed.
    pub(crate) disturbed: u64,
    /// What the disk said.
    pub(crate) trouble: Option<String>,
}

impl Audience {
    /// A viewer of a ring of `room` records.
    pub(crate) fn viewer(ends: (RingSender<TickRecord>, RingReceiver<TickRecord>), room: u64, random: Pcg64) -> Self {
        let (sender, ring) = ends;
        Self {
            sender,
            ring: Some(ring),
            room,
            writer: None,
            file: None,
            fault: None,
            next: Nanos(0),
            random,
            taken: 0,
            disturbed: 0,
            trouble: None,
        }
    }

    /// A recorder that writes an episode to `file`.
    pub(crate) fn recorder(self, file: &Path, robot: &Robot) -> Result<Self, EpisodeError> {
        let writer = EpisodeWriter::create(file, &header(robot))?;
        Ok(Self { writer: Some(writer), file: Some(file.to_path_buf()), ..self })
    }

    /// Begins or ends a fault.
    pub(crate) fn set(&mut self, fault: Option<FaultKind>, robot: &Robot) {
        self.fault = fault;
        match fault {
            Some(FaultKind::Panic) => {
                // Both are dropped by the unwinding; the writer finishes its file then.
                unwind((self.ring.take(), self.writer.take()));
                self.disturbed += 1;
            }
            Some(FaultKind::Kill) => {
                // Nothing is dropped or finished: what was not yet handed to the system is lost.
                std::mem::forget((self.ring.take(), self.writer.take()));
                self.disturbed += 1;
            }
            Some(FaultKind::DiskFull) => {
                // The next file of the recording.
                self.trouble = EpisodeWriter::create(Path::new(FULL_DISK), &header(robot)).err().map(|e| chain(&e));
                drop((self.ring.take(), self.writer.take()));
                self.disturbed += 1;
            }
            _ => {}
        }
    }

    /// One millisecond.
    pub(crate) fn advance(&mut self, world: Nanos) {
        let Some(ring) = self.ring.as_ref().filter(|_| world >= self.next) else { return };
        self.next = world
            + match self.fault {
                Some(FaultKind::Delay) => LATE,
                Some(FaultKind::Jitter) => Nanos(self.random.random_range(0..=LATE.0)),
                _ => PERIOD,
            };
        self.disturbed += u64::from(self.fault.is_some());
        let most = match self.fault {
            Some(FaultKind::Hang) => 0,
            Some(FaultKind::Slow) => SLOW_RECORDS,
            _ => usize::MAX,
        };
        for _ in 0..most {
            let Some(record) = ring.pop() else { break };
            self.taken += 1;
            let Some(writer) = self.writer.as_mut().filter(|_| self.taken.is_multiple_of(STATE_EVERY)) else {
                continue;
            };
            let TickRecord { inputs, tick, .. } = &record;
            let (stamp, q, qd) = (tick.now, tick.command.q, tick.command.qd);
            let command = CommandSample { stamp, q, qd, gripper_width_m: tick.command.gripper_width_m };
            let written = writer.state(&inputs.state).and_then(|()| writer.command(&command));
            if let Err(error) = written {
                // The recording ends here; the loop goes on.
                (self.writer, self.trouble) = (None, Some(chain(&error)));
            }
        }
    }

    /// Joint states that can be read back from the file now.
    pub(crate) fn readable(&self) -> Result<usize, EpisodeError> {
        let Some(file) = &self.file else { return Ok(0) };
        let reader = EpisodeReader::open(file)?;
        Ok(reader.records().filter_map(Result::ok).count())
    }

    /// Each record was taken, dropped, or waits; those who take nothing cost records only.
    pub(crate) fn adds_up(&self, who: &str) -> Result<(), String> {
        let (sent, dropped) = (self.sender.sent(), self.sender.dropped());
        let waits = sent.checked_sub(self.taken + dropped);
        let fits = match &self.ring {
            Some(ring) => waits == Some(ring.len() as u64),
            None => waits.is_some_and(|waits| waits <= self.room),
        };
        if fits { Ok(()) } else { Err(format!("{who}: {sent} sent, {} taken, {dropped} dropped", self.taken)) }
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn header(robot: &Robot) -> Header {
    Header {
        joint_names: robot.joint_names().to_vec(),
        gripper_joint_names: vec!["finger".into()],
        robot_description: String::new(),
        base_frame: "base".into(),
        world_from_base: Pose::identity(),
        depth: DepthEncoding::Millimetres,
        meta: serde_json::Value::Null,
    }
}
