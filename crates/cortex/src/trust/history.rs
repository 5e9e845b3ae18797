//! What is usual: median and MAD of accepted answers (Rousseeuw and Croux 1993), and the distance from it.

use std::collections::VecDeque;

use nalgebra::{Matrix3, Vector3};
use neuraxis_core::median;

use super::Probes;

/// From MAD to the standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Least spread: what hardly ever varies does not make every small difference odd.
const LEAST_SIGMA: f64 = 0.05;
/// How far the covariance is drawn to the identity.
const SHRINKAGE: f64 = 0.1;

/// The last accepted answers.
#[derive(Clone, Debug)]
pub(super) struct History {
    rows: VecDeque<[Option<f64>; 3]>,
    most: usize,
}

impl History {
    pub(super) fn new(most: usize) -> Self {
        Self { rows: VecDeque::new(), most }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn push(&mut self, probes: &Probes) {
        if self.rows.len() >= self.most {
            self.rows.pop_front();
        }
        self.rows.push_back(row(probes));
    }

    /// `z^T S^-1 z` and the greatest component of the whitened `z`. A component with fewer than `least` values counts as
    /// usual.
    pub(super) fn doubt(&self, probes: &Probes, least: usize) -> Option<(f64, usize)> {
        let scales: Vec<Option<(f64, f64)>> = (0..3).map(|i| self.scale(i, least)).collect();
        let standard = |row: &[Option<f64>; 3]| {
            let z = row.iter().zip(&scales).map(|(x, scale)| match (x, scale) {
                (Some(x), Some((median, sigma))) if x.is_finite() => Some((x - median) / sigma),
                _ => None,
            });
            z.collect::<Vec<_>>()
        };
        let known: Vec<_> = self.rows.iter().map(standard).collect();
        let spread = Matrix3::from_fn(|i, j| if i == j { 1.0 } else { (1.0 - SHRINKAGE) * correlation(&known, i, j) });
        let z = Vector3::from_iterator(standard(&row(probes)).into_iter().map(|z| z.unwrap_or(0.0).max(0.0)));
        // |L^-1 z|^2 = z^T (L L^T)^-1 z
        let whitened = spread.cholesky()?.l().solve_lower_triangular(&z)?;
        Some((whitened.norm_squared(), whitened.iamax()))
    }

    /// Median and spread of a component.
    fn scale(&self, i: usize, least: usize) -> Option<(f64, f64)> {
        let mut values: Vec<f64> =
            self.rows.iter().filter_map(|row| row.get(i).copied().flatten()).filter(|x| x.is_finite()).collect();
        if values.len() < least {
            return None;
        }
        let middle = median(&mut values)?;
        values.iter_mut().for_each(|x| *x = (*x - middle).abs());
        Some((middle, (MAD_TO_SIGMA * median(&mut values)?).max(LEAST_SIGMA)))
    }
}

fn row(probes: &Probes) -> [Option<f64>; 3] {
    [probes.perception, probes.decision, Some(probes.conflict)]
}

/// Pearson's, over the rows that have both; 0 where nothing varies.
fn correlation(rows: &[Vec<Option<f64>>], i: usize, j: usize) -> f64 {
    let pairs: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some((row.get(i).copied()??, row.get(j).copied()??))).collect();
    let n = pairs.len().max(1) as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let sums = pairs.iter().fold((0.0, 0.0, 0.0), |(ab, aa, bb), (x, y)| {
        let (dx, dy) = (x - mean_a, y - mean_b);
        (ab + dx * dy, aa + dx * dx, bb + dy * dy)
    });
    let (ab, aa, bb) = sums;
    let scale = (aa * bb).sqrt();
    if scale > 1e-12 { (ab / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_agrees_with_a_hand_computed_one() {
        let mut history = History::new(100);
        // Median 0.2, MAD 0.1 of both; correlation 1.
        for x in [0.1, 0.2, 0.3, 0.1, 0.3] {
            history.push(&Probes { perception: None, decision: Some(x), conflict: x });
        }
        let (distance, part) =
            history.doubt(&Probes { perception: None, decision: Some(0.5), conflict: 0.2 }, 3).unwrap();
        // z = 0.3 / 0.14826; S = [1 0.9; 0.9 1]; z^2 (S^-1)_11 = z^2 / (1 - 0.81)
        let expected = (0.3_f64 / 0.14826).powi(2) / 0.19;
        assert!((distance - expected).abs() < 1e-9, "{distance} {expected}");
        assert_eq!(part, 2, "that the other did not go along is what is odd");
    }

    #[test]
    fn outliers_hardly_move_what_is_usual() {
        let mut history = History::new(100);
        for i in 0..30 {
            let decision = Some(if i % 3 == 0 { 1.0 } else { 0.1 + f64::from(i % 5) / 50.0 });
            history.push(&Probes { perception: None, decision, conflict: 0.0 });
        }
        let (distance, _) =
            history.doubt(&Probes { perception: None, decision: Some(0.95), conflict: 0.0 }, 3).unwrap();
        assert!(distance > 11.34, "{distance}");
    }

    #[test]
    fn what_was_never_measured_is_never_odd() {
        let mut history = History::new(4);
        (0..9).for_each(|_| history.push(&Probes::default()));
        assert_eq!(history.len(), 4);
        let odd = Probes { perception: Some(1.0), decision: Some(f64::NAN), conflict: 0.0 };
        assert_eq!(history.doubt(&odd, 3).unwrap().0, 0.0);
    }
}
