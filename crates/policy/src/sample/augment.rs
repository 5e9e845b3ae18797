//! One observation as a training sample: turned, shifted, looked at not quite in the right place, told in some words.

use nalgebra::Vector3;
use neuraxis_vision::{Cloud, GeometricKeypoints, KeypointProvider, Keypoints};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{Rows, Samples};
use crate::{Result, TrainConfig, feed::Moment, views};

impl Samples {
    /// Adds one augmented sample; `scene` and `before` are buffers.
    pub(super) fn push(
        &self,
        rows: &mut Rows,
        [scene, before]: &mut [Cloud; 2],
        config: &TrainConfig,
        index: usize,
        goal: usize,
        rng: &mut Pcg64,
    ) -> Result<()> {
        let record = &self.records[index];
        let goal = &record.goals[goal];
        self.scene_into(index, scene)?;
        let yaw = rng.random_range(-1.0..1.0) * config.augment_yaw_deg.to_radians();
        let shift = |rng: &mut Pcg64| rng.random_range(-1.0..1.0) * config.augment_shift_m;
        let frame = views::cube(&config.policy).moved(yaw, Vector3::new(shift(rng), shift(rng), 0.0));
        let noise = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0) * config.center_noise_m * frame.scale());
        let body = record.body();
        let before = self.before_into(index, before, rows)?;
        let moment = Moment { cloud: scene, before, body: &body };
        let target = frame.cube_from_world(&goal.keyframe.world_from_tool.position());
        let fine = views::fine(&frame, &(target + noise), &config.policy);
        let features = self.wordings.told(&record.task, &goal.instruction, rng)?;
        let geometric =
            GeometricKeypoints { plane_z_m: Some(config.policy.plane_z_m), ..GeometricKeypoints::default() };
        let provider: &dyn KeypointProvider = match &self.imported {
            Some(imported) => imported,
            None => &geometric,
        };
        for (stage, frame) in [&frame, &fine].into_iter().enumerate() {
            rows.stage(stage, &moment, frame, features)?;
            if config.consistency.lambda > 0.0 {
                let points = provider.points(index, scene, &rows.renderer)?;
                rows.keypoints[stage].push(Keypoints::project(points, &rows.renderer));
            }
        }
        let rotation = views::rotation_in(&frame, &goal.keyframe.world_from_tool.rotation());
        if config.outlook > 0.0 {
            rows.outlook(&frame, goal.end_xyz_in_world);
        }
        rows.target(&frame, &fine, &goal.keyframe, &rotation, config)
    }
}
