//! The middle of measured values. Neither allocates; the order of the values is lost.

/// The middle value; of an even number of values the mean of the two in the middle; `None` of none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let is_even = values.len().is_multiple_of(2);
    let (below, high) = split(values)?;
    let low = if is_even { below.iter().copied().max_by(f64::total_cmp).unwrap_or(high) } else { high };
    Some(0.5 * (low + high))
}

/// The middle value; of an even number of values the greater of the two in the middle, so that it is always one that was
/// measured; `None` of none.
pub fn upper_median(values: &mut [f64]) -> Option<f64> {
    split(values).map(|(_, high)| high)
}

/// What lies below the upper middle, and the upper middle.
fn split(values: &mut [f64]) -> Option<(&[f64], f64)> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (below, high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some((below, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_odd_and_even_numbers_of_values_and_of_none() {
        let both = |values: &[f64]| (median(&mut values.to_vec()), upper_median(&mut values.to_vec()));
        assert_eq!(both(&[3.0, 1.0, 2.0]), (Some(2.0), Some(2.0)));
        assert_eq!(both(&[4.0, 1.0, 2.0, 3.0]), (Some(2.5), Some(3.0)));
        assert_eq!(both(&[2.0, -1.0]), (Some(0.5), Some(2.0)));
        assert_eq!(both(&[7.0]), (Some(7.0), Some(7.0)));
        assert_eq!(both(&[]), (None, None));
    }
}
