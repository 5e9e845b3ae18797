//! What other weights would have answered, beside what was answered.

use nalgebra::{Isometry3, Translation3};
use neuraxis_core::{Gripper, KeyFrame, Nanos};
use neuraxis_episode::PredictionDetail;
use rerun::{Image, LineStrips3D, Scalars, TextDocument};

use crate::{
    Viz, VizError, heat, paths,
    shapes::{array, axes, label},
};

/// The other answer's colour.
const MAGENTA: [u8; 3] = [255, 90, 220];
/// Its words stand this far below it, clear of those of the recorded one [m].
const LABEL_BELOW_M: f64 = 0.06;

/// Two answers to one observation.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Answers {
    /// As recorded.
    pub recorded: KeyFrame,
    /// As other weights answer.
    pub other: KeyFrame,
}

impl Answers {
    /// Distance [m] and angle [rad] between the two poses.
    pub fn apart(&self) -> (f64, f64) {
        self.recorded.world_from_tool.distance(&self.other.world_from_tool)
    }
}

impl Viz {
    /// Both answers at the moment of the observation: the other key-frame in the scene, tied to the recorded one, and how far
    /// they are apart.
    pub fn log_answers(&mut self, stamp: Nanos, answers: &Answers) -> Result<(), VizError> {
        self.at(stamp);
        let of = |keyframe: &KeyFrame| -> Isometry3<f64> { keyframe.world_from_tool.iso };
        let (recorded, other) = (of(&answers.recorded), of(&answers.other));
        let does = match answers.other.gripper {
            Gripper::Open => "open",
            Gripper::Closed => "close",
        };
        let name = self.config.other.as_deref().unwrap_or("other weights");
        let lines = axes(&other, 0.11, 0.004).with_colors([MAGENTA]);
        self.put(paths::OTHER, &lines)?;
        let below = Translation3::new(0.0, 0.0, -LABEL_BELOW_M) * other;
        self.put(paths::OTHER_LABEL, &label(&below, &format!("{name}: then {does}"), MAGENTA))?;
        let link = [[array(&recorded.translation.vector), array(&other.translation.vector)]];
        self.put(paths::OTHER_LINK, &LineStrips3D::new(link).with_colors([MAGENTA]).with_radii([0.002]))?;
        let (metres, radians) = answers.apart();
        for (path, value) in [(paths::APART, metres * 1e3), (paths::TURNED, radians.to_degrees())] {
            self.put(path, &Scalars::new([value]))?;
        }
        Ok(())
    }

    /// What the other weights looked at on the way to their answer.
    pub fn log_other_views(&mut self, stamp: Nanos, detail: &PredictionDetail) -> Result<(), VizError> {
        self.at(stamp);
        for view in &detail.views {
            if !self.config.other_views.contains(&view.name) {
                self.config.other_views.push(view.name.clone());
            }
            if let Some(picture) = heat::overlay(view) {
                self.put(&paths::other_view(&view.name), &Image::from_rgb24(picture, view.size))?;
            }
        }
        Ok(())
    }

    /// What the comparison comes to, as Markdown.
    pub fn log_compared(&self, markdown: &str) -> Result<(), VizError> {
        self.put_static(paths::COMPARED, &TextDocument::from_markdown(markdown))
    }
}
