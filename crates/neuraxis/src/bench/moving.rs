//! The loop at work: the delivered brainstem and cerebellum on an arm that answers at once, between two key-frames that
//! a stand-in for the policy names ten times a second, a little different each time.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, anyhow, ensure};
use neuraxis_brainstem::{
    Brainstem, LoopSummary, Mode, MonotonicClock, RealtimeLinks, RealtimeReport, TickRecord, run_realtime,
};
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_channel::{MailboxReader, MailboxWriter, RingReceiver, mailbox, ring};
use neuraxis_core::{
    Arm, ArmCommand, ArmState, Clock, Fault, Gripper, Joints, KeyFrame, Nanos, Pacing, Pose, Prediction, StageTimes,
    TaskOrder, Tool, World,
};

use crate::{
    config::Config,
    given::Given,
    threads::{self, CerebellumLinks, Shared, TaskInstance},
};

/// Half the way between the two key-frames [m].
const SIDE_M: f64 = 0.2;
/// The arm is taken to be in motion above this [rad/s].
const MOVING_RAD_S: f64 = 0.01;

/// What one run of the loop showed.
#[derive(Default)]
pub struct Run {
    /// How late each tick woke [us].
    pub wakes: Vec<f64>,
    /// Time of each `Brainstem::step` [us].
    pub ticks: Vec<f64>,
    /// Ticks in [`Mode::Track`].
    pub tracked: u64,
    /// Ticks with a joint in motion.
    pub moving: u64,
    /// Deadlines skipped.
    pub missed: u64,
    /// What the operating system granted.
    pub report: Option<RealtimeReport>,
}

/// Where the body meets ROS 2.
pub struct Outside {
    /// What the arm measures.
    pub states: MailboxWriter<ArmState>,
    /// The newest one shifts the key-frames.
    pub orders: RingReceiver<TaskOrder>,
}

/// Runs the loop for `secs`. An error if it never followed a segment, or latched.
pub fn run(config: &Config, secs: f64, outside: Option<Outside>) -> Result<Run> {
    let robot = Arc::new(config.load_robot()?);
    let mut brainstem = Brainstem::new(robot.clone(), config.brainstem.clone())?;
    let executor = Cerebellum::new(&robot, config.cerebellum.clone(), &config.brainstem.shares())?;
    let mut arm = Echo::at(&robot.home());
    let here = robot.world_from_tool(&robot.home());
    let (to_mind, body) = mailbox(None);
    let (segments_in, segments) = mailbox(None);
    let (predictions_in, predictions) = mailbox(None);
    let (mind_in, mind) = mailbox(None);
    let (records_in, records) = ring(2000);
    let (decisions_in, _decisions) = ring(1);
    let (states, orders) = outside.map(|outside| (outside.states, outside.orders)).unzip();
    let shared = Shared::default();
    let links = RealtimeLinks {
        segments,
        states: vec![to_mind],
        ticks: records_in,
        stats: None,
        signals: shared.signals.clone(),
    };
    let mind_links = CerebellumLinks {
        body,
        predictions,
        images: mailbox(None).1,
        tasks: mailbox(TaskInstance { epoch: 1, has_words: true }).1,
        segments: segments_in,
        minds: vec![mind_in],
        record: decisions_in,
        states,
        brain: None,
    };

    let (summary, mut run) = std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let body = named("brainstem").spawn_scoped(scope, || run_realtime(&mut arm, &mut brainstem, links, |_| {}))?;
        let shared = &shared;
        let cerebellum =
            named("cerebellum").spawn_scoped(scope, || threads::cerebellum(executor, mind_links, shared))?;
        let policy =
            named("policy").spawn_scoped(scope, move || go_to_and_fro(&here, mind, predictions_in, orders, shared))?;
        let run = watch(&records, secs);
        // All are sent home before the first error is passed on.
        shared.signals.exit.raise();
        let summary = body.join();
        shared.end();
        let (cerebellum, policy) = (cerebellum.join(), policy.join());
        let panicked = |what: &str| anyhow!("the {what} panicked");
        policy.map_err(|_| panicked("stand-in for the policy"))?;
        cerebellum.map_err(|_| panicked("cerebellum"))??;
        let summary: LoopSummary = summary.map_err(|_| panicked("loop"))??;
        Ok::<_, anyhow::Error>((summary, run))
    })?;
    (run.missed, run.report) = (summary.stats.missed, Some(summary.report));
    let count = run.ticks.len() as u64;
    say!(
        "  {count} ticks, {} missed; following segments in {:.1} %, in motion in {:.1} %",
        run.missed,
        100.0 * run.tracked as f64 / count as f64,
        100.0 * run.moving as f64 / count as f64
    );
    ensure!(run.tracked > 0 && run.moving > 0, "the loop never followed a segment: its tick was not at work");
    ensure!(summary.fault.is_none_or(|fault| fault == Fault::Overrun), "the loop stopped: {:?}", summary.fault);
    Ok(run)
}

