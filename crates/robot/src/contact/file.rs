//! What was learned, as JSON in a file.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::contact::ContactError;

/// Reads what [`write`] wrote; fails on wrong shapes and on numbers that are none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ContactError> {
    let text = std::fs::read_to_string(path).map_err(|reason| ContactError::File { path: path.into(), reason })?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes JSON.
pub(crate) fn write(path: &Path, learned: &impl Serialize) -> Result<(), ContactError> {
    let text = serde_json::to_string(learned)?;
    std::fs::write(path, text).map_err(|reason| ContactError::File { path: path.into(), reason })
}
