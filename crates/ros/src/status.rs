//! How one part of the program is, as `/diagnostics` tells it.

use r2r::diagnostic_msgs::msg::{DiagnosticStatus, KeyValue};

/// How bad it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// It goes on, but not as it should.
    Warn,
    /// It does not do its work.
    Error,
}

/// One part of the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Which, without the node's name.
    pub name: String,
    /// How bad it is.
    pub level: Level,
    /// In words.
    pub message: String,
    /// Numbers and words, by key.
    pub values: Vec<(String, String)>,
}

impl Status {
    /// All is well, in these words.
    pub fn new(name: &str, fine: &str) -> Self {
        Self { name: name.into(), level: Level::Ok, message: fine.into(), values: Vec::new() }
    }

    /// Says what is wrong; the worst is said, of the equally bad the first.
    pub fn say(&mut self, level: Level, message: impl Into<String>) {
        if level > self.level {
            (self.level, self.message) = (level, message.into());
        }
    }

    /// As a message of a node about a piece of hardware.
    pub(crate) fn to_msg(&self, node_name: &str, hardware_id: &str) -> DiagnosticStatus {
        let level = match self.level {
            Level::Ok => DiagnosticStatus::OK as u8,
            Level::Warn => DiagnosticStatus::WARN as u8,
            Level::Error => DiagnosticStatus::ERROR as u8,
        };
        let value = |(key, value): &(String, String)| KeyValue { key: key.clone(), value: value.clone() };
        DiagnosticStatus {
            level,
            name: format!("{node_name}: {}", self.name),
            message: self.message.clone(),
            hardware_id: hardware_id.into(),
            values: self.values.iter().map(value).collect(),
        }
    }

    /// As a node of this name tells it, in whatever namespace; `None`: another node's. What is stale counts as an error.
    pub(crate) fn from_msg(msg: DiagnosticStatus, node_name: &str) -> Option<Self> {
        let (node, name) = msg.name.split_once(": ")?;
        if node.rsplit('/').next() != Some(node_name) {
            return None;
        }
        let level = match msg.level {
            level if level == DiagnosticStatus::OK as u8 => Level::Ok,
            level if level == DiagnosticStatus::WARN as u8 => Level::Warn,
            _ => Level::Error,
        };
        let values = msg.values.into_iter().map(|KeyValue { key, value }| (key, value)).collect();
        Some(Self { name: name.into(), level, message: msg.message, values })
    }

    /// Adds a value.
    pub fn value(&mut self, key: &str, value: impl ToString) {
        self.values.push((key.into(), value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_comes_back_from_its_message_and_that_of_another_node_does_not() {
        let mut status = Status::new("camera front", "delivers");
        status.say(Level::Warn, "late");
        status.value("age_ms", 600);
        assert_eq!(Status::from_msg(status.to_msg("cell_3/neuraxis", "fr3"), "neuraxis"), Some(status.clone()));
        assert_eq!(Status::from_msg(status.to_msg("neuraxis_policy", "cpu"), "neuraxis"), None);
        let nameless = DiagnosticStatus { name: "neuraxis".into(), ..status.to_msg("neuraxis", "fr3") };
        assert_eq!(Status::from_msg(nameless, "neuraxis"), None);
    }
}
