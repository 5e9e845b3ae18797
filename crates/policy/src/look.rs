//! What the dynamic stream saw in a prediction, for people.

use nalgebra::Vector3;
use neuraxis_core::{Camera, Pose, World};
use neuraxis_vision::PerspectiveView;
use tch::Tensor;

use crate::{
    Result,
    gaze::Gaze,
    infer::{colours, values},
};

/// The dynamic stream's view and what it rests on there.
#[derive(Clone, Debug)]
pub struct DynamicLook {
    /// Side of the view [px]: the policy's for a rendered view, the gaze network's for a clip.
    pub side: usize,
    /// (side, side, 3) colours; of a clip the current frame.
    pub rgb: Vec<u8>,
    /// (side, side) probabilities: the heatmap H4 in pixels of this view. A learned one is the fine stage's.
    pub heat: Vec<f32>,
    /// `X_WC` of the virtual camera.
    pub world_from_camera: Pose<World, Camera>,
    /// Its horizontal field of view [rad].
    pub hfov_rad: f64,
    /// What only a gaze network has.
    pub gaze: Option<GazeLook>,
}

/// Where the gaze rests, and what it saw before.
#[derive(Clone, Debug)]
pub struct GazeLook {
    /// (side, side, 3) colours of the clip's older frame, through the same camera.
    pub before_rgb: Vec<u8>,
    /// Age of that frame [s]; `None`: there was none, the current one is shown twice.
    pub previous_age_secs: Option<f64>,
    /// The saliency's peak, in pixels of the view.
    pub peak: [f64; 2],
    /// Direction of the ray from the camera through the peak, in the world, of length one.
    pub ray_in_world: Vector3<f64>,
    /// The point of the cloud that is seen there; `None` in an empty image.
    pub point_in_world: Option<Vector3<f64>>,
}

impl DynamicLook {
    /// A rendered view with a heatmap of the same side.
    pub(crate) fn of_view(camera: &PerspectiveView, view: &Tensor, heat: &Tensor) -> Result<Self> {
        Ok(Self {
            side: camera.side(),
            rgb: colours(&values(view)?, camera.side()),
            heat: values(heat)?,
            world_from_camera: camera.world_from_camera(),
            hfov_rad: camera.hfov_rad(),
            gaze: None,
        })
    }

    /// A clip, its saliency brought to the side of its frames.
    pub(crate) fn of_gaze(gaze: Gaze) -> Result<Self> {
        let [before_rgb, rgb] = gaze.frames;
        Ok(Self {
            side: gaze.frame_side,
            rgb,
            heat: values(&gaze.output.saliency(gaze.frame_side as i64)?)?,
            world_from_camera: gaze.world_from_camera,
            hfov_rad: gaze.hfov_rad,
            gaze: Some(GazeLook {
                before_rgb,
                previous_age_secs: gaze.previous_age_secs,
                peak: gaze.peak,
                ray_in_world: gaze.ray_in_world,
                point_in_world: gaze.point_in_world,
            }),
        })
    }
}
