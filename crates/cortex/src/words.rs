//! From a sentence to words with a meaning, names resolved to things of the scene.

use neuraxis_plan::{Class, ObjectId, Scene};

use crate::CortexError;

/// A word or phrase that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A thing: its name was said.
    Thing(ObjectId),
    /// Every block.
    AllBlocks,
    /// "everything": blocks or drawers, as the clause wants.
    Everything,
    /// "the drawer": the one in question.
    TheDrawer,
    /// "it", "them".
    It,
    /// "both": before names nothing, else both drawers.
    Both,
    /// Into.
    In,
    /// Onto.
    On,
    /// Into or onto.
    To,
    /// Out of, or "is in": where something is, not where it shall go.
    From,
    /// "on top", "above": on what was named before.
    OnThat,
    /// "at the bottom", "below": that one stays where it is.
    Base,
    /// "pile up", "from the bottom": each on the one before.
    Pile,
    /// "gets": the place was named before what comes there.
    Gets,
    /// Open something.
    Open,
    /// Close something, or closed.
    Close,
    /// Exchange two blocks.
    Swap,
    /// "with": what follows goes on top of what was placed before.
    With,
    /// Ends a clause.
    Stop,
    /// Joins, or changes nothing.
    Filler,
}

/// A word with the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) word: Word,
    pub(crate) text: String,
}

/// Phrases; the longest that fits counts. `+` at the end: only if no kind of thing follows, so that
/// "on top" is not taken out of "on top drawer".
const PHRASES: &[(&str, Word)] = &[
    ("on top of", Word::On),
    ("on top+", Word::OnThat),
    ("on their plates", Word::Filler),
    ("lie on the wrong plates", Word::Filler),
    ("the blocks", Word::Filler),
    ("on the plates", Word::Filler),
    ("all the blocks", Word::AllBlocks),
    ("all blocks", Word::AllBlocks),
    ("every block", Word::AllBlocks),
    ("clear the table", Word::AllBlocks),
    ("both drawers", Word::Both),
    ("everything", Word::Everything),
    ("the drawer", Word::TheDrawer),
    ("out of", Word::From),
    ("is in", Word::From),
    ("lies in", Word::From),
    ("is on", Word::From),
    ("lies on", Word::From),
    ("in the middle+", Word::OnThat),
    ("at the bottom+", Word::Base),
    ("from the bottom+", Word::Pile),
    ("pile up", Word::Pile),
    ("in the end", Word::Filler),
    ("in this order", Word::Filler),
    ("after that", Word::Filler),
    ("of three", Word::Filler),
    ("start with", Word::Filler),
    ("finish with", Word::Filler),
    ("confirm with", Word::Filler),
    ("goes on", Word::On),
    ("go into", Word::In),
    ("below", Word::Base),
    ("above", Word::OnThat),
    ("gets", Word::Gets),
    ("with", Word::With),
    ("in", Word::In),
    ("into", Word::In),
    ("inside", Word::In),
    ("on", Word::On),
    ("onto", Word::On),
    ("to", Word::To),
    ("from", Word::From),
    ("it", Word::It),
    ("them", Word::It),
    ("both", Word::Both),
    ("open", Word::Open),
    ("opened", Word::Open),
    ("close", Word::Close),
    ("closed", Word::Close),
    ("shut", Word::Close),
    ("swap", Word::Swap),
    ("exchange", Word::Swap),
    (",", Word::Filler),
    (";", Word::Stop),
    (":", Word::Filler),
    (".", Word::Stop),
    ("then", Word::Stop),
    ("and", Word::Filler),
    ("but", Word::Filler),
    ("when", Word::Stop),
    ("first", Word::Filler),
    ("afterwards", Word::Filler),
    ("finally", Word::Filler),
    ("please", Word::Filler),
    ("the", Word::Filler),
    ("a", Word::Filler),
    ("is", Word::Filler),
    ("are", Word::Filler),
    ("away", Word::Filler),
    ("tower", Word::Filler),
    // Verbs whose things and places say it all.
    ("put", Word::Filler),
    ("place", Word::Filler),
    ("stow", Word::Filler),
    ("store", Word::Filler),
    ("tidy", Word::Filler),
    ("drop", Word::Filler),
    ("leave", Word::Filler),
    ("belongs", Word::Filler),
    ("belong", Word::Filler),
    ("go", Word::Filler),
    ("goes", Word::Filler),
    ("take", Word::Filler),
    ("fetch", Word::Filler),
    ("get", Word::Filler),
    ("move", Word::Filler),
    ("transfer", Word::Filler),
    ("bring", Word::Filler),
    ("clear", Word::Filler),
    ("sort", Word::Filler),
    ("serve", Word::Filler),
    ("build", Word::Filler),
    ("make", Word::Filler),
    ("stack", Word::Filler),
    ("push", Word::Filler),
    ("pull", Word::Filler),
    ("slide", Word::Filler),
    ("press", Word::Filler),
    ("hit", Word::Filler),
];

