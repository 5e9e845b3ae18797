//! Two ways in which a stop or a bad state could have been undone or obeyed.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, Mode, Signals};
use neuraxis_core::{Fault, Nanos};
use rig::Rig;

#[test]
fn sr08_a_reset_that_comes_together_with_a_stop_does_not_undo_it() {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    let signals = Signals::default();
    // A still arm latches at once, so that a reset left over would be granted in the next tick.
    signals.reset.raise();
    signals.stop.raise();
    for _ in 0..50 {
        signals.serve(&mut rig.brainstem);
        assert_eq!(rig.tick(None).mode, Mode::Latched);
    }
    // One that comes later does.
    signals.reset.raise();
    signals.serve(&mut rig.brainstem);
    assert_eq!(rig.tick(None).mode, Mode::Hold);
}

#[test]
fn sr03_a_state_that_no_joint_can_have_is_neither_started_from_nor_reset_to() {
    for (q, qd) in [(1e12, 0.0), (4.0, 0.0), (0.0, 1e12), (0.0, -40.0)] {
        let mut rig = Rig::new(BrainstemConfig::default());
        let good = rig.state;
        (rig.state.q[0], rig.state.qd[0]) = (q, qd);
        let state = rig.state;
        let tick = rig.brainstem.step(rig.now, &state, None);
        assert_eq!((tick.started, tick.fault), (false, Some(Fault::StateMalformed)));

        rig.state = good;
        assert!(rig.tick(None).started);
        (rig.state.q[0], rig.state.qd[0]) = (q, qd);
        let tick = rig.tick(None);
        assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StateMalformed)));
        assert!(rig.brainstem.reset().unwrap_err().to_string().contains("malformed"));
    }
}

#[test]
fn sr01_sr22_a_segment_whose_lease_ran_out_while_it_waited_is_not_started() {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    let seq = rig.speed_up(0, 1.0, 1);
    let mut waiting = rig.segment(seq + 1, rig.brainstem.commanded().qd);
    (waiting.t0, waiting.valid_until) = (rig.now + Nanos::from_millis(5), rig.now + Nanos::from_millis(25));
    waiting.qdd[0] = 5.0;
    assert_eq!(rig.tick(Some(&waiting)).mode, Mode::Track);
    // The clock leaps over its whole lease: that is a lease which ended, not a segment which jumps.
    rig.now = rig.now + Nanos::from_millis(300);
    rig.state.stamp = rig.now;
    let (now, state) = (rig.now, rig.state);
    let tick = rig.brainstem.step(now, &state, Some(&waiting));
    assert_eq!((tick.fault, tick.rejected, tick.refused.jump), (Some(Fault::LeaseExpired), None, 0));
}
