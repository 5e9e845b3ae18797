//! Approximate synchronisation: what belongs to one moment, out of streams that each have their own stamps. No ROS in here.

use std::collections::VecDeque;

/// A stamp of ROS time [ns since 1970].
pub(crate) type Stamp = i128;

/// Values of one stream that wait for their partners, oldest first.
pub(crate) struct Waiting<T> {
    values: VecDeque<(Stamp, T)>,
    room: usize,
    newest: Option<Stamp>,
    left: Left,
}

/// Values that left without having been taken, by how. With those taken and those that wait they are all that were pushed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// There was no room for them any more.
    pub(crate) pushed_out: u64,
    /// A later one was taken.
    pub(crate) passed_over: u64,
    /// All began anew.
    pub(crate) cleared: u64,
}

/// A stamp that is not after the last one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum StampFault {
    /// The same again.
    Stands,
    /// Before it, by this [ns].
    Returns(Stamp),
}

impl<T> Waiting<T> {
    pub(crate) fn new(room: usize) -> Self {
        Self { values: VecDeque::with_capacity(room), room: room.max(1), newest: None, left: Left::default() }
    }

    /// Is this stamp after the last one?
    pub(crate) fn check(&self, stamp: Stamp) -> Result<(), StampFault> {
        match self.newest {
            Some(newest) if stamp == newest => Err(StampFault::Stands),
            Some(newest) if stamp < newest => Err(StampFault::Returns(newest - stamp)),
            _ => Ok(()),
        }
    }

    /// Appends; returns one that has waited in vain, if there was no room. The stamp was checked.
    pub(crate) fn push(&mut self, stamp: Stamp, value: T) -> Option<T> {
        let pushed_out = if self.values.len() == self.room { self.values.pop_front() } else { None };
        self.left.pushed_out += u64::from(pushed_out.is_some());
        self.values.push_back((stamp, value));
        self.newest = Some(stamp);
        pushed_out.map(|(_, value)| value)
    }

    /// The stamp that came last, whether its value still waits or not.
    pub(crate) fn newest(&self) -> Option<Stamp> {
        self.newest
    }

