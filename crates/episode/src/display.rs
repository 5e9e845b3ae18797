//! What people are shown, as messages: log lines, point clouds, virtual views with their heatmaps.

use neuraxis_core::Nanos;
use serde::{Deserialize, Serialize};

use crate::{
    GazeRay, Level, Points, VirtualView,
    cdr::{CdrError, Decoder, Encoder},
    messages::Image,
};

/// Positions are kept to this share of a metre: half a millimetre, whose zeros the compression takes away.
const STEPS_PER_M: f32 = 2048.0;
/// Bytes of a point: x, y, z, colour.
const POINT_BYTES: u32 = 16;
const FLOAT32: u8 = 7;
const FIELDS: [(&str, u32); 4] = [("x", 0), ("y", 4), ("z", 8), ("rgb", 12)];
/// Levels of `rcl_interfaces/Log`.
const LEVELS: [(Level, u8); 3] = [(Level::Info, 20), (Level::Warning, 30), (Level::Error, 40)];

pub(crate) fn encode_log(buffer: Vec<u8>, stamp: Nanos, level: Level, text: &str) -> Vec<u8> {
    let mut out = Encoder::new(buffer);
    out.time(stamp);
    out.u8(LEVELS.iter().find(|(known, _)| *known == level).map_or(20, |(_, number)| *number));
    out.string("neuraxis");
    out.string(text);
    // File, function and line are not ours to tell.
    out.string("");
    out.string("");
    out.u32(0);
    out.finish()
}

pub(crate) fn decode_log(bytes: &[u8]) -> Result<(Level, String), CdrError> {
    let mut data = Decoder::new(bytes)?;
    data.u32()?;
    data.u32()?;
    let number = data.u8()?;
    data.string()?;
    let text = data.string()?.to_owned();
    let level = match number {
        0..30 => Level::Info,
        30..40 => Level::Warning,
        40.. => Level::Error,
    };
    Ok((level, text))
}

pub(crate) fn encode_cloud(buffer: Vec<u8>, stamp: Nanos, frame: &str, points: &Points) -> Vec<u8> {
    let count = points.xyz_in_world.len().min(points.rgb.len());
    let mut bytes = Vec::with_capacity(count * POINT_BYTES as usize);
    for (xyz, [r, g, b]) in points.xyz_in_world.iter().zip(&points.rgb) {
        for value in xyz {
            bytes.extend(((value * STEPS_PER_M).round() / STEPS_PER_M).to_le_bytes());
        }
        // As PCL has it: a float whose bytes are blue, green, red.
        bytes.extend([*b, *g, *r, 0]);
    }
    let mut out = Encoder::new(buffer);
    out.header(stamp, frame);
    out.u32(1);
    out.u32(count as u32);
    out.u32(FIELDS.len() as u32);
    for (name, offset) in FIELDS {
        out.string(name);
        out.u32(offset);
        out.u8(FLOAT32);
        out.u32(1);
    }
    out.u8(0);
    out.u32(POINT_BYTES);
    out.u32(count as u32 * POINT_BYTES);
    out.bytes(&bytes);
    out.u8(1);
    out.finish()
}

pub(crate) fn decode_cloud(bytes: &[u8]) -> Result<Points, CdrError> {
    let mut data = Decoder::new(bytes)?;
    data.header()?;
    data.u32()?;
    data.u32()?;
    let fields = data.u32()? as usize;
    if fields != FIELDS.len() {
        return Err(data.error(format!("{fields} fields of a point, ours have {}", FIELDS.len())));
    }
    for (name, offset) in FIELDS {
        let found = (data.string()?, data.u32()?, data.u8()?, data.u32()?);
        if found != (name, offset, FLOAT32, 1) {
            return Err(data.error(format!("field {found:?} where {name} was expected")));
        }
    }
    data.u8()?;
    let step = data.u32()?;
    data.u32()?;
    let bytes = data.bytes()?;
    let (points, []) = bytes.as_chunks::<16>() else {
        return Err(data.error(format!("{} bytes are no whole number of points", bytes.len())));
    };
    if step != POINT_BYTES {
        return Err(data.error(format!("{step} bytes a point, ours have {POINT_BYTES}")));
    }
    let position = |[x, y, z, _]: [[u8; 4]; 4]| [x, y, z].map(f32::from_le_bytes);
    let words = |point: &[u8; 16]| std::array::from_fn(|i| std::array::from_fn(|k| point[4 * i + k]));
    Ok(Points {
        xyz_in_world: points.iter().map(|point| position(words(point))).collect(),
        rgb: points.iter().map(|point| [point[14], point[13], point[12]]).collect(),
    })
}

