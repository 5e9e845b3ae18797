//! The things in front of the arm, every fact that can be said of them, and what is known.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::{
    SceneError,
    facts::{FactId, FactSet, MOST_FACTS, State, Truth},
    object::{Class, Predicate},
};

/// Most objects of one scene.
pub const MOST_OBJECTS: usize = 32;

/// A scene as it is written down. Facts are as `in(red_block,top_drawer)`, or `not open(top_drawer)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneFile {
    /// What is there.
    pub objects: Vec<ObjectFile>,
    /// What is known.
    pub facts: Vec<String>,
    /// What holds for the facts that are not listed.
    #[serde(default)]
    pub unlisted: Unlisted,
}

/// One object of a [`SceneFile`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectFile {
    /// Its name: the words that tell it from others, then its kind: `red_block`.
    pub id: String,
    /// Its kind.
    pub class: Class,
    /// Its middle in the world frame [m].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_m: Option<[f64; 3]>,
}

/// What is known of facts that a [`SceneFile`] does not list.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// Nothing.
    #[default]
    Unknown,
    /// They do not hold.
    False,
}

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

/// A predicate said of things: a fact, whether it holds or not.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    /// What is said.
    pub predicate: Predicate,
    /// Of what; both absent for `hand_empty`.
    pub of: [Option<ObjectId>; 2],
}

/// A fact, or its contrary: `not open(top_drawer)`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// The fact.
    pub fact: FactId,
    /// False with `not`.
    pub holds: bool,
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

impl TryFrom<SceneFile> for Scene {
    type Error = SceneError;

    fn try_from(file: SceneFile) -> Result<Self, SceneError> {
        let mut scene = Self::of(file.objects)?;
        let all = FactSet::first(scene.facts.len());
        let mut state = match file.unlisted {
            Unlisted::Unknown => State::default(),
            Unlisted::False => State::default().after(&FactSet::default(), &all),
        };
        let mut listed = BTreeMap::new();
        for text in &file.facts {
            let Literal { fact, holds } = scene.literal(text)?;
            if listed.insert(fact, holds).is_some_and(|before| before != holds) {
                let first = scene.name(fact).to_string();
                return Err(SceneError::Contradiction { second: format!("not {first}"), first });
            }
            state = state.with(fact, holds);
        }
        scene.set_state(state)?;
        Ok(scene)
    }
}

impl Scene {
    fn of(files: Vec<ObjectFile>) -> Result<Self, SceneError> {
        if files.len() > MOST_OBJECTS {
            return Err(SceneError::TooMany { what: "objects", count: files.len(), most: MOST_OBJECTS });
        }
        let mut objects: Vec<Object> = Vec::new();
        for ObjectFile { id, class, position_m } in files {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(word) || id.len() > 48 || id == "ee"
            {
                return Err(SceneError::Name(id));
            }
            if objects.iter().any(|o| o.id == id) {
                return Err(SceneError::Twice(id));
            }
            objects.push(Object { id, class, position_in_world: position_m.map(Vector3::from) });
        }
        let facts: Vec<Fact> = Predicate::ALL.into_iter().flat_map(|predicate| said_of(predicate, &objects)).collect();
        if facts.len() > MOST_FACTS {
            return Err(SceneError::TooMany { what: "facts", count: facts.len(), most: MOST_FACTS });
        }
        let names: Vec<String> = facts.iter().map(|fact| written(fact, &objects)).collect();
        let number = |i: usize| FactId(i as u16);
        Ok(Self {
            by_fact: facts.iter().enumerate().map(|(i, fact)| (*fact, number(i))).collect(),
            by_name: names.iter().enumerate().map(|(i, name)| (name.clone(), number(i))).collect(),
            objects,
            facts,
            names,
            state: State::default(),
        })
    }

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

/// Read one way round: the first and the second cannot both hold.
fn exclude(a: &Fact, b: &Fact) -> bool {
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
fn said_of(predicate: Predicate, objects: &[Object]) -> Vec<Fact> {
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

fn written(fact: &Fact, objects: &[Object]) -> String {
    let of: Vec<_> = fact.of.iter().flatten().filter_map(|id| objects.get(id.index())).map(|o| o.id.as_str()).collect();
    let head = fact.predicate.name();
    if of.is_empty() { head.to_string() } else { format!("{head}({})", of.join(",")) }
}

/// What is known about a literal.
impl State {
    /// True if the literal is known to be so.
    pub fn proves(&self, literal: Literal) -> bool {
        self.truth(literal.fact) == if literal.holds { Truth::True } else { Truth::False }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
