//! A policy in another process: the robot's end of the link to it.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::{RingReceiver, RingSender};
use neuraxis_ros::{LinkConfig, LinkNode, LinkReport, PolicyCard, Remote, RosConfig, remote_policy};

use crate::{
    config::Config,
    source::{Source, Trained},
    threads::Shared,
    world::{Side, SideReport, World},
};

/// The robot's end of a policy in another process, and the thread's work behind it. `trusts`: whatever it was trained with;
/// `records`: what it looks at is wanted here, too.
pub(super) fn remote(
    config: &Config,
    hash: Option<&str>,
    cameras: Vec<String>,
    (trusts, records): (bool, bool),
) -> Result<(Source, (LinkNode, RingReceiver<LinkReport>))> {
    let cerebellum = &config.cerebellum;
    let link = LinkConfig {
        max_age_secs: cerebellum.prediction_lease_secs,
        min_hz: config.run.remote_min_hz,
        min_xyz_m: cerebellum.workspace_min_xyz_m,
        max_xyz_m: cerebellum.workspace_max_xyz_m,
    };
    let (here, wanted) = (config.clone(), hash.map(String::from));
    let suits = move |card: &PolicyCard| {
        let trained = Trained { embodiment: &card.embodiment, cameras: &card.cameras, bounds_m: &card.bounds_m };
        let mut against = if trusts { Vec::new() } else { trained.misfits(&here, &cameras) };
        if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != card.weights_hash) {
            against.push(format!("its weights are {}, wanted are {wanted}", card.weights_hash));
        }
        if against.is_empty() { Ok(()) } else { Err(against.join("; ")) }
    };
    let made =
        remote_policy(link, &RosConfig::default().world_frame, Box::new(suits), Arc::new(MonotonicClock), records);
    let Remote { policy, node, reports } = made.context("starting the link to the policy")?;
    say!("policy      in another process: neuraxis ros policy; weights {}", hash.unwrap_or("whatever it has"));
    Ok((Source::Remote(Box::new(policy)), (node, reports)))
}

/// A world with the link's thread beside it, if there is a link; what it reports at its end goes to the ring.
pub(super) fn with_link<'a>(
    world: Box<dyn FnOnce() -> Result<World<'a>> + 'a>,
    link: Option<(LinkNode, RingSender<LinkReport>)>,
) -> Box<dyn FnOnce() -> Result<World<'a>> + 'a> {
    let Some((node, last)) = link else { return world };
    Box::new(move || {
        let mut world = world()?;
        let run = move |shared: &Shared| {
            let report = node.run(&shared.ros_done);
            let said = Some(format!("ros_policy  {report:?}"));
            last.push(report);
            Ok(SideReport { said, ..SideReport::default() })
        };
        world.sides.push(Side { name: "ros_policy", run: Box::new(run) });
        Ok(world)
    })
}
