//! Which sentences from outside are let in.

use crate::lifecycle::State;

/// Why a sentence was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No letter and no digit, or bytes that are not UTF-8 (r2r hands those over as an empty string).
    #[error("it is empty or not UTF-8")]
    Empty,
    /// Longer than the limit.
    #[error("it has {chars} characters, at most {max} are taken")]
    TooLong {
        /// Its length.
        chars: usize,
        /// The limit.
        max: usize,
    },
    /// A control character: sentences end up in logs, terminals and recordings.
    #[error("character {at} is the control character {character:?}")]
    Control {
        /// Which one.
        character: char,
        /// Its place, from zero.
        at: usize,
    },
    /// The arm may not move now, and shall not begin to by itself when it may.
    #[error("the node is {state}; activate it first (ros2 lifecycle set)")]
    NotActive {
        /// Label of the node's state.
        state: &'static str,
    },
}

/// The sentence without white space at its ends, if it holds a word, if it is between 1 and `max_chars` characters long and holds no
/// control character. Also refused are the characters that reverse the direction of text on a screen (Unicode's
/// bidirectional controls): what a person reads must be what the policy is told. Refused altogether unless the arm may move.
pub fn accept(text: &str, max_chars: usize, state: State) -> Result<&str, Refusal> {
    if !state.moves() {
        return Err(Refusal::NotActive { state: state.label() });
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() && !c.is_control());
    let chars = text.chars().count();
    if !text.chars().any(char::is_alphanumeric) {
        return Err(Refusal::Empty);
    }
    if chars > max_chars {
        return Err(Refusal::TooLong { chars, max: max_chars });
    }
    let is_refused = |c: &char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().enumerate().find(|(_, c)| is_refused(c)) {
        Some((at, character)) => Err(Refusal::Control { character, at }),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_pass_and_lose_the_space_around_them() {
        assert_eq!(accept("  push the red button ", 256, State::Active), Ok("push the red button"));
        assert_eq!(accept("ouvre le tiroir à gauche", 24, State::Active), Ok("ouvre le tiroir à gauche"));
    }

    #[test]
    fn only_an_active_node_takes_sentences() {
        for state in State::ALL.into_iter().filter(|state| *state != State::Active) {
            let refusal = accept("push the red button", 256, state).unwrap_err();
            assert!(refusal.to_string().contains(state.label()), "{refusal}");
        }
    }

    #[test]
    fn what_is_empty_long_or_not_printable_is_refused() {
        for empty in ["", "   ", "\u{a0}", "\u{3000} ", "\u{200b}", "...", "\u{1f916}"] {
            assert_eq!(accept(empty, 256, State::Active), Err(Refusal::Empty), "{empty:?}");
        }
        assert_eq!(accept("ééé", 2, State::Active), Err(Refusal::TooLong { chars: 3, max: 2 }));
        assert_eq!(accept("a\u{1b}[2J", 256, State::Active), Err(Refusal::Control { character: '\u{1b}', at: 1 }));
        assert_eq!(accept("a\nb", 256, State::Active), Err(Refusal::Control { character: '\n', at: 1 }));
        assert_eq!(accept("a\u{202e}b", 256, State::Active), Err(Refusal::Control { character: '\u{202e}', at: 1 }));
    }
}
