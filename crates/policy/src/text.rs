//! The sentence encoder all-MiniLM-L6-v2 (Apache-2.0), a six-layer BERT, run offline by LibTorch.
//!
//! Its token-level features serve where RVT-2 uses CLIP's. Architecture: Devlin et al. 2019, post-norm layers.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use neuraxis_core::{PolicyError, TextEmbedder, TextFeatures};
use safetensors::SafeTensors;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

use crate::{Error, Result, checkpoint::fnv1a};

const LAYERS: usize = 6;
const HEADS: i64 = 12;
const WIDTH: i64 = 384;
/// Tokens of the longest sentence, the two special ones included: as many as the encoder was trained on.
const MOST_TOKENS: usize = 256;
/// Sentences remembered before the memory starts anew: a task has a handful, an operator may type for weeks.
const MOST_SENTENCES: usize = 1024;

/// Words of English orders, of which other languages have hardly one. The encoder has no whole word for many a colour and thing.
const ENGLISH: [&str; 30] = [
    "the",
    "it",
    "this",
    "that",
    "them",
    "and",
    "then",
    "with",
    "from",
    "into",
    "onto",
    "by",
    "of",
    "around",
    "two",
    "three",
    "first",
    "next",
    "afterwards",
    "finally",
    "put",
    "push",
    "press",
    "pull",
    "close",
    "turn",
    "slide",
    "stack",
    "pick",
    "take",
];

/// Words that hold sentences together in languages whose other words may look like English ("ferme le pot"), and that English
/// orders do not have: French, Spanish, Italian, German, Dutch. Not among them: "in", "on", "to", "a", "do", "no", "of", which English has too.
const FOREIGN: [&str; 46] = [
    "la", "le", "les", "du", "des", "sur", "dans", "une", "un", "et", "au", "avec", "puis", "el", "los", "las", "una",
    "del", "con", "en", "sobre", "il", "lo", "gli", "di", "nel", "nella", "sul", "sulla", "della", "die", "das", "der",
    "dem", "den", "auf", "ein", "eine", "einen", "und", "mit", "zu", "de", "het", "een", "op",
];

/// The encoder and the sentences it has seen.
pub struct MiniLm {
    weights: HashMap<String, Tensor>,
    tokenizer: Tokenizer,
    id: String,
    seen: HashMap<String, TextFeatures>,
}

// SAFETY: tensors are reference-counted by atomics in LibTorch and this type is used from one thread at a time.
unsafe impl Send for MiniLm {}

