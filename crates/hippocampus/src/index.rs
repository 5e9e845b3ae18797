//! Exact search over all embeddings in memory.

use crate::{Embedding, EpisodeId, MemoryError, Result, Stamp};

/// Accumulators of a dot product: as many as fill the processor's vector units.
const LANES: usize = 32;
/// What rounding in f32 may add to a cosine.
const ROUNDING: f32 = 1e-4;

/// What a row is about, and what it is ranked by beside its direction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub episode: EpisodeId,
    pub ended: Stamp,
    pub success: bool,
}

/// A row that was found.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Hit {
    pub entry: Entry,
    pub cosine: f32,
    pub score: f32,
}

/// `rows`: `(episodes, width)` row-major, f32, each of length one, in one piece of memory.
///
/// Every query looks at every row, and the answer is that of comparing all of them in f32: exact, with no structure to
/// keep up to date. What costs is reading 150 MB at 1e5 rows of 384; so a quarter of it is read, the rows rounded to
/// bytes, and only rows that a bound on the rounding cannot rule out are compared in f32. With x = s c + r for a row and
/// q = t d + p for the query (c, d integers), Cauchy and Schwarz give |q x - s t c d| <= |r| + |p| (1 + |r|).
#[derive(Clone, Debug)]
pub(crate) struct Index {
    width: usize,
    rows: Vec<f32>,
    /// `c`: as `rows`, each row divided by its `s` and rounded.
    coarse: Vec<i8>,
    /// `s` and `|r|` of each row.
    rounded: Vec<(f32, f32)>,
    entries: Vec<Entry>,
}

impl Index {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), coarse: Vec::new(), rounded: Vec::new(), entries: Vec::new() }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Makes room for `more` rows at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.rows.reserve_exact(more * self.width);
        self.coarse.reserve_exact(more * self.width);
        self.rounded.reserve_exact(more);
        self.entries.reserve_exact(more);
    }

    /// Adds a row, newer than those before; refused if its width is another.
    pub(crate) fn push(&mut self, entry: Entry, embedding: &Embedding) -> Result<()> {
        self.fits(embedding)?;
        self.add(entry, embedding.values());
        Ok(())
    }

    /// Keeps some rows, in their order.
    pub(crate) fn retain(&mut self, keep: impl Fn(EpisodeId) -> bool) {
        let mut kept = Self::new(self.width);
        for (entry, row) in self.entries.iter().zip(self.rows.chunks_exact(self.width)) {
            if keep(entry.episode) {
                kept.add(*entry, row);
            }
        }
        *self = kept;
    }

    /// The `most` rows of the greatest score among those whose cosine with `query` is at least `least`: best first, of
    /// equals the newest. `score` of an entry and its cosine, at most the cosine and `most_bonus`; `None` leaves it out.
    pub(crate) fn best(
        &self,
        query: &Embedding,
        most: usize,
        least: f32,
        most_bonus: f32,
        score: impl Fn(&Entry, f32) -> Option<f32>,
    ) -> Result<Vec<Hit>> {
        self.fits(query)?;
        let mut best: Vec<Hit> = Vec::new();
        if most == 0 {
            return Ok(best);
        }
        let query = query.values();
        let (coarse_query, step, rest) = integers(query);
        let rows = self.rows.chunks_exact(self.width).zip(self.coarse.chunks_exact(self.width));
        // Below this cosine a row cannot be among the best.
        let mut bar = least;
        for ((entry, (s, r)), (row, coarse)) in self.entries.iter().zip(&self.rounded).zip(rows) {
            let bound = r + rest * (1.0 + r) + ROUNDING;
            if s * step * integer_dot(coarse, &coarse_query) as f32 + bound < bar {
                continue;
            }
            let cosine = dot(row, query);
            if cosine < least {
                continue;
            }
            let Some(score) = score(entry, cosine) else { continue };
            // Rows come in the order of their numbers: a newer one goes before an older equal.
            let at = best.partition_point(|hit| hit.score > score);
            if at < most {
                best.truncate(most - 1);
                best.insert(at, Hit { entry: *entry, cosine, score });
                if let (true, Some(worst)) = (best.len() == most, best.last()) {
                    bar = bar.max(worst.score - most_bonus);
                }
            }
        }
        Ok(best)
    }

    fn add(&mut self, entry: Entry, row: &[f32]) {
        let largest = row.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let s = largest / f32::from(i8::MAX);
        let first = self.coarse.len();
        // `as` keeps to the range of i8.
        self.coarse.extend(row.iter().map(|x| (x / s).round() as i8));
        let coarse = self.coarse.iter().skip(first);
        let r = row.iter().zip(coarse).map(|(x, c)| (x - s * f32::from(*c)).powi(2)).sum::<f32>().sqrt();
        self.rounded.push((s, r));
        self.rows.extend_from_slice(row);
        self.entries.push(entry);
    }

    fn fits(&self, embedding: &Embedding) -> Result<()> {
        if embedding.width() == self.width {
            return Ok(());
        }
        Err(MemoryError::Vector(format!("{} numbers, this memory has {}", embedding.width(), self.width)))
    }
}

