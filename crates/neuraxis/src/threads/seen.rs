//! What the thread that thinks tells recorder, ROS and terminal of what a policy sees.

use std::sync::Arc;

use neuraxis_channel::RingSender;
use neuraxis_core::{Nanos, Prediction};
use neuraxis_episode::Level;

use super::Shared;
use crate::{
    given::Given,
    lack::{Lack, say},
    looked::{Looked, Sight},
};

/// What the recorder is told of an observation.
#[derive(Default)]
pub struct Seen {
    /// When the policy was done with it.
    pub at: Nanos,
    /// What was predicted; `None`: nothing, or somebody else tells the recorder.
    pub prediction: Option<Prediction>,
    /// Of the picture, when it was answered [s]; `None`: it was refused, or time stands still for answers.
    pub age_secs: Option<f64>,
    /// How whole was what it saw, if it sees.
    pub sight: Option<Sight>,
    /// What the networks looked at, if they are networks; of a policy in another process it may be what they looked at before.
    pub looked: Vec<Looked>,
    /// What has changed.
    pub news: Vec<(Level, String)>,
}

/// Where it is told.
pub struct SeenLinks {
    /// To the recorder.
    pub seen: RingSender<Arc<Seen>>,
    /// To ROS.
    pub looks: RingSender<Arc<Seen>>,
    lack: Lack,
}

impl SeenLinks {
    /// Nothing was told yet.
    pub fn new(seen: RingSender<Arc<Seen>>, looks: RingSender<Arc<Seen>>) -> Self {
        Self { seen, looks, lack: Lack::default() }
    }

    /// An answer, and what it rests on.
    pub fn answered(&mut self, given: &Given, sight: Option<Sight>, looked: Vec<Looked>, shared: &Shared) {
        let Given { prediction, at } = *given;
        let news = self.lack.answered(sight.as_ref().map_or(&[][..], |sight| &sight.left_out));
        say(&news);
        *shared.sight.lock() = sight.clone().unwrap_or_default();
        let age_secs = Some(at.secs_since(prediction.observed_at));
        let seen = Arc::new(Seen { at, prediction: Some(prediction), age_secs, sight, looked, news });
        self.looks.push_newest(seen.clone());
        self.seen.push(seen);
    }

    /// No answer, and why; `sight`: with what, if somebody has looked.
    pub fn refused(&mut self, at: Nanos, why: &str, sight: Option<Sight>, shared: &Shared) {
        let left_out = sight.as_ref().map_or(&[][..], |sight| &sight.left_out);
        let news: Vec<_> = self.lack.refused(at, why, left_out).into_iter().collect();
        say(&news);
        if let Some(sight) = &sight {
            shared.sight.lock().clone_from(sight);
        }
        if sight.is_some() || !news.is_empty() {
            self.seen.push(Arc::new(Seen { at, sight, news, ..Seen::default() }));
        }
    }

    /// Nothing stood against what was to be done, and no policy was asked.
    pub fn went_on(&mut self, at: Nanos, shared: &Shared) {
        *shared.sight.lock() = Sight::default();
        let news: Vec<_> = self.lack.went_on().into_iter().collect();
        say(&news);
        if !news.is_empty() {
            self.seen.push(Arc::new(Seen { at, news, ..Seen::default() }));
        }
    }
}