/// What a prediction's detail says beside its pictures; written after them.
#[derive(Serialize, Deserialize)]
pub(crate) struct DetailMeta {
    pub(crate) views: Vec<ViewMeta>,
    pub(crate) gaze: Option<GazeRay>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ViewMeta {
    pub(crate) name: String,
    pub(crate) size: [u32; 2],
    /// Largest value of the heatmap; none without one.
    pub(crate) peak: Option<f32>,
}

/// Largest finite value of a heatmap, and the map in 65535ths of it. What is no number, or negative, is 0.
pub(crate) fn pack_heat(heat: &[f32]) -> (f32, Vec<u8>) {
    let peak = heat.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
    let scale = if peak > 0.0 { f32::from(u16::MAX) / peak } else { 0.0 };
    // `as` saturates, and turns NaN to 0.
    (peak, heat.iter().flat_map(|value| ((value * scale).round() as u16).to_le_bytes()).collect())
}

impl ViewMeta {
    /// The view with its pictures; the reason where they do not fit.
    pub(crate) fn with(self, rgb: Image, heat: Option<Image>) -> Result<VirtualView, String> {
        let Self { name, size, peak } = self;
        let pixels = u64::from(size[0]) * u64::from(size[1]);
        let Image::Rgb(rgb) = rgb else { return Err(format!("view {name} has no colours")) };
        let heat = match (peak, heat) {
            (None, _) => Vec::new(),
            (Some(peak), Some(Image::Heat(shares))) => {
                shares.iter().map(|share| f32::from(*share) / f32::from(u16::MAX) * peak).collect()
            }
            (Some(_), _) => return Err(format!("view {name} has no heatmap")),
        };
        let fits = rgb.len() as u64 == 3 * pixels && (heat.is_empty() || heat.len() as u64 == pixels);
        if !fits {
            return Err(format!("view {name}: pictures are not of {} x {} pixels", size[0], size[1]));
        }
        Ok(VirtualView { name, size, rgb, heat })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_come_back_to_half_a_millimetre_with_their_colours() {
        let points = Points { xyz_in_world: vec![[0.1, -1.5, 2.001], [0.0; 3]], rgb: vec![[1, 2, 3], [250, 0, 9]] };
        let found = decode_cloud(&encode_cloud(Vec::new(), Nanos(5), "world", &points)).unwrap();
        assert_eq!(found.rgb, points.rgb);
        for (found, written) in found.xyz_in_world.iter().flatten().zip(points.xyz_in_world.iter().flatten()) {
            assert!((found - written).abs() <= 0.5 / STEPS_PER_M, "{found} {written}");
        }
    }

    #[test]
    fn levels_and_words_come_back() {
        for level in [Level::Info, Level::Warning, Level::Error] {
            let found = decode_log(&encode_log(Vec::new(), Nanos(9), level, "grün")).unwrap();
            assert_eq!(found, (level, "grün".to_string()));
        }
    }

    #[test]
    fn heat_is_kept_as_shares_of_its_peak() {
        let (peak, bytes) = pack_heat(&[0.0, 0.25, f32::NAN, 0.5, -1.0, f32::INFINITY]);
        assert_eq!(peak, 0.5);
        let shares: Vec<u16> = bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        assert_eq!(shares, [0, 32768, 0, 65535, 0, 65535]);
        assert_eq!(pack_heat(&[0.0]), (0.0, vec![0, 0]));
    }
}
