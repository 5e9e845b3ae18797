//! One fact as it was found: true, false or unknown, how clearly, and why.

use std::fmt;

use neuraxis_core::Nanos;
use neuraxis_plan::{FactId, ObjectId, Truth};

use crate::ThingId;

/// Why a fact is what it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// The last look shows it.
    Seen,
    /// The gripper or the joints tell.
    Felt,
    /// It was seen this long ago, and nothing has been seen since [s].
    Remembered(f64),
    /// Nothing that fits the name has been seen.
    NeverSeen(ObjectId),
    /// So many things fit the name.
    Several(ObjectId, usize),
    /// The thing has been out of sight for too long; since then.
    UnseenSince(ObjectId, Nanos),
    /// Which of these it is, nobody knows.
    Doubt(ObjectId, Vec<ThingId>),
    /// Too near to the limit.
    Close,
    /// What would decide is hidden.
    Hidden,
    /// The cameras, the hand, or a cabinet are missing.
    Missing(&'static str),
    /// It would contradict another fact that is as good.
    Contradiction,
}

/// One fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which.
    pub fact: FactId,
    /// Whether it holds.
    pub truth: Truth,
    /// Distance to the limit at which it would turn, where there is one [m].
    pub margin_m: Option<f64>,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen => f.write_str("seen"),
            Self::Felt => f.write_str("felt"),
            Self::Remembered(secs) => write!(f, "seen {secs:.1} s ago"),
            Self::NeverSeen(object) => write!(f, "object {} has not been seen", object.index()),
            Self::Several(object, count) => write!(f, "{count} things could be object {}", object.index()),
            Self::UnseenSince(object, since) => {
                write!(f, "object {} has been out of sight since {:.1} s", object.index(), since.secs())
            }
            Self::Doubt(object, others) => {
                let others: Vec<String> = others.iter().map(ThingId::to_string).collect();
                write!(f, "object {} may be {}", object.index(), others.join(" or "))
            }
            Self::Close => f.write_str("too near to the limit"),
            Self::Hidden => f.write_str("hidden"),
            Self::Missing(what) => write!(f, "without {what}"),
            Self::Contradiction => f.write_str("contradicts another fact"),
        }
    }
}
