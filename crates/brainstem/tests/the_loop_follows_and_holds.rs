//! The loop on the real clock: it follows segments, holds while it is told to, and stops before it is left.

mod real_clock;
mod rig;

use std::{sync::Arc, time::Duration};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemError, LoopSummary, Mode, MonotonicClock, RealtimeLinks, Signals, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Clock, Fault, Joints, Nanos, Segment};
use real_clock::{IdealArm, config, speeding_up, watchdog};

#[test]
fn the_loop_follows_segments_publishes_and_stops_before_it_leaves() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(robot.home()), reads_left: u64::MAX };
    let (mut to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (state_writer, mut states) = mailbox(None);
    let (stats_writer, _stats) = mailbox(Default::default());
    let (ticks, records) = ring(2000);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks {
        segments,
        states: vec![state_writer],
        ticks,
        stats: Some(stats_writer),
        signals: signals.clone(),
    };
    let looper = std::thread::spawn(move || -> Result<LoopSummary, BrainstemError> {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |report| assert!(!report.is_degraded()))
    });

    let first = loop {
        match states.fresh().flatten() {
            Some(body) => break body,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    to_loop.write(Some(speeding_up(first.now, first.commanded.q, 0.5)));
    // A late start counts as a jump; then there is nothing to leave from but a still arm, which the end checks too.
    let mut moved = false;
    while !moved && MonotonicClock.now() < first.now + Nanos::from_millis(600) {
        moved = states.latest().is_some_and(|body| body.commanded.qd[0] > 0.05);
        std::thread::sleep(Duration::from_millis(1));
    }
    signals.exit.raise();
    let summary = looper.join().unwrap().unwrap();
    assert!(moved, "never moved: {summary:?}");
    let last = states.latest().unwrap();
    assert_eq!((last.mode, last.fault), (Mode::Latched, Some(Fault::StopRequested)));
    assert_eq!(last.commanded.qd, Joints::zeros(7));
    assert_eq!(signals.heartbeat.get(), summary.ticks);
    let recorded = std::iter::from_fn(|| records.pop()).count() as u64;
    assert_eq!(recorded + summary.stats.records_dropped, summary.ticks);
    assert_eq!(summary.stats.wake.count, summary.ticks);
}

/// A lifecycle that is not active: no segment moves the arm, and the latch of a stop is another matter.
#[test]
fn sr08_a_loop_that_is_told_to_hold_takes_no_segments_and_letting_go_undoes_no_stop() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(robot.home()), reads_left: u64::MAX };
    let (mut to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (state_writer, mut states) = mailbox(None);
    let (ticks, _records) = ring(16);
    let signals = Arc::new(Signals::default());
    signals.hold.raise();
    let links = RealtimeLinks { segments, states: vec![state_writer], ticks, stats: None, signals: signals.clone() };
    let looper = std::thread::spawn(move || {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |_| {})
    });
    // From wherever the arm stands, again and again: a late one counts as a jump, the next one fits. True once `seen`.
    let mut seq = 0;
    let mut push = |mut seen: Box<dyn FnMut(&BodyState) -> bool>, rounds: usize| {
        (0..rounds).any(|_| {
            let Some(body) = states.latest() else {
                std::thread::sleep(Duration::from_millis(1));
                return false;
            };
            if body.mode != Mode::Track {
                seq += 1;
                let fresh = speeding_up(MonotonicClock.now(), body.commanded.q, 0.5);
                to_loop.write(Some(Segment { seq, valid_until: fresh.t0 + Nanos::from_millis(200), ..fresh }));
            }
            std::thread::sleep(Duration::from_millis(5));
            seen(&body)
        })
    };
    let moves = || Box::new(|body: &BodyState| body.commanded.qd[0] > 0.02);
    let ever = usize::MAX;
    assert!(!push(moves(), 100), "it moved while it was to hold");

    assert!(signals.hold.take());
    assert!(push(moves(), ever));
    signals.hold.raise();
    let rests = |body: &BodyState| (body.mode, body.fault) == (Mode::Hold, Some(Fault::LeaseExpired));
    assert!(push(Box::new(rests), ever), "the lease ends in a stop that latches nothing");
    assert!(!push(moves(), 100), "it moved while it was to hold again");

    signals.stop.raise();
    let latched = |body: &BodyState| (body.mode, body.fault) == (Mode::Latched, Some(Fault::StopRequested));
    assert!(push(Box::new(latched), ever), "a stop latches an arm that holds");
    assert!(signals.hold.take());
    assert!(!push(moves(), 100), "letting go undid a stop");
    signals.reset.raise();
    assert!(push(moves(), ever));
    signals.exit.raise();
    looper.join().unwrap().unwrap();
}
