//! JPEG and PNG.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::Picture;

/// Pixels in a row or column at most.
const MOST: usize = 4096;
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The picture, or why there is none. A decoder that panics over hostile data is no more than a picture less.
pub(super) fn decode(data: &[u8]) -> Result<Picture, String> {
    let decode = match data {
        data if data.starts_with(JPEG) => jpeg,
        data if data.starts_with(PNG) => png,
        _ => return Err("neither JPEG nor PNG".into()),
    };
    catch_unwind(AssertUnwindSafe(|| decode(data))).unwrap_or_else(|_| Err("the decoder panicked".into()))
}

fn jpeg(data: &[u8]) -> Result<Picture, String> {
    let options = DecoderOptions::default().set_max_width(MOST).set_max_height(MOST);
    let options = options.jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    let rgb = decoder.decode().map_err(|error| format!("JPEG: {error}"))?;
    let info = decoder.info().ok_or("JPEG without a header")?;
    picture(info.width.into(), info.height.into(), rgb)
}

fn png(data: &[u8]) -> Result<Picture, String> {
    let failed = |error: png::DecodingError| format!("PNG: {error}");
    let mut decoder = png::Decoder::new(Cursor::new(data));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = reader.info().size();
    if width as usize > MOST || height as usize > MOST {
        return Err(format!("PNG: {width} x {height} pixels, allowed are {MOST} x {MOST}"));
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("PNG: too large")?];
    let info = reader.next_frame(&mut pixels).map_err(failed)?;
    pixels.truncate(info.buffer_size());
    let rgb = match info.color_type {
        png::ColorType::Rgb => pixels,
        png::ColorType::Rgba => pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
        png::ColorType::Grayscale => pixels.iter().flat_map(|p| [*p; 3]).collect(),
        png::ColorType::GrayscaleAlpha => pixels.chunks_exact(2).flat_map(|p| [p[0]; 3]).collect(),
        other => return Err(format!("PNG: colours are {other:?}")),
    };
    picture(width, height, rgb)
}

fn picture(width: u32, height: u32, rgb: Vec<u8>) -> Result<Picture, String> {
    if rgb.len() != 3 * width as usize * height as usize {
        return Err(format!("{} bytes are not {width} x {height} pixels", rgb.len()));
    }
    Ok(Picture { width, height, rgb })
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
    fn a_png_comes_back_with_or_without_alpha_and_in_grey() {
        let rgb = [1, 2, 3, 4, 5, 6];
        let wanted = Picture { width: 2, height: 1, rgb: rgb.to_vec() };
        assert_eq!(decode(&png_of(png::ColorType::Rgb, 2, 1, &rgb)), Ok(wanted.clone()));
        assert_eq!(decode(&png_of(png::ColorType::Rgba, 2, 1, &[1, 2, 3, 255, 4, 5, 6, 0])), Ok(wanted));
        assert_eq!(decode(&png_of(png::ColorType::Grayscale, 1, 1, &[7])).unwrap().rgb, [7, 7, 7]);
    }

    #[test]
    fn a_jpeg_comes_back_nearly() {
        let picture = decode(&jpeg_of([200.0, 40.0, 90.0])).unwrap();
        assert_eq!((picture.width, picture.height), (16, 8));
        for pixel in picture.rgb.chunks(3) {
            assert!(pixel.iter().zip([200, 40, 90]).all(|(a, b)| a.abs_diff(b) < 6), "{pixel:?}");
        }
    }

    #[test]
    fn what_is_broken_is_refused_and_nothing_panics() {
        assert_eq!(decode(b"GIF89a"), Err("neither JPEG nor PNG".into()));
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
                Ok(picture) => assert_eq!(picture.rgb.len(), 3 * (picture.width * picture.height) as usize),
                Err(reason) => {
                    assert!(!reason.is_empty());
                    refused += 1;
                }
            }
        }
        assert!(refused > 500, "{refused}");
    }
}
