//! What a robot says of itself on `/diagnostics`, for the viewer's log and plots.

use std::collections::BTreeMap;

use neuraxis_episode::{Level, Monitor};
use neuraxis_ros::{Level as Health, PolicySight, Status};

use crate::lack::gist;

/// How each part was at the report before: what changes is a line in the log.
#[derive(Default)]
pub struct HealthLog(BTreeMap<String, Ailment>);

/// What is wrong with a part, as far as it is news when it changes: counts in the reason are none.
#[derive(PartialEq)]
struct Ailment {
    level: Health,
    reason: String,
    left_out: Vec<String>,
}

impl Ailment {
    const NONE: Self = Self { level: Health::Ok, reason: String::new(), left_out: Vec::new() };

    fn of(status: &Status) -> Self {
        match status.level {
            Health::Ok => Self::NONE,
            level => Self { level, reason: gist(&status.message), left_out: PolicySight::of(status).left_out },
        }
    }
}

impl HealthLog {
    /// What has changed since the report before. `of`: whose parts these are, before their names.
    pub fn news(&mut self, of: &str, statuses: &[Status]) -> Vec<(Level, String)> {
        let mut news = Vec::new();
        for status in statuses {
            let name = format!("{of}{}", status.name);
            let (line, now) = (line(&name, status), Ailment::of(status));
            let level = match now.level {
                Health::Ok => Level::Info,
                Health::Warn => Level::Warning,
                Health::Error => Level::Error,
            };
            if *self.0.get(&name).unwrap_or(&Ailment::NONE) != now {
                news.push((level, line));
            }
            self.0.insert(name, now);
        }
        news
    }
}

/// A part in words; what a policy does without is said even where something else is said of it first.
fn line(name: &str, status: &Status) -> String {
    let (message, left_out) = (&status.message, PolicySight::of(status).left_out);
    if left_out.iter().all(|camera| message.contains(camera)) {
        format!("{name}: {message}")
    } else {
        format!("{name}: {message}; does without {}", left_out.join("; "))
    }
}

/// What is watched of a policy and of the cameras, as a recording has it as far as a report tells it.
pub fn monitors(statuses: &[Status]) -> Vec<Monitor> {
    let value = |status: &Status, key: &str| -> Option<f64> {
        status.values.iter().find(|(name, _)| name == key)?.1.parse().ok().filter(|value: &f64| value.is_finite())
    };
    let monitor = |name: String, value| Monitor { name, value, limit: None };
    let mut all = Vec::new();
    for status in statuses {
        if status.name == "policy" {
            let left_out = value(status, "cameras_left_out");
            all.extend(left_out.map(|count| monitor("cameras left out".into(), count)));
            for (key, name) in [("age_ms", "newest answer's picture"), ("frame_before_age_ms", "frame before")] {
                all.extend(value(status, key).map(|ms| monitor(format!("{name}: age [s]"), ms / 1e3)));
            }
        } else if status.name.starts_with("camera ") {
            all.extend(value(status, "age_ms").map(|ms| monitor(format!("{}: age [s]", status.name), ms / 1e3)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, values: &[(&str, &str)]) -> Status {
        let mut status = Status::new(name, "all is well");
        values.iter().for_each(|(key, value)| status.value(key, value));
        status
    }

    #[test]
    fn a_report_becomes_the_health_of_the_streams() {
        let policy = [("answers", "7"), ("cameras_left_out", "1"), ("age_ms", "120"), ("frame_before_age_ms", "250.0")];
        let statuses = [
            status("policy", &policy),
            status("camera front", &[("rate_hz", "20.0"), ("age_ms", "40")]),
            status("camera wrist", &[("age_ms", "nan")]),
            status("loop", &[("age_ms", "1")]),
        ];
        let told: Vec<(String, f64)> = monitors(&statuses).into_iter().map(|m| (m.name, m.value)).collect();
        let expected = [
            ("cameras left out", 1.0),
            ("newest answer's picture: age [s]", 0.12),
            ("frame before: age [s]", 0.25),
            ("camera front: age [s]", 0.04),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name.to_string(), value)));
    }

    #[test]
    fn what_gets_worse_or_better_is_a_line_and_what_stays_is_none() {
        let mut log = HealthLog::default();
        let bad = || {
            let mut status = status("policy", &[]);
            status.say(Health::Warn, "does without wrist: hardly any depth reading");
            status
        };
        assert_eq!(log.news("", &[status("policy", &[])]), [], "all is well");
        let warned = (Level::Warning, "policy: does without wrist: hardly any depth reading".to_string());
        assert_eq!(log.news("", &[bad()]), [warned]);
        assert_eq!(log.news("", &[bad()]), []);
        assert_eq!(log.news("the policy's node: ", &[status("policy", &[])]), [], "another's");
        assert_eq!(log.news("", &[status("policy", &[])]), [(Level::Info, "policy: all is well".to_string())]);
    }

    #[test]
    fn another_reason_or_another_camera_is_a_line_and_another_count_is_none() {
        let mut log = HealthLog::default();
        let mut told = |message: &str, left_out: &str| -> Vec<String> {
            let mut status = status("policy", &[("left_out_1", left_out)]);
            status.say(Health::Warn, message);
            log.news("", &[status]).into_iter().map(|(_, line)| line).collect()
        };
        let without = "; does without wrist: blank";
        let refused = |count: u32| format!("{count} refused in the last second, the last: no way");
        assert_eq!(told(&refused(3), "wrist: blank"), [format!("policy: {}{without}", refused(3))]);
        assert_eq!(told(&refused(12), "wrist: blank"), Vec::<String>::new());
        assert_eq!(told("silent", "wrist: blank"), [format!("policy: silent{without}")]);
        assert_eq!(told("silent", "front: blank"), ["policy: silent; does without front: blank"]);
    }
}
