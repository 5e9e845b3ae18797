//! Lets this crate's own tests find LibTorch; binaries that depend on it do the same in their build scripts. Says what to do
//! where it is not: torch-sys would only miss a header.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let root = std::env::var("LIBTORCH").unwrap_or_default();
    let library = Path::new(&root).join("lib/libtorch.so");
    if !library.exists() {
        println!(
            "cargo::error=LibTorch is not there: no {}. Remedy: ./neuraxis setup, or LIBTORCH=DIR",
            library.display()
        );
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{root}/lib");
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
}
