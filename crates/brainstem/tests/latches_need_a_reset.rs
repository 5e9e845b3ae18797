//! What latches the arm, and what it takes to let it go. SR-nn: tests/safety.md.

mod rig;

use neuraxis_brainstem::{BrainstemError, Mode};
use neuraxis_core::{Fault, Nanos};
use rig::{TICK, one, rig, until_still};

#[test]
fn sr08_a_requested_stop_latches_until_an_operator_resets_a_still_arm() {
    let mut rig = rig();
    let seq = rig.speed_up(0, 1.0, 1);
    rig.brainstem.request_stop();
    let segment = rig.segment(seq + 1, one(0, 1.0));
    assert_eq!(rig.tick(Some(&segment)).mode, Mode::Stopping);
    assert!(matches!(rig.brainstem.reset(), Err(BrainstemError::ResetRefused { mode: Mode::Stopping, .. })));
    let tick = until_still(&mut rig);
    assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StopRequested)));
    let fresh = rig.segment(seq + 2, one(0, 0.0));
    assert_eq!(rig.tick(Some(&fresh)).mode, Mode::Latched);

    // Shaken by hand: no reset.
    rig.state.qd[4] = 0.1;
    rig.now = rig.now + TICK;
    rig.state.stamp = rig.now;
    let state = rig.state;
    rig.brainstem.step(rig.now, &state, None);
    assert!(rig.brainstem.reset().unwrap_err().to_string().contains("the arm moves"));

    rig.state.qd[4] = 0.0;
    rig.tick(None);
    rig.brainstem.reset().unwrap();
    assert_eq!(rig.tick(None).fault, None);
    let fresh = rig.segment(seq + 3, one(0, 0.0));
    assert_eq!(rig.tick(Some(&fresh)).mode, Mode::Track);
}

#[test]
fn a_stop_requested_during_a_stop_latches_it() {
    let mut rig = rig();
    rig.speed_up(0, 1.0, 1);
    while rig.tick(None).mode == Mode::Track {}
    rig.brainstem.request_stop();
    let tick = until_still(&mut rig);
    assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StopRequested)));
}

#[test]
fn sr03_a_nan_state_latches_and_cannot_be_reset_away() {
    let mut rig = rig();
    rig.speed_up(0, 1.0, 1);
    rig.state.qd[0] = f64::NAN;
    assert_eq!(rig.tick(None).fault, Some(Fault::StateMalformed));
    until_still(&mut rig);
    // What touches the arm is told from torques.
    rig.state.qd[0] = 0.0;
    rig.state.tau_nm[3] = f64::INFINITY;
    assert_eq!(rig.tick(None).fault, Some(Fault::StateMalformed));
    rig.state.q[0] = f64::NAN;
    let (now, state) = (rig.now + TICK, rig.state);
    let tick = rig.brainstem.step(now, &state, None);
    assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StateMalformed)));
    assert!(rig.brainstem.reset().unwrap_err().to_string().contains("malformed"));
}

#[test]
fn sr17_an_arm_that_does_not_follow_latches_after_the_debounce_and_resets_where_it_is() {
    let mut rig = rig();
    let stuck = rig.state;
    let seq = rig.speed_up(1, 1.0, 1);
    let mut latched_after = None;
    for ms in 0..400_u64 {
        rig.now = rig.now + TICK;
        let held = {
            let mut s = stuck;
            s.stamp = rig.now;
            s
        };
        let segment = rig.segment(seq + 1 + ms, one(1, 1.0));
        let tick = rig.brainstem.step(rig.now, &held, Some(&segment));
        if tick.fault.is_some() {
            assert_eq!(tick.fault, Some(Fault::TrackingError));
            latched_after.get_or_insert(ms);
        }
    }
    assert!(latched_after.is_some_and(|ms| ms >= 100), "{latched_after:?}");
    assert_eq!(rig.brainstem.mode(), Mode::Latched);
    rig.brainstem.reset().unwrap();
    assert_eq!(rig.brainstem.commanded().q, stuck.q);
}

#[test]
fn a_state_that_freezes_latches() {
    let mut rig = rig();
    let frozen = rig.state;
    let fault = (0..1000).find_map(|ms| {
        let tick = rig.brainstem.step(rig.now + Nanos::from_millis(ms), &frozen, None);
        tick.fault.map(|fault| (ms, fault))
    });
    assert_eq!(fault, Some((251, Fault::ReadFailed)));
}
