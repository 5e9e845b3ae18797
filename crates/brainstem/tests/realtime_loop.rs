//! The loop on the real clock with an ideal arm. Nothing here asserts a duration.

mod rig;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, BrainstemError, LoopSummary, Mode, MonotonicClock, PrivilegeConfig,
    RealtimeLinks, Signals, run_realtime,
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

/// From rest at `q`, with a lease that outlasts most of a second: joint 0 speeds up.
fn speeding_up(t0: Nanos, q: Joints, rad_s2: f64) -> Segment {
    Segment {
        epoch: 1,
        seq: 1,
        t0,
        valid_until: t0 + Nanos::from_millis(900),
        q,
        qd: Joints::zeros(q.len()),
        qdd: Joints::from_fn(q.len(), |i| if i == 0 { rad_s2 } else { 0.0 }),
        gripper_width_m: 0.08,
        grip_force_n: 20.0,
    }
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

/// An arm that has not spoken yet, for so many reads.
struct SilentArm {
    ideal: IdealArm,
    silent_reads: u64,
    reads: Arc<AtomicU64>,
}

impl Arm for SilentArm {
    fn dof(&self) -> usize {
        7
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        let nan = Joints::from_fn(7, |_| f64::NAN);
        let state = self.ideal.read()?;
        Ok(if reads <= self.silent_reads { ArmState { q: nan, qd: nan, ..state } } else { state })
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        self.ideal.write(command)
    }
}

#[test]
fn no_body_is_published_before_the_arm_has_spoken() {
    const SILENT_READS: u64 = 50;
    let _alive = watchdog();
    let robot = rig::fr3();
    let reads = Arc::new(AtomicU64::new(0));
    let ideal = IdealArm { state: rig::at_rest(robot.home()), reads_left: u64::MAX };
    let mut arm = SilentArm { ideal, silent_reads: SILENT_READS, reads: reads.clone() };
    let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
    let (state_writer, mut states) = mailbox(None);
    let signals = Arc::new(Signals::default());
    let links =
        RealtimeLinks { segments, states: vec![state_writer], ticks: ring(1).0, stats: None, signals: signals.clone() };
    let home = robot.home();
    let looper = std::thread::spawn(move || {
        let mut brainstem = Brainstem::new(robot, config())?;
        run_realtime(&mut arm, &mut brainstem, links, |_| {})
    });
    let first: BodyState = loop {
        match states.latest() {
            Some(body) => break body,
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    };
    assert!(reads.load(Ordering::SeqCst) > SILENT_READS, "a body after {} reads", reads.load(Ordering::SeqCst));
    assert_eq!((first.state.q, first.commanded.q, first.gripper_width_m), (home, home, 0.04));
    signals.exit.raise();
    looper.join().unwrap().unwrap();
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

/// An arm that keeps all commands, and whose driver panics at a given read or write.
struct FragileArm {
    ideal: IdealArm,
    real: bool,
    reads: u64,
    panics_at_read: Option<u64>,
    panics_at_writes: std::ops::Range<usize>,
    attempts: usize,
    commands: Arc<Mutex<Vec<ArmCommand>>>,
}

impl FragileArm {
    fn new() -> Self {
        let ideal = IdealArm { state: rig::at_rest(rig::fr3().home()), reads_left: u64::MAX };
        Self {
            ideal,
            real: false,
            reads: 0,
            panics_at_read: None,
            panics_at_writes: 0..0,
            attempts: 0,
            commands: Arc::default(),
        }
    }
}

impl Arm for FragileArm {
    fn dof(&self) -> usize {
        7
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn is_real(&self) -> bool {
        self.real
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.reads += 1;
        assert!(self.panics_at_read != Some(self.reads), "the driver is broken");
        self.ideal.read()
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        self.attempts += 1;
        assert!(!self.panics_at_writes.contains(&self.attempts), "the wire is cut");
        self.commands.lock().unwrap().push(*command);
        self.ideal.write(command)
    }
}

/// Runs the loop with a segment that speeds joint 0 up from the first tick on.
fn run_in_motion(mut arm: FragileArm) -> Result<LoopSummary, BrainstemError> {
    let robot = rig::fr3();
    let mut brainstem = Brainstem::new(robot.clone(), config()).unwrap();
    let segment = speeding_up(MonotonicClock.now(), robot.home(), 1.0);
    let (_to_loop, segments) = mailbox(Some(segment));
    let links = RealtimeLinks { segments, states: Vec::new(), ticks: ring(1).0, stats: None, signals: Arc::default() };
    run_realtime(&mut arm, &mut brainstem, links, |_| {})
}

#[test]
fn sr13_a_panic_in_the_driver_brakes_the_arm_from_its_last_command() {
    let _alive = watchdog();
    let arm = FragileArm { panics_at_read: Some(60), ..FragileArm::new() };
    let commands = arm.commands.clone();
    let error = run_in_motion(arm).unwrap_err();
    assert!(error.to_string().contains("the driver is broken") && error.to_string().contains("braked"), "{error}");
    let commands = commands.lock().unwrap();
    let limits = rig::fr3();
    let fastest = commands.iter().map(|c| c.qd[0]).fold(0.0, f64::max);
    assert!(fastest > 0.02, "the arm never moved: {fastest} rad/s");
    for pair in commands.windows(2).skip(59) {
        rig::check_step(&pair[0], &pair[1], limits.limits(), 1e-3);
    }
    assert!(commands.len() > 60, "no stop after the panic");
    assert_eq!(commands.last().unwrap().qd, Joints::zeros(7));
}

#[test]
fn sr13_an_arm_that_takes_no_more_commands_is_said_to_be_unstopped() {
    let _alive = watchdog();
    let error = run_in_motion(FragileArm { panics_at_writes: 60..usize::MAX, ..FragileArm::new() }).unwrap_err();
    assert!(error.to_string().contains("the wire is cut") && error.to_string().contains("time-out"), "{error}");
}

#[test]
fn sr21_a_real_arm_is_not_driven_without_the_privileges_asked_for_unless_told() {
    let _alive = watchdog();
    // A processor that does not exist is refused on every machine.
    let impossible = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: Some(1 << 20) };
    for (real, told, driven) in [(true, false, false), (true, true, true), (false, false, true)] {
        let config = BrainstemConfig { privileges: impossible.clone(), arm_when_degraded: told, ..config() };
        let mut brainstem = Brainstem::new(rig::fr3(), config).unwrap();
        let mut arm = FragileArm { real, ..FragileArm::new() };
        let commands = arm.commands.clone();
        let signals = Arc::new(Signals::default());
        signals.exit.raise();
        let (_to_loop, segments) = mailbox::<Option<Segment>>(None);
        let links = RealtimeLinks { segments, states: Vec::new(), ticks: ring(1).0, stats: None, signals };
        let ended = run_realtime(&mut arm, &mut brainstem, links, |report| assert!(report.is_degraded()));
        assert_eq!(ended.is_ok(), driven, "{ended:?}");
        assert_eq!(!commands.lock().unwrap().is_empty(), driven);
        if let Err(error) = ended {
            assert!(
                error.to_string().contains("arm_when_degraded") && error.to_string().contains("refused"),
                "{error}"
            );
        }
    }
}

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
