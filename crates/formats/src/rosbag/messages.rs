//! The types of ROS 2 that episodes are made of, decoded.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};
use neuraxis_core::{Intrinsics, Nanos};
use neuraxis_episode::cdr::{CdrError, Decoder};

use neuraxis_picture::{Decoded, Pixels};

pub(super) const JOINT_STATE: &str = "sensor_msgs/msg/JointState";
pub(super) const IMAGE: &str = "sensor_msgs/msg/Image";
pub(super) const COMPRESSED: &str = "sensor_msgs/msg/CompressedImage";
pub(super) const CAMERA_INFO: &str = "sensor_msgs/msg/CameraInfo";
pub(super) const TF: &str = "tf2_msgs/msg/TFMessage";
pub(super) const POSE: &str = "geometry_msgs/msg/PoseStamped";
pub(super) const STRING: &str = "std_msgs/msg/String";
/// Most pixels of an image.
const MOST_PIXELS: u64 = 4096 * 4096;
/// Image transport's head before the PNG of a compressed depth image.
const DEPTH_HEAD: usize = 12;
/// How far a quaternion's norm may be from 1.
const NORM_TOLERANCE: f64 = 1e-3;
/// Bytes of a `TransformStamped` at least.
const LEAST_TRANSFORM: usize = 64;

/// Stamp and frame of a `std_msgs/Header`; a stamp of 0 is none.
fn header<'a>(data: &mut Decoder<'a>) -> Result<(Option<Nanos>, &'a str), CdrError> {
    let stamp = data.time()?.filter(|stamp| stamp.0 > 0);
    Ok((stamp, data.string()?))
}

/// Of any message that starts with a header.
pub(super) fn stamp_and_frame(bytes: &[u8]) -> Result<(Option<Nanos>, &str), CdrError> {
    header(&mut Decoder::new(bytes)?)
}

/// `sensor_msgs/JointState`
pub(super) struct JointState<'a> {
    pub(super) stamp: Option<Nanos>,
    pub(super) names: Vec<&'a str>,
    pub(super) position: Vec<f64>,
    pub(super) velocity: Vec<f64>,
    pub(super) effort: Vec<f64>,
}

pub(super) fn joint_state(bytes: &[u8]) -> Result<JointState<'_>, CdrError> {
    let mut data = Decoder::new(bytes)?;
    let (stamp, _) = header(&mut data)?;
    // Four bytes of length, and a zero.
    let count = data.length(5)?;
    let names = (0..count).map(|_| data.string()).collect::<Result<_, _>>()?;
    Ok(JointState { stamp, names, position: data.f64s()?, velocity: data.f64s()?, effort: data.f64s()? })
}

/// `sensor_msgs/CameraInfo`: pinhole model from K, and whether the lens is said to distort.
pub(super) fn camera_info(bytes: &[u8]) -> Result<(Intrinsics, bool), CdrError> {
    let mut data = Decoder::new(bytes)?;
    header(&mut data)?;
    let (height, width) = (data.u32()?, data.u32()?);
    data.string()?;
    let distorts = data.f64s()?.iter().any(|d| *d != 0.0);
    let [fx, _, cx, _, fy, cy, ..] = data.array_f64::<9>()?;
    if !(fx > 0.0 && fy > 0.0 && [fx, fy, cx, cy].iter().all(|x| x.is_finite())) {
        return Err(data.error(format!("fx {fx}, fy {fy}, cx {cx}, cy {cy}: this is no calibrated camera")));
    }
    Ok((Intrinsics { width, height, fx, fy, cx, cy }, distorts))
}

fn pose(data: &mut Decoder<'_>) -> Result<Isometry3<f64>, CdrError> {
    let [x, y, z, i, j, k, w] = data.array_f64()?;
    let quaternion = Quaternion::new(w, i, j, k);
    let is_unit = (quaternion.norm() - 1.0).abs() <= NORM_TOLERANCE;
    if !(is_unit && [x, y, z].iter().all(|x| x.is_finite())) {
        return Err(data.error(format!("({x}, {y}, {z}), quaternion ({i}, {j}, {k}, {w}): no pose")));
    }
    Ok(Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_quaternion(quaternion)))
}

/// `geometry_msgs/PoseStamped`: stamp, frame, pose in it.
pub(super) fn pose_stamped(bytes: &[u8]) -> Result<(Option<Nanos>, &str, Isometry3<f64>), CdrError> {
    let mut data = Decoder::new(bytes)?;
    let (stamp, frame) = header(&mut data)?;
    Ok((stamp, frame, pose(&mut data)?))
}

/// `geometry_msgs/TransformStamped`
pub(super) struct Transform<'a> {
    pub(super) stamp: Option<Nanos>,
    pub(super) parent: &'a str,
    pub(super) child: &'a str,
    pub(super) parent_from_child: Isometry3<f64>,
}

pub(super) fn transforms(bytes: &[u8]) -> Result<Vec<Transform<'_>>, CdrError> {
    let mut data = Decoder::new(bytes)?;
    let count = data.length(LEAST_TRANSFORM)?;
    let mut one = || {
        let ((stamp, parent), child) = (header(&mut data)?, data.string()?);
        Ok(Transform { stamp, parent, child, parent_from_child: pose(&mut data)? })
    };
    (0..count).map(|_| one()).collect()
}

