//! H_perc: how far several views of one scene disagree about what is there (after arXiv 2603.15557).

/// 1 - mean Jaccard index over pairs of views, each the things seen in it; `None` with fewer than two views.
pub fn perceptual_entropy(views: &[Vec<usize>]) -> Option<f64> {
    let pairs = views.iter().enumerate().flat_map(|(i, a)| views.iter().skip(i + 1).map(move |b| jaccard(a, b)));
    let (sum, count) = pairs.fold((0.0, 0_u32), |(sum, count), index| (sum + index, count + 1));
    (count > 0).then(|| 1.0 - sum / f64::from(count))
}

/// Share of what is in both among what is in either; two empty views agree.
fn jaccard(a: &[usize], b: &[usize]) -> f64 {
    let both = a.iter().filter(|one| b.contains(one)).count();
    let either = a.len() + b.len() - both;
    if either == 0 { 1.0 } else { both as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_that_agree_have_none_and_views_that_share_nothing_have_all() {
        assert_eq!(perceptual_entropy(&[vec![1, 2], vec![1, 2], vec![1, 2]]), Some(0.0));
        assert_eq!(perceptual_entropy(&[vec![1], vec![2]]), Some(1.0));
        // Pairs: 1/2, 0, 1/3.
        let mixed = perceptual_entropy(&[vec![1, 2], vec![2], vec![1, 3]]).unwrap();
        assert!((mixed - (1.0 - (0.5 + 1.0 / 3.0) / 3.0)).abs() < 1e-12);
        assert_eq!(perceptual_entropy(&[vec![1]]), None);
        assert_eq!(perceptual_entropy(&[Vec::new(), Vec::new()]), Some(0.0));
    }
}
