//! What a run shows of itself to whoever looks after it (ROS): ends of mailboxes, and counters.

use nalgebra::Vector3;
use neuraxis_brainstem::{BodyState, LoopStats};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::{MailboxReader, MailboxWriter};
use neuraxis_core::Prediction;

/// How a run is. Reading takes nothing from anybody.
pub struct Insight {
    /// Timing of the loop, renewed each second.
    pub stats: MailboxReader<LoopStats>,
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// Progress, from the cerebellum.
    pub mind: MailboxReader<Option<CerebellumTick>>,
    /// The newest answer of whoever decides where the arm goes.
    pub predicted: MailboxReader<Option<Predicted>>,
    /// What the recorder did not get, by kind.
    pub lost: Vec<(&'static str, Counter)>,
}

/// How many there were so far.
pub type Counter = Box<dyn Fn() -> u64 + Send>;

/// An answer of whoever decides where the arm goes.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Counts the answers.
    pub number: u64,
    /// The answer.
    pub prediction: Prediction,
    /// Where the eye is and what it looks at, in the world [m]; `None`: no gaze.
    pub gaze: Option<[Vector3<f64>; 2]>,
}

/// Where answers are shown.
pub struct Showcase {
    answers: u64,
    window: MailboxWriter<Option<Predicted>>,
}

impl Showcase {
    /// Behind the window's glass.
    pub fn new(window: MailboxWriter<Option<Predicted>>) -> Self {
        Self { answers: 0, window }
    }

    /// Shows an answer in the place of the last one. Wait-free.
    pub fn show(&mut self, prediction: Prediction, gaze: Option<[Vector3<f64>; 2]>) {
        self.answers += 1;
        self.window.write(Some(Predicted { number: self.answers, prediction, gaze }));
    }
}
