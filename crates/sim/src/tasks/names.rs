//! What the sentences of the single tasks name: colours, places, counts, groceries. In other words they stay the same.

use super::groceries;
use crate::colour::COLOURS;

/// What the sentences of a task name.
#[derive(Copy, Clone)]
pub(super) enum Named {
    /// Things by their colour.
    Colour,
    /// Groceries.
    Grocery,
    /// One of these.
    Of(&'static [&'static str]),
    /// How many, and their colour.
    CountAndColour(&'static [&'static str]),
}

/// Shelves and drawers.
const HEIGHTS: Named = Named::Of(&["bottom", "middle", "top"]);

/// What the sentences of a single task name; `None` for other tasks.
pub(super) fn named(task: &str) -> Option<Named> {
    Some(match task {
        "close_jar"
        | "insert_onto_square_peg"
        | "light_bulb_in"
        | "push_buttons"
        | "reach_and_drag"
        | "slide_block_to_color_target"
        | "stack_cups" => Named::Colour,
        "open_drawer" | "put_item_in_drawer" | "put_money_in_safe" => HEIGHTS,
        "meat_off_grill" => Named::Of(&["chicken", "steak"]),
        "place_wine_at_rack_location" => Named::Of(&["left", "middle", "right"]),
        "put_groceries_in_cupboard" => Named::Grocery,
        "stack_blocks" => Named::CountAndColour(&["two", "three", "four"]),
        "sweep_to_dustpan_of_size" => Named::Of(&["short", "tall"]),
        "turn_tap" => Named::Of(&["left", "right"]),
        _ => return None,
    })
}

impl Named {
    /// Names in a sentence, in order.
    pub(super) fn find(self, sentence: &str) -> Vec<&str> {
        let colours = || COLOURS.iter().map(|colour| colour.name);
        let known: Vec<&str> = match self {
            Self::Colour => colours().collect(),
            Self::Grocery => groceries::names().collect(),
            Self::Of(names) => names.to_vec(),
            Self::CountAndColour(counts) => counts.iter().copied().chain(colours()).collect(),
        };
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut found: Vec<(usize, &str)> = Vec::new();
        for name in known {
            for (at, word) in sentence.match_indices(name) {
                let (before, after) = (&sentence[..at], &sentence[at + name.len()..]);
                if !is_letter(before.chars().next_back()) && !is_letter(after.chars().next()) {
                    found.push((at, word));
                }
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name).collect()
    }
}

/// A sentence with the names in its places `{}`, in the order in which they are said.
pub(super) fn say(sentence: &str, names: &[&str]) -> String {
    names.iter().fold(sentence.to_string(), |text, name| text.replacen("{}", name, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_found_in_order_and_only_as_whole_words() {
        assert_eq!(Named::Colour.find("hit the green button first and the red one next"), ["green", "red"]);
        assert_eq!(Named::Grocery.find("put the strawberry jelly away"), ["strawberry jelly"]);
        assert!(Named::Colour.find("the reddish block").is_empty());
        assert_eq!(say("the {} one, then {}", &["red", "blue"]), "the red one, then blue");
    }
}
