//! What the thread that thinks tells recorder, ROS and terminal of what a policy sees.

use std::sync::Arc;

use neuraxis_channel::RingSender;
use neuraxis_core::{Instruction, Nanos, Prediction};
use neuraxis_episode::Level;

use super::Shared;
use crate::{
    given::Given,
    lack::{Lack, left_out, say},
    looked::{Looked, Sight},
};

/// What the recorder is told of an observation.
#[derive(Default)]
pub struct Seen {
    /// When the policy was done with it.
    pub at: Nanos,
    /// What is to be done from now on, where that has changed: number of the instruction and its sentence; empty: nothing.
    pub told: Option<(u32, String)>,
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

    /// What is to be done from now on; `None`: nothing.
    pub fn told(&mut self, at: Nanos, epoch: u32, words: Option<&Instruction>) {
        let told = Some((epoch, words.map_or_else(String::new, |words| words.text.to_string())));
        // Where the recorder is behind, the oldest answer goes, not the sentence.
        self.seen.push_newest(Arc::new(Seen { at, told, ..Seen::default() }));
    }

    /// An answer, and what it rests on; `trouble`: what was refused beside it.
    pub fn answered(
        &mut self,
        given: &Given,
        sight: Option<Sight>,
        looked: Vec<Looked>,
        trouble: Option<&str>,
        shared: &Shared,
    ) {
        let Given { prediction, at } = *given;
        let news = self.lack.hears(at, trouble, left_out(sight.as_ref()));
        say(&news);
        *shared.sight.lock() = sight.clone().unwrap_or_default();
        let age_secs = Some(at.secs_since(prediction.observed_at));
        let seen = Arc::new(Seen { at, told: None, prediction: Some(prediction), age_secs, sight, looked, news });
        self.looks.push_newest(seen.clone());
        self.seen.push(seen);
    }

    /// No answer, and why; `sight`: with what, if somebody has looked.
    pub fn refused(&mut self, at: Nanos, why: &str, sight: Option<Sight>, shared: &Shared) {
        let news = self.lack.hears(at, Some(why), left_out(sight.as_ref()));
        say(&news);
        if let Some(sight) = &sight {
            shared.sight.lock().clone_from(sight);
        }
        if sight.is_some() || !news.is_empty() {
            self.seen.push(Arc::new(Seen { at, sight, news, ..Seen::default() }));
        }
    }

    /// An order that will not be carried out, and why: each time, for somebody waits for it.
    pub fn order_refused(&mut self, at: Nanos, why: &str) {
        let news = vec![(Level::Warning, why.to_string())];
        say(&news);
        self.seen.push(Arc::new(Seen { at, news, ..Seen::default() }));
    }

    /// Nothing stood against what was to be done, and no policy was asked; `sight`: of the brain's own look.
    pub fn went_on(&mut self, at: Nanos, sight: Sight, shared: &Shared) {
        let news = self.lack.went_on(&sight.left_out);
        say(&news);
        shared.sight.lock().clone_from(&sight);
        if !news.is_empty() {
            self.seen.push(Arc::new(Seen { at, sight: Some(sight), news, ..Seen::default() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_channel::{RingReceiver, ring};
    use neuraxis_core::{Gripper, KeyFrame, Pose, StageTimes};

    use super::*;

    fn links() -> (SeenLinks, RingReceiver<Arc<Seen>>) {
        let ((seen, recorder), (looks, _)) = (ring(8), ring(8));
        (SeenLinks::new(seen, looks), recorder)
    }

    fn at(ms: u64) -> Nanos {
        Nanos::from_millis(ms)
    }

    fn answer(ms: u64) -> Given {
        let world_from_tool = Pose::identity();
        let prediction = Prediction {
            seq: 1,
            epoch: 1,
            observed_at: at(ms),
            keyframe: KeyFrame { world_from_tool, gripper: Gripper::Open, ignore_collisions: false },
            confidence: 1.0,
            times: StageTimes::default(),
            path: None,
        };
        Given { prediction, at: at(ms + 50) }
    }

    /// What was written down, in words.
    fn told(recorder: &RingReceiver<Arc<Seen>>) -> Vec<String> {
        let all = std::iter::from_fn(|| recorder.pop());
        all.flat_map(|seen| seen.news.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn what_is_refused_beside_an_answer_is_told_and_taken_back_by_an_answer_without() {
        let (mut links, recorder) = links();
        let shared = Shared::default();
        links.answered(&answer(0), None, Vec::new(), Some("no way"), &shared);
        assert_eq!(told(&recorder), ["no answer: no way"]);
        links.answered(&answer(100), None, Vec::new(), None, &shared);
        assert_eq!(told(&recorder), ["answers again"]);
    }

    #[test]
    fn orders_that_are_refused_are_each_written_down() {
        let (mut links, recorder) = links();
        for ms in [0, 10] {
            links.order_refused(at(ms), "instruction \"schieb\" refused");
        }
        assert_eq!(told(&recorder), ["instruction \"schieb\" refused"; 2]);
    }
}
