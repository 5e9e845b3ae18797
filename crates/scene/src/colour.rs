//! Names of colours: the words that instructions use, found by hue so that a shaded side keeps its name.
//!
//! Shading multiplies all three channels, so a pixel is first divided by its largest channel; what is left is compared
//! in the chromatic plane of Oklab (Ottosson 2020, "A perceptual color space for image processing"), in which equal
//! distances look about equally large.

use std::fmt;

/// A colour that has a name: the eight of the instructions, and three without hue.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Colour {
    /// Also dark red.
    Red,
    /// From grass to leaf.
    Green,
    /// Deep blue; sky blue has no name here.
    Blue,
    /// Lemon.
    Yellow,
    /// As the fruit; wood is no orange.
    Orange,
    /// Violet.
    Purple,
    /// Turquoise.
    Cyan,
    /// Also magenta.
    Pink,
    /// No hue, light.
    White,
    /// No hue, in between.
    Grey,
    /// No hue, dark.
    Black,
}

/// The named hues and how they look in full light: red, green, blue in [0, 1].
const HUES: [(Colour, [f32; 3]); 8] = [
    (Colour::Red, [0.85, 0.05, 0.05]),
    (Colour::Green, [0.05, 0.60, 0.10]),
    (Colour::Blue, [0.05, 0.15, 0.85]),
    (Colour::Yellow, [0.95, 0.90, 0.05]),
    (Colour::Orange, [1.00, 0.45, 0.00]),
    (Colour::Purple, [0.45, 0.05, 0.60]),
    (Colour::Cyan, [0.05, 0.85, 0.90]),
    (Colour::Pink, [1.00, 0.45, 0.75]),
];

/// A pixel darker than this in every channel shows no hue.
const DARK: u8 = 24;
/// Chroma below which there is no hue, in Oklab.
const NEUTRAL: f32 = 0.075;
/// A hue is named if it is nearer than this, in Oklab's chromatic plane ...
const NEAR: f32 = 0.075;
/// ... and nearer than this part of the distance to the second nearest.
const CLEARLY: f32 = 0.6;

