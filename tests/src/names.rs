//! The names of all tests of the workspace, for tables that say which of them proves what.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::workspace;

/// Every test function, by file: the crate's folder, or `tests`, and its name. Panics where the sources are not readable.
pub fn all_tests() -> Vec<(String, String)> {
    let mut files = Vec::new();
    sources(&workspace().join("crates"), &mut files);
    sources(&workspace().join("tests/tests"), &mut files);
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                let name = rest.split('(').next().unwrap_or_default();
                if std::mem::take(&mut is_test) {
                    found.push((folder(&file), name.to_string()));
                }
            }
        }
    }
    found
}

/// The crate that a file belongs to, or `tests`.
fn folder(file: &Path) -> String {
    let parts: Vec<_> = file.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let after = parts.iter().rposition(|part| part == "crates").map(|at| at + 1);
    after.and_then(|at| parts.get(at)).cloned().unwrap_or_else(|| "tests".into())
}

fn sources(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
