//! Pictures inside of messages and tables: PNG and JPEG to pixels, pixels to PNG. What is broken or too large is refused in
//! words, whoever made it: the bytes may come from the network.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Most pixels of a picture.
const MOST_PIXELS: u64 = 4096 * 4096;
/// Most pixels along an edge of a JPEG.
const MOST_EDGE: usize = 1 << 15;
/// What the decoder of PNG may take beside its output [bytes].
const MOST_BYTES: usize = 256 << 20;

/// Pixels, row-major, top row first.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Three bytes a pixel.
    Rgb(Vec<u8>),
    /// Whole millimetres, as depth is kept in grey pictures of 16 bits.
    Millimetres(Vec<u16>),
    /// Metres.
    Metres(Vec<f32>),
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Width and height [px].
    pub size: [u32; 2],
    /// Its pixels.
    pub pixels: Pixels,
}

/// A PNG or JPEG, told by its first bytes; at most 4096 x 4096 pixels in all. A decoder that panics over hostile data is no
/// more than a picture less.
///
/// # Errors
/// In words.
pub fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let decode = match bytes {
        [0x89, b'P', b'N', b'G', ..] => png,
        [0xff, 0xd8, ..] => jpeg,
        _ => return Err("neither PNG nor JPEG".into()),
    };
    catch_unwind(AssertUnwindSafe(|| decode(bytes))).unwrap_or_else(|_| Err("the decoder panicked".into()))
}

fn check(width: u64, height: u64) -> Result<(), String> {
    match width * height {
        0 => Err(format!("{width} x {height} pixels")),
        pixels if pixels > MOST_PIXELS => Err(format!("{width} x {height} pixels, allowed: {MOST_PIXELS} in all")),
        _ => Ok(()),
    }
}

fn png(bytes: &[u8]) -> Result<Decoded, String> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: MOST_BYTES });
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|e| format!("PNG: {e}"))?;
    let (width, height) = (reader.info().width, reader.info().height);
    check(width.into(), height.into())?;
    let (colour, depth) = reader.output_color_type();
    let size = reader.output_buffer_size().ok_or("PNG: too large")?;
    let mut raw = vec![0; size];
    reader.next_frame(&mut raw).map_err(|e| format!("PNG: {e}"))?;
    use png::{BitDepth::*, ColorType::*};
    let pixels = match (colour, depth) {
        (Rgb, Eight) => Pixels::Rgb(raw),
        (Rgba, Eight) => Pixels::Rgb(raw.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()),
        (Grayscale, Eight) => Pixels::Rgb(raw.iter().flat_map(|grey| [*grey; 3]).collect()),
        (GrayscaleAlpha, Eight) => {
            Pixels::Rgb(raw.as_chunks::<2>().0.iter().flat_map(|[grey, _]| [*grey; 3]).collect())
        }
        (Grayscale, Sixteen) => {
            Pixels::Millimetres(raw.as_chunks().0.iter().map(|bytes| u16::from_be_bytes(*bytes)).collect())
        }
        _ => return Err(format!("PNG: {colour:?} of {depth:?} bits, wanted: 8-bit colours or grey, or 16-bit grey")),
    };
    Ok(Decoded { size: [width, height], pixels })
}

fn jpeg(bytes: &[u8]) -> Result<Decoded, String> {
    let options = DecoderOptions::default()
        .set_max_width(MOST_EDGE)
        .set_max_height(MOST_EDGE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| format!("JPEG: {e}"))?;
    let (width, height) = decoder.dimensions().ok_or("JPEG: without a size")?;
    check(width as u64, height as u64)?;
    let rgb = decoder.decode().map_err(|e| format!("JPEG: {e}"))?;
    if rgb.len() != 3 * width * height {
        return Err(format!("JPEG: {} bytes for {width} x {height} pixels", rgb.len()));
    }
    Ok(Decoded { size: [width as u32, height as u32], pixels: Pixels::Rgb(rgb) })
}

