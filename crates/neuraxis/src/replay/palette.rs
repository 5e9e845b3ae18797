//! Pictures for pages: 256 colours, chosen by median cut (Heckbert 1982).

use std::{collections::BTreeMap, fs::File, io::BufWriter, path::Path};

use anyhow::{Context, Result};

/// Most colours of a PNG with a palette.
const COLOURS: usize = 256;
/// Colours are counted with so many bits a channel.
const BITS: u32 = 6;

/// Colours that fall together, with how often each is there.
struct Cell(Vec<([u8; 3], u64)>);

impl Cell {
    /// The channel in which it is widest, and how wide.
    fn widest(&self) -> (usize, u8) {
        let width = |c: usize| {
            let (low, high) = self.0.iter().fold((u8::MAX, 0), |(low, high), (k, _)| (low.min(k[c]), high.max(k[c])));
            high.saturating_sub(low)
        };
        (0..3).map(|c| (c, width(c))).max_by_key(|(_, width)| *width).unwrap_or((0, 0))
    }

    fn pixels(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Cuts it where half of its pixels are on either side; none is empty.
    fn cut(mut self) -> (Self, Self) {
        let (channel, _) = self.widest();
        self.0.sort_by_key(|(key, _)| key[channel]);
        let (half, mut before, mut at) = (self.pixels() / 2, 0, 1);
        for (index, (_, count)) in self.0.iter().enumerate() {
            before += count;
            if before >= half {
                at = index + 1;
                break;
            }
        }
        let rest = self.0.split_off(at.clamp(1, self.0.len() - 1));
        (self, Self(rest))
    }

    fn mean(&self) -> [u8; 3] {
        let all = self.pixels().max(1);
        let mean = |c: usize| self.0.iter().map(|(key, count)| u64::from(key[c]) * count).sum::<u64>() / all;
        // Back to eight bits; the largest stays the largest.
        [0, 1, 2].map(|c| (mean(c) * 255 / ((1 << BITS) - 1)) as u8)
    }
}

/// Palette and the index of each pixel of (height, width, 3) colours.
pub fn reduce(rgb: &[u8]) -> (Vec<[u8; 3]>, Vec<u8>) {
    let key = |pixel: &[u8; 3]| pixel.map(|value| value >> (8 - BITS));
    let pixels = rgb.as_chunks::<3>().0;
    let mut counts = BTreeMap::<[u8; 3], u64>::new();
    for pixel in pixels {
        *counts.entry(key(pixel)).or_default() += 1;
    }
    let mut cells = vec![Cell(counts.into_iter().collect())];
    while cells.len() < COLOURS {
        // The one with the most to gain: wide, and seen often.
        let gain = |cell: &Cell| u64::from(cell.widest().1).pow(2) * cell.pixels();
        let Some((index, most)) = cells.iter().map(gain).enumerate().max_by_key(|(_, gain)| *gain) else { break };
        if most == 0 {
            break;
        }
        let (a, b) = cells.swap_remove(index).cut();
        cells.extend([a, b]);
    }
    let places: BTreeMap<[u8; 3], u8> =
        (0..).zip(&cells).flat_map(|(index, cell)| cell.0.iter().map(move |(key, _)| (*key, index as u8))).collect();
    let indices = pixels.iter().map(|pixel| places.get(&key(pixel)).copied().unwrap_or(0)).collect();
    (cells.iter().map(Cell::mean).collect(), indices)
}

/// Writes a picture of so many pixels a row as a PNG with a palette.
pub fn write(file: &Path, width: usize, rgb: &[u8]) -> Result<()> {
    let named = || file.display().to_string();
    let (palette, indices) = reduce(rgb);
    let out = BufWriter::new(File::create(file).with_context(named)?);
    let mut encoder = png::Encoder::new(out, width as u32, (indices.len() / width.max(1)) as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().with_context(named)?;
    writer.write_image_data(&indices).with_context(named)?;
    // Dropped, it would not say that the disk is full.
    writer.finish().with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_and_many_become_256_near_ones() {
        let few = [[0u8, 0, 0], [255, 255, 255], [255, 0, 0]];
        let rgb: Vec<u8> = (0..300).flat_map(|i| few[i % 3]).collect();
        let (palette, indices) = reduce(&rgb);
        assert_eq!(palette.len(), 3);
        for (i, index) in indices.iter().enumerate() {
            assert_eq!(palette[usize::from(*index)], few[i % 3]);
        }
        // A gradient over two channels: 4096 colours.
        let rgb: Vec<u8> = (0..64u8).flat_map(|x| (0..64u8).flat_map(move |y| [4 * x, 4 * y, 128])).collect();
        let (palette, indices) = reduce(&rgb);
        assert_eq!(palette.len(), COLOURS);
        let error = |(pixel, index): (&[u8; 3], &u8)| {
            let shown = palette[usize::from(*index)];
            (0..3).map(|c| pixel[c].abs_diff(shown[c])).max().unwrap()
        };
        let worst = rgb.as_chunks::<3>().0.iter().zip(&indices).map(error).max();
        assert!(worst <= Some(20), "{worst:?}");
    }
}
