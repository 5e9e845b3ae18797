//! How the brainstem begins, and where each event leads from each mode. SR-nn: tests/safety.md.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, Mode};
use neuraxis_core::Fault;
use rig::{Rig, one, rig, until_still};

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
