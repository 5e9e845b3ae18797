//! Each guard of tests/guards.txt stands in the code where the list says, once, and its test exists: without this,
//! `tests/remove_guards.py` would be found broken only when somebody runs it.

use std::{
    collections::{HashMap, HashSet},
    fs,
};

use neuraxis_tests::{names::all_tests, workspace};

#[test]
fn every_guard_stands_once_where_the_list_says_and_its_test_exists() {
    let text = fs::read_to_string(workspace().join("tests/guards.txt")).expect("tests/guards.txt");
    let tests: HashSet<(String, String)> = all_tests().into_iter().collect();
    let guards: Vec<HashMap<&str, &str>> = text.split("\n\n").map(block).filter(|guard| !guard.is_empty()).collect();
    assert!(guards.len() > 60, "only {} guards were read", guards.len());
    let page = fs::read_to_string(workspace().join("tests/guards.md")).expect("tests/guards.md");
    for guard in guards {
        let row = format!("| {} |", guard["guard"]);
        assert!(page.contains(&row), "tests/guards.md lacks {row}: run tests/remove_guards.py");
        let (file, find) = (guard["file"], guard["find"]);
        let near = guard.get("near").copied().unwrap_or("");
        let code = fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let lines = code.lines().filter(|line| line.contains(find) && line.contains(near)).count();
        assert_eq!(lines, 1, "{file}: {find:?} stands in {lines} lines");
        let (folder, test) =
            (guard["test"].split('/').next().unwrap(), guard["test"].rsplit(['/', ':']).next().unwrap());
        let is_there = tests.iter().any(|(of, name)| of == folder && name.contains(test));
        assert!(is_there, "{}: no test {} in crate {folder}", guard["guard"], guard["test"]);
    }
}

/// `key: value` lines.
fn block(text: &str) -> HashMap<&str, &str> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).collect()
}
