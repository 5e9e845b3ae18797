//! Scores on held-out observations as people read them.

use neuraxis_policy::train::{Evaluation, Score};

/// Prints a line for each task and key-frame.
pub fn print(evaluation: &Evaluation) {
    if evaluation.scores.is_empty() {
        say!("step {}: nothing is held out, so nothing to evaluate", evaluation.step);
        return;
    }
    say!("held out at step {}, averaged weights, medians:", evaluation.step);
    say!(
        "  {:<28} {:>3} {:>4} {:>9} {:>9} {:>8} {:>9} {:>7}",
        "task",
        "key",
        "n",
        "position",
        "rotation",
        "gripper",
        "collision",
        "choice"
    );
    evaluation.scores.iter().for_each(|score| say!("  {}", line(score)));
    say!("  {}", summary(evaluation));
}

fn line(s: &Score) -> String {
    let percent = |part: f64| format!("{:.0} %", 100.0 * part);
    format!(
        "{:<28} {:>3} {:>4} {:>9} {:>9} {:>8} {:>9} {:>7}",
        s.task,
        s.kind,
        s.observations,
        format!("{:.1} mm", s.position_mm),
        format!("{:.1} deg", s.rotation_deg),
        percent(s.gripper),
        percent(s.collision),
        s.choice.map_or(String::new(), percent)
    )
}

/// Means over all key-frames, each counted once.
pub fn means(evaluation: &Evaluation) -> [(&'static str, f64); 5] {
    let mean = |pick: &dyn Fn(&Score) -> Option<f64>| {
        let values: Vec<f64> = evaluation.scores.iter().filter_map(pick).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    [
        ("position_mm", mean(&|s| Some(s.position_mm))),
        ("rotation_deg", mean(&|s| Some(s.rotation_deg))),
        ("gripper", mean(&|s| Some(s.gripper))),
        ("collision", mean(&|s| Some(s.collision))),
        ("choice", mean(&|s| s.choice)),
    ]
}

fn summary(evaluation: &Evaluation) -> String {
    let [position, rotation, gripper, collision, choice] = means(evaluation).map(|(_, value)| value);
    format!(
        "mean of key-frames: {position:.1} mm, {rotation:.1} deg, gripper {:.0} %, collision {:.0} %, choice {:.0} %",
        100.0 * gripper,
        100.0 * collision,
        100.0 * choice
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(kind: u32, position_mm: f64, choice: Option<f64>) -> Score {
        let task = "push_buttons".into();
        Score { task, kind, observations: 9, position_mm, rotation_deg: 2.0, gripper: 1.0, collision: 0.5, choice }
    }

    #[test]
    fn lines_have_units_and_a_choice_only_where_there_is_one() {
        assert_eq!(
            line(&score(0, 4.25, Some(0.75))),
            "push_buttons                   0    9    4.2 mm   2.0 deg    100 %      50 %    75 %"
        );
        assert!(line(&score(1, 4.0, None)).ends_with("50 %        "));
    }

    #[test]
    fn means_count_the_choice_of_first_keyframes_only() {
        let scores = vec![score(0, 4.0, Some(0.75)), score(1, 8.0, None)];
        let evaluation = Evaluation { step: 1, scores, pictures: Vec::new() };
        assert_eq!(means(&evaluation)[0], ("position_mm", 6.0));
        assert_eq!(means(&evaluation)[4], ("choice", 0.75));
        assert!(summary(&evaluation).contains("6.0 mm, 2.0 deg, gripper 100 %, collision 50 %, choice 75 %"));
    }
}
