//! `neuraxis replay --policy W`: what other weights answer to what was seen, beside what was answered.

use std::{collections::VecDeque, path::Path, sync::Arc};

use anyhow::{Result, bail};
use neuraxis_core::{Instruction, Nanos, Observation, Policy, Prediction, TextEmbedder};
use neuraxis_episode::{EpisodeReader, Glance, PredictionDetail, Record};
use neuraxis_policy::{CorticalPolicy, checkpoint::About, choices::Dynamic, text::MiniLm};
use neuraxis_viz::Answers;

use crate::{config::Config, eval::Actor, looked, package, source::load_any_policy};

/// Observations that wait for the answer that was made from them, at most: two seconds of a slow policy.
const MOST_WAITING: usize = 32;
/// Topic of the recorded answers.
const ANSWERS: &str = "/prediction";

/// An answer of other weights that can be compared.
pub struct Compared {
    /// When the observation was taken.
    pub stamp: Nanos,
    /// Both answers.
    pub answers: Answers,
    /// What the other weights looked at.
    pub detail: PredictionDetail,
}

/// Other weights, asked what they would have answered.
pub struct Other {
    policy: CorticalPolicy,
    embedder: MiniLm,
    /// What they are called.
    name: String,
    /// Time between two questions; `None`: one for each key-frame.
    every: Option<Nanos>,
    words: Option<Instruction>,
    waiting: VecDeque<Arc<Observation>>,
    /// Instruction and key-frames reached of the last decision.
    decided: Option<(u32, u32)>,
    /// The newest recorded answer.
    newest: Option<Prediction>,
    /// At a fixed rate: answers that wait for the recorded one.
    answered: VecDeque<(Nanos, Prediction, PredictionDetail)>,
    asked_at: Option<Nanos>,
    /// Decisions whose observation is not there.
    pub unseen: u64,
    /// Recorded answers to instructions that are not recorded.
    pub unheard: u64,
    /// Observations that the weights refused, and why the last time.
    pub refused: (u64, Option<String>),
}

impl Other {
    /// Loads weights (`weights`: those that are shipped for the recorded robot) for a recording.
    ///
    /// # Errors
    /// Everything that the weights need and the recording does not have.
    pub fn new(
        root: &Path,
        reader: &EpisodeReader,
        glance: &Glance,
        weights: &str,
        every: Option<f64>,
    ) -> Result<Self> {
        let file = reader.path().display();
        let Some(robot) = reader.header().meta["configuration"]["name"].as_str() else {
            bail!("{file}: does not say which robot it is of, as imported recordings do not: weights are for one robot")
        };
        let config = Config::load(root, robot)?;
        let Actor::Weights(path) = Actor::of(weights, &config) else {
            bail!("--policy {weights}: `weights` or a file of weights answers again")
        };
        let embedder = package::text_encoder(root)?;
        let policy = load_any_policy(&config, &path, embedder.id())?;
        let lacks = lacks(policy.about(), robot, glance);
        if !lacks.is_empty() {
            bail!("{file}: {} cannot answer again: {}", path.display(), lacks.join("; "));
        }
        Ok(Self {
            policy,
            embedder,
            name: path.file_stem().map_or_else(|| weights.to_string(), |stem| stem.to_string_lossy().into_owned()),
            every: every.map(Nanos::from_secs),
            words: None,
            waiting: VecDeque::new(),
            decided: None,
            newest: None,
            answered: VecDeque::new(),
            asked_at: None,
            unseen: 0,
            unheard: 0,
            refused: (0, None),
        })
    }

    /// What the weights are called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of the file of weights.
    pub fn hash(&self) -> u64 {
        self.policy.hash()
    }

