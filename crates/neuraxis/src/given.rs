//! From a picture to motion: a prediction with the time it was given at, and how long all of it takes, by the robot's clock.

use neuraxis_brainstem::{Histogram, MonotonicClock, Percentiles};
use neuraxis_core::{Clock, Nanos, Prediction};

/// A prediction, and since when the cerebellum can have it.
#[derive(Copy, Clone, Debug)]
pub struct Given {
    /// The prediction.
    pub prediction: Prediction,
    /// Since when.
    pub at: Nanos,
}

impl Given {
    /// Since now.
    pub fn now(prediction: Prediction) -> Self {
        Self { prediction, at: MonotonicClock.now() }
    }
}

/// How long it took until the cerebellum had looked at a prediction and its segment was out. No heap after its making.
#[derive(Default)]
pub struct ToSegment {
    from_prediction: Histogram,
    from_picture: Histogram,
}

impl ToSegment {
    /// The segment after this prediction is out.
    pub fn note(&mut self, given: &Given) {
        let now = MonotonicClock.now();
        self.from_prediction.record(now - given.at);
        self.from_picture.record(now - given.prediction.observed_at);
    }

    /// With what the policy's thread has measured.
    pub fn latencies(&self, to_policy: &Histogram, in_policy: &Histogram) -> Latencies {
        Latencies {
            to_policy: to_policy.percentiles(),
            in_policy: in_policy.percentiles(),
            to_segment: self.from_prediction.percentiles(),
            in_all: self.from_picture.percentiles(),
        }
    }
}

/// From pictures to motion, of a whole run.
#[derive(Copy, Clone, Debug)]
pub struct Latencies {
    /// From the capture of the picture until the policy begins; where it is in another process, until the picture is about to be sent.
    pub to_policy: Percentiles,
    /// Until there is a prediction: inference, and a way to the key-frame; where the policy is in another process, the wire too.
    pub in_policy: Percentiles,
    /// Until the cerebellum's next segment is out.
    pub to_segment: Percentiles,
    /// All of it.
    pub in_all: Percentiles,
}

impl Latencies {
    /// Each part with its name.
    pub fn named(&self) -> [(&'static str, &Percentiles); 4] {
        [
            ("image to policy", &self.to_policy),
            ("in the policy", &self.in_policy),
            ("prediction to segment", &self.to_segment),
            ("image to segment", &self.in_all),
        ]
    }

    /// A line, if there were predictions.
    pub fn print(&self) {
        if self.in_all.count == 0 {
            return;
        }
        let ms = |t: Nanos| t.secs() * 1e3;
        let parts = self.named().map(|(name, p)| format!("{name} {:.1}/{:.1}", ms(p.p50), ms(p.p99)));
        say!("latency     {} ms (p50/p99)", parts.join(", "));
    }
}
