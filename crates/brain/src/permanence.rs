//! What is in a closed drawer is still there: facts about things out of sight that nothing has spoken against.
//!
//! The tracker forgets what it has not seen for some seconds. Inside a drawer nothing is seen and nothing moves, so
//! `in(block,drawer)` is believed from when it was observed, or said, until the block is found elsewhere, or the drawer
//! is open, can be looked into, and does not show it. What was only said is a hypothesis of its task.

use std::collections::BTreeMap;

use neuraxis_core::Nanos;
use neuraxis_plan::{Class, FactId, ObjectId, Predicate, Scene, State, Truth};

/// An open drawer that does not show the block for so long does not hold it [s].
const LOOK_SECS: f64 = 1.5;

/// Beliefs about what is in drawers, by block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permanence {
    inside: BTreeMap<ObjectId, Inside>,
}

/// Where a block is.
#[derive(Copy, Clone, Debug)]
struct Inside {
    drawer: ObjectId,
    /// A look has shown it there.
    is_seen: bool,
    /// Since when the drawer is open without the block in sight.
    gone_since: Option<Nanos>,
}

impl Permanence {
    /// Somebody says so.
    pub(crate) fn tell(&mut self, block: ObjectId, drawer: ObjectId) {
        self.inside.insert(block, Inside { drawer, is_seen: false, gone_since: None });
    }

    /// It was seen there.
    pub(crate) fn recall(&mut self, block: ObjectId, drawer: ObjectId) {
        self.inside.insert(block, Inside { drawer, is_seen: true, gone_since: None });
    }

    /// Blocks that were seen in a drawer and are believed to be there, each with it.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (ObjectId, ObjectId)> {
        self.inside.iter().filter(|(_, inside)| inside.is_seen).map(|(block, inside)| (*block, inside.drawer))
    }

    /// What is known, and believed: learns from what was observed at `now` and adds what it says nothing about.
    pub(crate) fn complete(&mut self, now: Nanos, scene: &Scene, observed: State) -> State {
        let fact = |predicate, of: &[ObjectId]| scene.find(predicate, of);
        let truth = |fact: Option<FactId>| fact.map_or(Truth::Unknown, |fact| observed.truth(fact));
        for block in scene.of_class(Class::Block) {
            let inside = |drawer: ObjectId| fact(Predicate::In, &[block, drawer]);
            if let Some(drawer) = scene.of_class(Class::Drawer).find(|drawer| truth(inside(*drawer)) == Truth::True) {
                self.recall(block, drawer);
                continue;
            }
            let Some(believed) = self.inside.get(&block).copied() else { continue };
            let drawer = believed.drawer;
            let elsewhere = scene.places_of(block).iter().any(|place| observed.truth(place) == Truth::True)
                || truth(fact(Predicate::Holding, &[block])) == Truth::True
                || truth(inside(drawer)) == Truth::False;
            if elsewhere {
                self.inside.remove(&block);
                continue;
            }
            let is_open = truth(fact(Predicate::Open, &[drawer])) == Truth::True;
            let is_hidden = truth(fact(Predicate::Visible, &[block])) != Truth::True;
            let gone_since = (is_open && is_hidden).then(|| believed.gone_since.unwrap_or(now));
            if gone_since.is_some_and(|since| now.secs_since(since) > LOOK_SECS) {
                self.inside.remove(&block);
            } else {
                self.inside.insert(block, Inside { gone_since, ..believed });
            }
        }
        self.inside.iter().fold(observed, |state, (block, believed)| {
            // What is there is in no other place, and not in the hand; drawers are too low for one thing on another.
            let inside = fact(Predicate::In, &[*block, believed.drawer]);
            let clear = fact(Predicate::Clear, &[*block]);
            scene.places_of(*block).iter().chain(clear).fold(state, |state, fact| match state.truth(fact) {
                Truth::Unknown => state.with(fact, Some(fact) == inside || Some(fact) == clear),
                _ => state,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::{FactSet, SceneFile};

    use super::*;

    fn scene() -> Scene {
        let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
        file.try_into().unwrap()
    }

    fn state(scene: &Scene, literals: &[&str]) -> State {
        literals.iter().fold(State::default(), |state, text| {
            let literal = scene.literal(text).unwrap();
            state.with(literal.fact, literal.holds)
        })
    }

    fn belief_of(scene: &Scene, block: ObjectId, drawer: ObjectId) -> State {
        let mut belief = Permanence::default();
        belief.tell(block, drawer);
        belief.complete(Nanos::from_secs(1.0), scene, State::default())
    }

    #[test]
    fn what_went_into_a_drawer_is_there_until_it_is_seen_that_it_is_not() {
        let scene = scene();
        let inside = scene.literal("in(red_block,top_drawer)").unwrap().fact;
        let mut belief = Permanence::default();
        let mut look = |secs: f64, literals: &[&str]| {
            belief.complete(Nanos::from_secs(secs), &scene, state(&scene, literals)).truth(inside)
        };
        assert_eq!(look(0.0, &[]), Truth::Unknown);
        assert_eq!(look(1.0, &["in(red_block,top_drawer)"]), Truth::True);
        assert_eq!(look(60.0, &["closed(top_drawer)", "not open(top_drawer)"]), Truth::True, "shut for a minute");
        assert_eq!(look(61.0, &["open(top_drawer)"]), Truth::True, "open, not yet looked into");
        assert_eq!(look(61.5, &["open(top_drawer)", "visible(red_block)"]), Truth::True);
        assert_eq!(look(62.0, &["open(top_drawer)"]), Truth::True);
        assert_eq!(look(64.0, &["open(top_drawer)"]), Truth::Unknown, "it is empty");
        assert_eq!(look(65.0, &[]), Truth::Unknown);
    }

    #[test]
    fn what_is_found_elsewhere_is_not_in_the_drawer() {
        let scene = scene();
        let [red, top] = ["red_block", "top_drawer"].map(|name| scene.object(name).unwrap());
        let inside = scene.literal("in(red_block,top_drawer)").unwrap().fact;
        for elsewhere in ["holding(red_block)", "on(red_block,yellow_plate)", "not in(red_block,top_drawer)"] {
            let mut belief = Permanence::default();
            belief.tell(red, top);
            let now = Nanos::from_secs(1.0);
            assert_eq!(belief.complete(now, &scene, State::default()).truth(inside), Truth::True, "as was said");
            belief.complete(now, &scene, state(&scene, &[elsewhere]));
            assert_eq!(belief.complete(now, &scene, State::default()).truth(inside), Truth::Unknown, "{elsewhere}");
        }
        // Nothing that is known is overwritten.
        let mut belief = Permanence::default();
        belief.tell(red, top);
        let all = State::default().after(&FactSet::default(), &scene.all_facts());
        assert_eq!(belief.complete(Nanos::from_secs(1.0), &scene, all), all);
        // And it is in no other place, with nothing on it.
        let known = belief_of(&scene, red, top);
        for elsewhere in ["holding(red_block)", "on(red_block,table)", "in(red_block,bottom_drawer)"] {
            assert_eq!(known.truth(scene.literal(elsewhere).unwrap().fact), Truth::False, "{elsewhere}");
        }
        assert_eq!(known.truth(scene.literal("clear(red_block)").unwrap().fact), Truth::True);
        assert_eq!(known.truth(scene.literal("on(green_block,table)").unwrap().fact), Truth::Unknown);
    }
}
