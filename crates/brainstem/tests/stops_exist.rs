//! From every state that the limiter lets the arm get into there is a stop that keeps all limits.
//!
//! Random segments drive random arms; now and then the run is forked and stopped, and each command of that stop is
//! checked: joint limits, walls, distance to itself, torque, time to rest. `NEURAXIS_CASES` is the number of stops; the
//! default is what a test can afford, `./neuraxis nightly` runs 10^6.

mod rig;

use std::sync::Arc;

use neuraxis_brainstem::{Brainstem, BrainstemConfig, Mode, ToolBoxConfig, WallConfig};
use neuraxis_core::{ArmState, Fault, Joints, Nanos, SegmentState};
use neuraxis_robot::{Gravity, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rig::{Rig, TICK, check_step};

const DEFAULT_CASES: u64 = 1000;
/// Kept by the guard [m], as shipped; what lies between the poses that it looks at may take of it, not more than all.
const MARGIN_M: f64 = 0.005;
/// 2.6 rad/s at 10 rad/s^2, and the jerk [s].
const LONGEST_STOP_SECS: f64 = 0.6;
/// Between the moments at which the guard looks at a stop's torque, it may be higher by this share of the limit.
const BETWEEN_LOOKS: f64 = 0.03;

/// With this share of the limits of velocity and acceleration.
fn config(share: f64) -> BrainstemConfig {
    let table =
        WallConfig { name: "table".into(), normal_xyz: [0.0, 0.0, 1.0], point_xyz_m: [0.0, 0.0, 0.75], first_link: 2 };
    BrainstemConfig {
        walls: vec![table],
        tool_box: Some(ToolBoxConfig { min_xyz_m: [-1.0, -0.7, 0.7], max_xyz_m: [0.6, 0.7, 1.7] }),
        clearance_margin_m: MARGIN_M,
        lease_max_secs: 1.0,
        velocity_scale: share,
        acceleration_scale: share,
        ..Default::default()
    }
}

#[test]
fn sr06_from_every_state_under_the_limiter_a_stop_exists_and_keeps_all_limits() {
    let cases: u64 = std::env::var("NEURAXIS_CASES").map_or(DEFAULT_CASES, |text| text.parse().expect("a number"));
    let found = drive(&rig::fr3(), cases);
    assert!(found.moving * 2 > found.stops, "too few of the stops were out of motion: {found:?}");
}

/// With as little torque as this, motion is held back by it all the time.
#[test]
fn sr04_sr06_a_weak_arm_is_stopped_before_a_stop_would_take_more_torque_than_it_has() {
    let found = drive(&weak_fr3(0.5), DEFAULT_CASES);
    assert!(found.torque_limited > 10, "too few of the motions needed the torque: {found:?}");
    assert!(found.moving * 4 > found.stops, "too few of the stops were out of motion: {found:?}");
}

/// An FR3 with this share of its joints' torque.
fn weak_fr3(share: f64) -> Arc<Robot> {
    let mut config = rig::shipped::config("fr3");
    let mut text = std::fs::read_to_string(&config.urdf).unwrap();
    for effort_nm in [87.0, 12.0] {
        text = text.replace(&format!("effort=\"{effort_nm}\""), &format!("effort=\"{}\"", share * effort_nm));
    }
    let file = std::env::temp_dir().join(format!("neuraxis-weak-{}.urdf", std::process::id()));
    std::fs::write(&file, text).unwrap();
    config.urdf = file;
    let robot = Robot::from_urdf(&config.urdf, &config).unwrap();
    std::fs::remove_file(&config.urdf).unwrap();
    Arc::new(robot)
}

/// What happened.
#[derive(Debug, Default)]
struct Found {
    stops: u64,
    moving: u64,
    longest_ms: u64,
    least_m: f64,
    hardest: f64,
    torque_limited: u64,
}

/// So many stops out of random motion of arms that start anywhere.
fn drive(robot: &Arc<Robot>, cases: u64) -> Found {
    let mut random = Pcg64::seed_from_u64(14);
    let mut found = Found { least_m: f64::INFINITY, ..Found::default() };
    let mut shares = [1.0, 0.8, 0.5].into_iter().cycle();
    while found.stops < cases {
        let share = shares.next().unwrap();
        let mut rig = Rig::of(robot.clone(), config(share));
        let limits = rig.robot.limits().to_vec();
        rig.state.q = loop {
            let q = Joints::from_fn(7, |i| random.random_range(limits[i].lower_rad + 0.02..limits[i].upper_rad - 0.02));
            if clearance_m(&rig, &q) > MARGIN_M && torque(&rig, &at_rest(q)) < 1.0 {
                break q;
            }
        };
        rig.tick(None);
        let (lively, fast) = (random.random_range(0.0..1.0), share * random.random_range(0.5..9.0));
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
                    let is_fast = from.qd[i].abs() > 2.2 * share;
                    segment.qdd[i] = if is_fast { -4.0 * share * from.qd[i].signum() } else { towards[i] };
                }
            }
            let tick = rig.tick(Some(&segment));
            let taken = torque(&rig, &rig.brainstem.commanded());
            assert!(taken <= 1.0 + BETWEEN_LOOKS, "{taken} of the torque: {tick:?}");
            found.torque_limited += u64::from(tick.fault == Some(Fault::TorqueLimit) && tick.mode == Mode::Stopping);
            if random.random_range(0..12) == 0 && found.stops < cases {
                let (ticks, least_m, hardest) = stop(&rig);
                found.stops += 1;
                found.moving += u64::from(ticks > 1);
                found.longest_ms = found.longest_ms.max(ticks);
                (found.least_m, found.hardest) = (found.least_m.min(least_m), found.hardest.max(hardest));
            }
        }
    }
    println!("all limits kept (margin {MARGIN_M} m): {found:?}");
    found
}

/// Forks the run and stops it: ticks to rest, least distance [m] and largest share of a torque limit on the way.
fn stop(rig: &Rig) -> (u64, f64, f64) {
    let mut fork: Brainstem = rig.brainstem.clone();
    let (mut state, mut now, mut previous): (ArmState, Nanos, _) = (rig.state, rig.now, rig.previous);
    fork.request_stop();
    let (mut least_m, mut hardest) = (f64::INFINITY, 0.0_f64);
    for ticks in 1.. {
        now = now + TICK;
        state.stamp = now;
        let tick = fork.step(now, &state, None);
        if let Some(previous) = previous.replace(tick.command) {
            check_step(&previous, &tick.command, &rig.limits, TICK.secs());
        }
        least_m = least_m.min(clearance_m(rig, &tick.command.q));
        assert!(least_m > 0.0, "{least_m} m at {:?}", tick.command.q);
        hardest = hardest.max(torque(rig, &fork.commanded()));
        assert!(hardest <= 1.0 + BETWEEN_LOOKS, "{hardest} of the torque: {:?}", tick.command);
        (state.q, state.qd) = (tick.command.q, tick.command.qd);
        if tick.mode == Mode::Latched {
            return (ticks, least_m, hardest);
        }
        assert!(ticks as f64 * TICK.secs() < LONGEST_STOP_SECS, "not at rest: {tick:?}");
    }
    unreachable!("the loop returns")
}

/// The largest share of a joint's torque limit that the state takes, gravity included.
fn torque(rig: &Rig, at: &SegmentState) -> f64 {
    let tau_nm = rig.robot.inverse_dynamics(&at.q, &at.qd, &at.qdd, Gravity::Included);
    tau_nm.iter().zip(&rig.limits).map(|(tau, limit)| tau.abs() / limit.effort_nm).fold(0.0, f64::max)
}

fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
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
