//! An episode as a data set of LeRobot, version 3, with its pictures as PNG inside of the table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use neuraxis_core::Joints;
use neuraxis_episode::{EpisodeError, Moment, Picture, Recorded};
use serde_json::{Map, Value, json};

use super::{
    info::{ACTION, DATA_PATH, EPISODES, IMAGES, INFO, STATE},
    tables::{Cells, TableWriter},
};

/// Rows that are written at once: their pictures are in memory.
const GROUP: usize = 32;
/// Name of the gripper's number in state and action.
const GRIPPER: &str = "gripper.width_m";

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Number of frames.
    pub frames: usize,
    /// Frames a second.
    pub fps: u64,
    /// Most that a frame's time differs from the time that its number stands for: LeRobot's frames are evenly spaced [s].
    pub shift_secs: f64,
    /// What the format has no place for, or nobody recorded, in words.
    pub notes: Vec<String>,
}

/// Writes a data set of one episode to a new folder: `observation.state` (joints [rad], then the fingers' distance [m]),
/// `action` (the same as commanded last; where no command was recorded, the state of the next frame), and a picture of
/// each camera. Depth, calibration and the tool's pose have no place in the format; the robot has the name of its URDF, if that
/// was recorded.
///
/// # Errors
/// The folder exists; there are fewer than two frames; joints, gripper or sentence were not recorded; a picture changes its
/// size or cannot be read; or the disk is full.
pub fn export(episode: &dyn Recorded, root: &Path) -> Result<Exported, EpisodeError> {
    if root.exists() {
        return Err(EpisodeError::format(root, "exists already; a data set is written to a new folder"));
    }
    fill(episode, root).inspect_err(|_| {
        // Half a data set is none; what it failed with is told, whether or not it goes.
        let _ = fs::remove_dir_all(root);
    })
}

fn fill(episode: &dyn Recorded, root: &Path) -> Result<Exported, EpisodeError> {
    let refuse = |reason: &str| EpisodeError::format(root, reason);
    let (about, moments) = (episode.about(), episode.moments());
    let task = about.instruction.as_deref().ok_or_else(|| refuse("no sentence was recorded that says what is done"))?;
    let (fps, shift_secs) = rate(moments).ok_or_else(|| refuse("two frames or more are needed"))?;
    let states: Option<Vec<Vec<f32>>> = moments.iter().map(|m| vector(m.q.as_ref(), m.gripper_width_m)).collect();
    let states =
        states.ok_or_else(|| refuse("joint positions or the gripper's width were not recorded in each frame"))?;
    let dim = about.joint_names.len() + 1;
    if states.iter().any(|state| state.len() != dim) {
        return Err(refuse("a frame has another number of joints than the episode"));
    }
    let mut notes = vec!["depth, calibration and the tool's pose have no place in LeRobot's format".to_string()];
    let told: Option<Vec<Vec<f32>>> =
        moments.iter().map(|m| vector(m.q_command.as_ref(), m.gripper_command_m).filter(|v| v.len() == dim)).collect();
    let actions = told.unwrap_or_else(|| {
        notes.push("commands were not recorded in each frame: an action is the state of the next frame".into());
        states.iter().skip(1).chain(states.last()).cloned().collect()
    });

    let frames: Vec<usize> = (0..moments.len()).collect();
    let mut table: Option<TableWriter<fs::File>> = None;
    let mut cameras: Vec<(String, [u32; 2], Statistics)> = Vec::new();
    let mut waiting: Vec<(usize, Vec<Picture>)> = Vec::new();
    let data = root.join(DATA_PATH.replace("{chunk_index:03d}", "000").replace("{file_index:03d}", "000"));
    let mut flush = |waiting: &mut Vec<(usize, Vec<Picture>)>, cameras: &mut Vec<(String, [u32; 2], Statistics)>| {
        let columns = columns(waiting, cameras, (&states, &actions), fps).map_err(|e| EpisodeError::format(root, e))?;
        let table = match &mut table {
            Some(table) => table,
            None => table.insert(TableWriter::create(&data, &columns, &[("huggingface", hugging_face(&columns))])?),
        };
        waiting.clear();
        table.add(&columns).map_err(|e| EpisodeError::format(&data, e))
    };
    for pictures in episode.pictures(&frames) {
        waiting.push(pictures?);
        if waiting.len() == GROUP {
            flush(&mut waiting, &mut cameras)?;
        }
    }
    if !waiting.is_empty() {
        flush(&mut waiting, &mut cameras)?;
    }
    let table = table.ok_or_else(|| refuse("no frame"))?;
    table.finish().map_err(|e| EpisodeError::format(&data, e))?;

    let count = moments.len();
    let mut names = about.joint_names.clone();
    names.push(GRIPPER.into());
    let robot = about.robot_description.as_deref().and_then(robot_name);
    write_meta(root, robot, &names, &cameras, (fps, count))?;
    write_statistics(root, (&states, &actions), &cameras, fps)?;
    write_tables(root, task, count)?;
    Ok(Exported { frames: count, fps, shift_secs, notes })
}

