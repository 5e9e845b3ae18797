//! What is worth keeping of a run: where the arm stops for a fault or is latched, where the executor gives up motion, and
//! what a brain warns of.

use neuraxis_brainstem::{Mode, TickRecord};
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
    pub fn tick(&mut self, record: &TickRecord, given_up: Option<Fault>, is_leaving: bool) -> Option<String> {
        let tick = &record.tick;
        let stops = matches!(tick.mode, Mode::Stopping | Mode::Latched);
        let is_led = self.drive.is_led(tick.fault, tick.now, record.inputs.state.stamp);
        let is_meant = (is_leaving && tick.fault == Some(Fault::StopRequested)) || is_led;
        // That a led arm fell silent hides behind its first fault.
        let fault = if self.drive.forgives(tick.fault) { Some(Fault::ReadFailed) } else { tick.fault };
        let stopped = fault.filter(|_| stops && !is_meant);
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
    use neuraxis_brainstem::{Clearance, RefusedSegments, Requests, Tick, TickInputs};
    use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos};

    use super::*;

    /// A tick that has a state of now.
    fn tick(mode: Mode, fault: Option<Fault>) -> TickRecord {
        tick_after(Nanos(0), mode, fault)
    }

    /// A tick that has no newer state than one of so long ago.
    fn tick_after(silence: Nanos, mode: Mode, fault: Option<Fault>) -> TickRecord {
        let (now, zeros) = (Nanos::from_millis(9000), Joints::zeros(7));
        let state = ArmState {
            stamp: now - silence,
            q: zeros,
            qd: zeros,
            tau_nm: zeros,
            gripper_width_m: 0.08,
            grip_force_n: None,
        };
        let requests = Requests::default();
        let inputs = TickInputs { now, state, segment: None, requests, read: None, write: None, overrun: false };
        let tick = Tick {
            now,
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
        };
        TickRecord { number: 0, inputs, tick, wake_latency: Nanos(0), compute: Nanos(0), missed: 0 }
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
    fn an_arm_that_falls_silent_while_it_is_led_is_said_once() {
        let mut lookout = Lookout::of(Drive::Shadow);
        let mut look = |silence_ms| {
            let silence = Nanos::from_millis(silence_ms);
            lookout.tick(&tick_after(silence, Mode::Latched, Some(Fault::TrackingError)), None, false)
        };
        assert_eq!(look(1999), None);
        let told = look(2000);
        assert!(told.as_ref().is_some_and(|why| why.contains("the arm could not be read")), "{told:?}");
        assert_eq!(look(2001), None);
        assert_eq!(look(0), None, "heard again");
        assert!(look(2000).is_some());
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
