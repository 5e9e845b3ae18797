//! What a folder holds, and where.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::points::STEP_M;
use crate::EpisodeError;

pub(super) const FORMAT: u32 = 3;
/// File of a data set's folder that makes it one.
pub const INDEX: &str = "index.json";
pub(super) const CLOUDS: &str = "clouds.bin";
pub(super) const RECORDS: &str = "records.jsonl";
/// Most points of a record: as many as the networks' views can be drawn of.
pub const MOST_POINTS: u64 = (1 << 21) - 1;

/// Scene bounds in world [m]: lower x, y, z, upper x, y, z.
pub type Bounds = [f64; 6];

#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) points: u64,
    pub(super) cloud_at: u64,
    pub(super) cloud_bytes: u64,
    pub(super) cloud_crc32: u32,
    pub(super) record_at: u64,
    pub(super) record_bytes: u64,
    pub(super) record_crc32: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) format: u32,
    pub(super) meta: serde_json::Value,
    pub(super) bounds_in_world_m: Bounds,
    pub(super) clouds_bytes: u64,
    pub(super) records_bytes: u64,
    pub(super) entries: Vec<Entry>,
}

impl Index {
    pub(super) fn read(dir: &Path) -> Result<Self, EpisodeError> {
        let path = dir.join(INDEX);
        let text = fs::read(&path).map_err(EpisodeError::io(&path, "read"))?;
        let index: Index = serde_json::from_slice(&text)
            .map_err(|e| EpisodeError::Format { path: path.clone(), reason: format!("not a data set index: {e}") })?;
        if index.format != FORMAT {
            let reason = format!("format {} found, this build reads format {FORMAT}", index.format);
            return Err(EpisodeError::Format { path, reason });
        }
        check_bounds(&index.bounds_in_world_m).map_err(|reason| EpisodeError::Format { path, reason })?;
        for (i, entry) in index.entries.iter().enumerate() {
            let fits = |at: u64, bytes: u64, file: u64| at.checked_add(bytes).is_some_and(|end| end <= file);
            if !fits(entry.cloud_at, entry.cloud_bytes, index.clouds_bytes)
                || !fits(entry.record_at, entry.record_bytes, index.records_bytes)
            {
                let reason = "lies outside the files that the index describes".into();
                return Err(EpisodeError::Record { path: dir.join(INDEX), record: i, reason });
            }
            if entry.points > MOST_POINTS {
                let reason = format!("has {} points, allowed: {MOST_POINTS}", entry.points);
                return Err(EpisodeError::Record { path: dir.join(INDEX), record: i, reason });
            }
        }
        Ok(index)
    }
}

pub(super) fn check_bounds(bounds: &Bounds) -> Result<(), String> {
    let ordered = (0..3).all(|k| bounds[k].is_finite() && bounds[k + 3].is_finite() && bounds[k] < bounds[k + 3]);
    if !ordered {
        return Err(format!("bounds {bounds:?} are not finite with lower < upper"));
    }
    let most_m = f64::from(u16::MAX) * STEP_M;
    match (0..3).all(|k| bounds[k + 3] - bounds[k] <= most_m) {
        true => Ok(()),
        false => Err(format!("bounds {bounds:?} are longer than {most_m:.1} m on an axis")),
    }
}