/// `std_msgs/String`
pub(super) fn string(bytes: &[u8]) -> Result<&str, CdrError> {
    Decoder::new(bytes)?.string()
}

/// An image of either type.
pub(super) fn image(kind: &str, bytes: &[u8]) -> Result<Decoded, CdrError> {
    let mut data = Decoder::new(bytes)?;
    header(&mut data)?;
    if kind == COMPRESSED {
        let format = data.string()?;
        let packed = data.bytes()?;
        let packed = match format.contains("compressedDepth") {
            true if format.starts_with("16UC1") => packed.get(DEPTH_HEAD..).unwrap_or_default(),
            true => return Err(data.error(format!("compressed depth {format:?}, known: 16UC1"))),
            false => packed,
        };
        return neuraxis_picture::decode(packed).map_err(|reason| data.error(reason));
    }
    let (height, width) = (data.u32()?, data.u32()?);
    let encoding = data.string()?;
    let is_bigendian = data.u8()? != 0;
    let step = data.u32()? as usize;
    let pixels = data.bytes()?;
    raw_image([width, height], encoding, is_bigendian, step, pixels).map_err(|reason| data.error(reason))
}

fn raw_image(size: [u32; 2], encoding: &str, is_bigendian: bool, step: usize, bytes: &[u8]) -> Result<Decoded, String> {
    let [width, height] = size.map(u64::from);
    let pixel_bytes = match encoding {
        "rgb8" | "bgr8" => 3,
        "rgba8" | "bgra8" | "32FC1" => 4,
        "16UC1" => 2,
        "mono8" => 1,
        other => {
            let known = "rgb8, bgr8, rgba8, bgra8, mono8, 32FC1, 16UC1";
            return Err(format!("image encoding {other:?} is not one of {known}"));
        }
    };
    if width * height == 0 || width * height > MOST_PIXELS {
        return Err(format!("{width} x {height} pixels, allowed: 1 to {MOST_PIXELS} in all"));
    }
    let row = width as usize * pixel_bytes;
    if step < row || bytes.len() as u64 != step as u64 * height {
        return Err(format!("{} bytes in rows of {step} for {width} x {height} pixels of {encoding}", bytes.len()));
    }
    // Rows may end in padding.
    let rows = bytes.chunks_exact(step).filter_map(|padded| padded.get(..row));
    let pixels = match encoding {
        "rgb8" => Pixels::Rgb(rows.flatten().copied().collect()),
        "mono8" => Pixels::Rgb(rows.flatten().flat_map(|grey| [*grey; 3]).collect()),
        "bgr8" => Pixels::Rgb(rows.flat_map(|row| row.as_chunks().0).flat_map(|[b, g, r]| [*r, *g, *b]).collect()),
        "rgba8" => Pixels::Rgb(rows.flat_map(|row| row.as_chunks().0).flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()),
        "bgra8" => Pixels::Rgb(rows.flat_map(|row| row.as_chunks().0).flat_map(|[b, g, r, _]| [*r, *g, *b]).collect()),
        "16UC1" => {
            let number = if is_bigendian { u16::from_be_bytes } else { u16::from_le_bytes };
            Pixels::Millimetres(rows.flat_map(|row| row.as_chunks().0).map(|bytes| number(*bytes)).collect())
        }
        _ => {
            let number = if is_bigendian { f32::from_be_bytes } else { f32::from_le_bytes };
            Pixels::Metres(rows.flat_map(|row| row.as_chunks().0).map(|bytes| number(*bytes)).collect())
        }
    };
    Ok(Decoded { size, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_and_bytes_turned() {
        let found = raw_image([1, 2], "bgr8", false, 4, &[1, 2, 3, 0, 4, 5, 6, 0]).unwrap();
        assert_eq!(found.pixels, Pixels::Rgb(vec![3, 2, 1, 6, 5, 4]));
        assert_eq!(
            raw_image([2, 1], "16UC1", true, 4, &[1, 2, 0, 3]).unwrap().pixels,
            Pixels::Millimetres(vec![258, 3])
        );
        assert_eq!(raw_image([1, 1], "mono8", false, 1, &[9]).unwrap().pixels, Pixels::Rgb(vec![9; 3]));
        let metres = raw_image([1, 1], "32FC1", false, 4, &1.5f32.to_le_bytes()).unwrap();
        assert_eq!(metres.pixels, Pixels::Metres(vec![1.5]));
        for (size, encoding, step, len) in
            [([2, 1], "rgb8", 5, 5), ([2, 1], "rgb8", 6, 7), ([0, 1], "rgb8", 0, 0), ([1, 1], "yuv422", 2, 2)]
        {
            assert!(raw_image(size, encoding, false, step, &vec![0; len]).is_err(), "{encoding} {size:?}");
        }
        assert!(raw_image([u32::MAX, u32::MAX], "rgb8", false, usize::MAX, &[]).is_err());
    }
}
