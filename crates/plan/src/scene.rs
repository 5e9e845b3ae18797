//! The things in front of the arm, every fact that can be said of them, and what is known.

mod file;
mod literal;
mod said;

use std::collections::BTreeMap;

use nalgebra::Vector3;

pub use self::file::{MOST_OBJECTS, ObjectFile, SceneFile, Unlisted};
pub use self::literal::Literal;
pub use self::said::Fact;
use self::said::exclude;
use crate::{
    SceneError,
    facts::{FactId, FactSet, State},
    object::{Class, Predicate},
};

/// Number of an object in its scene.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub(crate) u8);

impl ObjectId {
    /// Its place in [`Scene::objects`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub class: Class,
    /// `p_W`, its middle in the world frame [m], if known.
    pub position_in_world: Option<Vector3<f64>>,
}

/// Objects, facts and what is known about them. Only [`State`] changes while a plan runs.
#[derive(Clone, Debug)]
pub struct Scene {
    objects: Vec<Object>,
    facts: Vec<Fact>,
    names: Vec<String>,
    by_fact: BTreeMap<Fact, FactId>,
    by_name: BTreeMap<String, FactId>,
    state: State,
}

impl Scene {
    /// The things, in the order in which they were listed.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Numbers of all the things.
    pub fn object_ids(&self) -> impl Iterator<Item = ObjectId> + use<> {
        (0..self.objects.len()).map(|i| ObjectId(i as u8))
    }

