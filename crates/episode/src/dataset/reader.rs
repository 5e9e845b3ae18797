//! Data sets are read through memory maps.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use serde::de::DeserializeOwned;

use super::{
    Bounds,
    index::{CLOUDS, Entry, Index, RECORDS},
    points::{POINT_BYTES, unplane},
};
use crate::EpisodeError;

struct Shard {
    dir: PathBuf,
    index: Index,
    clouds: Option<Mmap>,
    records: Option<Mmap>,
    first: usize,
}

/// One or more finished data sets, read through memory maps. Shared by any number of threads.
///
/// The files must not be changed while they are open (appending is fine: what was mapped stays as it was).
pub struct Dataset {
    shards: Vec<Shard>,
    len: usize,
}

impl Dataset {
    /// Opens one folder.
    pub fn open(dir: &Path) -> Result<Self, EpisodeError> {
        Self::open_all(&[dir])
    }

    /// Opens several folders as one data set, in the order given.
    pub fn open_all<P: AsRef<Path>>(dirs: &[P]) -> Result<Self, EpisodeError> {
        let mut dataset = Self { shards: Vec::with_capacity(dirs.len()), len: 0 };
        for dir in dirs {
            let dir = dir.as_ref();
            let index = Index::read(dir)?;
            let clouds = map(dir, CLOUDS, index.clouds_bytes, &index, |e| e.cloud_at + e.cloud_bytes)?;
            let records = map(dir, RECORDS, index.records_bytes, &index, |e| e.record_at + e.record_bytes)?;
            let first = dataset.len;
            dataset.len += index.entries.len();
            dataset.shards.push(Shard { dir: dir.to_path_buf(), index, clouds, records, first });
        }
        Ok(dataset)
    }

    /// Reads everything once and leaves out what is damaged: one error for each record left out. Records are numbered
    /// anew after that.
    pub fn leave_out_damaged(&mut self) -> Vec<EpisodeError> {
        let mut damaged = Vec::new();
        self.len = 0;
        for shard in &mut self.shards {
            let mut local = 0;
            let entries = std::mem::take(&mut shard.index.entries);
            let sound = |entry: &Entry| {
                let checked = shard.check(local, entry);
                local += 1;
                checked.map_err(|error| damaged.push(error)).is_ok()
            };
            let entries: Vec<Entry> = entries.into_iter().filter(sound).collect();
            shard.first = self.len;
            self.len += entries.len();
            shard.index.entries = entries;
        }
        damaged
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no record.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Metadata of each folder, in the order of opening.
    pub fn metas(&self) -> impl Iterator<Item = &serde_json::Value> {
        self.shards.iter().map(|shard| &shard.index.meta)
    }

    /// The bounds of each folder [m], in the order of opening, and the metadata that go with them.
    pub fn folders(&self) -> impl Iterator<Item = (&Path, &Bounds, &serde_json::Value)> {
        self.shards.iter().map(|shard| (&*shard.dir, &shard.index.bounds_in_world_m, &shard.index.meta))
    }

    /// Folder of record `i`, and its number there.
    pub fn place(&self, i: usize) -> Result<(&Path, usize), EpisodeError> {
        let (shard, local, _) = self.find(i)?;
        Ok((&shard.dir, local))
    }

    /// Number of points of record `i`'s cloud.
    pub fn points(&self, i: usize) -> Result<usize, EpisodeError> {
        let (_, _, entry) = self.find(i)?;
        Ok(entry.points as usize)
    }

    /// Record `i` as the writer gave it.
    pub fn record<T: DeserializeOwned>(&self, i: usize) -> Result<T, EpisodeError> {
        let (shard, local, entry) = self.find(i)?;
        let bytes =
            shard.slice(&shard.records, RECORDS, local, entry.record_at, entry.record_bytes, entry.record_crc32)?;
        serde_json::from_slice(bytes).map_err(|e| shard.damaged(RECORDS, local, e.to_string()))
    }

    /// Replaces the vectors' contents by record `i`'s cloud: points in world [m] and their colours.
    pub fn cloud_into(
        &self,
        i: usize,
        xyz_in_world: &mut Vec<[f32; 3]>,
        rgb: &mut Vec<[u8; 3]>,
    ) -> Result<(), EpisodeError> {
        let (shard, local, entry) = self.find(i)?;
        let bytes = shard.slice(&shard.clouds, CLOUDS, local, entry.cloud_at, entry.cloud_bytes, entry.cloud_crc32)?;
        let count = entry.points as usize;
        let planes = zstd::bulk::decompress(bytes, count * POINT_BYTES)
            .map_err(|e| shard.damaged(CLOUDS, local, format!("cannot be unpacked: {e}")))?;
        if planes.len() != count * POINT_BYTES {
            return Err(shard.damaged(CLOUDS, local, format!("does not hold {count} points")));
        }
        unplane(&planes, &shard.index.bounds_in_world_m, xyz_in_world, rgb);
        Ok(())
    }

    fn find(&self, i: usize) -> Result<(&Shard, usize, &Entry), EpisodeError> {
        let shard = self.shards.partition_point(|shard| shard.first <= i).checked_sub(1).map(|s| &self.shards[s]);
        shard
            .and_then(|shard| shard.index.entries.get(i - shard.first).map(|entry| (shard, i - shard.first, entry)))
            .ok_or(EpisodeError::OutOfRange { record: i, len: self.len })
    }
}

impl Shard {
    /// Both checksums of a record.
    fn check(&self, record: usize, entry: &Entry) -> Result<(), EpisodeError> {
        self.slice(&self.records, RECORDS, record, entry.record_at, entry.record_bytes, entry.record_crc32)?;
        self.slice(&self.clouds, CLOUDS, record, entry.cloud_at, entry.cloud_bytes, entry.cloud_crc32)?;
        Ok(())
    }

