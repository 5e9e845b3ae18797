//! How far an answer of the model is believed: after the three probes of "Anatomy of a Lie" (arXiv 2603.15557), in forms of
//! our own.
//!
//! What contradicts the scene or the sentence is refused at once. Beyond that an answer is compared with those that were
//! accepted before: three numbers, standardised by median and MAD, and their squared Mahalanobis distance against
//! chi-square bounds. Until enough were accepted, only contradictions decide.
//!
//! The views of H_perc are those of the cameras, not crops of one image, so some disagreement is usual and counts as
//! such; a component that was not measured counts as usual (z = 0), and so does one that is better than usual; the
//! covariance is the correlation of the accepted ones, shrunk by 0.1 to the identity.

mod entropy;
mod grounding;
mod history;
mod perception;
mod spans;

use serde::{Deserialize, Serialize};

pub use entropy::{Token, decision_entropy};
pub use grounding::Grounding;
use history::History;
pub use perception::perceptual_entropy;

use crate::vlm::VlmError;

/// Bounds of the trust gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustConfig {
    /// Squared distance from which an answer is marked, above 0. Default 7.81: chi-square, 3 degrees of freedom, 95 %.
    pub warn_above: f64,
    /// Squared distance from which it is refused, not below `warn_above`. Default 11.34: 99 %.
    pub reject_above: f64,
    /// Accepted answers before the distance decides, 3 to 10000. Default 20.
    pub least_accepted: usize,
    /// Accepted answers that are remembered, from `least_accepted` to 10000. Default 256.
    pub most_kept: usize,
    /// Share of contradicted and unsupported claims above which a plan is refused, 0 to 1. Default 0.5.
    pub most_conflict: f64,
    /// Whether the goal is compared with what the grammar reads in the sentence, where it can. Default true.
    pub compare_goal: bool,
    /// Undecidedness of a plan (H_dec; 0 where the server tells no probabilities) from which the model is also asked which
    /// things it sees in each of the first images, one short call each, 0 to 1. Default 1: never.
    pub look_from: f64,
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            warn_above: 7.81,
            reject_above: 11.34,
            least_accepted: 20,
            most_kept: 256,
            most_conflict: 0.5,
            compare_goal: true,
            look_from: 1.0,
        }
    }
}

impl TrustConfig {
    /// Every bound in its range.
    pub fn validate(&self) -> Result<(), VlmError> {
        use crate::vlm::check;
        let Self { warn_above, reject_above, least_accepted, most_kept, most_conflict, look_from, .. } = *self;
        check("trust.warn_above", warn_above, warn_above > 0.0 && warn_above.is_finite(), "above 0")?;
        let is_over = reject_above >= warn_above && reject_above.is_finite();
        check("trust.reject_above", reject_above, is_over, "`warn_above` or more")?;
        check("trust.least_accepted", least_accepted, (3..=10_000).contains(&least_accepted), "3 to 10000")?;
        let is_enough = (least_accepted..=10_000).contains(&most_kept);
        check("trust.most_kept", most_kept, is_enough, "`least_accepted` to 10000")?;
        check("trust.most_conflict", most_conflict, (0.0..=1.0).contains(&most_conflict), "0 to 1")?;
        check("trust.look_from", look_from, (0.0..=1.0).contains(&look_from), "0 to 1")
    }
}

/// What is measured of an answer, each 0 to 1.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Probes {
    /// H_perc: how far views of one scene disagree.
    pub perception: Option<f64>,
    /// H_dec: how undecided it was where it chose among names.
    pub decision: Option<f64>,
    /// C_inf: how far it disagrees with what is known.
    pub conflict: f64,
}

/// What is done with an answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is used.
    Accept,
    /// It is used, and marked.
    Warn,
    /// It is not used.
    Reject,
}

/// Where the doubt comes from, and with it what helps.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A new view or a crop helps.
    Perception,
    /// A person, or a safer branch.
    Decision,
    /// The contradiction, fed back once.
    Inference,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Perception, Self::Decision, Self::Inference];
}

/// How an answer was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is done with it.
    pub judgement: Judgement,
    /// Squared distance from what is usual; `None`: too few were accepted so far.
    pub distance: Option<f64>,
    /// The greatest part of the doubt, if there is one.
    pub cause: Option<Cause>,
    /// What was measured.
    pub probes: Probes,
    /// What contradicts or lacks support.
    pub grounding: Grounding,
}

impl Verdict {
    /// Why it is refused; `None`: it is not.
    pub fn refusal(&self) -> Option<String> {
        if self.judgement != Judgement::Reject {
            return None;
        }
        let claims: Vec<_> = self.grounding.contradicted.iter().chain(&self.grounding.unsupported).cloned().collect();
        match (claims.is_empty(), self.distance) {
            (false, _) => Some(claims.join("; ")),
            (true, Some(distance)) => Some(format!(
                "{distance:.1} from what is usual, mostly by {:?}",
                self.cause.unwrap_or(Cause::Inference)
            )),
            (true, None) => Some("it contradicts what is known".into()),
        }
    }
}

