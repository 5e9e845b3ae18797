//! Puts the folders of the back-ends on the run path, so that the binary starts without shell variables.

use std::{env, path::PathBuf};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let rpath = |dir: &str| println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}");
    rpath(&env::var("MUJOCO_DYNAMIC_LINK_DIR").unwrap_or_default());
    println!("cargo:rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    // torch-sys tells its direct dependants where its libraries are; --as-needed would drop libc10.
    if let Ok(dir) = env::var("DEP_TCH_LIBTORCH_LIB") {
        rpath(&dir);
    }
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
    if env::var_os("CARGO_FEATURE_ROS").is_some() {
        let prefix = env::var("AMENT_PREFIX_PATH").unwrap_or_default();
        for dir in prefix.split(':').filter(|d| !d.is_empty()) {
            rpath(&format!("{dir}/lib"));
        }
        println!("cargo:rerun-if-env-changed=AMENT_PREFIX_PATH");
    }
    let commit = std::process::Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .current_dir(&root)
        .output()
        .ok()
        .filter(|o| o.status.success())
        .map_or_else(|| "unknown".into(), |o| String::from_utf8_lossy(&o.stdout).trim().to_string());
    println!("cargo:rustc-env=NEURAXIS_COMMIT={commit}");
    // HEAD names a branch and stays the same over commits; its log does not.
    println!("cargo:rerun-if-changed={}", root.join(".git/logs/HEAD").display());
}
