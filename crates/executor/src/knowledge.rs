//! What is known in a tick, from what was observed: fresh, in order, and free of contradictions.

use neuraxis_core::Nanos;
use neuraxis_plan::{FactId, FactSet, Scene, State};

/// One look at the scene by whoever computes facts from the cameras (10 Hz, its own thread).
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What holds, fails, or is unknown.
    pub state: State,
    /// Facts that this look shows, or the gripper feels: the others are remembered from looks before, and may be so no more.
    pub shown: FactSet,
    /// Capture stamp of what it was computed from, in the loop's clock.
    pub stamp: Nanos,
}

impl Observed {
    /// All that is known is seen in this look.
    pub fn all_shown(state: State, stamp: Nanos) -> Self {
        Self { state, stamp, shown: state.holds().union(state.fails()) }
    }
}

/// For each fact the facts that cannot hold with it.
#[derive(Clone, Debug)]
pub(crate) struct Exclusions(Box<[FactSet]>);

impl Exclusions {
    pub(crate) fn of(scene: &Scene) -> Self {
        let against = |a: FactId| scene.fact_ids().filter(|b| *b != a && scene.excludes(a, *b)).collect();
        Self(scene.fact_ids().map(against).collect())
    }

    /// Held facts that exclude each other.
    fn contradicting(&self, holds: &FactSet) -> FactSet {
        let excluded =
            |fact: &FactId| self.0.get(fact.index()).is_some_and(|against| !against.intersection(holds).is_empty());
        holds.iter().filter(excluded).collect()
    }
}

/// The facts as the executor takes them.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Knowledge {
    /// Clean; nothing is known once the lease is over.
    pub(crate) state: State,
    /// Facts that the newest observation shows.
    pub(crate) shown: FactSet,
    /// Of the newest observation; zero before the first and once the lease is over.
    pub(crate) stamp: Nanos,
    /// It came with this tick.
    pub(crate) is_new: bool,
    /// The first fact of those that contradicted each other in it.
    pub(crate) contradiction: Option<FactId>,
    newest: Option<Nanos>,
}

impl Knowledge {
    /// The clock stepped back: stamps from before say nothing any more.
    pub(crate) fn step_back(&mut self) {
        *self = Self::default();
    }

    /// Takes the newest observation, seen before or not. Older ones than seen, and ones from the future, are no news.
    pub(crate) fn look(&mut self, now: Nanos, observed: Option<&Observed>, exclusions: &Exclusions, lease_secs: f64) {
        (self.is_new, self.contradiction) = (false, None);
        if let Some(observed) = observed
            && observed.stamp <= now
            && self.newest.is_none_or(|newest| observed.stamp > newest)
        {
            let wrong = exclusions.contradicting(observed.state.holds());
            self.contradiction = wrong.iter().next();
            (self.state, self.shown) = (observed.state.forget(&wrong), observed.shown);
            (self.stamp, self.newest, self.is_new) = (observed.stamp, Some(observed.stamp), true);
        }
        if now.secs_since(self.stamp) > lease_secs || self.stamp > now {
            (self.state, self.shown, self.stamp) = (State::default(), FactSet::default(), Nanos::default());
        }
    }

    /// Was observed after `since`; a frame from the very moment may show what was before.
    pub(crate) fn is_from(&self, since: Nanos) -> bool {
        self.newest.is_some() && self.stamp > since
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::{SceneFile, Truth};

    use super::*;

    fn scene() -> Scene {
        let file: SceneFile = serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
        file.try_into().unwrap()
    }

    #[test]
    fn facts_that_exclude_each_other_are_unknown_and_the_rest_is_kept() {
        let scene = scene();
        let exclusions = Exclusions::of(&scene);
        let fact = |text| scene.literal(text).unwrap().fact;
        let (holding, empty, closed) = (fact("holding(red_block)"), fact("hand_empty"), fact("closed(top_drawer)"));
        let state = scene.state().with(holding, true);
        let mut know = Knowledge::default();
        know.look(Nanos(5), Some(&Observed::all_shown(state, Nanos(5))), &exclusions, 1.0);
        assert_eq!(know.state.truth(holding), Truth::Unknown);
        assert_eq!(know.state.truth(empty), Truth::Unknown);
        assert_eq!(know.state.truth(fact("on(red_block,table)")), Truth::Unknown);
        assert_eq!(know.state.truth(closed), Truth::True);
        assert!(know.contradiction.is_some());
    }

    #[test]
    fn old_news_early_news_and_stale_news_are_none() {
        let scene = scene();
        let exclusions = Exclusions::of(&scene);
        let empty = scene.literal("hand_empty").unwrap().fact;
        let secs = Nanos::from_secs;
        let mut know = Knowledge::default();
        let mut look = |now: f64, stamp: f64, holds: bool| {
            let state = State::default().with(empty, holds);
            know.look(secs(now), Some(&Observed::all_shown(state, secs(stamp))), &exclusions, 0.5);
            (know.is_new, know.state.truth(empty))
        };
        assert_eq!(look(1.0, 2.0, true), (false, Truth::Unknown), "from the future");
        assert_eq!(look(1.0, 1.0, true), (true, Truth::True));
        assert_eq!(look(1.1, 0.9, false), (false, Truth::True), "older than seen");
        assert_eq!(look(1.4, 1.0, true), (false, Truth::True));
        assert_eq!(look(1.6, 1.0, true), (false, Truth::Unknown), "stale");
        assert_eq!(look(1.7, 1.7, false), (true, Truth::False));
    }
}
