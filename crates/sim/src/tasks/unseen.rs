//! Other words for the goals of single tasks, in none of which training ever asks: does a policy read, or recognise?
//!
//! What a sentence names (colours, places, counts, groceries) stays what it is; everything around it is said anew.

use super::groceries;
use crate::colour::COLOURS;

/// What the sentences of a task name.
#[derive(Copy, Clone)]
enum Named {
    /// Things by their colour.
    Colour,
    /// Groceries.
    Grocery,
    /// One of these.
    Of(&'static [&'static str]),
    /// How many, and their colour.
    CountAndColour(&'static [&'static str]),
}

/// By task, what is named, and sentences: `{}` are the names in the order in which they are said. The sentences with as
/// many places as there are names count.
const SENTENCES: [(&str, Named, &[&str]); 16] = [
    ("close_jar", Named::Colour, &["the {} jar should not stay uncovered", "cap the {} jar"]),
    ("insert_onto_square_peg", Named::Colour, &["thread the loop onto the {} post", "the {} post gets the loop"]),
    ("light_bulb_in", Named::Colour, &["the lamp needs light: use what stands on {}", "fit the {} bulb to the socket"]),
    ("meat_off_grill", Named::Of(&["chicken", "steak"]), &["serve the {}", "the {} burns: away from the heat"]),
    ("open_drawer", Named::Of(&HEIGHTS), &["i need something from the {} drawer", "unlock the {} compartment"]),
    (
        "place_wine_at_rack_location",
        Named::Of(&["left", "middle", "right"]),
        &["{} is where wine belongs", "bottle: {} bed"],
    ),
    (
        "push_buttons",
        Named::Colour,
        &[
            "poke the {} switch",
            "activate {}",
            "poke the {} switch and afterwards {}",
            "activate {}, followed by {}",
            "poke {}, afterwards {}, finally {}",
            "activate three switches: {}, followed by {}, at last {}",
        ],
    ),
    ("put_groceries_in_cupboard", Named::Grocery, &["tidy up: shelve the {}", "the {} should be behind the front"]),
    ("put_item_in_drawer", Named::Of(&HEIGHTS), &["hide the cube: {} compartment", "the {} compartment shall hold it"]),
    ("put_money_in_safe", Named::Of(&HEIGHTS), &["lock up my savings, {} level", "deposit the banknotes, {} level"]),
    (
        "reach_and_drag",
        Named::Colour,
        &["too far for the hand: the rod gets the cube over to {}", "rake the cube onto {}"],
    ),
    ("slide_block_to_color_target", Named::Colour, &["shove the cube over {}", "the cube has to rest upon {}"]),
    (
        "stack_blocks",
        Named::CountAndColour(&["two", "three", "four"]),
        &["i want to see {} {} ones above each other", "arrange {} {} bricks as a column"],
    ),
    ("stack_cups", Named::Colour, &["all cups shall end in {}", "collect the mugs inside {}"]),
    ("sweep_to_dustpan_of_size", Named::Of(&["short", "tall"]), &["tidy the floor, {} tray", "gather litter, {} tray"]),
    ("turn_tap", Named::Of(&["left", "right"]), &["i am thirsty: {} water please", "twist the {} valve"]),
];
/// Shelves and drawers.
const HEIGHTS: [&str; 3] = ["bottom", "middle", "top"];

/// A goal of a single task in other words; `None` for tasks that have none. The seed chooses among them.
pub fn unseen(task: &str, instruction: &str, seed: u64) -> Option<String> {
    let (_, named, sentences) = SENTENCES.iter().find(|(name, ..)| *name == task)?;
    let names = names(*named, instruction);
    let fitting: Vec<&&str> = sentences.iter().filter(|s| s.matches("{}").count() == names.len()).collect();
    let sentence = fitting.get((seed % fitting.len().max(1) as u64) as usize)?;
    Some(names.iter().fold(sentence.to_string(), |text, name| text.replacen("{}", name, 1)))
}

/// Names in a sentence, in order.
fn names(named: Named, sentence: &str) -> Vec<&str> {
    let colours = || COLOURS.iter().map(|colour| colour.name);
    let known: Vec<&str> = match named {
        Named::Colour => colours().collect(),
        Named::Grocery => groceries::names().collect(),
        Named::Of(names) => names.to_vec(),
        Named::CountAndColour(counts) => counts.iter().copied().chain(colours()).collect(),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::tasks::{KINDS, sample};

    /// Every sentence that some goal of 300 scenes has.
    fn said(task: &str) -> BTreeSet<String> {
        let scenes = (0..300).map(|seed| sample(task, seed, None, &mut Pcg64::seed_from_u64(seed)).unwrap());
        scenes.flat_map(|scene| scene.goals().iter().map(|g| g.instruction.clone()).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn every_goal_of_every_single_task_can_be_said_in_words_that_training_has_not() {
        for kind in KINDS {
            let seen = said(kind.name);
            let (_, named, _) = SENTENCES.iter().find(|(name, ..)| *name == kind.name).unwrap();
            for sentence in &seen {
                for seed in 0..2 {
                    let other =
                        unseen(kind.name, sentence, seed).unwrap_or_else(|| panic!("{}: {sentence}", kind.name));
                    assert!(!seen.contains(&other) && !other.contains("{}"), "{sentence}: {other}");
                    assert_eq!(names(*named, &other), names(*named, sentence), "{sentence}: {other}");
                }
            }
        }
    }

    #[test]
    fn what_is_named_is_found_in_order_and_only_as_whole_words() {
        assert_eq!(names(Named::Colour, "hit the green button first and the red one next"), ["green", "red"]);
        assert_eq!(names(Named::Grocery, "put the strawberry jelly away"), ["strawberry jelly"]);
        assert!(names(Named::Colour, "the reddish block").is_empty());
        assert_eq!(unseen("stow_block", "put the red block away", 1), None);
    }
}
