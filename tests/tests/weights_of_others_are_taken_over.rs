//! `neuraxis import weights`: tensors that do not say what they are, told by the command line; what does not fit is named.

use std::{fs, path::Path, process::Command, time::Duration};

use neuraxis_tests::{Finished, binary, run, workspace};
use serde_json::Value;

/// Header and numbers of a safetensors file.
fn read(path: &Path) -> (Value, Vec<u8>) {
    let bytes = fs::read(path).expect("weights");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("a length")) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).expect("a header"), bytes[8 + length..].to_vec())
}

fn write(path: &Path, header: &Value, numbers: &[u8]) {
    let header = serde_json::to_vec(header).expect("a header");
    let bytes = [&(header.len() as u64).to_le_bytes()[..], &header, numbers].concat();
    fs::write(path, bytes).expect("it can be written");
}

fn import(dir: &Path, file: &str, recipe: &str) -> Finished {
    fs::write(dir.join("recipe.yaml"), recipe).expect("a recipe");
    let mut command = Command::new(binary());
    command.args(["import", "weights"]).arg(dir.join(file)).arg("--config").arg(dir.join("recipe.yaml"));
    command.arg("--out").arg(dir.join("out.safetensors")).args(["--source", "a test", "--licence", "Apache-2.0"]);
    run(command.current_dir(workspace()), Duration::from_secs(120)).expect("it ends")
}

#[test]
fn tensors_of_our_names_become_a_file_of_ours_and_others_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (mut header, numbers) = read(&workspace().join("configs/weights/small.safetensors"));
    header.as_object_mut().expect("an object").remove("__metadata__").expect("what they are");
    write(&dir.join("bare.safetensors"), &header, &numbers);

    let taken = import(dir, "bare.safetensors", "policy: { preset: small, fovea: 0.6 }\n");
    assert!(taken.status.success() && taken.stdout.contains("3085308 numbers"), "{taken:?}");
    let (ours, same) = read(&dir.join("out.safetensors"));
    assert!(same == numbers);
    let about: Value = serde_json::from_str(ours["__metadata__"]["neuraxis_policy"].as_str().expect("a description"))
        .expect("a description");
    assert_eq!((&about["data"], &about["config"]["fovea"]), (&"a test".into(), &0.6.into()));

    let other = import(dir, "bare.safetensors", "policy: { preset: small, dim: 64 }\n");
    assert!(!other.status.success() && other.stderr.contains("expected ["), "{other:?}");
    let name = header.as_object().expect("an object").keys().next().expect("a tensor").clone();
    let tensor = header.as_object_mut().expect("an object").remove(&name).expect("a tensor");
    header["theirs.weight"] = tensor;
    write(&dir.join("renamed.safetensors"), &header, &numbers);
    let renamed = import(dir, "renamed.safetensors", "policy: { preset: small, fovea: 0.6 }\n");
    assert!(!renamed.status.success() && renamed.stderr.contains(&name), "{renamed:?}");
}
