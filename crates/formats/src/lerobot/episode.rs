//! Episodes of a data set.

use std::{
    fs::{self, File},
    ops::Range,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use neuraxis_core::{Joints, MAX_JOINTS, Nanos};
use neuraxis_episode::{About, EpisodeError, Moment, Picture, Pictures, Recorded, judge_gripper};
use neuraxis_picture::Pixels;

use super::{
    info::{ACTION, Camera, EPISODES, Info, STATE},
    video::Frames,
};
use crate::parquet::{Column, Table};

/// Most episodes of a data set.
const MOST_EPISODES: usize = 1_000_000;
/// Most frames of an episode.
const MOST_FRAMES: u64 = 200_000;

/// How to understand a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The program that unpacks videos.
    pub ffmpeg: PathBuf,
    /// Joint positions are in degrees, not in radians.
    pub degrees: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), degrees: false }
    }
}

/// A data set whose tables of episodes have been read.
pub struct DataSet {
    root: PathBuf,
    info: Info,
    cameras: Vec<Camera>,
    rows: Vec<Row>,
}

/// Where an episode is in a video: chunk, file, and the time that it starts at [s].
type Video = (i64, i64, f64);

/// Where an episode lies.
struct Row {
    number: i64,
    task: Option<String>,
    length: i64,
    data: (i64, i64),
    /// Of each camera that is a video.
    videos: Vec<Option<Video>>,
}

/// One episode.
pub struct Episode {
    root: PathBuf,
    info: Info,
    options: Options,
    about: About,
    moments: Vec<Moment>,
    data: Mmap,
    path: PathBuf,
    /// Its rows in the file.
    rows: Range<u64>,
    cameras: Vec<(Camera, Option<Video>)>,
}

fn map(path: &Path) -> Result<Mmap, EpisodeError> {
    let file = File::open(path).map_err(EpisodeError::io(path, "open"))?;
    // SAFETY: the bytes are only read, and every pattern of them is parsed with checks; LeRobot writes a file whole and
    // does not shorten it.
    unsafe { Mmap::map(&file) }.map_err(EpisodeError::io(path, "map"))
}

impl DataSet {
    /// Reads what a data set says of itself; `root` holds `meta`, `data` and perhaps `videos`.
    ///
    /// # Errors
    /// The file that is missing, damaged or of another version.
    pub fn open(root: &Path) -> Result<Self, EpisodeError> {
        let info = Info::read(root)?;
        let cameras = info.cameras().map_err(|reason| EpisodeError::format(&root.join(super::info::INFO), reason))?;
        let mut data_set = Self { root: root.into(), info, cameras, rows: Vec::new() };
        for path in tables(&root.join(EPISODES))? {
            let bytes = map(&path)?;
            data_set.add(&bytes).map_err(|reason| EpisodeError::format(&path, reason))?;
        }
        if data_set.rows.is_empty() {
            return Err(EpisodeError::format(&root.join(EPISODES), "no episode in it"));
        }
        Ok(data_set)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let table = Table::parse(bytes)?;
        let all = 0..table.rows();
        if table.rows().saturating_add(self.rows.len() as u64) > MOST_EPISODES as u64 {
            return Err(format!("more than {MOST_EPISODES} episodes"));
        }
        let column = |name: &str| table.read(table.leaf(name).unwrap_or(name), all.clone());
        let (numbers, lengths) = (column("episode_index")?, column("length")?);
        let (chunks, files) = (column("data/chunk_index")?, column("data/file_index")?);
        // What is done is the business of who wants to know it.
        let tasks = column("tasks").ok();
        let mut videos = Vec::with_capacity(self.cameras.len());
        for camera in &self.cameras {
            let part = |part: &str| column(&format!("videos/{}/{part}", camera.key));
            videos.push(match camera.is_video {
                true => Some((part("chunk_index")?, part("file_index")?, part("from_timestamp")?)),
                false => None,
            });
        }
        for row in 0..numbers.rows() {
            let int = |column: &Column, name: &str| column.int(row).ok_or_else(|| format!("episode {row}: no {name}"));
            let task = tasks.as_ref().and_then(|tasks| Some(tasks.texts(row)?.first()?.trim().to_string()));
            let video = |parts: &Option<(Column, Column, Column)>| -> Result<_, String> {
                let Some((chunks, files, starts)) = parts else { return Ok(None) };
                let start = starts.floats(row).and_then(|secs| secs.first().copied()).filter(|secs| *secs >= 0.0);
                let start = start.ok_or_else(|| format!("episode {row}: no from_timestamp"))?;
                Ok(Some((int(chunks, "chunk_index")?, int(files, "file_index")?, start)))
            };
            self.rows.push(Row {
                number: int(&numbers, "episode_index")?,
                task: task.filter(|task| !task.is_empty()),
                length: int(&lengths, "length")?,
                data: (int(&chunks, "data/chunk_index")?, int(&files, "data/file_index")?),
                videos: videos.iter().map(video).collect::<Result<_, _>>()?,
            });
        }
        Ok(())
    }

