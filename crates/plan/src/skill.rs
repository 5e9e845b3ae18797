//! What the arm can do: skills and their arguments.

use serde::{Deserialize, Serialize};

use crate::{
    object::Class,
    scene::{ObjectId, Scene},
};

/// A skill.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skill {
    /// Move the empty hand above something.
    Reach,
    /// Take a block from where it is.
    Grasp,
    /// Put the held block somewhere and let go.
    Place,
    /// Press a button, or push a drawer shut.
    Push,
    /// Pull a drawer open.
    Pull,
    /// Look for a block where it is said to be.
    Look,
    /// Keep still.
    Hold,
    /// Let the learned Cortical Policy follow a sentence, until the postcondition is observed.
    Policy,
}

/// An argument that names a thing.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ObjectArgument {
    /// Its key.
    pub key: &'static str,
    /// What fits.
    pub classes: &'static [Class],
}

/// An argument that is a number.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct NumberArgument {
    /// Its key.
    pub key: &'static str,
    /// Its unit; `1` for a fraction.
    pub unit: &'static str,
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// Value if it is left out; `None`: it must be given.
    pub default: Option<f64>,
}

const SPEED: NumberArgument = NumberArgument { key: "speed", unit: "1", low: 0.05, high: 1.0, default: Some(1.0) };
const FORCE: NumberArgument = NumberArgument { key: "force_n", unit: "N", low: 1.0, high: 60.0, default: Some(35.0) };
const HEIGHT: NumberArgument = NumberArgument { key: "height_m", unit: "m", low: 0.02, high: 0.4, default: Some(0.1) };
const SECS: NumberArgument = NumberArgument { key: "secs", unit: "s", low: 0.1, high: 60.0, default: None };

impl Skill {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Reach, Self::Grasp, Self::Place, Self::Push, Self::Pull, Self::Look, Self::Hold, Self::Policy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reach => "reach",
            Self::Grasp => "grasp",
            Self::Place => "place",
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Look => "look",
            Self::Hold => "hold",
            Self::Policy => "policy",
        }
    }

    /// Arguments that name things, all required, the thing acted on first.
    pub fn objects(self) -> &'static [ObjectArgument] {
        use Class::{Block, Button, Drawer, Plate, Table};
        const PLACES: &[Class] = &[Block, Plate, Table, Drawer];
        const fn object(key: &'static str, classes: &'static [Class]) -> ObjectArgument {
            ObjectArgument { key, classes }
        }
        match self {
            Self::Reach => const { &[object("obj", &[Block, Plate, Button, Drawer])] },
            Self::Grasp => const { &[object("obj", &[Block]), object("from", PLACES)] },
            Self::Place => const { &[object("obj", &[Block]), object("to", PLACES)] },
            Self::Push => const { &[object("obj", &[Button, Drawer])] },
            Self::Pull => const { &[object("obj", &[Drawer])] },
            Self::Look => const { &[object("obj", &[Block]), object("at", PLACES)] },
            Self::Hold | Self::Policy => &[],
        }
    }

    /// Arguments that are numbers.
    pub fn numbers(self) -> &'static [NumberArgument] {
        match self {
            Self::Reach => const { &[SPEED, HEIGHT] },
            Self::Grasp => const { &[SPEED, FORCE] },
            Self::Place | Self::Push | Self::Pull | Self::Policy => const { &[SPEED] },
            Self::Hold => const { &[SECS] },
            Self::Look => &[],
        }
    }

    /// True if the arm moves.
    pub fn moves(self) -> bool {
        !matches!(self, Self::Look | Self::Hold)
    }

    /// True if the arm is meant to touch something.
    pub fn touches(self) -> bool {
        matches!(self, Self::Grasp | Self::Place | Self::Push | Self::Pull | Self::Policy)
    }
}

/// A skill with all its arguments: one thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What to do.
    pub skill: Skill,
    /// With what.
    pub object: Option<ObjectId>,
    /// From, to or at which place.
    pub place: Option<ObjectId>,
    /// Numbers, in the order of [`Skill::numbers`], each in its range.
    pub numbers: [f64; 2],
    /// For [`Skill::Policy`]: the sentence to follow.
    pub instruction: Option<String>,
}

impl Step {
    /// With the usual numbers; `hold` needs its time.
    pub fn new(skill: Skill, object: Option<ObjectId>, place: Option<ObjectId>) -> Self {
        let mut numbers = [0.0; 2];
        for (slot, argument) in numbers.iter_mut().zip(skill.numbers()) {
            *slot = argument.default.unwrap_or(argument.low);
        }
        Self { skill, object, place, numbers, instruction: None }
    }

    /// A number by its key, in the unit of its [`NumberArgument`].
    pub fn number(&self, key: &str) -> Option<f64> {
        let at = self.skill.numbers().iter().position(|argument| argument.key == key)?;
        self.numbers.get(at).copied()
    }

    /// As a person reads it: `place red_block to top_drawer`.
    pub fn describe(&self, scene: &Scene) -> String {
        let mut text = self.skill.name().to_string();
        for (argument, id) in self.skill.objects().iter().zip([self.object, self.place]) {
            let name = id.map_or("?", |id| scene.object_name(id));
            text += &if argument.key == "obj" { format!(" {name}") } else { format!(" {} {name}", argument.key) };
        }
        for (argument, value) in self.skill.numbers().iter().zip(self.numbers) {
            if argument.default != Some(value) {
                text += &format!(" {}={value}", argument.key);
            }
        }
        if let Some(instruction) = &self.instruction {
            text += &format!(" {instruction:?}");
        }
        text
    }
}
