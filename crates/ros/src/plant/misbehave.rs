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

            /// For the help of command lines.
            pub const HELP: &str = concat!(
                "What goes wrong, SECS after the first command, or when the service plant/misbehave is called:"
                $(, " ", $text)*
            );

            /// Their names, for people.
            fn kinds() -> String {
                Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
            }
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
    /// This long after the first command [s]; `None`: when somebody calls the plant's service `~/misbehave`.
    pub after_secs: Option<f64>,
}

/// Why a misbehaviour was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("misbehaviour {0:?}: allowed is KIND, KIND@SECS after the first command, or KIND@asked; KIND: {kinds}", kinds = Misbehaviour::kinds())]
pub struct UnknownMisbehaviour(String);

impl FromStr for Misbehave {
    type Err = UnknownMisbehaviour;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || UnknownMisbehaviour(text.to_string());
        let (name, secs) = text.split_once('@').unwrap_or((text, "0"));
        let (what, _) = Misbehaviour::ALL.iter().find(|(_, known)| *known == name).ok_or_else(refuse)?;
        let after_secs = if secs == "asked" { None } else { Some(secs.parse::<f64>().map_err(|_| refuse())?) };
        if after_secs.is_some_and(|secs| !(0.0..=3600.0).contains(&secs)) {
            return Err(refuse());
        }
        Ok(Self { what: *what, after_secs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_are_read_and_others_refused() {
        let read = |text: &str| text.parse::<Misbehave>();
        assert_eq!(read("silent@2.5"), Ok(Misbehave { what: Misbehaviour::Silent, after_secs: Some(2.5) }));
        assert_eq!(read("camera_skew"), Ok(Misbehave { what: Misbehaviour::CameraSkew, after_secs: Some(0.0) }));
        assert_eq!(read("nan@asked"), Ok(Misbehave { what: Misbehaviour::Nan, after_secs: None }));
        assert!(Misbehaviour::ALL.iter().all(|(_, name)| Misbehaviour::HELP.contains(name)));
        for bad in ["", "silence", "nan@", "nan@-1", "nan@NaN", "nan@1@2", "nan@ask"] {
            let text = read(bad).unwrap_err().to_string();
            assert!(text.contains(&format!("{bad:?}")) && text.contains("wrong_names, missing_joint"), "{text}");
        }
    }
}
