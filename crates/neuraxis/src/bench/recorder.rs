//! The recorder at work: four cameras of 640x480 with depth at 30 Hz beside a loop of 1 kHz, into a file on this disk; then
//! as fast as it can, beside a plain write of the same bytes.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_brainstem::{Brainstem, MonotonicClock, Pacer, Requests, TickInputs, TickRecord};
use neuraxis_channel::{RingSender, ring};
use neuraxis_core::{
    Arm, CameraView, Clock, Gripper, Instruction, Intrinsics, Nanos, Observation, PERIOD_BRAINSTEM, Pose, Progress,
};
use neuraxis_robot::Robot;
use rand::Rng;
use rand_pcg::Pcg64;
use serde_json::json;

use super::{Measured, moving::Echo};
use crate::{
    config::Config,
    keeping::RecordingSettings,
    recorder::Recorder,
    threads::{self, RecorderLinks, Shared},
};

const CAMERAS: [&str; 4] = ["front", "left", "right", "wrist"];
const SIZE: [u32; 2] = [640, 480];
/// Pictures a second.
const CAMERA_HZ: f64 = 30.0;
/// Different sets of pictures, shown in turn.
const SETS: u64 = 6;
/// Sets written in a row for what the recorder can take at most.
const AT_MOST: u64 = 60;
/// Ticks that the recorder may be behind, as in a run: two seconds; sets of pictures.
const ROOM: (usize, usize) = (2000, 16);

/// All rows; an error if the recorder ends.
pub fn recorder(config: &Config, secs: f64, out: &Path, keep_files: bool) -> Result<Vec<Measured>> {
    let mut config = config.clone();
    config.run.recording = RecordingSettings::default();
    is_new(out)?;
    let robot = Arc::new(config.load_robot()?);
    let sets: Vec<Arc<Observation>> = (0..SETS).map(|seed| Arc::new(seen(seed, &robot))).collect();
    let mut rows = sustained(&config, &robot, &sets, secs, out)?;
    rows.extend(at_most(&config, &robot, &sets, out)?);
    if !keep_files {
        std::fs::remove_dir_all(out).with_context(|| out.display().to_string())?;
    }
    Ok(rows)
}

/// An error if its folder is there already: an interrupted bench leaves one.
pub fn is_new(out: &Path) -> Result<()> {
    if out.exists() {
        bail!("{}: is there already; the bench makes a folder of its own", out.display());
    }
    Ok(())
}

fn create(config: &Config, robot: &Robot, out: &Path, zero: Nanos) -> Result<Recorder> {
    let words = Instruction { text: "be measured".into(), epoch: 1, features: None };
    Recorder::create(out, config, robot, Some(&words), json!({ "bench": "recorder" }), zero, None)
}

/// As in a run: a loop and cameras that do not wait, and the recorder's own thread.
fn sustained(
    config: &Config,
    robot: &Arc<Robot>,
    sets: &[Arc<Observation>],
    secs: f64,
    out: &Path,
) -> Result<Vec<Measured>> {
    let brainstem = Brainstem::new(robot.clone(), config.brainstem.clone())?;
    let recorder = create(config, robot, out, MonotonicClock.now())?;
    let (ticks_in, ticks) = ring(ROOM.0);
    let (eyes, observations) = ring(ROOM.1);
    let links = RecorderLinks { ticks, minds: ring(1).1, observations, seen: ring(1).1, thoughts: ring(1).1 };
    let (shared, still) = (Shared::default(), Echo::at(&robot.home()));
    let (film, cpu, pushes, missed, started) = std::thread::scope(|scope| {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let shared = &shared;
        let film = named("recorder").spawn_scoped(scope, move || {
            let before = thread_cpu();
            threads::recorder(Some(recorder), links, shared).map(|film| (film, thread_cpu() - before))
        })?;
        let cameras = named("cameras").spawn_scoped(scope, || look(sets, &eyes, shared))?;
        let started = Instant::now();
        let body = named("brainstem").spawn_scoped(scope, || turn(brainstem, still, &ticks_in, secs))?;
        let pushes = body.join();
        shared.end();
        let (film, cameras) = (film.join(), cameras.join());
        cameras.map_err(|_| anyhow!("the cameras panicked"))?;
        let (pushes, missed) = pushes.map_err(|_| anyhow!("the loop panicked"))?;
        let (film, cpu) = film.map_err(|_| anyhow!("the recorder panicked"))??;
        Ok::<_, anyhow::Error>((film, cpu, pushes, missed, started))
    })?;
    let mut film = film;
    let mut recorder = film.take()?;
    recorder.dropped([ticks_in.dropped(), 0, eyes.dropped(), 0])?;
    let files = recorder.finish(None, &json!({}))?;
    let took = started.elapsed().as_secs_f64();
    let file = files.mcap.first().context("no file")?;
    let bytes = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    let (sent, lost) = ((ticks_in.sent(), eyes.sent()), (ticks_in.dropped(), eyes.dropped()));
    let raw = sent.1 as f64 * raw_bytes() as f64;
    say!(
        "sustained   {} ticks ({missed} deadlines missed), {} sets of {} x {}x{} RGB-D in {secs:.1} s",
        sent.0,
        sent.1,
        CAMERAS.len(),
        SIZE[0],
        SIZE[1]
    );
    say!("dropped     {} ticks, {} sets of pictures", lost.0, lost.1);
    say!(
        "written     {:.1} MB/s of pictures as {:.1} MB/s on disk, closed {:.2} s after the last tick",
        raw / secs / 1e6,
        bytes as f64 / took / 1e6,
        took - secs
    );
    say!("processor   {:.1} % of one core for the recorder's thread", 100.0 * cpu / took);
    let one = |name: &str, unit, value: f64| Measured::samples(name, unit, &[value]);
    Ok(vec![
        Measured::samples("recorder.enqueue", "ns", &pushes)
            .beside(clock())
            .target("100 ns, a reading of the clock included"),
        in_a_row(config, robot)?.target("100 ns"),
        one("recorder.dropped", "records", (lost.0 + lost.1) as f64).target("0 on two quiet cores"),
        one("recorder.disk", "MB/s", bytes as f64 / took / 1e6),
        one("recorder.cpu", "% of a core", 100.0 * cpu / took),
    ])
}