    /// Number of episodes.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is none; a data set that was opened has one at least.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads an episode by its place; pictures wait until they are asked for.
    ///
    /// # Errors
    /// There is no such episode, or its table is missing, damaged, or does not hold what the data set says.
    pub fn episode(&self, place: usize, options: &Options) -> Result<Episode, EpisodeError> {
        let refuse = |reason: String| EpisodeError::format(&self.root, format!("episode {place}: {reason}"));
        let row = self.rows.get(place).ok_or_else(|| refuse(format!("the data set has {}", self.rows.len())))?;
        let path = self.info.data_file(&self.root, row.data.0, row.data.1).map_err(refuse)?;
        let data = map(&path)?;
        let named = |reason: String| EpisodeError::format(&path, reason);
        let (rows, moments, about) = self.read(row, &data, options).map_err(named)?;
        let cameras = self.cameras.iter().cloned().zip(row.videos.iter().copied()).collect();
        let (root, info, options) = (self.root.clone(), self.info.clone(), options.clone());
        Ok(Episode { root, info, options, about, moments, data, path, rows, cameras })
    }

    fn read(&self, row: &Row, data: &[u8], options: &Options) -> Result<(Range<u64>, Vec<Moment>, About), String> {
        let table = Table::parse(data)?;
        let rows = rows_of(&table, row.number)?;
        let count = rows.end - rows.start;
        if count > MOST_FRAMES || i64::try_from(count) != Ok(row.length) {
            return Err(format!("episode {}: {count} rows, {} said, allowed: {MOST_FRAMES}", row.number, row.length));
        }
        let mut notes = Vec::new();
        let vectors = |key: &str| -> Result<Option<(Vec<String>, Column)>, String> {
            let Some(leaf) = table.leaf(key) else { return Ok(None) };
            let names = self.info.names(key).ok_or_else(|| format!("{key}: not a vector by {}", super::info::INFO))?;
            Ok(Some((names, table.read(leaf, rows.clone())?)))
        };
        let (state, action) = (vectors(STATE)?, vectors(ACTION)?);
        let is_gripper =
            |name: &String| ["gripper", "finger"].iter().any(|part| name.to_ascii_lowercase().contains(part));
        let names = state.as_ref().map(|(names, _)| names.clone()).unwrap_or_default();
        let (gripper, arm): (Vec<usize>, Vec<usize>) =
            (0..names.len()).partition(|i| names.get(*i).is_some_and(is_gripper));
        let fits = arm.len() <= MAX_JOINTS;
        if !fits {
            notes.push(format!(
                "{STATE} has {} numbers beside the gripper's, allowed: {MAX_JOINTS}; left out",
                arm.len()
            ));
        }
        let is_told = action.as_ref().is_some_and(|(told, _)| *told == names || told.len() == names.len());
        if action.is_some() && !is_told {
            notes.push(format!("{ACTION} is no command to the joints of {STATE}; left out"));
        }
        let times = table.read("timestamp", rows.clone())?;
        let mut moments: Vec<Moment> = Vec::with_capacity(times.rows());
        for i in 0..times.rows() {
            let secs = times.floats(i).and_then(|secs| secs.first().copied()).filter(|secs| *secs >= 0.0);
            let stamp = Nanos::from_secs(secs.ok_or_else(|| format!("frame {i}: no timestamp"))?);
            if moments.last().is_some_and(|last| stamp <= last.stamp) {
                return Err(format!("frame {i}: timestamp {} s is no later than the one before", stamp.secs()));
            }
            let pick = |column: &Column, of: &[usize]| -> Result<Vec<f64>, String> {
                let vector = column.floats(i).filter(|vector| vector.len() == names.len());
                let vector =
                    vector.ok_or_else(|| format!("frame {i}: a vector that is not of {} numbers", names.len()))?;
                Ok(of.iter().filter_map(|k| vector.get(*k).copied()).collect())
            };
            let angles = |column: &Column| -> Result<Option<Joints>, String> {
                let mut q = pick(column, &arm)?;
                if options.degrees {
                    q.iter_mut().for_each(|angle| *angle = angle.to_radians());
                }
                Ok(Joints::from_slice(&q).filter(|q| !q.is_empty()))
            };
            let width = |column: &Column| -> Result<Option<f64>, String> {
                Ok(Some(pick(column, &gripper)?.iter().sum()).filter(|_| !gripper.is_empty()))
            };
            let mut moment = Moment { stamp, ..Moment::default() };
            if let Some((_, column)) = state.as_ref().filter(|_| fits) {
                (moment.q, moment.gripper_width_m) = (angles(column)?, width(column)?);
            }
            if let Some((_, column)) = action.as_ref().filter(|_| fits && is_told) {
                (moment.q_command, moment.gripper_command_m) = (angles(column)?, width(column)?);
            }
            moments.push(moment);
        }
        judge_gripper(&mut moments, None);
        let pick = |of: &[usize]| of.iter().filter_map(|i| names.get(*i).cloned()).collect();
        let task = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let about = About {
            source: "LeRobot",
            task,
            number: u64::try_from(row.number).map_err(|e| e.to_string())?,
            instruction: row.task.clone(),
            joint_names: if fits { pick(&arm) } else { Vec::new() },
            gripper_joint_names: if fits { pick(&gripper) } else { Vec::new() },
            cameras: self.cameras.iter().map(|camera| camera.name.clone()).collect(),
            robot_description: None,
            world_from_base: None,
            notes,
        };
        Ok((rows, moments, about))
    }
}

