//! H_dec: how undecided the model was where it chose among names (after arXiv 2603.15557): the mean, over values that
//! are chosen from a list, of the normalised entropy at the first token that tells the choice from others.

use std::ops::Range;

use neuraxis_plan::{RawKind, RungAction, Scene, Skill};

use super::spans::{Choice, choices};

/// A token as it was written, and what might have stood there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// Its text.
    pub text: String,
    /// The most probable ones with the logarithms of their probabilities; the one written may be among them.
    pub alternatives: Vec<(String, f64)>,
}

/// H_dec of the JSON object at `range` of what was said, 0 to 1; `None` if tokens are not told, do not make up the text,
/// or nothing was chosen.
pub fn decision_entropy(said: &str, range: Range<usize>, tokens: &[Token], scene: &Scene) -> Option<f64> {
    let starts = starts(said, tokens)?;
    let names = |choice| -> Vec<&str> {
        match choice {
            Choice::Kind => RawKind::ALL.map(RawKind::name).to_vec(),
            Choice::Skill => Skill::ALL.map(Skill::name).to_vec(),
            Choice::Rung => RungAction::ALL.map(RungAction::name).to_vec(),
            Choice::Object => scene.objects().iter().map(|object| object.id.as_str()).collect(),
            Choice::Fact => scene.fact_ids().map(|fact| scene.name(fact)).collect(),
        }
    };
    let object = said.get(range.clone())?;
    let entropies = choices(object).into_iter().filter_map(|(choice, at)| {
        let at = range.start + at.start..range.start + at.end;
        let token = telling(said, at, tokens, &starts, names(choice))?;
        entropy(&token.alternatives)
    });
    let (sum, count) = entropies.fold((0.0, 0_u32), |(sum, count), entropy| (sum + entropy, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Where each token begins.
fn starts(said: &str, tokens: &[Token]) -> Option<Vec<usize>> {
    let mut at = 0;
    let mut starts = Vec::with_capacity(tokens.len());
    for token in tokens {
        // Some servers tell of an end token that is no text.
        if !said.get(at..)?.starts_with(&token.text) {
            break;
        }
        starts.push(at);
        at += token.text.len();
    }
    (at == said.len() && !tokens.is_empty()).then_some(starts)
}

/// The first token of a value after which fewer names are possible than before.
fn telling<'a>(
    said: &str,
    value: Range<usize>,
    tokens: &'a [Token],
    starts: &[usize],
    mut possible: Vec<&str>,
) -> Option<&'a Token> {
    // The token that the value begins in may begin before it.
    let first = starts.partition_point(|start| *start <= value.start).checked_sub(1)?;
    for (token, start) in tokens.iter().zip(starts).skip(first).take_while(|(_, start)| **start < value.end) {
        let end = start + token.text.len();
        let so_far = said.get(value.start..end.min(value.end))?;
        let before = possible.len();
        if end > value.end {
            possible.retain(|name| *name == so_far);
        } else {
            possible.retain(|name| name.starts_with(so_far));
        }
        if possible.len() < before {
            return Some(token);
        }
    }
    None
}

/// Entropy of the alternatives, as a share of the greatest that so many could have.
fn entropy(alternatives: &[(String, f64)]) -> Option<f64> {
    let weights: Vec<f64> = alternatives.iter().map(|(_, logprob)| logprob.min(0.0).exp()).collect();
    let sum: f64 = weights.iter().sum();
    if weights.is_empty() || !sum.is_finite() || sum <= 0.0 {
        return None;
    }
    if weights.len() == 1 {
        return Some(0.0);
    }
    let parts = weights.iter().map(|weight| weight / sum).filter(|p| *p > 0.0);
    let entropy: f64 = parts.map(|p| -p * p.ln()).sum();
    Some((entropy / (weights.len() as f64).ln()).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench;

    fn token(text: &str, of: &[(&str, f64)]) -> Token {
        let alternatives = of.iter().map(|(text, p)| (text.to_string(), p.ln())).collect();
        Token { text: text.into(), alternatives }
    }

    fn measured(tokens: &[Token]) -> Option<f64> {
        let said: String = tokens.iter().map(|token| token.text.as_str()).collect();
        decision_entropy(&said, 0..said.len(), tokens, &workbench())
    }

    #[test]
    fn a_torn_choice_is_told_from_a_sure_one() {
        let of = |p: f64| {
            vec![
                token(r#"{"obj":""#, &[("x", 1.0)]),
                token("red", &[("red", p), ("green", 1.0 - p)]),
                // What follows from the choice does not count.
                token("_block", &[("_block", 0.5), ("_blob", 0.5)]),
                token(r#""}"#, &[("y", 1.0)]),
            ]
        };
        assert!((measured(&of(0.5)).unwrap() - 1.0).abs() < 1e-9);
        assert!(measured(&of(0.999)).unwrap() < 0.02);
    }

    #[test]
    fn where_tokens_tell_nothing_nothing_is_measured() {
        assert_eq!(measured(&[]), None);
        assert_eq!(measured(&[token(r#"{"why":"red_block"}"#, &[("a", 0.5), ("b", 0.5)])]), None);
        let strange = [token(r#"{"obj":"red"#, &[]), token("XX", &[])];
        assert_eq!(decision_entropy(r#"{"obj":"red_block"}"#, 0..19, &strange, &workbench()), None);
    }

    #[test]
    fn one_token_may_hold_the_whole_value_and_more() {
        let whole = token(r#"{"skill":"grasp"}"#, &[("a", 0.5), ("b", 0.5)]);
        assert!((measured(&[whole]).unwrap() - 1.0).abs() < 1e-9);
    }
}
