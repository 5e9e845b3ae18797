//! Lets this crate's own tests and examples find libmujoco; binaries do the same in their build scripts. Says what to do where
//! it is not: the linker would, after minutes, only name the library.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    let dir = std::env::var("MUJOCO_DYNAMIC_LINK_DIR").unwrap_or_default();
    let library = Path::new(&dir).join("libmujoco.so");
    if !library.exists() {
        println!(
            "cargo::error=MuJoCo is not there: no {}. Remedy: ./neuraxis setup, or MUJOCO_DYNAMIC_LINK_DIR=DIR",
            library.display()
        );
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}");
}