/// Joints, then the gripper.
fn vector(q: Option<&Joints>, width_m: Option<f64>) -> Option<Vec<f32>> {
    Some(q?.iter().chain([&width_m?]).map(|x| *x as f32).collect())
}

/// Frames a second, whole, and how far frames are from where their numbers put them [s].
fn rate(moments: &[Moment]) -> Option<(u64, f64)> {
    let (first, last) = (moments.first()?.stamp, moments.last()?.stamp);
    let secs = last.secs_since(first);
    let fps = ((moments.len() - 1) as f64 / secs).round();
    if !(secs > 0.0 && fps >= 1.0) {
        return None;
    }
    let shift = |(i, moment): (usize, &Moment)| (moment.stamp.secs_since(first) - i as f64 / fps).abs();
    Some((fps as u64, moments.iter().enumerate().map(shift).fold(0.0, f64::max)))
}

/// The columns of some rows.
fn columns(
    rows: &[(usize, Vec<Picture>)],
    cameras: &mut Vec<(String, [u32; 2], Statistics)>,
    (states, actions): (&[Vec<f32>], &[Vec<f32>]),
    fps: u64,
) -> Result<Vec<(String, Cells)>, String> {
    let mut packed: Vec<Vec<Vec<u8>>> = Vec::new();
    for (t, pictures) in rows {
        if cameras.is_empty() {
            cameras.extend(pictures.iter().map(|picture| (picture.name.to_string(), picture.size, Statistics::new(3))));
        }
        packed.resize_with(cameras.len(), Vec::new);
        for (i, (name, size, statistics)) in cameras.iter_mut().enumerate() {
            let picture = pictures.iter().find(|picture| *picture.name == **name && picture.size == *size);
            let picture =
                picture.ok_or_else(|| format!("frame {t}: camera {name} has no picture of {size:?} pixels"))?;
            picture
                .rgb
                .as_chunks::<3>()
                .0
                .iter()
                .for_each(|pixel| statistics.add(&pixel.map(|c| f64::from(c) / 255.0)));
            let png = neuraxis_picture::encode(picture.size, &picture.rgb)
                .map_err(|e| format!("frame {t}: camera {name}: {e}"))?;
            packed.get_mut(i).into_iter().for_each(|column| column.push(png.clone()));
        }
    }
    let pick = |of: &[Vec<f32>]| rows.iter().filter_map(|(t, _)| of.get(*t).cloned()).collect();
    let numbers: Vec<i64> = rows.iter().map(|(t, _)| *t as i64).collect();
    let zeros = Cells::Ints(vec![0; rows.len()]);
    let mut columns =
        vec![(STATE.to_string(), Cells::Vectors(pick(states))), (ACTION.into(), Cells::Vectors(pick(actions)))];
    columns.extend(
        cameras.iter().zip(packed).map(|((name, ..), column)| (format!("{IMAGES}{name}"), Cells::Pictures(column))),
    );
    columns.push(("timestamp".into(), Cells::Float(numbers.iter().map(|n| *n as f32 / fps as f32).collect())));
    columns.push(("frame_index".into(), Cells::Ints(numbers.clone())));
    columns.push(("episode_index".into(), zeros.clone()));
    columns.push(("index".into(), Cells::Ints(numbers)));
    columns.push(("task_index".into(), zeros));
    Ok(columns)
}

