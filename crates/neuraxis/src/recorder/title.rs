//! A run in a few words.

use std::path::Path;

use serde_json::Value;

/// What acted in a run, from what the recorder was told of it: `expert`, `brain`, the name of the weights.
pub fn actor(run: &Value) -> Option<String> {
    match &run["actor"] {
        Value::String(name) => Some(name.to_lowercase()),
        Value::Object(named) => {
            let (kind, path) = named.iter().next()?;
            let stem = Path::new(path.as_str()?).file_stem()?.to_string_lossy().into_owned();
            Some(if kind == "Weights" { format!("weights {stem}") } else { format!("{} {stem}", kind.to_lowercase()) })
        }
        _ => None,
    }
}

/// Task, seed and what acts, as far as they are known.
pub fn subtitle(run: &Value) -> String {
    let task = run["task"].as_str().map(|task| format!("**{task}**"));
    let seed = run["seed"].as_u64().map(|seed| format!("seed {seed}"));
    [task, seed, actor(run)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
