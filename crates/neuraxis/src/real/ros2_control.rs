//! An arm behind ros2_control, and cameras of any ROS 2 driver: the ends, and the threads beside the loop.

use std::{convert::Infallible, sync::Arc};

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::MailboxReader;
use neuraxis_robot::Robot;
use neuraxis_ros::{
    cameras_in::{CameraSet, CamerasConfig, CamerasIn, cameras_in},
    control::{ControlConfig, Ros2Control, ros2_control},
};

use super::{Driven, Eyes, serve_resets};
use crate::{
    sight::{self, Whereabouts},
    threads::Shared,
    world::{Side, SideReport},
};

/// Listens for the arm's states; nothing moves.
pub(super) fn driven(config: ControlConfig, robot: &Robot) -> Result<Driven> {
    let made = ros2_control(config, robot.joint_names(), robot.limits(), Arc::new(MonotonicClock));
    let Ros2Control { arm, node, .. } = made.context("arm.yaml: ros2_control")?;
    let listen = move |shared: &Shared| {
        let stats = node.run(&shared.ros_done);
        let said = Some(format!("ros_arm     {stats:?}"));
        Ok(SideReport { said, ..SideReport::default() })
    };
    // Its controllers have no errors that we could clear: a reset is the loop's alone.
    let operate = |shared: &Shared| {
        serve_resets(shared, || Ok::<(), Infallible>(()));
        Ok(SideReport::default())
    };
    let sides = vec![Side { name: "ros_arm", run: Box::new(listen) }, Side { name: "desk", run: Box::new(operate) }];
    Ok(Driven { arm: Box::new(arm), sides })
}

/// Listens to the cameras.
pub(super) fn cameras(
    config: CamerasConfig,
    robot: &Arc<Robot>,
    mut seen: MailboxReader<Whereabouts>,
) -> Result<(Eyes, Side<'static>)> {
    let robot = robot.clone();
    let tool_at = move |time| sight::tool_at(&robot, &mut seen, time);
    let made = cameras_in(config, Arc::new(MonotonicClock), Some(Box::new(tool_at)));
    let CamerasIn { node, sets, .. } = made.context("arm.yaml: cameras")?;
    let run = move |shared: &Shared| {
        let report = node.run(&shared.ros_done);
        for camera in &report.cameras {
            if let Some(reason) = &camera.last_refusal {
                eprintln!("camera {}: {} refused, the last: {reason}", camera.name, camera.refused);
            }
        }
        let seen: Vec<_> = report.cameras.iter().map(|c| format!("{} {}", c.name, c.views)).collect();
        let said = format!("ros_cameras {} sets; views: {}", report.sets, seen.join(", "));
        Ok(SideReport { said: Some(said), ..SideReport::default() })
    };
    let views = sight::newest_of(sets, |set: CameraSet| (set.stamp, set.views));
    Ok((Box::new(views), Side { name: "ros_cameras", run: Box::new(run) }))
}
