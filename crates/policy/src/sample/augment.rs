//! One observation as a training sample: turned, shifted, looked at not quite in the right place, told in some words.

use std::ops::Range;

use nalgebra::Vector3;
use neuraxis_vision::{Cloud, CubeFrame, GeometricKeypoints, KeypointProvider, Keypoints};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{Rows, Samples};
use crate::{Result, TrainConfig, feed::Moment, views};

/// Bins by which a told rotation is off, as in RVT-2's code.
const JITTER: Range<i64> = -2..2;
/// Beyond this a moved label is not let in its cube, whose border is at 1.
const EDGE: f64 = 0.999;

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
        let mut draw = || rng.random_range(-1.0..1.0);
        let sideways = [draw(), draw()].map(|x| x * config.augment_shift_m);
        let up = if config.augment_shift_z_m > 0.0 { draw() * config.augment_shift_z_m } else { 0.0 };
        let shift = Vector3::new(sideways[0], sideways[1], up);
        let label = goal.keyframe.world_from_tool.position();
        let frame = moved(&views::cube(&config.policy), yaw, shift, &label);
        let noise = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0) * config.center_noise_m * frame.scale());
        let body = record.body();
        let before = self.before_into(index, before, rows)?;
        let moment = Moment { cloud: scene, before, body: &body };
        let target = frame.cube_from_world(&label);
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
        // Drawn last, so that nothing else of the sample depends on it.
        let off = if config.rotation_jitter { [0; 3].map(|_| rng.random_range(JITTER)) } else { [0; 3] };
        rows.target(&frame, &fine, &goal.keyframe, &rotation, off, config)
    }
}

/// The cube turned by `yaw` [rad] and moved by `shift` [m]; if that puts a label in the world outside, moved so that it lies at
/// the edge: outside there is nothing to learn. Without a vertical shift heights are left as they are.
fn moved(cube: &CubeFrame, yaw: f64, shift: Vector3<f64>, label: &Vector3<f64>) -> CubeFrame {
    let moved = cube.moved(yaw, shift);
    let mut beyond = moved.cube_from_world(label).map(|x| x - x.clamp(-EDGE, EDGE));
    if shift.z == 0.0 {
        beyond.z = 0.0;
    }
    cube.moved(yaw, shift + moved.rotation() * beyond / moved.scale())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::PolicyConfig;

    #[test]
    fn no_augmentation_moves_a_label_out_of_the_cube_and_most_are_left_as_drawn() {
        let cube = views::cube(&PolicyConfig::default());
        let mut rng = Pcg64::seed_from_u64(4);
        let (mut kept, mut held) = (0, 0);
        for _ in 0..2000 {
            let mut draw = |low: f64, high: f64| rng.random_range(low..high);
            let label = Vector3::new(draw(-0.3, 0.7), draw(-0.5, 0.5), draw(0.6, 1.6));
            let (yaw, shift) = (draw(-0.8, 0.8), Vector3::new(draw(-0.2, 0.2), draw(-0.2, 0.2), 0.0));
            let (plain, frame) = (cube.moved(yaw, shift), moved(&cube, yaw, shift, &label));
            let (before, after) = (plain.cube_from_world(&label), frame.cube_from_world(&label));
            assert!(after.xy().amax() < 1.0 && after.z == before.z, "{label} {after}");
            let lifted = moved(&cube, yaw, shift + Vector3::z() * draw(-0.2, 0.2), &label).cube_from_world(&label);
            assert!(lifted.amax() < 1.0 && lifted.z != after.z, "{label} {lifted}");
            if before.xy().amax() <= EDGE {
                assert_eq!(frame, plain);
                kept += 1;
            } else {
                assert!((after.xy().amax() - EDGE).abs() < 1e-9, "{after}");
                held += 1;
            }
        }
        assert!(kept > 300 && held > 300, "{kept} {held}");
    }
}
