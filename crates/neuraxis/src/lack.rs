//! What a policy lacks, or a brain: cameras that it does without, and answers that it cannot give. Told when it changes.

use neuraxis_core::Nanos;
use neuraxis_episode::Level;

use crate::looked::Sight;

/// After it was told that there is no answer, it is not told again for so long: a policy that answers every other picture
/// would fill the terminal.
const QUIET: Nanos = Nanos::from_millis(1000);

/// Follows one policy, and the brain that asks it, if there is one.
#[derive(Debug, Default)]
pub struct Lack {
    /// Cameras that the policy's last answer did without, and why.
    left_out: Vec<String>,
    /// Cameras that the brain's last look did without: it looks at more than it asks the policy about.
    unseen: Vec<String>,
    /// It was told that there is no answer: why, and the cameras that could not be used then.
    refused: Option<(String, Vec<String>)>,
    told_at: Option<Nanos>,
}

impl Lack {
    /// An answer, or none for this reason, with these cameras left out or out of use; what there is to tell.
    pub fn hears(&mut self, now: Nanos, refused: Option<&str>, left_out: &[String]) -> Vec<(Level, String)> {
        match refused {
            None => self.answered(left_out),
            Some(why) => self.refused(now, why, left_out).into_iter().collect(),
        }
    }

    /// No answer was wanted, and nothing stood against it; the brain has looked without these cameras. What the policy's last
    /// answer did without stays: only another answer says that it has changed.
    pub fn went_on(&mut self, unseen: &[String]) -> Vec<(Level, String)> {
        let again = self.refused.take().map(|_| (Level::Info, "nothing is refused now; no policy is asked".into()));
        again.into_iter().chain(change(&mut self.unseen, unseen, "the brain")).collect()
    }

    fn answered(&mut self, left_out: &[String]) -> Vec<(Level, String)> {
        let again = self.refused.take().map(|_| (Level::Info, "answers again".to_string()));
        again.into_iter().chain(change(&mut self.left_out, left_out, "the policy")).collect()
    }

    /// Told at the first of a row, when the cameras change, and after a while when the reason has. What the last answer did without
    /// stays here, too.
    fn refused(&mut self, now: Nanos, why: &str, left_out: &[String]) -> Option<(Level, String)> {
        let is_too_soon = self.told_at.is_some_and(|at| now - at < QUIET);
        let is_news = match &self.refused {
            Some((_, cameras)) if cameras != left_out => true,
            Some((told, _)) => !is_too_soon && gist(told) != gist(why),
            None => !is_too_soon,
        };
        if !is_news {
            return None;
        }
        (self.refused, self.told_at) = (Some((why.to_string(), left_out.to_vec())), Some(now));
        Some((Level::Warning, format!("no answer: {why}")))
    }
}

/// Cameras that nothing was made of.
pub fn left_out(sight: Option<&Sight>) -> &[String] {
    sight.map_or(&[][..], |sight| &sight.left_out)
}

/// A text without its numbers, which may be others with each picture.
pub fn gist(text: &str) -> String {
    text.chars().filter(|c| !(c.is_ascii_digit() || "+-.".contains(*c))).collect()
}

