//! The real loop over an arm, and motions as the cerebellum sends them.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use neuraxis_brainstem::{
    BodyState, Brainstem, BrainstemConfig, BrainstemError, LoopSummary, Mode, MonotonicClock, RealtimeLinks, Signals,
    run_realtime,
};
use neuraxis_channel::{MailboxReader, MailboxWriter, mailbox, ring};
use neuraxis_core::{Arm, Clock, Joints, Nanos, Segment};
use neuraxis_robot::Robot;

const LOOK: Duration = Duration::from_millis(1);
const LOOKS: u32 = 60_000;
const LEAD: Nanos = Nanos::from_millis(5);
const LEASE: Nanos = Nanos::from_millis(900);

pub struct Body {
    pub signals: Arc<Signals>,
    to_loop: MailboxWriter<Option<Segment>>,
    bodies: MailboxReader<Option<BodyState>>,
    looper: Option<JoinHandle<Result<LoopSummary, BrainstemError>>>,
    seq: u64,
    pub width_m: f64,
    pub force_n: f64,
}

impl Body {
    pub fn new(robot: Arc<Robot>, config: BrainstemConfig, mut arm: impl Arm + 'static) -> Self {
        let mut brainstem = Brainstem::new(robot, config).unwrap();
        let (to_loop, segments) = mailbox(None);
        let (to_me, bodies) = mailbox(None);
        let signals = Arc::new(Signals::default());
        let links =
            RealtimeLinks { segments, states: vec![to_me], ticks: ring(1).0, stats: None, signals: signals.clone() };
        let looper = std::thread::spawn(move || run_realtime(&mut arm, &mut brainstem, links, |_| ()));
        let mut body = Self { signals, to_loop, bodies, looper: Some(looper), seq: 0, width_m: 0.0, force_n: 20.0 };
        body.width_m = body.state().gripper_width_m;
        body
    }

    /// The newest body state.
    pub fn state(&mut self) -> BodyState {
        for _ in 0..LOOKS {
            if let Some(body) = self.bodies.latest() {
                return body;
            }
            assert!(!self.looper.as_ref().unwrap().is_finished(), "{:?}", self.looper.take().unwrap().join());
            std::thread::sleep(LOOK);
        }
        panic!("the loop never told its state");
    }

    pub fn wait_for(&mut self, what: &str, is_there: impl Fn(&BodyState) -> bool) -> BodyState {
        for _ in 0..LOOKS {
            let body = self.state();
            if is_there(&body) {
                return body;
            }
            std::thread::sleep(LOOK);
        }
        panic!("{what} never came: {:?}", self.state());
    }

    pub fn wait_ticks(&mut self, ticks: u64) {
        let until = self.signals.heartbeat.get() + ticks;
        while self.signals.heartbeat.get() < until {
            std::thread::sleep(LOOK);
        }
    }

    /// Along a straight line in joint space with the least jerk, until the arm is told to stand there.
    pub fn go(&mut self, goal_rad: &[f64], secs: f64) {
        self.go_until(goal_rad, secs, |_| false);
    }

    /// ... or until there was enough; true if there was.
    pub fn go_until(&mut self, goal_rad: &[f64], secs: f64, is_enough: impl Fn(&BodyState) -> bool) -> bool {
        let from = self.state().commanded.q;
        let way = Joints::from_fn(from.len(), |i| goal_rad[i] - from[i]);
        let t0 = MonotonicClock.now() + LEAD;
        loop {
            let t = MonotonicClock.now() + LEAD;
            let x = (t.secs_since(t0) / secs).clamp(0.0, 1.0);
            let s = x * x * x * (10.0 + x * (6.0 * x - 15.0));
            let (ds, dds) = (30.0 * x * x * (1.0 - x) * (1.0 - x), 60.0 * x * (1.0 - x) * (1.0 - 2.0 * x));
            self.seq += 1;
            let scaled = |by: f64| Joints::from_fn(way.len(), |i| way[i] * by);
            self.to_loop.write(Some(Segment {
                epoch: 1,
                seq: self.seq,
                t0: t,
                valid_until: t + LEASE,
                q: Joints::from_fn(from.len(), |i| from[i] + way[i] * s),
                qd: scaled(ds / secs),
                qdd: scaled(dds / (secs * secs)),
                gripper_width_m: self.width_m,
                grip_force_n: self.force_n,
            }));
            std::thread::sleep(5 * LOOK);
            let body = self.state();
            if is_enough(&body) {
                return true;
            }
            assert!(
                matches!(body.mode, Mode::Hold | Mode::Track),
                "stopped on the way: {:?} {:?}",
                body.mode,
                body.fault
            );
            if t.secs_since(t0) > secs + 0.1 {
                self.wait_for("rest", |body| body.mode == Mode::Hold);
                return false;
            }
        }
    }

    /// Fingers to this distance, the arm standing; waits until they rest for a while.
    pub fn grip(&mut self, width_m: f64, force_n: f64) {
        (self.width_m, self.force_n) = (width_m, force_n);
        let q = self.state().commanded.q;
        self.go(&q, 0.3);
        let (mut rests, mut last) = (0, self.state().state.gripper_width_m);
        for _ in 0..LOOKS {
            std::thread::sleep(20 * LOOK);
            let width = self.state().state.gripper_width_m;
            rests = if (width - last).abs() < 2e-4 { rests + 1 } else { 0 };
            last = width;
            if rests > 20 {
                return;
            }
        }
        panic!("the fingers never rest");
    }

    pub fn end(mut self) -> LoopSummary {
        self.signals.exit.raise();
        self.looper.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Body {
    /// A test that failed must not leave the loop running over the next one.
    fn drop(&mut self) {
        self.signals.exit.raise();
        if let Some(looper) = self.looper.take() {
            let _ = looper.join();
        }
    }
}
