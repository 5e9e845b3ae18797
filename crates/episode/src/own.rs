//! Our own recordings as episodes that anything can be made of.

use neuraxis_core::{ArmState, Nanos, Observation};

use crate::{
    About, CommandSample, EpisodeError, EpisodeReader, Moment, Pictures, Record, Recorded, recorded::judge_gripper,
};

/// Damage is told so often.
const MOST_NOTES: usize = 5;

/// A recording whose frames are its observations.
pub struct OwnRecording {
    reader: EpisodeReader,
    about: About,
    moments: Vec<Moment>,
}

impl OwnRecording {
    /// Goes through a recording once. Torques, velocities and commands of a frame are those recorded last before it.
    ///
    /// # Errors
    /// The recording cannot be opened or holds no observation. What is damaged in it is in [`About::notes`].
    pub fn new(reader: EpisodeReader) -> Result<Self, EpisodeError> {
        let (mut state, mut command): (Option<ArmState>, Option<CommandSample>) = (None, None);
        let (mut moments, mut cameras) = (Vec::new(), Vec::<String>::new());
        let (mut instruction, mut notes, mut backward) = (None, Vec::new(), 0u64);
        let mut untold = 0u64;
        for record in reader.records() {
            match record {
                Ok(Record::State(seen)) => state = Some(seen),
                Ok(Record::Command(told)) => command = Some(told),
                Ok(Record::Instruction { text, .. }) => instruction = instruction.or(Some(text)),
                Ok(Record::Observation(seen)) => {
                    for view in &seen.cameras {
                        if !cameras.iter().any(|name| **name == *view.name) {
                            cameras.push(view.name.to_string());
                        }
                    }
                    if moments.last().is_some_and(|last: &Moment| last.stamp >= seen.stamp) {
                        backward += 1;
                        continue;
                    }
                    moments.push(moment(&seen, state.as_ref(), command.as_ref()));
                }
                Ok(_) => {}
                Err(error) if notes.len() < MOST_NOTES => notes.push(error.to_string()),
                Err(_) => untold += 1,
            }
        }
        if untold > 0 {
            notes.push(format!("{untold} more messages that cannot be decoded"));
        }
        if backward > 0 {
            notes.push(format!("{backward} observations are stamped no later than the one before and are left out"));
        }
        let header = reader.header();
        let run = &header.meta["run"];
        let stem = reader.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let about = About {
            source: "Neuraxis",
            task: run["task"].as_str().map_or(stem, str::to_string),
            number: run["seed"].as_u64().unwrap_or(0),
            instruction,
            joint_names: header.joint_names.clone(),
            gripper_joint_names: header.gripper_joint_names.clone(),
            cameras,
            robot_description: Some(header.robot_description.clone()),
            world_from_base: Some(header.world_from_base),
            notes,
        };
        if moments.is_empty() {
            let reason = "no observation in it".to_string();
            return Err(EpisodeError::Format { path: reader.path().to_path_buf(), reason });
        }
        judge_gripper(&mut moments);
        Ok(Self { reader, about, moments })
    }
}

fn moment(seen: &Observation, state: Option<&ArmState>, command: Option<&CommandSample>) -> Moment {
    Moment {
        stamp: seen.stamp,
        q: Some(seen.q).filter(|q| !q.is_empty()),
        qd: state.map(|state| state.qd).filter(|qd| !qd.is_empty()),
        tau_nm: state.map(|state| state.tau_nm).filter(|tau_nm| !tau_nm.is_empty()),
        q_command: command.map(|command| command.q),
        gripper_width_m: Some(seen.gripper_width_m),
        gripper_command_m: command.map(|command| command.gripper_width_m),
        gripper: None,
        world_from_tool: Some(seen.world_from_tool),
        ignore_collisions: None,
    }
}

impl Recorded for OwnRecording {
    fn about(&self) -> &About {
        &self.about
    }

    fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a> {
        let stamps: Vec<Nanos> =
            frames.iter().filter_map(|t| self.moments.get(*t)).map(|moment| moment.stamp).collect();
        let mut wanted = frames.iter().copied().zip(stamps).peekable();
        let pictures = self.reader.records().filter_map(move |record| {
            let (frame, stamp) = *wanted.peek()?;
            match record {
                Ok(Record::Observation(seen)) if seen.stamp == stamp => {
                    wanted.next();
                    Some(Ok((frame, seen.cameras.iter().cloned().map(Into::into).collect())))
                }
                Err(error @ EpisodeError::Damaged { .. }) => Some(Err(error)),
                // What cannot be decoded was noted when the recording was gone through first.
                _ => None,
            }
        });
        Box::new(pictures)
    }
}
