//! Libraries of other languages, timed by `tests/bench/peers.py` where a Python with their packages is named.

use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Measured;
use crate::config::Config;

/// Names the Python to use.
const PYTHON: &str = "NEURAXIS_BENCH_PYTHON";

#[derive(Deserialize)]
struct Line {
    name: String,
    unit: String,
    samples: Vec<f64>,
}

/// What the script measured; nothing, and a note on what is missing, where it cannot run.
pub fn peers(config: &Config, arguments: &[&str]) -> Result<Vec<Measured>> {
    let Some(python) = std::env::var_os(PYTHON) else {
        say!(
            "peers in Python and C++: not measured; pip install pin cmeel-eigen cmeel-urdfdom-headers ruckig, and set \
             {PYTHON} to that Python"
        );
        return Ok(Vec::new());
    };
    let script = config.root.join("tests/bench/peers.py");
    let output = Command::new(&python).arg(&script).args(arguments).output();
    let output = output.with_context(|| format!("running {} ({PYTHON})", python.to_string_lossy()))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        say!("peers in Python and C++: not measured; {}", told.trim());
        return Ok(Vec::new());
    }
    if !told.trim().is_empty() {
        say!("{}", told.trim());
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines
        .lines()
        .map(|line| {
            let Line { name, unit, samples } = serde_json::from_str(line).with_context(|| line.to_string())?;
            Ok(Measured::samples(&name, if unit == "us" { "us" } else { "ns" }, &samples))
        })
        .collect()
}

/// Takes the row whose name starts with `function:` out of the peers, under the name that follows.
pub fn take(peers: &mut Vec<Measured>, function: &str) -> Option<Measured> {
    let place = peers.iter().position(|peer| peer.name().starts_with(&format!("{function}: ")))?;
    let peer = peers.remove(place);
    let name = peer.name().split_once(": ").map(|(_, name)| name.to_string())?;
    Some(peer.called(&name))
}
