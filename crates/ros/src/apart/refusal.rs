//! Why an answer of a policy in another process was not acted on.

/// Why an answer was not acted on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerRefusal {
    /// No description of this session has come.
    #[error("its policy has not announced itself")]
    Unannounced,
    /// The description names another robot, other cameras, bounds or weights.
    #[error("its policy does not suit: {0}")]
    Unsuited(String),
    /// One policy is heard already.
    #[error("it is from a second policy; one is heard already")]
    SecondPolicy,
    /// To a run of the robot's program that is over, or to another robot.
    #[error("it answers another run of a robot's program")]
    OtherRobot,
    /// The weights are not those of the description.
    #[error("its weights are {found}, announced were {announced}")]
    OtherWeights {
        /// In the answer.
        found: String,
        /// In the description.
        announced: String,
    },
    /// No observation of this number was sent lately.
    #[error("it answers observation {seq}, which was not sent lately")]
    NotAsked {
        /// The number.
        seq: u64,
    },
    /// For a task that is over, or was never there.
    #[error("it was made for task {found}, the observation was of task {asked}, and {current} is under way")]
    OtherEpoch {
        /// In the answer.
        found: u32,
        /// In the observation.
        asked: u32,
        /// Of the newest observation.
        current: u32,
    },
    /// The observation was answered already.
    #[error("it answers observation {seq} a second time")]
    Repeated {
        /// The number.
        seq: u64,
    },
    /// A later observation was answered already.
    #[error("it answers observation {seq} after {newest} was answered")]
    Reordered {
        /// The number.
        seq: u64,
        /// The newest that was answered.
        newest: u64,
    },
    /// Too late after its image.
    #[error("it came {secs:.3} s after its image, allowed are {allowed_secs:.3} s")]
    Stale {
        /// How late [s].
        secs: f64,
        /// The shorter one of its time to live and the lease of predictions [s].
        allowed_secs: f64,
    },
    /// A number is not finite or out of its range; in words.
    #[error("{0}")]
    Malformed(String),
    /// The key-frame lies outside the workspace.
    #[error("its key-frame {xyz_m:.3?} m lies outside the workspace")]
    OutOfBounds {
        /// Where it is [m].
        xyz_m: [f64; 3],
    },
    /// The policy itself has refused.
    #[error("the policy has no answer: {0}")]
    NoAnswer(String),
    /// The policy answers these words never, whatever it sees.
    #[error("the policy cannot act on the instruction: {0}")]
    Words(String),
    /// The link is not good enough.
    #[error("{0}")]
    Link(LinkTrouble),
}

impl AnswerRefusal {
    /// Every name of [`AnswerRefusal::name`], in its order.
    pub const NAMES: [&'static str; 15] = [
        "unannounced",
        "unsuited",
        "second_policy",
        "other_robot",
        "other_weights",
        "not_asked",
        "other_epoch",
        "repeated",
        "reordered",
        "stale",
        "malformed",
        "out_of_bounds",
        "no_answer",
        "words",
        "link",
    ];

    /// In a word, for counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unannounced => "unannounced",
            Self::Unsuited(_) => "unsuited",
            Self::SecondPolicy => "second_policy",
            Self::OtherRobot => "other_robot",
            Self::OtherWeights { .. } => "other_weights",
            Self::NotAsked { .. } => "not_asked",
            Self::OtherEpoch { .. } => "other_epoch",
            Self::Repeated { .. } => "repeated",
            Self::Reordered { .. } => "reordered",
            Self::Stale { .. } => "stale",
            Self::Malformed(_) => "malformed",
            Self::OutOfBounds { .. } => "out_of_bounds",
            Self::NoAnswer(_) => "no_answer",
            Self::Words(_) => "words",
            Self::Link(_) => "link",
        }
    }
}

/// Why a policy in another process cannot lead the arm now.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkTrouble {
    /// No description has come.
    #[error("no policy is there: start one (`neuraxis ros policy`), in the same ROS domain and namespace")]
    Nobody,
    /// The description names another robot, other cameras, bounds or weights.
    #[error("the policy that is there does not suit: {0}")]
    Unsuited(String),
    /// Nothing comes any more.
    #[error("the policy has said nothing for {secs:.1} s")]
    Silent {
        /// For how long [s].
        secs: f64,
    },
    /// Two speak at once.
    #[error("two policies answer: stop one of them")]
    TwoPolicies,
    /// Not enough good answers yet.
    #[error("{good} good answers so far, {needed} are needed before the policy leads the arm")]
    TooFew {
        /// How many.
        good: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Too few good answers a second.
    #[error("too slow: {hz:.1} good answers a second, {least_hz} are the least")]
    TooSlow {
        /// Over the last answers [Hz].
        hz: f64,
        /// The minimum [Hz].
        least_hz: f64,
    },
}
