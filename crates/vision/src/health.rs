//! Which cameras of an observation can be used, and why the others cannot.

use std::{fmt, sync::Arc};

use neuraxis_core::CameraView;

/// A camera that is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskedCamera {
    /// Its name.
    pub name: Arc<str>,
    /// Why.
    pub fault: CameraFault,
}

impl fmt::Display for MaskedCamera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.fault)
    }
}

/// What makes a camera useless.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CameraFault {
    /// The observation does not hold it.
    #[error("not in the observation")]
    Missing,
    /// It is black or white but for noise, or has one colour and one depth. A camera that sees nothing but one plain object of
    /// black or white is left out, too, whatever its depth says: a lens of the colours that is covered looks the same.
    #[error("its picture is blank (black or white all over, or one colour at one depth)")]
    Blank,
    /// Fewer than one pixel in twenty has a finite, positive depth.
    #[error("hardly any depth reading")]
    NoDepth,
    /// It shows what it showed before the arm moved: see [`FrozenWatch`](crate::FrozenWatch).
    #[error("its picture stands still while the arm moves")]
    Frozen,
    /// Images or calibration are unusable.
    #[error("{0}")]
    Malformed(String),
}

/// With depth in a smaller part of its pixels a camera shows no scene: single readings may be hot pixels.
const LEAST_DEPTH: f64 = 0.05;
/// The brightness [of 255] of all but the darkest and the brightest hundredth of a picture that shows nothing lies within this:
/// the noise of a sensor in the dark has a standard deviation of 1 or 2, and 98 % of it lie within 4.7 of those.
const LEAST_SPREAD: usize = 10;
/// Darker than this (or as near to white) in the mean, such a picture is one of a covered lens (or of a blinded one) [of 255]. The
/// suite's scenes have 63 and more with their lamp out, and a standard deviation of 20 and more.
const DARK: f64 = 16.0;

/// Is this picture worth nothing? Calibration is checked where it is used, in [`fuse_usable_into`](crate::fuse_usable_into).
pub fn dead(camera: &CameraView) -> Option<CameraFault> {
    let readings = camera.depth_m.iter().filter(|z| z.is_finite() && **z > 0.0).count();
    if readings == 0 || (readings as f64) < LEAST_DEPTH * camera.depth_m.len() as f64 {
        return Some(CameraFault::NoDepth);
    }
    let mut pixels_by_brightness = [0usize; 256];
    let pixels = camera.rgb.as_chunks::<3>().0;
    for pixel in pixels {
        pixels_by_brightness[brightness(pixel)] += 1;
    }
    if spread(&pixels_by_brightness, pixels.len()) >= LEAST_SPREAD {
        return None;
    }
    // One colour alone is no sign of death: a hand close to a plain object sees nothing else. But black and white are what
    // covered and blinded lenses show, and whole depth does not speak against that: it may have a lens of its own.
    let sum: usize = pixels_by_brightness.iter().enumerate().map(|(level, count)| level * count).sum();
    let mean = sum as f64 / pixels.len().max(1) as f64;
    let one_depth = || camera.depth_m.windows(2).all(|pair| pair[0] == pair[1]);
    (!(DARK..=255.0 - DARK).contains(&mean) || one_depth()).then_some(CameraFault::Blank)
}

/// Rec. 601 luma, 0 to 255.
fn brightness([r, g, b]: &[u8; 3]) -> usize {
    (77 * usize::from(*r) + 150 * usize::from(*g) + 29 * usize::from(*b)) >> 8
}

/// Levels between those below and above which a hundredth of the pixels lies.
fn spread(pixels_by_brightness: &[usize; 256], pixels: usize) -> usize {
    let edge = pixels / 100;
    let (mut below, mut above) = (0, 0);
    let low = (0..256).find(|level| {
        below += pixels_by_brightness[*level];
        below > edge
    });
    let high = (0..256).rev().find(|level| {
        above += pixels_by_brightness[*level];
        above > edge
    });
    high.zip(low).map_or(0, |(high, low)| high.saturating_sub(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Lcg;
    use neuraxis_core::{Intrinsics, Pose};

    const SIDE: usize = 64;

    /// A picture of given brightness at each pixel, of a tilted plane.
    fn view(brightness: impl FnMut(usize) -> u8) -> CameraView {
        let (side, focal) = (SIDE as u32, SIDE as f64);
        CameraView {
            name: "front".into(),
            intrinsics: Intrinsics { width: side, height: side, fx: focal, fy: focal, cx: 31.5, cy: 31.5 },
            world_from_camera: Pose::identity(),
            rgb: (0..SIDE * SIDE).map(brightness).flat_map(|v| [v; 3]).collect(),
            depth_m: (0..SIDE * SIDE).map(|i| 0.8 + 0.001 * (i / SIDE) as f32).collect(),
        }
    }

    #[test]
    fn one_hot_pixel_is_no_depth_and_a_tenth_of_the_readings_is() {
        let mut camera = view(|i| (i % 97) as u8);
        assert_eq!(dead(&camera), None);
        let whole = camera.depth_m.clone();
        for (every, fault) in [(10, None), (25, Some(CameraFault::NoDepth)), (usize::MAX, Some(CameraFault::NoDepth))] {
            camera.depth_m =
                whole.iter().enumerate().map(|(i, z)| if i % every == 0 { *z } else { f32::NAN }).collect();
            assert_eq!(dead(&camera), fault, "one in {every}");
        }
    }

    #[test]
    fn a_covered_lens_is_blank_for_all_its_noise_and_hot_pixels() {
        let mut random = Lcg(3);
        // Twelve uniform draws make a normal one.
        let mut noise = |sigma: f64| (0..12).map(|_| random.within(0.5)).sum::<f64>() * sigma;
        let black = view(|i| if i % 1000 == 7 { 255 } else { noise(1.5).abs() as u8 });
        assert_eq!(dead(&black), Some(CameraFault::Blank));
        let white = view(|_| (254.0 - noise(1.5).abs()) as u8);
        assert_eq!(dead(&white), Some(CameraFault::Blank));
        // A hand close to a plain object: one colour, and depth that says where it is. With black or white that is not enough:
        // those above have depth, too.
        let plain = view(|_| (128.0 + noise(1.5)) as u8);
        assert_eq!(dead(&plain), None);
        // A buffer that nobody fills: one colour and one depth.
        let mut empty = view(|_| 90);
        empty.depth_m.fill(1.0);
        assert_eq!(dead(&empty), Some(CameraFault::Blank));
    }

    #[test]
    fn a_dark_scene_is_no_covered_lens() {
        let dusk = view(|i| (i % SIDE / 4) as u8);
        assert_eq!(dead(&dusk), None);
        // Black but for a twentieth of it.
        let lit = view(|i| if i % 20 == 0 { 30 } else { 1 });
        assert_eq!(dead(&lit), None);
    }
}
