//! `neuraxis install` makes a ROS 2 package out of the clone: the program in it finds its own files, and ROS finds it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use neuraxis_tests::{Finished, binary, run, workspace};

fn finish(command: &mut Command) -> Finished {
    run(command, Duration::from_secs(60)).expect("it ends")
}

fn installed(prefix: &Path) -> PathBuf {
    let mut command = Command::new(binary());
    command.arg("install").arg("--prefix").arg(prefix).env("NEURAXIS_ROOT", workspace());
    let ended = finish(&mut command);
    assert!(ended.status.success() && ended.stdout.contains("setup.sh"), "{ended:?}");
    prefix.join("share/neuraxis")
}

/// The starter beside the launch files, as they call it: from anywhere, with no variable that says where things are.
fn start(share: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(share.join("launch/../neuraxis"));
    finish(command.args(arguments).env_remove("NEURAXIS_ROOT").current_dir("/"))
}

#[test]
fn an_installed_program_reads_the_files_that_were_installed_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let share = installed(&dir.path().join("install"));
    let sound = start(&share, &["config", "check"]);
    assert!(sound.status.success() && sound.stdout.contains("every file is sound"), "{sound:?}");
    let file = share.join("configs/fr3/run.yaml");
    let text = fs::read_to_string(&file).expect("the file");
    fs::write(&file, text + "\nno_such_key: 1\n").expect("the file can be written");
    let broken = start(&share, &["config", "check"]);
    let said = broken.stdout + &broken.stderr;
    assert!(!broken.status.success() && said.contains("no_such_key"), "{said}");
    assert!(said.contains("share/neuraxis/configs/fr3/run.yaml"), "{said}");
}

/// `ros2 run neuraxis policy_node` and the others: whatever is in lib/neuraxis and can be executed.
#[test]
fn every_node_has_a_name_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("install");
    let _ = installed(&prefix);
    for node in ["arm", "sim", "policy", "viz"] {
        let ended = finish(Command::new(prefix.join(format!("lib/neuraxis/{node}_node"))).arg("--help"));
        let usage = format!("ros {node}");
        assert!(ended.status.success() && ended.stdout.contains(&usage), "{ended:?}");
    }
}

/// The Python of the wheels, and with it every launcher that runs in it, names its own libraries to whatever it starts.
#[test]
fn libraries_that_a_launcher_brings_along_do_not_get_in_the_way() {
    let dir = tempfile::tempdir().expect("a folder");
    let share = installed(&dir.path().join("install"));
    let mut command = Command::new(share.join("neuraxis"));
    command.args(["ros", "sim", "--help"]).env("LD_LIBRARY_PATH", workspace().join(".deps/ros/lib"));
    let ended = finish(&mut command);
    assert!(ended.status.success() && ended.stdout.contains("--task"), "{ended:?}");
}

/// `colcon build` in a workspace of many packages: what cargo is told there, and what goes where.
#[test]
fn colcon_builds_the_program_that_setup_builds() {
    let package = workspace().join("crates/neuraxis");
    let read = |name: &str| fs::read_to_string(package.join(name)).expect(name);
    assert!(read("colcon.pkg").contains(r#"["--release", "--locked", "--features", "ros", "#));
    let manifest = read("Cargo.toml");
    for entry in fs::read_dir(package.join("nodes")).expect("nodes") {
        let name = entry.expect("a node").file_name();
        assert!(manifest.contains(&format!("\"nodes/{}\"", name.to_string_lossy())), "{name:?} is not installed");
    }
}

/// Before anything is compiled: `colcon build` calls the compiler through it.
#[test]
fn colcon_is_told_at_once_what_is_missing() {
    let compiler = || {
        let mut command = Command::new(workspace().join("crates/neuraxis/rustc_if_set_up"));
        command.args(["echo", "compiled"]).env_remove("LIBTORCH").env_remove("MUJOCO_DYNAMIC_LINK_DIR");
        command
    };
    assert_eq!(finish(&mut compiler()).stdout, "compiled\n");
    for (variable, library) in [("LIBTORCH", "libtorch.so"), ("MUJOCO_DYNAMIC_LINK_DIR", "libmujoco.so")] {
        let said = finish(compiler().env(variable, "/nowhere"));
        assert!(!said.status.success() && said.stdout.is_empty(), "{said:?}");
        assert!(said.stderr.contains(library) && said.stderr.contains("/neuraxis setup"), "{said:?}");
    }
}

/// Cargo remembers what the compiler has said of itself, and what was said of what is missing must not be remembered so.
#[test]
fn colcon_builds_once_the_remedy_was_applied() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("src")).expect("a folder");
    fs::write(dir.path().join("src/lib.rs"), "").expect("a file");
    fs::write(dir.path().join("Cargo.toml"), "[package]\nname = \"small\"\n").expect("a file");
    let build = |libtorch: Option<&str>| {
        let mut cargo = Command::new("cargo");
        let wrapper = workspace().join("crates/neuraxis/rustc_if_set_up");
        let config = format!("build.rustc-wrapper='{}'", wrapper.display());
        cargo.args(["build", "--offline", "--config", &config]).current_dir(dir.path());
        match libtorch {
            Some(libtorch) => cargo.env("LIBTORCH", libtorch),
            None => cargo.env_remove("LIBTORCH"),
        };
        finish(cargo.env_remove("MUJOCO_DYNAMIC_LINK_DIR").env_remove("CARGO_TARGET_DIR"))
    };
    let missing = build(Some("/nowhere"));
    assert!(!missing.status.success() && missing.stderr.contains("/neuraxis setup"), "{missing:?}");
    let built = build(None);
    assert!(built.status.success(), "{built:?}");
}

