//! The 1 kHz loop on an arm that answers at once, beside cyclictest and beside a thread that only sleeps, with and
//! without the policy's inference on the same machine. Blocks alternate, so that all see the same weather.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use neuraxis_brainstem::{
    Brainstem, Histogram, LoopStats, MonotonicClock, Pacer, Percentiles, RealtimeLinks, Signals, request_privileges,
    run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Pacing, Policy};
use neuraxis_sim::CameraRig;

use super::{Measured, median};
use crate::{config::Config, demo, episode_run::Studio, eval::Actor};

/// What to measure.
pub struct LoopPlan {
    /// Time of each block [s].
    pub secs: f64,
    /// Blocks of each kind.
    pub blocks: usize,
    /// Weights to infer with; none: idle blocks only.
    pub actor: Option<Actor>,
}

/// One block of each kind, in this order: cyclictest, bare thread, idle loop, loop beside inference.
pub fn control_loop(config: &Config, plan: &LoopPlan) -> Result<Vec<Measured>> {
    let mut rows = Vec::new();
    let mut ratios: [Vec<f64>; 2] = Default::default();
    for block in 1..=plan.blocks {
        println!("block {block} of {}", plan.blocks);
        let peer = match cyclictest(config, plan.secs)? {
            Some(wakes) => wakes,
            None => {
                println!("cyclictest is not installed (Debian: rt-tests): a bare thread of our own stands in for it");
                Measured::micros("bare thread", &bare_wakes(config, plan.secs)?)
            }
        };
        let idle = run(config, plan.secs, block == 1)?;
        let idle_wake = Measured::micros("loop.wake.idle", &idle.wake);
        rows.push(idle_wake.clone().beside(peer));
        rows.push(Measured::micros("loop.tick.idle", &idle.compute));
        if let Some(actor) = &plan.actor {
            let busy = beside_inference(config, actor, || run(config, plan.secs, false))?;
            let busy_wake = Measured::micros("loop.wake.inference", &busy.wake);
            ratios[0].push(busy_wake.p50 / idle_wake.p50);
            ratios[1].push(busy_wake.p99 / idle_wake.p99);
            rows.push(busy_wake.beside(idle_wake));
            rows.push(Measured::micros("loop.tick.inference", &busy.compute));
        }
    }
    let [p50, p99] = ratios;
    if !p50.is_empty() {
        println!("inference against idle, median over blocks: p50 {:.2}, p99 {:.2}", median(p50), median(p99));
    }
    Ok(rows)
}

fn run(config: &Config, secs: f64, tell: bool) -> Result<LoopStats> {
    let robot = Arc::new(config.load_robot()?);
    let mut brainstem = Brainstem::new(robot, config.brainstem.clone())?;
    let mut arm = Echo { state: at_home(config) };
    let (_segments_in, segments) = mailbox(None);
    let (ticks, _kept) = ring(1);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: Vec::new(), ticks, stats: None, signals: signals.clone() };
    let summary = std::thread::scope(|scope| {
        let body = std::thread::Builder::new().name("brainstem".into()).spawn_scoped(scope, move || {
            run_realtime(&mut arm, &mut brainstem, links, |report| {
                if tell {
                    println!("{report}");
                }
            })
        })?;
        std::thread::sleep(Duration::from_secs_f64(secs));
        signals.exit.raise();
        Ok::<_, anyhow::Error>(body.join().map_err(|_| anyhow::anyhow!("the loop panicked"))??)
    })?;
    println!("  {} ticks, {} missed", summary.ticks, summary.stats.missed);
    Ok(summary.stats)
}

/// Runs `work` while another thread predicts at the policy's rate.
fn beside_inference<T>(config: &Config, actor: &Actor, work: impl FnOnce() -> Result<T>) -> Result<T> {
    neuraxis_policy::use_one_thread();
    let studio = Studio::new(config.clone())?;
    let setup = studio.setup("stack_blocks", crate::eval::EVAL_SEED)?;
    let (mut source, words, _) = demo::source(&studio, &setup, actor)?;
    let lockstep = studio.lockstep(&setup, true)?;
    let observation = lockstep.first_observation(&mut CameraRig::new(&setup)?).context("the first picture")?;
    source.predict(&observation, &words)?;
    let (over, predictions) = (AtomicBool::new(false), AtomicBool::new(false));
    let result = std::thread::scope(|scope| {
        let thinker = std::thread::Builder::new().name("policy".into()).spawn_scoped(scope, || {
            let mut pacer = Pacer::new(MonotonicClock.now(), Nanos::from_secs(1.0 / config.run.policy_hz));
            while !over.load(Ordering::Relaxed) {
                pacer.wait();
                source.predict(&observation, &words)?;
                predictions.store(true, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        })?;
        let result = work();
        over.store(true, Ordering::Relaxed);
        thinker.join().map_err(|_| anyhow::anyhow!("the policy panicked"))??;
        result
    })?;
    anyhow::ensure!(predictions.load(Ordering::Relaxed), "no prediction was made while the loop ran");
    Ok(result)
}

/// rt-tests' own program at the loop's priority and period; `None` if it is not installed.
fn cyclictest(config: &Config, secs: f64) -> Result<Option<Measured>> {
    let priority = config.brainstem.privileges.fifo_priority.to_string();
    let secs = (secs.ceil() as u64).max(1).to_string();
    let arguments = ["-q", "-m", "-p", &priority, "-i", "1000", "-h", "50000", "-D", &secs];
    let output = match Command::new("cyclictest").args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        output => output.context("running cyclictest")?,
    };
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "cyclictest: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut samples = Vec::new();
    for line in said.lines() {
        if let Some((micros, count)) = line.split_once(' ')
            && let (Ok(micros), Ok(count)) = (micros.parse::<f64>(), count.trim().parse::<usize>())
        {
            samples.extend(std::iter::repeat_n(micros, count));
        } else if let Some(max) = line.strip_prefix("# Max Latencies:") {
            // Beyond the histogram's end only the largest is told.
            samples.extend(max.trim().parse::<f64>().ok());
        }
    }
    anyhow::ensure!(samples.len() > 1, "cyclictest printed no histogram:\n{said}");
    Ok(Some(Measured::samples("cyclictest", "us", samples)))
}

fn bare_wakes(config: &Config, secs: f64) -> Result<Percentiles> {
    let privileges = config.brainstem.privileges.clone();
    let thread = std::thread::spawn(move || {
        request_privileges(&privileges);
        let start = MonotonicClock.now();
        let mut pacer = Pacer::new(start, PERIOD_BRAINSTEM);
        let mut wakes = Histogram::default();
        while (MonotonicClock.now() - start).secs() < secs {
            let wake = pacer.wait();
            wakes.record(wake.now - wake.deadline);
        }
        wakes.percentiles()
    });
    thread.join().map_err(|_| anyhow::anyhow!("the bare thread panicked"))
}

/// An arm that is where it was told to be.
struct Echo {
    state: ArmState,
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

fn at_home(config: &Config) -> ArmState {
    let home = &config.robot.home_rad;
    let zeros = Joints::zeros(home.len());
    let q = Joints::from_fn(home.len(), |i| home[i]);
    ArmState { stamp: MonotonicClock.now(), q, qd: zeros, tau_nm: zeros, gripper_width_m: 0.08 }
}
