//! Names of a model's parts, resolved to numbers.

use mujoco_rs::prelude::{MjModel, MjtObjBase};

use crate::SimError;

/// A kind of named parts of a model, for MuJoCo and for a person.
pub(super) type Kind = (MjtObjBase, &'static str);

pub(super) const BODY: Kind = (MjtObjBase::mjOBJ_BODY, "body");
pub(super) const GEOM: Kind = (MjtObjBase::mjOBJ_GEOM, "geom");
pub(super) const JOINT: Kind = (MjtObjBase::mjOBJ_JOINT, "joint");
pub(super) const SITE: Kind = (MjtObjBase::mjOBJ_SITE, "site");
pub(crate) const CAMERA: Kind = (MjtObjBase::mjOBJ_CAMERA, "camera");

/// Number of a part of a model; an error names the file that should have it.
pub(crate) fn named(model: &MjModel, file: &str, (kind, text): Kind, name: &str) -> Result<usize, SimError> {
    model.name_to_id(kind, name).ok_or_else(|| missing(file, text, name))
}

pub(super) fn missing(file: &str, kind: &'static str, name: &str) -> SimError {
    SimError::Missing { file: file.to_string(), kind, name: name.to_string() }
}
