//! Sizes of the network.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    choices::{Dynamic, FeedForward, Head, HeadFeatures, RotationForm, Upsampling},
    network::{MARKERS, VIEW_CHANNELS},
};

/// Widest layer, most layers of a kind, and of all of them dim² together (`full` has 2^21).
const MOST_WIDTH: i64 = 4096;
const MOST_DEPTH: usize = 64;
const MOST_IN_LAYERS: i64 = 1 << 26;
/// Largest side of a view [px], and most patches along it.
const MOST_PX: i64 = 1024;
const MOST_PATCHES: i64 = 64;
const MOST_PATCH_PX: i64 = 64;

/// Shape of the policy. Stored in every checkpoint; weights of another shape are refused.
///
/// In a file, `preset` names where to start and other keys say what differs from it; see [`crate::preset`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// World-aligned cube the policy works in: [x_min, y_min, z_min, x_max, y_max, z_max] [m].
    pub bounds_m: [f64; 6],
    /// Side of each virtual view [px]; a multiple of `patch_px`, two patches at least.
    pub image_px: i64,
    /// Magnification of the fine stage.
    pub zoom: f64,
    /// Part of the fine stage's half-width that is not bent; the rest shows all else, more and more narrow. 1: it is cut
    /// off instead, as in RVT-2.
    pub fovea: f64,
    /// Side of the patch that becomes one token [px]; with a pixel path a multiple of 4.
    pub patch_px: i64,
    /// Keep quarter-resolution features that read the instruction beside the tokens (ours), or patches alone (RVT).
    pub pixel_path: bool,
    /// Width of the pixel path; a multiple of 4.
    pub pixel_dim: i64,
    /// Without a pixel path: width of the feature maps around the transformer, half of it image and half
    /// proprioception on the way in; a multiple of 8.
    pub feature_dim: i64,
    /// Width of the transformer.
    pub dim: i64,
    /// Attention heads; divides `dim`.
    pub heads: i64,
    /// Self-attention layers inside each view.
    pub depth_view: usize,
    /// Joint layers over all views and the language tokens.
    pub depth_joint: usize,
    /// Bias of queries, keys and values in these layers.
    pub attention_bias: bool,
    /// Map after the attention in these layers.
    pub feed_forward: FeedForward,
    /// Part of each attention's result that is dropped while learning; 0 to below 1.
    pub dropout: f64,
    /// From the finest features to the heatmaps.
    pub upsampling: Upsampling,
    /// Maps to rotation, gripper and collision flag.
    pub head: Head,
    /// What these maps see.
    pub head_features: HeadFeatures,
    /// How an orientation is said.
    pub rotation: RotationForm,
    /// Rotation bins per axis, if it is said in bins.
    pub rotation_bins: i64,
    /// Width of the text encoder's token features.
    pub text_dim: i64,
    /// Language tokens kept.
    pub text_len: i64,
    /// Numbers of proprioception; this program makes 12.
    pub proprio_dim: i64,
    /// Two input channels that mark the tool and the last key-frame.
    pub markers: bool,
    /// The dynamic stream.
    pub dynamic: Dynamic,
    /// Channels of the gaze network's features F_SA and F_GLC together; read where `dynamic` is `gaze`.
    pub gaze_dim: i64,
    /// Height of the table plane whose points are thinned before rendering [m].
    pub plane_z_m: f64,
}

impl PolicyConfig {
    /// Channels per rendered view: RVT-2's ten and the markers.
    pub fn view_channels(&self) -> i64 {
        VIEW_CHANNELS - if self.markers { 0 } else { MARKERS }
    }

    /// Tokens along a side of a view.
    pub fn token_side(&self) -> i64 {
        self.image_px / self.patch_px
    }

    /// Side of a stage's finest features.
    pub fn finest_side(&self) -> i64 {
        if self.pixel_path { self.image_px / 4 } else { self.token_side() }
    }

    /// Channels of a stage's finest features.
    pub fn finest_dim(&self) -> i64 {
        if self.pixel_path { self.pixel_dim } else { self.feature_dim }
    }

    /// Width of the tokens that leave a stage.
    pub fn token_dim(&self) -> i64 {
        if self.pixel_path { self.dim } else { self.feature_dim }
    }

