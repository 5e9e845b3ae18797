//! The ten long-horizon tasks as `crates/sim/src/tasks/long/table.rs` words and starts them, with the workbench's names:
//! blocks red, green, blue; plates yellow, purple; buttons pink, cyan; drawers top, bottom.
#![allow(dead_code)]

use neuraxis_plan::{Scene, SceneFile};

/// A task.
pub struct LongTask {
    pub name: &'static str,
    /// Facts of the workbench that do not hold at the start, and those that hold instead.
    pub start: (&'static [&'static str], &'static [&'static str]),
    /// All its wordings.
    pub say: [&'static str; 4],
    /// What holds at the end, as the judge sees it.
    pub facts: &'static [&'static str],
    /// Buttons in the order in which they are to be pressed, each with what must hold by then.
    pub events: &'static [(&'static str, &'static [&'static str])],
}

const USUAL: (&[&str], &[&str]) = (&[], &[]);
/// The red block is in the top drawer, out of sight.
const INSIDE: (&[&str], &[&str]) = (&["on(red_block,table)", "visible(red_block)"], &["in(red_block,top_drawer)"]);
const ON_PLATES: (&[&str], &[&str]) = (
    &["on(red_block,table)", "on(green_block,table)", "clear(yellow_plate)", "clear(purple_plate)"],
    &["on(red_block,yellow_plate)", "on(green_block,purple_plate)"],
);

pub const TASKS: [LongTask; 10] = [
    LongTask {
        name: "stow_block",
        start: USUAL,
        say: [
            "put the red block in the top drawer and close it",
            "stow the red block away in the top drawer, then shut the drawer",
            "the red block belongs in the top drawer; leave the drawer closed",
            "open the top drawer, drop the red block in, and push the drawer shut",
        ],
        facts: &["in(red_block,top_drawer)", "closed(top_drawer)"],
        events: &[],
    },
    LongTask {
        name: "stow_two_blocks",
        start: USUAL,
        say: [
            "put the red block and the green block in the top drawer and close it",
            "both the red and the green block go into the top drawer; shut it afterwards",
            "tidy the red and green blocks into the top drawer and close it",
            "open the top drawer, put red and green inside, and push it shut",
        ],
        facts: &["in(red_block,top_drawer)", "in(green_block,top_drawer)", "closed(top_drawer)"],
        events: &[],
    },
    LongTask {
        name: "fetch_block",
        start: INSIDE,
        say: [
            "take the red block out of the top drawer, put it on the yellow plate and close the drawer",
            "fetch the red block from the top drawer onto the yellow plate, then shut the drawer",
            "the red block is in the top drawer: move it to the yellow plate and leave the drawer closed",
            "open the top drawer, get the red block, leave it on the yellow plate, and push the drawer shut",
        ],
        facts: &["on(red_block,yellow_plate)", "closed(top_drawer)"],
        events: &[],
    },
    LongTask {
        name: "move_between_drawers",
        start: INSIDE,
        say: [
            "move the red block from the top drawer to the bottom drawer and close both",
            "the red block is in the top drawer but belongs in the bottom one; leave both shut",
            "take the red block out of the top drawer, put it in the bottom drawer, close everything",
            "transfer the red block: out of the top drawer, into the bottom drawer, both closed in the end",
        ],
        facts: &["in(red_block,bottom_drawer)", "closed(top_drawer)", "closed(bottom_drawer)"],
        events: &[],
    },
    LongTask {
        name: "swap_blocks",
        start: ON_PLATES,
        say: [
            "swap the red and the green block on their plates",
            "put the red block on the purple plate and the green block on the yellow plate",
            "exchange the blocks on the plates: red onto purple, green onto yellow",
            "the red and the green block lie on the wrong plates: swap them",
        ],
        facts: &["on(red_block,purple_plate)", "on(green_block,yellow_plate)"],
        events: &[],
    },
    LongTask {
        name: "tower_of_three",
        start: USUAL,
        say: [
            "build a tower: red at the bottom, green on it, blue on top",
            "stack the green block on the red block and the blue block on the green one",
            "pile up the blocks, from the bottom: red, green, blue",
            "make a tower of three with red below, green in the middle and blue above",
        ],
        facts: &["on(green_block,red_block)", "on(blue_block,green_block)"],
        events: &[],
    },
    LongTask {
        name: "sort_and_press",
        start: USUAL,
        say: [
            "put the red block on the yellow plate and the green block on the purple plate, then press the pink button",
            "sort the blocks, red onto yellow and green onto purple, and confirm with the pink button",
            "red block to the yellow plate, green block to the purple plate, and after that push the pink button",
            "first red onto the yellow plate and green onto the purple plate, then hit the pink button",
        ],
        facts: &["on(red_block,yellow_plate)", "on(green_block,purple_plate)", "pressed(pink_button)"],
        events: &[("pressed(pink_button)", &["on(red_block,yellow_plate)", "on(green_block,purple_plate)"])],
    },
    LongTask {
        name: "press_stack_press",
        start: USUAL,
        say: [
            "press the pink button, stack the red block on the green block, then press the cyan button",
            "start with the pink button; then red onto green; finish with the cyan button",
            "push the pink button, put the red block on top of the green one, and push the cyan button",
            "pink button, then the red block onto the green block, then cyan button, in this order",
        ],
        facts: &["on(red_block,green_block)", "pressed(pink_button)", "pressed(cyan_button)"],
        events: &[("pressed(pink_button)", &[]), ("pressed(cyan_button)", &["on(red_block,green_block)"])],
    },
    LongTask {
        name: "tower_on_plate",
        start: USUAL,
        say: [
            "put the red block on the yellow plate, the green block on top of it, and the blue block on the purple plate",
            "on the yellow plate build green on red; the blue block goes on the purple plate",
            "serve the red block on the yellow plate with green on top, and blue on the purple plate",
            "the yellow plate gets red with green on it, the purple plate gets blue",
        ],
        facts: &["on(red_block,yellow_plate)", "on(green_block,red_block)", "on(blue_block,purple_plate)"],
        events: &[],
    },
    LongTask {
        name: "clear_the_table",
        start: USUAL,
        say: [
            "put all the blocks in the top drawer, close it and press the pink button",
            "clear the table into the top drawer, shut it, then push the pink button",
            "everything goes into the top drawer; when it is closed press the pink button",
            "store every block in the top drawer, push it shut, and hit the pink button",
        ],
        facts: &[
            "in(red_block,top_drawer)",
            "in(green_block,top_drawer)",
            "in(blue_block,top_drawer)",
            "closed(top_drawer)",
            "pressed(pink_button)",
        ],
        events: &[(
            "pressed(pink_button)",
            &[
                "in(red_block,top_drawer)",
                "in(green_block,top_drawer)",
                "in(blue_block,top_drawer)",
                "closed(top_drawer)",
            ],
        )],
    },
];

impl LongTask {
    /// The workbench at the start of the task.
    pub fn scene_file(&self) -> SceneFile {
        let mut file: SceneFile = serde_yaml::from_str(include_str!("../../../../sim/scenes/workbench.yaml")).unwrap();
        let (gone, come) = self.start;
        file.facts.retain(|fact| !gone.contains(&fact.as_str()));
        file.facts.extend(come.iter().map(ToString::to_string));
        file
    }

    pub fn scene(&self) -> Scene {
        self.scene_file().try_into().unwrap()
    }
}
