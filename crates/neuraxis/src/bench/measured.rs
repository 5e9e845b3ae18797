//! One measured distribution, as it is printed and as it is written.

use std::time::Instant;

use neuraxis_brainstem::Percentiles;
use neuraxis_core::{Nanos, upper_median};
use serde::Serialize;
use serde_json::{Value, json};

use super::Machine;

/// Calls per sample of [`Measured::calls`], so that reading the clock does not weigh.
const BATCH: u32 = 100;

/// One distribution over another, at p50, p99, p99.9 and the maximum.
pub(super) type Ratio = [f64; 4];

/// One measured distribution, and those of its peers.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    name: String,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    /// What to compare with, the closest comparison first.
    #[serde(skip)]
    peers: Vec<Measured>,
    /// Against the first peer, at p50, p99, p99.9 and the maximum.
    #[serde(skip)]
    ratio: Option<Ratio>,
    /// What the design asks for, in words.
    #[serde(skip)]
    target: Option<&'static str>,
}

impl Measured {
    /// From a histogram [us].
    pub(super) fn micros(name: &str, p: &Percentiles) -> Self {
        let us = |t: Nanos| t.secs() * 1e6;
        let [mean, p50, p99, p999, max] = [p.mean, p.p50, p.p99, p.p999, p.max].map(us);
        Self { mean: Some(mean), p50, p99, p999, max, ..Self::none(name, "us") }
    }

    /// From single values; nothing is trimmed.
    pub(super) fn samples(name: &str, unit: &'static str, samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let place = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
            sorted.get(place).copied().unwrap_or(f64::NAN)
        };
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Self { mean: Some(mean), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0), ..Self::none(name, unit) }
    }

    /// Nanoseconds of one call: `samples` batches of a hundred after a tenth as many to warm up. The figures are those of
    /// batch means: a single slow call shows in the maximum, divided by a hundred.
    pub(super) fn calls(name: &str, samples: u32, mut call: impl FnMut()) -> Self {
        let mut nanos = Vec::with_capacity(samples as usize);
        for sample in 0..samples + samples / 10 {
            let start = Instant::now();
            for _ in 0..BATCH {
                call();
            }
            if sample >= samples / 10 {
                nanos.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
            }
        }
        Self::samples(name, "ns", &nanos)
    }

    /// Of three percentiles [us]; the largest is not known.
    #[cfg(feature = "ros")]
    pub(super) fn spread(name: &str, [p50, p99, p999]: [Nanos; 3]) -> Self {
        let us = |t: Nanos| t.secs() * 1e6;
        Self { p50: us(p50), p99: us(p99), p999: us(p999), ..Self::none(name, "us") }
    }

    fn none(name: &str, unit: &'static str) -> Self {
        let nan = f64::NAN;
        let (peers, ratio, target) = (Vec::new(), None, None);
        Self { name: name.into(), unit, mean: None, p50: nan, p99: nan, p999: nan, max: nan, peers, ratio, target }
    }

    /// Compares with `peer`; the first one is the one whose ratio is told.
    pub(super) fn beside(mut self, peer: Measured) -> Self {
        self.ratio = self.ratio.or(Some(self.against(&peer)));
        self.peers.push(peer);
        self
    }

    /// As [`Measured::beside`], with a ratio found otherwise: the median over blocks.
    pub(super) fn beside_with(mut self, peer: Measured, ratio: Ratio) -> Self {
        self.ratio = Some(ratio);
        self.beside(peer)
    }

    /// Says what the design asks for.
    pub(super) fn target(mut self, words: &'static str) -> Self {
        self.target = Some(words);
        self
    }

    /// What was measured.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    pub(super) fn called(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// This over `other`.
    pub(super) fn against(&self, other: &Measured) -> Ratio {
        [self.p50 / other.p50, self.p99 / other.p99, self.p999 / other.p999, self.max / other.max]
    }

    /// One line, one for each peer, one for the ratio.
    pub fn print(&self) {
        let row = |m: &Measured| {
            let mean = m.mean.map_or(String::new(), |mean| format!("mean {mean:9.2}  "));
            let max = if m.max.is_nan() { String::new() } else { format!("  max {:9.2}", m.max) };
            format!("{mean}p50 {:9.2}  p99 {:9.2}  p99.9 {:9.2}{max} {}", m.p50, m.p99, m.p999, m.unit)
        };
        say!("{:<32} {}", self.name, row(self));
        for peer in &self.peers {
            say!("  beside {:<23} {}", peer.name, row(peer));
        }
        if let Some([p50, p99, p999, max]) = self.ratio {
            let whom = self.peers.first().map_or("", |peer| &peer.name);
            say!("  ratio to {whom:<21} {:14} p50 {p50:9.2}  p99 {p99:9.2}  p99.9 {p999:9.2}  max {max:9.2}", "");
        }
        if let Some(target) = self.target {
            say!("  target {target}");
        }
    }

    fn row(&self, machine: &Machine) -> Value {
        let mut row = json!(self);
        if let Some(peer) = self.peers.first() {
            row["peer"] = json!(peer);
        }
        if self.peers.len() > 1 {
            row["more_peers"] = json!(self.peers[1..]);
        }
        if let Some([p50, p99, p999, max]) = self.ratio {
            row["ratio"] = json!({ "p50": p50, "p99": p99, "p999": p999, "max": max });
        }
        if let Some(target) = self.target {
            row["target"] = json!(target);
        }
        row["machine"] = json!(machine);
        row
    }
}

/// The list that `--json` writes; each row carries the machine, without which it says nothing.
pub fn rows(measured: &[Measured], machine: &Machine) -> Value {
    measured.iter().map(|m| m.row(machine)).collect()
}

/// The middle of each part over several ratios; NaN of none.
pub(super) fn median_ratio(ratios: &[Ratio]) -> Ratio {
    std::array::from_fn(|part| {
        let mut values: Vec<f64> = ratios.iter().map(|ratio| ratio[part]).collect();
        upper_median(&mut values).unwrap_or(f64::NAN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_agreed_keys() {
        let peer = Measured::samples("theirs", "us", &[2.0]);
        let other = Measured::samples("others", "us", &[4.0]);
        let ours = Measured::samples("ours", "us", &[3.0, 1.0, 2.0]).beside(peer).beside(other);
        let rows = rows(&[ours], &Machine::look());
        let row = &rows[0];
        assert_eq!((row["name"].as_str(), row["unit"].as_str()), (Some("ours"), Some("us")));
        assert_eq!((row["p50"].as_f64(), row["max"].as_f64(), row["mean"].as_f64()), (Some(2.0), Some(3.0), Some(2.0)));
        assert_eq!((row["peer"]["name"].as_str(), row["ratio"]["p50"].as_f64()), (Some("theirs"), Some(1.0)));
        assert_eq!(row["ratio"]["max"].as_f64(), Some(1.5));
        assert_eq!(row["more_peers"][0]["name"], "others");
        assert!(row["machine"]["kernel"].is_string());
    }

    #[test]
    fn the_middle_ratio_is_one_that_was_measured() {
        let ratios = [3.0, 1.0, 2.0, 4.0].map(|x| [x, 10.0 * x, 100.0 * x, 1000.0 * x]);
        assert_eq!(median_ratio(&ratios), [3.0, 30.0, 300.0, 3000.0]);
        assert!(median_ratio(&[]).iter().all(|part| part.is_nan()));
    }
}
