//! The distance of two line segments.

use nalgebra::Vector3;

/// Squared sine of the angle below which two segments count as parallel.
const PARALLEL: f64 = 1e-12;

/// A line segment; its ends may coincide.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Segment {
    from: Vector3<f64>,
    /// From one end to the other.
    span: Vector3<f64>,
    length_squared: f64,
    half_length: f64,
}

impl Segment {
    pub(crate) fn new(from: Vector3<f64>, to: Vector3<f64>) -> Self {
        let span = to - from;
        let length_squared = span.norm_squared();
        Self { from, span, length_squared, half_length: 0.5 * length_squared.sqrt() }
    }

    /// A cheap lower bound of the distance: that of the balls around the segments, may be negative.
    #[inline]
    pub(crate) fn at_least(&self, other: &Self) -> f64 {
        let between = (other.from + 0.5 * other.span) - (self.from + 0.5 * self.span);
        between.norm() - self.half_length - other.half_length
    }

    /// Distance of the two segments.
    ///
    /// The squared distance of the points `a + s u` and `b + t v` is a convex quadratic of (s, t) on the unit square:
    /// its least value is either at the stationary point, if that lies inside, or on an edge of the square, where one
    /// of the two points is an end. Parallel and degenerate segments have their least value on an edge too, so that
    /// nothing needs a special case.
    #[inline]
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let (u, v) = (self.span, other.span);
        let between = other.from - self.from;
        let (uu, vv, uv) = (self.length_squared, other.length_squared, u.dot(&v));
        let (ub, vb, bb) = (u.dot(&between), v.dot(&between), between.norm_squared());
        let squared = |s: f64, t: f64| bb + s * (s * uu - 2.0 * ub) + t * (t * vv + 2.0 * vb) - 2.0 * s * t * uv;
        // Stationary: uu s - uv t = ub, uv s - vv t = vb.
        let determinant = uu * vv - uv * uv;
        if determinant > PARALLEL * uu * vv {
            let s = (ub * vv - uv * vb) / determinant;
            let t = (uv * ub - uu * vb) / determinant;
            if (0.0..=1.0).contains(&s) && (0.0..=1.0).contains(&t) {
                return (between + t * v - s * u).norm();
            }
        }
        // Best s for t = 0 and t = 1, best t for s = 0 and s = 1; any value will do on a segment without length.
        let over = |length_squared: f64| if length_squared > 0.0 { 1.0 / length_squared } else { 0.0 };
        let (over_uu, over_vv) = (over(uu), over(vv));
        let candidates = [
            ((ub * over_uu).clamp(0.0, 1.0), 0.0),
            (((ub + uv) * over_uu).clamp(0.0, 1.0), 1.0),
            (0.0, (-vb * over_vv).clamp(0.0, 1.0)),
            (1.0, ((uv - vb) * over_vv).clamp(0.0, 1.0)),
        ];
        let mut least = (f64::INFINITY, 0.0, 0.0);
        for (s, t) in candidates {
            let here = squared(s, t);
            if here < least.0 {
                least = (here, s, t);
            }
        }
        // Once more without the cancellation of the expanded square.
        (between + least.2 * v - least.1 * u).norm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same distance by brute force.
    fn sampled(a: &Segment, b: &Segment) -> f64 {
        let mut least = f64::INFINITY;
        for i in 0..=200 {
            let p = a.from + a.span * (i as f64 / 200.0);
            // The nearest point of a segment to a point.
            let t = if b.length_squared > 0.0 {
                ((p - b.from).dot(&b.span) / b.length_squared).clamp(0.0, 1.0)
            } else {
                0.0
            };
            least = least.min((b.from + t * b.span - p).norm());
        }
        least
    }

    /// Numbers in -1 ... 1 from a linear congruence: no dependency, always the same.
    fn numbers(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (*state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    #[test]
    fn agrees_with_brute_force() {
        let mut state = 1;
        for round in 0..2000 {
            let mut point = || Vector3::new(numbers(&mut state), numbers(&mut state), numbers(&mut state));
            let (a, mut b) = (Segment::new(point(), point()), Segment::new(point(), point()));
            match round % 4 {
                // Parallel, the same length; a point; nearly parallel.
                0 => b = Segment::new(b.from, b.from + a.span),
                1 => b = Segment::new(b.from, b.from),
                2 => b = Segment::new(b.from, b.from + a.span + b.span * 1e-7),
                _ => {}
            }
            let (exact, sampled) = (a.distance(&b), sampled(&a, &b));
            assert!(exact <= sampled + 1e-9, "{exact} {sampled} {a:?} {b:?}");
            assert!(sampled <= exact + 0.01, "{exact} {sampled} {a:?} {b:?}");
            assert!((exact - b.distance(&a)).abs() < 1e-6);
            assert!(a.at_least(&b) <= exact + 1e-12);
        }
    }

    #[test]
    fn crossing_segments_touch_and_nan_stays_nan() {
        let x = Segment::new(Vector3::new(-1.0, 0.0, 0.0), Vector3::new(1.0, 0.0, 0.0));
        let y = Segment::new(Vector3::new(0.0, -1.0, 0.5), Vector3::new(0.0, 1.0, 0.5));
        assert!((x.distance(&y) - 0.5).abs() < 1e-15);
        assert!(Segment::new(Vector3::new(f64::NAN, 0.0, 0.0), Vector3::zeros()).distance(&y).is_nan());
    }
}
