//! What a run is said to have done.

use neuraxis_brainstem::Percentiles;
use neuraxis_core::{Nanos, PERIOD_BRAINSTEM};
use serde_json::json;

use crate::{realtime::Report, recorder::Files};

/// What was recorded, and what can be done with it.
pub fn print_files(Files { mcap, rrd }: &Files) {
    let Some(first) = mcap.first().map(|file| file.display()) else {
        say!("recorded    nothing: the ring was never saved");
        return;
    };
    match rrd.as_ref().map(|rrd| rrd.display()) {
        Some(rrd) => {
            say!("recorded    {first}  {rrd}");
            say!("look at it  .deps/rerun/rerun_sdk/rerun_cli/rerun {rrd}");
        }
        None => {
            let all: Vec<String> = mcap.iter().map(|file| file.display().to_string()).collect();
            say!("recorded    {}", all.join("  "));
        }
    }
    say!("again       ./neuraxis replay {first}  (--web, --rrd FILE, --decisions; ./neuraxis rec info {first})");
}

/// What each thread achieved.
pub fn print_rates(report: &Report) {
    let body = &report.brainstem;
    say!("privileges  {}", body.report);
    say!(
        "brainstem   {} ticks of {} ms, {} missed; wake {}",
        body.ticks,
        PERIOD_BRAINSTEM.secs() * 1e3,
        body.stats.missed,
        body.stats.wake
    );
    say!("            step {}", body.stats.compute);
    let (stalls, longest_ms) = (report.watchdog.stalls, report.watchdog.longest.secs() * 1e3);
    say!("watchdog    {stalls} stalls of the loop; longest silence {longest_ms:.0} ms");
    for rate in &report.rates {
        say!(
            "{:<11} {:.1} Hz of {:.0}, {} ticks, {} overruns, {} heap calls; {}",
            rate.name,
            rate.achieved_hz(),
            rate.wanted_hz,
            rate.ticks,
            rate.missed,
            rate.heap_calls,
            millis(&rate.work)
        );
    }
    if let Some(latencies) = &report.latencies {
        latencies.print();
    }
    for said in &report.said {
        say!("{said}");
    }
    let [ticks, decisions, images, pictures] = report.dropped;
    say!("dropped     {ticks} ticks, {decisions} decisions, {images} image sets, {pictures} prediction pictures");
    if report.physics_lost > Nanos(0) {
        say!("physics     lost {:.0} ms: this machine could not keep up", report.physics_lost.secs() * 1e3);
    }
    if let (refused, Some(why)) = &report.refused {
        say!("policy      refused {refused} observations, the last: {why}");
    }
}

pub fn rates_json(report: &Report) -> serde_json::Value {
    let times = |p: &Percentiles| json!({ "n": p.count, "p50_ns": p.p50.0, "p99_ns": p.p99.0, "p999_ns": p.p999.0, "max_ns": p.max.0 });
    let rates: Vec<_> = report
        .rates
        .iter()
        .map(|r| json!({ "name": r.name, "hz": r.achieved_hz(), "overruns": r.missed, "work": times(&r.work) }))
        .collect();
    let stats = &report.brainstem.stats;
    json!({
        "brainstem": { "ticks": report.brainstem.ticks, "missed": stats.missed, "wake": times(&stats.wake), "step": times(&stats.compute) },
        "threads": rates, "dropped": report.dropped, "physics_lost_ns": report.physics_lost.0,
    })
}

pub(super) fn millis(p: &Percentiles) -> String {
    let ms = |t: Nanos| t.secs() * 1e3;
    format!("work p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.2} ms", ms(p.p50), ms(p.p99), ms(p.p999), ms(p.max))
}
