//! The peer of the loop's wake-up: rt-tests' own program, or, where it is missing, a thread that only sleeps.

use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use neuraxis_brainstem::{MonotonicClock, Pacer, request_privileges};
use neuraxis_core::{Clock, PERIOD_BRAINSTEM};

use crate::config::Config;

/// Wake-up latencies [us] of a bare thread at the loop's priority and period for `secs`, and what measured them.
pub fn wakes(config: &Config, secs: f64) -> Result<(&'static str, Vec<f64>)> {
    Ok(match cyclictest(config, secs)? {
        Some(wakes) => ("cyclictest", wakes),
        None => {
            say!("cyclictest is not installed (Debian: rt-tests): a bare thread of our own stands in for it");
            ("bare thread", bare_thread(config, secs)?)
        }
    })
}

/// `None` if it is not installed. It tells whole microseconds, rounded down, up to 50 ms.
fn cyclictest(config: &Config, secs: f64) -> Result<Option<Vec<f64>>> {
    let priority = config.brainstem.privileges.fifo_priority.to_string();
    let secs = (secs.ceil() as u64).max(1).to_string();
    let mut command = Command::new("cyclictest");
    command.args(["-q", "-m", "-p", &priority, "-i", "1000", "-h", "50000", "-D", &secs]);
    if let Some(cpu) = config.brainstem.privileges.cpu {
        command.args(["-a", &cpu.to_string()]);
    }
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        output => output.context("running cyclictest")?,
    };
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "cyclictest: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut micros = Vec::new();
    for line in said.lines() {
        if let Some((value, count)) = line.split_once(' ')
            && let (Ok(value), Ok(count)) = (value.parse::<f64>(), count.trim().parse::<usize>())
        {
            micros.extend(std::iter::repeat_n(value, count));
        } else if let Some(max) = line.strip_prefix("# Max Latencies:")
            // Beyond the histogram's end only the largest is told.
            && let Ok(max) = max.trim().parse::<f64>()
            && max >= 50_000.0
        {
            micros.push(max);
        }
    }
    ensure!(!micros.is_empty(), "cyclictest printed no histogram:\n{said}");
    Ok(Some(micros))
}

fn bare_thread(config: &Config, secs: f64) -> Result<Vec<f64>> {
    let privileges = config.brainstem.privileges.clone();
    let mut micros = Vec::with_capacity((secs * 1100.0) as usize);
    let thread = std::thread::spawn(move || {
        request_privileges(&privileges);
        let start = MonotonicClock.now();
        let mut pacer = Pacer::new(start, PERIOD_BRAINSTEM);
        while (MonotonicClock.now() - start).secs() < secs {
            let wake = pacer.wait();
            micros.push((wake.now - wake.deadline).secs() * 1e6);
        }
        micros
    });
    thread.join().map_err(|_| anyhow!("the bare thread panicked"))
}
