//! Many ways to say the goals of single tasks, for training: the same names in other sentences.
//!
//! None of them is among the sentences of [`unseen`](super::unseen), each of which has a word that is nowhere here.

use rand::{Rng, seq::IndexedRandom};

use super::names::{named, say};

/// What may stand before and after a sentence; most of the time nothing does.
const BEFORE: [&str; 12] = [
    "please ",
    "robot, ",
    "now ",
    "next, ",
    "could you ",
    "can you ",
    "i want you to ",
    "you should ",
    "ok, ",
    "would you ",
    "go and ",
    "just ",
];
const AFTER: [&str; 6] = [" please", " now", " for me", ", thanks", ", carefully", " next"];
/// How often something stands before, and after.
const SURROUNDED: f64 = 0.25;

/// By task: `(a|b)` is one of them, `{}` are the names in the order in which they are said. The sentences with as many
/// places as there are names count.
const PATTERNS: [(&str, &[&str]); 16] = [
    (
        "close_jar",
        &[
            "(close|shut|seal|cover) the {} (jar|pot|container|one)",
            "(put|place|set|lay) (the|a|its) (lid|cover|top) on the {} (jar|pot|container)",
            "(screw|turn|fasten) the (lid|top|cover) (on|onto) the {} (jar|pot|one)",
            "the {} (jar|pot|container) (needs|wants|gets) (a|the|its) (lid|cover|top)",
            "(take|grab|pick up) the (lid|cover) and (close|shut|seal) the {} (jar|pot|one)",
            "the (lid|cover|top) goes on the {} (jar|pot|container|one)",
            "the (jar|pot) to (close|shut|cover) is the {} one",
            "the {} (jar|pot) is open, (close|shut) it",
            "make sure that the {} (jar|pot|container) is (closed|shut|covered)",
            "(lid|cover) on {}",
        ],
    ),
    (
        "insert_onto_square_peg",
        &[
            "(put|place|set|drop|slide|slip|insert|push|hang) the (ring|hoop|square|frame|square ring) (on|onto|over|around) the {} (peg|spoke|pillar|stick|pole|pin)",
            "the (ring|hoop|square ring|frame) (goes|should go) (on|onto|over|around) the {} (peg|pole|pillar|pin|spoke|one)",
            "(take|grab|pick up) the (ring|hoop|frame) and (put|place|drop) it (on|over) the {} (peg|pole|pillar|spoke)",
            "(choose|use|take) the {} (peg|pole|pillar|pin|spoke) for the (ring|hoop|frame)",
            "the {} (peg|pillar|pole|spoke) is where the (ring|hoop|frame) goes",
            "(ring|hoop|frame) (on|onto|over|to) {}",
            "(put|place) a (ring|hoop) (on|around) {}",
            "let the {} (peg|pole|pillar) go through the (ring|hoop|frame)",
        ],
    ),
    (
        "light_bulb_in",
        &[
            "(screw|put|place|insert|turn) the (bulb|light bulb|light) (from|of|in|out of) the {} (holder|base|stand|mount) (into|in) the lamp",
            "(take|grab|pick|get) the (bulb|light bulb) (from|out of|in) the {} (holder|base|stand|one) and (screw|put|turn) it (in|into the lamp)",
            "(light|turn on|repair) the lamp with the (bulb|light bulb) (from|in|of) the {} (holder|base|stand)",
            "the lamp (gets|wants|takes) the (bulb|light) (of|from|in) the {} (holder|base|stand|one)",
            "the (bulb|light bulb) (in|of|from) the {} (holder|base|stand) (goes|should go) into the lamp",
            "(use|choose|try) the {} (bulb|light|one) for the lamp",
            "(put|screw) the {} (bulb|light bulb) in",
            "{} (bulb|light) into the lamp",
            "(move|bring) the (bulb|light) from {} to the lamp",
        ],
    ),
    (
        "meat_off_grill",
        &[
            "(take|get|lift|move|remove|pick) the {} (off|from) the (grill|barbecue|fire|grate)",
            "(put|place|lay|set) the {} on the (board|plate|wooden board|cutting board)",
            "(put|place|lay) the {} (beside|next to|by) the (grill|barbecue)",
            "the {} is (done|ready|cooked|finished)",
            "the {} is (done|ready|cooked): (take|get|move) it (off|from) the (grill|barbecue|fire)",
            "(move|bring|carry|transfer) the {} (from|off) the (grill|barbecue) to the (board|plate)",
            "(i want|i would like|we eat) the {}",
            "the {} (goes|should go|comes) (off the grill|on the board)",
            "(remove|rescue|fetch) the {}",
            "(bring|give|pass) me the {}",
        ],
    ),
    (
        "open_drawer",
        &[
            "(open|pull open|pull|draw|slide open|pull out|slide out) the {} (drawer|one|box)",
            "(grab|take|hold|grip) the {} (handle|knob) and (pull|open|draw) (it|the drawer)",
            "the {} (drawer|box|one) (should be|has to be|must be|shall be) (open|pulled out|opened)",
            "(pull|draw|drag) the {} (handle|knob|grip)",
            "make the {} drawer (open|come out)",
            "the {} drawer is (closed|shut), (open|pull) it",
            "(out|open) with the {} (drawer|one)",
            "(let|help) me (look|reach) into the {} (drawer|box)",
            "the (drawer|one) to (open|pull) is the {} one",
            "{} drawer (open|out)",
        ],
    ),
    (
        "place_wine_at_rack_location",
        &[
            "(put|place|stow|slide|set|lay|push|store) the (wine|bottle|wine bottle) (in|into|at|on|to) the {} (place|slot|spot|position|hole) (of the rack|of the wine rack|of the shelf|in the rack)",
            "(put|place|stow|slide|lay|store) the (wine|bottle|wine bottle) (in|at|on|to) the {}",
            "the (wine|bottle|wine bottle) (goes|should go|has its place) (in|at|on|to) the {} (slot|place|spot|side|one)",
            "(use|take|choose|fill) the {} (slot|place|spot|position) (for the bottle|for the wine|of the rack)",
            "the {} (slot|place|spot|position) (gets|is for|takes) the (wine|bottle)",
            "(rack|store|stow) the (bottle|wine) (on the {} side|at the {}|{})",
            "(bottle|wine) (to|at|into) the {}",
            "(take|grab|pick up) the (wine|bottle) and (put|place|slide) it (in|into) the {} (slot|place|spot)",
        ],
    ),
    (
        "push_buttons",
        &[
            "(press|push|hit|tap|touch|click|use) the {} (button|one|knob)",
            "(press|push|hit|tap|touch|click) {}",
            "the {} (button|one|knob) (has to be|should be|must be|is to be) (pressed|pushed|hit)",
            "the button to (press|push|hit) is {}",
            "(put|press|lay) your (finger|hand) on the {} (button|one)",
            "(press|push|hit|tap|touch|click) the {} (button|one), (then|next|and then|after that) the {} (button|one)",
            "(press|push|hit|tap|touch|click) {} (then|and then|and next|before) {}",
            "(first|at first) (press|push|hit|tap) (the {} button|{}), (then|next|after that|second) (the {} button|{})",
            "(start|begin) with the {} (button|one) and (go on|continue) with the {} one",
            "(press|push|hit|tap) two buttons: {}, {}",
            "the {} (button|one) comes (first|before all), the {} one (second|next)",
            "(press|push|hit|tap|touch|click) {}, (then|next|after that) {}, (then|next|after that) {}",
            "(press|push|hit|tap|touch|click) the {} (button|one), (then|next) the {} (button|one) and (then|last) the {} (button|one)",
            "(first|at first) (press|push|hit) {}, (second|then) {}, (third|last|and then) {}",
            "(press|push|hit|tap) (three|the) buttons in (this order|a row|turn): {}, {}, {}",
            "(start|begin) with {}, (go on|continue) with {}, stop with {}",
            "{}, {}, {}: (press|push|hit) them in (this order|turn)",
        ],
    ),
    (
        "put_groceries_in_cupboard",
        &[
            "(put|place|stow|store|set|move|bring) the {} (in|into|inside) the (cupboard|cabinet|closet)",
            "(put|stow|store|clear) the {} away",
            "the {} (goes|should go|has to go) (in|into|inside) the (cupboard|cabinet|closet)",
            "(take|grab|pick up) the {} and (put|place|store) it (in|into) the (cupboard|cabinet)",
            "the (cupboard|cabinet|closet) (gets|is for|takes) the {}",
            "(stow|store|keep) the {} (there|up there|on its shelf|in its place)",
            "{} (in|into) the (cupboard|cabinet)",
            "(find|get) the {} and (stow|store) it",
            "we (keep|store) the {} in the (cupboard|cabinet|closet)",
        ],
    ),
    (
        "put_item_in_drawer",
        &[
            "(put|place|stow|store|leave|drop|lay) the (block|cube|item|thing|object) (in|into|inside) the {} (drawer|box|one)",
            "(open|pull) the {} drawer and (put|place|drop|lay) the (block|cube|item) (in|inside|into it)",
            "the (block|cube|item|thing) (goes|should go|has to go) (in|into|inside) the {} (drawer|box|one)",
            "(use|take|choose) the {} drawer for the (block|cube|item|thing)",
            "the {} drawer (gets|is for|takes) the (block|cube|item)",
            "(clear|put|stow) the (block|cube|item) away (in|into) the {} (drawer|one)",
            "(take|grab|pick up) the (block|cube|item) and (put|drop) it (in|into) the {} drawer",
            "(block|cube|item) (in|into) the {} drawer",
            "(move|bring) the (block|cube|thing) (to|into) the {} (drawer|box)",
        ],
    ),
    (
        "put_money_in_safe",
        &[
            "(put|place|leave|lay|store|stow) the (money|cash|notes|bundle|bills) (on|onto|at) the {} (shelf|board|one) (of|in|inside) the safe",
            "(put|place|leave|lay|store|stow) the (money|cash|notes|bundle|bills) (on|onto) the {} (shelf|board|one)",
            "the (money|cash|bundle) (goes|should go) (on|onto|to) the {} (shelf|board|one)",
            "the {} shelf (of the safe gets|in the safe is for|gets|takes) the (money|cash|notes|bundle)",
            "(put|stow|store|clear) the (money|cash|notes) away (on|at) the {} (shelf|one)",
            "(take|grab|pick up) the (money|cash|bundle) and (put|lay|leave) it on the {} shelf",
            "(use|take|choose) the {} shelf for the (money|cash|notes|bills)",
            "(money|cash|notes) (on|to|onto) the {} shelf",
            "(keep|save) the (money|cash|bills) on the {} shelf",
        ],
    ),
    (
        "reach_and_drag",
        &[
            "(use|take|grab) the (stick|tool|bar) to (drag|pull|move|bring|push) the (cube|block) (on|onto|to|over to) the {} (target|square|plate|field|one)",
            "(drag|pull|move|bring|draw) the (cube|block) (on|onto|to) the {} (target|square|plate|field|one) with the (stick|tool|bar)",
            "with the (stick|tool|bar), (drag|pull|move|bring) the (cube|block) (on|onto|to) the {} (target|square|plate|field)",
            "(pick up|take|grab) the (stick|tool|bar) and (drag|pull|move) the (cube|block) (on|onto|to) the {} (target|square|plate)",
            "the (cube|block) (goes|should go|should lie) on the {} (target|square|plate|field)",
            "(drag|pull|move|bring) the (cube|block) to {}",
            "(cube|block) (to|onto) the {} (target|square|plate|field)",
            "the {} (target|square|plate|field) (gets|is for) the (cube|block)",
            "reach for the (cube|block) with the (stick|tool) and (drag|pull) it to {}",
        ],
    ),
    (
        "slide_block_to_color_target",
        &[
            "(slide|push|move|bring|shift|nudge) the (block|cube|box) (to|onto|on|over) the {} (target|plate|square|field|one)",
            "(slide|push|move|shift) the (block|cube|box) (along|across) the table (to|onto|until it covers) the {} (target|plate|square|field)",
            "the (block|cube|box) (goes|should be|has to be) (on|onto) the {} (target|plate|square|field)",
            "(cover|hit|reach) the {} (target|plate|square|field) with the (block|cube|box)",
            "the {} (target|plate|square|field) (gets|is for|wants) the (block|cube|box)",
            "(slide|push|move|bring|shift) the (block|cube|box) to {}",
            "(block|cube|box) (to|onto) the {} (target|plate|square|field)",
            "(slide|push|move) it (to|onto) {}",
            "the target is the {} (one|square|plate|field)",
        ],
    ),
    (
        "stack_blocks",
        &[
            "(stack|pile|pile up|heap) {} {} (blocks|cubes|pieces|ones)",
            "(put|place|set|lay) {} {} (blocks|cubes|pieces|ones) (on top of each other|one on the other|on one another|on a pile)",
            "(build|make|set up|construct) a (tower|stack|pile|heap) (of|from|with|out of) {} {} (blocks|cubes|pieces|ones)",
            "(stack|pile up|pile) {} of the {} (blocks|cubes|pieces|ones)",
            "a (tower|stack|pile) of {} {} (blocks|cubes|pieces|ones)",
            "(take|use|grab) {} {} (blocks|cubes|ones) and (stack|pile) them",
            "(make|build) the (tower|stack|pile) {} {} (blocks|cubes) (high|tall)",
            "{} {} (blocks|cubes) on a (pile|stack)",
        ],
    ),
    (
        "stack_cups",
        &[
            "(stack|put|place|pile|set) (the other|both other|both|the two other|all other) (cups|beakers) (on|onto|into|in|on top of) the {} (cup|beaker|one)",
            "(nest|stack|pile up|put together) the (cups|beakers), the {} one (at the bottom|lowest|below|first)",
            "(make|build) (one|a) (pile|stack|tower) of (the|all) (cups|beakers) (in|on|with) the {} (cup|beaker|one)",
            "the {} (cup|beaker|one) (is|shall be|should be|goes) (at the bottom|below|lowest)",
            "the (other|two other|others) (cups|beakers) (go|should go) (in|into|onto) the {} (cup|beaker|one)",
            "(start|begin) (with|from) the {} (cup|beaker|one) and (stack|pile|put) the others on it",
            "(put|stack|place) (everything|them all|the rest) (in|into|onto) the {} (cup|beaker|one)",
            "(cups|beakers) into the {} one",
        ],
    ),
    (
        "sweep_to_dustpan_of_size",
        &[
            "(sweep|brush|wipe|move|push|get|clean) the (dirt|crumbs|dust|mess|rubbish) (into|to|in|onto) the {} (dustpan|pan|shovel|one)",
            "(take|use|grab) the (broom|brush) (and sweep|to sweep|and brush|to get) the (dirt|crumbs|dust|mess) (into|to) the {} (dustpan|pan|shovel)",
            "(clean|clean up|sweep up|sweep|brush): (everything|all|the dirt|the crumbs) (to|into) the {} (dustpan|pan|one)",
            "the (dirt|crumbs|dust|mess|rubbish) (goes|should go) (in|into) the {} (dustpan|pan|shovel|one)",
            "the {} (dustpan|pan|shovel) (is for|gets|takes) the (dirt|crumbs|dust|mess)",
            "(use|take|choose) the {} (dustpan|pan|shovel) (for the dirt|for the crumbs|for the mess|to clean up)",
            "(dirt|crumbs|dust) (into|to) the {} (dustpan|pan|shovel)",
            "(sweep|brush|clean up) (into|to) the {} one",
        ],
    ),
    (
        "turn_tap",
        &[
            "(turn|rotate|spin|open|move|use) the {} (tap|handle|knob|faucet|one)",
            "(turn|rotate|spin|open) the {} (handle|knob|side|wheel) of the (tap|faucet)",
            "(turn|rotate|spin) the {} (tap|faucet) (handle|knob|wheel)",
            "(turn|switch on|open) the (tap|faucet) (on|at|to|from) the {}",
            "(grab|take|hold) the {} (handle|knob|wheel) and (turn|rotate|spin) it",
            "the {} (tap|handle|knob|faucet) (has to be|should be|must be) (turned|opened|rotated)",
            "the {} (tap|handle|knob) is (closed|shut), (turn|open) it",
            "the (tap|handle|knob) to (turn|open) is the {} one",
            "{} (tap|handle|faucet) (open|on)",
        ],
    ),
];

