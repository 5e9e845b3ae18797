//! Names of the files of one recording: `episode-001.mcap`, `episode-002.mcap` and so on.

use std::{
    fs::{File, remove_file},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    EpisodeError,
    sink::Sink,
    stays::{Stays, Written},
};

/// Makes files; the next number is above all that were in the folder.
pub(crate) struct Numbered {
    folder: PathBuf,
    stem: String,
    next: u32,
}

impl Numbered {
    /// For `path` with a number before its ending.
    pub(crate) fn of(path: &Path) -> Result<Self, EpisodeError> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).map_err(EpisodeError::io(folder, "list"))?;
        let number = |name: String| name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(".mcap")?.parse().ok();
        let taken = entries.filter_map(|entry| number(entry.ok()?.file_name().into_string().ok()?));
        let next = taken.max().map_or(1, |most: u32| most.saturating_add(1));
        Ok(Self { folder: folder.to_path_buf(), stem, next })
    }

    /// Begins the next file with what stands in each.
    pub(crate) fn begin(&mut self, stays: &Stays) -> Result<(Sink, Written), EpisodeError> {
        let (path, file) = self.create()?;
        let begun = Sink::new(&path, file).and_then(|mut sink| {
            let already = stays.begin(&mut sink)?;
            Ok((sink, already))
        });
        begun.inspect_err(|_| {
            // A file without its beginning is none; what it failed with is told, whether or not it goes.
            let _ = remove_file(&path);
        })
    }

    /// Makes the next file. It replaces nothing: a number that somebody has taken meanwhile is left out.
    fn create(&mut self) -> Result<(PathBuf, File), EpisodeError> {
        loop {
            let path = self.folder.join(format!("{}-{:03}.mcap", self.stem, self.next));
            match File::create_new(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists && self.next < u32::MAX => self.next += 1,
                made => {
                    let file = made.map_err(EpisodeError::io(&path, "create"))?;
                    // Not again, even if somebody takes the file away.
                    self.next = self.next.saturating_add(1);
                    return Ok((path, file));
                }
            }
        }
    }
}
