//! Data sets are written at their end only, and count from checkpoint to checkpoint.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    Bounds,
    index::{CLOUDS, Entry, FORMAT, INDEX, Index, MOST_POINTS, RECORDS, check_bounds},
    points::planes,
};
use crate::EpisodeError;

/// Zstandard's level: higher ones take longer than they save.
const LEVEL: i32 = 3;

/// One observation as training uses it: a fused cloud and whatever the writer wants to know about it.
pub struct CloudSample<'a, T: Serialize> {
    /// Points in world [m], inside the data set's bounds.
    pub xyz_in_world: &'a [[f32; 3]],
    /// Colours of the points.
    pub rgb: &'a [[u8; 3]],
    /// State, instruction, labels.
    pub record: &'a T,
}

/// Writes a data set. Nothing counts until [`DatasetWriter::checkpoint`] or [`DatasetWriter::finish`]. One process writes at a
/// time: it holds a lock on the records, of which the kernel lets go however it ends.
pub struct DatasetWriter {
    dir: PathBuf,
    index: Index,
    clouds: BufWriter<File>,
    records: BufWriter<File>,
}

impl DatasetWriter {
    /// A new data set in `dir` (made if missing; one that has an index is refused). `meta`: versions, seed, command.
    pub fn create(dir: &Path, bounds_in_world_m: Bounds, meta: serde_json::Value) -> Result<Self, EpisodeError> {
        check_bounds(&bounds_in_world_m).map_err(|reason| EpisodeError::Format { path: dir.to_path_buf(), reason })?;
        fs::create_dir_all(dir).map_err(EpisodeError::io(dir, "create"))?;
        let open = |name: &str| {
            let path = dir.join(name);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            file.map_err(EpisodeError::io(&path, "create"))
        };
        let records = open(RECORDS)?;
        lock(dir, &records)?;
        if dir.join(INDEX).exists() {
            return Err(EpisodeError::AlreadyExists { path: dir.to_path_buf() });
        }
        let clouds = open(CLOUDS)?;
        // What is there is of a writer that has not come to an index.
        for file in [&clouds, &records] {
            file.set_len(0).map_err(EpisodeError::io(dir, "clear"))?;
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            index: Index {
                format: FORMAT,
                meta,
                bounds_in_world_m,
                clouds_bytes: 0,
                records_bytes: 0,
                entries: Vec::new(),
            },
            clouds: BufWriter::with_capacity(1 << 20, clouds),
            records: BufWriter::new(records),
        })
    }

    /// Goes on after the last checkpoint of an existing data set; what an unfinished writer left behind it is cut off.
    pub fn append(dir: &Path) -> Result<Self, EpisodeError> {
        let open = |name: &str| {
            let path = dir.join(name);
            OpenOptions::new().read(true).write(true).open(&path).map_err(EpisodeError::io(&path, "open"))
        };
        let records = open(RECORDS)?;
        lock(dir, &records)?;
        let index = Index::read(dir)?;
        let cut = |mut file: File, name: &str, bytes: u64| {
            let path = dir.join(name);
            let found = file.metadata().map_err(EpisodeError::io(&path, "inspect"))?.len();
            if found < bytes {
                let reason = format!("{found} bytes found, the index describes {bytes}");
                return Err(EpisodeError::Format { path, reason });
            }
            file.set_len(bytes).map_err(EpisodeError::io(&path, "truncate"))?;
            file.seek(SeekFrom::End(0)).map_err(EpisodeError::io(&path, "seek in"))?;
            Ok(file)
        };
        Ok(Self {
            clouds: BufWriter::with_capacity(1 << 20, cut(open(CLOUDS)?, CLOUDS, index.clouds_bytes)?),
            records: BufWriter::new(cut(records, RECORDS, index.records_bytes)?),
            dir: dir.to_path_buf(),
            index,
        })
    }

    /// Number of samples, those before [`DatasetWriter::append`] included.
    pub fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// True if there is no sample yet.
    pub fn is_empty(&self) -> bool {
        self.index.entries.is_empty()
    }

    /// The metadata given at creation.
    pub fn meta(&self) -> &serde_json::Value {
        &self.index.meta
    }

    /// The metadata, for notes that the next checkpoint is to keep: how far generation has come, say.
    pub fn meta_mut(&mut self) -> &mut serde_json::Value {
        &mut self.index.meta
    }

    /// Adds one sample. A refused sample (a point outside the bounds, lengths that differ) leaves the data set as it was.
    pub fn push<T: Serialize>(&mut self, sample: &CloudSample<'_, T>) -> Result<(), EpisodeError> {
        let number = self.len();
        let refuse = |reason: String| EpisodeError::Sample { path: self.dir.clone(), sample: number, reason };
        if sample.xyz_in_world.len() != sample.rgb.len() {
            let (points, colours) = (sample.xyz_in_world.len(), sample.rgb.len());
            return Err(refuse(format!("{points} points, but {colours} colours")));
        }
        if sample.rgb.len() as u64 > MOST_POINTS {
            return Err(refuse(format!("{} points, allowed: {MOST_POINTS}", sample.rgb.len())));
        }
        let mut record = serde_json::to_vec(sample.record).map_err(|e| refuse(format!("record: {e}")))?;
        record.push(b'\n');

        let planes = planes(sample.xyz_in_world, sample.rgb, &self.index.bounds_in_world_m)
            .map_err(|i| refuse(format!("point {i} at {:?} m is outside the bounds", sample.xyz_in_world[i])))?;
        let packed = zstd::bulk::compress(&planes, LEVEL).map_err(|e| refuse(format!("cloud: {e}")))?;

        let write = |out: &mut BufWriter<File>, name: &str, bytes: &[u8]| {
            out.write_all(bytes).map_err(EpisodeError::io(&self.dir.join(name), "write"))
        };
        write(&mut self.clouds, CLOUDS, &packed)?;
        write(&mut self.records, RECORDS, &record)?;
        self.index.entries.push(Entry {
            points: sample.rgb.len() as u64,
            cloud_at: self.index.clouds_bytes,
            cloud_bytes: packed.len() as u64,
            cloud_crc32: crc32fast::hash(&packed),
            record_at: self.index.records_bytes,
            record_bytes: record.len() as u64,
            record_crc32: crc32fast::hash(&record),
        });
        self.index.clouds_bytes += packed.len() as u64;
        self.index.records_bytes += record.len() as u64;
        Ok(())
    }

    /// Makes everything pushed so far part of the data set: data to disk first, then the index, by rename.
    pub fn checkpoint(&mut self) -> Result<(), EpisodeError> {
        for (out, name) in [(&mut self.clouds, CLOUDS), (&mut self.records, RECORDS)] {
            let path = self.dir.join(name);
            out.flush().map_err(EpisodeError::io(&path, "write"))?;
            out.get_ref().sync_data().map_err(EpisodeError::io(&path, "sync"))?;
        }
        let path = self.dir.join(INDEX);
        let text = serde_json::to_vec(&self.index)
            .map_err(|e| EpisodeError::Format { path: path.clone(), reason: e.to_string() })?;
        let fresh = self.dir.join("index.json.tmp");
        let mut file = File::create(&fresh).map_err(EpisodeError::io(&fresh, "create"))?;
        file.write_all(&text).map_err(EpisodeError::io(&fresh, "write"))?;
        file.sync_data().map_err(EpisodeError::io(&fresh, "sync"))?;
        fs::rename(&fresh, &path).map_err(EpisodeError::io(&path, "replace"))
    }

    /// Last checkpoint; returns the number of samples.
    pub fn finish(mut self) -> Result<usize, EpisodeError> {
        self.checkpoint()?;
        Ok(self.len())
    }
}

/// An error where somebody else writes the data set.
fn lock(dir: &Path, records: &File) -> Result<(), EpisodeError> {
    match records.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(EpisodeError::InUse { path: dir.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(EpisodeError::io(&dir.join(RECORDS), "lock")(source)),
    }
}
