//! M1: signals of each tick, their scores, and thresholds by skill.

use neuraxis_core::Nanos;
use neuraxis_plan::Skill;

use super::{Cusum, Debounce, Ewma, Slip, Stall, Thresholds};

/// Number of channels.
pub const CHANNELS: usize = 7;

/// A score that is watched while a skill moves the arm.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// CUSUM of the tracking error.
    Tracking,
    /// CUSUM of the forward model's error.
    Model,
    /// CUSUM of the torque from outside that nobody expects (momentum observer less friction).
    Residual,
    /// The strangest average of that torque over its scale, as it comes: `neuraxis_robot::contact` is its own judge of
    /// what is usual, over horizons from 10 to 300 ms [-].
    Contact,
    /// [`Slip`] of what is held [m].
    Slip,
    /// [`Stall`] on the way [s].
    Stall,
    /// Time since the skill began [s].
    Duration,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; CHANNELS] =
        [Self::Tracking, Self::Model, Self::Residual, Self::Contact, Self::Slip, Self::Stall, Self::Duration];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Model => "model",
            Self::Residual => "residual",
            Self::Contact => "contact",
            Self::Slip => "slip",
            Self::Stall => "stall",
            Self::Duration => "duration",
        }
    }

    /// Unit of its score.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Tracking | Self::Model | Self::Residual | Self::Contact => "-",
            Self::Slip => "m",
            Self::Stall | Self::Duration => "s",
        }
    }
}

/// What is measured or computed at 200 Hz. `None`: not there; NaN and infinity count as not there.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Greatest distance of a joint from where it was commanded to be [rad].
    pub tracking_rad: Option<f64>,
    /// Error of the forward model, any one unit.
    pub model: Option<f64>,
    /// Greatest torque from outside over the joints, friction taken off [N m].
    pub residual_nm: Option<f64>,
    /// `neuraxis_robot::contact`'s score: 1 or so at most when all is well [-].
    pub contact: Option<f64>,
    /// Distance of the fingers while something is held [m].
    pub held_width_m: Option<f64>,
    /// Force of the fingers while something is held [N].
    pub held_force_n: Option<f64>,
    /// Distance of the tool from the key-frame that it moves to [m].
    pub distance_m: Option<f64>,
}

/// What one tick of the channels says.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// The channel that tripped.
    pub(crate) tripped: Option<Channel>,
    /// The highest score as a share of its threshold.
    pub(crate) share: f64,
}

/// A channel's score, beside the threshold of the skill that runs.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Score {
    /// In the channel's unit.
    pub value: f64,
    /// A score above this is strange; `None`: it is not armed.
    pub threshold: Option<f64>,
}

/// Scores by channel, in the order of [`Channel::ALL`]; `None`: there was no signal.
pub type Scores = [Option<Score>; CHANNELS];

/// Scores of the skill that has the arm.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Channels {
    tracking: (Ewma, Cusum),
    model: (Ewma, Cusum),
    residual: (Ewma, Cusum),
    slip: Slip,
    stall: Stall,
    began: Nanos,
    debounce: [Debounce; CHANNELS],
    peaks: [f64; CHANNELS],
    latest: Scores,
}

impl Channels {
    /// For a skill that begins now.
    pub(crate) fn new(now: Nanos) -> Self {
        Self {
            tracking: Default::default(),
            model: Default::default(),
            residual: Default::default(),
            slip: Slip::default(),
            stall: Stall::default(),
            began: now,
            debounce: [Debounce::new(2, 3); CHANNELS],
            peaks: [0.0; CHANNELS],
            latest: [None; CHANNELS],
        }
    }

    /// The clock stepped back to `now`.
    pub(crate) fn step_back(&mut self, now: Nanos) {
        self.began = now.min(self.began);
        self.stall = Stall::default();
    }

    /// Highest scores since the beginning, for [`super::Calibration`].
    pub(crate) fn peaks(&self) -> impl Iterator<Item = (Channel, f64)> + use<> {
        Channel::ALL.into_iter().zip(self.peaks)
    }