/// Takes the loop's records as they come.
fn watch(records: &RingReceiver<TickRecord>, secs: f64) -> Run {
    let mut run = Run::default();
    run.wakes.reserve((secs * 1100.0) as usize);
    run.ticks.reserve((secs * 1100.0) as usize);
    let start = MonotonicClock.now();
    while (MonotonicClock.now() - start).secs() < secs {
        std::thread::sleep(Duration::from_millis(20));
        while let Some(record) = records.pop() {
            run.wakes.push(record.wake_latency.secs() * 1e6);
            run.ticks.push(record.compute.secs() * 1e6);
            run.tracked += u64::from(record.tick.mode == Mode::Track);
            run.moving += u64::from(record.tick.command.qd.iter().any(|qd| qd.abs() > MOVING_RAD_S));
        }
    }
    run
}

/// Names one key-frame until it is reached, then the other.
fn go_to_and_fro(
    here: &Pose<World, Tool>,
    mut mind: MailboxReader<Option<CerebellumTick>>,
    mut predictions: MailboxWriter<Option<Given>>,
    orders: Option<RingReceiver<TaskOrder>>,
    shared: &Shared,
) {
    let (mut seq, mut heard) = (0, 0);
    while !shared.done.is_raised() {
        std::thread::sleep(Duration::from_millis(100));
        let Some(mind) = mind.latest() else { continue };
        while let Some(order) = orders.as_ref().and_then(RingReceiver::pop) {
            heard = order.words.map_or(0, |words| words.len());
        }
        seq += 1;
        let side = if mind.progress.reached_count.is_multiple_of(2) { SIDE_M } else { -SIDE_M };
        let wander = 0.004 * ((seq % 5) as f64 - 2.0) + 0.001 * (heard % 3) as f64;
        let offset = nalgebra::Vector3::new(0.0, side, -0.1 + wander);
        predictions.write(Some(Given::now(Prediction {
            seq,
            epoch: 1,
            observed_at: MonotonicClock.now(),
            keyframe: KeyFrame {
                world_from_tool: Pose::from_parts(here.position() + offset, here.rotation()),
                gripper: Gripper::Open,
                ignore_collisions: false,
            },
            confidence: 1.0,
            times: StageTimes::default(),
            path: None,
        })));
    }
}

/// An arm that is where it was told to be.
pub(super) struct Echo {
    state: ArmState,
}

impl Echo {
    /// At rest.
    pub(super) fn at(q: &Joints) -> Self {
        Self { state: still(q) }
    }
}

impl Arm for Echo {
    fn dof(&self) -> usize {
        self.state.q.len()
    }
    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }
    fn read(&mut self) -> Result<ArmState, Fault> {
        self.state.stamp = MonotonicClock.now();
        Ok(self.state)
    }
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        (self.state.q, self.state.qd, self.state.gripper_width_m) = (command.q, command.qd, command.gripper_width_m);
        Ok(())
    }
}

/// At rest, fingers apart.
pub fn still(q: &Joints) -> ArmState {
    let zeros = Joints::zeros(q.len());
    ArmState { stamp: Nanos(0), q: *q, qd: zeros, tau_nm: zeros, gripper_width_m: 0.08, grip_force_n: None }
}
