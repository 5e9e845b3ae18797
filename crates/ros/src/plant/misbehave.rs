//! What goes wrong on request.

use std::str::FromStr;

macro_rules! misbehaviours {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What goes wrong.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub enum Misbehaviour { $($(#[$doc])* $name,)* }

        impl Misbehaviour {
            /// Every one, with its name on command lines.
            pub const ALL: &[(Misbehaviour, &str)] = &[$((Misbehaviour::$name, $text),)*];
        }
    };
}

misbehaviours! {
    /// No joint states any more.
    Silent = "silent";
    /// The same joint state again and again, its stamp too.
    Freeze = "freeze";
    /// A position is NaN.
    Nan = "nan";
    /// All joints have other names.
    WrongNames = "wrong_names";
    /// One joint is not in the message.
    MissingJoint = "missing_joint";
    /// One joint is in the message twice.
    DuplicateJoint = "duplicate_joint";
    /// Joint states come 200 ms late.
    Late = "late";
    /// Commands are not followed: the arm brakes to a halt.
    Ignore = "ignore";
    /// The clock that stamps joint states jumps back by ten seconds.
    Jump = "jump";
    /// The cameras show the same pictures again and again, their stamps too.
    CamerasFreeze = "cameras_freeze";
    /// Depth is captured half a picture away from colour.
    CameraSkew = "camera_skew";
    /// The cameras' frames on `/tf` jump by two centimetres.
    CamerasMove = "cameras_move";
    /// Nobody says on `/tf` any more where the cameras are.
    TfSilent = "tf_silent";
    /// Nobody serves the gripper's action.
    GripperAbsent = "gripper_absent";
    /// Nobody serves the gripper's action until two seconds after the first command.
    GripperLate = "gripper_late";
    /// The gripper takes no goal of its action.
    GripperRefuse = "gripper_refuse";
    /// The gripper takes goals and gives them up.
    GripperAbort = "gripper_abort";
    /// The gripper takes goals, does nothing, and ends none, cancelled or not.
    GripperHang = "gripper_hang";
    /// The gripper's action answers nothing.
    GripperDeaf = "gripper_deaf";
}

/// What goes wrong, and when.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Misbehave {
    /// What.
    pub what: Misbehaviour,
    /// This long after the first command [s].
    pub after_secs: f64,
}

/// Why a misbehaviour was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("misbehaviour {0:?}: allowed is KIND or KIND@SECS, after the first command; KIND: {kinds}", kinds = kinds())]
pub struct UnknownMisbehaviour(String);

impl FromStr for Misbehave {
    type Err = UnknownMisbehaviour;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || UnknownMisbehaviour(text.to_string());
        let (name, secs) = text.split_once('@').unwrap_or((text, "0"));
        let (what, _) = Misbehaviour::ALL.iter().find(|(_, known)| *known == name).ok_or_else(refuse)?;
        let after_secs: f64 = secs.parse().map_err(|_| refuse())?;
        if !(0.0..=3600.0).contains(&after_secs) {
            return Err(refuse());
        }
        Ok(Self { what: *what, after_secs })
    }
}

fn kinds() -> String {
    Misbehaviour::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_are_read_and_others_refused() {
        let read = |text: &str| text.parse::<Misbehave>();
        assert_eq!(read("silent@2.5"), Ok(Misbehave { what: Misbehaviour::Silent, after_secs: 2.5 }));
        assert_eq!(read("camera_skew"), Ok(Misbehave { what: Misbehaviour::CameraSkew, after_secs: 0.0 }));
        for bad in ["", "silence", "nan@", "nan@-1", "nan@NaN", "nan@1@2"] {
            let text = read(bad).unwrap_err().to_string();
            assert!(text.contains(&format!("{bad:?}")) && text.contains("wrong_names, missing_joint"), "{text}");
        }
    }
}
