//! Data sets for training: a folder of three files, mapped into memory, nothing pickled.
//!
//! - `index.json`: format, the writer's metadata, bounds, and where each record lies. Replaced atomically: what it
//!   names is whole, and bytes beyond it belong to a writer that did not finish.
//! - `clouds.bin`: per record n x (x, y, z) as little-endian u16, quantised over the bounds (a 1 m cube: 15 µm steps),
//!   then n x (r, g, b) as u8.
//! - `records.jsonl`: per record one line of JSON.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::EpisodeError;

const FORMAT: u32 = 1;
const INDEX: &str = "index.json";
const CLOUDS: &str = "clouds.bin";
const RECORDS: &str = "records.jsonl";
const POINT_BYTES: u64 = 9;

/// Scene bounds in world [m]: lower x, y, z, upper x, y, z.
pub type Bounds = [f64; 6];

#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    points: u64,
    cloud_at: u64,
    cloud_crc32: u32,
    record_at: u64,
    record_bytes: u64,
    record_crc32: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    format: u32,
    meta: serde_json::Value,
    bounds_in_world_m: Bounds,
    clouds_bytes: u64,
    records_bytes: u64,
    entries: Vec<Entry>,
}

impl Index {
    fn read(dir: &Path) -> Result<Self, EpisodeError> {
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
            let fits = |at: u64, bytes: Option<u64>, file: u64| {
                bytes.and_then(|bytes| at.checked_add(bytes)).is_some_and(|end| end <= file)
            };
            if !fits(entry.cloud_at, entry.points.checked_mul(POINT_BYTES), index.clouds_bytes)
                || !fits(entry.record_at, Some(entry.record_bytes), index.records_bytes)
            {
                let reason = "lies outside the files that the index describes".into();
                return Err(EpisodeError::Record { path: dir.join(INDEX), record: i, reason });
            }
        }
        Ok(index)
    }
}

fn check_bounds(bounds: &Bounds) -> Result<(), String> {
    let ordered = (0..3).all(|k| bounds[k].is_finite() && bounds[k + 3].is_finite() && bounds[k] < bounds[k + 3]);
    if ordered { Ok(()) } else { Err(format!("bounds {bounds:?} are not finite with lower < upper")) }
}

/// One observation as training uses it: a fused cloud and whatever the writer wants to know about it.
pub struct CloudSample<'a, T: Serialize> {
    /// Points in world [m], inside the data set's bounds.
    pub xyz_in_world: &'a [[f32; 3]],
    /// Colours of the points.
    pub rgb: &'a [[u8; 3]],
    /// State, instruction, labels.
    pub record: &'a T,
}

/// Writes a data set. Nothing counts until [`DatasetWriter::checkpoint`] or [`DatasetWriter::finish`].
pub struct DatasetWriter {
    dir: PathBuf,
    index: Index,
    clouds: BufWriter<File>,
    records: BufWriter<File>,
    cloud_bytes: Vec<u8>,
}

