//! A thing as one look shows it.

use std::fmt;

use crate::{Colour, Fronts, OrientedBox};

/// A thing that was segmented from a cloud.
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    /// Box around it; it reaches down to what the thing stands on, if that is clear.
    pub bounds: OrientedBox,
    /// Name of its colour; `None` if it has several, or one between names.
    pub colour: Option<Colour>,
    /// Name of its shape.
    pub shape: Shape,
    /// Points that it was found by.
    pub points: usize,
    /// Part of its upper side that is seen [0, 1]: low where a hand or another thing hides it.
    pub top_seen: f64,
    /// Place in a stack or row of equal cubes that was taken apart by its size; alone, it is of one.
    pub part_of: usize,
    /// How far what has a front is open, height by height; of cabinets only.
    pub fronts: Option<Fronts>,
}

/// What a thing looks like, in few words; what the words do not fit stays unknown.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// About as high as wide and long.
    Cube,
    /// With straight sides of different lengths.
    Brick,
    /// A round cap on a wider, pale foot.
    Button,
    /// Painted on the table, or very flat.
    Plate,
    /// Round, hollow, wider at the top.
    Cup,
    /// Round, hollow, as wide at the bottom.
    Jar,
    /// Round and not hollow.
    Cylinder,
    /// Long and thin, lying.
    Stick,
    /// High and thin, standing.
    Peg,
    /// Furniture: higher than a hand.
    Cabinet,
    /// Nothing of these.
    Unknown,
}

impl Shape {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cube => "cube",
            Self::Brick => "brick",
            Self::Button => "button",
            Self::Plate => "plate",
            Self::Cup => "cup",
            Self::Jar => "jar",
            Self::Cylinder => "cylinder",
            Self::Stick => "stick",
            Self::Peg => "peg",
            Self::Cabinet => "cabinet",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, [long, short]) = (self.bounds.centre_in_world, self.bounds.sides_m());
        let colour = self.colour.map_or("-", Colour::name);
        let shape = self.shape;
        let (high, yaw, points) = (self.bounds.height_m(), self.bounds.yaw_rad, self.points);
        write!(
            f,
            "{colour} {shape} at ({:.3}, {:.3}, {:.3}) m, {long:.3} x {short:.3} x {high:.3} m, yaw {yaw:.2} rad, {points} points",
            at.x, at.y, at.z
        )
    }
}
