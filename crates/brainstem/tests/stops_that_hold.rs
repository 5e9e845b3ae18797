//! Ways in which a stop or a bad state could have been undone, obeyed or hurried.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, Mode, Signals, TickInputs};
use neuraxis_core::{Fault, Joints, Nanos};
use rig::{Rig, TICK, check_step};

#[test]
fn sr08_a_reset_that_comes_together_with_a_stop_does_not_undo_it() {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    let signals = Signals::default();
    let tick = |rig: &mut Rig| {
        rig.now = rig.now + TICK;
        rig.state.stamp = rig.now;
        let requests = signals.requests(rig.brainstem.mode());
        let (now, state) = (rig.now, rig.state);
        let inputs = TickInputs { now, state, segment: None, requests, read: None, write: None, overrun: false };
        rig.brainstem.tick(&inputs).mode
    };
    // A still arm latches at once, so that a reset left over would be granted in the next tick.
    signals.reset.raise();
    signals.stop.raise();
    for _ in 0..50 {
        assert_eq!(tick(&mut rig), Mode::Latched);
    }
    // One that comes later does, and who looks only then sees that there was a latch.
    signals.reset.raise();
    assert_eq!((tick(&mut rig), rig.brainstem.latches()), (Mode::Hold, 1));
}

#[test]
fn sr08_a_stop_requested_before_the_arm_has_spoken_holds_when_it_speaks() {
    let mut rig = Rig::new(BrainstemConfig::default());
    let good = rig.state;
    rig.brainstem.request_stop();
    rig.state.q[0] = f64::NAN;
    let state = rig.state;
    let tick = rig.brainstem.step(rig.now, &state, None);
    assert_eq!((tick.started, tick.mode, tick.fault), (false, Mode::Latched, Some(Fault::StopRequested)));
    rig.state = good;
    let tick = rig.tick(None);
    assert_eq!((tick.started, tick.mode, tick.fault), (true, Mode::Latched, Some(Fault::StopRequested)));
    let segment = rig.segment(1, rig.brainstem.commanded().qd);
    let tick = rig.tick(Some(&segment));
    assert_eq!((tick.mode, tick.fault), (Mode::Latched, Some(Fault::StopRequested)));

    // Nothing of it is left after a reset: a lease that ends is a stop that a fresh segment ends.
    rig.brainstem.reset().unwrap();
    let segment = rig.segment(2, rig.brainstem.commanded().qd);
    assert_eq!(rig.tick(Some(&segment)).mode, Mode::Track);
    let still = (0..100).find_map(|_| Some(rig.tick(None)).filter(|tick| tick.mode != Mode::Track)).unwrap();
    assert_eq!((still.mode, still.fault), (Mode::Hold, Some(Fault::LeaseExpired)));
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

/// The largest step in position that an arm sees in one of its periods may be this many periods' worth.
const PERIODS_MADE_GOOD: f64 = 4.0;

#[test]
fn sr06_sr11_after_a_gap_in_the_loop_the_command_does_not_leap() {
    for (gap_ms, in_the_stop) in [(10, false), (60, false), (300, false), (10, true), (60, true), (300, true)] {
        let mut rig = Rig::new(BrainstemConfig::default());
        rig.tick(None);
        let seq = rig.speed_up(0, 1.8, 1);
        let mut last = rig.segment(seq + 1, rig.brainstem.commanded().qd);
        last.t0 = rig.now;
        rig.tick(Some(&last));
        if in_the_stop {
            // The lease ends, and with it the motion.
            while rig.tick(None).mode == Mode::Track {}
        }
        let before = rig.previous.unwrap();
        let speed = before.qd[0];
        rig.now = rig.now + Nanos::from_millis(gap_ms);
        rig.state.stamp = rig.now;
        let (now, state) = (rig.now, rig.state);
        let tick = rig.brainstem.step(now, &state, None);
        let step = tick.command.q[0] - before.q[0];
        assert!(step > 0.0 && step <= speed * 0.001 * PERIODS_MADE_GOOD * 1.05, "{gap_ms} ms: {step} rad at once");
        check_step(&before, &tick.command, rig.robot.limits(), 0.001 * PERIODS_MADE_GOOD);
        // And from there to rest, by the arm's millisecond.
        rig.previous = Some(tick.command);
        let stops = (0..1000).find_map(|_| Some(rig.tick(None)).filter(|tick| tick.mode == Mode::Hold)).unwrap();
        assert!(stops.fault.is_some());
    }
}

#[test]
fn sr11_time_lost_at_speed_is_an_overrun_and_at_low_speed_made_good() {
    for (speed, fault) in [(0.4, None), (2.0, Some(Fault::Overrun))] {
        let mut rig = Rig::new(BrainstemConfig::default());
        rig.tick(None);
        let seq = rig.speed_up(0, speed, 1);
        let segment = rig.segment(seq + 1, rig.brainstem.commanded().qd);
        rig.tick(Some(&segment));
        rig.now = rig.now + Nanos::from_millis(17);
        rig.state.stamp = rig.now;
        let (now, state) = (rig.now, rig.state);
        assert_eq!(rig.brainstem.step(now, &state, None).fault, fault, "at {speed} rad/s");
    }
}

#[test]
fn sr22_no_lease_holds_before_its_time() {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    let seq = rig.speed_up(0, 1.0, 1);
    let segment = rig.segment(seq + 1, rig.brainstem.commanded().qd);
    assert_eq!(rig.tick(Some(&segment)).mode, Mode::Track);
    // Nearly a second would pass until this lease ended.
    rig.now = rig.now - Nanos::from_millis(900);
    let tick = rig.tick(Some(&segment));
    assert_eq!((tick.mode, tick.fault), (Mode::Stopping, Some(Fault::LeaseExpired)));
}

#[test]
fn sr22_a_clock_that_steps_back_lends_a_frozen_state_no_time() {
    let mut rig = Rig::new(BrainstemConfig::default());
    let timeout_ms = (rig.brainstem.config().state_timeout_secs * 1e3) as u64;
    rig.tick(None);
    let frozen = rig.state;
    let start = rig.now - Nanos::from_millis(900);
    let fault =
        (1..=timeout_ms + 2).find_map(|ms| rig.brainstem.step(start + Nanos::from_millis(ms), &frozen, None).fault);
    assert_eq!(fault, Some(Fault::ReadFailed));
}

#[test]
fn sr02_states_that_lie_back_or_ahead_are_no_news_and_no_reset_rests_on_them() {
    for astray_ms in [-500_i64, 500] {
        let mut rig = Rig::new(BrainstemConfig::default());
        rig.tick(None);
        let astray = |rig: &mut Rig, ms: u64| {
            rig.now = rig.now + Nanos::from_millis(ms);
            rig.state.stamp = Nanos(rig.now.0.saturating_add_signed(astray_ms * 1_000_000));
            let (now, state) = (rig.now, rig.state);
            rig.brainstem.step(now, &state, None)
        };
        let fault = (0..260).find_map(|_| astray(&mut rig, 1).fault);
        assert_eq!(fault, Some(Fault::ReadFailed), "{astray_ms} ms astray");
        assert!(rig.brainstem.reset().unwrap_err().to_string().contains("old"));
        // In time again, after the latest that was seen.
        astray(&mut rig, 1000);
        rig.now = rig.now + Nanos::from_millis(1000);
        rig.tick(None);
        rig.brainstem.reset().unwrap();
        assert_eq!(rig.tick(None).mode, Mode::Hold);
    }
}

#[test]
fn sr02_no_number_locks_out_the_segments_after_it() {
    for (epoch, seq) in [(1, u64::MAX), (1, 1 << 40), (u32::MAX, 1)] {
        let mut rig = Rig::new(BrainstemConfig::default());
        rig.tick(None);
        let mut leaps = rig.segment(seq, rig.brainstem.commanded().qd);
        leaps.epoch = epoch;
        assert_eq!(rig.tick(Some(&leaps)).rejected, Some(Fault::SegmentMalformed));
        let next = rig.segment(1, rig.brainstem.commanded().qd);
        assert_eq!((rig.tick(Some(&next)).rejected, rig.brainstem.mode()), (None, Mode::Track));
    }

    // Two hours of hold, in which the cerebellum counts on at 200 Hz: from the start, and after a segment.
    const HELD: Nanos = Nanos::from_millis(7_200_000);
    const COUNTED: u64 = 1_440_000;
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    for seq in [COUNTED, 2 * COUNTED] {
        rig.now = rig.now + HELD;
        while rig.tick(None).mode != Mode::Hold {}
        let leaps = rig.segment(seq + 10 * COUNTED, rig.brainstem.commanded().qd);
        assert_eq!(rig.tick(Some(&leaps)).rejected, Some(Fault::SegmentMalformed));
        let next = rig.segment(seq, rig.brainstem.commanded().qd);
        assert_eq!((rig.tick(Some(&next)).rejected, rig.brainstem.mode()), (None, Mode::Track));
        let leaps = rig.segment(seq + COUNTED, rig.brainstem.commanded().qd);
        assert_eq!(rig.tick(Some(&leaps)).rejected, Some(Fault::SegmentMalformed), "no time has passed");
    }
}

/// A joint that rests in the margin, hand-guided for one, moves in, not out, and is kept in once it is.
#[test]
fn sr04_a_joint_found_in_its_margin_moves_in_and_no_further_out() {
    // Joint, which end, how far from it.
    for (joint, inward, found_rad) in [(3, 1.0, 0.004), (3, -1.0, 0.004), (0, 1.0, 0.0), (0, -1.0, 0.002)] {
        let mut rig = Rig::new(BrainstemConfig { lease_max_secs: 1.0, ..Default::default() });
        let (limit, margin_rad) = (rig.robot.limits()[joint], rig.brainstem.config().position_margin_rad);
        let end = if inward > 0.0 { limit.lower_rad } else { limit.upper_rad };
        rig.state.q = Joints::from_slice(&[0.0, 0.0, 0.0, -1.6, 0.0, 2.2, 0.0]).unwrap();
        rig.state.q[joint] = end + inward * found_rad;
        rig.tick(None);
        // From the end into the range [rad].
        let inside = |rig: &Rig| inward * (rig.brainstem.commanded().q[joint] - end);
        let one = |value: f64| Joints::from_fn(7, |i| if i == joint { value } else { 0.0 });

        let outward = rig.segment(1, one(-inward * 0.05));
        let refused = (0..30).find_map(|_| rig.tick(Some(&outward)).fault);
        assert_eq!(refused, Some(Fault::PositionLimit), "joint {joint}");
        while rig.tick(None).mode != Mode::Hold {}
        assert!(inside(&rig) >= found_rad - 1e-6, "{} rad from the end of joint {joint}", inside(&rig));

        // In, past the margin, and out again without a rest.
        let mut seq = rig.speed_up(joint, inward * 0.2, 2);
        while inside(&rig) < 0.1 {
            seq += 1;
            let segment = rig.segment(seq, one(inward * 0.2));
            for _ in 0..10 {
                assert_eq!(rig.tick(Some(&segment)).fault, None, "joint {joint}");
            }
        }
        let mut turn = rig.segment(seq + 1, one(inward * 0.2));
        (turn.qdd, turn.valid_until) = (one(-inward * 1.0), rig.now + Nanos::from_millis(400));
        for _ in 0..400 {
            assert_eq!(rig.tick(Some(&turn)).fault, None, "joint {joint}");
        }
        let fault = (2..1000).find_map(|i| {
            let segment = rig.segment(seq + i, one(-inward * 0.2));
            (0..10).find_map(|_| rig.tick(Some(&segment)).fault)
        });
        assert_eq!(fault, Some(Fault::PositionLimit), "joint {joint}");
        while rig.tick(None).mode != Mode::Hold {}
        assert!(inside(&rig) >= margin_rad - 1e-9, "{} rad from the end of joint {joint}", inside(&rig));
    }
}

#[test]
fn sr04_grip_force_stays_within_its_limit() {
    let mut rig = Rig::new(BrainstemConfig::default());
    let most_n = rig.brainstem.config().grip_force_max_n;
    assert_eq!(rig.tick(None).command.grip_force_n, most_n, "something may be held already");
    for (seq, (told_n, command_n)) in [(20.0, 20.0), (1e6, most_n), (-5.0, 0.0)].into_iter().enumerate() {
        let mut segment = rig.segment(seq as u64 + 1, rig.brainstem.commanded().qd);
        segment.grip_force_n = told_n;
        assert_eq!(rig.tick(Some(&segment)).command.grip_force_n, command_n);
    }
}

/// Category 2 of IEC 60204-1, and no other: the drives keep their power. In every cycle of a stop and after it the arm is
/// commanded, first to rest within the limits, then to stay where it is, for as long as nobody resets or leads it on.
#[test]
fn sr07_every_stop_goes_on_commanding_the_arm_and_holds_it_where_it_came_to_rest() {
    type Cause = fn(&mut Rig);
    let causes: [(Cause, Fault); 3] = [
        (|_| (), Fault::LeaseExpired),
        (|rig| rig.brainstem.request_stop(), Fault::StopRequested),
        (|rig| rig.state.q[2] = f64::NAN, Fault::StateMalformed),
    ];
    for (cause, fault) in causes {
        let mut rig = Rig::new(BrainstemConfig::default());
        rig.tick(None);
        rig.speed_up(0, 1.0, 1);
        cause(&mut rig);
        let (mut held, mut stood_ticks) = (None, 0);
        // `tick` checks each command against all limits.
        for _ in 0..5000 {
            let command = rig.tick(None).command;
            if rig.brainstem.is_still() {
                let q = *held.get_or_insert(command.q);
                assert_eq!((command.q, command.qd), (q, Joints::zeros(7)), "{fault:?}");
                stood_ticks += 1;
            }
        }
        let tick = rig.tick(None);
        assert!(stood_ticks > 4000, "{fault:?}: {stood_ticks} ticks of standing");
        assert_eq!((tick.fault, tick.command.gripper_width_m), (Some(fault), 0.08), "{fault:?}");
    }
}
