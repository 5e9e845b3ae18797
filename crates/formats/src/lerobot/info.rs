//! `meta/info.json`: what the columns are, and where the files lie.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use neuraxis_episode::EpisodeError;
use serde::Deserialize;
use serde_json::Value;

pub(super) const INFO: &str = "meta/info.json";
/// Folder of the episodes' tables.
pub(super) const EPISODES: &str = "meta/episodes";
pub(super) const DATA_PATH: &str = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
pub(super) const STATE: &str = "observation.state";
pub(super) const ACTION: &str = "action";
pub(super) const IMAGES: &str = "observation.images.";
/// No data set describes itself at more length [bytes].
const MOST_BYTES: u64 = 16 << 20;
/// Most pixels of a picture.
const MOST_PIXELS: u64 = 4096 * 4096;
/// Most columns of pictures: each episode says where its videos are.
const MOST_CAMERAS: usize = 64;

/// As it stands there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Info {
    codebase_version: String,
    pub(super) fps: f64,
    features: BTreeMap<String, Feature>,
    data_path: Option<String>,
    video_path: Option<String>,
}

/// One column.
#[derive(Clone, Debug, Deserialize)]
struct Feature {
    dtype: String,
    #[serde(default)]
    shape: Vec<u64>,
    #[serde(default)]
    names: Value,
}

/// A column of pictures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Camera {
    /// Name of the column.
    pub(super) key: String,
    /// The same without what all cameras begin with.
    pub(super) name: String,
    pub(super) is_video: bool,
    /// Width and height [px].
    pub(super) size: [u32; 2],
}

impl Info {
    pub(super) fn read(root: &Path) -> Result<Self, EpisodeError> {
        let path = root.join(INFO);
        let len = fs::metadata(&path).map_err(EpisodeError::io(&path, "read"))?.len();
        if len > MOST_BYTES {
            return Err(EpisodeError::format(&path, format!("{len} bytes, allowed: {MOST_BYTES}")));
        }
        let text = fs::read(&path).map_err(EpisodeError::io(&path, "read"))?;
        Self::parse(&text).map_err(|reason| EpisodeError::format(&path, reason))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let info: Self = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        if !info.codebase_version.starts_with("v3.") {
            let found = &info.codebase_version;
            return Err(format!("codebase_version {found:?}, known: v3; LeRobot itself converts older data sets"));
        }
        if !(info.fps > 0.0 && info.fps <= 10_000.0) {
            return Err(format!("fps {}, allowed: above 0 to 10000", info.fps));
        }
        Ok(info)
    }

    /// Columns of pictures, in order of their names.
    pub(super) fn cameras(&self) -> Result<Vec<Camera>, String> {
        let mut cameras = Vec::new();
        for (key, feature) in &self.features {
            let is_video = match feature.dtype.as_str() {
                "video" => true,
                "image" => false,
                _ => continue,
            };
            if cameras.len() == MOST_CAMERAS {
                return Err(format!("more than {MOST_CAMERAS} columns of pictures"));
            }
            // Channels come last unless the names say that they come first.
            let is_first = feature.names.get(0).and_then(Value::as_str).is_some_and(|name| name.starts_with("channel"));
            let (height, width) = match feature.shape[..] {
                [_, height, width] if is_first => (height, width),
                [height, width, _] => (height, width),
                _ => return Err(format!("{key}: shape {:?}, wanted: height, width, channels", feature.shape)),
            };
            let is_size = |edge: u64| (1..=1 << 15).contains(&edge);
            if !is_size(width) || !is_size(height) || width * height > MOST_PIXELS {
                return Err(format!("{key}: {width} x {height} pixels, allowed: {MOST_PIXELS} in all"));
            }
            let name = key.strip_prefix(IMAGES).unwrap_or(key).to_string();
            cameras.push(Camera { key: key.clone(), name, is_video, size: [width as u32, height as u32] });
        }
        Ok(cameras)
    }

