//! The brainstem's promises, with an ideal arm and a virtual clock. SR-nn: tests/safety.md.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, BrainstemError, Mode, Tick};
use neuraxis_core::{Fault, Joints, Nanos, Segment};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rig::{Rig, TICK};

fn one(joint: usize, value: f64) -> Joints {
    Joints::from_fn(7, |i| if i == joint { value } else { 0.0 })
}

fn rig() -> Rig {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.tick(None);
    rig
}

/// Ticks without segments until the arm is still.
fn until_still(rig: &mut Rig) -> Tick {
    for _ in 0..3000 {
        let tick = rig.tick(None);
        if rig.brainstem.is_still() {
            return tick;
        }
    }
    panic!("not still after 3 s");
}

#[test]
fn sr10_the_first_command_is_the_measured_state() {
    let mut rig = Rig::new(BrainstemConfig::default());
    rig.state.q[3] += 0.3;
    let measured = rig.state;
    let tick = rig.tick(None);
    assert_eq!((tick.command.q, tick.command.gripper_width_m), (measured.q, measured.gripper_width_m));
    assert_eq!((tick.mode, tick.fault, tick.started), (Mode::Hold, None, true));
}

#[test]
fn a_malformed_first_state_starts_nothing_and_a_good_one_does() {
    let mut rig = Rig::new(BrainstemConfig::default());
    let good = rig.state;
    let mut bad = good;
    bad.q[2] = f64::NAN;
    let tick = rig.brainstem.step(rig.now, &bad, None);
    assert_eq!((tick.started, tick.fault), (false, Some(Fault::StateMalformed)));
    assert!(tick.command.q.is_finite());
    let tick = rig.tick(None);
    assert_eq!((tick.started, tick.fault, tick.mode), (true, None, Mode::Hold));
}

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
fn sr04_segments_beyond_the_limits_are_a_stop() {
    type Spoil = fn(&mut Segment);
    let cases: [(Spoil, Fault); 2] =
        [(|s| s.qdd[2] = 11.0, Fault::AccelerationLimit), (|s| s.qdd[2] = -11.0, Fault::AccelerationLimit)];
    for (spoil, fault) in cases {
        let mut rig = rig();
        let seq = rig.speed_up(0, 0.5, 1);
        let mut bad = rig.segment(seq + 1, one(0, 0.5));
        spoil(&mut bad);
        assert_eq!(rig.tick(Some(&bad)).fault, Some(fault));
        assert_eq!(until_still(&mut rig).mode, Mode::Hold);
    }
}

#[test]
fn sr04_constant_acceleration_ends_in_a_velocity_stop_inside_the_limit() {
    let mut rig = Rig::new(BrainstemConfig { lease_max_secs: 1.0, ..Default::default() });
    rig.tick(None);
    let mut endless = rig.segment(1, one(0, 0.0));
    endless.qdd[0] = 5.0;
    endless.valid_until = rig.now + Nanos::from_millis(900);
    let fault = (0..900).find_map(|_| rig.tick(Some(&endless)).fault);
    assert_eq!(fault, Some(Fault::VelocityLimit));
    assert_eq!(until_still(&mut rig).mode, Mode::Hold);
}

#[test]
fn sr06_motion_into_a_joint_limit_stops_inside_the_range_at_every_speed() {
    for speed in [0.1, 0.5, 1.0, 2.0, 2.6] {
        for direction in [-1.0, 1.0] {
            let mut rig = Rig::new(BrainstemConfig { lease_max_secs: 1.0, ..Default::default() });
            let limit = rig.robot.limits()[0];
            rig.state.q[0] = direction * (limit.upper_rad - 1.2);
            rig.tick(None);
            let mut seq = rig.speed_up(0, direction * speed, 1);
            let fault = (0..20_000).find_map(|i| {
                seq += u64::from(i % 10 == 0);
                let segment = rig.segment(seq, one(0, direction * speed));
                rig.tick(Some(&segment)).fault
            });
            assert_eq!(fault, Some(Fault::PositionLimit));
            until_still(&mut rig);
            // `Rig::tick` checked the range each millisecond; and it did not stop needlessly early.
            let left = limit.upper_rad - rig.brainstem.commanded().q[0].abs();
            assert!((0.0..0.03).contains(&left), "{left} rad left at {speed} rad/s");
        }
    }
}

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

