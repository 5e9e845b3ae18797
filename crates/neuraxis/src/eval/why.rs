//! Why an episode did not succeed, in one line.

use super::Row;

impl Row {
    /// With its reason, if it failed: what ended it, then what went wrong on the way.
    #[must_use]
    pub fn explained(self) -> Self {
        let why = (!self.success).then(|| self.reason());
        Self { why, ..self }
    }

    fn reason(&self) -> String {
        let mut parts = Vec::new();
        if self.failed {
            parts.push("the goal cannot be met any more".to_string());
        }
        match &self.brain {
            Some(brain) => parts.push(format!("the brain says: {}", brain.ended)),
            None if !self.failed => {
                parts.push(format!("not met within {:.1} s, {} key-frames reached", self.secs, self.reached));
            }
            None => {}
        }
        parts.extend(self.fault.as_ref().map(|fault| format!("first fault: {fault}")));
        parts.extend(self.refused.as_ref().map(|why| format!("no prediction, the last time: {why}")));
        parts.join("; ")
    }

    /// The line for an episode: success, or no and why.
    pub fn line(&self) -> String {
        match &self.why {
            _ if self.success => format!("{} {}: success", self.task, self.seed),
            Some(why) => format!("{} {}: no: {why}", self.task, self.seed),
            None => format!("{} {}: no", self.task, self.seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            task: "close_jar".into(),
            seed: 7,
            told: "close the red jar".into(),
            success: false,
            failed: false,
            why: None,
            secs: 30.0,
            reached: 3,
            first_error_m: None,
            fault: None,
            refused: None,
            chance: None,
            brain: None,
        }
    }

    #[test]
    fn every_failure_has_a_reason_and_no_success_has() {
        let late = row().explained();
        assert_eq!(late.line(), "close_jar 7: no: not met within 30.0 s, 3 key-frames reached");
        let wrong = Row { failed: true, fault: Some("Unreachable".into()), ..row() }.explained();
        assert_eq!(wrong.why.as_deref(), Some("the goal cannot be met any more; first fault: Unreachable"));
        let blind = Row { refused: Some("observation 4 refused: no images".into()), ..row() }.explained();
        assert!(blind.line().ends_with("; no prediction, the last time: observation 4 refused: no images"));
        let good = Row { success: true, fault: Some("PolicyStale".into()), ..row() }.explained();
        assert_eq!((good.line().as_str(), &good.why), ("close_jar 7: success", &None));
        assert!(!serde_json::to_string(&good).unwrap().contains("why"));
    }
}
