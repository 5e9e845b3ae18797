//! A scene as it is written down, and what is made of it.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::{
    Fact, Literal, Object, Scene,
    said::{said_of, written},
};
use crate::{
    SceneError,
    facts::{FactId, FactSet, MOST_FACTS, State},
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
}
