//! Each of the ten rules between the parts of the brain (tests/rules.md) names tests that hold it, and they are there.

use std::{collections::HashSet, fs};

use neuraxis_tests::{names::all_tests, workspace};

#[test]
fn every_rule_names_tests_that_are_there() {
    let file = workspace().join("tests/rules.md");
    let text = fs::read_to_string(&file).expect("tests/rules.md");
    let tests: HashSet<String> = all_tests().into_iter().map(|(folder, name)| format!("{folder}::{name}")).collect();
    for rule in 1..=10 {
        let row = text.lines().find(|line| line.starts_with(&format!("| R{rule} |")));
        let row = row.unwrap_or_else(|| panic!("{} has no row for R{rule}", file.display()));
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "R{rule} names no test");
        for name in named {
            assert!(tests.contains(name), "R{rule} names {name}, which is no test");
        }
    }
}
