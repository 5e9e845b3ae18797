//! `neuraxis bridge`, and what `eval` takes for one.

use std::{net::TcpListener, ops::ControlFlow, path::Path};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use neuraxis_bridge::{Event, Patience, serve};
use neuraxis_sim::Moving;

use super::{BridgePlan, evaluate::evaluate, simulator::Simulator};
use crate::{
    cli::{write_json, write_timing},
    config::Config,
    eval, tasks,
};

/// What to do with a bridge.
#[derive(Debug, Subcommand)]
pub enum BridgeCommand {
    /// Serve the simulator as RLBench would be: an action is a key-frame, the answer what is seen there. Clients come one
    /// at a time.
    Serve {
        /// Tasks on offer, comma-separated; `trained`, `all`, `long`.
        #[arg(long, visible_alias = "tasks", default_value = "all")]
        task: String,
        /// Displace the scene while the arm approaches it: `displaced` (once) or `drifting` (slowly).
        #[arg(long, value_name = "HOW", default_value_t = Moving::Still)]
        moving: Moving,
        /// Port to listen on; 0: any that is free.
        #[arg(long, default_value_t = 5005)]
        port: u16,
        /// Address to listen on; anybody who reaches it may use it.
        #[arg(long, default_value = "127.0.0.1")]
        host: String,
    },
}

/// Where an evaluation acts, if not in the simulator of this process.
#[derive(Debug, Args)]
pub struct BridgeTarget {
    /// Act in the simulator that listens there: RLBench or LIBERO (sim/bridges.md), or `neuraxis bridge serve`. A prediction
    /// for each key-frame, 25 at most; one process. Tasks are the other end's, `all` of them too.
    #[arg(
        long,
        value_name = "HOST:PORT",
        conflicts_with_all = [
            "no_repredict", "instruction", "grasp", "perturb", "moving", "disturb", "without", "poisoned", "cortex",
            "vlm_url", "learned", "memory", "say", "world", "planner", "shard", "jobs", "pictures", "record",
        ]
    )]
    pub bridge: Option<String>,
    /// Scenes as in the other end's recorded episodes 0, 1, ... in place of seeds.
    #[arg(long, requires = "bridge", conflicts_with = "seed")]
    pub recorded: bool,
}

/// Carries out a command.
pub fn run(what: BridgeCommand, config: Config) -> Result<()> {
    let BridgeCommand::Serve { task, moving, port, host } = what;
    let tasks = tasks::list(&task, &config)?;
    let mut simulator = Simulator::new(config, tasks, moving)?;
    let listener = TcpListener::bind((host.as_str(), port)).with_context(|| format!("listening on {host}:{port}"))?;
    say!("listening on {}", listener.local_addr()?);
    serve(&listener, &mut simulator, Patience::SERVER, |event| {
        match event {
            Event::Came(client) => say_err!("{client} has come"),
            Event::Went(client, None) => say_err!("{client} has gone"),
            Event::Went(client, Some(error)) => say_err!("{client}: {error}"),
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// `eval --bridge`: acts, prints the table, writes the result; also of what ended early, which is an error all the same.
pub fn measure(config: &Config, plan: &BridgePlan, json: Option<&Path>) -> Result<()> {
    let started = std::time::Instant::now();
    let bar = crate::progress::bar(0);
    let report = evaluate(config, plan, |row, total| {
        bar.set_length(total);
        bar.inc(1);
        if bar.is_hidden() {
            say_err!("{}", row.line());
        }
    })?;
    bar.finish_and_clear();
    eval::print(&report);
    if let Some(file) = json {
        write_json(file, &report)?;
        write_timing(file, started, 1)?;
    }
    match report.incomplete {
        Some(why) => bail!("the evaluation is incomplete: {why}"),
        None => Ok(()),
    }
}
