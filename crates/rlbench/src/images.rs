//! A camera's pictures: colours, and depth as 24-bit fixed point between near and far.

use std::{fs::File, io::BufReader, path::Path};

use neuraxis_bridge::{Calibration, CameraImage};

use crate::RecordingError;

/// Most pixels of a picture.
const MOST_PIXELS: u64 = 4096 * 4096;
/// Largest fixed-point depth.
const FULL: f64 = (1u32 << 24) as f64 - 1.0;

/// One camera at one frame; `None` if the folder has no pictures of it.
///
/// # Errors
/// The picture that is no 8-bit RGB, or not of the size of the other.
pub(crate) fn read(
    folder: &Path,
    camera: &str,
    t: usize,
    cal: Calibration,
) -> Result<Option<CameraImage>, RecordingError> {
    let file = |kind: &str| folder.join(format!("{camera}_{kind}")).join(format!("{t}.png"));
    let (colours, depths) = (file("rgb"), file("depth"));
    if !folder.join(format!("{camera}_rgb")).exists() {
        return Ok(None);
    }
    let (width, height, rgb) = png_rgb(&colours)?;
    let (depth_width, depth_height, coded) = png_rgb(&depths)?;
    if (width, height) != (depth_width, depth_height) {
        let reason = format!("{depth_width} x {depth_height} pixels, the colours have {width} x {height}");
        return Err(RecordingError::format(&depths, reason));
    }
    let metres = |[r, g, b]: &[u8; 3]| {
        let fixed = f64::from(u32::from_be_bytes([0, *r, *g, *b]));
        (cal.near + fixed / FULL * (cal.far - cal.near)) as f32
    };
    let depth_m = coded.as_chunks::<3>().0.iter().map(metres).collect();
    Ok(Some(CameraImage { name: camera.into(), width, height, rgb, depth_m, calibration: cal }))
}

/// Width, height and colours.
fn png_rgb(path: &Path) -> Result<(usize, usize, Vec<u8>), RecordingError> {
    let refuse = |reason: String| RecordingError::format(path, reason);
    let file = File::open(path).map_err(RecordingError::io(path))?;
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info().map_err(|e| refuse(e.to_string()))?;
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(refuse(format!("{:?} of {:?} bits, wanted: 8-bit RGB", info.color_type, info.bit_depth)));
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(refuse(format!("{width} x {height} pixels, allowed: {MOST_PIXELS} in all")));
    }
    let mut rgb = vec![0; 3 * width as usize * height as usize];
    reader.next_frame(&mut rgb).map_err(|e| refuse(e.to_string()))?;
    Ok((width as usize, height as usize, rgb))
}

/// A depth [m] as 24-bit fixed point between near and far; what is beyond them, or no reading, is at the nearer end.
pub(crate) fn code(depth_m: f32, [near, far]: [f64; 2]) -> [u8; 3] {
    let share = (f64::from(depth_m) - near) / (far - near);
    // `as` turns NaN into 0.
    let [_, r, g, b] = ((share.clamp(0.0, 1.0) * FULL).round() as u32).to_be_bytes();
    [r, g, b]
}

/// An 8-bit RGB picture.
pub(crate) fn write(out: impl std::io::Write, [width, height]: [u32; 2], rgb: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    // Dropping it would write the end and hand all to the system too, but not say what fails.
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::BufWriter;

    use super::*;

    #[test]
    fn a_full_disk_is_told() {
        // Small enough to lie in the buffer until the end.
        let full = BufWriter::new(File::options().write(true).open("/dev/full").unwrap());
        let error = write(full, [2, 2], &[0; 12]).unwrap_err();
        assert!(
            matches!(&error, png::EncodingError::IoError(why) if why.kind() == std::io::ErrorKind::StorageFull),
            "{error}"
        );
    }
}
