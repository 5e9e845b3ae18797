//! From every state that the limiter lets the arm get into there is a stop that keeps all limits.
//!
//! Random segments drive random arms; now and then the run is forked and stopped, and each command of that stop is
//! checked: joint limits, walls, distance to itself, time to rest. `NEURAXIS_CASES` is the number of stops; the
//! default is what a test can afford, `./neuraxis nightly` runs 10^6.

mod rig;

use neuraxis_brainstem::{Brainstem, BrainstemConfig, Mode, ToolBoxConfig, WallConfig};
use neuraxis_core::{ArmState, Joints, Nanos};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rig::{Rig, TICK, check_step};

const DEFAULT_CASES: u64 = 1000;
/// Kept by the guard [m]; what lies between its samples may take a little of it.
const MARGIN_M: f64 = 0.02;
const BETWEEN_SAMPLES_M: f64 = 0.02;
/// 2.6 rad/s at 10 rad/s^2, and the jerk [s].
const LONGEST_STOP_SECS: f64 = 0.6;

fn config() -> BrainstemConfig {
    let table =
        WallConfig { name: "table".into(), normal_xyz: [0.0, 0.0, 1.0], point_xyz_m: [0.0, 0.0, 0.75], first_link: 2 };
    BrainstemConfig {
        walls: vec![table],
        tool_box: Some(ToolBoxConfig { min_xyz_m: [-1.0, -0.7, 0.7], max_xyz_m: [0.6, 0.7, 1.7] }),
        clearance_margin_m: MARGIN_M,
        lease_max_secs: 1.0,
        ..Default::default()
    }
}

#[test]
fn sr06_from_every_state_under_the_limiter_a_stop_exists_and_keeps_all_limits() {
    let cases: u64 = std::env::var("NEURAXIS_CASES").map_or(DEFAULT_CASES, |text| text.parse().expect("a number"));
    let mut random = Pcg64::seed_from_u64(14);
    let (mut stops, mut moving, mut longest, mut least_m) = (0, 0, 0, f64::INFINITY);
    while stops < cases {
        let mut rig = Rig::new(config());
        let limits = rig.robot.limits().to_vec();
        rig.state.q = loop {
            let q = Joints::from_fn(7, |i| random.random_range(limits[i].lower_rad + 0.02..limits[i].upper_rad - 0.02));
            if clearance_m(&rig, &q) > MARGIN_M {
                break q;
            }
        };
        rig.tick(None);
        let (lively, fast) = (random.random_range(0.0..1.0), random.random_range(0.5..9.0));
        let mut segment = rig.segment(0, Joints::zeros(7));
        let mut towards = Joints::zeros(7);
        for ms in 0..1200_u64 {
            if ms % 200 == 0 {
                towards = Joints::from_fn(7, |_| random.random_range(-fast..fast));
            }
            if ms % 5 == 0 {
                let from = rig.brainstem.commanded();
                segment = rig.segment(ms + 1, from.qd);
                for i in 0..7 {
                    segment.q[i] += lively * random.random_range(-0.005..0.005);
                    segment.qd[i] += lively * random.random_range(-0.05..0.05);
                    segment.qdd[i] = if from.qd[i].abs() > 2.2 { -4.0 * from.qd[i].signum() } else { towards[i] };
                }
            }
            rig.tick(Some(&segment));
            if random.random_range(0..12) == 0 && stops < cases {
                let (ticks, least) = stop(&rig);
                stops += 1;
                moving += u64::from(ticks > 1);
                (longest, least_m) = (longest.max(ticks), least_m.min(least));
            }
        }
    }
    println!(
        "{stops} stops, {moving} of them out of motion: all limits kept, longest {longest} ms, least distance \
         {least_m:.4} m (margin {MARGIN_M} m)"
    );
    assert!(moving * 2 > stops, "too few of the stops were out of motion: {moving} of {stops}");
}

/// Forks the run and stops it: ticks to rest, least distance on the way [m].
fn stop(rig: &Rig) -> (u64, f64) {
    let mut fork: Brainstem = rig.brainstem.clone();
    let (mut state, mut now, mut previous): (ArmState, Nanos, _) = (rig.state, rig.now, rig.previous);
    fork.request_stop();
    let mut least_m = f64::INFINITY;
    for ticks in 1.. {
        now = now + TICK;
        state.stamp = now;
        let tick = fork.step(now, &state, None);
        if let Some(previous) = previous.replace(tick.command) {
            check_step(&previous, &tick.command, rig.robot.limits(), TICK.secs());
        }
        least_m = least_m.min(clearance_m(rig, &tick.command.q));
        assert!(least_m > MARGIN_M - BETWEEN_SAMPLES_M, "{least_m} m at {:?}", tick.command.q);
        (state.q, state.qd) = (tick.command.q, tick.command.qd);
        if tick.mode == Mode::Latched {
            return (ticks, least_m);
        }
        assert!(ticks as f64 * TICK.secs() < LONGEST_STOP_SECS, "not at rest: {tick:?}");
    }
    unreachable!("the loop returns")
}

/// To table, box and itself, computed apart from the guard's own code [m].
fn clearance_m(rig: &Rig, q: &Joints) -> f64 {
    let frames = rig.robot.link_frames(q);
    let world_from_base = rig.robot.world_from_base();
    let mut least = rig.robot.self_clearance_m(&frames);
    for (point, radius_m, link) in rig.robot.capsule_points(&frames) {
        if link >= 2 {
            least = least.min((world_from_base.rotation() * point + world_from_base.position()).z - radius_m - 0.75);
        }
    }
    let tool = rig.robot.world_from_tool(q).position();
    for (value, (low, high)) in tool.iter().zip([(-1.0, 0.6), (-0.7, 0.7), (0.7, 1.7)]) {
        least = least.min(value - low).min(high - value);
    }
    least
}
