//! Finding the JSON object in what a model says: between fences, behind prose, in front of it.

use std::ops::Range;

use serde::de::IgnoredAny;

/// Beginnings that are tried.
const MOST_TRIES: usize = 64;

/// Where the object with a key stands in a text: the first whole object that has the key; or else the first whole one;
/// or else everything from the first brace on, for the validator to say what is wrong with it. `None`: there is none.
pub(super) fn find_object(text: &str, key: &str) -> Option<Range<usize>> {
    let key = format!("\"{key}\"");
    let mut first_whole = None;
    let mut at = text.find('{')?;
    let first = at;
    for _ in 0..MOST_TRIES {
        let rest = text.get(at..)?;
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let next = match stream.next() {
            Some(Ok(_)) => {
                let found = at..at + stream.byte_offset();
                if text.get(found.clone())?.contains(&key) {
                    return Some(found);
                }
                first_whole.get_or_insert(found.clone());
                found.end
            }
            _ => at + 1,
        };
        match text.get(next..).and_then(|rest| rest.find('{')) {
            Some(offset) => at = next + offset,
            None => break,
        }
    }
    // An object inside a broken one is not what was meant.
    match first_whole {
        Some(found) if found.start == first => Some(found),
        _ => Some(first..text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> &str {
        find_object(text, "nodes").map_or("", |range| &text[range])
    }

    #[test]
    fn an_object_is_found_in_its_wrapping() {
        assert_eq!(found(r#"{"nodes":[]}"#), r#"{"nodes":[]}"#);
        assert_eq!(found("Here it is:\n```json\n{\"nodes\": [{}]}\n```\nDone {ok}."), "{\"nodes\": [{}]}");
        assert_eq!(found(r#"I use {curly} braces: {"a":1} {"nodes":["}"]} and"#), r#"{"nodes":["}"]}"#);
        assert_eq!(found("<think>{maybe}</think>{\"nodes\":[]}"), "{\"nodes\":[]}");
        assert_eq!(found(r#"{"goal":[]}"#), r#"{"goal":[]}"#);
        assert_eq!(found("no plan"), "");
    }

    #[test]
    fn a_broken_object_is_handed_on_whole() {
        assert_eq!(found(r#"so: {"goal":[{"a":1}],"no"#), r#"{"goal":[{"a":1}],"no"#);
    }
}
