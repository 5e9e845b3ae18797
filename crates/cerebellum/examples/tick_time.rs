//! Time of a brainstem tick and of a cerebellum tick in closed loop with an ideal arm.
//!
//! Budget of a brainstem tick: 20 us typical, without the arm's own read and write. No peer publishes this figure for
//! the same work; the histogram is printed whole, nothing trimmed. Run: `cargo run --release -p neuraxis-cerebellum
//! --example tick_time`.

#[path = "../tests/body/mod.rs"]
mod body;

use body::{Body, key, moved};
use neuraxis_brainstem::{Histogram, MonotonicClock};
use neuraxis_cerebellum::{CerebellumConfig, Phase, Refusal};
use neuraxis_core::{Clock, Gripper, Nanos};

fn main() {
    let mut body = Body::new(CerebellumConfig::default());
    let home = body.home();
    let mut prediction = None;
    let (mut brainstem, mut moving, mut starting) = (Histogram::default(), Histogram::default(), Histogram::default());
    let (mut reached, mut mind) = (u32::MAX, None);
    for ms in 0..120_000_u64 {
        body.now = body.now + Nanos::from_millis(1);
        body.state.stamp = body.now;
        let (state, commanded) = (body.state, body.brainstem.to_continue());
        if ms % 5 == 0 {
            let begin = MonotonicClock.now();
            let thought = body.cerebellum.step(body.now, &state, &commanded, prediction.as_ref());
            let took = MonotonicClock.now() - begin;
            let begins = thought.adopted != mind.map_or(0, |m: neuraxis_cerebellum::CerebellumTick| m.adopted);
            if begins {
                starting.record(took);
            } else if thought.phase == Phase::Moving {
                moving.record(took);
            }
            mind = Some(thought);
        }
        let begin = MonotonicClock.now();
        let tick = body.brainstem.step(body.now, &state, mind.as_ref().map(|m| &m.segment));
        brainstem.record(MonotonicClock.now() - begin);
        (body.state.q, body.state.qd) = (tick.command.q, tick.command.qd);
        body.state.gripper_width_m = tick.command.gripper_width_m;
        // A new goal after each arrival, free and in contact by turns; the policy is heard ten times a second.
        let count = mind.map_or(0, |m| m.progress.reached_count);
        if count != reached || ms % 100 == 0 {
            reached = count;
            let side = if count % 4 < 2 { 0.15 } else { -0.15 };
            let low = count % 2 == 1;
            let pose = moved(&home, 0.05, side, if low { -0.18 } else { -0.10 });
            prediction = Some(body.predict(key(pose, Gripper::Open, low)));
        }
    }
    println!("brainstem tick:               {}", brainstem.percentiles());
    println!("cerebellum tick, moving:      {}", moving.percentiles());
    println!("cerebellum tick, new motion:  {}", starting.percentiles());

    // A goal out of reach tries every restart of the inverse kinematics: the worst tick there is.
    let mut refused = Histogram::default();
    for n in 0..20_u64 {
        body.now = body.now + Nanos::from_millis(5);
        body.state.stamp = body.now;
        let beyond = body.predict(key(moved(&home, 0.4, 0.0, 0.15 + 0.001 * n as f64), Gripper::Open, false));
        let (state, commanded) = (body.state, body.brainstem.to_continue());
        let begin = MonotonicClock.now();
        let thought = body.cerebellum.step(body.now, &state, &commanded, Some(&beyond));
        if thought.refusal == Some(Refusal::Unreachable) {
            refused.record(MonotonicClock.now() - begin);
        }
    }
    println!("cerebellum tick, unreachable: {}", refused.percentiles());
    println!("key-frames reached in 120 s:  {reached}");
}