impl MiniLm {
    /// Reads `config.json`, `model.safetensors` and `tokenizer.json` of a folder (`./neuraxis setup` puts them into
    /// `.deps/text`). A model of another shape is refused here, naming the file, and not at the first sentence.
    pub fn load(dir: &Path) -> Result<Self> {
        check_shape(&dir.join("config.json"))?;
        let path = dir.join("model.safetensors");
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| refuse(&path, e.to_string()))?;
        let mut weights = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != safetensors::Dtype::F32 {
                continue;
            }
            let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            weights.insert(name.to_string(), Tensor::f_from_slice(&values)?.f_view(&shape[..])?);
        }
        let tokens = dir.join("tokenizer.json");
        let mut tokenizer = Tokenizer::from_file(&tokens).map_err(|e| refuse(&tokens, e.to_string()))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| refuse(&tokens, e.to_string()))?;
        let id = format!("all-MiniLM-L6-v2:{:016x}", fnv1a(&bytes));
        let encoder = Self { weights, tokenizer, id, seen: HashMap::new() };
        // One sentence uses every tensor once.
        encoder.encode("red").map_err(|e| refuse(&path, e.to_string()))?;
        Ok(encoder)
    }

    /// As `embed`, for what an operator tells a policy to do: a sentence in a language that the encoder does not know is refused, for
    /// its features would mean nothing.
    ///
    /// # Errors
    /// As those of `embed`; of the sentence's words two, and a third of all, are none that the encoder knows as a whole, and
    /// nothing else in it is sure to be English; or more of them are sure to be of another language than to be English.
    pub fn embed_order(&mut self, text: &str) -> std::result::Result<TextFeatures, PolicyError> {
        let features = self.embed(text)?;
        let words = self.words(text).map_err(|e| PolicyError::Internal(format!("text encoder: {e}")))?;
        let unknown: Vec<&str> = words.iter().filter(|(_, pieces)| *pieces != 1).map(|(word, _)| *word).collect();
        let english = words.iter().filter(|(word, _)| ENGLISH.contains(&word.to_lowercase().as_str())).count();
        let foreign: Vec<&str> = words.iter().map(|(word, _)| *word).filter(|word| is_foreign(word)).collect();
        let named = if english == 0 && unknown.len() >= 2 && unknown.len() * 3 >= words.len() {
            unknown
        } else if foreign.len() > english {
            foreign
        } else {
            return Ok(features);
        };
        let reason = format!("it is not in English, or not in common words of it: {}", named.join(", "));
        Err(PolicyError::Instruction { text: text.into(), reason })
    }

    /// Each word with the number of pieces that the vocabulary has for it; none for one that cannot be pieced together.
    fn words<'a>(&self, text: &'a str) -> Result<Vec<(&'a str, usize)>> {
        let encoding = self.tokenizer.encode(text, false).map_err(|e| Error::Data(e.to_string()))?;
        let mut words: Vec<(Option<u32>, (usize, usize), usize)> = Vec::new();
        for ((&word, &(from, to)), token) in
            encoding.get_word_ids().iter().zip(encoding.get_offsets()).zip(encoding.get_tokens())
        {
            let pieces = usize::from(token != "[UNK]");
            match words.last_mut().filter(|(last, ..)| *last == word) {
                Some((_, span, count)) => (span.1, *count) = (to, *count + pieces),
                None => words.push((word, (from, to), pieces)),
            }
        }
        let named = words.into_iter().filter_map(|(_, (from, to), pieces)| Some((text.get(from..to)?, pieces)));
        Ok(named.filter(|(word, _)| word.chars().any(char::is_alphanumeric)).collect())
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        self.weights.get(name).ok_or_else(|| Error::Data(format!("the text encoder has no tensor {name}")))
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (w, b) = (self.weight(&format!("{name}.weight"))?, self.weight(&format!("{name}.bias"))?);
        Ok(x.f_linear(w, Some(b))?)
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (w, b) = (self.weight(&format!("{name}.weight"))?, self.weight(&format!("{name}.bias"))?);
        Ok(x.f_layer_norm([WIDTH], Some(w), Some(b), 1e-12, false)?)
    }

    /// Token numbers between [CLS] and [SEP].
    fn token_ids(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.tokenizer.encode(text, true).map_err(|e| Error::Data(e.to_string()))?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|&i| i64::from(i)).collect();
        if ids.len() > MOST_TOKENS {
            return Err(Error::Instruction(format!("it has {} tokens, allowed: {MOST_TOKENS}", ids.len())));
        }
        Ok(ids)
    }

    /// Last hidden states, (tokens, width), [CLS] and [SEP] included.
    fn encode(&self, text: &str) -> Result<TextFeatures> {
        let _guard = tch::no_grad_guard();
        let ids = self.token_ids(text)?;
        let n = ids.len() as i64;
        let look_up = |table: &str, indices: &Tensor| -> Result<Tensor> {
            Ok(Tensor::f_embedding(self.weight(&format!("embeddings.{table}.weight"))?, indices, -1, false, false)?)
        };
        let positions = Tensor::f_arange(n, (Kind::Int64, tch::Device::Cpu))?;
        let words = look_up("word_embeddings", &Tensor::f_from_slice(&ids)?)?;
        let x = words.f_add(&look_up("position_embeddings", &positions)?)?;
        let x = x.f_add(&look_up("token_type_embeddings", &positions.f_zeros_like()?)?)?;
        let mut x = self.norm("embeddings.LayerNorm", &x)?;
        let heads = |t: Tensor| -> Result<Tensor> { Ok(t.f_view([n, HEADS, WIDTH / HEADS])?.f_transpose(0, 1)?) };
        for layer in 0..LAYERS {
            let at = |name: &str| format!("encoder.layer.{layer}.{name}");
            let q = heads(self.linear(&at("attention.self.query"), &x)?)?;
            let k = heads(self.linear(&at("attention.self.key"), &x)?)?;
            let v = heads(self.linear(&at("attention.self.value"), &x)?)?;
            let y = Tensor::f_scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false)?;
            let y = self.linear(&at("attention.output.dense"), &y.f_transpose(0, 1)?.f_reshape([n, WIDTH])?)?;
            x = self.norm(&at("attention.output.LayerNorm"), &x.f_add(&y)?)?;
            let y = self.linear(&at("intermediate.dense"), &x)?.f_gelu("none")?;
            let y = self.linear(&at("output.dense"), &y)?;
            x = self.norm(&at("output.LayerNorm"), &x.f_add(&y)?)?;
        }
        let values = Vec::<f32>::try_from(&x.f_contiguous()?.f_view([-1])?)?;
        Ok(TextFeatures { tokens: n as usize, width: WIDTH as usize, values: values.into() })
    }
}

