//! Points that hang together: connected cells of a grid, one grid for each label.

/// Sets of points that hang together, the largest first; the order of points in a set is that of the cloud.
///
/// Two points belong together if they have the same label and lie in the same cell or in neighbouring ones (26 around
/// each). `points`: position in the world [m] and label; `cell_m`: edge of a cell [m].
pub fn clusters(points: &[([f64; 3], u8)], cell_m: f64) -> Vec<Vec<usize>> {
    // Sorted keys stand for the grid: deterministic, and neighbours along z lie side by side.
    let mut keyed: Vec<(u64, usize)> =
        points.iter().enumerate().filter_map(|(i, (p, label))| Some((key(p, *label, cell_m)?, i))).collect();
    keyed.sort_unstable();
    let mut cells: Vec<u64> = keyed.iter().map(|(key, _)| *key).collect();
    cells.dedup();

    let mut parents: Vec<usize> = (0..cells.len()).collect();
    for (i, cell) in cells.iter().enumerate() {
        // Half of the neighbours: the others look back at this one. The three along z are consecutive keys.
        for [dx, dy] in [[0, 1], [1, -1], [1, 0], [1, 1]] {
            let row = cell.wrapping_add_signed((dx << SHIFT_X) + (dy << SHIFT_Y));
            let from = cells.partition_point(|c| *c < row - 1);
            for (j, _) in cells.iter().enumerate().skip(from).take_while(|(_, c)| **c <= row + 1) {
                join(&mut parents, i, j);
            }
        }
        if cells.get(i + 1) == Some(&(cell + 1)) {
            join(&mut parents, i, i + 1);
        }
    }

    // Gather points by root.
    let mut set_of_root: Vec<Option<usize>> = vec![None; cells.len()];
    let mut sets: Vec<Vec<usize>> = Vec::new();
    let mut cell = 0;
    for (key, point) in keyed {
        while cells.get(cell).is_some_and(|c| *c < key) {
            cell += 1;
        }
        let root = root(&mut parents, cell);
        let set = *set_of_root[root].get_or_insert_with(|| {
            sets.push(Vec::new());
            sets.len() - 1
        });
        sets[set].push(point);
    }
    for set in &mut sets {
        set.sort_unstable();
    }
    sets.sort_by_key(|set| (std::cmp::Reverse(set.len()), set.first().copied()));
    sets
}

/// Bits of a cell's coordinate along one axis; the label stands above all three.
const BITS: u32 = 16;
const SHIFT_Y: u32 = BITS;
const SHIFT_X: u32 = 2 * BITS;
const SHIFT_LABEL: u32 = 3 * BITS;

/// Number of a cell; `None` outside the grid, which reaches 32767 cells around the world's origin, and for NaN.
fn key(p: &[f64; 3], label: u8, cell_m: f64) -> Option<u64> {
    let middle = f64::from(1 << (BITS - 1));
    let mut key = u64::from(label) << SHIFT_LABEL;
    for (value, shift) in p.iter().zip([SHIFT_X, SHIFT_Y, 0]) {
        let index = (value / cell_m).floor() + middle;
        // One cell short of both ends, so that a neighbour is never another row's.
        if !(index >= 2.0 && index < 2.0 * middle - 2.0) {
            return None;
        }
        key |= (index as u64) << shift;
    }
    Some(key)
}

fn root(parents: &mut [usize], mut i: usize) -> usize {
    while parents[i] != i {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    i
}

fn join(parents: &mut [usize], i: usize, j: usize) {
    let (a, b) = (root(parents, i), root(parents, j));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    /// The same by comparing every pair.
    fn by_pairs(points: &[([f64; 3], u8)], cell_m: f64) -> Vec<Vec<usize>> {
        let cell = |p: &[f64; 3]| p.map(|v| (v / cell_m).floor() as i64);
        let mut parents: Vec<usize> = (0..points.len()).collect();
        for i in 0..points.len() {
            for j in 0..i {
                let (a, b) = (cell(&points[i].0), cell(&points[j].0));
                if points[i].1 == points[j].1 && (0..3).all(|k| (a[k] - b[k]).abs() <= 1) {
                    join(&mut parents, i, j);
                }
            }
        }
        let mut sets = vec![Vec::new(); points.len()];
        for i in 0..points.len() {
            sets[root(&mut parents, i)].push(i);
        }
        sets.retain(|set| !set.is_empty());
        sets.sort_by_key(|set| (std::cmp::Reverse(set.len()), set[0]));
        sets
    }

    #[test]
    fn agrees_with_comparing_all_pairs() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(3);
        for _ in 0..20 {
            let points: Vec<_> = (0..300)
                .map(|_| (std::array::from_fn(|_| rng.random_range(-0.1..0.1)), rng.random_range(0..3)))
                .collect();
            assert_eq!(clusters(&points, 0.012), by_pairs(&points, 0.012));
        }
    }

    #[test]
    fn points_that_are_nowhere_belong_to_nothing() {
        let points = [([f64::NAN, 0.0, 0.0], 0), ([0.0, f64::INFINITY, 0.0], 0), ([1e9, 0.0, 0.0], 0), ([0.0; 3], 0)];
        assert_eq!(clusters(&points, 0.01), vec![vec![3]]);
        assert!(clusters(&[], 0.01).is_empty());
    }
}
