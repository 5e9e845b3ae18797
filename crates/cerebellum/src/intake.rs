//! Which predictions may be used at all.

use neuraxis_core::{KeyFrame, Nanos, Prediction};

use crate::CerebellumConfig;

/// Why a prediction was not used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Made for another task instance, or there is no task.
    WrongEpoch,
    /// Its number is below one that was seen already.
    OutOfOrder,
    /// A number is NaN or infinite, or the rotation is not one.
    NotFinite,
    /// Its observation is older than the lease.
    Stale,
    /// Its observation lies in the future.
    FromTheFuture,
    /// The pose lies outside the workspace.
    OutOfBounds,
    /// Its observation is older than the last arrival.
    BeforeArrival,
    /// No prediction is wanted now: the gripper moves, the arm stops, or each key-frame takes one prediction only.
    NotWanted,
    /// It repeats the key-frame just reached.
    AlreadyThere,
    /// A jump that too few predictions agree on.
    Unconfirmed,
    /// The motion layer found no way.
    Unreachable,
}

/// Predictions not used, by reason.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// See [`Refusal::WrongEpoch`].
    pub wrong_epoch: u64,
    /// See [`Refusal::OutOfOrder`].
    pub out_of_order: u64,
    /// See [`Refusal::NotFinite`].
    pub not_finite: u64,
    /// See [`Refusal::Stale`].
    pub stale: u64,
    /// See [`Refusal::FromTheFuture`].
    pub from_the_future: u64,
    /// See [`Refusal::OutOfBounds`].
    pub out_of_bounds: u64,
    /// See [`Refusal::BeforeArrival`].
    pub before_arrival: u64,
    /// See [`Refusal::NotWanted`].
    pub not_wanted: u64,
    /// See [`Refusal::AlreadyThere`].
    pub already_there: u64,
    /// See [`Refusal::Unconfirmed`].
    pub unconfirmed: u64,
    /// See [`Refusal::Unreachable`].
    pub unreachable: u64,
}

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&mut self, refusal: Refusal) {
        *self.entry(refusal) += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let mut all = *self;
        [
            Refusal::WrongEpoch,
            Refusal::OutOfOrder,
            Refusal::NotFinite,
            Refusal::Stale,
            Refusal::FromTheFuture,
            Refusal::OutOfBounds,
            Refusal::BeforeArrival,
            Refusal::NotWanted,
            Refusal::AlreadyThere,
            Refusal::Unconfirmed,
            Refusal::Unreachable,
        ]
        .iter()
        .map(|refusal| *all.entry(*refusal))
        .sum()
    }

    fn entry(&mut self, refusal: Refusal) -> &mut u64 {
        match refusal {
            Refusal::WrongEpoch => &mut self.wrong_epoch,
            Refusal::OutOfOrder => &mut self.out_of_order,
            Refusal::NotFinite => &mut self.not_finite,
            Refusal::Stale => &mut self.stale,
            Refusal::FromTheFuture => &mut self.from_the_future,
            Refusal::OutOfBounds => &mut self.out_of_bounds,
            Refusal::BeforeArrival => &mut self.before_arrival,
            Refusal::NotWanted => &mut self.not_wanted,
            Refusal::AlreadyThere => &mut self.already_there,
            Refusal::Unconfirmed => &mut self.unconfirmed,
            Refusal::Unreachable => &mut self.unreachable,
        }
    }
}

/// Clocks of threads and cameras may differ by this.
const SKEW_SECS: f64 = 0.02;

/// Looks at each prediction once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intake {
    epoch: Option<u32>,
    seen: Option<(u32, u64)>,
    newest: Option<u64>,
}

impl Intake {
    /// Predictions of this task instance are accepted from now on.
    pub(crate) fn begin(&mut self, epoch: u32) {
        self.epoch = Some(epoch);
        self.newest = None;
    }

    /// `None`: nothing new. Otherwise its key-frame, fit for use, or why not.
    pub(crate) fn look(
        &mut self,
        now: Nanos,
        prediction: Option<&Prediction>,
        config: &CerebellumConfig,
    ) -> Option<Result<KeyFrame, Refusal>> {
        let prediction = prediction?;
        let id = (prediction.epoch, prediction.seq);
        if self.seen == Some(id) {
            return None;
        }
        self.seen = Some(id);
        Some(self.check(now, prediction, config))
    }

    fn check(&mut self, now: Nanos, prediction: &Prediction, config: &CerebellumConfig) -> Result<KeyFrame, Refusal> {
        if self.epoch != Some(prediction.epoch) {
            return Err(Refusal::WrongEpoch);
        }
        if self.newest.is_some_and(|newest| prediction.seq <= newest) {
            return Err(Refusal::OutOfOrder);
        }
        let pose = &prediction.keyframe.world_from_tool;
        if !(pose.is_valid() && prediction.confidence.is_finite()) {
            return Err(Refusal::NotFinite);
        }
        let age_secs = now.secs_since(prediction.observed_at);
        if age_secs > config.prediction_lease_secs {
            return Err(Refusal::Stale);
        }
        if age_secs < -SKEW_SECS {
            return Err(Refusal::FromTheFuture);
        }
        let bounds = config.workspace_min_xyz_m.iter().zip(&config.workspace_max_xyz_m);
        if !pose.position().iter().zip(bounds).all(|(x, (low, high))| (*low..=*high).contains(x)) {
            return Err(Refusal::OutOfBounds);
        }
        self.newest = Some(prediction.seq);
        Ok(prediction.keyframe)
    }
}
