//! Wilson score interval (Wilson 1927): honest at 0 %, at 100 % and for few episodes.

/// 95 % interval of a success rate.
pub fn interval95(successes: u64, episodes: u64) -> [f64; 2] {
    if episodes == 0 {
        return [0.0, 1.0];
    }
    let (n, z) = (episodes as f64, 1.959_963_984_540_054);
    let p = successes as f64 / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_published_values() {
        // Agresti & Coull 1998, table: 8 of 10 -> (0.490, 0.943).
        let [low, high] = interval95(8, 10);
        assert!((low - 0.490).abs() < 5e-4 && (high - 0.943).abs() < 5e-4, "{low} {high}");
        let [low, high] = interval95(50, 50);
        assert!((low - 0.929).abs() < 5e-4 && high == 1.0, "{low} {high}");
    }
}
