//! What a sentence tells about things that nobody sees: "the red block is in the top drawer".

use neuraxis_plan::{Class, ObjectFile};
use neuraxis_scene::Colour;

use crate::BrainError;

/// A block that is in a drawer, as was said, or seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Name of the block.
    pub(crate) block: String,
    /// Name of the drawer.
    pub(crate) drawer: String,
}

impl Told {
    /// Whether the drawer is among what is there, and no block that looks the same: that would be taken for it.
    pub(crate) fn is_hidden(&self, seen: &[ObjectFile]) -> bool {
        fn colour(id: &str) -> Option<&str> {
            id.split('_').next()
        }
        let looks_so = |object: &ObjectFile| object.class == Class::Block && colour(&object.id) == colour(&self.block);
        seen.iter().any(|object| object.id == self.drawer) && !seen.iter().any(looks_so)
    }
}

/// Blocks that the sentence names by a colour that nothing in view has. They are taken to be in the first drawer that it
/// names: a hypothesis, which a look into the drawer confirms or not.
pub(crate) fn told(sentence: &str, seen: &[ObjectFile]) -> Result<Vec<Told>, BrainError> {
    let words: Vec<String> =
        sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let drawers: Vec<&str> = seen.iter().filter(|o| o.class == Class::Drawer).map(|o| o.id.as_str()).collect();
    let drawer = words.iter().find_map(|word| {
        let is_named = |id: &&&str| id.strip_suffix("_drawer") == Some(word.as_str());
        drawers.iter().find(is_named)
    });
    let is_seen = |colour: &str| seen.iter().any(|object| object.id.split('_').any(|part| part == colour));
    let mut told: Vec<Told> = Vec::new();
    for word in words.iter().filter(|word| Colour::parse(word).is_some_and(Colour::has_hue) && !is_seen(word)) {
        let block = format!("{word}_block");
        if told.iter().any(|other| other.block == block) {
            continue;
        }
        let drawer = drawer.ok_or_else(|| BrainError::NotSeen(format!("{word} block"), sentence.into()))?;
        told.push(Told { block, drawer: (*drawer).to_string() });
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str, class: Class) -> ObjectFile {
        ObjectFile { id: id.into(), class, position_m: None }
    }

    #[test]
    fn what_is_not_seen_is_where_the_sentence_says_or_nowhere() {
        let seen = [
            object("red_block", Class::Block),
            object("blue_plate", Class::Plate),
            object("top_drawer", Class::Drawer),
            object("middle_drawer", Class::Drawer),
        ];
        let block = |block: &str, drawer: &str| Told { block: block.into(), drawer: drawer.into() };
        assert_eq!(told("put the red block on the blue plate", &seen).unwrap(), []);
        assert_eq!(
            told("Move the green block from the middle drawer to the top drawer; green!", &seen).unwrap(),
            [block("green_block", "middle_drawer")]
        );
        let error = told("put the green block on the blue plate", &seen).unwrap_err().to_string();
        assert!(error.contains("do not see a green block"), "{error}");
    }
}
