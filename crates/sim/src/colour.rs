//! The colours that instructions name: saturated and far apart, also in a 128 x 128 image.

/// A named colour.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Colour {
    /// The word in instructions.
    pub name: &'static str,
    /// Red, green, blue in [0, 1].
    pub rgb: [f64; 3],
}

/// All of them.
pub const COLOURS: [Colour; 8] = [
    Colour { name: "red", rgb: [0.85, 0.05, 0.05] },
    Colour { name: "green", rgb: [0.05, 0.60, 0.10] },
    Colour { name: "blue", rgb: [0.05, 0.15, 0.85] },
    Colour { name: "yellow", rgb: [0.95, 0.90, 0.05] },
    Colour { name: "orange", rgb: [1.00, 0.45, 0.00] },
    Colour { name: "purple", rgb: [0.45, 0.05, 0.60] },
    Colour { name: "cyan", rgb: [0.05, 0.85, 0.90] },
    Colour { name: "pink", rgb: [1.00, 0.45, 0.75] },
];

impl Colour {
    /// As a MuJoCo attribute.
    pub fn rgba(&self) -> String {
        let [r, g, b] = self.rgb;
        format!("{r} {g} {b} 1")
    }
}
