//! Log-linear histogram of durations: fixed bins, no heap, nothing trimmed.
//!
//! 32 linear bins per power of two give a relative error below 1/32 over 1 ns to 17 minutes; the maximum and minimum
//! are exact. After G. Tene's HdrHistogram, without its resizing.

use neuraxis_core::Nanos;

const LINEAR_BITS: u32 = 5;
const LINEAR: usize = 1 << LINEAR_BITS;
const OCTAVES: usize = 36;
const BINS: usize = LINEAR * OCTAVES;

/// Counts of durations.
#[derive(Clone, Debug)]
pub struct Histogram {
    bins: [u64; BINS],
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

/// Summary of a [`Histogram`] [ns]. Percentiles are upper ends of bins: never too good.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Values recorded.
    pub count: u64,
    /// Smallest, exact.
    pub min: Nanos,
    /// Arithmetic mean.
    pub mean: Nanos,
    /// Half of the values are at most this.
    pub p50: Nanos,
    /// 99 % of the values are at most this.
    pub p99: Nanos,
    /// 99.9 % of the values are at most this.
    pub p999: Nanos,
    /// Largest, exact.
    pub max: Nanos,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { bins: [0; BINS], count: 0, min: u64::MAX, max: 0, sum: 0 }
    }
}

impl Histogram {
    /// Counts one duration; durations beyond the last bin count there, and in the exact maximum. O(1), no heap.
    pub fn record(&mut self, duration: Nanos) {
        if let Some(bin) = self.bins.get_mut(bin_of(duration.0).min(BINS - 1)) {
            *bin += 1;
        }
        self.count += 1;
        self.min = self.min.min(duration.0);
        self.max = self.max.max(duration.0);
        self.sum += u128::from(duration.0);
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            *mine += theirs;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Smallest value that `share` (0 to 1) of the values do not exceed, rounded up to its bin's end; zero if empty.
    pub fn percentile(&self, share: f64) -> Nanos {
        let wanted = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, bin) in self.bins.iter().enumerate() {
            seen += bin;
            if seen >= wanted {
                return Nanos(if index == BINS - 1 { self.max } else { end_of(index).min(self.max) });
            }
        }
        Nanos(self.max)
    }

    /// The figures that people compare.
    pub fn percentiles(&self) -> Percentiles {
        if self.count == 0 {
            return Percentiles::default();
        }
        Percentiles {
            count: self.count,
            min: Nanos(self.min),
            mean: Nanos((self.sum / u128::from(self.count)) as u64),
            p50: self.percentile(0.5),
            p99: self.percentile(0.99),
            p999: self.percentile(0.999),
            max: Nanos(self.max),
        }
    }
}

/// The first two groups of 32 bins are 1 ns wide; in each later group bins are twice as wide as in the one before.
fn bin_of(nanos: u64) -> usize {
    let Some(octave) = (u64::BITS - nanos.leading_zeros()).checked_sub(LINEAR_BITS + 1) else {
        return nanos as usize;
    };
    let within = (nanos >> octave) as usize & (LINEAR - 1);
    (octave as usize + 1) * LINEAR + within
}

/// Largest value of a bin.
fn end_of(bin: usize) -> u64 {
    match (bin / LINEAR).checked_sub(1) {
        None => bin as u64,
        Some(octave) => (((LINEAR + bin % LINEAR + 1) as u64) << octave) - 1,
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = |t: Nanos| t.0 as f64 * 1e-3;
        write!(
            f,
            "p50 {:.1} p99 {:.1} p99.9 {:.1} max {:.1} us (n {})",
            micros(self.p50),
            micros(self.p99),
            micros(self.p999),
            micros(self.max),
            self.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bin_and_bins_are_narrow() {
        let mut value = 0_u64;
        while value < 1 << 40 {
            let bin = bin_of(value);
            let end = end_of(bin);
            assert!(value <= end && (bin == 0 || value > end_of(bin - 1)), "{value} in bin {bin}");
            assert!((end - value) as f64 <= value as f64 / 32.0 + 1e-9, "{value}: bin ends at {end}");
            value = value + 1 + value / 7;
        }
    }

    #[test]
    fn percentiles_of_a_known_distribution_keep_the_tail() {
        let mut histogram = Histogram::default();
        for n in 1..=10_000_u64 {
            histogram.record(Nanos(n * 1000));
        }
        histogram.record(Nanos(5_000_000_000));
        let p = histogram.percentiles();
        let near = |t: Nanos, micros: f64| (t.0 as f64 * 1e-3 / micros - 1.0).abs() < 1.0 / 32.0;
        assert!(near(p.p50, 5000.0) && near(p.p99, 9900.0) && near(p.p999, 9990.0), "{p}");
        assert_eq!((p.min, p.max, p.count), (Nanos(1000), Nanos(5_000_000_000), 10_001));
    }

    #[test]
    fn huge_values_saturate_the_bins_but_not_the_maximum() {
        let mut histogram = Histogram::default();
        histogram.record(Nanos(u64::MAX));
        assert_eq!(histogram.percentile(0.5), Nanos(u64::MAX));
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }
}
