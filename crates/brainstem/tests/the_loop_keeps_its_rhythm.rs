//! A recorder that stalls costs the loop no tick; a device that gives the rhythm too slowly is an overrun.

mod real_clock;
mod rig;

use std::{sync::Arc, time::Duration};

use neuraxis_brainstem::{Brainstem, BrainstemConfig, MonotonicClock, RealtimeLinks, Signals, run_realtime};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Nanos, Pacing, Segment};
use real_clock::{IdealArm, config, speeding_up, watchdog};

#[test]
fn sr23_a_recorder_that_takes_nothing_costs_records_and_no_ticks() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(robot.home()), reads_left: u64::MAX };
    let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (unread, _stalled_viewer) = mailbox(None);
    let (ticks, stalled_recorder) = ring(4);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: vec![unread], ticks, stats: None, signals: signals.clone() };
    let looper = std::thread::spawn(move || {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |_| {})
    });
    while signals.heartbeat.get() < 100 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signals.exit.raise();
    let summary = looper.join().unwrap().unwrap();
    assert_eq!(stalled_recorder.len(), 4);
    assert_eq!(summary.stats.records_dropped, summary.ticks - 4);
    assert_eq!(summary.fault, None);
}

/// A device that gives the rhythm, and loses it.
struct DeviceArm {
    ideal: IdealArm,
    signals: Arc<Signals>,
    reads: u64,
}

impl Arm for DeviceArm {
    fn dof(&self) -> usize {
        7
    }
    fn pacing(&self) -> Pacing {
        Pacing::Device
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads += 1;
        std::thread::sleep(Duration::from_millis(if self.reads < 50 { 1 } else { 6 }));
        if self.reads == 100 {
            self.signals.exit.raise();
        }
        self.ideal.read()
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        self.ideal.write(command)
    }
}

#[test]
fn sr11_a_device_that_gives_the_rhythm_too_slowly_is_an_overrun() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let signals = Arc::new(Signals::default());
    let ideal = IdealArm { state: rig::at_rest(robot.home()), reads_left: u64::MAX };
    let mut arm = DeviceArm { ideal, signals: signals.clone(), reads: 0 };
    let mut brainstem = Brainstem::new(robot.clone(), BrainstemConfig { overrun_budget: 60, ..config() }).unwrap();
    let mut segment = speeding_up(MonotonicClock.now(), robot.home(), 0.2);
    segment.valid_until = segment.t0 + Nanos::from_millis(990);
    let (_to_loop, segments) = mailbox(Some(segment));
    let links = RealtimeLinks { segments, states: Vec::new(), ticks: ring(1).0, stats: None, signals };
    let summary = run_realtime(&mut arm, &mut brainstem, links, |_| {}).unwrap();
    assert_eq!(summary.fault, Some(Fault::Overrun));
    assert!(summary.stats.missed > 100, "{} missed", summary.stats.missed);
}
