//! Why an observation cannot be turned into views.

/// Errors of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VisionError {
    /// A camera's images or calibration are unusable.
    #[error("camera {camera}: {reason}")]
    Camera {
        /// Its name.
        camera: String,
        /// What is wrong.
        reason: String,
    },
    /// No camera can be used.
    #[error("no camera can be used: {0}")]
    NoCamera(String),
    /// Too little is in view.
    #[error(
        "the cloud has {points} points inside the bounds, at least {least} are needed: check bounds, depth and calibration"
    )]
    EmptyCloud {
        /// Points found.
        points: usize,
        /// Points needed.
        least: usize,
    },
    /// A size does not fit.
    #[error("{what}: {given} given, {expected} expected")]
    Size {
        /// What has the size.
        what: &'static str,
        /// Given.
        given: usize,
        /// Expected.
        expected: usize,
    },
    /// A setting is out of range.
    #[error("vision configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The heatmaps name no point.
    #[error("the heatmaps have no finite maximum: a network gave NaN or infinities")]
    NoMaximum,
}
