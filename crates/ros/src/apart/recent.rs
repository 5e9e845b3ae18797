//! Percentiles of what was measured lately.

use std::collections::VecDeque;

use neuraxis_core::Nanos;

use crate::health::Spread;

/// So many durations are kept.
const KEPT: usize = 512;

/// The last durations.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(VecDeque<Nanos>);

impl Recent {
    pub(super) fn note(&mut self, duration: Nanos) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(duration);
    }

    /// `None` if nothing was measured.
    pub(super) fn spread(&self) -> Option<Spread> {
        let mut sorted: Vec<Nanos> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| sorted[((sorted.len() as f64 * share) as usize).min(last)];
        Some(Spread { p50: at(0.5), p99: at(0.99), p999: at(0.999) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_ones() {
        let mut recent = Recent::default();
        assert_eq!(recent.spread(), None);
        (0..10_000).for_each(|_| recent.note(Nanos(1_000_000)));
        (1..=KEPT as u64).for_each(|n| recent.note(Nanos(n)));
        let spread = recent.spread().unwrap();
        assert_eq!((spread.p50, spread.p99, spread.p999), (Nanos(257), Nanos(507), Nanos(512)));
    }
}