/// What the `datasets` library wants to know of the columns.
fn hugging_face(columns: &[(String, Cells)]) -> String {
    let value = |dtype: &str| json!({ "dtype": dtype, "_type": "Value" });
    let feature = |cells: &Cells| match cells {
        Cells::Ints(_) => value("int64"),
        Cells::Float(_) => value("float32"),
        Cells::Texts(_) => value("string"),
        Cells::Vectors(rows) => {
            json!({ "feature": value("float32"), "length": rows.first().map_or(0, Vec::len), "_type": "Sequence" })
        }
        Cells::Lists(_) => json!({ "feature": value("string"), "_type": "Sequence" }),
        Cells::Pictures(_) => json!({ "_type": "Image" }),
    };
    let features: Map<String, Value> = columns.iter().map(|(name, cells)| (name.clone(), feature(cells))).collect();
    json!({ "info": { "features": features } }).to_string()
}

fn write(path: &Path, value: &Value) -> Result<(), EpisodeError> {
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(EpisodeError::io(path, "create"))?;
    let text = serde_json::to_vec_pretty(value).map_err(|e| EpisodeError::format(path, e))?;
    fs::write(path, text).map_err(EpisodeError::io(path, "write"))
}

/// The name that a URDF gives its robot: the attribute `name` of its first element, as it is written there.
fn robot_name(urdf: &str) -> Option<&str> {
    let mut left = urdf;
    // Declarations and comments stand before it, and may speak of other robots.
    let element = loop {
        let markup = left.split_once('<')?.1;
        (_, left) = if let Some(comment) = markup.strip_prefix("!--") {
            comment.split_once("-->")?
        } else if markup.starts_with('?') {
            markup.split_once("?>")?
        } else if markup.starts_with('!') {
            markup.split_once('>')?
        } else {
            break markup;
        };
    };
    let mut attributes = element.strip_prefix("robot").filter(|left| left.starts_with(char::is_whitespace))?;
    loop {
        // Where the tag ends, what is found belongs to another one.
        let (key, value) = attributes.split_once('=').filter(|(key, _)| !key.contains('>'))?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let (value, after) = value.strip_prefix(quote)?.split_once(quote)?;
        if key.trim() == "name" {
            return Some(value);
        }
        attributes = after;
    }
}

fn write_meta(
    root: &Path,
    robot: Option<&str>,
    names: &[String],
    cameras: &[(String, [u32; 2], Statistics)],
    (fps, count): (u64, usize),
) -> Result<(), EpisodeError> {
    let mut features = Map::new();
    for key in [STATE, ACTION] {
        features.insert(key.into(), json!({ "dtype": "float32", "shape": [names.len()], "names": names }));
    }
    for (name, [width, height], _) in cameras {
        let shape = json!({ "dtype": "image", "shape": [height, width, 3], "names": ["height", "width", "channels"] });
        features.insert(format!("{IMAGES}{name}"), shape);
    }
    for (key, dtype) in [
        ("timestamp", "float32"),
        ("frame_index", "int64"),
        ("episode_index", "int64"),
        ("index", "int64"),
        ("task_index", "int64"),
    ] {
        features.insert(key.into(), json!({ "dtype": dtype, "shape": [1], "names": null }));
    }
    let info = json!({
        "codebase_version": "v3.0", "robot_type": robot, "total_episodes": 1, "total_frames": count, "total_tasks": 1,
        "chunks_size": 1000, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200, "fps": fps,
        "splits": { "train": "0:1" }, "data_path": DATA_PATH, "video_path": null, "features": features,
    });
    write(&root.join(INFO), &info)
}

fn write_statistics(
    root: &Path,
    (states, actions): (&[Vec<f32>], &[Vec<f32>]),
    cameras: &[(String, [u32; 2], Statistics)],
    fps: u64,
) -> Result<(), EpisodeError> {
    let mut all = Map::new();
    for (key, rows) in [(STATE, states), (ACTION, actions)] {
        let mut statistics = Statistics::new(rows.first().map_or(0, Vec::len));
        rows.iter().for_each(|row| statistics.add(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>()));
        all.insert(key.into(), statistics.json(rows.len(), |x| json!(x)));
    }
    for (name, _, statistics) in cameras {
        // Channels stand first, as in a tensor of a picture.
        all.insert(format!("{IMAGES}{name}"), statistics.json(states.len(), |x| json!([[x]])));
    }
    let mut numbers = |key: &str, of: &dyn Fn(usize) -> f64| {
        let mut statistics = Statistics::new(1);
        (0..states.len()).for_each(|i| statistics.add(&[of(i)]));
        all.insert(key.into(), statistics.json(states.len(), |x| json!(x)));
    };
    numbers("timestamp", &|i| i as f64 / fps as f64);
    numbers("frame_index", &|i| i as f64);
    numbers("index", &|i| i as f64);
    numbers("episode_index", &|_| 0.0);
    numbers("task_index", &|_| 0.0);
    write(&root.join("meta/stats.json"), &Value::Object(all))
}

