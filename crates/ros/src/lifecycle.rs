//! The life of the node as ROS 2 counts it (design.ros2.org, "Managed nodes"): states, and which lead where.
//!
//! | state | the arm | the node |
//! |---|---|---|
//! | unconfigured | holds | publishes diagnostics only |
//! | inactive | holds: no instruction, no prediction moves it | publishes what is measured and seen; refuses instructions |
//! | active | moves | does all it can |
//! | finalized | holds, for good | as unconfigured; the program is to be ended and started again |
//!
//! The control loop runs in every state. To hold is to take no motion segments: the lease of the last one ends (20 ms),
//! the controlled stop follows, and nothing is latched. So this state and the latch of `~/stop` do not touch each other:
//! activating undoes no stop, and `~/reset` activates nothing. The arm moves only if it is active *and* not latched.
//! A task that deactivating interrupts goes on when the node is activated again.

/// A state, or the passage between two, which lasts only as long as the call that makes it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As the node is made.
    Unconfigured,
    /// Sees and tells, moves nothing.
    Inactive,
    /// Moves.
    Active,
    /// No way leads out.
    Finalized,
    /// From unconfigured to inactive.
    Configuring,
    /// From inactive to unconfigured.
    CleaningUp,
    /// From anywhere to finalized.
    ShuttingDown,
    /// From inactive to active.
    Activating,
    /// From active to inactive.
    Deactivating,
}

impl State {
    /// Every state, in the order of ids.
    pub const ALL: [Self; 9] = [
        Self::Unconfigured,
        Self::Inactive,
        Self::Active,
        Self::Finalized,
        Self::Configuring,
        Self::CleaningUp,
        Self::ShuttingDown,
        Self::Activating,
        Self::Deactivating,
    ];

    /// As in `lifecycle_msgs/State`.
    pub const fn id(self) -> u8 {
        match self {
            Self::Unconfigured => 1,
            Self::Inactive => 2,
            Self::Active => 3,
            Self::Finalized => 4,
            Self::Configuring => 10,
            Self::CleaningUp => 11,
            Self::ShuttingDown => 12,
            Self::Activating => 13,
            Self::Deactivating => 14,
        }
    }

    /// As `rcl_lifecycle` spells it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unconfigured => "unconfigured",
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Finalized => "finalized",
            Self::Configuring => "configuring",
            Self::CleaningUp => "cleaningup",
            Self::ShuttingDown => "shuttingdown",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
        }
    }

    /// May the arm move?
    pub const fn moves(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Is what is measured and seen published?
    pub const fn publishes(self) -> bool {
        matches!(self, Self::Inactive | Self::Active)
    }
}

/// A way from one state to another, through a passage.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// As in `lifecycle_msgs/Transition`.
    pub id: u8,
    /// As `rcl_lifecycle` spells it.
    pub label: &'static str,
    /// Where it begins.
    pub from: State,
    /// What it passes.
    pub passage: State,
    /// Where it ends.
    pub to: State,
    /// Id of the passage's end; its label is [`PASSED`].
    pub passed_id: u8,
}

/// Label of the end of every passage: none of ours can fail.
pub const PASSED: &str = "transition_success";

/// Every transition.
pub const TRANSITIONS: [Transition; 7] = [
    way(1, "configure", State::Unconfigured, State::Configuring, State::Inactive, 10),
    way(2, "cleanup", State::Inactive, State::CleaningUp, State::Unconfigured, 20),
    way(3, "activate", State::Inactive, State::Activating, State::Active, 30),
    way(4, "deactivate", State::Active, State::Deactivating, State::Inactive, 40),
    way(5, "shutdown", State::Unconfigured, State::ShuttingDown, State::Finalized, 50),
    way(6, "shutdown", State::Inactive, State::ShuttingDown, State::Finalized, 50),
    way(7, "shutdown", State::Active, State::ShuttingDown, State::Finalized, 50),
];

const fn way(id: u8, label: &'static str, from: State, passage: State, to: State, passed_id: u8) -> Transition {
    Transition { id, label, from, passage, to, passed_id }
}

/// The ways out of a state.
pub fn available(from: State) -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter().filter(move |way| way.from == from)
}

