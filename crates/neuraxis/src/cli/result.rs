//! Results for programs: files of JSON.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result, anyhow};

/// Writes a result for programs, into a folder that is made if it is not there.
pub fn write_json(file: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(file, text + "\n")).with_context(|| file.display().to_string())
}

/// How long it took, in a file of its own beside the result, which stays byte-identical so. Not beside a pipe or a link.
pub fn write_timing(result: &Path, started: Instant, jobs: u64) -> Result<()> {
    if !fs::symlink_metadata(result).is_ok_and(|about| about.is_file()) {
        return Ok(());
    }
    let timing = serde_json::json!({ "wall_secs": started.elapsed().as_secs_f64(), "jobs": jobs });
    write_json(&result.with_extension("timing.json"), &timing)
}

/// Before long work: an error where what comes of it could not be written to the file of this option. Its folder is made.
pub fn can_write(option: &str, file: &Path) -> Result<()> {
    let is_new = !file.exists();
    // A pipe's reader would take the attempt for the end.
    if !(is_new || file.is_file() || file.is_dir()) {
        return Ok(());
    }
    // A link that led nowhere stays; what the attempt has made behind it goes.
    let made = || fs::canonicalize(file).and_then(fs::remove_file);
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| OpenOptions::new().append(true).create(true).open(file))
        .and_then(|_| if is_new { made() } else { Ok(()) })
        .map_err(|error| anyhow!("{option} {}: cannot be written: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_result_goes_into_a_new_folder_and_where_it_cannot_go_is_said_before() {
        let dir = std::env::temp_dir().join(format!("neuraxis-cli-{}", std::process::id()));
        let file = dir.join("new/result.json");
        can_write("--json", &file).unwrap();
        assert!(!file.exists(), "an attempt leaves nothing");
        write_json(&file, &[1, 2]).unwrap();
        can_write("--json", &file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "[\n  1,\n  2\n]\n", "nor does it touch what is there");
        let error = can_write("--json", &file.join("under/a/file.json")).unwrap_err().to_string();
        assert!(error.starts_with("--json ") && error.contains("result.json/under/a/file.json: cannot be written: "));
        assert!(can_write("--json", &dir).is_err(), "a folder is no file");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_it_took_stands_beside_a_file_and_beside_nothing_else() {
        let dir = std::env::temp_dir().join(format!("neuraxis-cli-timing-{}", std::process::id()));
        let (file, link) = (dir.join("file.json"), dir.join("link.json"));
        write_json(&file, &1).unwrap();
        symlink("/dev/null", &link).unwrap();
        for result in [&file, &link, &dir] {
            write_timing(result, Instant::now(), 2).unwrap();
        }
        assert!(fs::read_to_string(dir.join("file.timing.json")).unwrap().contains("\"jobs\": 2"));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_link_to_a_file_that_is_still_to_come_stays_one() {
        let dir = std::env::temp_dir().join(format!("neuraxis-cli-link-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (link, file) = (dir.join("link.json"), dir.join("file.json"));
        symlink(&file, &link).unwrap();
        can_write("--json", &link).unwrap();
        assert!(link.is_symlink() && !file.exists());
        write_json(&link, &1).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "1\n");
        symlink(dir.join("nowhere/file.json"), dir.join("lost.json")).unwrap();
        assert!(can_write("--json", &dir.join("lost.json")).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
