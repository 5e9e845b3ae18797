//! Why a cloud cannot be looked at, or a scene cannot be watched.

/// Errors of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SightError {
    /// A setting is out of range.
    #[error("scene configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Points and colours do not belong together.
    #[error("{points} points, but {colours} colours")]
    Lengths {
        /// Points given.
        points: usize,
        /// Colours given.
        colours: usize,
    },
    /// The table is not where it should be, or not in view.
    #[error("{points} points within {within_m} m of the table's height {table_z_m} m, at least {least} are needed")]
    NoTable {
        /// Points found there.
        points: usize,
        /// How near they had to be [m].
        within_m: f64,
        /// Where the table should be [m].
        table_z_m: f64,
        /// Points needed.
        least: usize,
    },
    /// The pose or width of the hand is not finite.
    #[error("the hand's pose or width is not finite")]
    Hand,
    /// A look is older than the one before.
    #[error("a look at {stamp_secs:.3} s comes after one at {last_secs:.3} s")]
    Order {
        /// Of this look [s].
        stamp_secs: f64,
        /// Of the one before [s].
        last_secs: f64,
    },
}
