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
    /// All pixels are black, or all have one colour and one depth.
    #[error("its picture is blank")]
    Blank,
    /// No pixel has a finite, positive depth.
    #[error("no depth reading")]
    NoDepth,
    /// Images or calibration are unusable.
    #[error("{0}")]
    Malformed(String),
}

/// Is this picture worth nothing? Calibration is checked where it is used, in [`fuse_usable_into`](crate::fuse_usable_into).
pub fn dead(camera: &CameraView) -> Option<CameraFault> {
    if !camera.depth_m.iter().any(|z| z.is_finite() && *z > 0.0) {
        return Some(CameraFault::NoDepth);
    }
    // One colour alone is no sign of death: a hand close to a plain object sees nothing else.
    let pixels = camera.rgb.as_chunks::<3>().0;
    let one_depth = camera.depth_m.windows(2).all(|pair| pair[0] == pair[1]);
    let blank =
        pixels.first().is_none_or(|first| pixels.iter().all(|pixel| pixel == first) && (*first == [0; 3] || one_depth));
    blank.then_some(CameraFault::Blank)
}