#[test]
fn sr04_no_segment_whatsoever_drives_a_command_out_of_its_limits() {
    let mut random = Pcg64::seed_from_u64(7);
    let mut faults = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let mut rig = Rig::new(BrainstemConfig { lease_max_secs: 1.0, ..Default::default() });
        let limits = rig.robot.limits().to_vec();
        rig.state.q =
            Joints::from_fn(7, |i| random.random_range(limits[i].lower_rad + 0.02..limits[i].upper_rad - 0.02));
        rig.tick(None);
        let wild = random.random_range(0.0..1.3);
        let mut segment = rig.segment(0, Joints::zeros(7));
        for ms in 0..1500_u64 {
            if ms % 7 == 0 {
                let from = rig.brainstem.commanded();
                segment = rig.segment(ms + 1, from.qd);
                for i in 0..7 {
                    segment.q[i] += wild * random.random_range(-0.015..0.015);
                    segment.qd[i] += wild * random.random_range(-0.4..0.4);
                    segment.qdd[i] = wild * random.random_range(-9.0..9.0);
                }
                segment.valid_until = segment.t0 + Nanos::from_millis(random.random_range(5..60));
            }
            // `tick` checks every limit.
            faults.extend(rig.tick(Some(&segment)).fault.map(|fault| format!("{fault:?}")));
        }
    }
    // The test reaches the limits that it is about.
    for name in ["PositionLimit", "SegmentJump", "AccelerationLimit"] {
        assert!(faults.contains(name), "{name} never happened: {faults:?}");
    }
}

/// What may happen to the loop, for the table of edges.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Event {
    Segment,
    Silence,
    StopFault,
    LatchFault,
    Reset,
}

#[test]
fn sr09_from_every_mode_every_event_leads_where_the_table_says() {
    use Event::*;
    // Segments of a moving arm are fed at its speed; silence lasts until the arm is still.
    let table = [
        (Mode::Hold, Segment, Mode::Track),
        (Mode::Hold, Silence, Mode::Hold),
        (Mode::Hold, StopFault, Mode::Hold),
        (Mode::Hold, LatchFault, Mode::Latched),
        (Mode::Hold, Reset, Mode::Hold),
        (Mode::Track, Segment, Mode::Track),
        (Mode::Track, Silence, Mode::Hold),
        (Mode::Track, StopFault, Mode::Stopping),
        (Mode::Track, LatchFault, Mode::Stopping),
        (Mode::Track, Reset, Mode::Track),
        (Mode::Stopping, Segment, Mode::Stopping),
        (Mode::Stopping, Silence, Mode::Hold),
        (Mode::Stopping, StopFault, Mode::Stopping),
        (Mode::Stopping, LatchFault, Mode::Stopping),
        (Mode::Stopping, Reset, Mode::Stopping),
        (Mode::Latched, Segment, Mode::Latched),
        (Mode::Latched, Silence, Mode::Latched),
        (Mode::Latched, StopFault, Mode::Latched),
        (Mode::Latched, LatchFault, Mode::Latched),
        (Mode::Latched, Reset, Mode::Hold),
    ];
    for (from, event, to) in table {
        let mut rig = rig();
        let mut seq = 1;
        if matches!(from, Mode::Track | Mode::Stopping) {
            seq = rig.speed_up(0, 1.0, 1) + 1;
        }
        match from {
            Mode::Stopping => rig.brainstem.trip(Fault::CameraStale),
            Mode::Latched => rig.brainstem.trip(Fault::StopRequested),
            Mode::Hold | Mode::Track => {}
        }
        assert_eq!(rig.brainstem.mode(), from);
        let speed = rig.brainstem.commanded().qd[0];
        match event {
            Segment => {
                let segment = rig.segment(seq, one(0, speed));
                rig.tick(Some(&segment));
            }
            Silence => {
                for _ in 0..1000 {
                    rig.tick(None);
                }
            }
            StopFault => rig.brainstem.trip(Fault::PolicyStale),
            LatchFault => rig.brainstem.trip(Fault::TrackingError),
            Reset => assert_eq!(rig.brainstem.reset().is_ok(), from == Mode::Latched),
        }
        assert_eq!(rig.brainstem.mode(), to, "{from:?} with {event:?}");
        // A latch during a stop is kept until rest.
        if (to, event) == (Mode::Stopping, LatchFault) {
            assert_eq!(until_still(&mut rig).mode, Mode::Latched);
        }
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