/// `d`, `t` and `|p|` of a query: integers so small that a dot product with a row of bytes fits an i32.
fn integers(query: &[f32]) -> (Vec<i16>, f32, f32) {
    let most = (i32::MAX / i32::from(i8::MAX) / query.len().max(1) as i32).min(i16::MAX.into()) as f32;
    let step = query.iter().fold(0.0f32, |m, x| m.max(x.abs())) / most;
    let integers: Vec<i16> = query.iter().map(|x| (x / step).round() as i16).collect();
    let rest = query.iter().zip(&integers).map(|(x, d)| (x - step * f32::from(*d)).powi(2)).sum::<f32>().sqrt();
    (integers, step, rest)
}

/// Dot product without rounding.
fn integer_dot(row: &[i8], query: &[i16]) -> i32 {
    row.iter().zip(query).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum()
}

/// Dot product. The sums run side by side, which lets the compiler use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    fn random(rng: &mut impl Rng, width: usize) -> Embedding {
        let values: Vec<f32> = (0..width).map(|_| rng.random_range(-1.0..1.0)).collect();
        Embedding::new(&values).unwrap()
    }

    fn entry(id: i64) -> Entry {
        Entry { episode: EpisodeId(id), ended: Stamp::default(), success: id % 2 == 0 }
    }

    #[test]
    fn the_best_are_those_that_sorting_everything_finds() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(1);
        for (width, spread) in [(1, 0.5), (31, 1.0), (33, 0.01), (384, 1.0), (384, 0.01), (4096, 0.001)] {
            let mut index = Index::new(width);
            // With a small spread all lie so close together that bytes cannot tell them apart.
            let middle = random(&mut rng, width);
            let near = |rng: &mut rand_pcg::Pcg64| {
                let other = random(rng, width);
                let values: Vec<f32> =
                    middle.values().iter().zip(other.values()).map(|(m, x)| m + spread * x).collect();
                Embedding::new(&values).unwrap()
            };
            let rows: Vec<_> = (0..300).map(|_| near(&mut rng)).collect();
            for (i, row) in rows.iter().enumerate() {
                index.push(entry(i as i64), row).unwrap();
            }
            let query = near(&mut rng);
            let bonus = |id: i64| (id % 7) as f32 * 0.01;
            let score = |(i, row): (usize, &Embedding)| {
                let dot = row.values().iter().zip(query.values()).map(|(x, y)| f64::from(x * y)).sum::<f64>();
                dot + f64::from(bonus(i as i64))
            };
            let mut all: Vec<_> = rows.iter().enumerate().map(score).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            let found = index.best(&query, 10, -2.0, 0.06, |e, cosine| Some(cosine + bonus(e.episode.0))).unwrap();
            assert_eq!(found.len(), 10);
            for (hit, expected) in found.iter().zip(&all) {
                assert!((f64::from(hit.score) - expected).abs() < 1e-5);
                let at = hit.entry.episode.0 as usize;
                assert!((score((at, &rows[at])) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn what_bytes_say_is_within_the_bound() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(2);
        for width in [1, 7, 384, 4096] {
            let mut index = Index::new(width);
            let mut spiky = vec![1e-3; width];
            spiky[0] = 1.0;
            index.push(entry(0), &Embedding::new(&spiky).unwrap()).unwrap();
            (1..50).for_each(|i| index.push(entry(i), &random(&mut rng, width)).unwrap());
            for query in [random(&mut rng, width), Embedding::new(&vec![1.0; width]).unwrap()] {
                let (integers, step, rest) = integers(query.values());
                for (i, (s, r)) in index.rounded.iter().enumerate() {
                    let at = i * width..(i + 1) * width;
                    let said = s * step * integer_dot(&index.coarse[at.clone()], &integers) as f32;
                    let off = (said - dot(&index.rows[at], query.values())).abs();
                    assert!(off <= r + rest * (1.0 + r) + ROUNDING, "{width}: {off}, {r}, {rest}");
                }
            }
        }
    }

    #[test]
    fn no_neighbour_is_forced_and_of_equals_the_newest_comes_first() {
        let (x, y) = (Embedding::new(&[1.0, 0.0]).unwrap(), Embedding::new(&[0.0, 1.0]).unwrap());
        let mut index = Index::new(2);
        for (id, row) in [(1, &x), (2, &y), (3, &x), (4, &x)] {
            index.push(entry(id), row).unwrap();
        }
        let ids = |index: &Index, query: &Embedding, most| {
            let found = index.best(query, most, 0.5, 0.0, |_, cosine| Some(cosine)).unwrap();
            found.iter().map(|hit| hit.entry.episode.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(&index, &x, 9), [4, 3, 1]);
        assert_eq!(ids(&index, &x, 2), [4, 3]);
        assert!(ids(&index, &Embedding::new(&[-1.0, -1.0]).unwrap(), 9).is_empty());
        assert!(ids(&index, &x, 0).is_empty());
        let successes = index.best(&x, 9, 0.5, 0.0, |e, cosine| e.success.then_some(cosine)).unwrap();
        assert_eq!(successes.len(), 1);
        index.retain(|id| id.0 != 3);
        assert_eq!((ids(&index, &x, 9), ids(&index, &y, 9)), (vec![4, 1], vec![2]));
    }

    #[test]
    fn another_width_is_refused() {
        let mut index = Index::new(2);
        let wide = Embedding::new(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(
            index.push(entry(1), &wide).unwrap_err().to_string(),
            "embedding refused: 3 numbers, this memory has 2"
        );
        assert!(index.best(&wide, 1, 0.0, 0.0, |_, cosine| Some(cosine)).is_err());
    }
}
