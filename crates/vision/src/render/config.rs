//! How views are drawn: how large, and how wide a point is.

use serde::{Deserialize, Serialize};

use crate::VisionError;

/// The splat radius of RVT-2, in cube units: 1.344 px at a side of 224.
pub const SPLAT_RADIUS_IN_CUBE: f32 = 0.012;

/// How to draw.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RenderConfig {
    /// Side of a view [px]; 2 or more.
    pub side: usize,
    /// A pixel takes the nearest-depth point among its own and those of pixels closer than this [px]; 0 to 16, no
    /// splat up to 1. The cloud gets sparser on the screen as the cube zooms in: choose it for the fine stage.
    pub splat_px: f32,
}

impl Default for RenderConfig {
    /// As in RVT-2.
    fn default() -> Self {
        Self::with_radius(224, SPLAT_RADIUS_IN_CUBE)
    }
}

impl RenderConfig {
    /// A splat radius in cube units instead of pixels.
    pub fn with_radius(side: usize, radius_in_cube: f32) -> Self {
        Self { side, splat_px: radius_in_cube * side as f32 / 2.0 }
    }

    /// Refuses what cannot be drawn.
    pub fn validate(&self) -> Result<(), VisionError> {
        if self.side < 2 {
            let (value, allowed) = (self.side.to_string(), "2 or more");
            return Err(VisionError::Config { key: "side", value, allowed });
        }
        if !(0.0..=16.0).contains(&self.splat_px) {
            let (value, allowed) = (self.splat_px.to_string(), "0 to 16");
            return Err(VisionError::Config { key: "splat_px", value, allowed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_splat_is_the_default_and_nonsense_is_refused() {
        assert!((RenderConfig::default().splat_px - 1.344).abs() < 1e-6);
        let refused = |config: RenderConfig| config.validate().unwrap_err().to_string();
        assert!(refused(RenderConfig { side: 1, splat_px: 1.0 }).contains("side = 1"));
        assert!(refused(RenderConfig { side: 8, splat_px: f32::NAN }).contains("splat_px = NaN"));
        assert_eq!(RenderConfig { side: 112, splat_px: 1.5 }.validate(), Ok(()));
    }
}