impl Colour {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Red,
        Self::Green,
        Self::Blue,
        Self::Yellow,
        Self::Orange,
        Self::Purple,
        Self::Cyan,
        Self::Pink,
        Self::White,
        Self::Grey,
        Self::Black,
    ];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Purple => "purple",
            Self::Cyan => "cyan",
            Self::Pink => "pink",
            Self::White => "white",
            Self::Grey => "grey",
            Self::Black => "black",
        }
    }

    /// The colour of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.name() == word)
    }

    /// False for white, grey and black.
    pub fn has_hue(self) -> bool {
        !matches!(self, Self::White | Self::Grey | Self::Black)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names hues. Looking up the names of single pixels is a table of all colours with five bits a channel.
pub struct Palette {
    /// Chromatic coordinates of [`HUES`].
    hues: [(Colour, [f32; 2]); 8],
    /// Index: five bits each of red, green, blue.
    of_pixel: Vec<Option<Colour>>,
}

impl Default for Palette {
    fn default() -> Self {
        let hues = HUES.map(|(colour, rgb)| (colour, chroma(rgb)));
        let mut palette = Self { hues, of_pixel: Vec::new() };
        let level = |bits: usize| ((bits & 31) * 8 + 4) as u8;
        palette.of_pixel = (0..1 << 15).map(|i| palette.exact_hue([level(i >> 10), level(i >> 5), level(i)])).collect();
        palette
    }
}

impl Palette {
    /// Hue of one pixel; `None` if it has none, or lies between two.
    pub fn hue(&self, rgb: [u8; 3]) -> Option<Colour> {
        let [r, g, b] = rgb.map(|c| usize::from(c >> 3));
        self.of_pixel.get(r << 10 | g << 5 | b).copied().flatten()
    }

    /// Name of what shows these pixels: the hue that more than half of them have, or white, grey or black if more than
    /// half have no chroma. `None` if neither is so, and without pixels.
    pub fn name(&self, pixels: impl Iterator<Item = [u8; 3]>) -> Option<Colour> {
        let (mut votes, mut neutral, mut total) = ([0usize; 8], Vec::new(), 0usize);
        for rgb in pixels {
            total += 1;
            if let Some(vote) = self.hue(rgb).and_then(|hue| votes.get_mut(hue as usize)) {
                *vote += 1;
            } else if is_neutral(rgb) {
                neutral.push(rgb.into_iter().max().unwrap_or(0));
            }
        }
        if let Some((winner, _)) = HUES.iter().zip(votes).find(|(_, count)| 2 * count > total) {
            return Some(winner.0);
        }
        if 2 * neutral.len() <= total {
            return None;
        }
        // A light thing has dark sides, a dark thing has no light ones.
        neutral.sort_unstable();
        match neutral.get(neutral.len() * 3 / 4)? {
            0..=64 => Some(Colour::Black),
            65..=200 => Some(Colour::Grey),
            _ => Some(Colour::White),
        }
    }

    fn exact_hue(&self, rgb: [u8; 3]) -> Option<Colour> {
        if is_neutral(rgb) {
            return None;
        }
        let at = chroma(rgb.map(|c| f32::from(c) / 255.0));
        let mut best = [(f32::INFINITY, Colour::Grey); 2];
        for (colour, hue) in &self.hues {
            let distance = (at[0] - hue[0]).hypot(at[1] - hue[1]);
            if distance < best[0].0 {
                best = [(distance, *colour), best[0]];
            } else if distance < best[1].0 {
                best[1] = (distance, *colour);
            }
        }
        (best[0].0 < NEAR && best[0].0 < CLEARLY * best[1].0).then_some(best[0].1)
    }
}

/// True if a pixel is too dark or too pale to have a hue.
fn is_neutral(rgb: [u8; 3]) -> bool {
    let [a, b] = chroma(rgb.map(|c| f32::from(c) / 255.0));
    rgb.iter().all(|c| *c < DARK) || a.hypot(b) < NEUTRAL
}

/// Oklab's a and b of an sRGB colour made as bright as it can be.
fn chroma(rgb: [f32; 3]) -> [f32; 2] {
    let most = rgb.iter().copied().fold(1e-6, f32::max);
    let linear = |c: f32| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let [r, g, b] = rgb.map(|c| linear(c / most));
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s, 0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(rgb: [f32; 3], light: f32) -> [u8; 3] {
        rgb.map(|c| (255.0 * c * light) as u8)
    }

    #[test]
    fn every_named_colour_keeps_its_name_in_the_shade() {
        let palette = Palette::default();
        for (colour, rgb) in HUES {
            for light in [1.0, 0.8, 0.6, 0.45] {
                assert_eq!(palette.hue(pixel(rgb, light)), Some(colour), "{colour} at {light}");
            }
        }
    }

    #[test]
    fn furniture_has_no_hue_of_the_instructions() {
        let palette = Palette::default();
        // Table, wood, drawer fronts, steel, dark grey, sky blue: what lies about in the scenes and is never named.
        for rgb in [[0.72, 0.66, 0.58], [0.5, 0.36, 0.25], [0.82, 0.74, 0.6], [0.7, 0.71, 0.74], [0.2, 0.55, 0.75]] {
            for light in [1.0, 0.7, 0.5] {
                assert_eq!(palette.hue(pixel(rgb, light)), None, "{rgb:?} at {light}");
            }
        }
    }

    #[test]
    fn what_lies_between_two_colours_is_unknown() {
        let palette = Palette::default();
        let between = [0.97, 0.30, 0.02];
        assert_eq!(palette.hue(pixel(between, 1.0)), None, "between red and orange");
        let [red, blue] = [pixel(HUES[0].1, 1.0), pixel(HUES[2].1, 1.0)];
        assert_eq!(palette.name([red, blue, red, blue].into_iter()), None);
        assert_eq!(palette.name([red, blue, red].into_iter()), Some(Colour::Red));
        assert_eq!(palette.name(std::iter::empty()), None);
    }

    #[test]
    fn things_without_hue_are_named_by_their_light_side() {
        let palette = Palette::default();
        let name = |levels: [u8; 4]| palette.name(levels.iter().map(|l| [*l; 3]));
        assert_eq!(name([240, 238, 120, 235]), Some(Colour::White));
        assert_eq!(name([120, 118, 60, 122]), Some(Colour::Grey));
        assert_eq!(name([30, 35, 10, 32]), Some(Colour::Black));
    }

    #[test]
    fn words_are_read_back() {
        for colour in Colour::ALL {
            assert_eq!(Colour::parse(colour.name()), Some(colour));
        }
        assert_eq!(Colour::parse("mauve"), None);
    }
}
