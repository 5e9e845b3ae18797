//! Which of the things seen now is which of those known: one to one, and where two answers are possible, that is said.

/// Cost of a pair that cannot be; larger than any that can [m].
pub(crate) const NEVER: f64 = 1e3;

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Assignment {
    /// For each known thing the number of the one that is seen.
    pub(crate) seen_of_known: Vec<Option<usize>>,
    /// Pairs of known things that may be mistaken for each other.
    pub(crate) doubtful: Vec<(usize, usize)>,
    /// Seen things which may be a known one although another was taken for it: (known, seen).
    pub(crate) rivals: Vec<(usize, usize)>,
}

/// Takes pairs in the order of their costs, then exchanges two wherever that is cheaper in sum. `costs`: one row for
/// each known thing, one column for each seen one [m], [`NEVER`] where they cannot be the same. An exchange that costs at
/// most `doubt_m` more leaves both in doubt [m].
pub(crate) fn assign(costs: &[Vec<f64>], columns: usize, doubt_m: f64) -> Assignment {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, row) in costs.iter().enumerate() {
        pairs.extend(row.iter().enumerate().filter(|(_, c)| **c < NEVER).map(|(j, c)| (*c, i, j)));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut seen_of_known: Vec<Option<usize>> = vec![None; costs.len()];
    let mut taken = vec![false; columns];
    for (_, i, j) in pairs {
        if seen_of_known[i].is_none() && !taken[j] {
            (seen_of_known[i], taken[j]) = (Some(j), true);
        }
    }
    let cost = |i: usize, j: Option<usize>| j.map_or(0.0, |j| costs[i][j]);
    let swapped =
        |of: &[Option<usize>], a: usize, b: usize| cost(a, of[b]) + cost(b, of[a]) - cost(a, of[a]) - cost(b, of[b]);
    // Each exchange lowers the sum, so this ends; the bound is for rounding.
    for _ in 0..costs.len() * columns {
        let pair = (0..costs.len()).flat_map(|a| (0..a).map(move |b| (a, b))).find(|(a, b)| {
            seen_of_known[*a].is_some() && seen_of_known[*b].is_some() && swapped(&seen_of_known, *a, *b) < -1e-9
        });
        let Some((a, b)) = pair else { break };
        seen_of_known.swap(a, b);
    }
    let mut found = Assignment { seen_of_known, ..Assignment::default() };
    for (a, row) in costs.iter().enumerate() {
        for b in 0..a {
            let one = found.seen_of_known[a].is_some() || found.seen_of_known[b].is_some();
            if one && swapped(&found.seen_of_known, a, b) < doubt_m {
                found.doubtful.push((b, a));
            }
        }
        if let Some(j) = found.seen_of_known[a] {
            let others = (0..columns).filter(|k| !found.seen_of_known.contains(&Some(*k)));
            found.rivals.extend(others.filter(|k| row[*k] < row[j] + doubt_m).map(|k| (a, k)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_and_not_the_first_pair() {
        // Taking the cheapest pair first would force the dear one.
        let found = assign(&[vec![0.010, 0.012], vec![0.011, 0.090]], 2, 0.001);
        assert_eq!(found.seen_of_known, [Some(1), Some(0)]);
        assert!(found.doubtful.is_empty());
    }

    #[test]
    fn two_answers_that_are_as_good_are_reported() {
        let found = assign(&[vec![0.030, 0.031], vec![0.031, 0.030]], 2, 0.02);
        assert_eq!(found.doubtful, [(0, 1)]);
        // One of two alike is seen, half-way between both.
        let found = assign(&[vec![0.030], vec![0.034]], 1, 0.02);
        assert_eq!((found.seen_of_known, found.doubtful), (vec![Some(0), None], vec![(0, 1)]));
        // One is known and two are seen, equally far.
        let found = assign(&[vec![0.030, 0.034]], 2, 0.02);
        assert_eq!((found.seen_of_known, found.rivals), (vec![Some(0)], vec![(0, 1)]));
    }

    #[test]
    fn what_cannot_be_is_never_taken() {
        let found = assign(&[vec![NEVER, 0.01], vec![NEVER, NEVER]], 2, 0.02);
        assert_eq!(found.seen_of_known, [Some(1), None]);
        assert!(found.doubtful.is_empty() && found.rivals.is_empty());
        assert_eq!(assign(&[], 3, 0.02).seen_of_known, []);
        assert_eq!(assign(&[vec![]], 0, 0.02).seen_of_known, [None]);
    }
}