    /// Of the newest tick.
    pub(crate) fn latest(&self) -> Scores {
        self.latest
    }

    /// Scores a tick. A channel without its signal, or that is not armed, does not trip.
    pub(crate) fn look(&mut self, now: Nanos, skill: Skill, signals: &Signals, thresholds: &Thresholds) -> Verdict {
        let given = |value: Option<f64>| value.filter(|value| value.is_finite());
        let shift = |(ewma, cusum): &mut (Ewma, Cusum), value: f64, floor: f64| cusum.add(ewma.z(value.abs(), floor));
        let scores = [
            given(signals.tracking_rad).map(|value| shift(&mut self.tracking, value, 1e-4)),
            given(signals.model).map(|value| shift(&mut self.model, value, 1e-4)),
            given(signals.residual_nm).map(|value| shift(&mut self.residual, value, 0.05)),
            given(signals.contact),
            given(signals.held_width_m)
                .zip(given(signals.held_force_n))
                .map(|(width_m, force_n)| self.slip.score(width_m, force_n)),
            given(signals.distance_m).map(|distance_m| self.stall.score(now, distance_m)),
            Some(now.secs_since(self.began).max(0.0)),
        ];
        let mut verdict = Verdict::default();
        let state = self.peaks.iter_mut().zip(&mut self.debounce).zip(&mut self.latest);
        for ((channel, score), ((peak, debounce), latest)) in Channel::ALL.into_iter().zip(scores).zip(state) {
            let armed = thresholds.of(skill, channel);
            *latest = score.map(|value| Score { value, threshold: armed });
            let Some(score) = score else { continue };
            *peak = peak.max(score);
            let Some(threshold) = armed else { continue };
            verdict.share = verdict.share.max(score / threshold.max(f64::MIN_POSITIVE));
            if debounce.look(score > threshold) {
                verdict.tripped = verdict.tripped.or(Some(channel));
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_armed_trips_and_nan_is_no_signal() {
        let secs = Nanos::from_secs;
        let mut thresholds = Thresholds::default();
        let run = |thresholds: &Thresholds, distance_m: f64| {
            let mut channels = Channels::new(secs(0.0));
            let signals = Signals { distance_m: Some(distance_m), ..Default::default() };
            (0..1000).find(|i| {
                channels.look(secs(f64::from(*i) * 0.005), Skill::Reach, &signals, thresholds).tripped.is_some()
            })
        };
        assert_eq!(run(&thresholds, 0.2), None, "not armed");
        thresholds.arm(Skill::Reach, Channel::Stall, 1.0).unwrap();
        assert_eq!(run(&thresholds, 0.2), Some(202), "over 1 s, in two looks of three");
        assert_eq!(run(&thresholds, f64::NAN), None);
    }

    #[test]
    fn a_contact_trips_at_its_second_look_and_tells_its_peak() {
        let mut thresholds = Thresholds::default();
        thresholds.arm(Skill::Reach, Channel::Contact, 1.2).unwrap();
        let mut channels = Channels::new(Nanos::default());
        let mut look = |contact: f64| {
            let signals = Signals { contact: Some(contact), ..Default::default() };
            channels.look(Nanos::default(), Skill::Reach, &signals, &thresholds).tripped
        };
        let looks = [0.3, 1.5, f64::NAN, 1.1, 0.2, 1.3, 1.4].map(&mut look);
        assert_eq!(looks, [None, None, None, None, None, None, Some(Channel::Contact)]);
        let peak = channels.peaks().find(|(channel, _)| *channel == Channel::Contact);
        assert_eq!(peak, Some((Channel::Contact, 1.5)));
        let latest = channels.latest()[Channel::Contact as usize];
        assert_eq!(latest, Some(Score { value: 1.4, threshold: Some(1.2) }));
        assert_eq!(channels.latest()[Channel::Slip as usize], None, "no signal");
    }
}
