//! Sine and cosine of all joints at once: the same bits on every processor, and without a call for each.
//!
//! The angle is brought to within a quarter of pi by subtracting quarter turns in three parts (Cody and Waite 1980,
//! "Software manual for the elementary functions"); there Taylor's series are exact to the last bit or so.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

use neuraxis_core::{Joints, MAX_JOINTS};

/// Sine and cosine of an angle.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) sin: f64,
    pub(crate) cos: f64,
}

/// Angles beyond this, which no joint has, lose bits: the standard library knows better [rad].
const FAR_RAD: f64 = 1e4;
/// Adding it rounds to a whole number, found in the lowest bits.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
/// A quarter turn in three parts; the first two times a whole number below 2^26 are exact.
const QUARTER_HIGH: f64 = f64::from_bits(FRAC_PI_2.to_bits() & !((1 << 27) - 1));
const QUARTER_MIDDLE: f64 = FRAC_PI_2 - QUARTER_HIGH;
/// What FRAC_PI_2 lacks: it is the cosine of FRAC_PI_2.
const QUARTER_LOW: f64 = 6.123_233_995_736_766e-17;

/// In joint order; where there is no joint, no turn.
#[inline]
pub(crate) fn turns(q: &Joints) -> [Turn; MAX_JOINTS] {
    let mut turns = [Turn { sin: 0.0, cos: 1.0 }; MAX_JOINTS];
    for (turn, angle_rad) in turns.iter_mut().zip(q.iter()) {
        *turn = near(*angle_rad);
    }
    // `<=` is false for NaN.
    if !q.iter().all(|angle_rad| angle_rad.abs() <= FAR_RAD) {
        for (turn, angle_rad) in turns.iter_mut().zip(q.iter()) {
            let (sin, cos) = angle_rad.sin_cos();
            *turn = Turn { sin, cos };
        }
    }
    turns
}

/// Within `FAR_RAD`. No branches.
#[inline(always)]
fn near(angle_rad: f64) -> Turn {
    let rounded = angle_rad * FRAC_2_PI + ROUND;
    let (quarters, number) = (rounded - ROUND, rounded.to_bits());
    let x = ((angle_rad - quarters * QUARTER_HIGH) - quarters * QUARTER_MIDDLE) - quarters * QUARTER_LOW;
    let z = x * x;
    let (sin, cos) = (x + x * z * sine_tail(z), 1.0 - 0.5 * z + z * z * cosine_tail(z));
    // After odd quarters they change places; signs follow from the quadrant.
    let odd = 0u64.wrapping_sub(number & 1);
    let (s, c) = (sin.to_bits(), cos.to_bits());
    let sin = ((s & !odd) | (c & odd)) ^ ((number & 2) << 62);
    let cos = ((c & !odd) | (s & odd)) ^ ((number.wrapping_add(1) & 2) << 62);
    Turn { sin: f64::from_bits(sin), cos: f64::from_bits(cos) }
}

/// `-1/3! + z/5! - ...`: the next term is below 1e-17.
#[inline(always)]
fn sine_tail(z: f64) -> f64 {
    let z2 = z * z;
    let low = (-1.0 / 6.0 + z * (1.0 / 120.0)) + z2 * (-1.0 / 5_040.0 + z * (1.0 / 362_880.0));
    let high = (-1.0 / 39_916_800.0 + z * (1.0 / 6_227_020_800.0)) - z2 * (1.0 / 1_307_674_368_000.0);
    low + z2 * z2 * high
}

/// `1/4! - z/6! + ...`.
#[inline(always)]
fn cosine_tail(z: f64) -> f64 {
    let z2 = z * z;
    let low = (1.0 / 24.0 - z * (1.0 / 720.0)) + z2 * (1.0 / 40_320.0 - z * (1.0 / 3_628_800.0));
    let high = (1.0 / 479_001_600.0 - z * (1.0 / 87_178_291_200.0)) + z2 * (1.0 / 20_922_789_888_000.0);
    low + z2 * z2 * high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_library_says_to_the_last_bits() {
        let mut most: f64 = 0.0;
        for i in -200_000..=200_000 {
            let angle_rad = f64::from(i) * 1e-4 * 0.987_654_321;
            let turn = turns(&Joints::from_fn(1, |_| angle_rad))[0];
            let (sin, cos) = angle_rad.sin_cos();
            most = most.max((turn.sin - sin).abs()).max((turn.cos - cos).abs());
        }
        assert!(most <= 2.3e-16, "{most:e}");
    }

    #[test]
    fn at_whole_quarters_far_away_and_for_no_number() {
        for angle_rad in [0.0, -0.0, FRAC_PI_2, -FRAC_PI_2, 4.0 * FRAC_PI_2, 1e4, -1e4, 1.1e4, 1e15] {
            let turn = turns(&Joints::from_fn(2, |_| angle_rad))[1];
            let (sin, cos) = angle_rad.sin_cos();
            assert!((turn.sin - sin).abs() <= 2.3e-16 && (turn.cos - cos).abs() <= 2.3e-16, "{angle_rad}: {turn:?}");
        }
        for angle_rad in [f64::NAN, f64::INFINITY] {
            let turn = turns(&Joints::from_fn(1, |_| angle_rad))[0];
            assert!(turn.sin.is_nan() && turn.cos.is_nan());
        }
    }
}
