//! Data sets for training: a folder of three files, mapped into memory, nothing pickled.
//!
//! - `index.json`: format, the writer's metadata, bounds, and where each record lies. Replaced atomically: what it
//!   names is whole, and bytes beyond it belong to a writer that did not finish.
//! - `clouds.bin`: per record a Zstandard frame of n points, one plane of bytes after another: x, y, z as u16 steps of
//!   0.25 mm from the lower bound (low bytes, then high bytes), r, g, b as u8; each value as its difference from the
//!   point before: what cameras see is smooth.
//! - `records.jsonl`: per record one line of JSON.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::EpisodeError;

const FORMAT: u32 = 3;
const INDEX: &str = "index.json";
const CLOUDS: &str = "clouds.bin";
const RECORDS: &str = "records.jsonl";
const POINT_BYTES: usize = 9;
/// Coordinates are kept in steps of this [m]: far below a depth camera's noise and a pixel of any view.
const STEP_M: f64 = 0.000_25;
/// Zstandard's level: higher ones take longer than they save.
const LEVEL: i32 = 3;
/// Most points of a record: four cameras of 1024 x 1024.
const MOST_POINTS: u64 = 1 << 22;

/// Scene bounds in world [m]: lower x, y, z, upper x, y, z.
pub type Bounds = [f64; 6];

#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    points: u64,
    cloud_at: u64,
    cloud_bytes: u64,
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
            let fits = |at: u64, bytes: u64, file: u64| at.checked_add(bytes).is_some_and(|end| end <= file);
            if !fits(entry.cloud_at, entry.cloud_bytes, index.clouds_bytes)
                || !fits(entry.record_at, entry.record_bytes, index.records_bytes)
                || entry.points > MOST_POINTS
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
    if !ordered {
        return Err(format!("bounds {bounds:?} are not finite with lower < upper"));
    }
    let most_m = f64::from(u16::MAX) * STEP_M;
    match (0..3).all(|k| bounds[k + 3] - bounds[k] <= most_m) {
        true => Ok(()),
        false => Err(format!("bounds {bounds:?} are longer than {most_m:.1} m on an axis")),
    }
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

/// The nine planes of a cloud; the index of the first point outside the bounds, if there is one.
fn planes(xyz_in_world: &[[f32; 3]], rgb: &[[u8; 3]], bounds: &Bounds) -> Result<Vec<u8>, usize> {
    let count = rgb.len();
    let mut planes = vec![0; count * POINT_BYTES];
    for k in 0..3 {
        let (mut last, mut last_colour) = (0u16, 0u8);
        for i in 0..count {
            let step = quantise(xyz_in_world[i][k], k, bounds).ok_or(i)?;
            let [low, high] = step.wrapping_sub(last).to_le_bytes();
            planes[2 * k * count + i] = low;
            planes[(2 * k + 1) * count + i] = high;
            planes[(6 + k) * count + i] = rgb[i][k].wrapping_sub(last_colour);
            (last, last_colour) = (step, rgb[i][k]);
        }
    }
    Ok(planes)
}

/// What [`planes`] packed.
fn unplane(planes: &[u8], bounds: &Bounds, xyz_in_world: &mut Vec<[f32; 3]>, rgb: &mut Vec<[u8; 3]>) {
    let count = planes.len() / POINT_BYTES;
    xyz_in_world.clear();
    xyz_in_world.resize(count, [0.0; 3]);
    rgb.clear();
    rgb.resize(count, [0; 3]);
    for k in 0..3 {
        let (mut step, mut colour) = (0u16, 0u8);
        for i in 0..count {
            let difference = u16::from_le_bytes([planes[2 * k * count + i], planes[(2 * k + 1) * count + i]]);
            step = step.wrapping_add(difference);
            colour = colour.wrapping_add(planes[(6 + k) * count + i]);
            xyz_in_world[i][k] = (bounds[k] + f64::from(step) * STEP_M).min(bounds[k + 3]) as f32;
            rgb[i][k] = colour;
        }
    }
}

/// Step of a coordinate, or `None` if it is outside the bounds by more than one step.
fn quantise(value_m: f32, axis: usize, bounds: &Bounds) -> Option<u16> {
    let (lower, upper) = (bounds[axis], bounds[axis + 3]);
    let (step, most) = ((f64::from(value_m) - lower) / STEP_M, (upper - lower) / STEP_M);
    (step >= -1.0 && step <= most + 1.0).then(|| step.round() as u16)
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

#[cfg(test)]
mod tests;
