//! Facts and their contraries, read and written; and why a text is none.

use super::Scene;
use crate::{
    SceneError,
    facts::{FactId, State, Truth},
    object::Predicate,
};

/// A fact, or its contrary: `not open(top_drawer)`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// The fact.
    pub fact: FactId,
    /// False with `not`.
    pub holds: bool,
}

impl Scene {
    /// Reads a fact or its contrary; spaces do not matter.
    pub fn literal(&self, text: &str) -> Result<Literal, SceneError> {
        let (rest, holds) = match text.trim().strip_prefix("not ") {
            Some(rest) => (rest, false),
            None => (text, true),
        };
        let tight: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
        match self.by_name.get(&tight) {
            Some(fact) => Ok(Literal { fact: *fact, holds }),
            None => Err(SceneError::NoFact { text: text.trim().to_string(), why: self.why_not(&tight) }),
        }
    }

    /// How a literal is written.
    pub fn literal_name(&self, literal: Literal) -> String {
        format!("{}{}", if literal.holds { "" } else { "not " }, self.name(literal.fact))
    }

    fn why_not(&self, tight: &str) -> String {
        let (head, rest) = tight.split_once('(').unwrap_or((tight, ""));
        let Some(predicate) = Predicate::ALL.into_iter().find(|p| p.name() == head) else {
            let known: Vec<_> = Predicate::ALL.iter().map(|p| p.name()).collect();
            return format!("no predicate {head:?}; there are {}", known.join(", "));
        };
        let given: Vec<_> = rest.trim_end_matches(')').split(',').filter(|word| !word.is_empty()).collect();
        if let Some(unknown) = given.iter().find(|name| self.object(name).is_none()) {
            return format!("no object {unknown:?}");
        }
        let fits: Vec<_> = predicate
            .arguments()
            .iter()
            .map(|classes| classes.iter().map(|c| c.name()).collect::<Vec<_>>().join("|"))
            .collect();
        if fits.is_empty() { format!("write {head}") } else { format!("write {head}({})", fits.join(",")) }
    }
}

/// What is known about a literal.
impl State {
    /// True if the literal is known to be so.
    pub fn proves(&self, literal: Literal) -> bool {
        self.truth(literal.fact) == if literal.holds { Truth::True } else { Truth::False }
    }
}
