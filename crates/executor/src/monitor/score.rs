//! From raw signals to scores: numbers that are small when all is well and grow when something is wrong.

use neuraxis_core::Nanos;

/// Exponentially weighted mean and variance of a signal (Roberts 1959; variance as West 1979), and how far off a value
/// is in standard deviations.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Ewma {
    mean: f64,
    variance: f64,
    looks: u32,
}

impl Ewma {
    /// Weight of a new value.
    const WEIGHT: f64 = 0.02;
    /// Looks before there is a score: until then mean and variance are those of all values so far.
    const WARM_UP: u32 = 50;

    /// Deviation of `value` from what was usual before it, in standard deviations; 0 during the warm-up. `floor` is a
    /// standard deviation in the unit of the signal that is noise in any case. Learns from values within 3 deviations
    /// only, so that a fault does not become usual.
    pub fn z(&mut self, value: f64, floor: f64) -> f64 {
        let off = value - self.mean;
        let z = off / self.variance.max(floor * floor).max(f64::MIN_POSITIVE).sqrt();
        let is_warm = self.looks >= Self::WARM_UP;
        if !is_warm || z.abs() <= 3.0 {
            self.looks = self.looks.saturating_add(1);
            let weight = Self::WEIGHT.max(1.0 / f64::from(self.looks));
            self.mean += weight * off;
            self.variance = (1.0 - weight) * (self.variance + weight * off * off);
        }
        if is_warm { z } else { 0.0 }
    }
}

/// One-sided cumulative sum `g = max(0, g + z - k)` with `k = 0.5` (Page 1954): small deviations that last add up.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Cusum {
    sum: f64,
}

impl Cusum {
    /// Half of the shift that is to be noticed [standard deviations].
    const SLACK: f64 = 0.5;
    /// One look adds at most this much: a single spike is no shift.
    const MOST: f64 = 6.0;

    /// The sum after another deviation `z`.
    pub fn add(&mut self, z: f64) -> f64 {
        self.sum = (self.sum + z.min(Self::MOST) - Self::SLACK).max(0.0);
        self.sum
    }
}

/// Something slips out of the fingers: they come closer while their force falls.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Slip {
    widest_m: Option<f64>,
    strongest_n: f64,
}

impl Slip {
    /// How far the fingers have come together since they squeezed hardest [m], while the force is below 0.8 of that;
    /// 0 otherwise.
    pub fn score(&mut self, width_m: f64, force_n: f64) -> f64 {
        let widest = match self.widest_m {
            Some(widest) if force_n < self.strongest_n => widest,
            _ => {
                self.strongest_n = force_n;
                width_m
            }
        };
        self.widest_m = Some(widest);
        if force_n < 0.8 * self.strongest_n { (widest - width_m).max(0.0) } else { 0.0 }
    }
}

/// No progress towards the goal.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Stall {
    best: Option<(f64, Nanos)>,
}

impl Stall {
    /// Progress by less than this is none [m].
    const STEP_M: f64 = 0.002;

    /// Time since the distance to the goal last got less by 2 mm, or the goal moved away [s].
    pub fn score(&mut self, now: Nanos, distance_m: f64) -> f64 {
        match self.best {
            // Further away by much: another goal.
            Some((best_m, since)) if distance_m > best_m - Self::STEP_M && distance_m < best_m + 0.02 => {
                now.secs_since(since).max(0.0)
            }
            _ => {
                self.best = Some((distance_m, now));
                0.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn a_shift_of_two_deviations_is_noticed_within_a_few_looks_and_noise_is_not() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(3);
        let (mut ewma, mut cusum) = (Ewma::default(), Cusum::default());
        // The sum of twelve uniform numbers less six: nearly normal, deviation one.
        let mut noise = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let quiet = (0..2000).map(|_| cusum.add(ewma.z(noise(), 0.01))).fold(0.0, f64::max);
        assert!(quiet < 15.0, "{quiet}");
        let after = (0..100).position(|_| cusum.add(ewma.z(noise() + 2.0, 0.01)) > 15.0);
        assert!(after.is_some_and(|looks| looks < 25), "{after:?}");
    }

    #[test]
    fn a_grip_that_closes_while_its_force_falls_slips_and_a_squeeze_does_not() {
        let mut slip = Slip::default();
        assert_eq!(slip.score(0.040, 10.0), 0.0);
        assert_eq!(slip.score(0.038, 30.0), 0.0, "squeezing");
        assert_eq!(slip.score(0.037, 28.0), 0.0, "force within a fifth");
        assert!((slip.score(0.030, 10.0) - 0.008).abs() < 1e-12);
    }

    #[test]
    fn time_without_progress_is_the_stall_and_a_goal_that_moved_is_none() {
        let mut stall = Stall::default();
        let secs = Nanos::from_secs;
        assert_eq!(stall.score(secs(0.0), 0.3), 0.0);
        assert_eq!(stall.score(secs(1.0), 0.2), 0.0);
        assert!((stall.score(secs(1.5), 0.1999) - 0.5).abs() < 1e-9);
        assert_eq!(stall.score(secs(1.6), 0.5), 0.0);
    }
}
