//! A Python for the programs in sim/.

use std::{process::Command, time::Duration};

use crate::{run, workspace};

/// A Python 3 that has NumPy, in sim/: yours (NEURAXIS_TEST_PYTHON), the one that setup installed with ROS 2, or the
/// system's. Panics without any: a test that needs one must not pass.
pub fn python() -> Command {
    let own = std::env::var_os("NEURAXIS_TEST_PYTHON").map(Into::into);
    let candidates = own.into_iter().chain([workspace().join(".deps/ros/bin/python3"), "python3".into()]);
    for candidate in candidates {
        let mut probe = Command::new(&candidate);
        probe.args(["-c", "import numpy, sys; sys.exit(sys.version_info < (3, 8))"]);
        if run(&mut probe, Duration::from_secs(60)).is_ok_and(|ended| ended.status.success()) {
            let mut python = Command::new(candidate);
            python.arg("-B").current_dir(workspace().join("sim"));
            return python;
        }
    }
    panic!("no Python 3.8 with NumPy: point NEURAXIS_TEST_PYTHON to one (`pip install numpy`)");
}
