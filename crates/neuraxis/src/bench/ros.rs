//! The 1 kHz loop in the process of the ROS 2 node: quiet; under a flood of messages and a storm of requests from another
//! process; and beside the camera side, which takes the pictures of RGB-D cameras of another process. Blocks take turns.
//!
//! Budget: the storm's wake-up is at most 1.1 of the quiet one at p99; no picture is lost without a reason.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_ros::{
    CamerasConfig, CamerasIn,
    cameras_in::{CameraConfig, CamerasReport, cameras_in},
};
use serde_json::Value;

use super::{
    Machine, Measured,
    bars::bars,
    measured::{Ratio, median_ratio},
    moving::{self, Run},
    ros_load::{Load, Loading, beside_node},
};
use crate::config::Config;

/// What was sent last is given this long to come.
const LAST: Duration = Duration::from_millis(500);
/// Somebody takes the sets, as a policy does.
const TAKE: Duration = Duration::from_millis(5);

/// What to measure.
pub struct RosPlan {
    /// Time of each part of a block [s].
    pub secs: f64,
    /// Blocks; each measures every part once.
    pub blocks: usize,
    /// The storm: messages and requests a second.
    pub storm_hz: [f64; 2],
    /// Cameras, their pixels in a row and in a column, and their rate [Hz].
    pub cameras: (Vec<String>, [u32; 2], f64),
    /// The camera side asks for lost messages again.
    pub reliable: bool,
}

const PARTS: [&str; 3] = ["ros_quiet", "ros_storm", "ros_cameras"];

