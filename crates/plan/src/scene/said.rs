//! What can be said of things, how it is written, and which of it cannot both hold.

use super::{Object, ObjectId};
use crate::object::{Class, Predicate};

/// A predicate said of things: a fact, whether it holds or not.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    /// What is said.
    pub predicate: Predicate,
    /// Of what; both absent for `hand_empty`.
    pub of: [Option<ObjectId>; 2],
}

/// Read one way round: the first and the second cannot both hold.
pub(super) fn exclude(a: &Fact, b: &Fact) -> bool {
    use Predicate::{At, Clear, Closed, HandEmpty, Holding, In, On, Open};
    match (a.predicate, b.predicate) {
        // A block is in one place; one thing is held; the hand is in one place.
        (On | In | Holding, On | In | Holding) if a.of[0] == b.of[0] => true,
        (Holding, Holding) | (At, At) | (Holding, HandEmpty) => true,
        (Open, Closed) => a.of == b.of,
        (On, Clear) => a.of[1] == b.of[0],
        // Two blocks stand on each other.
        (On, On) => a.of[0] == b.of[1] && a.of[1] == b.of[0],
        _ => false,
    }
}

/// Every way to fill a predicate with different things that fit.
pub(super) fn said_of(predicate: Predicate, objects: &[Object]) -> Vec<Fact> {
    let fitting = |classes: &'static [Class]| {
        let all = objects.iter().enumerate();
        all.filter(move |(_, o)| classes.contains(&o.class)).map(|(i, _)| ObjectId(i as u8)).collect::<Vec<_>>()
    };
    match predicate.arguments() {
        [] => vec![Fact { predicate, of: [None, None] }],
        [of] => fitting(of).into_iter().map(|a| Fact { predicate, of: [Some(a), None] }).collect(),
        [first, second, ..] => {
            let second = fitting(second);
            let pairs = fitting(first).into_iter().flat_map(|a| second.iter().map(move |b| (a, *b)));
            pairs.filter(|(a, b)| a != b).map(|(a, b)| Fact { predicate, of: [Some(a), Some(b)] }).collect()
        }
    }
}

pub(super) fn written(fact: &Fact, objects: &[Object]) -> String {
    let of: Vec<_> = fact.of.iter().flatten().filter_map(|id| objects.get(id.index())).map(|o| o.id.as_str()).collect();
    let head = fact.predicate.name();
    if of.is_empty() { head.to_string() } else { format!("{head}({})", of.join(",")) }
}
