//! What texts and numbers are taken. They come from language models, files and people: data, never commands.

use crate::{MemoryError, Result};

/// Most characters of a sentence or an explanation.
pub const MOST_SENTENCE: usize = 1000;
/// Most characters of a name.
pub const MOST_NAME: usize = 96;

/// The text without spaces around it; refused if it is empty, longer than [`MOST_SENTENCE`] or has control characters
/// other than line ends and tabs.
pub(crate) fn sentence(what: &'static str, text: &str) -> Result<String> {
    checked(what, text, MOST_SENTENCE)
}

/// As [`sentence`], up to [`MOST_NAME`].
pub(crate) fn name(what: &'static str, text: &str) -> Result<String> {
    checked(what, text, MOST_NAME)
}

/// A finite number.
pub(crate) fn finite(what: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(MemoryError::Number { what, value, range: "it must be finite" }) }
}

fn checked(what: &'static str, text: &str, most: usize) -> Result<String> {
    let refused = |reason: String| Err(MemoryError::Text { what, reason });
    let text = text.trim();
    let control = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
    // Bytes first: a gigabyte is not counted character by character.
    if text.is_empty() {
        refused("it is empty".into())
    } else if text.len() > 4 * most || text.chars().count() > most {
        refused(format!("it is longer than {most} characters"))
    } else if let Some(c) = text.chars().find(control) {
        refused(format!("it has the control character {c:?}"))
    } else {
        Ok(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_what_is_no_text_is_refused() {
        assert_eq!(sentence("instruction", "  grüß\tdich \n").unwrap(), "grüß\tdich");
        assert_eq!(sentence("instruction", &"ü".repeat(MOST_SENTENCE)).unwrap().chars().count(), MOST_SENTENCE);
        let refusal = |text: &str| sentence("instruction", text).unwrap_err().to_string();
        assert_eq!(refusal(" \n"), "instruction refused: it is empty");
        assert_eq!(refusal(&"x".repeat(MOST_SENTENCE + 1)), "instruction refused: it is longer than 1000 characters");
        assert_eq!(refusal(&"x".repeat(1 << 20)), "instruction refused: it is longer than 1000 characters");
        assert_eq!(refusal("a\0b"), "instruction refused: it has the control character '\\0'");
        assert!(name("name", &"x".repeat(MOST_NAME + 1)).is_err());
        assert!(finite("x", f64::NAN).is_err() && finite("x", f64::INFINITY).is_err());
    }
}