    fn damaged(&self, file: &str, record: usize, reason: String) -> EpisodeError {
        EpisodeError::Record { path: self.dir.join(file), record, reason }
    }

    fn slice<'a>(
        &self,
        file: &'a Option<Mmap>,
        name: &str,
        record: usize,
        at: u64,
        bytes: u64,
        crc32: u32,
    ) -> Result<&'a [u8], EpisodeError> {
        // Opening has compared each range with the file; an empty file has no map and only empty ranges.
        let found = file
            .as_deref()
            .unwrap_or(&[])
            .get(at as usize..(at + bytes) as usize)
            .ok_or_else(|| self.damaged(name, record, "lies outside the file".into()))?;
        if crc32fast::hash(found) != crc32 {
            return Err(self.damaged(name, record, "checksum differs: the file was damaged".into()));
        }
        Ok(found)
    }
}

fn map(
    dir: &Path,
    name: &str,
    bytes: u64,
    index: &Index,
    end: impl Fn(&Entry) -> u64,
) -> Result<Option<Mmap>, EpisodeError> {
    let path = dir.join(name);
    let file = File::open(&path).map_err(EpisodeError::io(&path, "open"))?;
    let found = file.metadata().map_err(EpisodeError::io(&path, "inspect"))?.len();
    if found < bytes {
        let record = index.entries.iter().position(|entry| end(entry) > found).unwrap_or(index.entries.len());
        let reason = format!("is cut off: the file has {found} bytes, the index describes {bytes}");
        return Err(EpisodeError::Record { path, record, reason });
    }
    if bytes == 0 {
        return Ok(None);
    }
    // SAFETY: the bytes are only read, as plain numbers of which every pattern is valid; the type's documentation asks
    // that nobody truncates the files meanwhile, and our own writer never shortens what an index describes.
    let map = unsafe { Mmap::map(&file) }.map_err(EpisodeError::io(&path, "map"))?;
    Ok(Some(map))
}
