//! The ten long-horizon tasks.

use rand_pcg::Pcg64;

use super::{
    super::choose,
    bench::{BLOCKS, BUTTONS, PLATES},
    facts::Fact,
};

/// Which of the scene's things play which part.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    pub(super) blocks: [usize; BLOCKS],
    pub(super) plates: [usize; PLATES],
    pub(super) buttons: [usize; BUTTONS],
    pub(super) drawers: [usize; 2],
}

impl Roles {
    pub(super) fn draw(rng: &mut Pcg64) -> Self {
        let mut shuffled = |count: usize| choose(rng, count, count);
        let (blocks, plates) = (shuffled(BLOCKS), shuffled(PLATES));
        let (buttons, drawers) = (shuffled(BUTTONS), shuffled(3));
        Self {
            blocks: std::array::from_fn(|i| blocks[i]),
            plates: std::array::from_fn(|i| plates[i]),
            buttons: std::array::from_fn(|i| buttons[i]),
            drawers: [drawers[0], drawers[1]],
        }
    }

    fn with_other_blocks(&self) -> Self {
        let [a, b, c] = self.blocks;
        Self { blocks: [b, c, a], ..self.clone() }
    }

    fn with_other_plates(&self) -> Self {
        let [p, q] = self.plates;
        Self { plates: [q, p], ..self.clone() }
    }

    fn with_other_drawer(&self) -> Self {
        let [d, e] = self.drawers;
        Self { drawers: [e, d], ..self.clone() }
    }

    /// The third drawer in place of the second.
    fn with_other_target(&self) -> Self {
        let [d, e] = self.drawers;
        Self { drawers: [d, 3 - d - e], ..self.clone() }
    }
}