impl DatasetWriter {
    /// A new data set in `dir` (made if missing; one that has an index is refused). `meta`: versions, seed, command.
    pub fn create(dir: &Path, bounds_in_world_m: Bounds, meta: serde_json::Value) -> Result<Self, EpisodeError> {
        check_bounds(&bounds_in_world_m).map_err(|reason| EpisodeError::Format { path: dir.to_path_buf(), reason })?;
        fs::create_dir_all(dir).map_err(EpisodeError::io(dir, "create"))?;
        if dir.join(INDEX).exists() {
            return Err(EpisodeError::AlreadyExists { path: dir.to_path_buf() });
        }
        let create = |name: &str| {
            let path = dir.join(name);
            File::create(&path).map_err(EpisodeError::io(&path, "create"))
        };
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
            clouds: BufWriter::with_capacity(1 << 20, create(CLOUDS)?),
            records: BufWriter::new(create(RECORDS)?),
            cloud_bytes: Vec::new(),
        })
    }

    /// Goes on after the last checkpoint of an existing data set; what an unfinished writer left behind it is cut off.
    pub fn append(dir: &Path) -> Result<Self, EpisodeError> {
        let index = Index::read(dir)?;
        let reopen = |name: &str, bytes: u64| {
            let path = dir.join(name);
            let mut file =
                OpenOptions::new().read(true).write(true).open(&path).map_err(EpisodeError::io(&path, "open"))?;
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
            clouds: BufWriter::with_capacity(1 << 20, reopen(CLOUDS, index.clouds_bytes)?),
            records: BufWriter::new(reopen(RECORDS, index.records_bytes)?),
            dir: dir.to_path_buf(),
            index,
            cloud_bytes: Vec::new(),
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

    /// Adds one sample. A refused sample (a point outside the bounds, lengths that differ) leaves the data set as it was.
    pub fn push<T: Serialize>(&mut self, sample: &CloudSample<'_, T>) -> Result<(), EpisodeError> {
        let number = self.len();
        let refuse = |reason: String| EpisodeError::Sample { path: self.dir.clone(), sample: number, reason };
        if sample.xyz_in_world.len() != sample.rgb.len() {
            let (points, colours) = (sample.xyz_in_world.len(), sample.rgb.len());
            return Err(refuse(format!("{points} points, but {colours} colours")));
        }
        let mut record = serde_json::to_vec(sample.record).map_err(|e| refuse(format!("record: {e}")))?;
        record.push(b'\n');

        self.cloud_bytes.clear();
        for (i, point) in sample.xyz_in_world.iter().enumerate() {
            for k in 0..3 {
                let step = quantise(point[k], k, &self.index.bounds_in_world_m)
                    .ok_or_else(|| refuse(format!("point {i} at {point:?} m is outside the bounds")))?;
                self.cloud_bytes.extend_from_slice(&step.to_le_bytes());
            }
        }
        self.cloud_bytes.extend_from_slice(sample.rgb.as_flattened());

        let write = |out: &mut BufWriter<File>, name: &str, bytes: &[u8]| {
            out.write_all(bytes).map_err(EpisodeError::io(&self.dir.join(name), "write"))
        };
        write(&mut self.clouds, CLOUDS, &self.cloud_bytes)?;
        write(&mut self.records, RECORDS, &record)?;
        self.index.entries.push(Entry {
            points: sample.rgb.len() as u64,
            cloud_at: self.index.clouds_bytes,
            cloud_crc32: crc32fast::hash(&self.cloud_bytes),
            record_at: self.index.records_bytes,
            record_bytes: record.len() as u64,
            record_crc32: crc32fast::hash(&record),
        });
        self.index.clouds_bytes += self.cloud_bytes.len() as u64;
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

/// Step of a coordinate, or `None` if it is outside the bounds by more than one step.
fn quantise(value_m: f32, axis: usize, bounds: &Bounds) -> Option<u16> {
    let (lower, upper) = (bounds[axis], bounds[axis + 3]);
    let step = (f64::from(value_m) - lower) / (upper - lower) * f64::from(u16::MAX);
    (step >= -1.0 && step <= f64::from(u16::MAX) + 1.0).then(|| step.round() as u16)
}

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
            let clouds = map(dir, CLOUDS, index.clouds_bytes, &index, |e| e.cloud_at + e.points * POINT_BYTES)?;
            let records = map(dir, RECORDS, index.records_bytes, &index, |e| e.record_at + e.record_bytes)?;
            let first = dataset.len;
            dataset.len += index.entries.len();
            dataset.shards.push(Shard { dir: dir.to_path_buf(), index, clouds, records, first });
        }
        Ok(dataset)
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
    /// Allocates only when the vectors are too small.
    pub fn cloud_into(
        &self,
        i: usize,
        xyz_in_world: &mut Vec<[f32; 3]>,
        rgb: &mut Vec<[u8; 3]>,
    ) -> Result<(), EpisodeError> {
        let (shard, local, entry) = self.find(i)?;
        let bytes =
            shard.slice(&shard.clouds, CLOUDS, local, entry.cloud_at, entry.points * POINT_BYTES, entry.cloud_crc32)?;
        let (xyz, colours) = bytes.split_at(entry.points as usize * 6);
        let bounds = &shard.index.bounds_in_world_m;
        let scale: [f64; 3] = std::array::from_fn(|k| (bounds[k + 3] - bounds[k]) / f64::from(u16::MAX));
        xyz_in_world.clear();
        xyz_in_world.extend(xyz.as_chunks::<6>().0.iter().map(|point| {
            std::array::from_fn(|k| {
                let step = u16::from_le_bytes([point[2 * k], point[2 * k + 1]]);
                (bounds[k] + f64::from(step) * scale[k]) as f32
            })
        }));
        rgb.clear();
        rgb.extend_from_slice(colours.as_chunks::<3>().0);
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

#[cfg(test)]
mod tests;
