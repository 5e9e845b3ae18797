//! "Put it back where it was", in words that the grammar knows: memory says what and where.

use neuraxis_hippocampus::{Cause, Known, LastMove, MemoryError, Store, Triple};
use neuraxis_plan::Scene;

/// All words of such a sentence but names of blocks; with any other it asks for something else, or for more.
const WORDS: &[&str] = &[
    "put",
    "place",
    "bring",
    "move",
    "take",
    "return",
    "get",
    "please",
    "the",
    "a",
    "and",
    "it",
    "them",
    "both",
    "all",
    "everything",
    "back",
    "where",
    "was",
    "were",
    "came",
    "lay",
    "stood",
    "from",
    "to",
    "in",
    "its",
    "their",
    "old",
    "places",
    "they",
    "block",
    "blocks",
    "one",
    "ones",
    "again",
    "before",
    "now",
];
/// Words for more than one thing.
const SEVERAL: &[&str] = &["them", "both", "all", "everything", "they"];
/// Facts that say where a block is.
const PLACES: [&str; 3] = ["on", "in", "holding"];

/// Why nothing can be put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotKnown {
    /// Nothing was ever seen to move.
    #[error("I do not remember that anything was moved")]
    NothingMoved,
    /// It was never seen to move.
    #[error("I do not remember where the {0} was before")]
    NeverMoved(String),
    /// It could be one of several.
    #[error("which one? the last time {} were moved", .0.join(" and "))]
    Which(Vec<String>),
    /// It is there already, for all that words can say.
    #[error("the {block} is {place} already, as it was before; another spot there has no name")]
    Same {
        /// The block.
        block: String,
        /// Where it is and was.
        place: String,
    },
    /// The place is not in this scene.
    #[error("the {block} was {place}, which is not here now")]
    NotHere {
        /// The block.
        block: String,
        /// Where it was.
        place: String,
    },
    /// Memory does not answer.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Name of the place in which a block lay before it was moved last: by the arm in its last episode with it, or by somebody
/// else since.
pub fn where_it_was(store: &Store, block: &str) -> Result<String, NotKnown> {
    let last = store.last_move(block)?.ok_or_else(|| NotKnown::NeverMoved(words(block)))?;
    last.before.triple.object.ok_or_else(|| NotKnown::NeverMoved(words(block)))
}

/// The sentence as a plain instruction: "put the red block on the yellow plate". `Ok(None)` if it does not ask for
/// something to be put back. Blocks need not be in view; if the scene shows that somebody has moved one since, it was where
/// it was remembered last.
pub fn put_back_instruction(store: &Store, scene: &Scene, sentence: &str) -> Result<Option<String>, NotKnown> {
    let plain: String = sentence.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let said: Vec<String> = plain.split_whitespace().map(str::to_lowercase).collect();
    let has = |words: &[&str]| said.iter().any(|word| words.contains(&word.as_str()));
    let is_asked = has(&["back", "return"]) || has(&["where"]) && has(&["was", "were", "lay", "stood", "from"]);
    if !is_asked {
        return Ok(None);
    }
    let known = blocks(store, scene)?;
    let colour = |block: &str, word: &String| block.split('_').any(|part| part == word && !WORDS.contains(&part));
    if said.iter().any(|word| !WORDS.contains(&word.as_str()) && !known.iter().any(|block| colour(block, word))) {
        return Ok(None);
    }
    let named: Vec<String> =
        known.iter().filter(|block| said.iter().any(|word| colour(block, word))).cloned().collect();
    let blocks = if named.is_empty() { moved_last(store, &known, has(SEVERAL))? } else { named };
    let clauses: Vec<String> = blocks.iter().map(|block| clause(store, scene, block)).collect::<Result<_, _>>()?;
    Ok(Some(clauses.join(", then ")))
}

/// Every block that is seen or remembered somewhere.
fn blocks(store: &Store, scene: &Scene) -> Result<Vec<String>, NotKnown> {
    let seen = scene.of_class(neuraxis_plan::Class::Block).map(|id| scene.object_name(id).to_string());
    let is_place = |known: &Known| PLACES.contains(&known.triple.predicate.as_str());
    let remembered = store.facts_now(None)?.into_iter().filter(is_place).map(|known| known.triple.subject);
    let mut all: Vec<String> = seen.chain(remembered).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// What "it" or "them" is: what was moved in the last episode that moved anything; of several the one that was asked for.
fn moved_last(store: &Store, known: &[String], are_several: bool) -> Result<Vec<String>, NotKnown> {
    let mut moved: Vec<(String, LastMove)> = Vec::new();
    for block in known {
        moved.extend(store.last_move(block)?.map(|last| (block.clone(), last)));
    }
    let newest = moved.iter().max_by_key(|(_, last)| last.now.id).map(|(_, last)| last.now.clone());
    let newest = newest.ok_or(NotKnown::NothingMoved)?;
    let by_hand = |known: &Known| known.cause == Cause::Start;
    moved.retain(|(_, last)| last.now.episode == newest.episode && by_hand(&last.now) == by_hand(&newest));
    let mut names: Vec<String> = moved.into_iter().map(|(block, _)| block).collect();
    if names.len() > 1 && !are_several {
        // What had to make room was not what it was about.
        let episode = newest.episode.map(|id| store.episode(id)).transpose()?.flatten();
        let goal = episode.map(|episode| episode.goal).unwrap_or_default();
        let is_asked = |block: &String| goal.iter().any(|fact| fact.contains(&format!("({block},")));
        let asked: Vec<String> = names.iter().filter(|block| is_asked(block)).cloned().collect();
        names = if asked.len() == 1 { asked } else { names };
    }
    match names.len() {
        1 => Ok(names),
        _ if are_several => Ok(names),
        _ => Err(NotKnown::Which(names.iter().map(|block| format!("the {}", words(block))).collect())),
    }
}

/// What to say for one block.
fn clause(store: &Store, scene: &Scene, block: &str) -> Result<String, NotKnown> {
    let remembered = store.facts_now(Some(block))?.into_iter().map(|known| known.triple).find(is_resting);
    let seen = present(scene, block);
    let moved_since = seen.is_some() && remembered.is_some() && seen != remembered;
    let before = if moved_since { remembered.clone() } else { store.last_move(block)?.map(|last| last.before.triple) };
    let now = seen.or(remembered);
    let before = before.filter(is_resting).ok_or_else(|| NotKnown::NeverMoved(words(block)))?;
    let place = before.object.as_deref().unwrap_or_default();
    let (name, there) = (words(block), format!("{} the {}", before.predicate, words(place)));
    if now.as_ref() == Some(&before) {
        return Err(NotKnown::Same { block: name, place: there });
    }
    if scene.object(place).is_none() {
        return Err(NotKnown::NotHere { block: name, place: there });
    }
    // Out of a closed drawer it is not in view: the sentence says where it is.
    let drawer = now.filter(|now| now.predicate == "in").and_then(|now| now.object);
    let from = drawer.map_or_else(String::new, |drawer| format!(" from the {}", words(&drawer)));
    Ok(format!("put the {name}{from} {there}"))
}

/// Where the scene shows a block.
fn present(scene: &Scene, block: &str) -> Option<Triple> {
    let places = scene.places_of(scene.object(block)?).intersection(scene.state().holds());
    places.iter().filter_map(|fact| Triple::lasting(scene, fact)).find(is_resting)
}

fn is_resting(triple: &Triple) -> bool {
    matches!(triple.predicate.as_str(), "on" | "in") && triple.object.is_some()
}

/// `red_block` as "red block".
fn words(name: &str) -> String {
    name.replace('_', " ")
}
