//! What a step needs and what it changes, as facts of a scene (STRIPS, Fikes and Nilsson 1971).

use crate::{
    facts::{FactId, FactSet, State},
    object::{Class, Predicate},
    scene::{ObjectId, Scene},
    skill::{Skill, Step},
};

/// Preconditions and effects of a step.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Must hold before.
    pub pre: FactSet,
    /// Must not hold before.
    pub pre_not: FactSet,
    /// Come to hold by success.
    pub add: FactSet,
    /// Come not to hold by success.
    pub del: FactSet,
    /// May come to be anything by failure, beside what success changes.
    pub may_touch: FactSet,
    /// The one fact for whose sake it is done; its observation is what success means.
    pub purpose: Option<FactId>,
}

impl Effects {
    /// True if it can be done for all that is known.
    pub fn ready(&self, state: &State) -> bool {
        self.pre.is_subset(state.holds()) && self.pre_not.is_subset(state.fails())
    }

    /// Everything whose truth it may change.
    pub fn touched(&self) -> FactSet {
        self.add.union(&self.del).union(&self.may_touch)
    }

    /// What is known after it succeeded.
    pub fn success(&self, state: &State) -> State {
        state.after(&self.add, &self.del)
    }

    /// What is known after it failed.
    pub fn failure(&self, state: &State) -> State {
        state.forget(&self.touched())
    }
}

/// The effects of a step; `None` if its things do not fit the skill. `hold` and `policy` have none of their own: a
/// policy may change anything, and what it was for is said by its node's postcondition.
pub fn effects(scene: &Scene, step: &Step) -> Option<Effects> {
    if step.skill.objects().len() != usize::from(step.object.is_some()) + usize::from(step.place.is_some()) {
        return None;
    }
    for (argument, id) in step.skill.objects().iter().zip([step.object, step.place]) {
        if !argument.classes.contains(&scene.class(id?)?) {
            return None;
        }
    }
    let mut effects = Effects::default();
    let hand_empty = scene.find(Predicate::HandEmpty, &[])?;
    match (step.skill, step.object, step.place) {
        (Skill::Hold | Skill::Policy, ..) => return Some(effects),
        (Skill::Look, Some(block), Some(place)) => {
            effects.pre.insert(lies(scene, block, place)?);
            effects.pre.extend(scene.find(Predicate::Open, &[place]));
            effects.purpose = Some(scene.find(Predicate::Visible, &[block])?);
        }
        (Skill::Reach, Some(object), None) => {
            effects.pre.insert(hand_empty);
            effects.purpose = Some(scene.find(Predicate::At, &[object])?);
        }
        (Skill::Grasp, Some(block), Some(place)) => {
            let there = lies(scene, block, place)?;
            effects.pre.extend([there, hand_empty]);
            effects.pre.insert(scene.find(Predicate::Clear, &[block])?);
            effects.pre.insert(scene.find(Predicate::Visible, &[block])?);
            effects.pre.extend(scene.find(Predicate::Open, &[place]));
            effects.del.extend([there, hand_empty]);
            effects.add.extend(scene.find(Predicate::Clear, &[place]));
            effects.purpose = Some(scene.find(Predicate::Holding, &[block])?);
            effects.may_touch = moved_block(scene, block);
        }
        (Skill::Place, Some(block), Some(place)) => {
            let holding = scene.find(Predicate::Holding, &[block])?;
            effects.pre.insert(holding);
            effects.pre.extend(scene.find(Predicate::Clear, &[place]));
            effects.pre.extend(scene.find(Predicate::Visible, &[place]));
            effects.pre.extend(scene.find(Predicate::Open, &[place]));
            effects.del.insert(holding);
            effects.del.extend(scene.find(Predicate::Clear, &[place]));
            effects.add.insert(hand_empty);
            if scene.class(place) == Some(Class::Drawer) {
                effects.del.extend(scene.find(Predicate::Visible, &[block]));
            }
            effects.purpose = Some(lies(scene, block, place)?);
            effects.may_touch = moved_block(scene, block);
        }
        (Skill::Push, Some(button), None) if scene.class(button) == Some(Class::Button) => {
            let pressed = scene.find(Predicate::Pressed, &[button])?;
            effects.pre.insert(hand_empty);
            // Once is enough, and twice may mean something else.
            effects.pre_not.insert(pressed);
            effects.purpose = Some(pressed);
        }
        (Skill::Push, Some(drawer), None) => {
            effects.pre.insert(hand_empty);
            effects.del.insert(scene.find(Predicate::Open, &[drawer])?);
            effects.purpose = Some(scene.find(Predicate::Closed, &[drawer])?);
        }
        (Skill::Pull, Some(drawer), None) => {
            effects.pre.insert(hand_empty);
            // A drawer above another is in the way of the hand: one is open at a time.
            let others = scene.of_class(Class::Drawer).filter(|other| *other != drawer);
            effects.pre.extend(others.filter_map(|other| scene.find(Predicate::Closed, &[other])));
            effects.del.insert(scene.find(Predicate::Closed, &[drawer])?);
            effects.purpose = Some(scene.find(Predicate::Open, &[drawer])?);
        }
        _ => return None,
    }
    if step.skill.moves() {
        // The hand leaves from above whatever it was.
        effects.del.extend(scene.of_predicate(Predicate::At).iter());
    }
    effects.add.extend(effects.purpose);
    effects.del = effects.del.minus(&effects.add);
    Some(effects)
}

