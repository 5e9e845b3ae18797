//! `./neuraxis COMMAND` builds the program where it is looked for, and starts it with what it needs of the environment and
//! without what does not fit it.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use neuraxis_tests::{Finished, binary, run, workspace};

const PATIENCE: Duration = Duration::from_secs(60);

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

    /// Its entry script; nobody's ROS 2 is sourced.
    fn neuraxis(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.path("neuraxis")).args(arguments).current_dir("/");
        let path = env::var("PATH").expect("a PATH");
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        for variable in ["LIBTORCH", "CARGO_TARGET_DIR", "AMENT_PREFIX_PATH", "ROS_DISTRO", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
        command
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
