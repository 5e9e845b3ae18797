//! The loop on the real clock with an ideal arm. Nothing here asserts a duration.

mod rig;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use neuraxis_brainstem::{
    Brainstem, BrainstemConfig, BrainstemError, LoopSummary, Mode, MonotonicClock, PrivilegeConfig, RealtimeLinks,
    Signals, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment};

struct IdealArm {
    state: ArmState,
    reads_left: u64,
}

impl Arm for IdealArm {
    fn dof(&self) -> usize {
        self.state.q.len()
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(Fault::ReadFailed)?;
        Ok(ArmState { stamp: MonotonicClock.now(), ..self.state })
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        (self.state.q, self.state.qd) = (command.q, command.qd);
        Ok(())
    }
}

fn config() -> BrainstemConfig {
    // Ordinary scheduling: the machine may be busy, so leases and budgets are long.
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
    BrainstemConfig { lease_max_secs: 1.0, overrun_budget: 1_000_000, privileges, ..Default::default() }
}

/// Ends the process if a test hangs.
fn watchdog() -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(120)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("the loop hangs");
            std::process::exit(101);
        }
    });
    alive
}

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
    let mut qdd = Joints::zeros(7);
    qdd[0] = 0.5;
    to_loop.write(Some(Segment {
        epoch: 1,
        seq: 1,
        t0: first.now,
        valid_until: first.now + Nanos::from_millis(900),
        q: first.commanded.q,
        qd: Joints::zeros(7),
        qdd,
        gripper_width_m: 0.08,
    }));
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

#[test]
fn a_read_failure_latches_and_the_loop_can_still_be_left() {
    let _alive = watchdog();
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(robot.home()), reads_left: 20 };
    let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (state_writer, mut states) = mailbox(None);
    let (ticks, _records) = ring(16);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: vec![state_writer], ticks, stats: None, signals: signals.clone() };
    let looper = std::thread::spawn(move || {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |_| {})
    });
    while states.latest().is_none_or(|body| body.mode != Mode::Latched) {
        std::thread::sleep(Duration::from_millis(1));
    }
    signals.exit.raise();
    let summary = looper.join().unwrap().unwrap();
    assert_eq!(summary.fault, Some(Fault::ReadFailed));
}

#[test]
fn an_arm_with_other_joints_is_refused() {
    let robot = rig::fr3();
    let mut arm = IdealArm { state: rig::at_rest(Joints::zeros(6)), reads_left: 0 };
    let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
    let links = RealtimeLinks { segments, states: Vec::new(), ticks: ring(1).0, stats: None, signals: Arc::default() };
    let mut brainstem = Brainstem::new(robot, config()).unwrap();
    let error = run_realtime(&mut arm, &mut brainstem, links, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the arm has 6 joints, the robot description 7");
}
