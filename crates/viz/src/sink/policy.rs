//! What a policy answers: key-frames in the scene, and what it saw and thought.

use neuraxis_core::{Gripper, KeyFrame, Nanos, Prediction};
use neuraxis_episode::{GazeRay, PredictionDetail};
use rerun::{Arrows3D, Image, LineStrips3D, Points3D, Scalars};

use super::Viz;
use crate::{
    VizError, heat, paths,
    shapes::{array, axes, label},
};

const WHITE: [u8; 3] = [245, 245, 245];

impl Viz {
    /// A policy's answer at the moment that it saw: the key-frame in the scene, how long it took.
    pub fn log_prediction(&mut self, prediction: &Prediction) -> Result<(), VizError> {
        self.log_keyframe(prediction.observed_at, &prediction.keyframe)?;
        let t = prediction.times;
        let stages =
            [t.render_secs, t.host_to_device_secs, t.coarse_secs, t.fine_secs, t.device_to_host_secs, t.total_secs];
        self.put(paths::POLICY_TIMING, &Scalars::new(stages.map(|secs| f64::from(secs) * 1e3)))?;
        self.put(paths::CONFIDENCE, &Scalars::new([f64::from(prediction.confidence)]))?;
        Ok(())
    }

    /// A key-frame in the scene, with the trail of those before it and the way there from the tool.
    pub fn log_keyframe(&mut self, stamp: Nanos, keyframe: &KeyFrame) -> Result<(), VizError> {
        self.at(stamp);
        let iso = keyframe.world_from_tool.iso;
        let gripper = match keyframe.gripper {
            Gripper::Open => "open",
            Gripper::Closed => "close",
        };
        let way = if keyframe.ignore_collisions { "straight" } else { "around" };
        self.put(paths::KEYFRAME, &axes(&iso, 0.11, 0.004))?;
        self.put(paths::KEYFRAME_LABEL, &label(&iso, &format!("next: {way}, then {gripper}"), WHITE))?;
        // The trail keeps a key-frame when the next one is elsewhere.
        if self.keyframe.is_none_or(|last| (last.translation.vector - iso.translation.vector).norm() > 0.005) {
            self.keyframes.push(array(&iso.translation.vector));
            let trail = Points3D::new(self.keyframes.clone()).with_colors([[80, 220, 255]]).with_radii([0.01]);
            self.put(paths::KEYFRAME_TRAIL, &trail)?;
        }
        self.keyframe = Some(iso);
        if let Some(tool) = self.tool {
            let link = LineStrips3D::new([[array(&tool), array(&iso.translation.vector)]])
                .with_colors([[80, 220, 255]])
                .with_radii([0.001]);
            self.put(paths::KEYFRAME_LINK, &link)?;
        }
        Ok(())
    }

    /// What a policy saw and thought: its views with their heatmaps, where its gaze rested.
    pub fn log_detail(&mut self, stamp: Nanos, detail: &PredictionDetail) -> Result<(), VizError> {
        self.at(stamp);
        self.make_room(detail)?;
        if let Some(gaze) = &detail.gaze {
            self.log_gaze(gaze)?;
        }
        for view in &detail.views {
            if let Some(picture) = heat::overlay(view) {
                self.put(&paths::virtual_view(&view.name), &Image::from_rgb24(picture, view.size))?;
            }
        }
        Ok(())
    }

    /// Views that the layout does not have yet, as those of a dynamic stream, get a place in it.
    fn make_room(&mut self, detail: &PredictionDetail) -> Result<(), VizError> {
        let known = self.config.virtual_views.len();
        for view in &detail.views {
            if !self.config.virtual_views.contains(&view.name) {
                self.config.virtual_views.push(view.name.clone());
            }
        }
        // Beside others the layout is made by [`Viz::lay_out`].
        if self.config.virtual_views.len() > known && self.config.root.is_empty() {
            Self::lay_out(std::slice::from_ref(self))?;
        }
        Ok(())
    }

    /// The ray from the eye to what it rests on, and that point.
    fn log_gaze(&self, gaze: &GazeRay) -> Result<(), VizError> {
        let ray = Arrows3D::from_vectors([heat::gaze_vector(gaze)])
            .with_origins([gaze.eye_in_world])
            .with_colors([[255, 170, 60]])
            .with_radii([0.002]);
        self.put(paths::GAZE_RAY, &ray)?;
        let point = Points3D::new(gaze.point_in_world).with_colors([[255, 170, 60]]).with_radii([0.015]);
        self.put(paths::GAZE_POINT, &point)?;
        Ok(())
    }
}
