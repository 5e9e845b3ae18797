//! Our own recordings as episodes that anything can be made of.

use neuraxis_core::{ArmState, Gripper, Nanos, Observation};

use crate::{
    About, CommandSample, EpisodeError, EpisodeReader, Moment, Pictures, Record, Recorded, recorded::judge_gripper,
};

/// Damage is told so often.
const MOST_NOTES: usize = 5;
/// An answer holds so long for the frames after its own: policies are asked ten times a second, and where nobody asks any more
/// (a brain steers contacts itself) nothing is known [s].
const IN_FORCE_SECS: f64 = 0.5;
/// A picture taken so little before the loop's first tick is seen in that tick's state.
const BEFORE_THE_LOOP: Nanos = Nanos::from_millis(20);

/// A recording whose frames are its observations.
pub struct OwnRecording {
    reader: EpisodeReader,
    about: About,
    moments: Vec<Moment>,
    summary: Option<serde_json::Value>,
}

impl OwnRecording {
    /// Goes through a recording once. Torques, velocities and commands of a frame are those recorded last before it, or, where
    /// a run's first picture was taken before its first tick, those of that tick. Whether contact is intended is what the
    /// policy that led the arm answered to the frame, or shortly before it; the gripper is as that policy was told; where somebody
    /// else led the arm, its width tells. The episode is what was recorded under the first sentence: not the time before it, and
    /// not what follows another one or its end. How it ended is said of the whole recording.
    ///
    /// # Errors
    /// The recording cannot be opened or holds no observation. What is damaged in it is in [`About::notes`].
    pub fn new(reader: EpisodeReader) -> Result<Self, EpisodeError> {
        let (mut state, mut command): (Option<ArmState>, Option<CommandSample>) = (None, None);
        let (mut moments, mut cameras) = (Vec::new(), Vec::<String>::new());
        let (mut instruction, mut notes, mut backward) = (None, Vec::new(), 0u64);
        let mut untold = 0u64;
        let (mut approached, mut summary, mut is_over) = (None, None, false);
        // The arm was led by somebody else.
        let is_shadow = reader.header().meta["run"]["shadow"] == true;
        for record in reader.records() {
            match record {
                Ok(Record::Summary(_, ended)) => summary = Some(ended),
                _ if is_over => {}
                Ok(Record::State(felt)) => {
                    if state.is_none() {
                        just_before(&mut moments, felt.stamp).for_each(|moment| feel(moment, &felt));
                    }
                    state = Some(felt);
                }
                Ok(Record::Command(told)) => {
                    if command.is_none() {
                        just_before(&mut moments, told.stamp).for_each(|moment| tell(moment, &told));
                    }
                    command = Some(told);
                }
                Ok(Record::Instruction { stamp, text, .. }) => {
                    let said = Some(text).filter(|text| !text.trim().is_empty());
                    let is_first = instruction.is_none() && said.is_some();
                    if is_first {
                        // What came before it is about nothing.
                        moments.clear();
                    }
                    if is_first || moments.is_empty() {
                        instruction = said;
                    } else if said != instruction {
                        let secs = moments.first().map_or(0.0, |first: &Moment| stamp.secs_since(first.stamp));
                        notes.push(format!(
                            "what it was told changed {secs:.1} s after its first frame: what follows is left out; \
                             `neuraxis rec cut --from` makes a recording of it"
                        ));
                        is_over = true;
                    }
                }
                Ok(Record::Prediction(_, prediction)) if !is_shadow => {
                    let (at, flag) = (prediction.observed_at, prediction.keyframe.ignore_collisions);
                    let answered = moments.iter_mut().rev().take_while(|moment: &&mut Moment| moment.stamp >= at);
                    answered.for_each(|moment| moment.ignore_collisions = Some(flag));
                    approached = Some((at, flag));
                }
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
                    let seen = moment(&seen, state.as_ref(), command.as_ref());
                    let in_force = approached.filter(|(at, _)| seen.stamp.secs_since(*at) <= IN_FORCE_SECS);
                    moments.push(Moment { ignore_collisions: in_force.map(|(_, flag)| flag), ..seen });
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
        if approached.is_none() {
            let open_width_m = header.meta["configuration"]["cerebellum"]["open_width_m"].as_f64();
            // What came from another format may be in another unit.
            let open_width_m = open_width_m.filter(|_| run["source"].is_null());
            judge_gripper(&mut moments, open_width_m);
            if let Some(open_width_m) = open_width_m
                && moments.iter().all(|moment| moment.gripper == Some(Gripper::Closed))
            {
                notes.push(format!("the gripper is never open: open_width_m of cerebellum.yaml is {open_width_m} m"));
            }
        }
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
        Ok(Self { reader, about, moments, summary })
    }

    /// How it ended, after whatever it was told, in the words of who recorded it; `None`: it was cut off before.
    pub fn summary(&self) -> Option<&serde_json::Value> {
        self.summary.as_ref()
    }
}

fn moment(seen: &Observation, state: Option<&ArmState>, command: Option<&CommandSample>) -> Moment {
    let mut moment = Moment {
        stamp: seen.stamp,
        q: Some(seen.q).filter(|q| !q.is_empty()),
        qd: None,
        tau_nm: None,
        q_command: None,
        gripper_width_m: Some(seen.gripper_width_m),
        gripper_command_m: None,
        gripper: Some(seen.progress.gripper),
        world_from_tool: Some(seen.world_from_tool),
        ignore_collisions: None,
    };
    state.into_iter().for_each(|state| feel(&mut moment, state));
    command.into_iter().for_each(|command| tell(&mut moment, command));
    moment
}

fn feel(moment: &mut Moment, state: &ArmState) {
    moment.qd = Some(state.qd).filter(|qd| !qd.is_empty());
    moment.tau_nm = Some(state.tau_nm).filter(|tau_nm| !tau_nm.is_empty());
}

fn tell(moment: &mut Moment, command: &CommandSample) {
    moment.q_command = Some(command.q);
    moment.gripper_command_m = Some(command.gripper_width_m);
}

fn just_before(moments: &mut [Moment], begin: Nanos) -> impl Iterator<Item = &mut Moment> {
    moments.iter_mut().filter(move |moment| moment.stamp <= begin && begin <= moment.stamp + BEFORE_THE_LOOP)
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
