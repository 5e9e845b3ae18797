//! The gripper's action: fingers that go where they are told, say when they hold something, and misbehave on request.

use neuraxis_core::Nanos;
use r2r::{
    Node,
    builtin_interfaces::msg::Time,
    control_msgs::action::GripperCommand::{Action, Result as GripperResult},
};

use crate::{
    RosError, RosStats,
    action::{ActionServer, Ended},
};

/// Fingers this near to where they were sent are there [m].
const THERE_M: f64 = 0.002;
/// Fingers that came no further than this in so long hold something, or are stuck [m].
const STILL_M: f64 = 0.0005;
const STILL: Nanos = Nanos::from_millis(500);

/// How goals are treated.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As they should be.
    Good,
    /// None is taken.
    Refuses,
    /// Each is taken and given up at once.
    Aborts,
    /// Each is taken and never ends, cancelled or not.
    Hangs,
    /// Nothing is answered.
    Deaf,
}

/// Serves the action.
pub(super) struct GripperServer {
    server: ActionServer<Action>,
    goal: Option<Running>,
}

struct Running {
    width_m: f64,
    /// Where the fingers were when they last moved [m], and when that was.
    moved: (f64, Nanos),
}

impl GripperServer {
    pub(super) fn new(node: &mut Node, name: &str) -> Result<Self, RosError> {
        Ok(Self { server: ActionServer::new(node, name)?, goal: None })
    }

    /// Takes what has come and looks at what runs; where the fingers shall go, if they shall go elsewhere [m].
    pub(super) fn serve(
        &mut self,
        (now, stamp): (Nanos, Time),
        measured_m: f64,
        manner: Manner,
        stats: &mut RosStats,
    ) -> Option<f64> {
        let mut sent = None;
        self.server.gather();
        for request in self.server.take_goals() {
            let width_m = request.goal().command.position;
            match manner {
                Manner::Deaf => continue,
                Manner::Refuses => {
                    self.server.refuse(request, stamp.clone(), stats);
                    continue;
                }
                _ if !width_m.is_finite() => {
                    self.server.refuse(request, stamp.clone(), stats);
                    continue;
                }
                Manner::Good | Manner::Aborts | Manner::Hangs => {}
            }
            // A new goal takes the place of the one before.
            self.finish(Ended::Canceled, measured_m, false, stats);
            self.server.accept(request, stamp.clone(), stats);
            match manner {
                Manner::Aborts => self.finish(Ended::Aborted, measured_m, false, stats),
                Manner::Hangs => {}
                _ => {
                    self.goal = Some(Running { width_m, moved: (measured_m, now) });
                    sent = Some(width_m);
                }
            }
        }
        if self.server.answer_cancels(stats) && manner != Manner::Hangs {
            self.finish(Ended::Canceled, measured_m, false, stats);
            // It holds what it holds.
            sent = Some(measured_m);
        }
        self.server.answer_results(stats);
        if let Some(running) = &mut self.goal {
            if (measured_m - running.moved.0).abs() > STILL_M {
                running.moved = (measured_m, now);
            }
            let (is_there, is_still) = ((measured_m - running.width_m).abs() <= THERE_M, now - running.moved.1 > STILL);
            if is_there {
                self.finish(Ended::Succeeded, measured_m, false, stats);
            } else if is_still {
                // As gripper_action_controller does where stalling is not allowed.
                self.finish(Ended::Aborted, measured_m, true, stats);
            }
        }
        sent
    }

    fn finish(&mut self, ended: Ended, position: f64, stalled: bool, stats: &mut RosStats) {
        self.goal = None;
        let reached_goal = ended == Ended::Succeeded;
        self.server.finish(ended, GripperResult { position, effort: 0.0, stalled, reached_goal }, stats);
    }
}
