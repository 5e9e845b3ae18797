//! Sets of facts, and what is known about them: true, false or unknown.

/// Most facts of one scene.
pub const MOST_FACTS: usize = 512;
const WORDS: usize = MOST_FACTS / 64;

/// Number of a fact in its scene, below [`MOST_FACTS`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(pub(crate) u16);

impl FactId {
    /// The fact of this number; `None` from [`MOST_FACTS`] on.
    pub fn new(index: usize) -> Option<Self> {
        (index < MOST_FACTS).then_some(Self(index as u16))
    }

    /// Its number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of facts of one scene; a copy of 64 bytes, no heap.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactSet([u64; WORDS]);

impl FactSet {
    /// The facts numbered below `count`.
    pub(crate) fn first(count: usize) -> Self {
        (0..count.min(MOST_FACTS)).map(|i| FactId(i as u16)).collect()
    }

    /// Puts a fact in.
    pub fn insert(&mut self, fact: FactId) {
        if let Some(word) = self.0.get_mut(usize::from(fact.0 / 64)) {
            *word |= 1 << (fact.0 % 64);
        }
    }

    /// True if the fact is in.
    pub fn contains(&self, fact: FactId) -> bool {
        self.0.get(usize::from(fact.0 / 64)).is_some_and(|word| word >> (fact.0 % 64) & 1 == 1)
    }

    /// True if nothing is in.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True if all of these are in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.minus(other).is_empty()
    }

    /// In either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// In both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// In this and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    /// In order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = FactId> + '_ {
        let bits = |(i, word): (usize, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(FactId((64 * i) as u16 + bit as u16))
            })
        };
        self.0.iter().enumerate().flat_map(bits)
    }

    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let mut out = *self;
        out.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = f(*a, *b));
        out
    }
}

impl FromIterator<FactId> for FactSet {
    fn from_iter<I: IntoIterator<Item = FactId>>(facts: I) -> Self {
        let mut set = Self::default();
        facts.into_iter().for_each(|fact| set.insert(fact));
        set
    }
}

impl Extend<FactId> for FactSet {
    fn extend<I: IntoIterator<Item = FactId>>(&mut self, facts: I) {
        facts.into_iter().for_each(|fact| self.insert(fact));
    }
}

/// What is known about something.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody knows.
    Unknown,
}

/// What is known about a scene: the facts that hold and those that do not; the rest is unknown.
///
/// `holds` and `fails` never share a fact.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    holds: FactSet,
    fails: FactSet,
}

impl State {
    /// The facts that hold.
    pub fn holds(&self) -> &FactSet {
        &self.holds
    }

    /// The facts that do not hold.
    pub fn fails(&self) -> &FactSet {
        &self.fails
    }

    /// What is known about a fact.
    pub fn truth(&self, fact: FactId) -> Truth {
        match (self.holds.contains(fact), self.fails.contains(fact)) {
            (true, _) => Truth::True,
            (_, true) => Truth::False,
            _ => Truth::Unknown,
        }
    }

    /// After facts have come to hold and others to fail; what is in both comes to hold.
    #[must_use]
    pub fn after(&self, add: &FactSet, del: &FactSet) -> Self {
        Self { holds: self.holds.minus(del).union(add), fails: self.fails.union(del).minus(add) }
    }

    /// With one fact observed.
    #[must_use]
    pub fn with(&self, fact: FactId, holds: bool) -> Self {
        let one: FactSet = [fact].into_iter().collect();
        if holds { self.after(&one, &FactSet::default()) } else { self.after(&FactSet::default(), &one) }
    }

    /// With nothing known any more about some facts.
    #[must_use]
    pub fn forget(&self, facts: &FactSet) -> Self {
        Self { holds: self.holds.minus(facts), fails: self.fails.minus(facts) }
    }

    /// What is known whichever of the two is the case.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self { holds: self.holds.intersection(&other.holds), fails: self.fails.intersection(&other.fails) }
    }

    /// With what `other` knows about some facts, and no more, in place of what is known here.
    #[must_use]
    pub(crate) fn with_part(&self, other: &Self, facts: &FactSet) -> Self {
        let kept = self.forget(facts);
        Self {
            holds: kept.holds.union(&other.holds.intersection(facts)),
            fails: kept.fails.union(&other.fails.intersection(facts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{Rng, SeedableRng};

    use super::*;

    fn random(rng: &mut impl Rng) -> BTreeSet<u16> {
        (0..rng.random_range(0..40)).map(|_| rng.random_range(0..MOST_FACTS as u16)).collect()
    }

    fn set(of: &BTreeSet<u16>) -> FactSet {
        of.iter().map(|i| FactId(*i)).collect()
    }

    #[test]
    fn sets_agree_with_the_standard_library_s() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(1);
        for _ in 0..500 {
            let (a, b) = (random(&mut rng), random(&mut rng));
            let (x, y) = (set(&a), set(&b));
            assert_eq!(x.iter().map(|f| f.0).collect::<Vec<_>>(), a.iter().copied().collect::<Vec<_>>());
            assert_eq!(x.len(), a.len());
            assert_eq!(x.union(&y), set(&a.union(&b).copied().collect()));
            assert_eq!(x.intersection(&y), set(&a.intersection(&b).copied().collect()));
            assert_eq!(x.minus(&y), set(&a.difference(&b).copied().collect()));
            assert_eq!(x.is_subset(&y), a.is_subset(&b));
            assert!(x.intersection(&y).is_subset(&y));
        }
    }

    #[test]
    fn nothing_is_ever_both_true_and_false() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(2);
        let mut state = State::default();
        for _ in 0..2000 {
            let (a, b) = (set(&random(&mut rng)), set(&random(&mut rng)));
            state = match rng.random_range(0..4) {
                0 => state.forget(&a),
                1 => state.meet(&State::default().after(&a, &b)),
                2 => state.with_part(&State::default().after(&a, &b), &b),
                _ => state.after(&a, &b),
            };
            assert!(state.holds.intersection(&state.fails).is_empty());
        }
    }
}