/// Without which cameras somebody does from now on, if they are others than before.
fn change(before: &mut Vec<String>, left_out: &[String], who: &str) -> Option<(Level, String)> {
    if before == left_out {
        return None;
    }
    *before = left_out.to_vec();
    Some(match left_out {
        [] => (Level::Info, format!("{who} uses all cameras again")),
        some => (Level::Warning, format!("{who} does without cameras: {}", some.join("; "))),
    })
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

    /// There is no answer for this reason; what is told.
    fn refused(lack: &mut Lack, ms: u64, why: &str, cameras: &[String]) -> Vec<(Level, String)> {
        lack.hears(at(ms), Some(why), cameras)
    }

    #[test]
    fn cameras_that_die_one_after_the_other_are_never_said_to_be_used_again() {
        let (mut lack, wrist) = (Lack::default(), words(&["wrist: hardly any depth reading"]));
        assert_eq!(lack.answered(&[]), []);
        let warned = lack.hears(at(0), None, &wrist);
        assert_eq!(
            warned,
            [(Level::Warning, "the policy does without cameras: wrist: hardly any depth reading".into())]
        );
        assert_eq!(lack.answered(&wrist), [], "told once");
        let all = words(&["front: hardly any depth reading", "wrist: hardly any depth reading"]);
        let told = refused(&mut lack, 0, "no camera can be used", &all);
        assert_eq!(told, [(Level::Warning, "no answer: no camera can be used".into())]);
        assert_eq!(refused(&mut lack, 50, "no camera can be used", &all), [], "told once");
        // The front camera is back, the wrist's is not: nobody says that all are used, nor that there are answers where no
        // policy is asked.
        let kept = Some(("no camera can be used".to_string(), all.clone()));
        let mut unasked = Lack { refused: kept, left_out: wrist.clone(), ..Lack::default() };
        assert_eq!(unasked.went_on(&[]), [(Level::Info, "nothing is refused now; no policy is asked".into())]);
        assert_eq!((unasked.went_on(&[]), unasked.answered(&wrist)), (vec![], vec![]));
        assert_eq!(lack.answered(&wrist), [(Level::Info, "answers again".into())]);
        assert_eq!(lack.answered(&[]), [(Level::Info, "the policy uses all cameras again".into())]);
    }

    #[test]
    fn what_a_brain_does_without_is_told_once_and_apart_from_its_policy() {
        let (mut lack, wrist) = (Lack::default(), words(&["wrist: its picture stands still while the arm moves"]));
        let told = |news: Vec<(Level, String)>| news.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        let warned = ["the brain does without cameras: wrist: its picture stands still while the arm moves"];
        assert_eq!(told(lack.went_on(&wrist)), warned);
        assert_eq!((told(lack.went_on(&wrist)), told(lack.answered(&[]))), (vec![], vec![]));
        assert_eq!(told(lack.went_on(&[])), ["the brain uses all cameras again"]);
    }

    #[test]
    fn a_policy_that_refuses_now_and_then_is_not_told_of_at_each_picture_but_one_that_goes_on_is() {
        let mut lack = Lack::default();
        assert_eq!(refused(&mut lack, 0, "no way", &[]).len(), 1);
        assert_eq!(lack.answered(&[]).len(), 1);
        for ms in (100..1000).step_by(100) {
            assert_eq!(refused(&mut lack, ms, "no way", &[]), []);
            assert_eq!(lack.answered(&[]), [], "what was not told is not taken back");
        }
        assert_eq!(refused(&mut lack, 950, "no way", &[]), []);
        assert_eq!(refused(&mut lack, 1000, "no way", &[]).len(), 1, "it still refuses");
        let other = words(&["front: its picture is blank"]);
        assert_eq!(refused(&mut lack, 1050, "no camera can be used", &other).len(), 1, "other cameras are news");
    }

    #[test]
    fn another_reason_within_a_row_of_refusals_is_told_after_a_while_and_other_numbers_are_none() {
        let mut lack = Lack::default();
        assert_eq!(refused(&mut lack, 0, "observation 7 refused: no depth", &[]).len(), 1);
        assert_eq!(refused(&mut lack, 500, "no way: 0.02 m too near", &[]), [], "too soon");
        assert_eq!(refused(&mut lack, 1000, "observation 12 refused: no depth", &[]), [], "told once");
        let told = refused(&mut lack, 1050, "no way: 0.02 m too near", &[]);
        assert_eq!(told, [(Level::Warning, "no answer: no way: 0.02 m too near".into())]);
        assert_eq!(refused(&mut lack, 5000, "no way: 0.115 m too near", &[]), []);
    }
}