/// Words for kinds of things.
const NOUNS: &[(&str, Option<Class>)] = &[
    ("block", Some(Class::Block)),
    ("blocks", Some(Class::Block)),
    ("plate", Some(Class::Plate)),
    ("plates", Some(Class::Plate)),
    ("button", Some(Class::Button)),
    ("buttons", Some(Class::Button)),
    ("drawer", Some(Class::Drawer)),
    ("drawers", Some(Class::Drawer)),
    ("table", Some(Class::Table)),
    ("one", None),
    ("ones", None),
];

/// Splits and understands a sentence word by word.
pub(crate) fn tokens(sentence: &str, scene: &Scene) -> Result<Vec<Token>, CortexError> {
    let said = split(sentence);
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = said.get(at..).filter(|rest| !rest.is_empty()) {
        let (word, taken) = match phrase(rest, scene) {
            Some(found) => found,
            None => {
                let (thing, taken) = name(rest, scene)?;
                (Word::Thing(thing), taken)
            }
        };
        tokens.push(Token { word, text: rest.iter().take(taken).cloned().collect::<Vec<_>>().join(" ") });
        at += taken;
    }
    Ok(tokens)
}

/// Words in small letters, and punctuation as words of its own.
fn split(sentence: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in sentence.to_lowercase().chars() {
        if c.is_alphanumeric() || c == '_' || c == '\'' {
            words.last_mut().into_iter().for_each(|word| word.push(c));
        } else {
            let mark = if c.is_whitespace() { String::new() } else { c.to_string() };
            words.extend([mark, String::new()]);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The longest phrase that the words begin with, unless it is the beginning of a name.
fn phrase(words: &[String], scene: &Scene) -> Option<(Word, usize)> {
    let fits = |pattern: &str| {
        let (plain, not_before_noun) = match pattern.strip_suffix('+') {
            Some(plain) => (plain, true),
            None => (pattern, false),
        };
        let count = plain.split(' ').count();
        let same = words.len() >= count && plain.split(' ').zip(words).all(|(a, b)| a == b);
        let noun = words.get(count).is_some_and(|next| is_noun(next));
        (same && !(not_before_noun && noun)).then_some(count)
    };
    let all = PHRASES.iter().filter_map(|(pattern, word)| Some((word.clone(), fits(pattern)?)));
    let (word, count) = all.max_by_key(|(_, count)| *count)?;
    // "the table", "the blocks" are phrases only where no name says more.
    let named = |at: usize| words.get(at).is_some_and(|word| adjectives(scene).any(|adjective| adjective == *word));
    (count > 1 || !named(0)).then_some((word, count))
}

/// A name: words that tell a thing from others, and perhaps its kind. Returns how many words it took.
fn name(words: &[String], scene: &Scene) -> Result<(ObjectId, usize), CortexError> {
    let first = words.first().map(String::as_str).unwrap_or_default();
    if let Some(id) = scene.object(first) {
        return Ok((id, 1));
    }
    let known: Vec<String> = adjectives(scene).collect();
    let own = words.iter().take_while(|word| known.contains(word)).count();
    let noun = words.get(own).filter(|word| is_noun(word));
    if own == 0 && noun.is_none() {
        return Err(unknown(first, scene));
    }
    // "the red and the blue block": the kind may stand behind a later name.
    let class = class_of(noun.or_else(|| noun_behind(words.get(own..)?, &known)));
    let taken = own + usize::from(noun.is_some());
    let said: Vec<&str> = words.iter().take(taken).map(String::as_str).collect();
    let fits = |class: Option<Class>| -> Vec<ObjectId> {
        let all = scene.object_ids().filter(|id| class.is_none() || scene.class(*id) == class);
        all.filter(|id| said.iter().take(own).all(|word| parts(scene.object_name(*id)).any(|p| p == *word))).collect()
    };
    // A later kind is a hint only.
    let found = match (fits(class), noun) {
        (found, _) if found.len() == 1 => found,
        (_, None) => fits(None),
        (found, _) => found,
    };
    match found[..] {
        [id] => Ok((id, taken)),
        _ => Err(CortexError::Name {
            words: said.join(" "),
            found: found.iter().map(|id| scene.object_name(*id).to_string()).collect(),
        }),
    }
}

/// The kind that stands behind the next name of a list.
fn noun_behind<'a>(words: &'a [String], names: &[String]) -> Option<&'a String> {
    let joins = |word: &&String| ["and", "the", ",", "to", "from"].contains(&word.as_str()) || names.contains(word);
    let at = words.iter().take_while(joins).count();
    words.get(at).filter(|word| at > 0 && is_noun(word))
}

fn is_noun(word: &str) -> bool {
    NOUNS.iter().any(|(noun, _)| *noun == word)
}

fn class_of(noun: Option<&String>) -> Option<Class> {
    NOUNS.iter().find(|(word, _)| noun.is_some_and(|noun| noun == word)).and_then(|(_, class)| *class)
}

fn parts(id: &str) -> impl Iterator<Item = &str> {
    id.split('_')
}

/// Words in names that are not words for kinds.
fn adjectives(scene: &Scene) -> impl Iterator<Item = String> + '_ {
    let all = scene.objects().iter().flat_map(|object| parts(&object.id));
    all.filter(|part| !is_noun(part)).map(ToString::to_string)
}