    /// Stamps that wait, newest first.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> + '_ {
        self.values.iter().rev().map(|(stamp, _)| *stamp)
    }

    /// The stamp nearest to a moment.
    pub(crate) fn nearest(&self, moment: Stamp) -> Option<Stamp> {
        self.stamps().min_by_key(|stamp| (stamp - moment).abs())
    }

    /// The value with this stamp, which waits on.
    pub(crate) fn at(&self, stamp: Stamp) -> Option<&T> {
        self.values.iter().find(|(at, _)| *at == stamp).map(|(_, value)| value)
    }

    /// Takes the value with this stamp, and drops those before it.
    pub(crate) fn take(&mut self, stamp: Stamp) -> Option<T> {
        while let Some((at, value)) = self.values.pop_front() {
            if at == stamp {
                return Some(value);
            }
            if at > stamp {
                self.values.push_front((at, value));
                return None;
            }
            self.left.passed_over += 1;
        }
        None
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.left.cleared += self.values.len() as u64;
        self.values.clear();
        self.newest = None;
    }

    /// What became of those that nobody took.
    pub(crate) fn left(&self) -> Left {
        self.left
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// Views that wait for those of other cameras: the longest lag between two cameras, in pictures.
const VIEWS: usize = 6;

/// Complete sets over several streams.
pub(crate) struct Sets<T> {
    streams: Vec<Waiting<T>>,
    skew: Stamp,
    max_age: Stamp,
    /// Until then a stream that was not heard yet, or not since all began anew, is waited for.
    patience_until: Stamp,
    is_in: Vec<bool>,
    /// The moment looked at last in vain.
    apart_at: Option<Stamp>,
}

/// What came of a look.
#[derive(Debug, PartialEq)]
pub(crate) enum Look<T> {
    /// Nothing new.
    Nothing,
    /// Every stream that is in has something, but this far apart [ns].
    Apart(Stamp),
    /// One value of each stream that is in, with its index and stamp.
    Set(Vec<(usize, Stamp, T)>),
}

impl<T> Sets<T> {
    /// All times in nanoseconds. Until `patience_until` streams that were never heard are waited for.
    pub(crate) fn new(streams: usize, skew: Stamp, max_age: Stamp, patience_until: Stamp) -> Self {
        let waiting = (0..streams).map(|_| Waiting::new(VIEWS)).collect();
        Self { streams: waiting, skew, max_age, patience_until, is_in: vec![true; streams], apart_at: None }
    }

    /// A value of a stream, later than its last one.
    pub(crate) fn push(&mut self, stream: usize, stamp: Stamp, value: T) {
        self.streams[stream].push(stamp, value);
    }

    /// Which streams are in: heard within the greatest age.
    pub(crate) fn is_in(&self) -> &[bool] {
        &self.is_in
    }

    /// The newest moment of which every stream that is in has something: that of the one that lags most.
    pub(crate) fn look(&mut self, now: Stamp) -> Look<T> {
        for (is_in, stream) in self.is_in.iter_mut().zip(&self.streams) {
            // One that is out stays out until it is heard.
            let may_come = *is_in && now < self.patience_until;
            *is_in = stream.newest().map_or(may_come, |newest| now - newest <= self.max_age);
        }
        let streams = || self.streams.iter().zip(&self.is_in).enumerate().filter(|(_, (_, is_in))| **is_in);
        let newest = streams().map(|(_, (stream, _))| stream.newest()).collect::<Option<Vec<_>>>();
        let Some(moment) = newest.and_then(|newest| newest.into_iter().min()) else { return Look::Nothing };
        let nearest = streams().map(|(i, (stream, _))| stream.nearest(moment).map(|stamp| (i, stamp)));
        let Some(picks) = nearest.collect::<Option<Vec<_>>>() else { return Look::Nothing };
        let stamps = || picks.iter().map(|(_, stamp)| *stamp);
        let spread = stamps().max().unwrap_or(0) - stamps().min().unwrap_or(0);
        if spread > self.skew {
            // Told once for each moment.
            let is_news = self.apart_at.replace(moment) != Some(moment);
            return if is_news { Look::Apart(spread) } else { Look::Nothing };
        }
        let taken = picks.into_iter().filter_map(|(i, stamp)| Some((i, stamp, self.streams[i].take(stamp)?)));
        Look::Set(taken.collect())
    }

    /// The values of a stream that made no set, and those that still wait for one.
    pub(crate) fn left(&self, stream: usize) -> (Left, usize) {
        (self.streams[stream].left(), self.streams[stream].len())
    }

    /// Begins anew, by a clock that has leapt to `now`: the streams that were in are waited for as long as a value may be old.
    pub(crate) fn clear(&mut self, now: Stamp) {
        self.streams.iter_mut().for_each(Waiting::clear);
        self.patience_until = now + self.max_age;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    const MS: Stamp = 1_000_000;

    fn sets(streams: usize) -> Sets<Stamp> {
        Sets::new(streams, 20 * MS, 300 * MS, 1000 * MS)
    }

    #[test]
    fn a_stamp_that_stands_or_returns_is_told() {
        let mut waiting = Waiting::new(2);
        assert_eq!((waiting.check(5), waiting.push(5, 'a')), (Ok(()), None));
        assert_eq!(waiting.check(5), Err(StampFault::Stands));
        assert_eq!(waiting.check(3), Err(StampFault::Returns(2)));
        assert_eq!((waiting.push(6, 'b'), waiting.push(8, 'c')), (None, Some('a')));
        assert_eq!((waiting.nearest(7), waiting.take(8)), (Some(8), Some('c')));
        // Taken or not, its stamp is known.
        assert_eq!((waiting.nearest(7), waiting.check(8)), (None, Err(StampFault::Stands)));
        // Of four one was taken; the others are accounted for.
        waiting.push(9, 'd');
        waiting.clear();
        assert_eq!(waiting.left(), Left { pushed_out: 1, passed_over: 1, cleared: 1 });
    }

    #[test]
    fn cameras_with_other_phases_and_lags_are_put_together() {
        let mut sets = sets(2);
        let mut found = 0;
        for k in 0..30 {
            let now = 1000 * MS + k * 66 * MS;
            sets.push(0, now, now);
            // The other one is 10 ms later, and comes two pictures late.
            sets.push(1, now - 122 * MS, now - 122 * MS);
            if let Look::Set(set) = sets.look(now) {
                assert_eq!(set.len(), 2);
                assert_eq!(set[0].1 - set[1].1, -10 * MS, "{set:?}");
                found += 1;
            }
        }
        assert!(found >= 27, "{found}");
    }

    #[test]
    fn a_camera_that_falls_silent_is_left_out_and_comes_back() {
        let mut sets = sets(2);
        let mut sizes = Vec::new();
        for k in 0..40 {
            let now = 1000 * MS + k * 50 * MS;
            sets.push(0, now, now);
            if !(10..25).contains(&k) {
                sets.push(1, now, now);
            }
            match sets.look(now) {
                Look::Set(set) => sizes.push(set.len()),
                other => sizes.push(if other == Look::Nothing { 0 } else { 9 }),
            }
        }
        // 300 ms are six pictures.
        assert!(sizes[..10].iter().all(|n| *n == 2), "{sizes:?}");
        assert!(sizes[10..16].iter().all(|n| *n != 2) && sizes[16..25].iter().all(|n| *n == 1), "{sizes:?}");
        assert!(sizes[25..].iter().all(|n| *n == 2), "{sizes:?}");
    }

    #[test]
    fn sr22_a_clock_that_steps_back_further_than_it_ran_does_not_wait_for_a_camera_that_is_gone() {
        // One that was left out before the step, and one that is not heard after it.
        for is_out_before in [true, false] {
            let mut sets = sets(2);
            for k in 0..40 {
                let now = 40_000 * MS + k * 50 * MS;
                sets.push(0, now, now);
                if !is_out_before {
                    sets.push(1, now, now);
                }
                sets.look(now);
            }
            assert_eq!(sets.is_in(), [true, !is_out_before]);
            // Back by 37 s.
            let leapt_to = 5000 * MS;
            sets.clear(leapt_to);
            let since = (1..40_i128).find(|&k| {
                let now = leapt_to + k * 50 * MS;
                sets.push(0, now, now);
                matches!(sets.look(now), Look::Set(_))
            });
            assert_eq!(since, Some(if is_out_before { 1 } else { 6 }));
            assert_eq!(sets.is_in(), [true, false]);
        }
    }

    #[test]
    fn cameras_apart_are_told_once_for_a_moment_and_make_no_set() {
        let mut sets = sets(2);
        sets.push(0, 1000 * MS, 0);
        sets.push(1, 1050 * MS, 1);
        assert_eq!(sets.look(1060 * MS), Look::Apart(50 * MS));
        assert_eq!(sets.look(1061 * MS), Look::Nothing);
    }

    #[test]
    fn one_that_was_never_heard_is_waited_for_and_then_left_out() {
        let mut sets = sets(2);
        sets.push(0, 900 * MS, 0);
        assert_eq!(sets.look(910 * MS), Look::Nothing);
        sets.push(0, 1000 * MS, 1);
        assert_eq!(sets.look(1001 * MS), Look::Set(vec![(0, 1000 * MS, 1)]));
        assert_eq!(sets.is_in(), [true, false]);
        assert!(matches!(self::sets(1).look(2000 * MS), Look::Nothing));
    }

    #[test]
    fn whatever_the_stamps_sets_are_tight_and_each_value_is_used_once() {
        let mut random = Pcg64::seed_from_u64(5);
        let mut sets = sets(3);
        let (mut now, mut newest, mut used) = (2000 * MS, [0; 3], [0; 3]);
        let (mut found, mut pushed, mut in_sets) = (0, [0; 3], [0; 3]);
        for _ in 0..20_000 {
            now += random.random_range(0..20) * MS;
            let camera = random.random_range(0..3);
            let stamp = now - random.random_range(0..60) * MS;
            if stamp > newest[camera] {
                newest[camera] = stamp;
                sets.push(camera, stamp, stamp);
                pushed[camera] += 1;
            }
            if let Look::Set(set) = sets.look(now) {
                found += 1;
                let stamps = || set.iter().map(|(_, stamp, _)| *stamp);
                assert!(stamps().max().unwrap() - stamps().min().unwrap() <= 20 * MS);
                for (camera, stamp, value) in &set {
                    assert!(value == stamp && *stamp > used[*camera] && now - stamp <= 600 * MS);
                    used[*camera] = *stamp;
                    in_sets[*camera] += 1;
                }
            }
        }
        assert!(found > 500, "{found}");
        for camera in 0..3 {
            let (left, waiting) = sets.left(camera);
            assert!(left.passed_over > 0, "{left:?}");
            let accounted = in_sets[camera] + left.pushed_out + left.passed_over + left.cleared + waiting as u64;
            assert_eq!(pushed[camera], accounted, "camera {camera}: {left:?}, {waiting} wait");
        }
    }
}