    /// Refuses shapes that cannot be built.
    pub fn validate(&self) -> Result<()> {
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        if !(1..=MOST_PATCH_PX).contains(&self.patch_px) || (self.pixel_path && self.patch_px % 4 != 0) {
            return fail("patch_px", self.patch_px.to_string(), "1 to 64, with a pixel path a multiple of 4");
        }
        self.validate_sizes()?;
        if self.image_px < 2 * self.patch_px || self.image_px % self.patch_px != 0 {
            return fail("image_px", self.image_px.to_string(), "a multiple of patch_px, at least two patches");
        }
        if self.heads < 1 || self.dim < 1 || self.dim % self.heads != 0 {
            return fail("heads", self.heads.to_string(), "a divisor of dim");
        }
        if self.pixel_dim < 4 || self.pixel_dim % 4 != 0 {
            return fail("pixel_dim", self.pixel_dim.to_string(), "a positive multiple of 4");
        }
        if self.feature_dim < 8 || self.feature_dim % 8 != 0 {
            return fail("feature_dim", self.feature_dim.to_string(), "a positive multiple of 8");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail("dropout", self.dropout.to_string(), "0 to below 1");
        }
        if !(self.zoom.is_finite() && self.zoom > 1.0) {
            return fail("zoom", self.zoom.to_string(), "finite, greater than 1");
        }
        if !(0.1..=1.0).contains(&self.fovea) {
            return fail("fovea", self.fovea.to_string(), "0.1 to 1");
        }
        let b = &self.bounds_m;
        if !b.iter().all(|x| x.is_finite()) || (0..3).any(|i| b[i] >= b[i + 3]) {
            return fail("bounds_m", format!("{b:?}"), "finite, minimum below maximum on each axis");
        }
        if !self.plane_z_m.is_finite() {
            return fail("plane_z_m", self.plane_z_m.to_string(), "finite");
        }
        if !(4..=720).contains(&self.rotation_bins) {
            return fail("rotation_bins", self.rotation_bins.to_string(), "4 to 720");
        }
        if !(1..=512).contains(&self.text_len) {
            return fail("text_len", self.text_len.to_string(), "1 to 512");
        }
        for (key, width) in
            [("text_dim", self.text_dim), ("proprio_dim", self.proprio_dim), ("gaze_dim", self.gaze_dim)]
        {
            if !(1..=MOST_WIDTH).contains(&width) {
                return fail(key, width.to_string(), "1 to 4096");
            }
        }
        Ok(())
    }

    /// Refuses what would take more memory than any network that we know: the sizes come from files that others may have made.
    fn validate_sizes(&self) -> Result<()> {
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        for (key, width) in [("dim", self.dim), ("pixel_dim", self.pixel_dim), ("feature_dim", self.feature_dim)] {
            if !(0..=MOST_WIDTH).contains(&width) {
                return fail(key, width.to_string(), "up to 4096");
            }
        }
        for (key, depth) in [("depth_view", self.depth_view), ("depth_joint", self.depth_joint)] {
            if depth > MOST_DEPTH {
                return fail(key, depth.to_string(), "up to 64");
            }
        }
        let layers = (self.depth_view + self.depth_joint) as i64;
        if self.dim * self.dim * layers > MOST_IN_LAYERS {
            return fail("dim", self.dim.to_string(), "less with so many layers: dim² times their number up to 2^26");
        }
        if self.image_px > MOST_PX {
            return fail("image_px", self.image_px.to_string(), "up to 1024");
        }
        if self.image_px > MOST_PATCHES * self.patch_px {
            return fail("patch_px", self.patch_px.to_string(), "at least a 64th of image_px");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_no_memory_holds_are_refused_before_they_are_built() {
        let base = PolicyConfig::default;
        for (config, words) in [
            (PolicyConfig { depth_joint: 100_000_000, ..base() }, "depth_joint = 100000000, allowed: up to 64"),
            (PolicyConfig { depth_view: 65, ..base() }, "depth_view = 65"),
            (PolicyConfig { dim: 1 << 40, ..base() }, "dim = 1099511627776, allowed: up to 4096"),
            (PolicyConfig { dim: 4096, depth_view: 32, ..base() }, "dim = 4096, allowed: less with so many layers"),
            (PolicyConfig { pixel_dim: 1 << 20, ..base() }, "pixel_dim = 1048576"),
            (PolicyConfig { feature_dim: 1 << 20, ..base() }, "feature_dim = 1048576"),
            (PolicyConfig { image_px: 1 << 20, ..base() }, "image_px = 1048576, allowed: up to 1024"),
            (PolicyConfig { image_px: 1024, patch_px: 8, ..base() }, "patch_px = 8, allowed: at least a 64th"),
            (PolicyConfig { patch_px: i64::MAX, ..base() }, "patch_px = 9223372036854775807"),
            (PolicyConfig { patch_px: 128, ..base() }, "patch_px = 128, allowed: 1 to 64"),
            (PolicyConfig { rotation_bins: 721, ..base() }, "rotation_bins = 721, allowed: 4 to 720"),
            (PolicyConfig { text_len: 513, ..base() }, "text_len = 513, allowed: 1 to 512"),
            (PolicyConfig { text_dim: 5000, ..base() }, "text_dim = 5000"),
            (PolicyConfig { proprio_dim: 0, ..base() }, "proprio_dim = 0"),
            (PolicyConfig { gaze_dim: 5000, ..base() }, "gaze_dim = 5000"),
            (PolicyConfig { plane_z_m: f64::NAN, ..base() }, "plane_z_m = NaN"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