/// One set of pictures and the ticks until the next, again and again, beside a plain write of what came of them.
fn at_most(config: &Config, robot: &Arc<Robot>, sets: &[Arc<Observation>], out: &Path) -> Result<Vec<Measured>> {
    let mut brainstem = Brainstem::new(robot.clone(), config.brainstem.clone())?;
    let (mut arm, mut now, mut number) = (Echo::at(&robot.home()), MonotonicClock.now(), 0);
    let mut recorder = create(config, robot, out, now)?;
    let (started, cpu) = (Instant::now(), thread_cpu());
    let (mut millis, mut cpu_millis) = (Vec::new(), Vec::new());
    for set in sets.iter().cycle().take(AT_MOST as usize) {
        let (start, cpu) = (Instant::now(), thread_cpu());
        recorder.seen(Arc::new(Observation { stamp: now, ..Observation::clone(set) }))?;
        for _ in 0..(1e3 / CAMERA_HZ) as u64 {
            now = now + PERIOD_BRAINSTEM;
            let record = tick(&mut brainstem, &mut arm, now, number)?;
            crate::lockstep::Witness::tick(&mut recorder, &record, None)?;
            number += 1;
        }
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        cpu_millis.push((thread_cpu() - cpu) * 1e3);
    }
    let files = recorder.finish(None, &json!({}))?;
    let (took, cpu) = (started.elapsed().as_secs_f64(), thread_cpu() - cpu);
    let file = files.mcap.first().context("no file")?;
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let plain = plain_write(&bytes, &out.join("plain"))?;
    say!(
        "at most     {:.0} MB/s of pictures, {:.1} sets a second where {CAMERA_HZ} come; {:.1} MB/s on disk",
        AT_MOST as f64 * raw_bytes() as f64 / took / 1e6,
        AT_MOST as f64 / took,
        bytes.len() as f64 / took / 1e6
    );
    say!(
        "disk        a plain write of the same {:.1} MB, synced: {:.1} MB/s; the recorder takes {:.1} times as long",
        bytes.len() as f64 / 1e6,
        bytes.len() as f64 / plain / 1e6,
        took / plain
    );
    // What other work on this machine takes away is not in it.
    let per_set_cpu = cpu / AT_MOST as f64;
    say!(
        "processor   {:.1} ms a set of pictures and its ticks: {:.0} % of one core at {CAMERA_HZ} Hz",
        per_set_cpu * 1e3,
        100.0 * per_set_cpu * CAMERA_HZ
    );
    let per_set = Measured::samples("plain write, synced", "ms", &[plain * 1e3 / AT_MOST as f64]);
    Ok(vec![
        Measured::samples("recorder.set", "ms", &millis).beside(per_set).target("33.3 ms, the time between two sets"),
        Measured::samples("recorder.set.processor", "ms", &cpu_millis),
    ])
}

/// Writes the bytes as the recorder does, a megabyte at a time, and waits for the disk; returns how long it took [s].
fn plain_write(bytes: &[u8], path: &Path) -> Result<f64> {
    let told = || path.display().to_string();
    let start = Instant::now();
    let mut file = File::create(path).with_context(told)?;
    for chunk in bytes.chunks(1 << 20) {
        file.write_all(chunk).with_context(told)?;
    }
    file.sync_all().with_context(told)?;
    Ok(start.elapsed().as_secs_f64())
}

/// The loop, with the time of each push [ns] and the deadlines missed.
fn turn(mut brainstem: Brainstem, mut arm: Echo, ticks: &RingSender<TickRecord>, secs: f64) -> (Vec<f64>, u64) {
    let mut pushes = Vec::with_capacity((secs * 1100.0) as usize);
    let start = MonotonicClock.now();
    let (mut pacer, mut missed, mut number) = (Pacer::new(start, PERIOD_BRAINSTEM), 0, 0);
    loop {
        let wake = pacer.wait();
        missed += wake.missed;
        if (wake.now - start).secs() >= secs {
            return (pushes, missed);
        }
        let Ok(record) = tick(&mut brainstem, &mut arm, wake.now, number) else { continue };
        number += 1;
        let before = Instant::now();
        ticks.push(record);
        pushes.push(before.elapsed().as_nanos() as f64);
    }
}

