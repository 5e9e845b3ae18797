//! What kinds of things there are, and what can be said about them.

use serde::{Deserialize, Serialize};

/// Kind of a thing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Can be taken and put somewhere; a block can stand on it.
    Block,
    /// One block has room on it.
    Plate,
    /// Can be pressed, once.
    Button,
    /// Can be pulled open and pushed shut; blocks have room in it.
    Drawer,
    /// There is always room on it.
    Table,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Block, Self::Plate, Self::Button, Self::Drawer, Self::Table];

    /// Its name, also the word for it in instructions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Plate => "plate",
            Self::Button => "button",
            Self::Drawer => "drawer",
            Self::Table => "table",
        }
    }
}

/// What can be said about things.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Predicate {
    /// `on(a,b)`: block a stands on b and is not held.
    On,
    /// `in(a,d)`: block a is inside drawer d and is not held.
    In,
    /// `holding(a)`: block a is between the fingers.
    Holding,
    /// `hand_empty`: nothing is between the fingers.
    HandEmpty,
    /// `open(d)`: the drawer is open as far as a hand needs.
    Open,
    /// `closed(d)`: it is shut. A drawer in between is neither.
    Closed,
    /// `clear(a)`: nothing stands on it.
    Clear,
    /// `pressed(k)`: the button has been pressed, for good.
    Pressed,
    /// `visible(a)`: the cameras have the block in view. A block that is put into a drawer counts as hidden until it
    /// is looked for.
    Visible,
    /// `at(a)`: the open hand is above a, and has done nothing since it came there.
    At,
}

impl Predicate {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::On,
        Self::In,
        Self::Holding,
        Self::HandEmpty,
        Self::Open,
        Self::Closed,
        Self::Clear,
        Self::Pressed,
        Self::Visible,
        Self::At,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::In => "in",
            Self::Holding => "holding",
            Self::HandEmpty => "hand_empty",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Clear => "clear",
            Self::Pressed => "pressed",
            Self::Visible => "visible",
            Self::At => "at",
        }
    }

    /// The classes that fit, argument by argument.
    pub fn arguments(self) -> &'static [&'static [Class]] {
        use Class::{Block, Button, Drawer, Plate, Table};
        match self {
            Self::On => &[&[Block], &[Block, Plate, Table]],
            Self::In => &[&[Block], &[Drawer]],
            Self::HandEmpty => &[],
            Self::Open | Self::Closed => &[&[Drawer]],
            Self::Clear => &[&[Block, Plate]],
            Self::Pressed => &[&[Button]],
            Self::Holding | Self::Visible => &[&[Block]],
            Self::At => &[&[Block, Plate, Button, Drawer]],
        }
    }
}
