//! Guards that no cell of the matrix and no other test would miss.

#[path = "../../robot/tests/shipped/mod.rs"]
mod shipped;

use std::sync::Arc;

use neuraxis_brainstem::{
    Brainstem, BrainstemConfig, Mode, MonotonicClock, PrivilegeConfig, RealtimeLinks, Signals, run_realtime,
};
use neuraxis_cerebellum::{Cerebellum, CerebellumConfig};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing, Segment};
use neuraxis_robot::{Robot, Shares};

const TICK: Nanos = Nanos::from_millis(1);

fn at_rest(robot: &Robot, stamp: Nanos) -> ArmState {
    let zero = Joints::zeros(robot.dof());
    ArmState { stamp, q: robot.home(), qd: zero, tau_nm: zero, gripper_width_m: 0.04, grip_force_n: None }
}

/// Stands at home from `t0` on, with a given gripper width.
fn standing(robot: &Robot, seq: u64, t0: Nanos, gripper_width_m: f64) -> Segment {
    let zero = Joints::zeros(robot.dof());
    let valid_until = t0 + Nanos::from_millis(20);
    Segment {
        epoch: 1,
        seq,
        t0,
        valid_until,
        q: robot.home(),
        qd: zero,
        qdd: zero,
        gripper_width_m,
        grip_force_n: 20.0,
    }
}

fn brainstem() -> (Arc<Robot>, Brainstem) {
    let robot = Arc::new(shipped::robot("fr3"));
    let brainstem = Brainstem::new(robot.clone(), BrainstemConfig::default()).unwrap();
    (robot, brainstem)
}

#[test]
fn sr03_a_segment_for_another_arm_is_refused() {
    let (robot, mut brainstem) = brainstem();
    brainstem.step(TICK, &at_rest(&robot, TICK), None);
    for joints in [0, 6, 8] {
        let now = Nanos::from_millis(2 + joints as u64);
        let short = Joints::zeros(joints);
        let seq = 1 + joints as u64;
        let segment = Segment { q: short, qd: short, qdd: short, ..standing(&robot, seq, now, 0.04) };
        let tick = brainstem.step(now, &at_rest(&robot, now), Some(&segment));
        assert_eq!((tick.rejected, tick.mode), (Some(Fault::SegmentMalformed), Mode::Hold), "{joints} joints");
    }
}

#[test]
fn sr03_a_state_of_another_arm_or_without_a_gripper_latches() {
    type Spoil = fn(&mut ArmState);
    let spoils: [Spoil; 4] = [
        |s| s.q = Joints::zeros(6),
        |s| s.qd = Joints::zeros(6),
        |s| s.gripper_width_m = f64::NAN,
        |s| s.gripper_width_m = f64::INFINITY,
    ];
    for (i, spoil) in spoils.iter().enumerate() {
        let (robot, mut brainstem) = brainstem();
        brainstem.step(TICK, &at_rest(&robot, TICK), None);
        let now = Nanos::from_millis(2);
        let mut state = at_rest(&robot, now);
        spoil(&mut state);
        let tick = brainstem.step(now, &state, None);
        assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StateMalformed)), "case {i}");
    }
}

#[test]
fn sr04_the_grippers_command_keeps_its_range_whatever_a_segment_says() {
    let (robot, mut brainstem) = brainstem();
    brainstem.step(TICK, &at_rest(&robot, TICK), None);
    for (seq, (asked_m, given_m)) in [(5.0, 0.08), (-1.0, 0.0), (0.03, 0.03), (1e300, 0.08)].into_iter().enumerate() {
        let now = Nanos::from_millis(2 + seq as u64);
        let segment = standing(&robot, 1 + seq as u64, now, asked_m);
        let tick = brainstem.step(now, &at_rest(&robot, now), Some(&segment));
        assert_eq!((tick.mode, tick.command.gripper_width_m), (Mode::Track, given_m));
    }
}

#[test]
fn sr04_a_target_that_runs_away_from_its_follower_is_a_stop() {
    let (robot, mut brainstem) = brainstem();
    brainstem.step(TICK, &at_rest(&robot, TICK), None);
    // Just near enough to be taken on, and too fast to be caught up with.
    let mut segment = standing(&robot, 1, Nanos::from_millis(2), 0.04);
    (segment.q[0], segment.qd[0]) = (segment.q[0] + 0.019, 0.49);
    let mut ticks = (2..12).map(Nanos::from_millis).map(|now| {
        let state = ArmState { q: brainstem.commanded().q, ..at_rest(&robot, now) };
        brainstem.step(now, &state, Some(&segment))
    });
    assert_eq!(ticks.next().map(|tick| tick.mode), Some(Mode::Track));
    let stop = ticks.find(|tick| tick.fault.is_some()).unwrap();
    assert_eq!((stop.fault, stop.rejected, stop.mode), (Some(Fault::SegmentJump), None, Mode::Stopping));
}