fn tick(brainstem: &mut Brainstem, arm: &mut Echo, now: Nanos, number: u64) -> Result<TickRecord> {
    let mut state = arm.read()?;
    state.stamp = now;
    let requests = Requests { stop: false, reset: false };
    let inputs = TickInputs { now, state, segment: None, requests, read: None, write: None, overrun: false };
    let tick = brainstem.tick(&inputs);
    Ok(TickRecord { number, inputs, tick, wake_latency: Nanos(0), compute: Nanos(0), missed: 0 })
}

/// Pushes one after the other, into memory that is in the processor's caches: what is left of a push is what memory costs.
fn in_a_row(config: &Config, robot: &Arc<Robot>) -> Result<Measured> {
    const PUSHES: usize = 64;
    let mut brainstem = Brainstem::new(robot.clone(), config.brainstem.clone())?;
    let record = tick(&mut brainstem, &mut Echo::at(&robot.home()), MonotonicClock.now(), 0)?;
    let (sender, receiver) = ring(PUSHES);
    let mut nanos = Vec::with_capacity(2000);
    for _ in 0..nanos.capacity() {
        let start = Instant::now();
        for _ in 0..PUSHES {
            sender.push(std::hint::black_box(record));
        }
        nanos.push(start.elapsed().as_nanos() as f64 / PUSHES as f64);
        while receiver.pop().is_some() {}
    }
    Ok(Measured::samples("recorder.enqueue.in_a_row", "ns", &nanos))
}

/// The cameras' drivers: copy what they see into a new observation at their rate.
fn look(sets: &[Arc<Observation>], eyes: &RingSender<Arc<Observation>>, shared: &Shared) {
    let mut pacer = Pacer::new(MonotonicClock.now(), Nanos::from_secs(1.0 / CAMERA_HZ));
    for (seq, set) in (0..).zip(sets.iter().cycle()) {
        let now = pacer.wait().now;
        if shared.done.is_raised() {
            return;
        }
        eyes.push_newest(Arc::new(Observation { seq, stamp: now, ..Observation::clone(set) }));
    }
}

fn raw_bytes() -> usize {
    // Colours, and depth as it is recorded: whole millimetres.
    CAMERAS.len() * SIZE[0] as usize * SIZE[1] as usize * (3 + 2)
}

/// Four pictures as cameras give them: surfaces with light on them, boxes with edges, noise of one or two units in colour
/// and of a millimetre in depth.
fn seen(seed: u64, robot: &Robot) -> Observation {
    let mut rng = Pcg64::new(u128::from(seed), 8);
    let [width, height] = SIZE;
    let cameras = CAMERAS.iter().map(|name| {
        let boxes: Vec<[u32; 7]> = (0..12)
            .map(|_| {
                let (x, y) = (rng.random_range(0..width - 80), rng.random_range(0..height - 80));
                let mut colour = || rng.random_range(20..230);
                [x, y, colour(), colour(), colour(), x + 20 + colour() / 4, y + 20 + colour() / 4]
            })
            .collect();
        let (mut rgb, mut depth_m) = (Vec::new(), Vec::new());
        for y in 0..height {
            for x in 0..width {
                let hit = boxes.iter().find(|b| (b[0]..b[5]).contains(&x) && (b[1]..b[6]).contains(&y));
                let light = x / 16 + y / 12;
                let base = hit.map_or([90 + light, 80 + light, 70 + light], |b| [b[2], b[3], b[4]]);
                rgb.extend(base.map(|c| (c + rng.random_range(0..3)).min(255) as u8));
                let far_mm = hit.map_or(1200 - y, |b| 700 + b[2]) + rng.random_range(0..2);
                depth_m.push(far_mm as f32 / 1000.0);
            }
        }
        let intrinsics = Intrinsics { width, height, fx: 600.0, fy: 600.0, cx: 319.5, cy: 239.5 };
        let world_from_camera = Pose::from_parts(Vector3::new(0.5, 0.0, 1.5), UnitQuaternion::identity());
        CameraView { name: (*name).into(), intrinsics, world_from_camera, rgb, depth_m }
    });
    let q = robot.home();
    let world_from_tool = robot.world_from_tool(&q);
    let progress = Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 };
    let cameras = cameras.collect();
    Observation { seq: seed, stamp: Nanos(0), cameras, q, world_from_tool, gripper_width_m: 0.08, progress }
}

/// Two readings of the clock, which each push has in it.
fn clock() -> Measured {
    let samples: Vec<f64> = (0..20_000)
        .map(|_| {
            std::hint::spin_loop();
            Instant::now().elapsed().as_nanos() as f64
        })
        .collect();
    Measured::samples("nothing, timed", "ns", &samples)
}

/// Processor time of the calling thread [s].
fn thread_cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the structure that it is given, and a thread's own clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_secs_f64()
}
