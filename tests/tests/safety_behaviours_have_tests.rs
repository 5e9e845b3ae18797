//! Each safety behaviour has a test that carries its id (`srNN_...`), or a reason why it has none yet; the table in
//! `tests/safety.md` says the same. `WRITE_PAGE=1 cargo test -p neuraxis-tests --test safety_behaviours_have_tests`
//! renews that table.

use std::{collections::BTreeMap, fs};

use neuraxis_tests::{names::all_tests, workspace};

/// What must hold, by number; the reason if there is no test yet.
const BEHAVIOURS: &[(u8, &str, Option<&str>)] = &[
    (1, "a stale command is never followed: its lease ends in a stop", None),
    (2, "time stamps and sequence numbers that go back are refused", None),
    (3, "numbers that are not finite, and wrong lengths, are refused at every boundary", None),
    (4, "joint position, velocity, acceleration and jerk limits hold for any input", None),
    (5, "limits that are not finite and positive are refused before arming", None),
    (6, "the jerk-bounded stop is the only way out of motion, and it always exists", None),
    (7, "stops of the loop are of category 2 of IEC 60204-1; what takes the power (0, 1) is the arm's own", None),
    (8, "a stop request latches until an operator resets a still arm", None),
    (9, "modes change only along the table's edges", None),
    (10, "the first command is the measured state", None),
    (11, "an overrun within the lease is tolerated, a lasting one is a stop", None),
    (12, "a watchdog outside the loop notices when it stalls", None),
    (13, "a panic in the loop ends in a stop path, not in silence", None),
    (14, "walls and the workspace box hold on the way of each stop, not at its end alone", None),
    (15, "self-collision and table collision are checked inside the loop", None),
    (16, "near a singularity joint speed stays bounded", None),
    (17, "an arm that does not follow is latched", None),
    (18, "one owner commands; others are refused", None),
    (19, "a policy or camera that falls silent degrades to a stop, with its cause", None),
    (20, "diagnostics at 1 Hz with thresholds", None),
    (21, "missing privileges are reported, and a real arm is not armed", None),
    (22, "steps of the clock do no harm", None),
    (23, "recorder and viewer never hold the loop up", None),
    (24, "parameters change off the loop", None),
    (25, "deadlines of subscriptions are monitored", None),
    (26, "robot description and configuration must agree before arming", None),
    (27, "weights are checked before arming", None),
    (28, "SIGTERM and Ctrl-C are a controlled stop, then the end", None),
    (29, "faults are injected by a library", None),
    (30, "unknown keys and values are errors", None),
    (31, "fingers are told nothing that nobody wished: what they hold stays held", None),
];

const BEGIN: &str = "<!-- safety table: made by tests/tests/safety_behaviours_have_tests.rs -->\n";
const END: &str = "<!-- end of the safety table -->\n";

#[test]
fn every_behaviour_has_a_test_or_a_reason() {
    let tests = tests_by_id();
    for (id, text, reason) in BEHAVIOURS {
        let proved = tests.contains_key(id);
        assert!(proved || reason.is_some(), "SR-{id:02} ({text}) has neither a test nor a reason");
        assert!(!(proved && reason.is_some()), "SR-{id:02} has tests: strike the reason why it has none");
    }
    let known = |id: &u8| BEHAVIOURS.iter().any(|b| b.0 == *id);
    assert!(tests.keys().all(known), "a test carries an id that is not in the table: {:?}", tests.keys());
}

#[test]
fn the_page_says_the_same() {
    let path = workspace().join("tests/safety.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the page has the table's first mark");
    let (table, after) = rest.split_once(END).expect("the page has the table's last mark");
    let wanted = table_text();
    if std::env::var_os("WRITE_PAGE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).expect("the page can be written");
    } else {
        assert_eq!(table, wanted, "renew the table, see the head of this file");
    }
}

fn table_text() -> String {
    let tests = tests_by_id();
    let mut text = "\n| id | behaviour | proved by |\n|---|---|---|\n".to_string();
    for (id, behaviour, reason) in BEHAVIOURS {
        let proofs = match reason {
            Some(reason) => format!("not yet: {reason}"),
            None => tests.get(id).map(|names| names.join(", ")).unwrap_or_default(),
        };
        text += &format!("| SR-{id:02} | {behaviour} | {proofs} |\n");
    }
    text + "\n"
}

/// Test functions whose names carry ids, `crate::name` by id.
fn tests_by_id() -> BTreeMap<u8, Vec<String>> {
    let mut found: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for (folder, name) in all_tests() {
        for id in ids(&name) {
            found.entry(id).or_default().push(format!("`{folder}::{name}`"));
        }
    }
    found
}

/// `sr01_sr06_lease_expiry` carries 1 and 6.
fn ids(name: &str) -> Vec<u8> {
    name.split('_').map_while(|part| part.strip_prefix("sr")?.parse().ok()).collect()
}

#[test]
fn ids_are_read_from_names() {
    assert_eq!(ids("sr01_sr06_lease_expiry"), [1, 6]);
    assert!(ids("a_srv_call").is_empty() && ids("lease").is_empty());
}