/// A PNG of 8-bit colours.
///
/// # Errors
/// In words: bytes that are not those of such a picture.
pub fn encode(size: [u32; 2], rgb: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, size[0], size[1]);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer.write_image_data(rgb).and_then(|()| writer.finish()).map_err(|e| e.to_string())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    /// A baseline JPEG of 16 x 8 pixels that all have one colour: two blocks of 8 x 8 without any waves.
    fn jpeg_of(rgb: [f64; 3]) -> Vec<u8> {
        let [r, g, b] = rgb;
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let (cb, cr) = (128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402);
        let mut bits = Vec::new();
        for block in 0..2 {
            for value in [y, cb, cr] {
                // The mean of a block, less that of the one before; quantized by 8, which takes the transform's 8 away.
                let mean = if block == 0 { (value - 128.0).round() as i32 } else { 0 };
                let size = 32 - mean.unsigned_abs().leading_zeros();
                let number = if mean < 0 { mean + (1 << size) - 1 } else { mean };
                bits.extend((0..4).rev().map(|i| size >> i & 1 == 1));
                bits.extend((0..size).rev().map(|i| number >> i & 1 == 1));
                bits.push(false);
            }
        }
        bits.resize(bits.len().div_ceil(8) * 8, true);
        let mut file = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
        file.extend([8; 64]);
        file.extend([0xff, 0xc0, 0, 17, 8, 0, 8, 0, 16, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
        // Sizes of means are four bits each; of waves there is only their end, one bit.
        file.extend([0xff, 0xc4, 0, 31, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(0..12);
        file.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        for byte in bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))) {
            file.push(byte);
            if byte == 0xff {
                file.push(0);
            }
        }
        file.extend([0xff, 0xd9]);
        file
    }

    fn png_of(colour: png::ColorType, width: u32, height: u32, data: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        file
    }

    #[test]
    fn pixels_come_back() {
        let rgb: Vec<u8> = (0..3 * 5 * 4).map(|i| i as u8).collect();
        let found = decode(&encode([5, 4], &rgb).unwrap()).unwrap();
        assert_eq!(found, Decoded { size: [5, 4], pixels: Pixels::Rgb(rgb.clone()) });
        assert!(encode([5, 5], &rgb).is_err());
        assert_eq!(decode(b"GIF89a").unwrap_err(), "neither PNG nor JPEG");
        // A head that promises 60000 x 60000 pixels.
        let mut huge = encode([5, 4], &rgb).unwrap();
        huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        assert!(decode(&huge).is_err());
    }

    #[test]
    fn a_png_comes_back_with_or_without_alpha_and_in_grey() {
        let rgb = [1, 2, 3, 4, 5, 6];
        let wanted = Decoded { size: [2, 1], pixels: Pixels::Rgb(rgb.to_vec()) };
        assert_eq!(decode(&png_of(png::ColorType::Rgb, 2, 1, &rgb)), Ok(wanted.clone()));
        assert_eq!(decode(&png_of(png::ColorType::Rgba, 2, 1, &[1, 2, 3, 255, 4, 5, 6, 0])), Ok(wanted));
        let grey = Pixels::Rgb(vec![7, 7, 7]);
        assert_eq!(decode(&png_of(png::ColorType::Grayscale, 1, 1, &[7])).unwrap().pixels, grey);
        assert_eq!(decode(&png_of(png::ColorType::GrayscaleAlpha, 1, 1, &[7, 9])).unwrap().pixels, grey);
    }

    #[test]
    fn a_jpeg_comes_back_nearly() {
        let picture = decode(&jpeg_of([200.0, 40.0, 90.0])).unwrap();
        assert_eq!(picture.size, [16, 8]);
        let Pixels::Rgb(rgb) = picture.pixels else { panic!("no colours") };
        for pixel in rgb.chunks(3) {
            assert!(pixel.iter().zip([200, 40, 90]).all(|(a, b)| a.abs_diff(b) < 6), "{pixel:?}");
        }
    }

    #[test]
    fn what_is_broken_is_refused_and_nothing_panics() {
        let whole_jpeg = jpeg_of([200.0, 40.0, 90.0]);
        let whole_png = png_of(png::ColorType::Rgb, 8, 8, &[9; 192]);
        let mut random = Pcg64::seed_from_u64(2);
        let mut refused = 0;
        for round in 0..2_000 {
            let mut data = if round % 2 == 0 { whole_jpeg.clone() } else { whole_png.clone() };
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(8..data.len());
                data[at] = random.random();
            }
            data.truncate(random.random_range(8..=data.len()));
            match decode(&data) {
                Ok(Decoded { size: [width, height], pixels }) => {
                    let count = (width * height) as usize;
                    let is_whole = match &pixels {
                        Pixels::Rgb(rgb) => rgb.len() == 3 * count,
                        Pixels::Millimetres(values) => values.len() == count,
                        Pixels::Metres(values) => values.len() == count,
                    };
                    assert!(is_whole, "{width} x {height}");
                }
                Err(reason) => {
                    assert!(!reason.is_empty());
                    refused += 1;
                }
            }
        }
        assert!(refused > 500, "{refused}");
    }
}