/// What the parts are called.
pub(super) struct Words {
    pub(super) block: [&'static str; BLOCKS],
    pub(super) plate: [&'static str; PLATES],
    pub(super) button: [&'static str; BUTTONS],
    pub(super) drawer: [&'static str; 2],
}

/// What is not as usual at the start.
pub(super) enum Start {
    OnPlate { block: usize, plate: usize },
    Inside { block: usize, drawer: usize },
}

/// One task.
pub(in super::super) struct Entry {
    pub(in super::super) name: &'static str,
    pub(in super::super) summary: &'static str,
    pub(in super::super) success: &'static str,
    pub(super) start: fn(&Roles) -> Vec<Start>,
    /// Another goal that is valid in the same scene.
    pub(super) other: fn(&Roles) -> Roles,
    /// In the order in which the expert cares for them.
    pub(super) facts: fn(&Roles) -> Vec<Fact>,
    pub(super) say: fn(&Words) -> [String; 4],
}

fn as_usual(_: &Roles) -> Vec<Start> {
    Vec::new()
}

pub(in super::super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "stow_block",
        summary: "open a drawer, put a block into it, close it",
        success: "the named block is inside the named drawer, which is closed",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| vec![Fact::Inside { block: r.blocks[0], drawer: r.drawers[0] }, Fact::Closed(r.drawers[0])],
        say: |w| {
            let ([a, ..], [d, _]) = (w.block, w.drawer);
            [
                format!("put the {a} block in the {d} drawer and close it"),
                format!("stow the {a} block away in the {d} drawer, then shut the drawer"),
                format!("the {a} block belongs in the {d} drawer; leave the drawer closed"),
                format!("open the {d} drawer, drop the {a} block in, and push the drawer shut"),
            ]
        },
    },
    Entry {
        name: "stow_two_blocks",
        summary: "open a drawer, put two blocks into it, close it",
        success: "both named blocks are inside the named drawer, which is closed",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| {
            let drawer = r.drawers[0];
            let inside = |block| Fact::Inside { block, drawer };
            vec![inside(r.blocks[0]), inside(r.blocks[1]), Fact::Closed(drawer)]
        },
        say: |w| {
            let ([a, b, _], [d, _]) = (w.block, w.drawer);
            [
                format!("put the {a} block and the {b} block in the {d} drawer and close it"),
                format!("both the {a} and the {b} block go into the {d} drawer; shut it afterwards"),
                format!("tidy the {a} and {b} blocks into the {d} drawer and close it"),
                format!("open the {d} drawer, put {a} and {b} inside, and push it shut"),
            ]
        },
    },
    Entry {
        name: "fetch_block",
        summary: "open a drawer, take the block out of it onto a plate, close the drawer",
        success: "the named block lies on the named plate and the drawer is closed",
        start: |r| vec![Start::Inside { block: r.blocks[0], drawer: r.drawers[0] }],
        other: Roles::with_other_plates,
        facts: |r| vec![Fact::On { block: r.blocks[0], plate: r.plates[0] }, Fact::Closed(r.drawers[0])],
        say: |w| {
            let ([a, ..], [p, _], [d, _]) = (w.block, w.plate, w.drawer);
            [
                format!("take the {a} block out of the {d} drawer, put it on the {p} plate and close the drawer"),
                format!("fetch the {a} block from the {d} drawer onto the {p} plate, then shut the drawer"),
                format!("the {a} block is in the {d} drawer: move it to the {p} plate and leave the drawer closed"),
                format!("open the {d} drawer, get the {a} block, leave it on the {p} plate, and push the drawer shut"),
            ]
        },
    },
    Entry {
        name: "move_between_drawers",
        summary: "take a block out of one drawer, close that, and put the block into another, which is closed too",
        success: "the named block is inside the second drawer and both drawers are closed",
        start: |r| vec![Start::Inside { block: r.blocks[0], drawer: r.drawers[0] }],
        other: Roles::with_other_target,
        facts: |r| {
            let [from, to] = r.drawers;
            vec![Fact::Inside { block: r.blocks[0], drawer: to }, Fact::Closed(from), Fact::Closed(to)]
        },
        say: |w| {
            let ([a, ..], [d, e]) = (w.block, w.drawer);
            [
                format!("move the {a} block from the {d} drawer to the {e} drawer and close both"),
                format!("the {a} block is in the {d} drawer but belongs in the {e} one; leave both shut"),
                format!("take the {a} block out of the {d} drawer, put it in the {e} drawer, close everything"),
                format!("transfer the {a} block: out of the {d} drawer, into the {e} drawer, both closed in the end"),
            ]
        },
    },
    Entry {
        name: "swap_blocks",
        summary: "swap the blocks that lie on two plates",
        success: "each of the two named blocks lies on the other's plate",
        start: |r| {
            let on = |i: usize| Start::OnPlate { block: r.blocks[i], plate: r.plates[i] };
            vec![on(0), on(1)]
        },
        other: Roles::with_other_blocks,
        facts: |r| {
            let on = |i: usize| Fact::On { block: r.blocks[i], plate: r.plates[1 - i] };
            vec![on(0), on(1)]
        },
        say: |w| {
            let ([a, b, _], [p, q]) = (w.block, w.plate);
            [
                format!("swap the {a} and the {b} block on their plates"),
                format!("put the {a} block on the {q} plate and the {b} block on the {p} plate"),
                format!("exchange the blocks on the plates: {a} onto {q}, {b} onto {p}"),
                format!("the {a} and the {b} block lie on the wrong plates: swap them"),
            ]
        },
    },
    Entry {
        name: "tower_of_three",
        summary: "stack three blocks in the order named",
        success: "the three blocks stand on each other in the order named",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| {
            let [bottom, middle, top] = r.blocks;
            vec![Fact::Stacked { block: middle, on: bottom }, Fact::Stacked { block: top, on: middle }]
        },
        say: |w| {
            let [a, b, c] = w.block;
            [
                format!("build a tower: {a} at the bottom, {b} on it, {c} on top"),
                format!("stack the {b} block on the {a} block and the {c} block on the {b} one"),
                format!("pile up the blocks, from the bottom: {a}, {b}, {c}"),
                format!("make a tower of three with {a} below, {b} in the middle and {c} above"),
            ]
        },
    },
    Entry {
        name: "sort_and_press",
        summary: "put two blocks on their plates, then press a button",
        success: "both blocks lie on their plates, and the button was pressed after that",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| {
            let on = |i: usize| Fact::On { block: r.blocks[i], plate: r.plates[i] };
            vec![on(0), on(1), Fact::Pressed(r.buttons[0])]
        },
        say: |w| {
            let ([a, b, _], [p, q], [k, _]) = (w.block, w.plate, w.button);
            [
                format!(
                    "put the {a} block on the {p} plate and the {b} block on the {q} plate, then press the {k} button"
                ),
                format!("sort the blocks, {a} onto {p} and {b} onto {q}, and confirm with the {k} button"),
                format!("{a} block to the {p} plate, {b} block to the {q} plate, and after that push the {k} button"),
                format!("first {a} onto the {p} plate and {b} onto the {q} plate, then hit the {k} button"),
            ]
        },
    },
    Entry {
        name: "press_stack_press",
        summary: "press one button, stack two blocks, press the other button",
        success: "the buttons were pressed before and after the first block stood on the second",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| {
            let stacked = Fact::Stacked { block: r.blocks[0], on: r.blocks[1] };
            vec![Fact::Pressed(r.buttons[0]), stacked, Fact::Pressed(r.buttons[1])]
        },
        say: |w| {
            let ([a, b, _], [k, l]) = (w.block, w.button);
            [
                format!("press the {k} button, stack the {a} block on the {b} block, then press the {l} button"),
                format!("start with the {k} button; then {a} onto {b}; finish with the {l} button"),
                format!("push the {k} button, put the {a} block on top of the {b} one, and push the {l} button"),
                format!("{k} button, then the {a} block onto the {b} block, then {l} button, in this order"),
            ]
        },
    },
    Entry {
        name: "tower_on_plate",
        summary: "put a block on a plate and a second one on it, and a third on the other plate",
        success: "the first block lies on its plate with the second on it, the third on the other plate",
        start: as_usual,
        other: Roles::with_other_blocks,
        facts: |r| {
            let ([a, b, c], [p, q]) = (r.blocks, r.plates);
            vec![Fact::On { block: a, plate: p }, Fact::Stacked { block: b, on: a }, Fact::On { block: c, plate: q }]
        },
        say: |w| {
            let ([a, b, c], [p, q]) = (w.block, w.plate);
            [
                format!(
                    "put the {a} block on the {p} plate, the {b} block on top of it, and the {c} block on the {q} plate"
                ),
                format!("on the {p} plate build {b} on {a}; the {c} block goes on the {q} plate"),
                format!("serve the {a} block on the {p} plate with {b} on top, and {c} on the {q} plate"),
                format!("the {p} plate gets {a} with {b} on it, the {q} plate gets {c}"),
            ]
        },
    },
    Entry {
        name: "clear_the_table",
        summary: "open a drawer, put all three blocks into it, close it, press a button",
        success: "all blocks are inside the named drawer, which is closed, and the button was pressed after that",
        start: as_usual,
        other: Roles::with_other_drawer,
        facts: |r| {
            let drawer = r.drawers[0];
            let inside = r.blocks.map(|block| Fact::Inside { block, drawer });
            inside.into_iter().chain([Fact::Closed(drawer), Fact::Pressed(r.buttons[0])]).collect()
        },
        say: |w| {
            let ([d, _], [k, _]) = (w.drawer, w.button);
            [
                format!("put all the blocks in the {d} drawer, close it and press the {k} button"),
                format!("clear the table into the {d} drawer, shut it, then push the {k} button"),
                format!("everything goes into the {d} drawer; when it is closed press the {k} button"),
                format!("store every block in the {d} drawer, push it shut, and hit the {k} button"),
            ]
        },
    },
];
