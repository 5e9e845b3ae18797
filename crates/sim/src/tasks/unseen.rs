//! Other words for the goals of single tasks, in none of which training ever asks: does a policy read, or recognise?
//!
//! What a sentence names (colours, places, counts, groceries) stays what it is; everything around it is said anew.

use super::names::{named, say};

/// By task, sentences: `{}` are the names in the order in which they are said. The sentences with as many places as there
/// are names count.
const SENTENCES: [(&str, &[&str]); 16] = [
    ("close_jar", &["the {} jar should not stay uncovered", "cap the {} jar"]),
    ("insert_onto_square_peg", &["thread the loop onto the {} post", "the {} post gets the loop"]),
    ("light_bulb_in", &["the lamp needs light: use what stands on {}", "fit the {} bulb to the socket"]),
    ("meat_off_grill", &["serve the {}", "the {} burns: away from the heat"]),
    ("open_drawer", &["i need something from the {} drawer", "unlock the {} compartment"]),
    ("place_wine_at_rack_location", &["{} is where wine belongs", "bottle: {} bed"]),
    (
        "push_buttons",
        &[
            "poke the {} switch",
            "activate {}",
            "poke the {} switch and afterwards {}",
            "activate {}, followed by {}",
            "poke {}, afterwards {}, finally {}",
            "activate three switches: {}, followed by {}, at last {}",
        ],
    ),
    ("put_groceries_in_cupboard", &["tidy up: shelve the {}", "the {} should be behind the front"]),
    ("put_item_in_drawer", &["hide the cube: {} compartment", "the {} compartment shall hold it"]),
    ("put_money_in_safe", &["lock up my savings, {} level", "deposit the banknotes, {} level"]),
    ("reach_and_drag", &["too far for the hand: the rod gets the cube over to {}", "rake the cube onto {}"]),
    ("slide_block_to_color_target", &["shove the cube over {}", "the cube has to rest upon {}"]),
    ("stack_blocks", &["i want to see {} {} ones above each other", "arrange {} {} bricks as a column"]),
    ("stack_cups", &["all cups shall end in {}", "collect the mugs inside {}"]),
    ("sweep_to_dustpan_of_size", &["tidy the floor, {} tray", "gather litter, {} tray"]),
    ("turn_tap", &["i am thirsty: {} water please", "twist the {} valve"]),
];

/// A goal of a single task in other words; `None` for tasks that have none. The seed chooses among them.
pub fn unseen(task: &str, instruction: &str, seed: u64) -> Option<String> {
    let names = named(task)?.find(instruction);
    let (_, sentences) = SENTENCES.iter().find(|(name, _)| *name == task)?;
    let fitting: Vec<&&str> = sentences.iter().filter(|s| s.matches("{}").count() == names.len()).collect();
    let sentence = fitting.get((seed % fitting.len().max(1) as u64) as usize)?;
    Some(say(sentence, &names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{KINDS, names::named, retold::tests::said};

    #[test]
    fn every_goal_of_every_single_task_can_be_said_in_words_that_training_has_not() {
        for kind in KINDS {
            let (seen, named) = (said(kind.name), named(kind.name).unwrap());
            for sentence in &seen {
                for seed in 0..2 {
                    let other =
                        unseen(kind.name, sentence, seed).unwrap_or_else(|| panic!("{}: {sentence}", kind.name));
                    assert!(!seen.contains(&other) && !other.contains("{}"), "{sentence}: {other}");
                    assert_eq!(named.find(&other), named.find(sentence), "{sentence}: {other}");
                }
            }
        }
        assert_eq!(unseen("stow_block", "put the red block away", 1), None);
    }
}
