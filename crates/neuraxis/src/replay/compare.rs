//! How far the answers of two policies are apart: a table for people, rows for programs.

use neuraxis_core::{KeyFrame, Nanos};
use neuraxis_viz::Answers;
use serde_json::{Value, json};

/// Answers of other weights to one recording.
#[derive(Default)]
pub struct Comparison {
    /// Time from the recording's start [s], both answers.
    rows: Vec<(f64, Answers)>,
}

impl Comparison {
    /// One more answer.
    pub fn push(&mut self, stamp: Nanos, zero: Nanos, answers: Answers) {
        self.rows.push(((stamp - zero).secs(), answers));
    }

    /// Nothing was compared.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many answers were compared.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// What was compared, by quantity: name, unit, median, 90th percentile, largest.
    fn quantities(&self) -> [(&'static str, &'static str, [f64; 3]); 2] {
        let apart: Vec<(f64, f64)> = self.rows.iter().map(|(_, answers)| answers.apart()).collect();
        let millimetres = apart.iter().map(|(metres, _)| metres * 1e3).collect();
        let degrees = apart.iter().map(|(_, radians)| radians.to_degrees()).collect();
        [("distance", "mm", spread(millimetres)), ("rotation", "deg", spread(degrees))]
    }

    /// How often something about the key-frames is the same.
    fn same(&self, of: impl Fn(&KeyFrame, &KeyFrame) -> bool) -> usize {
        self.rows.iter().filter(|(_, answers)| of(&answers.recorded, &answers.other)).count()
    }

    /// Gripper and way: the same so often.
    fn agreements(&self) -> [(&'static str, usize); 2] {
        let gripper = self.same(|a, b| a.gripper == b.gripper);
        let way = self.same(|a, b| a.ignore_collisions == b.ignore_collisions);
        [("same gripper", gripper), ("same way (straight or around)", way)]
    }

    /// For a terminal.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("            {:<15} {:>8} {:>8} {:>8}", "", "median", "p90", "most")];
        for (name, unit, [median, p90, most]) in self.quantities() {
            let head = format!("{name} [{unit}]");
            lines.push(format!("            {head:<15} {median:>8.1} {p90:>8.1} {most:>8.1}"));
        }
        let count = self.rows.len();
        lines.extend(self.agreements().map(|(what, same)| format!("            {what}: {same} of {count}")));
        lines
    }

    /// For the window.
    pub fn markdown(&self, head: &str) -> String {
        let mut text = format!("### {head}\n\n| | median | p90 | most |\n|---|---|---|---|\n");
        for (name, unit, [median, p90, most]) in self.quantities() {
            text += &format!("| {name} [{unit}] | {median:.1} | {p90:.1} | {most:.1} |\n");
        }
        let count = self.rows.len();
        for (what, same) in self.agreements() {
            text += &format!("\n{what}: {same} of {count}\n");
        }
        text
    }

    /// For programs: the table, and every row.
    pub fn json(&self) -> Value {
        let row = |(secs, answers): &(f64, Answers)| {
            let (metres, radians) = answers.apart();
            json!({
                "secs": secs, "distance_mm": metres * 1e3, "rotation_deg": radians.to_degrees(),
                "recorded": answers.recorded, "other": answers.other,
            })
        };
        let [(_, _, distance), (_, _, rotation)] = self.quantities();
        let [(_, gripper), (_, way)] = self.agreements();
        let spread = |[median, p90, most]: [f64; 3]| json!({ "median": median, "p90": p90, "max": most });
        json!({
            "compared": self.rows.len(), "distance_mm": spread(distance), "rotation_deg": spread(rotation),
            "same_gripper": gripper, "same_way": way, "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// Median, 90th percentile and largest by nearest rank; 0 of nothing.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let rank = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    [rank(0.5), rank(0.9), rank(1.0)]
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Pose};

    use super::*;

    fn at(x_m: f64, turn_rad: f64, gripper: Gripper) -> KeyFrame {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn_rad);
        KeyFrame {
            world_from_tool: Pose::from_parts(Vector3::new(x_m, 0.0, 0.0), turn),
            gripper,
            ignore_collisions: false,
        }
    }

    #[test]
    fn distances_angles_and_agreement_are_counted() {
        let mut all = Comparison::default();
        for n in 1..=10 {
            let gripper = if n == 4 { Gripper::Closed } else { Gripper::Open };
            let other = at(0.001 * f64::from(n), 0.01 * f64::from(n), gripper);
            let answers = Answers { recorded: at(0.0, 0.0, Gripper::Open), other };
            all.push(Nanos::from_millis(1000 + 100 * n as u64), Nanos::from_millis(1000), answers);
        }
        let json = all.json();
        assert_eq!((json["compared"].as_u64(), json["same_gripper"].as_u64()), (Some(10), Some(9)));
        let value = |key: &str, part: &str| json[key][part].as_f64().unwrap();
        for (part, wanted) in [("median", 5.0), ("p90", 9.0), ("max", 10.0)] {
            assert!((value("distance_mm", part) - wanted).abs() < 1e-6, "{json}");
            assert!((value("rotation_deg", part) - (0.01 * wanted).to_degrees()).abs() < 1e-6, "{json}");
        }
        assert!((json["rows"][3]["secs"].as_f64().unwrap() - 0.4).abs() < 1e-9, "{json}");
        assert!(all.lines().iter().any(|line| line.trim() == "same gripper: 9 of 10"), "{:?}", all.lines());
        assert!(all.markdown("two").contains("| distance [mm] | 5.0 | 9.0 | 10.0 |"), "{}", all.markdown("two"));
        assert_eq!(spread(Vec::new()), [0.0; 3]);
    }
}
