//! `./neuraxis setup` on a machine that it cannot serve: it says why and what to do, and downloads nothing.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use neuraxis_tests::{Finished, run, workspace};

const PATIENCE: Duration = Duration::from_secs(60);

/// Copies the entry script alone, so that nothing can touch the real `.deps`, and runs its setup.
fn setup(stand_ins: &[(&str, &str)], variables: &[(&str, &str)]) -> (Finished, bool) {
    told("setup", stand_ins, variables)
}

/// The same for any of its commands; none finds a binary there.
fn told(arguments: &str, stand_ins: &[(&str, &str)], variables: &[(&str, &str)]) -> (Finished, bool) {
    told_in("clone", arguments, stand_ins, variables)
}

/// From a folder of this name.
fn told_in(folder: &str, arguments: &str, stand_ins: &[(&str, &str)], variables: &[(&str, &str)]) -> (Finished, bool) {
    let dir = tempfile::tempdir().unwrap();
    let clone = dir.path().join(folder);
    fs::create_dir(&clone).unwrap();
    let script = clone.join("neuraxis");
    fs::copy(workspace().join("neuraxis"), &script).unwrap();
    for (name, text) in stand_ins {
        program(&dir.path().join("bin").join(name), text);
    }
    let path = format!("{}:{}", dir.path().join("bin").display(), env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(&script).args(arguments.split(' ')).env("PATH", path);
    command.env_remove("LIBTORCH").env_remove("CARGO_TARGET_DIR").envs(variables.iter().copied());
    let finished = run(&mut command, PATIENCE).unwrap();
    (finished, clone.join(".deps").exists())
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn assert_refused(result: &(Finished, bool), reason: &str, remedy: &str) {
    let (finished, left_something) = result;
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains(reason), "{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("remedy: {remedy}")), "{}", finished.stderr);
    assert!(!left_something, "a refused setup made .deps");
}

#[test]
fn asked_for_help_it_says_what_there_is_and_does_nothing() {
    for arguments in
        ["setup --help", "build -h", "test --help", "nightly --help", "check --help", "demo --help", "eval --help"]
    {
        let (finished, left_something) = told(arguments, &[], &[]);
        assert!(finished.status.success() && !left_something, "{arguments}: {}", finished.stderr);
        assert!(finished.stdout.contains("./neuraxis nightly    the long proofs"), "{arguments}: {}", finished.stdout);
    }
}

#[test]
fn an_argument_that_a_command_does_not_take_is_refused() {
    for arguments in ["setup --pears", "build now", "test -p x", "nightly 5", "check all"] {
        assert_refused(&told(arguments, &[], &[]), &format!("unknown: ./neuraxis {arguments}"), "./neuraxis --help");
    }
}

#[test]
fn on_another_architecture() {
    let uname = r#"if [ "$1" = -m ]; then echo aarch64; else echo Linux; fi"#;
    assert_refused(&setup(&[("uname", uname)], &[]), "Linux on aarch64", "run on x86_64 Linux");
}

#[test]
fn in_a_folder_whose_name_means_something_else_to_its_tools() {
    for folder in ["a b", "a:b", "a|b", "a&b", "a\\b"] {
        // Where the name passed, this would be refused.
        let refused = told_in(folder, "setup", &[("rustc", "echo 'rustc 1.70.0'")], &[]);
        assert_refused(&refused, &format!("/{folder}, holds a blank or one of : | & \\"), "move the clone");
    }
}

#[test]
fn with_an_old_compiler() {
    let rustc = "echo 'rustc 1.70.0 (90c541806 2023-05-31)'";
    assert_refused(&setup(&[("rustc", rustc)], &[]), "rustc is 1.70.0, needed is 1.95 or newer", "rustup update");
}

#[test]
fn on_a_full_disk() {
    let df =
        "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/x 9000000 8000000 1000000 89%% /\\n'";
    assert_refused(&setup(&[("df", df)], &[]), "0 GB free", "make room");
}

#[test]
fn with_a_libtorch_that_is_not_there() {
    let reason = "LIBTORCH=/nowhere holds no lib/libtorch_cpu.so";
    assert_refused(&setup(&[], &[("LIBTORCH", "/nowhere")]), reason, "point it to LibTorch 2.11.0");
}

#[test]
fn with_a_libtorch_of_another_version() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("lib")).unwrap();
    fs::create_dir_all(dir.path().join("include")).unwrap();
    fs::write(dir.path().join("lib/libtorch_cpu.so"), "").unwrap();
    fs::write(dir.path().join("build-version"), "2.9.0+cu128").unwrap();
    let given = dir.path().to_str().unwrap();
    assert_refused(&setup(&[], &[("LIBTORCH", given)]), "is version 2.9.0, needed is exactly 2.11.0", "pip install");
}
