//! Pictures and depths out of messages. What does not fit is refused; nothing that a message holds breaks anything.

use neuraxis_picture::{Decoded, Pixels};
use r2r::sensor_msgs::msg::{CompressedImage, Image};

use crate::{
    RosError,
    conversions::{pixels, refused},
};

/// Pixels of one picture that are taken at most.
pub(super) const MOST_PIXELS: usize = 4096 * 4096;

/// Colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// [px]
    pub width: u32,
    /// [px]
    pub height: u32,
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
}

/// Distance along the optical axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Depth {
    /// [px]
    pub width: u32,
    /// [px]
    pub height: u32,
    /// (height, width) row-major, top row first [m]; 0 or not finite: no reading.
    pub metres: Vec<f32>,
}

/// `rgb8` or `bgr8`, with or without padding. Refuses other encodings, sizes that do not agree, and more than 4096 x 4096
/// pixels.
pub fn picture_from_msg(msg: &Image) -> Result<Picture, RosError> {
    check_size(msg.width, msg.height)?;
    let mut rgb = pixels(msg, if msg.encoding == "bgr8" { "bgr8" } else { "rgb8" }, 3)?;
    if msg.encoding == "bgr8" {
        rgb.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
    }
    Ok(Picture { width: msg.width, height: msg.height, rgb })
}

/// JPEG or PNG, whatever `format` says: the data know. Refuses others, and more than 4096 x 4096 pixels.
pub fn compressed_from_msg(msg: &CompressedImage) -> Result<Picture, RosError> {
    let refuse = |reason: String| refused("sensor_msgs/CompressedImage", reason);
    let Decoded { size: [width, height], pixels } = neuraxis_picture::decode(&msg.data).map_err(refuse)?;
    match pixels {
        Pixels::Rgb(rgb) => Ok(Picture { width, height, rgb }),
        Pixels::Millimetres(_) | Pixels::Metres(_) => {
            Err(refuse("grey of 16 or 32 bits is depth, and no colours".into()))
        }
    }
}

/// `32FC1` [m] or `16UC1` [mm], in both byte orders, with or without padding. Refuses other encodings, sizes that do not
/// agree, and more than 4096 x 4096 pixels. Negative distances become 0.
pub fn depth_from_msg(msg: &Image) -> Result<Depth, RosError> {
    check_size(msg.width, msg.height)?;
    let is_little = msg.is_bigendian == 0;
    let metres = if msg.encoding == "16UC1" {
        let read = if is_little { u16::from_le_bytes } else { u16::from_be_bytes };
        let millimetres = pixels(msg, "16UC1", 2)?;
        millimetres.chunks_exact(2).map(|b| f32::from(read([b[0], b[1]])) / 1000.0).collect()
    } else {
        let read = if is_little { f32::from_le_bytes } else { f32::from_be_bytes };
        let bytes = pixels(msg, "32FC1", 4)?;
        bytes.chunks_exact(4).map(|b| read([b[0], b[1], b[2], b[3]]).max(0.0)).collect()
    };
    Ok(Depth { width: msg.width, height: msg.height, metres })
}

