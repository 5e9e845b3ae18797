//! Neuraxis: a real-time brain for robot arms.

// `say!` and its like do not panic where nobody reads.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod say;

mod arm;
mod bench;
mod brain;
mod brain_demo;
mod bridge;
mod calibrate;
mod chaos;
mod cli;
mod config;
mod curves;
mod decisions;
mod demo;
mod demos;
mod doctor;
mod episode_run;
mod errand;
mod eval;
mod film;
mod given;
mod import;
mod import_weights;
mod insight;
mod interrupt;
mod keeping;
mod lack;
mod lockstep;
mod looked;
mod lookout;
mod memory;
mod orders;
mod package;
mod pages;
mod plan;
mod progress;
mod reach;
mod real;
mod realtime;
mod rec;
mod recorder;
mod replay;
mod route;
mod samples;
mod script;
mod shards;
mod sight;
mod source;
mod survey;
mod tasks;
mod threads;
mod training;
mod wilson;
mod world;

#[cfg(feature = "ros")]
mod ros;
#[cfg(feature = "ros")]
mod ros_plant;
#[cfg(feature = "ros")]
mod ros_policy;
#[cfg(feature = "ros")]
mod ros_viz;
#[cfg(feature = "ros")]
mod supervise;

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