    /// Takes the next record; what can be compared now. An observation is recorded before the answer made from it.
    pub fn see(&mut self, record: &Record) -> Result<Vec<Compared>> {
        match record {
            Record::Instruction { epoch, text, .. } => {
                let left = self.end();
                self.words = match text.as_str() {
                    "" => None,
                    text => {
                        let features = Some(self.embedder.embed(text)?);
                        Some(Instruction { text: text.into(), epoch: *epoch, features })
                    }
                };
                (self.decided, self.newest) = (None, None);
                self.waiting.clear();
                Ok(left)
            }
            Record::Observation(seen) => {
                match self.every {
                    Some(every) => self.ask_at_rate(seen, every),
                    None => {
                        if self.waiting.len() == MOST_WAITING {
                            self.waiting.pop_front();
                        }
                        self.waiting.push_back(seen.clone());
                    }
                }
                Ok(Vec::new())
            }
            Record::Prediction(_, prediction) if self.words.as_ref().is_none_or(|w| w.epoch != prediction.epoch) => {
                self.unheard += 1;
                Ok(Vec::new())
            }
            Record::Prediction(_, prediction) => Ok(match self.every {
                Some(_) => {
                    let ready = self.until(prediction);
                    self.newest = Some(**prediction);
                    ready
                }
                None => self.decision(prediction).into_iter().collect(),
            }),
            _ => Ok(Vec::new()),
        }
    }

    /// What is left to compare when the recording has ended.
    pub fn end(&mut self) -> Vec<Compared> {
        let newest = self.newest;
        self.answered.drain(..).filter_map(|answer| Some(compared(newest?, answer))).collect()
    }

    /// Answers again what was answered first for a key-frame.
    fn decision(&mut self, recorded: &Prediction) -> Option<Compared> {
        let Some(at) = self.waiting.iter().position(|seen| seen.stamp == recorded.observed_at) else {
            self.unseen += 1;
            return None;
        };
        let seen = self.waiting.drain(..=at).next_back()?;
        let key = (recorded.epoch, seen.progress.reached_count);
        let is_first = self.decided.replace(key) != Some(key);
        // A gaze compares a frame with the one before.
        if !is_first && !self.looks_back() {
            return None;
        }
        let (other, detail) = self.ask(&seen)?;
        if !is_first {
            return None;
        }
        Some(compared(*recorded, (seen.stamp, other, detail)))
    }

    /// Answers if it is time to, for whatever was answered last when it was seen.
    fn ask_at_rate(&mut self, seen: &Arc<Observation>, every: Nanos) {
        let is_due = self.asked_at.is_none_or(|at| seen.stamp >= at + every);
        if !is_due && !self.looks_back() {
            return;
        }
        let answer = self.ask(seen);
        if is_due {
            self.asked_at = Some(seen.stamp);
            self.answered.extend(answer.map(|(other, detail)| (seen.stamp, other, detail)));
        }
    }

    /// At a fixed rate: what was answered in force until a new recorded answer, and with it.
    fn until(&mut self, recorded: &Prediction) -> Vec<Compared> {
        let mut ready = Vec::new();
        while let Some(answer) = self.answered.pop_front_if(|(stamp, ..)| *stamp <= recorded.observed_at) {
            let then = if answer.0 == recorded.observed_at { Some(*recorded) } else { self.newest };
            ready.extend(then.map(|then| compared(then, answer)));
        }
        ready
    }

    fn ask(&mut self, seen: &Observation) -> Option<(Prediction, PredictionDetail)> {
        let words = self.words.as_ref()?;
        match self.policy.predict(seen, words) {
            Ok(prediction) => Some((prediction, looked::detail(self.policy.views()))),
            Err(error) => {
                self.refused = (self.refused.0 + 1, Some(error.to_string()));
                None
            }
        }
    }

    fn looks_back(&self) -> bool {
        self.policy.about().config.dynamic == Dynamic::Gaze
    }
}

/// Two answers to one instruction.
fn compared(recorded: Prediction, (stamp, other, detail): (Nanos, Prediction, PredictionDetail)) -> Compared {
    Compared { stamp, answers: Answers { recorded: recorded.keyframe, other: other.keyframe }, detail }
}

/// What weights need and a recording does not have.
fn lacks(about: &About, robot: &str, glance: &Glance) -> Vec<String> {
    let mut lacks = Vec::new();
    if about.embodiment != robot {
        lacks.push(format!("trained for robot {:?}, the recording is of {robot:?}", about.embodiment));
    }
    let cameras = glance.cameras();
    let missing: Vec<&str> = about.cameras.iter().filter(|name| !cameras.contains(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        let there =
            if cameras.is_empty() { "none is recorded".into() } else { format!("recorded: {}", cameras.join(", ")) };
        lacks.push(format!("trained with camera {}, {there}", missing.join(", ")));
    }
    if glance.instruction.is_none() {
        lacks.push("no instruction is recorded".into());
    }
    if !glance.has(ANSWERS) {
        lacks.push("no prediction is recorded to compare with".into());
    }
    lacks
}
