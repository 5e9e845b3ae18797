//! What was told last, however long a session goes on.

use std::collections::VecDeque;

/// So many are kept: more than an episode has, and far more than comes between two looks.
const MOST: usize = 1 << 16;

/// The newest of a list that only grows; the oldest go first. Places count from its beginning, those that are gone among them.
#[derive(Clone, Debug)]
pub struct Recent<T> {
    kept: VecDeque<T>,
    gone: usize,
}

impl<T> Recent<T> {
    /// One more.
    pub(super) fn push(&mut self, item: T) {
        if self.kept.len() >= MOST {
            self.kept.pop_front();
            self.gone += 1;
        }
        self.kept.push_back(item);
    }

    /// How many there were so far: the place of the next one.
    pub fn count(&self) -> usize {
        self.gone + self.kept.len()
    }

    /// From a place on, as far as they are kept.
    pub fn since(&self, place: usize) -> impl Iterator<Item = &T> {
        self.kept.iter().skip(place.saturating_sub(self.gone))
    }

    /// All that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }

    /// The newest.
    pub(super) fn last(&self) -> Option<&T> {
        self.kept.back()
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), gone: 0 }
    }
}

impl<T> Extend<T> for Recent<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_places_stay() {
        let mut recent = Recent::default();
        recent.extend(0..MOST + 3);
        assert_eq!((recent.count(), recent.iter().count()), (MOST + 3, MOST));
        assert_eq!((recent.iter().next(), recent.last()), (Some(&3), Some(&(MOST + 2))));
        assert_eq!(recent.since(MOST).copied().collect::<Vec<_>>(), [MOST, MOST + 1, MOST + 2]);
        assert_eq!((recent.since(0).next(), recent.since(MOST + 3).next()), (Some(&3), None));
    }
}
