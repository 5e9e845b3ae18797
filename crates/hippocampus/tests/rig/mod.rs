//! The workbench, a text encoder that needs no weights, and episodes to remember.
#![allow(dead_code)]

use std::path::Path;

use neuraxis_core::{PolicyError, TextEmbedder, TextFeatures};
use neuraxis_hippocampus::{Attempt, Concluded, Draft, Leaf, Memory, Stamp};
use neuraxis_plan::{Class, RawPlan, Scene, SceneFile, State, Truth};

pub const WIDTH: usize = 64;

/// A token per word: a random direction that depends on the word, the same for words of one meaning.
pub struct Words(pub &'static str, pub usize);

const ALIKE: [&[&str]; 3] = [&["put", "stow", "place"], &["close", "shut"], &["in", "into", "inside"]];
const EMPTY: [&str; 7] = ["the", "a", "and", "it", "away", "then", "drawer"];

impl TextEmbedder for Words {
    fn id(&self) -> &str {
        self.0
    }

    fn embed(&mut self, text: &str) -> Result<TextFeatures, PolicyError> {
        let text = text.to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let mut values = Vec::new();
        for word in &words {
            let weight = if EMPTY.contains(word) { 0.1 } else { 1.0 };
            let word = ALIKE.iter().find(|group| group.contains(word)).map_or(*word, |group| group[0]);
            // FNV-1a (Fowler, Noll, Vo 1991), then xorshift.
            let mut state =
                word.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
            for _ in 0..self.1 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                values.push(weight * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0));
            }
        }
        Ok(TextFeatures { tokens: words.len(), width: self.1, values: values.into() })
    }
}

pub fn open(path: &Path) -> Memory {
    Memory::open(path, Box::new(Words("words", WIDTH))).unwrap()
}

pub fn at(secs: i64) -> Stamp {
    Stamp::from_unix_ms(1_800_000_000_000 + 1000 * secs)
}

pub fn workbench() -> Scene {
    let file: SceneFile = serde_yaml::from_str(include_str!("../../../../sim/scenes/workbench.yaml")).unwrap();
    file.try_into().unwrap()
}

/// The workbench with facts that hold and facts that do not.
pub fn scene(facts: &[&str]) -> Scene {
    let mut scene = workbench();
    change(&mut scene, facts);
    scene
}

/// Takes facts, `not ...` among them, as seen.
pub fn change(scene: &mut Scene, facts: &[&str]) {
    let state = facts.iter().fold(*scene.state(), |state: State, text| {
        let literal = scene.literal(text).unwrap();
        state.with(literal.fact, literal.holds)
    });
    scene.set_state(state).unwrap();
}

pub fn unknown(scene: &mut Scene, facts: &[&str]) {
    let facts = facts.iter().map(|text| scene.literal(text).unwrap().fact).collect();
    scene.set_state(scene.state().forget(&facts)).unwrap();
}

pub const STOW: &str = "put the red block in the top drawer and close it";
pub const STOWED: [&str; 4] =
    ["not on(red_block,table)", "in(red_block,top_drawer)", "not visible(red_block)", "closed(top_drawer)"];

pub fn stow_plan() -> RawPlan {
    serde_json::from_str(include_str!("../../../plan/tests/plans/stow_block.json")).unwrap()
}

pub fn attempt(plan: RawPlan) -> Attempt {
    Attempt { plan, source: "symbolic".into(), derived_from: None }
}

pub fn leaf(node: u16, skill: &str, observed: Truth, failure: Option<&str>) -> Leaf {
    Leaf {
        node,
        skill: skill.into(),
        class: Some(Class::Block),
        observed,
        failure: failure.map(Into::into),
        secs: 2.0,
        parameters: vec![("force_n".into(), 35.0)],
        scores: vec![("force".into(), 12.0)],
    }
}

/// The red block goes into the top drawer: 20 s.
pub fn stowed(memory: &mut Memory, start: i64) -> Concluded {
    let mut scene = workbench();
    let mut draft = memory.begin(STOW, &scene, "fr3", at(start)).unwrap();
    draft.attempt(attempt(stow_plan()), at(start)).unwrap();
    run_stow(&mut draft, &mut scene, start);
    draft.conclude(&scene, &stow_plan().goal, at(start + 20)).unwrap()
}

pub fn run_stow(draft: &mut Draft, scene: &mut Scene, start: i64) {
    change(scene, &["not on(red_block,table)", "not hand_empty", "holding(red_block)"]);
    draft.observe(scene, 4, at(start + 5)).unwrap();
    draft.leaf(leaf(4, "grasp", Truth::True, None), at(start + 5)).unwrap();
    change(scene, &["not holding(red_block)", "hand_empty"]);
    change(scene, &STOWED);
    draft.observe(scene, 5, at(start + 15)).unwrap();
    draft.leaf(leaf(5, "place", Truth::True, None), at(start + 15)).unwrap();
}
