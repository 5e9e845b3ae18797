//! A data set ready for training: what is held out, what is drawn, and how often.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use neuraxis_core::{TextEmbedder, TextFeatures};
use neuraxis_episode::dataset::Dataset;
use neuraxis_vision::Cloud;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::{Batch, LabelledGoal, Record, Rows, check_made_for, is_held_out, previous, wordings::Wordings};
use crate::{Error, PolicyConfig, Result, TrainConfig, gaze::GazeConfig, imported::ImportedKeypoints, views};

/// How much oftener than on the way to a key-frame in contact observations are drawn on the way to a free one, and where
/// the sentence decides between places.
const FREE_WEIGHT: usize = 2;
const CHOICE_WEIGHT: usize = 6;

/// A data set ready for training: records by kind, sentences encoded.
pub struct Samples {
    pub(crate) dataset: Dataset,
    pub(crate) records: Vec<Record>,
    /// Observations by (task, kind).
    training: Vec<Vec<usize>>,
    /// Indices into `training`, repeated by weight.
    draws: Vec<usize>,
    validation: Vec<usize>,
    pub(super) wordings: Wordings,
    pub(super) imported: Option<ImportedKeypoints>,
}

impl Samples {
    /// Reads all records, keeps whole scenes for validation, encodes every sentence once.
    pub fn new(dataset: Dataset, holdout: f64, embedder: &mut dyn TextEmbedder) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::Data("the data set is empty".into()));
        }
        let records = (0..dataset.len()).map(|i| Ok(dataset.record(i)?)).collect::<Result<Vec<Record>>>()?;
        let mut wordings = Wordings::default();
        let mut kinds: BTreeMap<(String, u32), Vec<usize>> = BTreeMap::new();
        let mut validation = Vec::new();
        for (i, record) in records.iter().enumerate() {
            if record.goals.is_empty() {
                return Err(Error::Data(format!("record {i} names no goal")));
            }
            wordings.learn(record, embedder)?;
            if is_held_out(record.seed, holdout) {
                validation.push(i);
            } else {
                kinds.entry((record.task.clone(), record.kind)).or_default().push(i);
            }
        }
        let training: Vec<Vec<usize>> = kinds.into_values().collect();
        if training.is_empty() {
            let scenes = records.iter().map(|record| record.seed).collect::<BTreeSet<_>>().len();
            let reason =
                format!("all of the {scenes} scenes are held out for evaluation: give more, or a smaller holdout");
            return Err(Error::Data(reason));
        }
        let mut samples = Self { dataset, records, training, draws: Vec::new(), validation, wordings, imported: None };
        samples.draws = samples.drawn(&BTreeMap::new());
        Ok(samples)
    }

    /// Adds other wordings of the sentences: `retell` is given a task and a sentence of it. Half of the training samples
    /// are told in one of these; evaluation keeps to the data's own sentences.
    pub fn with_wordings(
        mut self,
        embedder: &mut dyn TextEmbedder,
        mut retell: impl FnMut(&str, &str) -> Vec<String>,
    ) -> Result<Self> {
        for record in &self.records {
            self.wordings.retell(record, embedder, &mut retell)?;
        }
        Ok(self)
    }

    /// Refuses data that were not made for a policy of this configuration, key-frames that its cube does not show, and sentences
    /// that are too long for it.
    pub(crate) fn check_fits(&self, policy: &PolicyConfig) -> Result<()> {
        check_made_for(&self.dataset, &policy.bounds_m, Some(policy.plane_z_m))?;
        self.wordings.check_length(policy.text_len as usize)?;
        let cube = views::cube(policy);
        for (i, record) in self.records.iter().enumerate() {
            let outside = |goal: &&LabelledGoal| {
                let p = cube.cube_from_world(&goal.keyframe.world_from_tool.position());
                // Written so that NaN is outside.
                !p.iter().all(|x| x.abs() < 1.0)
            };
            let Some(goal) = record.goals.iter().find(outside) else { continue };
            let (dir, local) = self.dataset.place(i)?;
            return Err(Error::Data(format!(
                "{}: record {local}: the key-frame of {:?} at {:.3?} m is outside policy.bounds_m = {:?} m",
                dir.display(),
                goal.instruction,
                goal.keyframe.world_from_tool.position().as_slice(),
                policy.bounds_m
            )));
        }
        Ok(())
    }

    /// Number of other wordings.
    pub fn wordings(&self) -> usize {
        self.wordings.counts().1
    }

    /// Draws the named tasks so many times as often.
    pub fn with_emphasis(mut self, times: &BTreeMap<String, usize>) -> Result<Self> {
        let is_there = |task: &str| self.training.iter().any(|kind| self.task_of(kind) == task);
        if let Some(task) = times.keys().find(|task| !is_there(task)) {
            return Err(Error::Data(format!("emphasis: the data have no task {task:?} to train on")));
        }
        self.draws = self.drawn(times);
        Ok(self)
    }

    fn task_of(&self, kind: &[usize]) -> &str {
        kind.first().and_then(|&i| self.records.get(i)).map_or("", |record| &record.task)
    }

    /// Key-frames evenly by kind, for rare ones are as important as common ones. What the sentence names is the slowest
    /// to learn; key-frames in contact go on from where the arm is.
    pub(crate) fn drawn(&self, times: &BTreeMap<String, usize>) -> Vec<usize> {
        let weight = |kind: &[usize]| {
            if kind.iter().any(|&i| self.records[i].is_choice()) {
                CHOICE_WEIGHT
            } else if self.records[kind[0]].goals[0].keyframe.ignore_collisions {
                1
            } else {
                FREE_WEIGHT
            }
        };
        let of_task = |kind: &[usize]| times.get(self.task_of(kind)).copied().unwrap_or(1);
        let kinds = self.training.iter().enumerate();
        kinds.flat_map(|(k, kind)| std::iter::repeat_n(k, weight(kind) * of_task(kind))).collect()
    }

    /// Takes keypoints from a file instead of the scene's geometry.
    pub fn with_keypoints(self, imported: ImportedKeypoints) -> Self {
        Self { imported: Some(imported), ..self }
    }

    /// Observations kept for validation.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }

    /// The record of an observation.
    pub fn record(&self, i: usize) -> Option<&Record> {
        self.records.get(i)
    }

    /// Number of observations and of distinct sentences.
    pub fn counts(&self) -> (usize, usize) {
        (self.records.len(), self.wordings.counts().0)
    }

    /// Part of the batch of a step: samples numbered from 0 to `batch`. Sample i is a function of (seed, step, i) only,
    /// so that neither workers nor micro-batches change what a step learns from. Clips are for a network like `gaze`.
    pub fn training_batch(
        &self,
        config: &TrainConfig,
        gaze: Option<&GazeConfig>,
        step: u64,
        samples: Range<usize>,
    ) -> Result<Batch> {
        let mut rows = Rows::new(&config.policy, gaze)?;
        let mut scenes = Default::default();
        for i in samples {
            let mut rng = Pcg64::seed_from_u64(config.seed ^ step.wrapping_mul(0x1000_0001) ^ ((i as u64) << 48));
            let kind = &self.training[self.draws[rng.random_range(0..self.draws.len())]];
            let index = kind[rng.random_range(0..kind.len())];
            let others = self.records[index].goals.len() - 1;
            let goal = if others > 0 && rng.random_bool(config.relabel) { rng.random_range(0..others) + 1 } else { 0 };
            self.push(&mut rows, &mut scenes, config, index, goal, &mut rng)?;
        }
        rows.finish()
    }

    /// Does every goal say where its script ends?
    pub fn know_ends(&self) -> bool {
        self.records.iter().flat_map(|record| &record.goals).all(|goal| goal.end_xyz_in_world.is_some())
    }

    /// Replaces `scene` by the cloud of an observation.
    pub fn scene_into(&self, i: usize, scene: &mut Cloud) -> Result<()> {
        Ok(self.dataset.cloud_into(i, &mut scene.xyz_in_world, &mut scene.rgb)?)
    }

    /// Replaces `before` by the cloud of the observation before, if there is one and `rows` show it.
    pub fn before_into<'a>(&self, i: usize, before: &'a mut Cloud, rows: &Rows) -> Result<Option<&'a Cloud>> {
        let Some(previous) = previous(&self.records, i).filter(|_| rows.feed().wants_before()) else { return Ok(None) };
        self.scene_into(previous, before)?;
        Ok(Some(before))
    }

    /// Features of a sentence of the data set.
    pub fn sentence(&self, text: &str) -> Result<&TextFeatures> {
        self.wordings.own(text)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn whatever_a_data_set_may_hold_can_be_drawn() {
        assert_eq!(neuraxis_episode::dataset::MOST_POINTS, neuraxis_vision::MOST_POINTS as u64);
    }
}