/// What is measured, and where it is in a pool.
type Samples = (&'static str, fn(&Pool) -> &Vec<f64>);

/// All blocks of one part.
#[derive(Default)]
struct Pool {
    wakes: Vec<f64>,
    ticks: Vec<f64>,
    ratios: Vec<[Ratio; 2]>,
}

/// `loop.wake.ros_*` and `loop.tick.ros_*`: under load beside quiet.
pub fn ros(config: &Config, plan: &RosPlan) -> Result<Vec<Measured>> {
    ensure!(plan.secs > 0.0 && plan.blocks > 0, "--secs {} --blocks {}: allowed: positive", plan.secs, plan.blocks);
    let [messages_hz, requests_hz] = plan.storm_hz;
    let storm = Load::Storm { messages_hz, requests_hz };
    let mut pools: [Pool; PARTS.len()] = Default::default();
    for block in 1..=plan.blocks {
        say!("block {block} of {}", plan.blocks);
        let weather = Machine::look();
        let mut quiet = None;
        for (name, pool) in PARTS.into_iter().zip(&mut pools) {
            say!("{name}");
            let run = match name {
                "ros_storm" => beside_node(config, Some(&storm), |outside, _| loop_of(config, plan, outside))?,
                "ros_cameras" => beside_node(config, None, |outside, namespace| {
                    beside_cameras(plan, namespace, || loop_of(config, plan, outside))
                })?,
                _ => beside_node(config, None, |outside, _| loop_of(config, plan, outside))?,
            };
            let both = [&run.wakes, &run.ticks].map(|samples| Measured::samples(name, "us", samples));
            let [wake, tick] = quiet.as_ref().unwrap_or(&both);
            pool.ratios.push([both[0].against(wake), both[1].against(tick)]);
            quiet.get_or_insert(both);
            pool.wakes.extend(run.wakes);
            pool.ticks.extend(run.ticks);
        }
        say!("  {}", weather.after().weather());
    }
    let kinds: [Samples; 2] = [("wake", |pool| &pool.wakes), ("tick", |pool| &pool.ticks)];
    let mut rows = Vec::new();
    for (place, (kind, samples)) in kinds.into_iter().enumerate() {
        let columns: Vec<(&str, &[f64])> =
            PARTS.into_iter().zip(&pools).map(|(name, pool)| (name, samples(pool).as_slice())).collect();
        bars(kind, "us", &columns).iter().for_each(|line| say!("{line}"));
        let measured = |name: &str, pool: &Pool| Measured::samples(&format!("loop.{kind}.{name}"), "us", samples(pool));
        let quiet = measured(PARTS[0], &pools[0]);
        rows.push(quiet.clone());
        for (name, pool) in PARTS.into_iter().zip(&pools).skip(1) {
            let ratios: Vec<Ratio> = pool.ratios.iter().map(|ratio| ratio[place]).collect();
            rows.push(measured(name, pool).beside_with(quiet.clone(), median_ratio(&ratios)));
        }
    }
    Ok(rows)
}

fn loop_of(config: &Config, plan: &RosPlan, outside: moving::Outside) -> Result<Run> {
    moving::run(config, plan.secs, Some(outside))
}

/// Does `work` while the camera side takes pictures of another process; then says what became of every one.
fn beside_cameras<T>(plan: &RosPlan, namespace: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (names, [width, height], hz) = &plan.cameras;
    let topic = |name: &str, part: &str| format!("{namespace}/{name}/{part}");
    let camera = |name: &String| CameraConfig {
        name: name.clone(),
        colour: topic(name, "image"),
        compressed: false,
        depth: topic(name, "depth"),
        info: topic(name, "camera_info"),
        rectified: false,
        frame: None,
        world_from_camera: None,
        tool_from_camera: None,
        pose: Some(topic(name, "pose")),
        tf: None,
    };
    let config = CamerasConfig {
        cameras: names.iter().map(camera).collect(),
        reliable: plan.reliable,
        ..CamerasConfig::default()
    };
    let CamerasIn { node, sets, .. } = cameras_in(config, Arc::new(MonotonicClock), None).context("the camera side")?;
    let load = Load::Pictures { cameras: names.clone(), width: *width, height: *height, hz: *hz };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let seeing = named("ros_cameras").spawn_scoped(scope, || node.run(&over))?;
        let taking = named("sets").spawn_scoped(scope, || {
            let mut taken = 0_u64;
            while !over.load(Ordering::Acquire) {
                while sets.pop().is_some() {
                    taken += 1;
                }
                std::thread::sleep(TAKE);
            }
            taken
        })?;
        let beside = || {
            let loading = Loading::start(namespace, &load)?;
            let result = work()?;
            let sent = loading.end()?;
            std::thread::sleep(LAST);
            Ok::<_, anyhow::Error>((result, sent))
        };
        let result = beside();
        // Release: pairs with the Acquire loads of both threads.
        over.store(true, Ordering::Release);
        let report = seeing.join().map_err(|_| anyhow!("the camera side panicked"))?;
        let taken = taking.join().map_err(|_| anyhow!("who takes the sets panicked"))?;
        let (result, sent) = result?;
        tell(&report, &sent, taken)?;
        Ok(result)
    })
}

/// What became of every picture. An error if that is not known of one.
fn tell(report: &CamerasReport, sent: &Value, taken: u64) -> Result<()> {
    say!("  load: {sent}");
    let moments = sent["moments"].as_u64().context("what the cameras sent")?;
    for camera in &report.cameras {
        let tally = &camera.tally;
        let reasons: Vec<String> =
            tally.dropped.named().into_iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        say!(
            "  {:<15} sent {moments}, came {} (lost on the way {}, of which its calibrations or its rhythm tell {}), views {}, in sets {}, \
             waiting {}; dropped: {}; depth came {}, unused {}",
            camera.name,
            tally.pictures,
            moments.saturating_sub(tally.pictures),
            tally.missing,
            tally.views,
            tally.in_sets,
            tally.waiting,
            reasons.join(", "),
            tally.depths,
            tally.depths_unused
        );
        if let Some(why) = &camera.last_refusal {
            say!("    refused last: {why}");
        }
        ensure!(
            tally.unaccounted() == 0,
            "camera {}: {} pictures are unaccounted for",
            camera.name,
            tally.unaccounted()
        );
        ensure!(tally.pictures <= moments, "camera {}: more came than was sent", camera.name);
    }
    say!(
        "  sets {}, taken {taken}, replaced by newer ones before they were {}; moments too far apart for one {}",
        report.sets,
        report.superseded,
        report.apart
    );
    ensure!(report.sets > 0, "the cameras made no set");
    Ok(())
}
