//! Neuraxis: a real-time brain for robot arms.

// `say!` and its like do not panic where nobody reads.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod say;

#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod arm;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod bench;
#[cfg(all(feature = "sim", feature = "policy"))]
mod brain;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod brain_demo;
#[cfg(all(feature = "sim", feature = "policy"))]
mod bridge;
#[cfg(feature = "sim")]
mod chaos;
#[cfg(feature = "policy")]
mod curves;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod decisions;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod demo;
#[cfg(all(feature = "sim", feature = "policy"))]
mod demos;
#[cfg(all(feature = "sim", feature = "policy"))]
mod doctor;
#[cfg(all(feature = "sim", feature = "policy"))]
mod episode_run;
#[cfg(all(feature = "sim", feature = "policy"))]
mod errand;
#[cfg(all(feature = "sim", feature = "policy"))]
mod eval;
#[cfg(all(feature = "sim", feature = "policy"))]
mod film;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod given;
#[cfg(feature = "policy")]
mod import;
#[cfg(feature = "policy")]
mod import_weights;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod insight;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod lack;
#[cfg(all(feature = "sim", feature = "policy"))]
mod lockstep;
#[cfg(all(feature = "sim", feature = "policy"))]
mod looked;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod lookout;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod orders;
#[cfg(all(feature = "sim", feature = "policy"))]
mod pages;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod real;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod realtime;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod recorder;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod replay;
#[cfg(all(feature = "sim", feature = "policy"))]
mod route;
#[cfg(feature = "policy")]
mod samples;
#[cfg(all(feature = "sim", feature = "policy"))]
mod script;
#[cfg(all(feature = "sim", feature = "policy"))]
mod source;
#[cfg(all(feature = "sim", feature = "policy"))]
mod survey;
#[cfg(all(feature = "sim", feature = "policy"))]
mod tasks;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod threads;
#[cfg(feature = "policy")]
mod training;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod world;

#[cfg(all(feature = "sim", feature = "policy", feature = "viz", feature = "ros"))]
mod ros;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz", feature = "ros"))]
mod ros_plant;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz", feature = "ros"))]
mod ros_policy;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz", feature = "ros"))]
mod ros_viz;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz", feature = "ros"))]
mod supervise;

mod calibrate;
mod cli;
mod config;
mod interrupt;
mod keeping;
mod memory;
mod package;
mod plan;
mod progress;
mod reach;
mod rec;
#[cfg(all(feature = "sim", feature = "policy"))]
mod shards;
#[cfg(all(feature = "sim", feature = "policy", feature = "viz"))]
mod sight;
mod wilson;

use clap::Parser;

/// Counts calls per thread, for `neuraxis chaos`: one thread-local addition each.
#[global_allocator]
static HEAP: neuraxis_faults::CountingAllocator = neuraxis_faults::CountingAllocator;

fn main() -> anyhow::Result<()> {
    // SAFETY: there is no second thread yet.
    #[cfg(feature = "ros")]
    unsafe {
        neuraxis_ros::keep_local();
    }
    cli::run(cli::Cli::parse_from(cli::arguments()))?;
    say::end()
}
