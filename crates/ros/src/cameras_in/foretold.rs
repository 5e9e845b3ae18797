//! Pictures that calibrations foretell. No ROS in here.
//!
//! Drivers send a `camera_info` with each picture, of the same stamp, and one that is small comes through where a picture
//! does not. A calibration whose picture has not come when a later picture comes, or when it is older than pictures may be,
//! tells of one that is lost. Where no stamp of the two was ever the same, nothing is foretold; and a driver that leaves
//! out pictures and no calibrations has lost them here.

use std::collections::VecDeque;

use crate::sync::Stamp;

/// Stamps that are remembered of either.
const ROOM: usize = 64;

/// Follows the stamps of calibrations and pictures of one camera.
#[derive(Debug, Default)]
pub(super) struct Foretold {
    infos: VecDeque<Stamp>,
    /// Pictures whose calibration has not come yet.
    pictures: VecDeque<Stamp>,
    newest_info: Option<Stamp>,
    newest_picture: Option<Stamp>,
    is_paired: bool,
    missing: u64,
}

impl Foretold {
    /// A calibration; what its picture may be late by is `max_age` [ns].
    pub(super) fn info(&mut self, stamp: Stamp, max_age: Stamp) {
        // One that holds for all pictures keeps its stamp.
        if self.newest_info.is_some_and(|newest| stamp <= newest) {
            return;
        }
        self.newest_info = Some(stamp);
        if let Some(at) = self.pictures.iter().position(|picture| *picture == stamp) {
            self.pictures.remove(at);
            self.is_paired = true;
        } else if self.newest_picture.is_some_and(|newest| stamp < newest) {
            self.lose(1);
        } else {
            self.infos.push_back(stamp);
        }
        let too_old = self.infos.iter().filter(|info| stamp - **info > max_age).count();
        self.drop_infos(too_old.max(self.infos.len().saturating_sub(ROOM)));
    }

    /// A picture; one whose stamp stands or returns is no news.
    pub(super) fn picture(&mut self, stamp: Stamp) {
        if self.newest_picture.is_some_and(|newest| stamp <= newest) {
            return;
        }
        self.newest_picture = Some(stamp);
        let earlier = self.infos.iter().filter(|info| **info < stamp).count();
        self.drop_infos(earlier);
        if self.infos.front() == Some(&stamp) {
            self.infos.pop_front();
            self.is_paired = true;
            return;
        }
        if self.pictures.len() == ROOM {
            self.pictures.pop_front();
        }
        self.pictures.push_back(stamp);
    }

    /// Pictures that should have come.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Begins anew, but for the count.
    pub(super) fn clear(&mut self) {
        *self = Self { missing: self.missing, ..Self::default() };
    }

    fn drop_infos(&mut self, count: usize) {
        self.infos.drain(..count);
        self.lose(count as u64);
    }

    // Before the first pair they may be of a time when pictures were not yet listened to.
    fn lose(&mut self, count: u64) {
        self.missing += if self.is_paired { count } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Stamp = 33;
    const MAX_AGE: Stamp = 300;

    /// Calibrations of 100 moments, and the pictures of some; in each moment the calibration comes first, or last.
    fn missing(is_first: bool, comes: impl Fn(Stamp) -> bool) -> u64 {
        let mut foretold = Foretold::default();
        for k in 0..100 {
            if is_first {
                foretold.info(k * PERIOD, MAX_AGE);
            }
            if comes(k) {
                foretold.picture(k * PERIOD);
            }
            if !is_first {
                foretold.info(k * PERIOD, MAX_AGE);
            }
        }
        foretold.missing()
    }

    #[test]
    fn every_picture_that_does_not_come_is_missing_however_many() {
        for is_first in [true, false] {
            assert_eq!(missing(is_first, |_| true), 0);
            assert_eq!(missing(is_first, |k| k != 40), 1);
            // Nine of ten, which no rhythm tells.
            assert_eq!(missing(is_first, |k| k % 10 == 0), 81, "nothing is known of the last nine yet");
            // None any more: all but those that may still come.
            assert_eq!(missing(is_first, |k| k < 50), 50 - (MAX_AGE / PERIOD + 1) as u64);
            // Before the first one nobody may have listened.
            assert_eq!(missing(is_first, |k| k >= 30), 0);
        }
    }

    #[test]
    fn calibrations_with_stamps_of_their_own_foretell_nothing() {
        let mut foretold = Foretold::default();
        (0..100).for_each(|k| {
            foretold.info(k * PERIOD + 1, MAX_AGE);
            foretold.picture(k * PERIOD);
        });
        assert_eq!(foretold.missing(), 0);
        // One for all.
        let mut foretold = Foretold::default();
        (0..100).for_each(|k| {
            foretold.info(7, MAX_AGE);
            foretold.picture(k * PERIOD);
        });
        assert_eq!(foretold.missing(), 0);
    }

    #[test]
    fn calibrations_that_are_lost_themselves_lose_no_pictures() {
        let mut foretold = Foretold::default();
        for k in 0..100 {
            if k % 3 != 0 {
                foretold.info(k * PERIOD, MAX_AGE);
            }
            if k % 2 != 0 {
                foretold.picture(k * PERIOD);
            }
        }
        // Moments with a calibration and no picture, but for the first ones: k = 2, 4, 8, 10 ... up to 98.
        let known = (2..99).filter(|k| k % 3 != 0 && k % 2 == 0).count() as u64;
        assert_eq!(foretold.missing(), known);
        foretold.clear();
        assert_eq!(foretold.missing(), known);
    }
}