/// The rows of a file that are an episode's; they lie together.
fn rows_of(table: &Table<'_>, number: i64) -> Result<Range<u64>, String> {
    let episodes = table.read("episode_index", 0..table.rows())?;
    let is_its = |i: &usize| episodes.int(*i) == Some(number);
    let start = (0..episodes.rows()).find(is_its).ok_or_else(|| format!("no row of episode {number}"))?;
    let len = (start..episodes.rows()).take_while(is_its).count();
    if (start + len..episodes.rows()).any(|i| is_its(&i)) {
        return Err(format!("rows of episode {number} do not lie together"));
    }
    Ok(start as u64..(start + len) as u64)
}

/// All tables in the folders of a folder, in order of their names.
fn tables(folder: &Path) -> Result<Vec<PathBuf>, EpisodeError> {
    let mut found = Vec::new();
    for chunk in fs::read_dir(folder).map_err(EpisodeError::io(folder, "read"))? {
        let chunk = chunk.map_err(EpisodeError::io(folder, "read"))?.path();
        if !chunk.is_dir() {
            continue;
        }
        for file in fs::read_dir(&chunk).map_err(EpisodeError::io(&chunk, "read"))? {
            let file = file.map_err(EpisodeError::io(&chunk, "read"))?.path();
            if file.extension().is_some_and(|end| end == "parquet") {
                found.push(file);
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Recorded for Episode {
    fn about(&self) -> &About {
        &self.about
    }

    fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a> {
        let sources = self.cameras.iter().map(|(camera, video)| self.source(camera, *video)).collect();
        let mut sources: Result<Vec<Source<'a>>, EpisodeError> = sources;
        let mut is_done = false;
        Box::new(frames.iter().map_while(move |t| {
            if is_done {
                return None;
            }
            let pictures = match &mut sources {
                Ok(sources) => sources.iter_mut().map(|source| source.at(*t, &self.path)).collect(),
                Err(error) => Err(std::mem::replace(error, EpisodeError::format(&self.path, "no pictures"))),
            };
            let pictures: Result<Vec<Picture>, EpisodeError> = pictures;
            is_done = pictures.is_err();
            Some(pictures.map(|pictures| (*t, pictures)))
        }))
    }
}

type Columns<'a> = Box<dyn Iterator<Item = Result<Column, String>> + 'a>;

/// Pictures of a camera, one after another.
struct Source<'a> {
    camera: &'a Camera,
    kind: Kind<'a>,
    /// Number of the frame that comes next.
    next: usize,
}

enum Kind<'a> {
    Table(Columns<'a>),
    Video(Frames),
}

impl Episode {
    fn source<'a>(&'a self, camera: &'a Camera, video: Option<Video>) -> Result<Source<'a>, EpisodeError> {
        let refuse = |reason: String| EpisodeError::format(&self.path, reason);
        let kind = match video {
            Some((chunk, file, start)) => {
                let path = self.info.video_file(&self.root, &camera.key, chunk, file).map_err(refuse)?;
                Kind::Video(Frames::open(&self.options.ffmpeg, &path, start, self.info.fps, camera.size)?)
            }
            None => {
                let table = Table::parse(&self.data).map_err(refuse)?;
                let column = format!("{}.bytes", camera.key);
                Kind::Table(Box::new(table.each(&column, self.rows.clone()).map_err(refuse)?))
            }
        };
        Ok(Source { camera, kind, next: 0 })
    }
}

impl Source<'_> {
    fn at(&mut self, t: usize, path: &Path) -> Result<Picture, EpisodeError> {
        let camera = self.camera;
        let refuse = |reason: String| EpisodeError::format(path, format!("{}, frame {t}: {reason}", camera.key));
        let mut found = None;
        while self.next <= t {
            self.next += 1;
            found = Some(match &mut self.kind {
                Kind::Video(frames) => Found::Rgb(frames.next()?),
                Kind::Table(columns) => {
                    Found::Packed(columns.next().unwrap_or(Err("no such row".into())).map_err(refuse)?)
                }
            });
        }
        let rgb = match found.ok_or_else(|| refuse("frames do not increase".into()))? {
            Found::Rgb(rgb) => rgb,
            Found::Packed(column) => {
                let bytes = column.bytes(0).ok_or_else(|| refuse("its picture is not in the table".into()))?;
                let decoded = neuraxis_picture::decode(bytes).map_err(refuse)?;
                match decoded.pixels {
                    Pixels::Rgb(rgb) if decoded.size == camera.size => rgb,
                    Pixels::Rgb(_) => {
                        return Err(refuse(format!("{:?} pixels, {:?} said", decoded.size, camera.size)));
                    }
                    _ => return Err(refuse("a picture without colours".into())),
                }
            }
        };
        let name = camera.name.as_str().into();
        Ok(Picture { name, size: camera.size, rgb, depth_m: None, intrinsics: None, world_from_camera: None })
    }
}

enum Found {
    Rgb(Vec<u8>),
    Packed(Column),
}
