//! Which recordings of ours there are to import.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use neuraxis_episode::EpisodeReader;

/// A recording, or those at or below a folder, in order of their names.
///
/// # Errors
/// There is none, or several are numbered parts of one run: a part ends where its time is up, not where anything is done.
pub(super) fn recordings(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry.with_context(|| folder.display().to_string())?.path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "mcap") {
                found.push(entry);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("{}: no recording (*.mcap) below", path.display());
    }
    let mut runs = BTreeMap::new();
    for file in &found {
        if let Some(first) = part_of(file).and_then(|run| runs.insert(run, file)) {
            let (first, file) = (first.display(), file.display());
            bail!(
                "{first} and {file} are parts of one run: join them by `neuraxis rec merge`, and take the parts away"
            );
        }
    }
    Ok(found)
}

/// The run of a numbered file such as `episode-001.mcap`, if it was recorded in parts: its name without the number, and when it
/// began. Other files are whole, or of one incident each (`--ring`); one that cannot be read is told of when it is imported.
fn part_of(file: &Path) -> Option<(PathBuf, u64)> {
    let (name, number) = file.file_stem()?.to_str()?.rsplit_once('-')?;
    if number.len() < 3 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let reader = EpisodeReader::open(file).ok()?;
    let meta = &reader.header().meta;
    let recording = &meta["configuration"]["run"]["recording"];
    let in_parts = ["part_secs", "part_megabytes"].iter().any(|key| !recording[key].is_null());
    let began = meta["run"]["began_unix_nanos"].as_u64().filter(|_| in_parts)?;
    Some((file.with_file_name(name), began))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use neuraxis_core::{ArmState, Joints, Nanos};
    use neuraxis_episode::{EpisodeWriter, Keep, Rotation};
    use serde_json::json;

    use super::*;
    use crate::import::tests::header;

    /// A run in files of a second each, and what its configuration says of parts.
    fn record(folder: &Path, began: u64, secs: u64, part_secs: Option<f64>) -> Vec<PathBuf> {
        fs::create_dir_all(folder).unwrap();
        let header = header(json!({
            "configuration": { "run": { "recording": { "part_secs": part_secs } } },
            "run": { "began_unix_nanos": began },
        }));
        let rotation = Rotation { time: Some(Nanos::from_millis(1000)), bytes: None };
        let mut writer = EpisodeWriter::keep(&folder.join("episode.mcap"), &header, Keep::Parts(rotation)).unwrap();
        for second in 1..=secs {
            let (stamp, q) = (Nanos::from_millis(1000 * second), Joints::zeros(1));
            let tau_nm = Joints::zeros(0);
            writer.state(&ArmState { stamp, q, qd: q, tau_nm, gripper_width_m: 0.0, grip_force_n: None }).unwrap();
        }
        writer.finish().unwrap().0
    }

    #[test]
    fn parts_of_one_run_are_no_demonstrations() {
        let dir = std::env::temp_dir().join(format!("neuraxis-import-parts-{}", std::process::id()));
        let parts = record(&dir.join("1"), 7, 2, Some(1.0));
        assert_eq!(parts.len(), 2);
        let error = recordings(&dir).unwrap_err().to_string();
        assert!(error.contains("1/episode-001.mcap and ") && error.contains("`neuraxis rec merge`"), "{error}");
        // Another run in the same folder, and what somebody cut out of one recording, are episodes of their own.
        fs::remove_file(&parts[1]).unwrap();
        record(&dir.join("1"), 8, 1, Some(1.0));
        fs::create_dir(dir.join("2")).unwrap();
        for name in ["2/first.mcap", "2/second.mcap"] {
            fs::copy(&parts[0], dir.join(name)).unwrap();
        }
        // So are two incidents of one run.
        record(&dir.join("3"), 9, 2, None);
        assert_eq!(recordings(&dir).unwrap().len(), 6);
        fs::remove_dir_all(&dir).unwrap();
    }
}
