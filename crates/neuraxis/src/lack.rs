//! What a policy lacks: cameras that it does without, and answers that it cannot give. Told when it changes.

use neuraxis_core::Nanos;
use neuraxis_episode::Level;

/// After it was told that there is no answer, it is not told again for so long: a policy that answers every other picture
/// would fill the terminal.
const QUIET: Nanos = Nanos::from_millis(1000);

/// Follows one policy.
#[derive(Debug, Default)]
pub struct Lack {
    /// Cameras that the last answer did without, and why.
    left_out: Vec<String>,
    /// It was told that there is no answer: the cameras that could not be used then.
    refused: Option<Vec<String>>,
    told_at: Option<Nanos>,
}

impl Lack {
    /// An answer that did without these cameras; what there is to tell.
    pub fn answered(&mut self, left_out: &[String]) -> Vec<(Level, String)> {
        let mut news: Vec<_> = self.went_on().into_iter().collect();
        if self.left_out != left_out {
            self.left_out = left_out.to_vec();
            news.push(without(left_out));
        }
        news
    }

    /// No answer was wanted, and nothing stood against it.
    pub fn went_on(&mut self) -> Option<(Level, String)> {
        self.refused.take().map(|_| (Level::Info, "answers again".into()))
    }

    /// No answer, for this reason and with these cameras out of use; told at the first of a row, and when the cameras change.
    /// What the last answer did without stays: only another answer says that it has changed.
    pub fn refused(&mut self, now: Nanos, why: &str, left_out: &[String]) -> Option<(Level, String)> {
        let is_known = self.refused.as_deref() == Some(left_out);
        let is_too_soon = self.refused.is_none() && self.told_at.is_some_and(|at| now - at < QUIET);
        if is_known || is_too_soon {
            return None;
        }
        (self.refused, self.told_at) = (Some(left_out.to_vec()), Some(now));
        Some((Level::Warning, format!("no answer: {why}")))
    }
}

/// What a policy does without, in words.
fn without(left_out: &[String]) -> (Level, String) {
    match left_out {
        [] => (Level::Info, "the policy uses all cameras again".into()),
        some => (Level::Warning, format!("the policy does without cameras: {}", some.join("; "))),
    }
}

/// On the terminal.
pub fn say(news: &[(Level, String)]) {
    for (level, text) in news {
        let kind = if *level == Level::Info { "note" } else { "warning" };
        say_err!("{kind}: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(cameras: &[&str]) -> Vec<String> {
        cameras.iter().map(ToString::to_string).collect()
    }

    fn at(ms: u64) -> Nanos {
        Nanos::from_millis(ms)
    }

    #[test]
    fn cameras_that_die_one_after_the_other_are_never_said_to_be_used_again() {
        let (mut lack, wrist) = (Lack::default(), words(&["wrist: hardly any depth reading"]));
        assert_eq!(lack.answered(&[]), []);
        let warned = lack.answered(&wrist);
        assert_eq!(
            warned,
            [(Level::Warning, "the policy does without cameras: wrist: hardly any depth reading".into())]
        );
        assert_eq!(lack.answered(&wrist), [], "told once");
        let all = words(&["front: hardly any depth reading", "wrist: hardly any depth reading"]);
        let told = lack.refused(at(0), "no camera can be used", &all);
        assert_eq!(told, Some((Level::Warning, "no answer: no camera can be used".into())));
        assert_eq!(lack.refused(at(50), "no camera can be used", &all), None, "told once");
        // The front camera is back, the wrist's is not: nobody says that all are used.
        let mut unasked = Lack { refused: Some(all.clone()), left_out: wrist.clone(), told_at: None };
        assert_eq!(unasked.went_on(), Some((Level::Info, "answers again".into())));
        assert_eq!((unasked.went_on(), unasked.answered(&wrist)), (None, vec![]));
        assert_eq!(lack.answered(&wrist), [(Level::Info, "answers again".into())]);
        assert_eq!(lack.answered(&[]), [(Level::Info, "the policy uses all cameras again".into())]);
    }

    #[test]
    fn a_policy_that_refuses_now_and_then_is_not_told_of_at_each_picture_but_one_that_goes_on_is() {
        let mut lack = Lack::default();
        assert!(lack.refused(at(0), "no way", &[]).is_some());
        assert_eq!(lack.answered(&[]).len(), 1);
        for ms in (100..1000).step_by(100) {
            assert_eq!(lack.refused(at(ms), "no way", &[]), None);
            assert_eq!(lack.answered(&[]), [], "what was not told is not taken back");
        }
        assert_eq!(lack.refused(at(950), "no way", &[]), None);
        assert!(lack.refused(at(1000), "no way", &[]).is_some(), "it still refuses");
        let other = words(&["front: its picture is blank"]);
        assert!(lack.refused(at(1050), "no camera can be used", &other).is_some(), "other cameras are news");
    }
}
