//! What do stops ask of the motors? The brainstem lets no motion go where the stop that could begin there would take more
//! torque than a joint has; `acceleration_scale` of brainstem.yaml is chosen so that this does not hold ordinary motion
//! up. Here an arm goes from one random pose over the table to the next for minutes, and every tick's stop is looked at,
//! at several shares of the acceleration limits.
//!
//! `cargo run --release -p neuraxis-cerebellum --example stop_torque -- [MINUTES]`

#[path = "../../robot/tests/shipped/mod.rs"]
mod shipped;

use std::{fs, sync::Arc};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_brainstem::{Brainstem, BrainstemConfig};
use neuraxis_cerebellum::{Cerebellum, CerebellumConfig, CerebellumTick};
use neuraxis_core::{ArmState, Gripper, Joints, KeyFrame, Nanos, Pose, Prediction, SegmentState, StageTimes};
use neuraxis_motion::StopProfile;
use neuraxis_robot::{Gravity, Robot, Shares};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::de::DeserializeOwned;

const SHARES: [f64; 4] = [1.0, 0.9, 0.8, 0.5];
/// The tool's box, in world [m].
const BOX: [(f64, f64); 3] = [(0.0, 0.45), (-0.35, 0.35), (0.78, 1.15)];
/// A pose that is not reached by then is given up [ms].
const PATIENCE_MS: u64 = 4000;
const EPOCH: u32 = 1;

fn main() {
    let minutes = std::env::args().nth(1).map_or(5, |text| text.parse().expect("MINUTES: a number"));
    println!("worst torque of a stop as a share of the effort limit, {minutes} minutes of motion, poses of seed 5");
    println!("robot  in motion   {}", SHARES.map(|share| format!("at {share:<7}")).join(""));
    for name in ["fr3", "ur5e"] {
        let (moving, worst, over) = worst(name, minutes * 60_000);
        println!("{name:<6} {:>7} s   {}", moving / 1000, worst.map(|ratio| format!("{ratio:<10.2}")).join(""));
        println!("       above 1 in {}", over.map(|ticks| percent(ticks, moving)).join(""));
    }
}

fn percent(ticks: u64, of: u64) -> String {
    format!("{:<10}", format!("{:.2} %", 100.0 * ticks as f64 / of as f64))
}

/// Ticks in motion; for each share the worst ratio, and the ticks in which it is above 1.
fn worst(name: &str, ms: u64) -> (u64, [f64; 4], [u64; 4]) {
    let robot = Arc::new(shipped::robot(name));
    let brainstem: BrainstemConfig = read(name, "brainstem");
    let cerebellum = CerebellumConfig { motion: read(name, "motion"), ..read(name, "cerebellum") };
    let slowed = SHARES.map(|share| robot.slowed(&Shares { acceleration: share, ..Shares::ALL }).limits().to_vec());
    let mut cerebellum = Cerebellum::new(&robot, cerebellum, &brainstem.shares()).expect("the shipped configuration");
    let mut brainstem = Brainstem::new(robot.clone(), brainstem).expect("the shipped configuration");
    let zero = Joints::zeros(robot.dof());
    let mut now = Nanos::from_millis(5000);
    let mut state =
        ArmState { stamp: now, q: robot.home(), qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None };
    brainstem.step(now, &state, None);
    cerebellum.start_task(EPOCH, now, &brainstem.to_continue());

    let (mut moving, mut worst, mut over) = (0, [0.0; 4], [0; 4]);
    let mut rng = Pcg64::seed_from_u64(5);
    let down = robot.world_from_tool(&robot.home()).rotation();
    let (mut prediction, mut told_ms) = (None::<Prediction>, 0);
    let mut mind: Option<CerebellumTick> = None;
    for ms in 0..ms {
        now = now + Nanos::from_millis(1);
        state.stamp = now;
        if ms % 5 == 0 {
            let tick = cerebellum.step(now, &state, &brainstem.to_continue(), prediction.as_ref());
            let has_reached = mind.is_some_and(|mind| mind.progress.reached_count != tick.progress.reached_count);
            if prediction.is_none() || has_reached || ms - told_ms > PATIENCE_MS {
                (prediction, told_ms) = (Some(somewhere(&mut rng, down, ms)), ms);
            } else if ms % 100 == 0
                && let Some(again) = &mut prediction
            {
                again.seq = ms;
            }
            if let Some(told) = &mut prediction {
                told.observed_at = now;
            }
            mind = Some(tick);
        }
        let tick = brainstem.step(now, &state, mind.as_ref().map(|mind| &mind.segment));
        (state.q, state.qd) = (tick.command.q, tick.command.qd);
        let at = brainstem.commanded();
        if at.qd.iter().all(|qd| qd.abs() < 1e-3) {
            continue;
        }
        moving += 1;
        for (i, limits) in slowed.iter().enumerate() {
            let ratio = hardest(&robot, &StopProfile::from_state(&at, limits));
            worst[i] = f64::max(worst[i], ratio);
            over[i] += u64::from(ratio > 1.0);
        }
    }
    (moving, worst, over)
}

/// The largest share of a joint's effort limit on the way to rest.
fn hardest(robot: &Robot, stop: &StopProfile) -> f64 {
    let ratio = |at: SegmentState| {
        let tau_nm = robot.inverse_dynamics(&at.q, &at.qd, &at.qdd, Gravity::Included);
        tau_nm.iter().zip(robot.limits()).map(|(tau, limit)| tau.abs() / limit.effort_nm).fold(0.0, f64::max)
    };
    stop.turns_secs().map(|secs| ratio(stop.at(secs))).fold(0.0, f64::max)
}

fn somewhere(rng: &mut Pcg64, down: UnitQuaternion<f64>, seq: u64) -> Prediction {
    let [x, y, z] = BOX.map(|(low, high)| rng.random_range(low..high));
    let mut turn = |most: f64| rng.random_range(-most..most);
    let turned = down * UnitQuaternion::from_euler_angles(turn(0.2), turn(0.2), turn(0.8));
    let world_from_tool = Pose::from_parts(Vector3::new(x, y, z), turned);
    let keyframe = KeyFrame { world_from_tool, gripper: Gripper::Open, ignore_collisions: rng.random_bool(0.3) };
    Prediction {
        seq,
        epoch: EPOCH,
        observed_at: Nanos::default(),
        keyframe,
        confidence: 1.0,
        times: StageTimes::default(),
        path: None,
    }
}

fn read<T: DeserializeOwned>(robot: &str, file: &str) -> T {
    let path = shipped::root().join("configs").join(robot).join(format!("{file}.yaml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
