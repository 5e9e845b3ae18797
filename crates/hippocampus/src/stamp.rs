//! Points in time that outlive a process.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Wall-clock time, in milliseconds since 1970-01-01 00:00 UTC. Given by the caller: nothing here reads a clock.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(i64);

const DAY_MS: i64 = 86_400_000;
/// 9999-12-31 23:59:59.999.
const LAST_MS: i64 = 253_402_300_799_999;

impl Stamp {
    /// From milliseconds since 1970; before 1970 becomes 1970, after 9999 its end.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms.clamp(0, LAST_MS))
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// Time since `earlier` [s]; zero if that is later: clocks step back.
    pub fn secs_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).max(0) as f64 * 1e-3
    }
}

impl fmt::Display for Stamp {
    /// As `2026-11-25 20:31:10Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.rem_euclid(DAY_MS) / 1000;
        // Civil date from days: years begin in March, so that the leap day is the last (H. Hinnant, "chrono-Compatible
        // Low-Level Date Algorithms", 2013).
        let days = self.0.div_euclid(DAY_MS) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + 400 * era + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_date_prints_them() {
        // `date -u -d @SECS "+%F %TZ"`
        for (secs, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_709_251_199, "2024-02-29 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
            (1_795_638_657, "2026-11-25 20:30:57Z"),
        ] {
            assert_eq!(Stamp::from_unix_ms(secs * 1000 + 7).to_string(), text);
        }
        assert_eq!(Stamp::from_unix_ms(i64::MAX).to_string(), "9999-12-31 23:59:59Z");
        assert_eq!(Stamp::from_unix_ms(i64::MIN).to_string(), "1970-01-01 00:00:00Z");
    }

    #[test]
    fn a_clock_that_stepped_back_gives_no_negative_time() {
        let (early, late) = (Stamp::from_unix_ms(1000), Stamp::from_unix_ms(3500));
        assert_eq!((late.secs_since(early), early.secs_since(late)), (2.5, 0.0));
    }
}