/// The way that is asked for, if it leads out of `from`. A label wins over the id, as in rclcpp: `ros2 service call` with
/// a label alone sends id 0.
pub fn find(from: State, id: u8, label: &str) -> Option<&'static Transition> {
    available(from).find(|way| if label.is_empty() { way.id == id } else { way.label == label })
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Active, Finalized, Inactive, Unconfigured};

    /// Where each request leads from each state that lasts; `None`: refused.
    const TABLE: [(&str, [Option<State>; 4]); 5] = [
        //              unconfigured      inactive            active           finalized
        ("configure", [Some(Inactive), None, None, None]),
        ("cleanup", [None, Some(Unconfigured), None, None]),
        ("activate", [None, Some(Active), None, None]),
        ("deactivate", [None, None, Some(Inactive), None]),
        ("shutdown", [Some(Finalized), Some(Finalized), Some(Finalized), None]),
    ];
    const LASTING: [State; 4] = [Unconfigured, Inactive, Active, Finalized];

    #[test]
    fn each_label_leads_where_the_table_says() {
        for (label, leads) in TABLE {
            for (from, to) in LASTING.into_iter().zip(leads) {
                assert_eq!(find(from, 0, label).map(|way| way.to), to, "{label} from {from:?}");
                assert_eq!(find(from, 3, label).map(|way| way.to), to, "the label wins: {label} from {from:?}");
            }
        }
    }

    #[test]
    fn each_id_leads_where_its_row_says_and_nowhere_else() {
        for from in State::ALL {
            for id in 0..=u8::MAX {
                let row = TRANSITIONS.iter().find(|way| way.id == id && way.from == from);
                assert_eq!(find(from, id, ""), row, "id {id} from {from:?}");
            }
        }
    }

    #[test]
    fn strange_labels_lead_nowhere() {
        for label in ["", " activate", "Activate", "destroy", "transition_success", "\u{0}"] {
            assert_eq!(find(Inactive, 0, label), None, "{label:?}");
        }
    }

    #[test]
    fn only_active_moves_and_every_way_there_begins_in_inactive() {
        for state in State::ALL {
            assert_eq!(state.moves(), state == Active);
        }
        assert!(TRANSITIONS.iter().filter(|way| way.to.moves()).all(|way| way.from == Inactive));
    }

    #[test]
    fn ids_are_those_of_lifecycle_msgs() {
        use r2r::lifecycle_msgs::msg::{State as S, Transition as T};
        let known = [
            (S::PRIMARY_STATE_UNCONFIGURED as u8, Unconfigured),
            (S::PRIMARY_STATE_INACTIVE as u8, Inactive),
            (S::PRIMARY_STATE_ACTIVE as u8, Active),
            (S::PRIMARY_STATE_FINALIZED as u8, Finalized),
            (S::TRANSITION_STATE_CONFIGURING as u8, State::Configuring),
            (S::TRANSITION_STATE_CLEANINGUP as u8, State::CleaningUp),
            (S::TRANSITION_STATE_SHUTTINGDOWN as u8, State::ShuttingDown),
            (S::TRANSITION_STATE_ACTIVATING as u8, State::Activating),
            (S::TRANSITION_STATE_DEACTIVATING as u8, State::Deactivating),
        ];
        assert_eq!(known.map(|(_, state)| state), State::ALL);
        assert!(known.iter().all(|(id, state)| *id == state.id()));
        let ids = [
            T::TRANSITION_CONFIGURE as u8,
            T::TRANSITION_CLEANUP as u8,
            T::TRANSITION_ACTIVATE as u8,
            T::TRANSITION_DEACTIVATE as u8,
            T::TRANSITION_UNCONFIGURED_SHUTDOWN as u8,
            T::TRANSITION_INACTIVE_SHUTDOWN as u8,
            T::TRANSITION_ACTIVE_SHUTDOWN as u8,
        ];
        assert_eq!(ids, TRANSITIONS.map(|way| way.id));
        let passed = [
            T::TRANSITION_ON_CONFIGURE_SUCCESS as u8,
            T::TRANSITION_ON_CLEANUP_SUCCESS as u8,
            T::TRANSITION_ON_ACTIVATE_SUCCESS as u8,
            T::TRANSITION_ON_DEACTIVATE_SUCCESS as u8,
            T::TRANSITION_ON_SHUTDOWN_SUCCESS as u8,
        ];
        assert_eq!(passed[..], TRANSITIONS.map(|way| way.passed_id)[..5]);
    }
}
