//! The node's ROS parameters: [`RosConfig`]'s keys under their own names, so that `--ros-args -p`, `--params-file`,
//! `ros2 param` and the program's own configuration speak of the same things.
//!
//! | parameter | type | may change while the node runs |
//! |---|---|---|
//! | `joint_states_hz` | double, 1 to 1000 | yes |
//! | `instruction_max_chars` | integer, 1 to 4096 | yes |
//! | `autostart` | bool | no: read once |
//! | `finger_joint`, `world_frame` | string, a name | no: parts of messages that others have seen |
//! | `use_sim_time` | bool, false | no: the loop runs by this machine's clock |

use r2r::{Node, ParameterValue};

use crate::{RosConfig, RosError, config};

/// One parameter.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) allowed: Allowed,
    /// Why it cannot change while the node runs; `None`: it can.
    pub(crate) fixed: Option<&'static str>,
    read: fn(&RosConfig) -> ParameterValue,
    write: fn(&mut RosConfig, &ParameterValue) -> Option<()>,
}

/// What a parameter may be.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Allowed {
    Double(f64, f64),
    Integer(i64, i64),
    Bool,
    Name,
}

impl Allowed {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Double(low, high) => format!("a number, {low} to {high}"),
            Self::Integer(low, high) => format!("a whole number, {low} to {high}"),
            Self::Bool => "true or false".into(),
            Self::Name => "a letter or _, then letters, digits and _".into(),
        }
    }
}

/// Every parameter, in the order in which they are listed.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "joint_states_hz",
        description: "rate of joint_states [Hz]",
        allowed: Allowed::Double(1.0, 1000.0),
        fixed: None,
        read: |config| ParameterValue::Double(config.joint_states_hz),
        write: |config, value| {
            config.joint_states_hz = match value {
                ParameterValue::Double(hz) => *hz,
                // As people type it: `joint_states_hz:=50`.
                ParameterValue::Integer(hz) => *hz as f64,
                _ => return None,
            };
            Some(())
        },
    },
    Parameter {
        name: "instruction_max_chars",
        description: "longest instruction taken [characters]",
        allowed: Allowed::Integer(1, 4096),
        fixed: None,
        read: |config| ParameterValue::Integer(i64::try_from(config.instruction_max_chars).unwrap_or(i64::MAX)),
        write: |config, value| {
            let ParameterValue::Integer(chars) = value else { return None };
            // What is negative is out of range, as zero is.
            config.instruction_max_chars = usize::try_from(*chars).unwrap_or(0);
            Some(())
        },
    },
    Parameter {
        name: "autostart",
        description: "the node configures and activates itself at the start; false: somebody else does (ros2 lifecycle)",
        allowed: Allowed::Bool,
        fixed: Some("it counts at the start only; use the lifecycle services"),
        read: |config| ParameterValue::Bool(config.autostart),
        write: |config, value| write_bool(&mut config.autostart, value),
    },
    Parameter {
        name: "finger_joint",
        description: "joint of one finger in joint_states",
        allowed: Allowed::Name,
        fixed: Some("it is part of messages that others rely on; set it at the start"),
        read: |config| ParameterValue::String(config.finger_joint.clone()),
        write: |config, value| write_string(&mut config.finger_joint, value),
    },
    Parameter {
        name: "world_frame",
        description: "frame_id of the world",
        allowed: Allowed::Name,
        fixed: Some("it is part of messages that others rely on; set it at the start"),
        read: |config| ParameterValue::String(config.world_frame.clone()),
        write: |config, value| write_string(&mut config.world_frame, value),
    },
    Parameter {
        name: "use_sim_time",
        description: "stamps of messages follow topic /clock: never",
        allowed: Allowed::Bool,
        fixed: Some("the loop runs by this machine's clock"),
        read: |config| ParameterValue::Bool(config.use_sim_time),
        write: |config, value| write_bool(&mut config.use_sim_time, value),
    },
];

fn write_bool(place: &mut bool, value: &ParameterValue) -> Option<()> {
    let ParameterValue::Bool(value) = value else { return None };
    *place = *value;
    Some(())
}

fn write_string(place: &mut String, value: &ParameterValue) -> Option<()> {
    let ParameterValue::String(value) = value else { return None };
    place.clone_from(value);
    Some(())
}

pub(crate) fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// Value of a parameter; [`ParameterValue::NotSet`] if there is none of that name.
pub(crate) fn get(config: &RosConfig, name: &str) -> ParameterValue {
    find(name).map_or(ParameterValue::NotSet, |parameter| (parameter.read)(config))
}

/// `--ros-args -p NAME:=VALUE` and `--params-file FILE` win over the configuration. A parameter that we do not have is a
/// spelling mistake, except the one that every ROS 2 node has and r2r does not offer.
pub(crate) fn take(node: &Node, config: &mut RosConfig) -> Result<(), RosError> {
    const OF_EVERY_NODE: &str = "start_type_description_service";
    let given = node.params.lock().map_err(|_| RosError::Start { reason: "r2r panicked".into() })?;
    for (name, parameter) in given.iter().filter(|(name, _)| *name != OF_EVERY_NODE) {
        *config = with(config, name, &parameter.value)?;
    }
    drop(given);
    config.validate()
}

