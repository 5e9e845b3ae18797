//! Spoils plans at random: single values anywhere, and the mistakes that a language model would make.

use rand::{Rng, seq::IndexedRandom};
use rand_pcg::Pcg64;
use serde_json::{Value, json};

/// What may stand somewhere in a plan.
pub struct Pool {
    names: Vec<String>,
    values: Vec<Value>,
}

impl Pool {
    /// Of a scene's things and facts, as they are written.
    pub fn new(names: Vec<String>, facts: Vec<String>) -> Self {
        let values = values(&names, &facts);
        Self { names, values }
    }
}

/// One to three faults.
pub fn spoil(plan: &mut Value, pool: &Pool, rng: &mut Pcg64) {
    for _ in 0..rng.random_range(1..=3) {
        if rng.random_bool(0.5) {
            plausible(plan, &pool.names, rng);
        } else {
            place(plan, rng);
            fill(plan, pool.values.choose(rng).unwrap());
        }
    }
}

fn values(names: &[String], facts: &[String]) -> Vec<Value> {
    let mut pool: Vec<Value> = names.iter().chain(facts).cloned().map(Value::from).collect();
    pool.extend(facts.iter().map(|fact| json!(format!("not {fact}"))));
    for word in [
        "sequence",
        "fallback",
        "reactive_sequence",
        "parallel_all",
        "retry",
        "timeout",
        "condition",
        "skill",
        "hold",
        "ask_human",
        "reach",
        "grasp",
        "place",
        "push",
        "pull",
        "look",
        "policy",
        "N",
        "m",
        "rad",
        "m/s",
        "<",
        ">=",
        "norm",
        "x",
        "tilt",
        "dist",
        "force",
        "grip_width",
        "end",
        "release",
        "recall",
        "goto",
        "red_cup",
        "open(red_cup)",
        "__import__('os')",
        "",
    ] {
        pool.push(json!(word));
    }
    pool.extend([json!(null), json!(true), json!([]), json!({}), json!(-1), json!(1e9), json!(0.5), json!(2.5)]);
    pool.extend((0..24).map(|number| json!(number)));
    pool
}

/// A random place in JSON, as keys and indices.
fn place(value: &mut Value, rng: &mut Pcg64) -> Option<&'static str> {
    // Go down until a leaf, or stop on the way.
    match value {
        Value::Array(list) if !list.is_empty() && rng.random_bool(0.85) => {
            let at = rng.random_range(0..list.len());
            match place(&mut list[at], rng) {
                Some("remove") => drop(list.remove(at)),
                Some("repeat") => {
                    let again = list[at].clone();
                    list.insert(rng.random_range(0..=list.len()), again);
                }
                Some("swap") => {
                    let other = rng.random_range(0..list.len());
                    list.swap(at, other);
                }
                Some("replace") => list[at] = json!("REPLACE"),
                _ => {}
            }
            None
        }
        Value::Object(map) if !map.is_empty() && rng.random_bool(0.85) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = keys.choose(rng)?;
            match place(map.get_mut(key)?, rng) {
                Some("remove") => drop(map.remove(key)),
                Some("repeat" | "swap") => {
                    let moved = map.remove(key)?;
                    map.insert(keys.choose(rng)?.clone(), moved);
                }
                Some("replace") => drop(map.insert(key.clone(), json!("REPLACE"))),
                _ => {}
            }
            None
        }
        _ => ["remove", "repeat", "swap", "replace", "replace", "replace", "replace"].choose(rng).copied(),
    }
}

fn fill(value: &mut Value, with: &Value) {
    match value {
        Value::String(text) if text == "REPLACE" => *value = with.clone(),
        Value::Array(list) => list.iter_mut().for_each(|inner| fill(inner, with)),
        Value::Object(map) => map.values_mut().for_each(|inner| fill(inner, with)),
        _ => {}
    }
}

/// What is wrong in a way that a language model would be wrong: one thing for another everywhere, nodes in another
/// order or under another parent, a node left out, another kind.
fn plausible(plan: &mut Value, names: &[String], rng: &mut Pcg64) {
    if rng.random_bool(0.25) {
        let (from, to) = (names.choose(rng).unwrap(), names.choose(rng).unwrap());
        *plan = serde_json::from_str(&plan.to_string().replace(from.as_str(), to)).unwrap();
        return;
    }
    let Some(nodes) =
        plan["nodes"].as_array_mut().filter(|nodes| nodes.len() > 1 && nodes.iter().all(Value::is_object))
    else {
        return;
    };
    let (a, b) = (rng.random_range(0..nodes.len()), rng.random_range(0..nodes.len()));
    match rng.random_range(0..5) {
        0 => nodes.swap(a, b),
        1 => drop(nodes.remove(a)),
        2 => nodes[a]["parent"] = nodes[b]["id"].clone(),
        3 => {
            let kinds = ["sequence", "fallback", "reactive_sequence", "parallel_all"];
            if nodes[a]["skill"].is_null() {
                nodes[a]["kind"] = json!(kinds.choose(rng).unwrap());
            }
        }
        _ => {
            // The same step once more.
            let mut again = nodes[a].clone();
            again["id"] = json!(100 + b);
            nodes.insert(b, again);
        }
    }
}
