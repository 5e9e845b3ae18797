//! An arm behind ros2_control, and cameras of any ROS 2 driver: the ends, and the threads beside the loop.

use std::{convert::Infallible, sync::Arc};

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::MailboxReader;
use neuraxis_robot::{Robot, Shares};
use neuraxis_ros::{
    cameras_in::{CameraSet, CamerasConfig, CamerasIn, cameras_in},
    control::{ControlConfig, Ros2Control, ros2_control, watched_arm},
};

use super::{Driven, Eyes, Teller, serve_resets, told};
use crate::{
    realtime::Drive,
    sight::{self, Whereabouts},
    threads::Shared,
    world::{Side, SideReport},
};

/// Listens for the arm's states; nothing moves yet. In the shadow nothing ever does by us, and others may move it.
pub(super) fn driven(config: ControlConfig, robot: &Robot, shares: &Shares, drive: Drive) -> Result<Driven> {
    let make = if drive == Drive::Shadow { watched_arm } else { ros2_control };
    let made = make(config, robot, shares, Arc::new(MonotonicClock));
    let Ros2Control { arm, node, reports } = made.context("arm.yaml: ros2_control")?;
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
    Ok(Driven { arm: Box::new(arm), sides, tellers: vec![told::ros2_control(reports)] })
}

/// Listens to the cameras.
pub(super) fn cameras(
    config: CamerasConfig,
    robot: &Arc<Robot>,
    mut seen: MailboxReader<Whereabouts>,
) -> Result<(Eyes, Side<'static>, Teller)> {
    let robot = robot.clone();
    let tool_at = move |time| sight::tool_at(&robot, &mut seen, time);
    let made = cameras_in(config, Arc::new(MonotonicClock), Some(Box::new(tool_at)));
    let CamerasIn { node, sets, reports } = made.context("arm.yaml: cameras")?;
    let run = move |shared: &Shared| {
        let report = node.run(&shared.ros_done);
        for camera in &report.cameras {
            if let Some(reason) = &camera.last_refusal {
                say_err!("camera {}: {} refused, the last: {reason}", camera.name, camera.refused);
            }
        }
        let seen = report.cameras.iter().map(|camera| {
            let tally = &camera.tally;
            let dropped: Vec<String> = tally.dropped.named().map(|(why, count)| format!("{why} {count}")).into();
            format!(
                "; {}: {} pictures, {} views, {} in sets, dropped: {}, missing {}",
                camera.name,
                tally.pictures,
                tally.views,
                tally.in_sets,
                dropped.join(", "),
                tally.missing
            )
        });
        let said =
            format!("ros_cameras {} sets, {} superseded{}", report.sets, report.superseded, seen.collect::<String>());
        Ok(SideReport { said: Some(said), ..SideReport::default() })
    };
    let views = sight::newest_of(sets, |set: CameraSet| (set.stamp, set.views));
    Ok((Box::new(views), Side { name: "ros_cameras", run: Box::new(run) }, told::cameras(reports)))
}