#[test]
fn an_installed_program_does_not_install_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let share = installed(&dir.path().join("install"));
    let again = start(&share, &["install", "--prefix", "/tmp/nowhere"]);
    assert!(!again.status.success() && again.stderr.contains("installed already"), "{again:?}");
}

/// A library that cannot be found is named, with what to do; the loader alone says neither.
#[test]
fn the_starter_names_what_is_missing() {
    let dir = tempfile::tempdir().expect("a folder");
    let share = dir.path().join("share/neuraxis");
    fs::create_dir_all(&share).expect("a folder");
    fs::copy(workspace().join("crates/neuraxis/share/neuraxis"), share.join("neuraxis")).expect("a copy");
    let starter = || finish(&mut Command::new(share.join("neuraxis")));
    let said = starter();
    assert!(said.status.code() == Some(127) && said.stderr.contains("colcon build"), "{said:?}");

    let program = dir.path().join("lib/neuraxis/neuraxis");
    fs::create_dir_all(program.parent().expect("a folder")).expect("a folder");
    let library = dir.path().join("libgone.so");
    let compile = |arguments: &[&str]| {
        let mut cc = Command::new("gcc");
        let ended = finish(cc.args(arguments).current_dir(dir.path()));
        assert!(ended.status.success(), "{ended:?}");
    };
    fs::write(dir.path().join("main.c"), "int main(void) { return 0; }").expect("a file");
    compile(&["-shared", "-o", "libgone.so", "-x", "c", "/dev/null"]);
    compile(&["main.c", "-Wl,--no-as-needed", "-L.", "-lgone", "-Wl,-rpath,.", "-o", "lib/neuraxis/neuraxis"]);
    fs::remove_file(library).expect("it was there");
    let said = starter();
    assert!(said.status.code() == Some(127), "{said:?}");
    assert!(said.stderr.contains("libgone.so") && said.stderr.contains("./neuraxis setup"), "{said:?}");
}

/// What `ros2 pkg prefix neuraxis` asks: the index of the prefixes that a sourced `setup.sh` names.
#[test]
fn ros_finds_the_package_and_its_version() {
    let dir = tempfile::tempdir().expect("a folder");
    let prefix = dir.path().join("install");
    let share = installed(&prefix);
    let python = workspace().join(".deps/ros/bin/python");
    let python = if python.exists() { python } else { "python3".into() };
    let ask = "from ament_index_python import get_package_prefix as p, get_package_share_directory as s; \
               print(p('neuraxis')); print(s('neuraxis'))";
    let mut shell = Command::new("sh");
    shell.args(["-euc", ". \"$1/setup.sh\"; exec \"$2\" -c \"$3\"", "sh"]).arg(&prefix).arg(python).arg(ask);
    let ended = finish(shell.env_remove("AMENT_PREFIX_PATH"));
    let prefix = prefix.canonicalize().expect("a folder");
    let wanted = format!("{}\n{}\n", prefix.display(), share.canonicalize().expect("a folder").display());
    assert_eq!(ended.stdout, wanted, "{}", ended.stderr);
    let xml = fs::read_to_string(share.join("package.xml")).expect("package.xml");
    let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
    assert!(xml.contains(&version), "package.xml and Cargo.toml differ: {version} is not in it");
}