fn check_size(width: u32, height: u32) -> Result<(), RosError> {
    let pixels = (width as usize).saturating_mul(height as usize);
    if (1..=MOST_PIXELS).contains(&pixels) {
        return Ok(());
    }
    Err(refused("sensor_msgs/Image", format!("{width} x {height} pixels, allowed are 1 to {MOST_PIXELS}")))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn image(encoding: &str, width: u32, height: u32, step: u32, data: Vec<u8>) -> Image {
        Image { encoding: encoding.into(), width, height, step, data, ..Default::default() }
    }

    #[test]
    fn colours_come_in_both_orders_with_and_without_padding() {
        let data = vec![1, 2, 3, 4, 5, 6, 99, 7, 8, 9, 10, 11, 12, 99];
        let rgb = picture_from_msg(&image("rgb8", 2, 2, 7, data.clone())).unwrap();
        assert_eq!(rgb.rgb, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let bgr = picture_from_msg(&image("bgr8", 2, 2, 7, data)).unwrap();
        assert_eq!(bgr.rgb, [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
    }

    #[test]
    fn depths_are_metres_or_millimetres_in_both_byte_orders() {
        let millimetres = image("16UC1", 2, 1, 4, [1500_u16, 0].iter().flat_map(|d| d.to_le_bytes()).collect());
        assert_eq!(depth_from_msg(&millimetres).unwrap().metres, [1.5, 0.0]);
        let mut big = image("16UC1", 1, 1, 2, 1500_u16.to_be_bytes().to_vec());
        big.is_bigendian = 1;
        assert_eq!(depth_from_msg(&big).unwrap().metres, [1.5]);
        let numbers = [0.25_f32, f32::NAN, -1.0];
        let metres = image("32FC1", 3, 1, 12, numbers.iter().flat_map(|d| d.to_le_bytes()).collect());
        // No reading is no reading, however it is written.
        assert_eq!(depth_from_msg(&metres).unwrap().metres, [0.25, 0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let refusal = |msg: Image| picture_from_msg(&msg).unwrap_err().to_string();
        assert!(refusal(image("mono8", 1, 1, 3, vec![0; 3])).contains("encoding is \"mono8\""));
        assert!(refusal(image("rgb8", 2, 1, 3, vec![0; 6])).contains("do not agree"));
        assert!(refusal(image("rgb8", 2, 1, 6, vec![0; 5])).contains("5 bytes"));
        assert!(refusal(image("rgb8", u32::MAX, u32::MAX, u32::MAX, vec![])).contains("pixels, allowed"));
        assert!(refusal(image("rgb8", 0, 0, 0, vec![])).contains("0 x 0 pixels"));
        assert!(depth_from_msg(&image("64FC1", 1, 1, 8, vec![0; 8])).is_err());
    }

    #[test]
    fn compressed_colours_are_png_or_jpeg_and_what_is_broken_is_refused_in_words() {
        let compressed = |format: &str, data: Vec<u8>| {
            let msg = CompressedImage { format: format.into(), data, ..Default::default() };
            compressed_from_msg(&msg).map_err(|error| error.to_string())
        };
        let rgb: Vec<u8> = (0..5 * 4 * 3).collect();
        let png = neuraxis_picture::encode([5, 4], &rgb).unwrap();
        let picture = Picture { width: 5, height: 4, rgb };
        assert_eq!(compressed("rgb8; png compressed bgr8", png.clone()), Ok(picture.clone()));
        // The data know what they are.
        assert_eq!(compressed("jpeg", png.clone()), Ok(picture));
        let jpeg = include_bytes!("../../../formats/tests/data/picture.jpg").to_vec();
        let Picture { width, height, rgb } = compressed("rgb8; jpeg compressed bgr8", jpeg.clone()).unwrap();
        assert_eq!(rgb.len(), 3 * width as usize * height as usize);
        assert!(rgb.iter().any(|&value| value != rgb[0]), "{width} x {height} of one colour");

        for (data, part) in [
            (Vec::new(), "neither PNG nor JPEG"),
            (b"GIF89a".to_vec(), "neither PNG nor JPEG"),
            (png[..png.len() / 2].to_vec(), "PNG: "),
            (jpeg[..40].to_vec(), "JPEG: "),
        ] {
            let refusal = compressed("jpeg", data).unwrap_err();
            assert!(refusal.contains("sensor_msgs/CompressedImage") && refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn whatever_comes_has_the_size_it_says_or_is_refused() {
        let mut random = Pcg64::seed_from_u64(11);
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut number = || match random.random_range(0..10) {
                0 => 0,
                1 => u32::MAX,
                2 => random.random(),
                _ => random.random_range(1..6_u32),
            };
            let (width, height) = (number(), number());
            let (encoding, bytes) = [("rgb8", 3), ("bgr8", 3), ("32FC1", 4), ("16UC1", 2), ("", 1)]
                [(random.random_range(0..20_usize)).min(4)];
            let step = width.wrapping_mul(bytes).wrapping_add(random.random_range(0..3) / 2);
            let fitting = (step as u64).saturating_mul(u64::from(height)).min(200) as usize;
            let len = if random.random_bool(0.8) { fitting } else { random.random_range(0..200) };
            let mut msg = image(encoding, width, height, step, (0..len).map(|_| random.random()).collect());
            msg.is_bigendian = random.random();
            let counts = [
                picture_from_msg(&msg).map(|p| (p.width as usize * p.height as usize * 3, p.rgb.len())),
                depth_from_msg(&msg).map(|d| (d.width as usize * d.height as usize, d.metres.len())),
            ];
            for count in counts {
                match count {
                    Ok((said, found)) => {
                        assert_eq!(said, found);
                        taken += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
    }
}
