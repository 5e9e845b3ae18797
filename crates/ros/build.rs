//! Lets this crate's own tests and examples find the libraries of ROS 2; binaries do the same in their build scripts,
//! because such arguments do not travel to dependants. The libraries in `.deps/ros-r2r/lib` find each other by themselves.
//!
//! Also says what to do where a package of messages is missing: r2r makes Rust types of those that it finds, and the
//! compiler would only complain of an unresolved import.

use std::path::Path;

/// Packages that are in no `ros-base`, or in none at all.
const NEEDED: &[&str] = &["tf2_msgs", "control_msgs", "neuraxis_msgs"];

fn main() {
    println!("cargo:rerun-if-env-changed=AMENT_PREFIX_PATH");
    let path = std::env::var("AMENT_PREFIX_PATH").unwrap_or_default();
    let prefixes: Vec<&str> = path.split(':').filter(|prefix| !prefix.is_empty()).collect();
    for prefix in &prefixes {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{prefix}/lib");
    }
    for package in NEEDED {
        let entry = |prefix| Path::new(prefix).join("share/ament_index/resource_index/rosidl_interfaces").join(package);
        match prefixes.iter().map(entry).find(|entry| entry.exists()) {
            Some(entry) => println!("cargo:rerun-if-changed={}", entry.display()),
            None => println!(
                "cargo::error=the ROS 2 package {package} is not in AMENT_PREFIX_PATH={path}. Remedy: ./neuraxis setup, which builds it; \
                 with a ROS 2 of your own then `source .deps/ros-msgs/share/{package}/local_setup.bash`, or \
                 `colcon build --packages-select neuraxis_msgs` and `source install/setup.bash`"
            ),
        }
    }
}
