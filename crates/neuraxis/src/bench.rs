//! `neuraxis bench`: measurements beside a peer or the physical limit, in one run. Numbers are printed, never asserted.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::{
    Brainstem, Histogram, MonotonicClock, Pacer, Percentiles, RealtimeLinks, Signals, request_privileges, run_realtime,
};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{
    Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Pacing, Policy, StageTimes,
};
use neuraxis_sim::CameraRig;
use serde::Serialize;

use crate::{config::Config, demo, episode_run::Studio, eval::Actor, source::Source};

/// One measured distribution.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    name: String,
    unit: &'static str,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Box<Measured>>,
}

impl Measured {
    fn micros(name: &str, p: &Percentiles) -> Self {
        let us = |t: Nanos| t.secs() * 1e6;
        Self {
            name: name.into(),
            unit: "us",
            p50: us(p.p50),
            p99: us(p.p99),
            p999: us(p.p999),
            max: us(p.max),
            peer: None,
        }
    }

    fn beside(self, peer: Measured) -> Self {
        Self { peer: Some(Box::new(peer)), ..self }
    }

    /// One line, and one for the peer with the ratio.
    pub fn print(&self) {
        let row = |m: &Measured| {
            format!("p50 {:9.1}  p99 {:9.1}  p99.9 {:9.1}  max {:9.1} {}", m.p50, m.p99, m.p999, m.max, m.unit)
        };
        println!("{:<26} {}", self.name, row(self));
        if let Some(peer) = &self.peer {
            println!("  beside {:<17} {}", peer.name, row(peer));
            println!("  ratio                    p50 {:9.2}  p99 {:9.2}", self.p50 / peer.p50, self.p99 / peer.p99);
        }
    }
}

/// The 1 kHz loop on an arm that answers at once, beside a thread that only sleeps and wakes at the same priority.
pub fn control_loop(config: &Config, secs: f64) -> Result<Vec<Measured>> {
    let robot = Arc::new(config.load_robot()?);
    let bare = bare_wakes(config, secs)?;
    let mut brainstem = Brainstem::new(robot.clone(), config.brainstem.clone())?;
    let mut arm = Echo { state: at_home(config) };
    let (_segments_in, segments) = mailbox(None);
    let (ticks, _kept) = ring(1);
    let signals = Arc::new(Signals::default());
    let links = RealtimeLinks { segments, states: Vec::new(), ticks, stats: None, signals: signals.clone() };
    let summary = std::thread::scope(|scope| {
        let body = std::thread::Builder::new().name("brainstem".into()).spawn_scoped(scope, move || {
            run_realtime(&mut arm, &mut brainstem, links, |report| println!("{report}"))
        })?;
        std::thread::sleep(std::time::Duration::from_secs_f64(secs));
        signals.exit.raise();
        Ok::<_, anyhow::Error>(body.join().map_err(|_| anyhow::anyhow!("the loop panicked"))??)
    })?;
    println!("{} ticks, {} missed", summary.ticks, summary.stats.missed);
    let peer = Measured::micros("bare sleep", &bare);
    Ok(vec![
        Measured::micros("loop.wake.idle", &summary.stats.wake).beside(peer),
        Measured::micros("loop.tick.hold", &summary.stats.compute),
    ])
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

/// One policy tick on a picture of the simulator, one torch thread, nothing else running.
pub fn policy(config: &Config, actor: &Actor, ticks: u32) -> Result<Vec<Measured>> {
    neuraxis_policy::use_one_thread();
    let studio = Studio::new(config.clone())?;
    let setup = studio.setup("stack_blocks", crate::eval::EVAL_SEED)?;
    let (mut source, words, _) = demo::source(&studio, &setup, actor)?;
    anyhow::ensure!(matches!(source, Source::Weights(_)), "bench policy needs weights");
    let lockstep = studio.lockstep(&setup, true)?;
    let mut rig = CameraRig::new(&setup)?;
    let observation = lockstep.first_observation(&mut rig).context("the first picture")?;
    let stages: [(&str, fn(&StageTimes) -> f32); 6] = [
        ("policy.render", |t| t.render_secs),
        ("policy.h2d", |t| t.host_to_device_secs),
        ("policy.coarse", |t| t.coarse_secs),
        ("policy.fine", |t| t.fine_secs),
        ("policy.d2h", |t| t.device_to_host_secs),
        ("policy.total", |t| t.total_secs),
    ];
    let mut histograms = vec![Histogram::default(); stages.len()];
    for tick in 0..ticks + WARM_UP {
        let times = source.predict(&observation, &words)?.times;
        if tick >= WARM_UP {
            for (histogram, (_, pick)) in histograms.iter_mut().zip(&stages) {
                histogram.record(Nanos::from_secs(f64::from(pick(&times))));
            }
        }
    }
    Ok(histograms.iter().zip(&stages).map(|(h, (name, _))| Measured::micros(name, &h.percentiles())).collect())
}

/// Predictions not counted: LibTorch plans its memory in the first ones.
const WARM_UP: u32 = 5;

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
