//! What a run was told, kept in its files: the run that goes on is the one that was begun, and what a file says of itself holds
//! for all of its steps.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Settings in force, and how much there was to learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// All settings of the training as JSON, defaults included. Kept as text: numbers come back as they went.
    settings: String,
    /// Observations in the data.
    observations: usize,
}

impl Recipe {
    /// Of a run.
    pub fn new(settings: &impl Serialize, observations: usize) -> Result<Self> {
        Ok(Self { settings: serde_json::to_string(settings).map_err(bad)?, observations })
    }

    /// The settings; keys that are younger than the file have their defaults.
    pub fn settings<S: DeserializeOwned>(&self) -> Result<S> {
        serde_json::from_str(&self.settings).map_err(bad)
    }

    /// The first thing, in words, in which `now` is another run: settings of type `S`, `free` ones aside, or data.
    pub fn difference<S: Serialize + DeserializeOwned>(&self, now: &Self, free: &[&str]) -> Result<Option<String>> {
        let [mut then, mut here] = [object(&self.settings::<S>()?)?, object(&now.settings::<S>()?)?];
        free.iter().for_each(|key| drop((then.remove(*key), here.remove(*key))));
        let sizes = (self.observations, now.observations);
        let data = (sizes.0 != sizes.1).then(|| said("observations", sizes.0, sizes.1));
        Ok(first("", &then, &here).or(data))
    }
}

/// The first key below `prefix`, in words, in which two configurations differ.
pub(crate) fn difference<S: Serialize>(prefix: &str, then: &S, now: &S) -> Result<Option<String>> {
    Ok(first(prefix, &object(then)?, &object(now)?))
}

fn object(of: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(of).map_err(bad)? {
        Value::Object(map) => Ok(map),
        other => Err(Error::Data(format!("settings became {other}"))),
    }
}

fn first(prefix: &str, then: &Map<String, Value>, now: &Map<String, Value>) -> Option<String> {
    let keys = then.keys().chain(now.keys().filter(|key| !then.contains_key(*key)));
    keys.into_iter().find_map(|key| {
        let (a, b) = (then.get(key).unwrap_or(&Value::Null), now.get(key).unwrap_or(&Value::Null));
        let name = format!("{prefix}{key}");
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => first(&format!("{name}."), a, b),
            _ if a == b => None,
            _ => Some(said(&name, word(a), word(b))),
        }
    })
}

fn said(key: &str, then: impl std::fmt::Display, now: impl std::fmt::Display) -> String {
    format!("was made with {key} {then}, this is {now}")
}

fn word(value: &Value) -> String {
    if value.is_null() { "none".into() } else { value.to_string() }
}

fn bad(e: serde_json::Error) -> Error {
    Error::Data(format!("settings of a training: {e}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::TrainConfig;

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        let base = TrainConfig { lr: 6e-4, augment_shift_m: 0.1 + 0.2, target_sigma_px: 0.1, ..TrainConfig::default() };
        let recipe = |config: &TrainConfig| Recipe::new(config, 10).unwrap();
        let told = |config: TrainConfig| {
            let text = serde_json::to_string(&recipe(&base)).unwrap();
            let then: Recipe = serde_json::from_str(&text).unwrap();
            then.difference::<TrainConfig>(&recipe(&config), &["steps"]).unwrap()
        };
        assert_eq!(told(TrainConfig { steps: 9, ..base.clone() }), None);
        let differs = |config, words: &str| assert_eq!(told(config).unwrap(), format!("was made with {words}"));
        differs(TrainConfig { seed: 2, ..base.clone() }, "seed 1, this is 2");
        let emphasis = BTreeMap::from([("turn_tap".to_string(), 3)]);
        differs(TrainConfig { emphasis, ..base.clone() }, "emphasis.turn_tap none, this is 3");
        let mut consistency = base.clone();
        consistency.consistency.lambda = 0.5;
        differs(consistency, "consistency.lambda 0.0, this is 0.5");
        let fewer = Recipe::new(&base, 9).unwrap();
        let words = recipe(&base).difference::<TrainConfig>(&fewer, &[]).unwrap();
        assert_eq!(words.unwrap(), "was made with observations 10, this is 9");
    }
}
