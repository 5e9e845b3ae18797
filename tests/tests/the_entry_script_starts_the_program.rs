//! `./neuraxis COMMAND` builds the program where it is looked for, and starts it with what it needs of the environment and
//! without what does not fit it.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use neuraxis_tests::{Finished, binary, run, workspace};

const PATIENCE: Duration = Duration::from_secs(60);

/// Of a piece whose list is empty and whose layout is the first.
const STAMP: &str = "4355a46b19d348dc";
/// Builds where it is told, or else where a configuration says.
const CARGO: &str = r#"
[ "$1" = build ] || exit 0
echo "cargo builds with LIBTORCH ${LIBTORCH-unset}" >&2
built=${CARGO_TARGET_DIR:-${CARGO_BUILD_TARGET_DIR:-configured}}/${CARGO_BUILD_TARGET:-}/release
mkdir -p "$built"
printf '#!/bin/sh\necho "told $*"\n' >"$built/neuraxis"
chmod +x "$built/neuraxis""#;
/// Variables of whoever runs the tests.
const OTHERS: [&str; 7] = [
    "LIBTORCH",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "AMENT_PREFIX_PATH",
    "ROS_DISTRO",
    "LD_LIBRARY_PATH",
];

/// The entry script alone in a folder, with stand-ins for the programs that it calls.
struct Script {
    dir: tempfile::TempDir,
}

impl Script {
    fn new() -> Self {
        let script = Self { dir: tempfile::tempdir().expect("a folder") };
        fs::copy(workspace().join("neuraxis"), script.path("neuraxis")).expect("the script");
        script
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// A shell script.
    fn program(&self, name: &str, text: &str) {
        self.file(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).expect("it can be run");
    }

    /// All that setup downloads is there, beside a ROS 2 that knows our messages; cargo makes a program that says what it
    /// was told.
    fn set_up() -> Self {
        let script = Self::new();
        for list in ["torch", "mujoco", "text", "rerun", "ros-interfaces"] {
            script.file(&format!(".ci/wheels/{list}.txt"), "");
        }
        for piece in ["torch", "libtorch", "mujoco", "text-wheel", "text", "rerun"] {
            script.file(&format!(".deps/{piece}/.stamp"), STAMP);
        }
        script.file("ros/lib/librcl.so", "");
        script.file("crates/ros/msgs/package.xml", "");
        for name in ["tf2_msgs", "control_msgs", "neuraxis_msgs"] {
            script.file(&format!("ros/share/ament_index/resource_index/rosidl_interfaces/{name}"), "");
        }
        for (name, text) in [("rustc", "echo 'rustc 1.95.0'"), ("apt-get", "exit 1"), ("cargo", CARGO)] {
            script.program(&format!("bin/{name}"), text);
        }
        for name in ["cmake", "make", "clang"] {
            script.program(&format!("bin/{name}"), "");
        }
        script.has_free_gb(100);
        script
    }

    fn has_free_gb(&self, gb: u64) {
        let kb = gb * 1_048_576;
        self.program("bin/df", &format!("printf 'Filesystem 1024-blocks Used Available\\n/dev/x 0 0 {kb} 1%% /\\n'"));
    }

    /// Its entry script, from another folder; nobody's ROS 2 is sourced.
    fn neuraxis(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.path("neuraxis")).args(arguments).current_dir("/");
        let path = env::var("PATH").expect("a PATH");
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        for variable in OTHERS {
            command.env_remove(variable);
        }
        command
    }

    /// A command that needs the program, which is built first if it is not there.
    fn lists_tasks(&self, variables: &[(&str, &str)]) -> Finished {
        let mut command = self.neuraxis(&["tasks", "list"]);
        command.env("ROS_DISTRO", "jazzy").env("AMENT_PREFIX_PATH", self.path("ros")).env("LIBCLANG_PATH", "/nowhere");
        finish(command.envs(variables.iter().copied()))
    }
}

fn finish(command: &mut Command) -> Finished {
    run(command, PATIENCE).expect("it ends")
}

fn joined(folders: &[&PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

#[test]
fn libraries_of_a_ros_that_is_left_aside_do_not_get_in_the_way() {
    let script = Script::new();
    script.program("target/release/neuraxis", "echo \"libraries: ${LD_LIBRARY_PATH-none}\"");
    script.file("other/lib/librcl.so", "");
    let [lib, vendor, own] = ["other/lib", "ros/opt/vendor/lib", "own"].map(|name| script.path(name));
    let told = |libraries: &[&PathBuf]| {
        let mut command = script.neuraxis(&["faults"]);
        command.env("ROS_DISTRO", "foxy").env("AMENT_PREFIX_PATH", script.path("ros"));
        let ended = finish(command.env("LD_LIBRARY_PATH", joined(libraries)));
        assert!(ended.status.success() && ended.stderr.contains("it is left aside"), "{ended:?}");
        ended.stdout
    };
    assert_eq!(told(&[&lib, &own, &vendor]), format!("libraries: {}\n", own.display()));
    assert_eq!(told(&[&vendor, &lib]), "libraries: none\n");
}

/// The Python of the wheels, and with it every launcher that runs in it, names its own libraries to whatever it starts.
#[test]
fn the_program_loads_its_own_libraries() {
    let _ = binary();
    let mut command = Command::new("bash");
    command.arg(workspace().join("neuraxis")).args(["ros", "sim", "--help"]);
    let ended = finish(command.env("LD_LIBRARY_PATH", workspace().join(".deps/ros/lib")));
    assert!(ended.status.success() && ended.stdout.contains("--task"), "{ended:?}");
}

#[test]
fn it_is_built_where_it_is_looked_for() {
    let cases: [&[(&str, &str)]; 4] = [
        &[],
        &[("CARGO_BUILD_TARGET_DIR", "elsewhere")],
        &[("CARGO_BUILD_TARGET", "x86_64-unknown-linux-gnu")],
        &[("CARGO_TARGET_DIR", "out")],
    ];
    for variables in cases {
        let script = Script::set_up();
        for is_new in [true, false] {
            let ended = script.lists_tasks(variables);
            assert_eq!(ended.stdout, "told tasks list\n", "{variables:?}: {}", ended.stderr);
            assert_eq!(ended.stderr.contains("cargo builds"), is_new, "{variables:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn an_empty_libtorch_is_none() {
    let ended = Script::set_up().lists_tasks(&[("LIBTORCH", "")]);
    assert!(ended.stderr.contains("cargo builds with LIBTORCH unset"), "{ended:?}");
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn an_interrupted_setup_goes_on_with_the_room_that_it_still_takes() {
    let script = Script::set_up();
    script.program("bin/du", "printf '2097152\\t%s\\n' \"$2\"");
    script.has_free_gb(3);
    let refused = script.lists_tasks(&[]);
    assert!(!refused.status.success() && refused.stderr.contains("3 GB free at "), "{refused:?}");
    assert!(refused.stderr.contains("setup and build take 4 GB more"), "{refused:?}");
    script.has_free_gb(7);
    let ended = script.lists_tasks(&[]);
    assert_eq!(ended.stdout, "told tasks list\n", "{}", ended.stderr);
}
