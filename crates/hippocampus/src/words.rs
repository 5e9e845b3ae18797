//! A sentence with its things taken out: `put the <block> in the <drawer>`, and which things they were.
//!
//! Embeddings of "put the red block on the green one" and "put the green block on the red one" are almost the same.
//! What may be reused is therefore decided by words; embeddings only find candidates.

use std::collections::BTreeSet;

use neuraxis_plan::Class;

/// Words that refer to what happened before: the answer is in the facts, never in an old plan.
const HISTORY: &[&str] =
    &["back", "again", "was", "were", "before", "earlier", "previous", "previously", "last", "same", "undo", "other"];

/// Words that turn a meaning around or count, in groups of one meaning. Two sentences that differ in one of these are
/// not the same, however near their embeddings are.
const TURNING: &[&[&str]] = &[
    &["not", "no", "never", "without", "except", "dont", "unless"],
    &["out", "from", "off", "remove", "unload", "empty"],
    &["open", "opened", "opening"],
    &["under", "below", "beneath"],
    &["left"],
    &["right"],
    &["first"],
    &["after", "afterwards"],
    &["until", "while", "when", "if"],
    &["all", "every", "each", "everything"],
    &["both", "two", "twice", "2"],
    &["three", "thrice", "3"],
    &["swap", "exchange", "switch", "instead"],
];

/// What a sentence says, apart from which things it says it of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wording {
    /// Its words, things replaced by their classes.
    pub template: String,
    /// The things, in the order in which they are named.
    pub mentions: Vec<String>,
}

impl Wording {
    /// Of a sentence about these things.
    pub fn of<'a>(sentence: &str, things: impl IntoIterator<Item = (&'a str, Class)>) -> Self {
        let words: Vec<String> = words(sentence).collect();
        // Longest first: `red_block_lid` is not `red_block`.
        let mut named: Vec<(Vec<&str>, &str, Class)> =
            things.into_iter().map(|(id, class)| (id.split('_').collect(), id, class)).collect();
        named.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.1.cmp(b.1)));
        let (mut template, mut mentions, mut rest) = (Vec::new(), Vec::new(), words.as_slice());
        while let Some((word, after)) = rest.split_first() {
            let begins = |name: &[&str]| rest.len() >= name.len() && rest.iter().zip(name).all(|(a, b)| a == b);
            match named.iter().find(|(name, ..)| begins(name)) {
                Some((name, id, class)) => {
                    template.push(format!("<{}>", class.name()));
                    mentions.push((*id).to_string());
                    rest = rest.get(name.len()..).unwrap_or_default();
                }
                None => {
                    template.push(word.clone());
                    rest = after;
                }
            }
        }
        Self { template: template.join(" "), mentions }
    }

    /// The first word that refers to what happened before.
    pub fn refers_back(&self) -> Option<&str> {
        self.template.split(' ').find(|word| HISTORY.contains(word))
    }

    /// Which of the turning meanings it has, by their first word.
    pub fn turns(&self) -> BTreeSet<&'static str> {
        let has = |group: &[&str]| self.template.split(' ').any(|word| group.contains(&word));
        TURNING.iter().filter(|group| has(group)).filter_map(|group| group.first().copied()).collect()
    }
}

/// Lower-case words; `_` and punctuation divide, an apostrophe does not.
fn words(sentence: &str) -> impl Iterator<Item = String> {
    let plain: String = sentence.chars().filter(|c| !matches!(c, '\'' | '’')).flat_map(char::to_lowercase).collect();
    let words: Vec<String> =
        plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_string).collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: [(&str, Class); 5] = [
        ("red_block", Class::Block),
        ("green_block", Class::Block),
        ("top_drawer", Class::Drawer),
        ("drawer", Class::Drawer),
        ("red_block_lid", Class::Block),
    ];

    fn wording(sentence: &str) -> Wording {
        Wording::of(sentence, THINGS)
    }

    #[test]
    fn things_are_taken_out_longest_name_first() {
        let said = wording("Put the RED block, please, in the top_drawer; close the drawer.");
        assert_eq!(said.template, "put the <block> please in the <drawer> close the <drawer>");
        assert_eq!(said.mentions, ["red_block", "top_drawer", "drawer"]);
        assert_eq!(wording("lift the red block lid").mentions, ["red_block_lid"]);
        assert_eq!(wording("").template, "");
        // A thing that is not there stays a word.
        assert_eq!(wording("take the purple block").template, "take the purple block");
    }

    #[test]
    fn words_that_turn_the_meaning_are_noticed() {
        let turns = |sentence| wording(sentence).turns();
        assert_ne!(turns("put the red block in the drawer"), turns("take the red block out of the drawer"));
        assert_ne!(turns("close the drawer"), turns("don't close the drawer"));
        assert_eq!(turns("press all buttons"), turns("press every button"));
        assert_eq!(wording("put it back where it was").refers_back(), Some("back"));
        assert_eq!(wording("close the drawer").refers_back(), None);
    }
}