    /// Names of a vector's numbers; by number where they have none. `None`: there is no such column.
    pub(super) fn names(&self, key: &str) -> Option<Vec<String>> {
        let feature = self.features.get(key)?;
        let [len] = feature.shape[..] else { return None };
        // A list, or a list in an object of one key such as "motors".
        let list = match &feature.names {
            Value::Object(groups) if groups.len() == 1 => groups.values().next().and_then(Value::as_array),
            other => other.as_array(),
        };
        let named: Option<Vec<String>> =
            list.and_then(|list| list.iter().map(|v| v.as_str().map(str::to_string)).collect());
        let by_number = || (0..len.min(1 << 16)).map(|i| format!("{key}.{i}")).collect();
        Some(named.filter(|names| names.len() as u64 == len).unwrap_or_else(by_number))
    }

    pub(super) fn data_file(&self, root: &Path, chunk: i64, file: i64) -> Result<PathBuf, String> {
        place(root, self.data_path.as_deref().unwrap_or(DATA_PATH), "", chunk, file)
    }

    pub(super) fn video_file(&self, root: &Path, key: &str, chunk: i64, file: i64) -> Result<PathBuf, String> {
        let pattern = self.video_path.as_deref().ok_or("video_path is missing")?;
        place(root, pattern, key, chunk, file)
    }
}

/// A file of the data set, by the pattern of its path; it never leaves the data set's folder.
fn place(root: &Path, pattern: &str, key: &str, chunk: i64, file: i64) -> Result<PathBuf, String> {
    let path = pattern
        .replace("{chunk_index:03d}", &format!("{chunk:03}"))
        .replace("{file_index:03d}", &format!("{file:03}"))
        .replace("{video_key}", key);
    let path = PathBuf::from(path);
    match path.components().all(|part| matches!(part, Component::Normal(_))) {
        true => Ok(root.join(path)),
        false => Err(format!("{}: leaves the data set's folder", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str, shape: &str, names: &str, path: &str) -> Result<Info, String> {
        let text = format!(
            r#"{{"codebase_version": "{version}", "fps": 30, "data_path": "{path}", "features": {{
                "observation.images.top": {{"dtype": "image", "shape": {shape}, "names": {names}}},
                "observation.state": {{"dtype": "float32", "shape": [2], "names": {{"motors": ["a", "gripper"]}}}},
                "action": {{"dtype": "float32", "shape": [2], "names": null}}}}}}"#
        );
        Info::parse(text.as_bytes())
    }

    #[test]
    fn columns_are_understood_and_paths_stay_inside() {
        let found =
            info("v3.0", "[3, 4, 6]", r#"["channels", "height", "width"]"#, "d/{chunk_index:03d}/{file_index:03d}")
                .unwrap();
        let cameras = found.cameras().unwrap();
        assert_eq!((cameras[0].name.as_str(), cameras[0].size), ("top", [6, 4]));
        assert_eq!(found.names(STATE).unwrap(), ["a", "gripper"]);
        assert_eq!(found.names(ACTION).unwrap(), ["action.0", "action.1"]);
        assert_eq!(found.data_file(Path::new("/r"), 1, 20), Ok(PathBuf::from("/r/d/001/020")));
        let found = info("v3.1", "[4, 6, 3]", "null", "../x").unwrap();
        assert_eq!(found.cameras().unwrap()[0].size, [6, 4]);
        assert!(found.data_file(Path::new("/r"), 0, 0).unwrap_err().contains("../x: leaves the data set's folder"));
        assert!(info("v2.1", "[4, 6, 3]", "null", "x").unwrap_err().contains("\"v2.1\", known: v3"));
        let huge = info("v3.0", "[9999999, 4, 3]", "null", "x").unwrap().cameras().unwrap_err();
        assert!(huge.contains("observation.images.top: 4 x 9999999 pixels"), "{huge}");
    }

    #[test]
    fn cameras_have_an_end() {
        let column = |i| format!(r#""{i}": {{"dtype": "image", "shape": [4, 6, 3]}}"#);
        let cameras = |count| {
            let columns: Vec<String> = (0..count).map(column).collect();
            let text = format!(r#"{{"codebase_version": "v3.0", "fps": 30, "features": {{{}}}}}"#, columns.join(", "));
            Info::parse(text.as_bytes()).unwrap().cameras()
        };
        assert_eq!(cameras(MOST_CAMERAS).unwrap().len(), MOST_CAMERAS);
        assert_eq!(cameras(MOST_CAMERAS + 1).unwrap_err(), "more than 64 columns of pictures");
    }
}
