//! An arm that has not spoken, that has other joints, or whose loop lacks its privileges, is not driven.

mod real_clock;
mod rig;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, PrivilegeConfig, RealtimeLinks, Signals, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Fault, Joints, Pacing, Segment};
use real_clock::{FragileArm, IdealArm, config, watchdog};

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
