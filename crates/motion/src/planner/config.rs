//! `motion.yaml`, section `planner`.

use serde::{Deserialize, Serialize};

use crate::{FieldConfig, MotionError};

/// How paths around obstacles are sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlannerConfig {
    /// The box of the world in which distances are known.
    pub field: FieldConfig,
    /// Distance of the arm to everything else on the way, 0 to 0.2; the grid is wrong by up to 0.65 cells [m].
    pub clearance_m: f64,
    /// Around its place at the start and at the goal each part of the arm may be as near to things as it is there,
    /// this far, 0 to 1 [m].
    pub near_m: f64,
    /// How deep the arm, without its fingers, may be in an obstacle's cells at the goal, 0 to 0.2 [m].
    pub contact_m: f64,
    /// Distance of the arm to itself on the way, 0 to 0.2, above the brainstem's margin [m].
    pub self_clearance_m: f64,
    /// Links before this one are not checked: 0 is the base, which stands on something, n is moved by the n-th joint.
    /// At least 1, at most the number of joints.
    pub first_link: usize,
    /// The fingers, spread; may be empty.
    pub fingers: Vec<ToolCapsule>,
    /// Further random starts of the inverse kinematics, 0 to 64.
    pub seeds: usize,
    /// Samples drawn before the search is given up, all goal postures together, 1 to 1000000.
    pub tries: usize,
}

/// All points within a radius of a line segment, fixed to the tool; equal ends make a ball.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCapsule {
    /// One end of the segment in the tool's frame [m].
    pub from_xyz_m: [f64; 3],
    /// The other end [m].
    pub to_xyz_m: [f64; 3],
    /// Above 0, at most 0.5 [m].
    pub radius_m: f64,
}

impl ToolCapsule {
    /// True if all numbers are finite and in range.
    pub fn is_valid(&self) -> bool {
        let ends = self.from_xyz_m.iter().chain(&self.to_xyz_m);
        ends.into_iter().all(|v| v.abs() <= 2.0) && self.radius_m > 0.0 && self.radius_m <= 0.5
    }
}

impl Default for PlannerConfig {
    fn default() -> Self {
        // Across the Franka hand's fingers, opened to 80 mm.
        let fingers =
            ToolCapsule { from_xyz_m: [0.0, -0.035, -0.025], to_xyz_m: [0.0, 0.035, -0.025], radius_m: 0.025 };
        Self {
            field: FieldConfig::default(),
            clearance_m: 0.02,
            near_m: 0.10,
            contact_m: 0.02,
            self_clearance_m: 0.01,
            first_link: 2,
            fingers: vec![fingers],
            seeds: 8,
            tries: 100000,
        }
    }
}

impl PlannerConfig {
    /// Refuses values that the planner cannot work with.
    pub fn validate(&self) -> Result<(), MotionError> {
        self.field.validate()?;
        let within = |key, value: f64, least: f64, most: f64, allowed| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(MotionError::Config { key, value, allowed }),
        };
        within("planner.clearance_m", self.clearance_m, 0.0, 0.2, "0 to 0.2")?;
        within("planner.near_m", self.near_m, 0.0, 1.0, "0 to 1")?;
        within("planner.contact_m", self.contact_m, 0.0, 0.2, "0 to 0.2")?;
        within("planner.self_clearance_m", self.self_clearance_m, 0.0, 0.2, "0 to 0.2")?;
        within("planner.first_link", self.first_link as f64, 1.0, 16.0, "1 to the number of joints")?;
        within("planner.seeds", self.seeds as f64, 0.0, 64.0, "0 to 64")?;
        within("planner.tries", self.tries as f64, 1.0, 1e6, "1 to 1000000")?;
        for finger in &self.fingers {
            if !finger.is_valid() {
                let (value, allowed) = (finger.radius_m, "ends within 2 m, radius_m above 0, at most 0.5");
                return Err(MotionError::Config { key: "planner.fingers: radius_m", value, allowed });
            }
        }
        Ok(())
    }
}
