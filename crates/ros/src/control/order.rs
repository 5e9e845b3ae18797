//! In which order the controller takes the joints, where it says so.

use std::time::{Duration, Instant};

use futures::FutureExt;
use r2r::{
    Node,
    rcl_interfaces::{msg::ParameterType, srv::GetParameters},
};

use super::{CommandInterface, ControlConfig};
use crate::{RosError, config::setting, topics};

/// The controller's parameter that holds the names of its joints.
const JOINTS: &str = "joints";
/// How long it is waited for somebody who serves the controller's parameters, and then for the answer. Discovery is over.
const FIND: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Asks the controller which joints it takes, and refuses another order than ours: a forward controller's commands are
/// numbers without names. Trajectories carry their names. Who serves no such parameter is not asked.
pub(super) fn check(node: &mut Node, name: &str, config: &ControlConfig) -> Result<(), RosError> {
    if config.interface == CommandInterface::JointTrajectory {
        return Ok(());
    }
    // `/forward_position_controller/commands`: its node is the topic's first part.
    let Some((controller, _)) = config.command_topic.rsplit_once('/').filter(|(controller, _)| !controller.is_empty())
    else {
        return Ok(());
    };
    match joints_of(node, controller)? {
        Some(joints) if joints != config.joint_names => {
            let allowed = format!("{controller}'s own parameter {JOINTS}: {}", joints.join(", "));
            Err(setting("joint_names", config.joint_names.join(", "), &allowed))
        }
        Some(_) => Ok(()),
        None => {
            r2r::log_info!(name, "{controller} does not say in which order it takes the joints: compare by hand");
            Ok(())
        }
    }
}

/// `None` where nobody serves the parameter, or it is not set.
fn joints_of(node: &mut Node, controller: &str) -> Result<Option<Vec<String>>, RosError> {
    let service = format!("{controller}/get_parameters");
    let failed = |source| RosError::Make { what: format!("client of {service}"), source };
    let client = node.create_client::<GetParameters::Service>(&service, topics::service_qos()).map_err(failed)?;
    let mut found = Box::pin(Node::is_available(&client).map_err(failed)?);
    if wait(node, FIND, || (&mut found).now_or_never()).is_none() {
        return Ok(None);
    }
    let request = GetParameters::Request { names: vec![JOINTS.into()] };
    let mut answer = Box::pin(client.request(&request).map_err(failed)?);
    let Some(Ok(answer)) = wait(node, ANSWER, || (&mut answer).now_or_never()) else { return Ok(None) };
    let joints = answer.values.into_iter().find(|value| value.type_ == ParameterType::PARAMETER_STRING_ARRAY as u8);
    Ok(joints.map(|value| value.string_array_value))
}

/// Spins until something has come.
fn wait<T>(node: &mut Node, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        node.spin_once(LOOK);
        let found = look();
        if found.is_some() || start.elapsed() > patience {
            return found;
        }
    }
}
