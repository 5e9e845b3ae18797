//! No segment drives an arm out of its limits of position, velocity and acceleration. SR-nn: tests/safety.md.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, Mode};
use neuraxis_core::{Fault, Joints, Nanos, Segment};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rig::{Rig, one, rig, until_still};

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
