//! What goes into an answer and what comes out of the heads, as numbers that are checked.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Instruction, TextFeatures};
use tch::{Device, Kind, Tensor};

use crate::{
    Error, PolicyConfig, Result, Unusable,
    network::RotationOutput,
    rotation::{angle_of_bin, refined_bin, rotation_from_angles, rotation_from_six_d},
};

/// (side, side, 3) colours from the channels of a rendered view.
pub(crate) fn colours(view: &[f32], side: usize) -> Vec<u8> {
    let plane = |c: usize, i: usize| (view[(3 + c) * side * side + i] * 255.0).clamp(0.0, 255.0) as u8;
    (0..side * side).flat_map(|i| [plane(0, i), plane(1, i), plane(2, i)]).collect()
}

/// The features of an instruction that says something.
pub(super) fn words(instruction: &Instruction) -> Result<&TextFeatures> {
    let refuse = |reason: &str| Err(Error::Instruction(reason.into()));
    let Some(features) = instruction.features.as_ref() else { return refuse("it has no text features") };
    if features.tokens == 0 || features.values.is_empty() {
        return refuse("its text features are empty");
    }
    if !features.values.iter().all(|x| x.is_finite()) {
        return refuse("its text features are not finite");
    }
    Ok(features)
}

/// A point within the bounds [m], or why not.
pub(super) fn inside(position: Vector3<f64>, config: &PolicyConfig) -> Result<Vector3<f64>> {
    let b = config.bounds_m;
    if (0..3).all(|i| position[i] >= b[i] && position[i] <= b[i + 3]) {
        return Ok(position);
    }
    Err(Unusable::OutOfBounds { position_m: position.into(), bounds_m: b }.into())
}

/// The orientation that the heads name.
pub(crate) fn orientation(output: &RotationOutput, bins: i64) -> Result<UnitQuaternion<f64>> {
    match output {
        RotationOutput::Bins(logits) => {
            let mut angles = [0.0; 3];
            for (angle, logits) in angles.iter_mut().zip(logits) {
                *angle = angle_of_bin(refined_bin(&finite(values(logits)?, "the orientation")?), bins);
            }
            Ok(rotation_from_angles(angles))
        }
        RotationOutput::SixD(six) => {
            let six = values(six)?;
            let six =
                <[f32; 6]>::try_from(six).map_err(|v| Error::Input(format!("{} numbers of a rotation", v.len())))?;
            Ok(rotation_from_six_d(six.map(f64::from))?)
        }
    }
}

pub(super) fn finite(values: Vec<f32>, what: &'static str) -> Result<Vec<f32>> {
    if values.iter().all(|x| x.is_finite()) { Ok(values) } else { Err(Unusable::NotFinite(what).into()) }
}

/// All numbers of a tensor, on the host.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::<f32>::try_from(&tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)?)
}

/// (1, v, s, s) logits -> host probabilities, each view summing to one.
pub(super) fn probabilities(heat: &Tensor) -> Result<Vec<f32>> {
    let (_, v, h, w) = heat.size4()?;
    values(&heat.f_view([v, h * w])?.f_softmax(1, Kind::Float)?)
}
