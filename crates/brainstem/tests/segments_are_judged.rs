//! Which segments the brainstem follows, and for how long. SR-nn: tests/safety.md.

mod rig;

use neuraxis_brainstem::Mode;
use neuraxis_core::{Fault, Joints, Nanos, Segment};
use rig::{one, rig, until_still};

#[test]
fn sr01_sr06_lease_expiry_is_a_bounded_stop_and_a_fresh_segment_resumes() {
    let mut rig = rig();
    let seq = rig.speed_up(0, 1.0, 1);
    let (from, mut ticks) = (rig.brainstem.commanded().q[0], 0);
    let stopping = loop {
        let tick = rig.tick(None);
        ticks += 1;
        if tick.mode != Mode::Track {
            break tick;
        }
    };
    assert!(ticks <= 20, "the lease lasted {ticks} ms");
    assert_eq!((stopping.mode, stopping.fault), (Mode::Stopping, Some(Fault::LeaseExpired)));
    let still = until_still(&mut rig);
    assert_eq!((still.mode, still.fault), (Mode::Hold, Some(Fault::LeaseExpired)));
    // v * lease + v^2 / 2a + the jerk's share.
    let way = rig.brainstem.commanded().q[0] - from;
    assert!(way > 0.0 && way < 0.02 + 0.05 + 0.01, "{way}");

    let fresh = rig.segment(seq + 1, one(0, 0.0));
    let tick = rig.tick(Some(&fresh));
    assert_eq!((tick.mode, tick.fault, tick.segment_seq), (Mode::Track, None, Some(seq + 1)));
}

#[test]
fn the_gripper_holds_its_last_command_in_a_stop() {
    let mut rig = rig();
    rig.speed_up(0, 0.5, 1);
    assert_eq!(rig.brainstem.commanded_gripper_width_m(), 0.08);
    assert_eq!(until_still(&mut rig).command.gripper_width_m, 0.08);
}

#[test]
fn sr03_malformed_segments_are_rejected_and_motion_goes_on() {
    type Spoil = fn(&mut Segment);
    let spoils: [Spoil; 7] = [
        |s| s.q[1] = f64::NAN,
        |s| s.qd[1] = f64::INFINITY,
        |s| s.qdd[1] = f64::NEG_INFINITY,
        |s| s.gripper_width_m = f64::NAN,
        |s| s.q = Joints::zeros(6),
        |s| s.valid_until = s.t0 + Nanos::from_millis(5000),
        |s| s.t0 = s.t0 + Nanos::from_millis(10_000),
    ];
    for (i, spoil) in spoils.iter().enumerate() {
        let mut rig = rig();
        let seq = rig.speed_up(0, 0.5, 1);
        let mut bad = rig.segment(seq + 1, one(0, 0.5));
        spoil(&mut bad);
        let tick = rig.tick(Some(&bad));
        assert_eq!(tick.rejected, Some(Fault::SegmentMalformed), "case {i}");
        assert_eq!((tick.mode, tick.fault, tick.segment_seq), (Mode::Track, None, Some(seq)), "case {i}");
        // Offered again it counts once.
        rig.tick(Some(&bad));
        assert_eq!(rig.tick(Some(&bad)).refused.malformed, 1);
        // A good one with the same number is still welcome.
        let good = rig.segment(seq + 2, one(0, 0.5));
        assert_eq!(rig.tick(Some(&good)).segment_seq, Some(seq + 2), "case {i}");
    }
}

#[test]
fn sr02_older_numbers_epochs_and_expired_segments_are_rejected() {
    let mut rig = rig();
    let seq = rig.speed_up(0, 0.2, 5);
    let old = rig.segment(seq - 1, one(0, 0.2));
    assert_eq!(rig.tick(Some(&old)).rejected, Some(Fault::SegmentOutOfOrder));
    let older_epoch = Segment { epoch: 0, ..rig.segment(seq + 1, one(0, 0.2)) };
    assert_eq!(rig.tick(Some(&older_epoch)).rejected, Some(Fault::SegmentOutOfOrder));
    let mut late = rig.segment(seq + 2, one(0, 0.2));
    (late.t0, late.valid_until) = (Nanos::from_millis(1), Nanos::from_millis(20));
    let tick = rig.tick(Some(&late));
    assert_eq!((tick.rejected, tick.mode), (Some(Fault::LeaseExpired), Mode::Track));
    assert_eq!((tick.refused.out_of_order, tick.refused.expired, tick.refused.total()), (2, 1, 3));
}

#[test]
fn a_segment_waits_for_its_start() {
    let mut rig = rig();
    let mut early = rig.segment(1, one(0, 0.0));
    early.t0 = rig.now + Nanos::from_millis(5);
    early.valid_until = early.t0 + Nanos::from_millis(20);
    let modes: Vec<Mode> = (0..6).map(|_| rig.tick(Some(&early)).mode).collect();
    assert_eq!(modes, [Mode::Hold, Mode::Hold, Mode::Hold, Mode::Hold, Mode::Track, Mode::Track]);
}

#[test]
fn a_segment_that_jumps_is_a_stop_and_none_resumes_while_moving() {
    let mut rig = rig();
    let seq = rig.speed_up(0, 1.0, 1);
    let mut jump = rig.segment(seq + 1, one(0, 1.0));
    jump.q[0] += 0.05;
    let tick = rig.tick(Some(&jump));
    assert_eq!((tick.mode, tick.fault), (Mode::Stopping, Some(Fault::SegmentJump)));
    let fresh = rig.segment(seq + 2, rig.brainstem.commanded().qd);
    assert_eq!(rig.tick(Some(&fresh)).mode, Mode::Stopping);
    let tick = until_still(&mut rig);
    assert_eq!((tick.mode, tick.refused.jump, tick.refused.while_stopping), (Mode::Hold, 1, 1));
    // The one that came while stopping is not used later.
    for _ in 0..30 {
        assert_eq!(rig.tick(Some(&fresh)).mode, Mode::Hold);
    }
}

#[test]
fn sr22_a_clock_that_stands_goes_on_and_one_that_leaps_is_a_stop_each_within_the_limits() {
    let leaps = [-900_000_000_i64, -1_000_000, 0, 60_000_000, 3_600_000_000_000];
    for (leap, fault) in leaps.into_iter().zip([true, false, false, true, true]) {
        let mut rig = rig();
        let seq = rig.speed_up(0, 1.0, 1);
        let segment = rig.segment(seq, rig.brainstem.commanded().qd);
        rig.now = Nanos(rig.now.0.saturating_add_signed(leap));
        rig.state.stamp = rig.now;
        let (now, state, before) = (rig.now, rig.state, rig.previous.unwrap());
        let tick = rig.brainstem.step(now, &state, Some(&segment));
        assert_eq!(tick.fault, fault.then_some(Fault::LeaseExpired), "leap of {leap} ns");
        // By the arm's own millisecond, or up to four of them made good; from there on each command, until rest.
        let dt = if leap > 0 { 0.004 } else { 0.001 };
        rig::check_step(&before, &tick.command, rig.robot.limits(), dt);
        rig.previous = Some(tick.command);
        until_still(&mut rig);
    }
}
