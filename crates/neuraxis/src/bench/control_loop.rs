//! The 1 kHz loop in motion beside cyclictest: idle, beside the policy's inference, and under a flood of ROS messages on
//! the same machine. Blocks take turns, so that all see the same weather; ratios are medians over blocks.

use anyhow::Result;

use super::{
    Machine, Measured,
    bars::bars,
    cyclictest,
    load::{Inference, beside_flood},
    measured::{Ratio, median_ratio},
    moving::{self, Run},
};
use crate::{config::Config, eval::Actor};

/// What to measure.
pub struct LoopPlan {
    /// Time of each part of a block [s].
    pub secs: f64,
    /// Blocks.
    pub blocks: usize,
    /// Weights to infer with; none: no part beside inference.
    pub actor: Option<Actor>,
    /// With a part under a flood of ROS messages.
    pub flood: bool,
}

/// The parts of a block, in this order; a part that cannot be measured here stays empty.
#[derive(Clone, Copy)]
enum Part {
    Idle,
    Inference,
    Flood,
}

const PARTS: [(Part, &str); 3] = [(Part::Idle, "idle"), (Part::Inference, "inference"), (Part::Flood, "ros_flood")];

/// All blocks of one part.
#[derive(Default)]
struct Pool {
    wakes: Vec<f64>,
    ticks: Vec<f64>,
    /// Each block's wake-up against its reference.
    ratios: Vec<Ratio>,
}

/// `loop.wake.*` and `loop.tick.*`: idle beside cyclictest, the others beside idle.
pub fn control_loop(config: &Config, plan: &LoopPlan) -> Result<Vec<Measured>> {
    let mut inference = plan.actor.as_ref().map(|actor| Inference::prepare(config, actor)).transpose()?;
    let (mut peer, mut peer_name) = (Vec::new(), "");
    let mut pools: [Pool; PARTS.len()] = Default::default();
    for block in 1..=plan.blocks {
        let weather = Machine::look();
        say!("block {block} of {}", plan.blocks);
        let (name, bare) = cyclictest::wakes(config, plan.secs)?;
        let bare_wake = Measured::samples(name, "us", &bare);
        (peer_name, peer) = (name, [peer, bare].concat());
        let mut idle_wake = None;
        for ((part, name), pool) in PARTS.iter().zip(&mut pools) {
            let Some(run) = measure(*part, config, plan, &mut inference)? else { continue };
            if let Some(report) = run.report.filter(|_| block == 1 && idle_wake.is_none()) {
                say!("  {report}");
            }
            let wake = Measured::samples(name, "us", &run.wakes);
            pool.ratios.push(wake.against(idle_wake.as_ref().unwrap_or(&bare_wake)));
            idle_wake.get_or_insert(wake);
            pool.wakes.extend(run.wakes);
            pool.ticks.extend(run.ticks);
        }
        say!("  {}", weather.after().weather());
    }

    let mut columns = vec![(peer_name, peer.as_slice())];
    columns.extend(in_use(&pools).map(|(name, pool)| (name, pool.wakes.as_slice())));
    bars("wake-up", "us", &columns).iter().for_each(|line| say!("{line}"));
    let columns: Vec<_> = in_use(&pools).map(|(name, pool)| (name, pool.ticks.as_slice())).collect();
    bars("tick", "us", &columns).iter().for_each(|line| say!("{line}"));
    Ok(rows(&pools, Measured::samples(peer_name, "us", &peer)))
}

fn measure(part: Part, config: &Config, plan: &LoopPlan, inference: &mut Option<Inference>) -> Result<Option<Run>> {
    match part {
        Part::Idle => moving::run(config, plan.secs, None).map(Some),
        Part::Inference => {
            inference.as_mut().map(|inference| inference.beside(|| moving::run(config, plan.secs, None))).transpose()
        }
        Part::Flood if plan.flood => beside_flood(config, |outside| moving::run(config, plan.secs, Some(outside))),
        Part::Flood => Ok(None),
    }
}

fn in_use(pools: &[Pool]) -> impl Iterator<Item = (&'static str, &Pool)> {
    PARTS.iter().zip(pools).filter(|(_, pool)| !pool.wakes.is_empty()).map(|((_, name), pool)| (*name, pool))
}

fn rows(pools: &[Pool], bare: Measured) -> Vec<Measured> {
    let mut reference = bare;
    let mut rows = Vec::new();
    for (i, (name, pool)) in in_use(pools).enumerate() {
        let wake = Measured::samples(&format!("loop.wake.{name}"), "us", &pool.wakes);
        rows.push(wake.clone().beside_with(reference.clone(), median_ratio(&pool.ratios)));
        rows.push(
            Measured::samples(&format!("loop.tick.{name}"), "us", &pool.ticks).target("typical 20 us, p99.9 60 us"),
        );
        if i == 0 {
            // What comes after is compared with the idle loop.
            reference = wake;
        } else if let Some(row) = rows.iter_mut().rev().nth(1) {
            *row = row.clone().target("ratio 1.1, the median over blocks");
        }
    }
    rows
}
