//! Pictures inside of messages and tables: PNG and JPEG to pixels, pixels to PNG.

use std::io::Cursor;

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

/// A PNG or JPEG, told by its first bytes.
///
/// # Errors
/// In words.
pub fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, ..] => jpeg(bytes),
        _ => Err("neither PNG nor JPEG".into()),
    }
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
    use super::*;

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
}
