//! What the ROS 2 node tells those who look after the arm, made of what a run shows of itself.

use std::sync::Arc;

use anyhow::{Context, Result};
use nalgebra::Vector3;
use neuraxis_brainstem::{BodyState, LoopStats, Mode, Percentiles};
use neuraxis_channel::RingReceiver;
use neuraxis_core::{Fault, KeyFrame};
use neuraxis_robot::Robot;
use neuraxis_ros::{
    ArmHealth, Boundaries, Gaze, Health, Intent, LinkReport, LoopTiming, PolicyHealth, Spread, Supervision, Wall,
    with_mesh_uris,
};
use parking_lot::Mutex;

use crate::{
    config::Config,
    insight::{Insight, Predicted},
    package,
    threads::{Shared, newest},
};

/// Wires a run to the node. To hold is to take no segments: see `lifecycle` in `neuraxis-ros`, and
/// [`neuraxis_brainstem::Signals::hold`]. `link`: reports about a policy in another process, which stands against letting the
/// arm move until it answers as it should.
pub fn supervision(
    config: &Config,
    robot: &Arc<Robot>,
    shared: &Arc<Shared>,
    insight: Insight,
    link: Option<RingReceiver<LinkReport>>,
) -> Result<Supervision> {
    let urdf = &config.robot.urdf;
    let text = std::fs::read_to_string(urdf).with_context(|| format!("cannot read {}", urdf.display()))?;
    let folder = urdf.parent().with_context(|| format!("{} has no folder", urdf.display()))?;
    // The node's thread alone locks it: three closures look through one pair of eyes.
    let link = link.map(|reports| LinkWatch { reports, newest: None });
    let watch = Arc::new(Mutex::new(Watch { insight, shared: shared.clone(), link, intents: 0, shown: None }));
    let (health, intent, obstacle) = (watch.clone(), watch.clone(), watch);
    let (signals, robot) = (shared.signals.clone(), robot.clone());
    Ok(Supervision {
        hardware_id: config.name.clone(),
        let_move: Box::new(move |moves| {
            if moves {
                signals.hold.take();
            } else {
                signals.hold.raise();
            }
        }),
        obstacle: Box::new(move || obstacle.lock().obstacle()),
        health: Box::new(move || health.lock().health()),
        robot_description: with_mesh_uris(&text, &package::uri(&config.root, folder)),
        boundaries: boundaries(config),
        intent: Box::new(move || intent.lock().intent()),
        world_from_tool: Box::new(move |q| robot.world_from_tool(q)),
    })
}

/// Looks at a run.
struct Watch {
    insight: Insight,
    shared: Arc<Shared>,
    link: Option<LinkWatch>,
    intents: u64,
    shown: Option<(Option<Predicted>, Option<KeyFrame>)>,
}

/// Looks at the link to a policy in another process.
struct LinkWatch {
    reports: RingReceiver<LinkReport>,
    newest: Option<LinkReport>,
}

impl LinkWatch {
    fn look(&mut self) -> Option<&LinkReport> {
        self.newest = newest(&self.reports).or(self.newest.take());
        self.newest.as_ref()
    }
}

impl Watch {
    fn obstacle(&mut self) -> Option<String> {
        match self.link.as_mut()?.look() {
            Some(report) => report.trouble.as_ref().map(ToString::to_string),
            None => Some("the link to the policy was not looked at yet".into()),
        }
    }

    fn health(&mut self) -> Health {
        let link = self.link.as_mut().and_then(|link| link.look().cloned());
        let Insight { stats, body, mind, predicted, lost } = &mut self.insight;
        let stopped_for = mind.latest().and_then(|mind| mind.fault);
        let predicted = predicted.latest();
        let stats = stats.latest();
        let mut unrecorded: Vec<_> = lost.iter().map(|(kind, count)| (*kind, count())).collect();
        unrecorded.push(("tick records", stats.records_dropped));
        let unheard =
            stats.latched_unheard.map(|fault| ArmHealth { mode: "latched", latched: true, fault: Some(fault) });
        let sight = self.shared.sight.lock().clone();
        Health {
            ticks: self.shared.signals.heartbeat.get(),
            timing: (stats.wake.count > 0).then(|| timing(&stats)),
            arm: body.latest().map(|body| arm(&body, stopped_for)).or(unheard),
            policy: PolicyHealth {
                answers: predicted.map_or(0, |p| p.number),
                latency_secs: predicted.map(|p| f64::from(p.prediction.times.total_secs)),
                observed_at: predicted.map(|p| p.prediction.observed_at),
                refused: self.shared.refused.get(),
                last_refusal: self.shared.last_refusal.lock().clone(),
                left_out: sight.left_out,
                before_age_secs: sight.before_age_secs,
            },
            drivers: self.shared.tellers.lock().iter_mut().flat_map(|tell| tell()).collect(),
            link,
            unrecorded,
        }
    }

    /// What the arm approaches, as it was retargeted last; before that, what was predicted.
    fn intent(&mut self) -> Option<Intent> {
        let predicted = self.insight.predicted.latest();
        let active = self.insight.mind.latest().and_then(|mind| mind.active);
        let keyframe = active.or(predicted.map(|p| p.prediction.keyframe))?;
        // What is being approached stays in view, renewed or not.
        if active.is_some() || self.shown != Some((predicted, active)) {
            self.intents += 1;
            self.shown = Some((predicted, active));
        }
        Some(Intent {
            seq: self.intents,
            keyframe,
            confidence: predicted.map_or(1.0, |p| p.prediction.confidence),
            path: predicted.and_then(|p| p.prediction.path),
            gaze: predicted.and_then(|p| p.gaze).map(|[from, at]| Gaze { from, at }),
        })
    }
}

fn timing(stats: &LoopStats) -> LoopTiming {
    let spread = |of: &Percentiles| Spread { p50: of.p50, p99: of.p99, p999: of.p999 };
    LoopTiming {
        wake: spread(&stats.wake),
        compute: spread(&stats.compute),
        period: spread(&stats.period),
        missed: stats.missed,
    }
}

fn arm(body: &BodyState, stopped_for: Option<Fault>) -> ArmHealth {
    let mode = match body.mode {
        Mode::Hold => "hold",
        Mode::Track => "track",
        Mode::Stopping => "stopping",
        Mode::Latched => "latched",
    };
    // Where the cameras are gone the cerebellum stands still, and the loop follows it without a fault of its own. Of a policy
    // that says nothing `policy` tells.
    let blind = stopped_for.filter(|fault| *fault == Fault::CameraStale);
    ArmHealth { mode, latched: body.mode == Mode::Latched, fault: body.fault.or(blind) }
}

fn boundaries(config: &Config) -> Boundaries {
    let walls = config.brainstem.walls.iter().map(|wall| Wall {
        name: wall.name.clone(),
        normal: Vector3::from(wall.normal_xyz),
        point: Vector3::from(wall.point_xyz_m),
    });
    Boundaries {
        tool_box: config.brainstem.tool_box.map(|b| [Vector3::from(b.min_xyz_m), Vector3::from(b.max_xyz_m)]),
        walls: walls.collect(),
    }
}