impl TextEmbedder for MiniLm {
    fn id(&self) -> &str {
        &self.id
    }

    fn embed(&mut self, text: &str) -> std::result::Result<TextFeatures, PolicyError> {
        let refuse = |reason: String| PolicyError::Instruction { text: text.into(), reason };
        if text.trim().is_empty() {
            return Err(refuse("it is empty".into()));
        }
        if let Some(features) = self.seen.get(text) {
            return Ok(features.clone());
        }
        // What else fails is the encoder's fault, not the sentence's.
        let features = self.encode(text).map_err(|e| match e {
            Error::Instruction(reason) => refuse(reason),
            other => PolicyError::Internal(format!("text encoder: {other}")),
        })?;
        if features.tokens <= 2 {
            return Err(refuse("it has no words".into()));
        }
        if self.seen.len() >= MOST_SENTENCES {
            self.seen.clear();
        }
        self.seen.insert(text.into(), features.clone());
        Ok(features)
    }
}

/// A word of another language for sure: one of [`FOREIGN`], or with a letter that English does without.
fn is_foreign(word: &str) -> bool {
    FOREIGN.contains(&word.to_lowercase().as_str()) || word.chars().any(|c| c.is_alphabetic() && !c.is_ascii())
}

/// Compares `config.json` with the architecture written out in this file: a deeper model would otherwise load and
/// run without its upper layers.
fn check_shape(path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let config: serde_json::Value = serde_json::from_str(&text).map_err(|e| refuse(path, e.to_string()))?;
    let wanted = [("num_hidden_layers", LAYERS as i64), ("num_attention_heads", HEADS), ("hidden_size", WIDTH)];
    for (key, value) in wanted {
        if config[key].as_i64() != Some(value) {
            return Err(refuse(path, format!("{key} = {}, this encoder needs {value}", config[key])));
        }
    }
    Ok(())
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Checkpoint { path: PathBuf::from(path), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/text")
    }

    fn encoder() -> MiniLm {
        MiniLm::load(&folder()).expect("the text encoder: run ./neuraxis setup first")
    }

    fn pooled(features: &TextFeatures) -> Vec<f32> {
        let mut sum = vec![0.0f32; features.width];
        for token in features.values.chunks(features.width) {
            sum.iter_mut().zip(token).for_each(|(s, x)| *s += x);
        }
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        sum.into_iter().map(|x| x / norm).collect()
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        sentences: Vec<GoldenSentence>,
    }

    #[derive(serde::Deserialize)]
    struct GoldenSentence {
        text: String,
        ids: Vec<i64>,
        values: Vec<Vec<f32>>,
    }

    #[test]
    fn features_equal_those_of_an_independent_implementation() {
        // Made by tests/golden_minilm.py.
        let golden: Golden = serde_json::from_str(include_str!("../tests/data/golden_minilm.json")).unwrap();
        let mut encoder = encoder();
        assert_eq!(golden.sentences.len(), 2);
        for sentence in golden.sentences {
            assert_eq!(encoder.token_ids(&sentence.text).unwrap(), sentence.ids, "{}", sentence.text);
            let features = encoder.embed(&sentence.text).unwrap();
            assert_eq!((features.tokens, features.width), (sentence.ids.len(), 384));
            for (token, expected) in features.values.chunks(features.width).zip(&sentence.values) {
                for (value, expected) in token.iter().zip(expected) {
                    assert!((value - expected).abs() < 1e-4, "{}: {value} for {expected}", sentence.text);
                }
            }
        }
    }

    #[test]
    fn meaning_is_nearer_than_wording() {
        let mut encoder = encoder();
        let mut near = |a: &str, b: &str| {
            let (a, b) = (pooled(&encoder.embed(a).unwrap()), pooled(&encoder.embed(b).unwrap()));
            a.iter().zip(&b).map(|(x, y)| x * y).sum::<f32>()
        };
        let same = near("push the red button", "press the button that is red");
        let other = near("push the red button", "open the bottom drawer");
        assert!(same > 0.75 && other < 0.5, "{same} {other}");
        let (crimson, other) = (near("red", "crimson"), near("red", "sideways"));
        assert!(crimson > other + 0.1, "{crimson} {other}");
    }

    #[test]
    fn empty_sentences_and_such_that_are_too_long_are_refused() {
        let mut encoder = encoder();
        assert!(encoder.embed("  ").unwrap_err().to_string().contains("it is empty"));
        assert!(encoder.embed("\u{200b}").unwrap_err().to_string().contains("it has no words"));
        let long = "red ".repeat(MOST_TOKENS - 2);
        assert_eq!(encoder.embed(&long).unwrap().tokens, MOST_TOKENS);
        let error = encoder.embed(&(long + "red")).unwrap_err();
        assert!(matches!(error, PolicyError::Instruction { .. }), "{error:?}");
        assert!(error.to_string().contains("it has 257 tokens, allowed: 256"), "{error}");
    }

    #[test]
    fn orders_in_other_languages_are_refused_and_those_in_plain_english_are_not() {
        let mut encoder = encoder();
        let foreign = [
            "Drücke den roten Knopf",
            "öffne die untere Schublade",
            "lege den Würfel auf den Teller",
            "appuie sur le bouton rouge",
            "ouvre le tiroir du bas",
            "presiona el botón rojo",
            "abre el cajón inferior",
            "premi il pulsante rosso",
            "druk op de rode knop",
            "mets la viande sur le grill",
            "mach die Lade auf",
            "ferme la porte",
            "ferme le pot",
            "Drücke rot",
            "open de lade",
            "aperte o botão vermelho",
            "naciśnij czerwony przycisk",
            "нажми красную кнопку",
            "按红色按钮",
            "赤いボタンを押して",
            "빨간 버튼을 누르세요",
            "اضغط على الزر الأحمر",
        ];
        for text in foreign {
            let refused = encoder.embed_order(text).expect_err(text).to_string();
            assert!(refused.contains("not in English"), "{refused}");
        }
        let told = encoder.embed_order("Drücke den roten Knopf").unwrap_err().to_string();
        assert!(told.ends_with(": Drücke, roten, Knopf"), "{told}");
        let english = [
            "red",
            "stow the mugs",
            "stack cubes neatly",
            "collect the mugs inside the tray",
            "tidy up: shelve the banknotes",
            "sweep the crumbs into the dustpan, then unscrew the lightbulb",
            "PRESS THE CYAN BUTTON!",
            "activate cyan, followed by magenta",
            "poke cyan, afterwards magenta, finally teal",
            "put the jalapeño on the tray",
            "roll the die onto the plate",
        ];
        for text in english {
            encoder.embed_order(text).unwrap();
        }
    }

    #[test]
    fn a_sentence_seen_before_gives_the_same_features() {
        let mut encoder = encoder();
        let first = encoder.embed("open the top drawer").unwrap();
        let again = encoder.embed("open the top drawer").unwrap();
        assert!(std::sync::Arc::ptr_eq(&first.values, &again.values));
        assert_eq!(encoder.encode("open the top drawer").unwrap(), first);
        assert!(encoder.id().starts_with("all-MiniLM-L6-v2:") && encoder.id().len() == 17 + 16);
    }

    #[test]
    fn another_model_is_refused_by_its_file() {
        let dir = std::env::temp_dir().join(format!("neuraxis-text-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let missing = MiniLm::load(&dir).err().unwrap().to_string();
        let config = r#"{"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 384}"#;
        std::fs::write(dir.join("config.json"), config).unwrap();
        let deeper = MiniLm::load(&dir).err().unwrap().to_string();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(missing.contains("config.json"), "{missing}");
        assert!(deeper.contains("config.json") && deeper.contains("num_hidden_layers = 12"), "{deeper}");
    }
}
