//! What is worth keeping of a run: where the arm stops for a fault or is latched, where the executor gives up motion, and
//! what a brain warns of.

use neuraxis_brainstem::{Mode, Tick};
use neuraxis_core::Fault;
use neuraxis_episode::Level;

use crate::realtime::Drive;

/// Looks at each tick; says each thing once, when it begins.
#[derive(Debug, Default)]
pub struct Lookout {
    drive: Drive,
    stopped: Option<Fault>,
    given_up: Option<Fault>,
}

impl Lookout {
    /// Of a run in which this moves the arm.
    pub fn of(drive: Drive) -> Self {
        Self { drive, ..Self::default() }
    }

    /// What began in this tick. `given_up`: the executor's fault. `is_leaving`: the run ends, with a stop that it asks for
    /// itself.
    pub fn tick(&mut self, tick: &Tick, given_up: Option<Fault>, is_leaving: bool) -> Option<String> {
        let stops = matches!(tick.mode, Mode::Stopping | Mode::Latched);
        let is_meant = (is_leaving && tick.fault == Some(Fault::StopRequested)) || self.drive.forgives(tick.fault);
        let stopped = tick.fault.filter(|_| stops && !is_meant);
        let news = |before: &mut Option<Fault>, now: Option<Fault>| {
            let is_new = now != *before;
            *before = now;
            now.filter(|_| is_new)
        };
        let (stopped, given_up) = (news(&mut self.stopped, stopped), news(&mut self.given_up, given_up));
        stopped.map(|fault| format!("the arm stops: {fault}")).or(given_up.map(|fault| format!("no motion: {fault}")))
    }

    /// What is worth keeping of what a brain says.
    pub fn event(level: Level, text: &str) -> Option<String> {
        (level != Level::Info).then(|| text.trim().to_string())
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_brainstem::{Clearance, RefusedSegments};
    use neuraxis_core::{ArmCommand, Joints, Nanos};

    use super::*;

    fn tick(mode: Mode, fault: Option<Fault>) -> Tick {
        Tick {
            now: Nanos(1),
            command: ArmCommand::hold(Joints::zeros(7), 0.08, 35.0),
            started: true,
            mode,
            fault,
            rejected: None,
            segment_epoch: None,
            segment_seq: None,
            refused: RefusedSegments::default(),
            tracking_error_rad: 0.0,
            clearance: Clearance { joints_rad: 1.0, walls_m: 1.0, self_m: 1.0 },
            speed_scale: 1.0,
        }
    }

    #[test]
    fn a_stop_is_said_once_and_again_after_motion() {
        let mut lookout = Lookout::default();
        let mut look = |mode, fault| lookout.tick(&tick(mode, fault), None, false).is_some();
        // Nothing was received yet, and the arm has not moved: that is how a run begins.
        assert!(!look(Mode::Hold, Some(Fault::LeaseExpired)));
        assert!(!look(Mode::Track, None));
        assert!(look(Mode::Stopping, Some(Fault::TrackingError)));
        assert!(!look(Mode::Stopping, Some(Fault::TrackingError)));
        assert!(!look(Mode::Latched, Some(Fault::TrackingError)), "the same, at rest");
        assert!(!look(Mode::Track, None));
        assert!(look(Mode::Stopping, Some(Fault::TrackingError)));
        assert!(look(Mode::Latched, Some(Fault::ReadFailed)), "something else on top");
    }

    #[test]
    fn the_stop_at_the_end_of_each_run_is_none_but_one_that_was_asked_for_before_is() {
        let stop = tick(Mode::Stopping, Some(Fault::StopRequested));
        assert_eq!(Lookout::default().tick(&stop, None, true), None);
        assert!(Lookout::default().tick(&stop, None, false).is_some_and(|why| why.contains("a stop was requested")));
        let blind = tick(Mode::Stopping, Some(Fault::LeaseExpired));
        assert!(Lookout::default().tick(&blind, None, true).is_some());
    }

    #[test]
    fn an_arm_that_is_led_is_no_news_and_one_that_cannot_be_read_is() {
        let mut lookout = Lookout::of(Drive::Shadow);
        assert_eq!(lookout.tick(&tick(Mode::Latched, Some(Fault::TrackingError)), None, false), None);
        assert_eq!(lookout.tick(&tick(Mode::Hold, None), None, false), None);
        assert!(lookout.tick(&tick(Mode::Latched, Some(Fault::ReadFailed)), None, false).is_some());
    }

    #[test]
    fn an_executor_that_gives_up_and_a_brain_that_warns_are_said() {
        let mut lookout = Lookout::default();
        let track = tick(Mode::Track, None);
        let told = lookout.tick(&track, Some(Fault::CameraStale), false);
        assert!(told.is_some_and(|why| why.starts_with("no motion: CameraStale")));
        assert_eq!(lookout.tick(&track, Some(Fault::CameraStale), false), None);
        assert_eq!(Lookout::event(Level::Warning, " slipped\n"), Some("slipped".into()));
        assert_eq!(Lookout::event(Level::Info, "grasps"), None);
    }
}