/// A goal of a single task in other words, drawn at random; `None` for tasks that have none.
pub fn retold(task: &str, instruction: &str, rng: &mut impl Rng) -> Option<String> {
    let names = named(task)?.find(instruction);
    let (_, patterns) = PATTERNS.iter().find(|(name, _)| *name == task)?;
    let fitting: Vec<&&str> = patterns.iter().filter(|p| places(p) == names.len()).collect();
    let sentence = say(&chosen(fitting.choose(rng)?, rng), &names);
    let mut around = |words: &[&'static str]| -> &'static str {
        if rng.random_bool(SURROUNDED) { words.choose(rng).copied().unwrap_or("") } else { "" }
    };
    let before = around(&BEFORE);
    Some(format!("{before}{sentence}{}", around(&AFTER)))
}

/// How many names are said, whatever is chosen.
fn places(pattern: &str) -> usize {
    chosen_by(pattern, |_| 0).matches("{}").count()
}

/// The pattern with one of each of its alternatives.
fn chosen(pattern: &str, rng: &mut impl Rng) -> String {
    chosen_by(pattern, |n| rng.random_range(0..n))
}

fn chosen_by(pattern: &str, mut choose: impl FnMut(usize) -> usize) -> String {
    let mut text = String::new();
    for piece in pattern.split('(') {
        match piece.split_once(')') {
            Some((inside, after)) => {
                let ways: Vec<&str> = inside.split('|').collect();
                text += ways.get(choose(ways.len())).copied().unwrap_or("");
                text += after;
            }
            None => text += piece,
        }
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::tasks::{KINDS, sample, unseen};

    /// Every sentence that some goal of 300 scenes has.
    pub fn said(task: &str) -> BTreeSet<String> {
        let scenes = (0..300).map(|seed| sample(task, seed, None, &mut Pcg64::seed_from_u64(seed)).unwrap());
        scenes.flat_map(|scene| scene.goals().iter().map(|g| g.instruction.clone()).collect::<Vec<_>>()).collect()
    }

    fn words(sentence: &str) -> BTreeSet<String> {
        sentence.split(|c: char| !c.is_alphanumeric()).map(String::from).collect()
    }

    #[test]
    fn every_goal_can_be_said_in_many_ways_that_name_the_same() {
        let mut rng = Pcg64::seed_from_u64(1);
        for kind in KINDS {
            let named = named(kind.name).unwrap();
            for sentence in said(kind.name).iter().take(60) {
                let told: BTreeSet<String> = (0..40).map(|_| retold(kind.name, sentence, &mut rng).unwrap()).collect();
                assert!(told.len() >= 20, "{sentence}: {told:?}");
                for other in &told {
                    assert!(!other.contains(['(', ')', '|', '{']), "{other}");
                    assert_eq!(named.find(other), named.find(sentence), "{sentence}: {other}");
                }
            }
        }
        assert_eq!(retold("stow_block", "put the red block away", &mut rng), None);
    }

    #[test]
    fn what_is_evaluated_as_unseen_has_a_word_that_training_never_says() {
        let mut rng = Pcg64::seed_from_u64(2);
        let told = PATTERNS.iter().flat_map(|(_, patterns)| patterns.iter()).flat_map(|p| words(p));
        let around = BEFORE.iter().chain(&AFTER).flat_map(|w| words(w));
        let mut trained: BTreeSet<String> = told.chain(around).collect();
        let sentences: Vec<(&str, BTreeSet<String>)> = KINDS.iter().map(|kind| (kind.name, said(kind.name))).collect();
        trained.extend(sentences.iter().flat_map(|(_, said)| said.iter()).flat_map(|s| words(s)));
        for (task, said) in &sentences {
            for sentence in said {
                for seed in 0..2 {
                    let other = unseen(task, sentence, seed).unwrap();
                    assert!(words(&other).iter().any(|word| !trained.contains(word)), "{other}");
                    assert_ne!(Some(&other), retold(task, sentence, &mut rng).as_ref());
                }
            }
        }
    }
}
