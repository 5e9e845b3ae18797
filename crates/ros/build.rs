//! Lets this crate's own tests and examples find the libraries of ROS 2; binaries do the same in their build scripts,
//! because such arguments do not travel to dependants. The libraries in `.deps/ros-r2r/lib` find each other by themselves.

fn main() {
    println!("cargo:rerun-if-env-changed=AMENT_PREFIX_PATH");
    let prefixes = std::env::var("AMENT_PREFIX_PATH").unwrap_or_default();
    for prefix in prefixes.split(':').filter(|prefix| !prefix.is_empty()) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{prefix}/lib");
    }
}
