//! Shares of a work that several processes do.

use anyhow::{Result, bail};

/// `i/n`: share i of n.
pub fn parse_shard(text: &str) -> Result<(u64, u64)> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((i, n)) if i < n => Ok((i, n)),
        _ => bail!("--shard {text}: allowed: i/n with i from 0 to n-1"),
    }
}

/// How many, on command lines.
pub fn at_least_one(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "allowed: 1 or more".into())
}

/// Arguments without some options and their values.
pub fn without(arguments: Vec<String>, options: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut skip = false;
    for argument in arguments {
        if skip {
            skip = false;
        } else if options.contains(&argument.as_str()) {
            skip = true;
        } else if !options.iter().any(|o| argument.starts_with(&format!("{o}="))) {
            kept.push(argument);
        }
    }
    kept
}