/// The configuration with parameters changed while the node runs: all of them, or none, for the reason returned.
pub(crate) fn changed<'a>(
    config: &RosConfig,
    changes: impl IntoIterator<Item = (&'a str, &'a ParameterValue)>,
) -> Result<RosConfig, String> {
    let mut changed = config.clone();
    for (name, value) in changes {
        changed = with(&changed, name, value).map_err(|error| error.to_string())?;
        // To set a fixed parameter to what it is changes nothing: tools that load a whole file do so.
        if let Some(reason) = find(name).and_then(|parameter| parameter.fixed)
            && get(&changed, name) != get(config, name)
        {
            return Err(format!("{name} cannot change while the node runs: {reason}"));
        }
    }
    changed.validate().map_err(|error| error.to_string())?;
    Ok(changed)
}

fn with(config: &RosConfig, name: &str, value: &ParameterValue) -> Result<RosConfig, RosError> {
    let Some(parameter) = find(name) else {
        let known: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        return Err(config::setting("ROS parameter", name, &known.join(", ")));
    };
    let mut changed = config.clone();
    (parameter.write)(&mut changed, value)
        .ok_or_else(|| config::setting(name, value.type_name(), &parameter.allowed.text()))?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: ParameterValue) -> Result<RosConfig, String> {
        changed(&RosConfig::default(), [(name, &value)])
    }

    #[test]
    fn every_parameter_reads_what_it_wrote() {
        for parameter in PARAMETERS {
            let value = match parameter.allowed {
                Allowed::Double(low, high) => ParameterValue::Double((low + high) / 2.0),
                Allowed::Integer(low, high) => ParameterValue::Integer((low + high) / 2),
                Allowed::Bool => {
                    ParameterValue::Bool((parameter.read)(&RosConfig::default()) == ParameterValue::Bool(false))
                }
                Allowed::Name => ParameterValue::String("another_one".into()),
            };
            let config = with(&RosConfig::default(), parameter.name, &value).unwrap();
            assert_eq!(get(&config, parameter.name), value, "{}", parameter.name);
            assert_ne!(get(&RosConfig::default(), parameter.name), value, "{}", parameter.name);
            assert_eq!(config.validate().is_ok(), parameter.name != "use_sim_time", "{}", parameter.name);
        }
    }

    #[test]
    fn ranges_that_are_told_are_those_that_hold() {
        for parameter in PARAMETERS {
            let values = match parameter.allowed {
                Allowed::Double(low, high) => [low, high, low - 0.1, high + 0.1].map(ParameterValue::Double),
                Allowed::Integer(low, high) => [low, high, low - 1, high + 1].map(ParameterValue::Integer),
                Allowed::Bool | Allowed::Name => continue,
            };
            let taken = values.map(|value| change(parameter.name, value).is_ok());
            assert_eq!(taken, [true, true, false, false], "{}", parameter.name);
        }
    }

    #[test]
    fn sr24_what_may_change_changes_and_the_rest_says_why_not() {
        assert_eq!(change("joint_states_hz", ParameterValue::Integer(50)).unwrap().joint_states_hz, 50.0);
        assert_eq!(change("instruction_max_chars", ParameterValue::Integer(9)).unwrap().instruction_max_chars, 9);
        for (name, value, part) in [
            ("autostart", ParameterValue::Bool(false), "lifecycle services"),
            ("world_frame", ParameterValue::String("map".into()), "cannot change while the node runs"),
            ("use_sim_time", ParameterValue::Bool(true), "this machine's clock"),
            ("joint_states_hz", ParameterValue::Double(f64::NAN), "1 to 1000"),
            ("joint_states_hz", ParameterValue::String("50".into()), "a number, 1 to 1000"),
            ("joint_states_hz", ParameterValue::NotSet, "not set"),
            ("instruction_max_chars", ParameterValue::Integer(-1), "1 to 4096"),
            ("joint_state_hz", ParameterValue::Double(50.0), "joint_states_hz"),
        ] {
            let reason = change(name, value).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
        assert!(change("autostart", ParameterValue::Bool(true)).is_ok(), "it is so already");
    }

    #[test]
    fn sr24_several_change_together_or_not_at_all() {
        let (good, bad) = (ParameterValue::Double(50.0), ParameterValue::Integer(0));
        let both = [("joint_states_hz", &good), ("instruction_max_chars", &bad)];
        assert!(changed(&RosConfig::default(), both).unwrap_err().contains("instruction_max_chars"));
        assert_eq!(changed(&RosConfig::default(), [both[0]]).unwrap().joint_states_hz, 50.0);
    }
}