/// Words further apart than this are no slips of each other [letters].
const SLIP: usize = 2;

fn unknown(word: &str, scene: &Scene) -> CortexError {
    let grammar = PHRASES.iter().flat_map(|(pattern, _)| pattern.trim_end_matches('+').split(' '));
    let nouns = NOUNS.iter().map(|(noun, _)| *noun);
    let mut known: Vec<String> = grammar.chain(nouns).map(ToString::to_string).chain(adjectives(scene)).collect();
    if known.iter().any(|known| known == word) {
        return CortexError::Misplaced { word: word.to_string() };
    }
    known.retain(|known| known.chars().all(char::is_alphanumeric) && distance(word, known) <= SLIP);
    known.sort_by_key(|known| (distance(word, known), known.clone()));
    known.dedup();
    known.truncate(3);
    let things = scene.objects().iter().map(|object| object.id.clone()).collect();
    CortexError::UnknownWord { word: word.to_string(), nearest: known, things }
}

/// Letters to change, leave out or put in (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(from != to)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        row.first_mut().into_iter().for_each(|first| *first = i + 1);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench;

    fn read(sentence: &str) -> Vec<String> {
        let scene = workbench();
        let tokens = tokens(sentence, &scene).unwrap();
        let shown = |token: &Token| match token.word {
            Word::Thing(id) => Some(scene.object_name(id).to_string()),
            Word::Filler => None,
            ref word => Some(format!("{word:?}")),
        };
        tokens.iter().filter_map(shown).collect()
    }

    #[test]
    fn names_need_no_kind_where_one_thing_has_them() {
        assert_eq!(read("red onto yellow"), ["red_block", "On", "yellow_plate"]);
        assert_eq!(read("the red and the blue block"), ["red_block", "blue_block"]);
        assert_eq!(read("the top and the middle drawer"), ["top_drawer", "middle_drawer"]);
        assert_eq!(read("red_block to the table"), ["red_block", "To", "table"]);
    }

    #[test]
    fn places_in_a_tower_are_no_drawers() {
        assert_eq!(read("red on top of blue"), ["red_block", "On", "blue_block"]);
        assert_eq!(read("red on top"), ["red_block", "OnThat"]);
        assert_eq!(read("red in the middle"), ["red_block", "OnThat"]);
        assert_eq!(read("red in the middle drawer"), ["red_block", "In", "middle_drawer"]);
        assert_eq!(read("from the bottom one"), ["From", "bottom_drawer"]);
    }

    #[test]
    fn unknown_words_are_named_with_their_neighbours() {
        let error = tokens("puut the red block in the top drawer", &workbench()).unwrap_err();
        assert_eq!(error.to_string(), r#"I do not know the word "puut"; the nearest that I know: put, but, out"#);
    }

    #[test]
    fn a_word_near_to_none_is_answered_with_the_things_and_a_known_one_is_no_neighbour_of_itself() {
        let error = |text: &str| tokens(text, &workbench()).unwrap_err().to_string();
        let fridge = error("open the fridge");
        assert!(fridge.starts_with(r#"I do not know the word "fridge"; here are: "#), "{fridge}");
        assert!(fridge.contains("red_block") && fridge.contains("top_drawer"), "{fridge}");
        assert_eq!(error("put three blocks on the plate"), r#""three" is not understood here"#);
    }

    #[test]
    fn names_that_fit_nothing_or_several_things_are_told() {
        let error = |text: &str| tokens(text, &workbench()).unwrap_err().to_string();
        assert_eq!(error("put the red plate in"), r#""red plate" names nothing here"#);
        assert_eq!(error("press the button"), r#""button" names pink_button or cyan_button"#);
    }

    #[test]
    fn distances_are_levenshtein_s() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
