//! How one part of the program is, as `/diagnostics` tells it.

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

    /// Adds a value.
    pub fn value(&mut self, key: &str, value: impl ToString) {
        self.values.push((key.into(), value.to_string()));
    }
}
