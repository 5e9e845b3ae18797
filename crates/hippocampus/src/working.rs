//! Short-term memory: what is so now, what has just happened, what is still wrong. Lives and ends with an episode.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use crate::{Seen, Stamp, Triple, facts::moved};

/// How far back it reaches [s].
pub const REACH_SECS: f64 = 30.0;
/// Most events within that time; of more, the oldest go.
pub const MOST_EVENTS: usize = 1024;

/// The blackboard of an episode.
#[derive(Clone, Debug, Default)]
pub struct Working {
    now: BTreeMap<(String, String), Seen>,
    recent: VecDeque<(Stamp, String)>,
    open: BTreeMap<(u16, String), Stamp>,
}

impl Working {
    /// What holds now, in order of subjects.
    pub fn facts(&self) -> impl Iterator<Item = &Triple> {
        self.now.values().map(|seen| &seen.triple)
    }

    /// What happened in the last [`REACH_SECS`], oldest first.
    pub fn recent(&self) -> impl Iterator<Item = (Stamp, &str)> {
        self.recent.iter().map(|(at, what)| (*at, what.as_str()))
    }

    /// Anomalies that nobody has called settled: node, monitor, since when.
    pub fn open_anomalies(&self) -> impl Iterator<Item = (u16, &str, Stamp)> {
        self.open.iter().map(|((node, monitor), since)| (*node, monitor.as_str(), *since))
    }

    /// Takes in what is seen; true if it is news.
    pub(crate) fn see(&mut self, at: Stamp, seen: &Seen) -> bool {
        let key = (seen.triple.subject.clone(), seen.triple.slot());
        let known = self.now.get(&key);
        let same = known.is_some_and(|known| known.triple == seen.triple);
        let shifted = known.is_some_and(|known| moved(known.position_in_world, seen.position_in_world));
        let news = if seen.holds { !same || shifted } else { same };
        if news {
            let not = if seen.holds { "" } else { "not " };
            self.happened(at, format!("{not}{}", seen.triple));
            if seen.holds {
                self.now.insert(key, seen.clone());
            } else {
                self.now.remove(&key);
            }
        }
        news
    }

    pub(crate) fn happened(&mut self, at: Stamp, what: String) {
        self.recent.push_back((at, what));
        while self.recent.len() > MOST_EVENTS
            || self.recent.front().is_some_and(|(then, _)| at.secs_since(*then) > REACH_SECS)
        {
            self.recent.pop_front();
        }
    }

    pub(crate) fn tripped(&mut self, at: Stamp, node: u16, monitor: &str) {
        if self.open.len() < MOST_EVENTS {
            self.open.entry((node, monitor.to_string())).or_insert(at);
        }
        self.happened(at, format!("node {node}: {monitor} tripped"));
    }

    pub(crate) fn settled(&mut self, at: Stamp, node: u16) {
        self.open.retain(|(of, _), _| *of != node);
        self.happened(at, format!("node {node}: settled"));
    }
}

impl fmt::Display for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts: Vec<_> = self.facts().map(ToString::to_string).collect();
        writeln!(f, "now: {}", facts.join(" "))?;
        for (node, monitor, since) in self.open_anomalies() {
            writeln!(f, "open: node {node}, {monitor}, since {since}")?;
        }
        for (at, what) in self.recent() {
            writeln!(f, "{at} {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Stamp {
        Stamp::from_unix_ms(secs * 1000)
    }

    fn seen(predicate: &str, object: Option<&str>, holds: bool, x: Option<f64>) -> Seen {
        let triple = Triple::new("red_block", predicate, object).unwrap();
        Seen { triple, holds, position_in_world: x.map(|x| [x, 0.0, 0.0]) }
    }

    #[test]
    fn only_news_is_news() {
        let mut working = Working::default();
        assert!(working.see(at(0), &seen("on", Some("table"), true, Some(0.1))));
        assert!(!working.see(at(1), &seen("on", Some("table"), true, Some(0.115))), "noise");
        assert!(!working.see(at(1), &seen("in", Some("top_drawer"), false, None)), "it was not there before either");
        assert!(working.see(at(2), &seen("on", Some("table"), true, Some(0.13))), "moved");
        assert!(working.see(at(3), &seen("holding", None, true, None)));
        assert_eq!(working.facts().map(ToString::to_string).collect::<Vec<_>>(), ["holding(red_block)"]);
        assert!(working.see(at(4), &seen("holding", None, false, None)));
        assert_eq!(working.facts().count(), 0);
    }

    #[test]
    fn it_reaches_half_a_minute_back_and_is_bounded() {
        let mut working = Working::default();
        working.happened(at(0), "old".into());
        working.happened(at(20), "new".into());
        working.happened(at(31), "newer".into());
        assert_eq!(working.recent().map(|(_, what)| what).collect::<Vec<_>>(), ["new", "newer"]);
        for _ in 0..2 * MOST_EVENTS {
            working.tripped(at(31), 3, "slip");
        }
        assert_eq!((working.recent().count(), working.open_anomalies().count()), (MOST_EVENTS, 1));
        working.settled(at(32), 3);
        assert_eq!(working.open_anomalies().count(), 0);
    }
}
