//! Subject, predicate, object: how the world is said to be.

use std::fmt;

use neuraxis_plan::{FactId, Predicate, Scene, State, Truth};
use serde::{Deserialize, Serialize};

use crate::{Result, text};

/// The subject of what has none: `hand_empty`.
const HAND: &str = "hand";

/// `on(red_block,table)` has subject `red_block`, predicate `on`, object `table`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Triple {
    /// What it is about.
    pub subject: String,
    /// What is said of it.
    pub predicate: String,
    /// In relation to what, if to anything.
    pub object: Option<String>,
}

impl Triple {
    /// From names; each is trimmed, and refused if it is no name.
    pub fn new(subject: &str, predicate: &str, object: Option<&str>) -> Result<Self> {
        Ok(Self {
            subject: text::name("subject", subject)?,
            predicate: text::name("predicate", predicate)?,
            object: object.map(|object| text::name("object", object)).transpose()?,
        })
    }

    /// A fact of a scene, if it is of those worth keeping: where things are, what is open, what was pressed. The rest
    /// (`visible`, `clear`, `at`, `hand_empty`) follows from these or passes.
    pub fn lasting(scene: &Scene, fact: FactId) -> Option<Self> {
        use Predicate::{Closed, Holding, In, On, Open, Pressed};
        let fact = scene.fact(fact)?;
        let keep = matches!(fact.predicate, On | In | Holding | Open | Closed | Pressed);
        let [subject, object] = fact.of.map(|id| id.map(|id| scene.object_name(id).to_string()));
        keep.then(|| Self {
            subject: subject.unwrap_or_else(|| HAND.into()),
            predicate: fact.predicate.name().into(),
            object,
        })
    }

    /// Facts about one subject in one slot exclude each other: a thing is in one place.
    pub(crate) fn slot(&self) -> String {
        match (self.predicate.as_str(), &self.object) {
            ("on" | "in", Some(_)) | ("holding", None) => PLACE.into(),
            ("open" | "closed", None) => "opening".into(),
            ("usually_on" | "usually_in", Some(_)) => "usual place".into(),
            // Written with brackets, which no slot above has.
            (predicate, object) => format!("{predicate}({})", object.as_deref().unwrap_or("")),
        }
    }

    /// True of `on` and `in`: it stays there by itself.
    pub(crate) fn is_resting_place(&self) -> bool {
        self.slot() == PLACE && self.object.is_some()
    }
}

/// The slot of where a thing is.
pub(crate) const PLACE: &str = "place";

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}({},{object})", self.predicate, self.subject),
            None => write!(f, "{}({})", self.predicate, self.subject),
        }
    }
}

/// A fact that was looked for, and whether it held.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The fact.
    pub triple: Triple,
    /// False: it was seen not to hold.
    pub holds: bool,
    /// `p_W`: where the subject was [m, world frame], if known.
    pub position_in_world: Option<[f64; 3]>,
}

/// Every lasting fact of which a scene knows the truth, in the scene's order.
pub fn seen(scene: &Scene) -> Vec<Seen> {
    let known = |fact: FactId| {
        let holds = truth(scene.state(), fact)?;
        let triple = Triple::lasting(scene, fact)?;
        let position = || {
            let position = scene.objects().get(scene.object(&triple.subject)?.index())?.position_in_world?;
            position.iter().all(|x| x.is_finite()).then(|| position.into())
        };
        let position_in_world = if holds && triple.is_resting_place() { position() } else { None };
        Some(Seen { holds, position_in_world, triple })
    };
    scene.fact_ids().filter_map(known).collect()
}

fn truth(state: &State, fact: FactId) -> Option<bool> {
    match state.truth(fact) {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench;

    #[test]
    fn a_scene_is_seen_as_what_lasts_with_places() {
        let seen = seen(&workbench());
        let holding: Vec<_> = seen.iter().filter(|s| s.holds).map(|s| s.triple.to_string()).collect();
        assert_eq!(
            holding,
            [
                "on(red_block,table)",
                "on(green_block,table)",
                "on(blue_block,table)",
                "closed(bottom_drawer)",
                "closed(middle_drawer)",
                "closed(top_drawer)",
            ]
        );
        let red = seen.iter().find(|s| s.holds && s.triple.subject == "red_block").unwrap();
        assert_eq!(red.position_in_world, Some([0.14, 0.31, 0.768]));
        assert!(seen.iter().any(|s| !s.holds && s.triple.to_string() == "holding(red_block)"));
        assert!(seen.iter().all(|s| s.triple.predicate != "visible"));
    }

    #[test]
    fn what_excludes_each_other_shares_a_slot_and_names_cannot_break_into_it() {
        let slot = |p: &str, o: Option<&str>| Triple::new("red_block", p, o).unwrap().slot();
        assert_eq!(slot("on", Some("table")), slot("in", Some("top_drawer")));
        assert_eq!(slot("on", Some("table")), slot("holding", None));
        assert_eq!(slot("open", None), slot("closed", None));
        assert_ne!(slot("likes", Some("table")), slot("likes", Some("plate")));
        assert_ne!(slot("place", None), PLACE);
        assert!(Triple::new("", "on", None).is_err() && Triple::new("x", "on\0", None).is_err());
    }
}