/// Every step that the things of a scene allow, but `hold` and `policy`, in a fixed order.
pub fn steps(scene: &Scene) -> Vec<(Step, Effects)> {
    let mut all = Vec::new();
    for skill in Skill::ALL {
        let places: Vec<Option<ObjectId>> = match skill.objects().len() {
            0 => continue,
            1 => vec![None],
            _ => scene.object_ids().map(Some).collect(),
        };
        for object in scene.object_ids() {
            for place in &places {
                let step = Step::new(skill, Some(object), *place);
                all.extend(effects(scene, &step).map(|effects| (step, effects)));
            }
        }
    }
    all
}

/// `on` or `in`, whichever fits the place.
fn lies(scene: &Scene, block: ObjectId, place: ObjectId) -> Option<FactId> {
    let inside = scene.find(Predicate::In, &[block, place]);
    inside.or_else(|| scene.find(Predicate::On, &[block, place]))
}

/// A block that slipped may be anywhere, in or out of the hand, and on anything.
fn moved_block(scene: &Scene, block: ObjectId) -> FactSet {
    let mut facts = scene.places_of(block).union(&scene.of_predicate(Predicate::Clear));
    facts.extend(scene.find(Predicate::HandEmpty, &[]));
    facts.extend(scene.find(Predicate::Visible, &[block]));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench;

    fn step(scene: &Scene, skill: Skill, object: &str, place: Option<&str>) -> Step {
        Step::new(skill, scene.object(object), place.and_then(|place| scene.object(place)))
    }

    #[test]
    fn putting_a_block_into_a_drawer_needs_and_changes_what_it_should() {
        let scene = workbench();
        let put = effects(&scene, &step(&scene, Skill::Place, "red_block", Some("top_drawer"))).unwrap();
        assert_eq!(scene.names(&put.pre), ["holding(red_block)", "open(top_drawer)"]);
        assert_eq!(scene.names(&put.add), ["in(red_block,top_drawer)", "hand_empty"]);
        let del = scene.names(&put.del);
        assert_eq!(del[..2], ["holding(red_block)", "visible(red_block)"]);
        assert!(del[2..].iter().all(|name| name.starts_with("at(")));
    }

    #[test]
    fn one_drawer_is_open_at_a_time() {
        let scene = workbench();
        let pull = effects(&scene, &step(&scene, Skill::Pull, "top_drawer", None)).unwrap();
        assert_eq!(scene.names(&pull.pre), ["hand_empty", "closed(bottom_drawer)", "closed(middle_drawer)"]);
    }

    #[test]
    fn a_button_is_pressed_only_if_it_is_known_not_to_be() {
        let scene = workbench();
        let push = effects(&scene, &step(&scene, Skill::Push, "pink_button", None)).unwrap();
        assert_eq!(scene.names(&push.pre_not), ["pressed(pink_button)"]);
        assert!(push.ready(scene.state()));
        assert!(!push.ready(&push.failure(scene.state())), "after a failure nobody knows");
    }

    #[test]
    fn things_that_do_not_fit_are_no_step() {
        let scene = workbench();
        assert_eq!(effects(&scene, &step(&scene, Skill::Grasp, "top_drawer", Some("table"))), None);
        assert_eq!(effects(&scene, &step(&scene, Skill::Place, "red_block", Some("red_block"))), None);
        assert_eq!(effects(&scene, &step(&scene, Skill::Place, "red_block", None)), None);
        assert_eq!(effects(&scene, &step(&scene, Skill::Pull, "top_drawer", Some("table"))), None);
    }

    #[test]
    fn every_step_has_a_purpose_that_it_adds_and_no_fact_both_ways() {
        let scene = workbench();
        let all = steps(&scene);
        // 3 blocks by 8 places for each of grasp, place and look; 10 to reach; 2 + 3 to push, 3 to pull.
        assert_eq!(all.len(), 3 * 3 * 8 + 10 + 5 + 3);
        for (step, effects) in all {
            let purpose = effects.purpose.unwrap();
            assert!(effects.add.contains(purpose), "{}", step.describe(&scene));
            assert!(effects.add.intersection(&effects.del).is_empty());
            assert!(effects.pre.intersection(&effects.pre_not).is_empty());
        }
    }
}
