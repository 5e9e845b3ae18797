//! How whole is what a policy sees, in a status of `/diagnostics`: written by the robot's node and by a policy's own, read by
//! the robot whose policy is in another process, and by a viewer.

use crate::status::{Level, Status};

/// Cameras and characters that are read of a status at most: whoever sends it may be anybody.
const MOST: usize = 32;
const MOST_CHARS: usize = 200;
const COUNT: &str = "cameras_left_out";
const LEFT_OUT: &str = "left_out_";
const BEFORE_AGE: &str = "frame_before_age_ms";

/// How whole is what a policy sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySight {
    /// Cameras that the newest answer did without, and why; of a refusal those that cannot be used.
    pub left_out: Vec<String>,
    /// How long before its picture the frame before it was taken [s], where it looks at two.
    pub before_age_secs: Option<f64>,
}

/// Adds it to a status.
pub(crate) fn say(status: &mut Status, left_out: &[String], before_age_secs: Option<f64>) {
    if !left_out.is_empty() {
        status.say(Level::Warn, format!("does without {}", left_out.join("; ")));
    }
    status.value(COUNT, left_out.len());
    for (i, camera) in left_out.iter().enumerate() {
        status.value(&format!("{LEFT_OUT}{}", i + 1), camera);
    }
    if let Some(secs) = before_age_secs.filter(|secs| secs.is_finite()) {
        status.value(BEFORE_AGE, format!("{:.1}", secs * 1e3));
    }
}

impl PolicySight {
    /// As a status says it.
    pub fn of(status: &Status) -> Self {
        let short = |words: &String| words.chars().take(MOST_CHARS).collect();
        let named = status.values.iter().filter(|(key, _)| key.starts_with(LEFT_OUT));
        let before_ms = status.values.iter().find(|(key, _)| key == BEFORE_AGE);
        let before_ms = before_ms.and_then(|(_, ms)| ms.parse::<f64>().ok()).filter(|ms| ms.is_finite());
        Self {
            left_out: named.take(MOST).map(|(_, camera)| short(camera)).collect(),
            before_age_secs: before_ms.map(|ms| ms / 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_says_of_a_policys_sight_is_read_as_it_was_meant() {
        let left_out = vec!["front: its picture is blank".to_string(), "wrist: hardly any depth reading".into()];
        let mut status = Status::new("policy", "answers");
        say(&mut status, &left_out, Some(0.25));
        assert_eq!(status.level, Level::Warn);
        assert_eq!(PolicySight::of(&status), PolicySight { left_out, before_age_secs: Some(0.25) });
        let mut whole = Status::new("policy", "answers");
        say(&mut whole, &[], None);
        assert_eq!((whole.level, PolicySight::of(&whole)), (Level::Ok, PolicySight::default()));
        // Whatever it holds, it stays small.
        let words = vec!["x".repeat(1000); 100];
        let mut flood = Status::new("policy", "answers");
        say(&mut flood, &words, Some(f64::NAN));
        let read = PolicySight::of(&flood);
        assert_eq!((read.left_out.len(), read.left_out[0].len(), read.before_age_secs), (32, 200, None));
    }
}
