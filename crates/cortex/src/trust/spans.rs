//! Where in a JSON text the values stand that are chosen from a list of names.

use std::ops::Range;

/// Which list a value is chosen from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Kind,
    Skill,
    Object,
    Fact,
    Rung,
}

impl Choice {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "kind" => Self::Kind,
            "skill" => Self::Skill,
            "obj" | "from" | "to" | "at" | "scene_check" => Self::Object,
            "fact" | "pred" | "post" | "goal" | "assumptions" => Self::Fact,
            "do" => Self::Rung,
            _ => return None,
        })
    }
}

/// Strings at such keys, and in lists at such keys, without their quotes. Reads well-formed JSON; where it is not, it
/// finds less.
pub(super) fn choices(text: &str) -> Vec<(Choice, Range<usize>)> {
    let mut found = Vec::new();
    // The key that governs each open object or list.
    let mut open: Vec<(bool, Option<Choice>)> = Vec::new();
    let mut expects_key = false;
    let mut key = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' => {
                open.push((true, None));
                expects_key = true;
            }
            b'[' => {
                open.push((false, key));
                expects_key = false;
            }
            b'}' | b']' => {
                open.pop();
                key = open.last().and_then(|(_, key)| *key);
                expects_key = false;
            }
            b',' => expects_key = open.last().is_some_and(|(is_object, _)| *is_object),
            b'"' => {
                let (end, is_plain) = string(&mut bytes, text.len());
                let inside = at + 1..end;
                match (expects_key, open.last_mut()) {
                    (true, Some((_, governs))) => {
                        key = text.get(inside).and_then(Choice::of);
                        *governs = key;
                        expects_key = false;
                    }
                    _ => found.extend(key.filter(|_| is_plain).map(|choice| (choice, inside))),
                }
            }
            _ => {}
        }
    }
    found
}

/// Reads to the closing quote; where it is, and whether nothing was escaped.
fn string(bytes: &mut impl Iterator<Item = (usize, u8)>, end: usize) -> (usize, bool) {
    let mut is_plain = true;
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (at, is_plain),
            b'\\' => {
                is_plain = false;
                bytes.next();
            }
            _ => {}
        }
    }
    (end, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_values_are_found_and_no_others() {
        let text = r#"{"rationale":"pick \"red\" up, [x","goal":["on(a,b)"],"nodes":[{"id":1,"kind":"skill","args":
            {"obj":"a","why":"a","to":null},"post":["in(a,d)"],"guards":[{"expr":["force","norm"],"op":"<"}],"on_fail":[{"do":"retry"}]}]}"#;
        let found: Vec<_> = choices(text).into_iter().map(|(choice, at)| (choice, &text[at])).collect();
        assert_eq!(
            found,
            [
                (Choice::Fact, "on(a,b)"),
                (Choice::Kind, "skill"),
                (Choice::Object, "a"),
                (Choice::Fact, "in(a,d)"),
                (Choice::Rung, "retry"),
            ]
        );
        assert!(choices(r#"{"goal":["on("#).is_empty());
    }
}
