//! What can go wrong while setting up. What goes wrong while running is a [`crate::Reason`].

/// Errors of set-up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// A configuration value is out of range.
    #[error("executor configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// Name of the key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The plan was proved for other things than this scene holds.
    #[error("the plan was checked against another scene: {what}")]
    OtherScene {
        /// What does not agree.
        what: String,
    },
    /// More tests and maintained facts than can be watched.
    #[error("{count} guards and maintained facts in one plan, at most {most}")]
    TooManyWatches {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// More to compute in one tick than there is time for.
    #[error("guards and maintained tests of {operations} operations may be looked at in one tick, at most {most}")]
    TooMuchAtOnce {
        /// Operations of the tests that may be looked at together.
        operations: usize,
        /// How many there may be.
        most: usize,
    },
    /// Too few nominal runs for a threshold at this rate of false alarms.
    #[error("{have} nominal runs, {need} are needed for a false alarm rate of {alpha}")]
    TooFewRuns {
        /// Runs that there are.
        have: usize,
        /// Runs that are needed.
        need: usize,
        /// Rate asked for.
        alpha: f64,
    },
    /// A score that is no number.
    #[error("a nominal score of {0}")]
    Score(f64),
    /// A rate that is none.
    #[error("a false alarm rate of {0}, allowed: above 0 and below 1")]
    Alpha(f64),
}
