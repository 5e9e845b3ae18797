//! A tiny generator for this crate's tests, so that it needs no dependency for them.

/// Knuth's 64-bit linear congruential generator (MMIX), upper bits.
pub struct Lcg(pub u64);

impl Lcg {
    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in ± `reach`.
    pub fn within(&mut self, reach: f64) -> f64 {
        reach * (2.0 * f64::from(self.unit()) - 1.0)
    }
}
