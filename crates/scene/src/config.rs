//! Where things are looked for, and how sure one must be.

use serde::{Deserialize, Serialize};

use crate::SightError;

/// Settings of segmentation, tracking and facts. Lengths in metres in the world frame, times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneConfig {
    /// Where things can be: [x_min, y_min, z_min, x_max, y_max, z_max] in the world [m].
    pub bounds_m: [f64; 6],
    /// Height of the table [m]; the fit looks around it.
    pub table_z_m: f64,
    /// The table is looked for this far above and below `table_z_m` [m].
    pub table_search_m: f64,
    /// Points this near to the fitted plane are the table's, or something painted on it [m].
    pub table_band_m: f64,
    /// Edge of a cell: points in neighbouring cells belong together [m].
    pub cell_m: f64,
    /// Fewer points than this are noise.
    pub least_points: usize,
    /// Axis of the arm's foot in the world, x and y [m].
    pub foot_in_world_m: [f64; 2],
    /// What stands this near to the axis is the arm [m].
    pub foot_radius_m: f64,
    /// A thing can have moved this far between two looks [m].
    pub gate_m: f64,
    /// Two ways to assign identities that differ by less than this are both possible [m].
    pub doubt_m: f64,
    /// For this long facts about a thing that is out of sight stay as they were last seen [s]; then they are unknown.
    pub remember_secs: f64,
    /// Half of the band around a limit within which a fact is neither true nor false [m].
    pub margin_m: f64,
    /// A drawer is open from here on [m].
    pub open_m: f64,
    /// A drawer is closed up to here [m].
    pub closed_m: f64,
}

impl Default for SceneConfig {
    /// The table of the simulation rig, watched by cameras of 128 x 128 pixels.
    fn default() -> Self {
        Self {
            bounds_m: [-0.08, -0.48, 0.70, 0.72, 0.48, 1.45],
            table_z_m: 0.75,
            table_search_m: 0.03,
            table_band_m: 0.005,
            cell_m: 0.012,
            least_points: 12,
            foot_in_world_m: [-0.268, 0.0],
            foot_radius_m: 0.20,
            gate_m: 0.06,
            doubt_m: 0.02,
            remember_secs: 2.0,
            margin_m: 0.005,
            open_m: 0.15,
            closed_m: 0.02,
        }
    }
}

impl SceneConfig {
    /// Refuses values with which nothing can be seen.
    pub fn validate(&self) -> Result<(), SightError> {
        let refuse = |key, value: String, allowed| Err(SightError::Config { key, value, allowed });
        let [x0, y0, z0, x1, y1, z1] = self.bounds_m;
        if !(self.bounds_m.iter().all(|b| b.is_finite()) && x0 < x1 && y0 < y1 && z0 < z1) {
            let value = format!("{:?}", self.bounds_m);
            return refuse("bounds_m", value, "six finite numbers, each minimum below its maximum");
        }
        let positive = [
            ("table_search_m", self.table_search_m),
            ("table_band_m", self.table_band_m),
            ("cell_m", self.cell_m),
            ("gate_m", self.gate_m),
            ("doubt_m", self.doubt_m),
            ("remember_secs", self.remember_secs),
            ("margin_m", self.margin_m),
            ("open_m", self.open_m),
            ("closed_m", self.closed_m),
        ];
        if let Some((key, value)) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return refuse(key, value.to_string(), "a finite number above 0");
        }
        if self.cell_m < 0.002 {
            return refuse("cell_m", self.cell_m.to_string(), "0.002 m or more");
        }
        if !(self.table_z_m.is_finite() && self.foot_in_world_m.iter().all(|v| v.is_finite())) {
            let value = format!("{} and {:?}", self.table_z_m, self.foot_in_world_m);
            return refuse("table_z_m and foot_in_world_m", value, "finite numbers");
        }
        if self.closed_m >= self.open_m {
            return refuse("closed_m", self.closed_m.to_string(), "less than open_m");
        }
        if self.least_points < 4 {
            return refuse("least_points", self.least_points.to_string(), "4 or more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_settings_are_refused_by_name() {
        assert_eq!(SceneConfig::default().validate(), Ok(()));
        let refusal = |change: fn(&mut SceneConfig)| {
            let mut config = SceneConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refusal(|c| c.bounds_m[3] = f64::NAN).contains("bounds_m"));
        assert!(refusal(|c| c.cell_m = 0.0).contains("cell_m = 0, allowed: a finite number above 0"));
        assert!(refusal(|c| c.closed_m = 0.2).contains("closed_m = 0.2, allowed: less than open_m"));
        assert!(refusal(|c| c.least_points = 0).contains("least_points"));
    }
}