/// Episodes and tasks: one of each.
fn write_tables(root: &Path, task: &str, count: usize) -> Result<(), EpisodeError> {
    let int = |name: &str, value: i64| (name.to_string(), Cells::Ints(vec![value]));
    let episodes = [
        int("episode_index", 0),
        ("tasks".to_string(), Cells::Lists(vec![vec![task.to_string()]])),
        int("length", count as i64),
        int("data/chunk_index", 0),
        int("data/file_index", 0),
        int("dataset_from_index", 0),
        int("dataset_to_index", count as i64),
        int("meta/episodes/chunk_index", 0),
        int("meta/episodes/file_index", 0),
    ];
    // LeRobot looks tasks up by the index of a pandas table.
    let column = |name: &str, pandas: &str, numpy: &str| json!({ "name": name, "field_name": name, "pandas_type": pandas, "numpy_type": numpy, "metadata": null });
    let pandas = json!({
        "index_columns": ["task"], "pandas_version": "2.2.0",
        "column_indexes": [{ "name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object",
                             "metadata": { "encoding": "UTF-8" } }],
        "columns": [column("task_index", "int64", "int64"), column("task", "unicode", "object")],
    });
    let tasks = [int("task_index", 0), ("task".to_string(), Cells::Texts(vec![task.to_string()]))];
    let write = |path: PathBuf, columns: &[(String, Cells)], notes: &[(&str, String)]| {
        let mut table = TableWriter::create(&path, columns, notes)?;
        table.add(columns).and_then(|()| table.finish()).map_err(|e| EpisodeError::format(&path, e))
    };
    write(root.join(EPISODES).join("chunk-000/file-000.parquet"), &episodes, &[])?;
    write(root.join("meta/tasks.parquet"), &tasks, &[("pandas", pandas.to_string())])
}

/// Least, greatest, mean and spread of each number of a vector.
#[derive(Clone, Debug)]
struct Statistics {
    count: f64,
    /// Least, greatest, mean, and sum of squares about the mean (Welford 1962).
    of: Vec<[f64; 4]>,
}

impl Statistics {
    fn new(len: usize) -> Self {
        Self { count: 0.0, of: vec![[f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0]; len] }
    }

    fn add(&mut self, vector: &[f64]) {
        self.count += 1.0;
        for ([least, greatest, mean, squares], x) in self.of.iter_mut().zip(vector) {
            let step = x - *mean;
            *mean += step / self.count;
            *squares += step * (x - *mean);
            (*least, *greatest) = (least.min(*x), greatest.max(*x));
        }
    }

    fn json(&self, count: usize, shape: impl Fn(f64) -> Value) -> Value {
        let all = |of: &dyn Fn(&[f64; 4]) -> f64| -> Value { self.of.iter().map(|x| shape(of(x))).collect() };
        json!({
            "min": all(&|[least, ..]| *least), "max": all(&|[_, greatest, ..]| *greatest),
            "mean": all(&|[_, _, mean, _]| *mean), "std": all(&|[.., squares]| (squares / self.count).sqrt()),
            "count": [count],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_robot_has_the_name_of_its_urdf() {
        for (urdf, name) in [
            ("<?xml version='1.0'?>\n<robot xmlns:x='x' file='a'\n  name='ur5e'><link name='b'/>", Some("ur5e")),
            ("<robot name=\"my arm\">", Some("my arm")),
            ("<robot\n\tname = 'it' version='1'/>", Some("it")),
            ("<!-- <robot name='old'> -->\n<robot name='new'/>", Some("new")),
            ("<!DOCTYPE robot [<!ENTITY arm 'no'>]>\n<robot name='new'/>", Some("new")),
            ("<robot about=\"a > b, name='no'\" full_name='no' name='arm'/>", Some("arm")),
            ("", None),
            ("<robot><link name='base'/></robot>", None),
            ("<robot version='1'><link kind='k' name='base'/></robot>", None),
            ("<robots name='many'><robot name='one'/></robots>", None),
            ("<!-- <robot name='old'>", None),
            ("<robot name=base/>", None),
        ] {
            assert_eq!(robot_name(urdf), name, "{urdf}");
        }
    }
}
