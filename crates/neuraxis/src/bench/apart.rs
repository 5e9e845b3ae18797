//! From image to motion over ROS 2, with the policy in this process and in one of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use neuraxis_core::Nanos;

use super::Measured;
use crate::{
    config::Config,
    demo,
    eval::{Actor, EVAL_SEED},
    given::Latencies,
    ros::{self, Leader, RosSim},
};

/// The simulated arm under the shipped weights with the ROS 2 node beside the loop, for `secs` in each of the two ways.
pub fn apart(config: &Config, secs: f64) -> Result<Vec<Measured>> {
    ensure!((1.0..=3600.0).contains(&secs), "--secs {secs}: allowed: 1 to 3600");
    let limit = Some(Nanos::from_secs(secs));
    let sim = |leader: Leader| RosSim {
        leader,
        task: "stack_blocks".into(),
        seed: EVAL_SEED,
        wait: false,
        out: None,
        memory: None,
    };
    say!("in one process");
    let (one, _) = ros::run(config, &sim(Leader::Here(Actor::of("weights", config))), limit)?;
    demo::print_rates(&one);
    say!("apart");
    let policy = Policy::start(config)?;
    let (apart, link) = ros::run(config, &sim(Leader::of("remote", config)), limit)?;
    demo::print_rates(&apart);
    drop(policy);
    let link = link.context("the link left no report")?;
    let wire = link.wire.context("the policy in its own process never answered")?;
    let mut rows = Vec::new();
    let latencies = |latencies: Option<Latencies>| latencies.context("there was no policy");
    let (one, apart) = (latencies(one.latencies)?, latencies(apart.latencies)?);
    ensure!(one.in_all.count > 0 && apart.in_all.count > 0, "no prediction became a segment");
    for ((name, one), (_, apart)) in one.named().into_iter().zip(apart.named()) {
        let row = |mode: &str, p| Measured::micros(&format!("ros.{mode}.{}", name.replace(' ', "_")), p);
        rows.push(row("apart", apart).beside(row("one_process", one)));
    }
    rows.push(Measured::spread("ros.apart.wire_there_and_back", [wire.p50, wire.p99, wire.p999]));
    Ok(rows)
}

/// `neuraxis ros policy`, which ends with this.
struct Policy(Child);

impl Policy {
    fn start(config: &Config) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--robot", &config.name, "ros", "policy"]).env("NEURAXIS_ROOT", &config.root);
        let mut policy = Self(command.stdout(Stdio::piped()).spawn().context("starting `neuraxis ros policy`")?);
        let stdout = policy.0.stdout.take().context("its output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            say!("  {line}");
            if line.starts_with("ros ") {
                return Ok(policy);
            }
        }
        bail!("`neuraxis ros policy` ended before it was up")
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
