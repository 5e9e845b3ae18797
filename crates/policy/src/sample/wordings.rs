//! The sentences of a data set as features: its own, and the same in other words.

use std::collections::HashMap;

use neuraxis_core::{TextEmbedder, TextFeatures};
use rand::Rng;
use rand_pcg::Pcg64;

use super::Record;
use crate::{Error, Result};

/// How often a sentence is said in other words, where there are any.
const RETOLD: f64 = 0.5;

/// Features of every sentence.
#[derive(Default)]
pub(super) struct Wordings {
    own: HashMap<String, TextFeatures>,
    /// By task and sentence, the same in other words.
    others: HashMap<String, HashMap<String, Vec<TextFeatures>>>,
}

impl Wordings {
    /// Encodes the sentences of a record, each once.
    pub(super) fn learn(&mut self, record: &Record, embedder: &mut dyn TextEmbedder) -> Result<()> {
        for goal in &record.goals {
            if !self.own.contains_key(&goal.instruction) {
                self.own.insert(goal.instruction.clone(), encode(embedder, &goal.instruction)?);
            }
        }
        Ok(())
    }

    /// Encodes what `retell` makes of the sentences of a record: it is given a task and a sentence of it.
    pub(super) fn retell(
        &mut self,
        record: &Record,
        embedder: &mut dyn TextEmbedder,
        retell: &mut dyn FnMut(&str, &str) -> Vec<String>,
    ) -> Result<()> {
        let of_task = self.others.entry(record.task.clone()).or_default();
        for goal in &record.goals {
            if of_task.contains_key(&goal.instruction) {
                continue;
            }
            let told = retell(&record.task, &goal.instruction);
            let features = told.iter().map(|text| encode(embedder, text)).collect::<Result<_>>()?;
            of_task.insert(goal.instruction.clone(), features);
        }
        Ok(())
    }

    /// Refuses sentences, in whatever words, of more tokens than a policy reads.
    pub(super) fn check_length(&self, most: usize) -> Result<()> {
        let refuse = |text: &str, tokens: usize| {
            Err(Error::Data(format!("{text:?} has {tokens} tokens, allowed: policy.text_len = {most}")))
        };
        if let Some((text, features)) = self.own.iter().find(|(_, features)| features.tokens > most) {
            return refuse(text, features.tokens);
        }
        for (text, told) in self.others.values().flatten() {
            if let Some(features) = told.iter().find(|features| features.tokens > most) {
                return refuse(&format!("{text} (in other words)"), features.tokens);
            }
        }
        Ok(())
    }

    /// Number of the data's own sentences, and of other wordings.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.own.len(), self.others.values().flat_map(HashMap::values).map(Vec::len).sum())
    }

    /// Features of a sentence, often in other words where there are any.
    pub(super) fn told(&self, task: &str, sentence: &str, rng: &mut Pcg64) -> Result<&TextFeatures> {
        match self.others.get(task).and_then(|of_task| of_task.get(sentence)) {
            Some(told) if !told.is_empty() && rng.random_bool(RETOLD) => Ok(&told[rng.random_range(0..told.len())]),
            _ => self.own(sentence),
        }
    }

    /// Features of a sentence as it is.
    pub(super) fn own(&self, text: &str) -> Result<&TextFeatures> {
        self.own.get(text).ok_or_else(|| Error::Data(format!("{text:?} is no sentence of the data set")))
    }
}

fn encode(embedder: &mut dyn TextEmbedder, text: &str) -> Result<TextFeatures> {
    embedder.embed(text).map_err(|e| Error::Data(e.to_string()))
}
