//! Neuraxis: a real-time brain for robot arms.

#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod demo;
#[cfg(all(feature = "sim", feature = "policy"))]
mod demos;
#[cfg(all(feature = "sim", feature = "policy"))]
mod episode_run;
#[cfg(all(feature = "sim", feature = "policy"))]
mod eval;
#[cfg(feature = "sim")]
mod lockstep;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod realtime;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod recorder;
#[cfg(feature = "sim")]
mod script;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod source;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod threads;
#[cfg(feature = "policy")]
mod training;

mod cli;
mod config;
mod wilson;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    cli::run(cli::Cli::parse())
}