    /// Numbers of the things of a kind.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = ObjectId> + '_ {
        self.object_ids().filter(move |id| self.class(*id) == Some(class))
    }

    /// The thing of this name.
    pub fn object(&self, name: &str) -> Option<ObjectId> {
        self.object_ids().find(|id| self.object_name(*id) == name)
    }

    /// Name of a thing; empty for a number of another scene.
    pub fn object_name(&self, id: ObjectId) -> &str {
        self.objects.get(id.index()).map_or("", |object| &object.id)
    }

    /// Kind of a thing.
    pub fn class(&self, id: ObjectId) -> Option<Class> {
        self.objects.get(id.index()).map(|object| object.class)
    }

    /// What is known now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes what is known now; refused if it contradicts itself.
    pub fn set_state(&mut self, state: State) -> Result<(), SceneError> {
        if let Some((first, second)) = self.excluding(&state) {
            let named = |fact| self.name(fact).to_string();
            return Err(SceneError::Contradiction { first: named(first), second: named(second) });
        }
        self.state = state;
        Ok(())
    }

    /// Numbers of all facts that can be said of this scene.
    pub fn fact_ids(&self) -> impl Iterator<Item = FactId> + use<> {
        (0..self.facts.len()).map(|i| FactId(i as u16))
    }

    /// A fact by its number.
    pub fn fact(&self, id: FactId) -> Option<&Fact> {
        self.facts.get(usize::from(id.0))
    }

    /// The number of a fact; `None` if it cannot be said of this scene.
    pub fn find(&self, predicate: Predicate, of: &[ObjectId]) -> Option<FactId> {
        let of = [of.first().copied(), of.get(1).copied()];
        self.by_fact.get(&Fact { predicate, of }).copied()
    }

    /// How a fact is written.
    pub fn name(&self, id: FactId) -> &str {
        self.names.get(usize::from(id.0)).map_or("", String::as_str)
    }

    /// How facts are written.
    pub fn names(&self, facts: &FactSet) -> Vec<String> {
        facts.iter().map(|fact| self.name(fact).to_string()).collect()
    }

    /// Facts that may be false or unknown on the way to another place: everything that says where a block is.
    pub fn places_of(&self, block: ObjectId) -> FactSet {
        let about = |fact: &Fact| {
            matches!(fact.predicate, Predicate::On | Predicate::In | Predicate::Holding) && fact.of[0] == Some(block)
        };
        self.where_fact(about)
    }

    /// The facts of one predicate.
    pub fn of_predicate(&self, predicate: Predicate) -> FactSet {
        self.where_fact(|fact| fact.predicate == predicate)
    }

    /// All facts.
    pub fn all_facts(&self) -> FactSet {
        FactSet::first(self.facts.len())
    }

    fn where_fact(&self, keep: impl Fn(&Fact) -> bool) -> FactSet {
        self.fact_ids().zip(&self.facts).filter(|(_, fact)| keep(fact)).map(|(id, _)| id).collect()
    }

    /// True if two different facts of this scene cannot both hold: a block in two places, a drawer open and closed.
    pub fn excludes(&self, a: FactId, b: FactId) -> bool {
        self.fact(a).zip(self.fact(b)).is_some_and(|(a, b)| exclude(a, b) || exclude(b, a))
    }

    /// Two facts that are known to hold although they exclude each other.
    fn excluding(&self, state: &State) -> Option<(FactId, FactId)> {
        let held: Vec<_> = state.holds().iter().collect();
        let mut pairs = held.iter().enumerate().flat_map(|(i, a)| held.iter().skip(i + 1).map(move |b| (*a, *b)));
        pairs.find(|(a, b)| self.excludes(*a, *b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Truth;

    fn file(facts: &[&str]) -> SceneFile {
        let object = |id: &str, class| ObjectFile { id: id.into(), class, position_m: None };
        SceneFile {
            objects: vec![
                object("red_block", Class::Block),
                object("blue_block", Class::Block),
                object("top_drawer", Class::Drawer),
                object("table", Class::Table),
            ],
            facts: facts.iter().map(|f| f.to_string()).collect(),
            unlisted: Unlisted::Unknown,
        }
    }

    fn refusal(facts: &[&str]) -> String {
        Scene::try_from(file(facts)).unwrap_err().to_string()
    }

    #[test]
    fn facts_are_read_with_their_contraries_and_the_rest_is_unknown() {
        let scene = Scene::try_from(file(&["on( red_block, table )", "not open(top_drawer)"])).unwrap();
        let truth = |text: &str| scene.state().truth(scene.literal(text).unwrap().fact);
        assert_eq!(truth("on(red_block,table)"), Truth::True);
        assert_eq!(truth("open(top_drawer)"), Truth::False);
        assert_eq!(truth("closed(top_drawer)"), Truth::Unknown);
        let closed = Scene::try_from(SceneFile { unlisted: Unlisted::False, ..file(&["hand_empty"]) }).unwrap();
        assert_eq!(closed.state().holds().len(), 1);
        assert_eq!(closed.state().fails().len(), closed.fact_ids().count() - 1);
    }

    #[test]
    fn every_fact_is_read_back_from_how_it_is_written() {
        let scene = Scene::try_from(file(&[])).unwrap();
        for fact in scene.fact_ids() {
            assert_eq!(scene.literal(scene.name(fact)).unwrap(), Literal { fact, holds: true });
        }
        assert!(scene.fact_ids().any(|f| scene.name(f) == "on(red_block,blue_block)"));
        assert!(!scene.fact_ids().any(|f| scene.name(f) == "on(red_block,red_block)"));
    }

    #[test]
    fn what_cannot_be_said_is_explained() {
        assert!(refusal(&["under(red_block,table)"]).contains(r#"no predicate "under"; there are on, in, holding"#));
        assert!(refusal(&["in(green_block,top_drawer)"]).contains(r#"no object "green_block""#));
        assert!(refusal(&["in(top_drawer,red_block)"]).contains("write in(block,drawer)"));
        assert!(refusal(&["hand_empty(table)"]).contains("write hand_empty"));
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        for (pair, named) in [
            (["open(top_drawer)", "closed(top_drawer)"], "open(top_drawer) and closed(top_drawer)"),
            (["on(red_block,table)", "in(red_block,top_drawer)"], "on(red_block,table) and in(red_block,top_drawer)"),
            (["holding(red_block)", "hand_empty"], "holding(red_block) and hand_empty"),
            (["on(red_block,blue_block)", "clear(blue_block)"], "on(red_block,blue_block) and clear(blue_block)"),
            (["hand_empty", "not hand_empty"], "hand_empty and not hand_empty"),
        ] {
            assert_eq!(refusal(&pair), format!("{named} cannot both hold"));
        }
    }

    #[test]
    fn names_are_checked() {
        for id in ["Red", "", "1block", "a b", "ee"] {
            let mut scene = file(&[]);
            scene.objects[0].id = id.into();
            assert_eq!(Scene::try_from(scene).unwrap_err(), SceneError::Name(id.into()));
        }
        let mut scene = file(&[]);
        scene.objects[0].id = "table".into();
        assert_eq!(Scene::try_from(scene).unwrap_err().to_string(), r#"object "table" is listed twice"#);
    }
}
