//! What must be arranged in the process before ROS 2 starts in it.

use std::{env, ffi::OsString};

use crate::RosError;

const RANGE: &str = "ROS_AUTOMATIC_DISCOVERY_RANGE";
/// The same choice, as ROS 2 before Iron spelled it; it still wins over [`RANGE`] where it is set.
const LOCALHOST_ONLY: &str = "ROS_LOCALHOST_ONLY";

/// Makes ROS 2 find, and be found by, processes of this machine only, unless the user has set
/// `ROS_AUTOMATIC_DISCOVERY_RANGE` (or the older `ROS_LOCALHOST_ONLY`): an arm that anybody on the network can instruct
/// must be somebody's choice. To reach other machines: `ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET`.
///
/// # Safety
/// Changes the environment: call it first in `main`, before there is a second thread.
pub unsafe fn keep_local() {
    if !is_discovery_chosen() {
        // SAFETY: the caller promises that no other thread reads or writes the environment.
        unsafe { env::set_var(RANGE, "LOCALHOST") };
    }
}

fn is_discovery_chosen() -> bool {
    [RANGE, LOCALHOST_ONLY].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Files of Fast DDS's settings, and the variable that says that another middleware is used.
const PROFILES: [&str; 2] = ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"];
const MIDDLEWARE: &str = "RMW_IMPLEMENTATION";

/// Fast DDS runs with the shared memory that it comes with, 512 KiB for each process: larger messages are lost there.
pub(crate) fn has_small_shared_memory() -> bool {
    let value = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let is_fast_dds = value(MIDDLEWARE).is_none_or(|name| name.starts_with("rmw_fastrtps"));
    is_fast_dds && PROFILES.into_iter().all(|name| value(name).is_none())
}

pub(crate) fn require_discovery_choice() -> Result<(), RosError> {
    if is_discovery_chosen() { Ok(()) } else { Err(RosError::DiscoveryRangeUnset) }
}

/// The command line without what is ROS 2's own: each `--ros-args` up to a `--` or the end. Launch files append such
/// arguments; ROS 2 reads them from the process itself, so the program's parser needs only the others.
pub fn without_ros_args(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut inside = false;
    args.into_iter()
        .filter(|arg| {
            let was_inside = inside;
            inside = match (inside, arg.to_str()) {
                (false, Some("--ros-args")) => true,
                (true, Some("--")) => false,
                _ => inside,
            };
            !(inside || was_inside)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_for_ros_are_cut_out() {
        let cut = |line: &str| {
            let kept = without_ros_args(line.split(' ').map(OsString::from));
            kept.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(cut("neuraxis ros sim --seed 3"), "neuraxis ros sim --seed 3");
        assert_eq!(cut("neuraxis ros sim --ros-args -r a:=b -p c:=1"), "neuraxis ros sim");
        assert_eq!(cut("neuraxis --ros-args -r a:=b -- ros sim --ros-args --log-level info"), "neuraxis ros sim");
        assert_eq!(cut("neuraxis eval -- --seed"), "neuraxis eval -- --seed");
    }
}
