//! The arm as measured and as told, and the way of its tool.

use neuraxis_core::{ArmState, Nanos, Pose, Tool, World};
use neuraxis_episode::CommandSample;
use rerun::{LineStrips3D, Scalars};

use super::Viz;
use crate::{
    VizError, paths,
    shapes::{array, axes},
};

/// The tool's path keeps this many points and drops every second one when it is full.
const PATH_POINTS: usize = 2000;
/// A point is added to the path after this much motion [m].
pub(super) const PATH_STEP_M: f64 = 0.002;

impl Viz {
    /// The arm as measured. Thinned out to the configured rate.
    pub fn log_state(&mut self, state: &ArmState) -> Result<(), VizError> {
        if state.stamp < self.next_state {
            return Ok(());
        }
        self.next_state = state.stamp + Nanos::from_secs(1.0 / self.config.state_rate_hz);
        self.state = Some(*state);
        self.at(state.stamp);
        let finger_m = state.gripper_width_m / self.gripper_joints.len().max(1) as f64;
        let fingers = self.gripper_joints.iter().map(|joint| (joint, finger_m));
        for (joint, value) in self.joints.iter().zip(state.q.iter().copied()).chain(fingers) {
            let moved = self
                .tree
                .compute_joint_transform(joint, value, false)
                .map_err(|e| VizError::Urdf { path: self.config.urdf.clone(), reason: e.to_string() })?;
            self.put(paths::TRANSFORMS, &moved)?;
        }
        self.put(paths::MEASURED, &Scalars::new(state.q.iter().copied()))?;
        self.put(paths::WIDTH, &Scalars::new([state.gripper_width_m * 1e3]))
    }

    /// What the arm was told, beside the state of the same moment; without one that was shown it is left out.
    pub fn log_command(&mut self, command: &CommandSample) -> Result<(), VizError> {
        let Some(state) = self.state.filter(|state| state.stamp == command.stamp) else { return Ok(()) };
        self.at(command.stamp);
        self.put(paths::COMMANDED, &Scalars::new(command.q.iter().copied()))?;
        let errors_mrad = state.q.iter().zip(command.q.iter()).map(|(measured, wanted)| (measured - wanted) * 1e3);
        let errors_mrad: Vec<f64> = errors_mrad.collect();
        let worst_mrad = errors_mrad.iter().fold(0.0, |worst: f64, error| worst.max(error.abs()));
        self.put(paths::TRACKING, &Scalars::new(errors_mrad))?;
        self.put(paths::TRACKING_WORST, &Scalars::new([worst_mrad]))?;
        self.put(paths::WIDTH_COMMANDED, &Scalars::new([command.gripper_width_m * 1e3]))
    }

    /// Where the tool is; extends its path.
    pub fn log_tool(&mut self, stamp: Nanos, world_from_tool: &Pose<World, Tool>) -> Result<(), VizError> {
        let position = world_from_tool.position();
        let moved_m = self.tool.map_or(f64::INFINITY, |last| (position - last).norm());
        self.at(stamp);
        self.put(paths::TOOL, &axes(&world_from_tool.iso, 0.05, 0.002))?;
        self.put(paths::TOOL_HEIGHT, &Scalars::new([position.z * 1e3]))?;
        if moved_m < self.path_step_m {
            return Ok(());
        }
        self.tool = Some(position);
        self.path.push(array(&position));
        if self.path.len() > PATH_POINTS {
            let mut index = 0;
            self.path.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.path_step_m *= 2.0;
        }
        let line = LineStrips3D::new([self.path.clone()]).with_colors([[255, 205, 80]]).with_radii([0.0015]);
        self.put(paths::TOOL_PATH, &line)?;
        Ok(())
    }
}