/// Judges answers, and remembers those that were accepted.
#[derive(Clone, Debug)]
pub struct TrustGate {
    config: TrustConfig,
    history: History,
}

impl TrustGate {
    /// Without memory.
    pub fn new(config: &TrustConfig) -> Self {
        Self { history: History::new(config.most_kept), config: config.clone() }
    }

    /// Judges what was measured of an answer, and how the plan that would be run is grounded.
    pub fn judge(&self, probes: &Probes, grounding: &Grounding) -> Verdict {
        let enough = self.history.len() >= self.config.least_accepted;
        let doubt = enough.then(|| self.history.doubt(probes, self.config.least_accepted)).flatten();
        let distance = doubt.map(|(distance, _)| distance);
        let mut cause = doubt.and_then(|(_, part)| Cause::ALL.get(part).copied());
        let is_grounded = grounding.contradicted.is_empty() && grounding.conflict() <= self.config.most_conflict;
        let judgement = match distance {
            _ if !is_grounded => Judgement::Reject,
            Some(distance) if distance > self.config.reject_above => Judgement::Reject,
            Some(distance) if distance > self.config.warn_above => Judgement::Warn,
            _ if !grounding.unsupported.is_empty() => Judgement::Warn,
            _ => Judgement::Accept,
        };
        if !is_grounded {
            cause = Some(Cause::Inference);
        } else if judgement == Judgement::Accept {
            cause = None;
        }
        Verdict { judgement, distance, cause, probes: *probes, grounding: grounding.clone() }
    }

    /// Remembers an answer that was accepted.
    pub fn learn(&mut self, probes: &Probes) {
        self.history.push(probes);
    }

    /// Accepted answers that are remembered.
    pub fn accepted(&self) -> usize {
        self.history.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(i: usize) -> Probes {
        // Spread over 0 to 0.2, without chance.
        let part = |k: usize| ((i * k) % 21) as f64 / 100.0;
        Probes { perception: None, decision: Some(part(8)), conflict: part(13) }
    }

    fn gate(accepted: usize) -> TrustGate {
        let mut gate = TrustGate::new(&TrustConfig::default());
        (0..accepted).for_each(|i| gate.learn(&probes(i)));
        gate
    }

    #[test]
    fn before_there_is_experience_only_contradictions_decide() {
        let odd = Probes { perception: None, decision: Some(1.0), conflict: 0.4 };
        let judged = gate(19).judge(&odd, &Grounding::default());
        assert_eq!((judged.judgement, judged.distance), (Judgement::Accept, None));
        let contradicted = Grounding { claims: 9, contradicted: vec!["no".into()], ..Grounding::default() };
        let judged = gate(0).judge(&probes(0), &contradicted);
        assert_eq!((judged.judgement, judged.cause), (Judgement::Reject, Some(Cause::Inference)));
        assert_eq!(judged.refusal().as_deref(), Some("no"));
        let vague = Grounding { claims: 9, unsupported: vec!["maybe".into()], ..Grounding::default() };
        assert_eq!(gate(0).judge(&probes(0), &vague).judgement, Judgement::Warn);
    }

    #[test]
    fn an_unusual_answer_is_marked_or_refused_by_the_part_that_is_unusual() {
        let gate = gate(60);
        let judge = |decision: f64, conflict: f64| {
            gate.judge(&Probes { perception: None, decision: Some(decision), conflict }, &Grounding::default())
        };
        assert_eq!(judge(0.1, 0.1).judgement, Judgement::Accept);
        assert_eq!(judge(0.0, 0.0).judgement, Judgement::Accept, "better than usual is no doubt");
        let undecided = judge(0.9, 0.1);
        assert_eq!((undecided.judgement, undecided.cause), (Judgement::Reject, Some(Cause::Decision)));
        assert!(undecided.refusal().unwrap().ends_with("mostly by Decision"));
        assert_eq!(judge(0.1, 0.9).cause, Some(Cause::Inference));
        let step = |i: usize| judge(0.1 + f64::from(i as u32) / 1000.0, 0.1);
        let judged: Vec<_> = (0..800).map(|i| step(i).judgement).collect();
        let (warn, reject) =
            (judged.iter().position(|j| *j == Judgement::Warn), judged.iter().position(|j| *j == Judgement::Reject));
        assert!(warn.unwrap() < reject.unwrap());
        assert!(step(warn.unwrap()).distance.unwrap() > 7.81 && step(warn.unwrap() - 1).distance.unwrap() <= 7.81);
        assert!(
            step(reject.unwrap()).distance.unwrap() > 11.34 && step(reject.unwrap() - 1).distance.unwrap() <= 11.34
        );
    }

    #[test]
    fn bounds_are_checked() {
        assert_eq!(TrustConfig::default().validate(), Ok(()));
        let error = TrustConfig { reject_above: 5.0, ..TrustConfig::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "trust.reject_above = 5, allowed: `warn_above` or more");
    }
}
