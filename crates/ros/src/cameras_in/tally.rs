//! What became of every picture of a camera: nothing is dropped in silence.

use crate::sync::Left;

/// Counts since the start. `pictures` is the sum of `waiting`, `in_sets` and everything in `dropped`, see
/// [`Tally::unaccounted`].
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Colour pictures that came.
    pub pictures: u64,
    /// Complete views made of them.
    pub views: u64,
    /// Views that went into a set.
    pub in_sets: u64,
    /// Pictures and views that wait for their partners, now.
    pub waiting: u64,
    /// Pictures and views that went into no set, by reason.
    pub dropped: Dropped,
    /// Depth images that came.
    pub depths: u64,
    /// Depth images that went into no view: refused, or without a picture of their moment.
    pub depths_unused: u64,
    /// Pictures that should have come and did not: lost before they reached this node, or never taken. What their
    /// calibrations foretell, or the rhythm of their stamps, whichever is more.
    pub missing: u64,
}

/// Pictures and views that went into no set, by reason.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Refused when they came: content, frame or stamp.
    pub refused: u64,
    /// Waited in vain for depth, calibration or pose, until there was no room.
    pub unpaired: u64,
    /// Older than one that made a view.
    pub passed_over: u64,
    /// Complete, but of parts that do not belong together.
    pub unfit: u64,
    /// Complete views that had no partners of other cameras, or were older than one that had.
    pub without_set: u64,
    /// Thrown away when a clock leapt.
    pub leapt: u64,
}

impl Dropped {
    /// Each with its name.
    pub fn named(&self) -> [(&'static str, u64); 6] {
        let Self { refused, unpaired, passed_over, unfit, without_set, leapt } = *self;
        [
            ("refused", refused),
            ("unpaired", unpaired),
            ("passed_over", passed_over),
            ("unfit", unfit),
            ("without_set", without_set),
            ("leapt", leapt),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }
}

impl Tally {
    /// Pictures of which nobody knows what became of them: 0, or this crate is wrong.
    pub fn unaccounted(&self) -> i64 {
        self.pictures as i64 - (self.waiting + self.in_sets + self.dropped.total()) as i64
    }

    /// With what became of the views among those of other cameras.
    pub(super) fn with_sets(mut self, in_sets: u64, (left, waiting): (Left, usize)) -> Self {
        self.in_sets = in_sets;
        self.waiting += waiting as u64;
        self.dropped.without_set += left.pushed_out + left.passed_over;
        self.dropped.leapt += left.cleared;
        self
    }
}