#[test]
fn sr22_a_stop_goes_on_by_the_arms_millisecond_while_the_clock_steps_back() {
    let (robot, mut brainstem) = brainstem();
    brainstem.step(TICK, &at_rest(&robot, TICK), None);
    let mut segment = standing(&robot, 1, Nanos::from_millis(2), 0.04);
    segment.qdd[0] = 5.0;
    let mut step = |ms: u64| {
        let now = Nanos::from_millis(ms);
        let state = ArmState { q: brainstem.commanded().q, ..at_rest(&robot, now) };
        brainstem.step(now, &state, Some(&segment))
    };
    let stopping = (2..60).map(&mut step).find(|tick| tick.mode == Mode::Stopping).unwrap();
    assert_eq!(stopping.fault, Some(Fault::LeaseExpired));
    let before = step(30).command;
    let back = step(10).command;
    let mean_qd = 0.5 * (before.qd[0] + back.qd[0]);
    assert!((back.q[0] - before.q[0] - mean_qd * 0.001).abs() < 1e-6, "{before:?}, then {back:?}");
    let next = step(11).command;
    assert!(next.q[0] > back.q[0], "the stop goes on");
    let late = step(14).command;
    assert!(late.q[0] - next.q[0] > 1.5 * (next.q[0] - back.q[0]), "by the new clock: {back:?}, {next:?}, {late:?}");
}

#[test]
fn sr08_the_first_cause_of_a_latch_is_kept() {
    let (robot, mut brainstem) = brainstem();
    brainstem.step(TICK, &at_rest(&robot, TICK), None);
    brainstem.trip(Fault::TrackingError);
    brainstem.request_stop();
    brainstem.trip(Fault::ReadFailed);
    let now = Nanos::from_millis(2);
    let tick = brainstem.step(now, &at_rest(&robot, now), None);
    assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::TrackingError)));
}

#[test]
fn sr05_configurations_are_checked_where_the_loop_is_made() {
    let robot = Arc::new(shipped::robot("fr3"));
    let wild = BrainstemConfig { jump_rad: 3.0, ..Default::default() };
    assert!(Brainstem::new(robot.clone(), wild).is_err_and(|error| error.to_string().contains("jump_rad = 3")));
    let wild = CerebellumConfig { freeze_m: f64::NAN, ..Default::default() };
    assert!(
        Cerebellum::new(&robot, wild, &Shares::ALL).is_err_and(|error| error.to_string().contains("freeze_m = NaN"))
    );
}

#[test]
fn sr05_descriptions_whose_limits_are_no_range_or_do_not_hold_home_are_refused() {
    let mut config = shipped::config("fr3");
    config.home_rad[1] = 3.0;
    let text = Robot::from_urdf(&config.urdf, &config).unwrap_err().to_string();
    assert!(text.contains("home position") && text.contains("fr3_joint2"), "{text}");

    // Two limits that change places, and two that are equal.
    let config = shipped::config("fr3");
    let urdf = std::fs::read_to_string(&config.urdf).unwrap();
    let limit = urdf.split("lower=\"").nth(1).unwrap().split('"').next().unwrap();
    let file = std::env::temp_dir().join(format!("neuraxis-range-{}.urdf", std::process::id()));
    for wrong in ["9.0", "inf"] {
        std::fs::write(&file, urdf.replacen(&format!("lower=\"{limit}\""), &format!("lower=\"{wrong}\""), 1)).unwrap();
        let refused = Robot::from_urdf(&file, &config).unwrap_err().to_string();
        assert!(refused.contains("lower limit"), "{refused}");
    }
    std::fs::remove_file(&file).unwrap();
}

/// Takes no command.
struct DeafArm(ArmState);

impl Arm for DeafArm {
    fn dof(&self) -> usize {
        self.0.q.len()
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        Ok(ArmState { stamp: MonotonicClock.now(), ..self.0 })
    }
    fn write(&mut self, _command: &ArmCommand) -> Result<(), Fault> {
        Err(Fault::WriteFailed)
    }
}

#[test]
fn a_failed_write_latches() {
    let robot = Arc::new(shipped::robot("fr3"));
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
    let mut brainstem =
        Brainstem::new(robot.clone(), BrainstemConfig { privileges, overrun_budget: 1_000_000, ..Default::default() })
            .unwrap();
    let mut arm = DeafArm(at_rest(&robot, Nanos(0)));
    let (_to_loop, segments) = mailbox(None);
    let (records, record) = ring(4096);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: Vec::new(), ticks: records, stats: None, signals: signals.clone() };
    let looper = std::thread::spawn(move || run_realtime(&mut arm, &mut brainstem, links, |_| {}));
    while signals.heartbeat.get() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    signals.exit.raise();
    looper.join().unwrap().unwrap();
    // The first tick finds out; from the second on it is latched.
    let ticks: Vec<_> = std::iter::from_fn(|| record.pop()).map(|record| record.tick).collect();
    assert!(ticks.iter().skip(1).all(|tick| (tick.mode, tick.fault) == (Mode::Latched, Some(Fault::WriteFailed))));
}
