//! What a scene or a plan is refused for.

use std::fmt;

use serde::Serialize;

/// Why a scene cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// An object's name is not made of small letters, digits and underscores, or is a word of the language.
    #[error("object {0:?}: a name is small letters, digits and `_`, begins with a letter, and is not `ee`")]
    Name(String),
    /// Two objects have one name.
    #[error("object {0:?} is listed twice")]
    Twice(String),
    /// More than plans can speak of.
    #[error("{count} {what}, at most {most}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A fact that cannot be said of this scene.
    #[error("{text:?} is no fact of this scene: {why}")]
    NoFact {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Facts that exclude each other.
    #[error("{first} and {second} cannot both hold")]
    Contradiction {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
}

/// What is wrong with a plan, by the stage that finds it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// V0: the text is no JSON.
    NotJson,
    /// V1: a field is missing, unknown or of the wrong shape, or there are too many of something.
    Shape,
    /// V2: a name that this scene or the language does not know.
    UnknownName,
    /// V3: an argument is missing, superfluous, or of a class that does not fit.
    Argument,
    /// V3: a number is out of its range.
    Range,
    /// V3: units do not fit.
    Unit,
    /// V4: the nodes do not make a tree of the allowed size and form.
    Structure,
    /// V4: a node that is never reached.
    NeverReached,
    /// V5: a fact is needed that is not proved at this point.
    NotProved,
    /// V5: what a part of the plan changes spoils what another part rests on.
    Interferes,
    /// V6: the arm cannot get there.
    OutOfReach,
    /// V7: it breaks a rule that holds for every plan.
    Forbidden,
}

impl ErrorKind {
    /// The stage of the validator, `V0` to `V7`.
    pub fn stage(self) -> &'static str {
        match self {
            Self::NotJson => "V0",
            Self::Shape => "V1",
            Self::UnknownName => "V2",
            Self::Argument | Self::Range | Self::Unit => "V3",
            Self::Structure | Self::NeverReached => "V4",
            Self::NotProved | Self::Interferes => "V5",
            Self::OutOfReach => "V6",
            Self::Forbidden => "V7",
        }
    }
}

/// One fault of a plan: for a person as text, for a language model as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct PlanError {
    /// Id of the node, if it is about one.
    pub node: Option<u16>,
    /// What sort of fault.
    pub kind: ErrorKind,
    /// The fault in words.
    pub what: String,
    /// Facts or names that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What to do about it.
    pub fix: String,
}

impl PlanError {
    pub(crate) fn new(node: Option<u16>, kind: ErrorKind, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { node, kind, what: what.into(), missing: Vec::new(), fix: fix.into() }
    }

    pub(crate) fn missing(mut self, missing: Vec<String>) -> Self {
        self.missing = missing;
        self
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind.stage())?;
        match self.node {
            Some(node) => write!(f, "node {node}: ")?,
            None => write!(f, "plan: ")?,
        }
        write!(f, "{}; fix: {}", self.what, self.fix)
    }
}

/// All faults of a plan that could be told apart; one a line when printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct PlanErrors(pub Vec<PlanError>);

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_a_line_and_as_json() {
        let fault = PlanError::new(Some(3), ErrorKind::NotProved, "place needs holding(red_block)", "grasp it before")
            .missing(vec!["holding(red_block)".into()]);
        let both = PlanErrors(vec![fault, PlanError::new(None, ErrorKind::NotJson, "no JSON", "send JSON")]);
        assert_eq!(
            both.to_string(),
            "V5 node 3: place needs holding(red_block); fix: grasp it before\nV0 plan: no JSON; fix: send JSON"
        );
        assert_eq!(
            serde_json::to_string(&both.0[0]).unwrap(),
            r#"{"node":3,"kind":"not_proved","what":"place needs holding(red_block)","missing":["holding(red_block)"],"fix":"grasp it before"}"#
        );
    }
}
