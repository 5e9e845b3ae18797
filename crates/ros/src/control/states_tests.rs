//! What a robot may say, what it may not, and that nothing it says breaks anything.

use std::time::Duration;

use r2r::{builtin_interfaces::msg::Time, std_msgs::msg::Header};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::GripperConfig;

const START: u64 = 1_700_000_000;
const LIMITS: JointLimits = JointLimits {
    lower_rad: -3.0,
    upper_rad: 3.0,
    velocity_rad_s: 2.0,
    acceleration_rad_s2: 5.0,
    jerk_rad_s3: 500.0,
    effort_nm: 10.0,
};

fn states(joint: Option<&str>) -> States {
    let gripper = GripperConfig { joint: joint.map(String::from), ..Default::default() };
    let joint_names = ["a", "b"].map(String::from).to_vec();
    let config = ControlConfig { joint_names, gripper, ..Default::default() };
    let mut states = States::new(&config, &[LIMITS; 2], Role::Drives);
    states.must_find_us(moment(0).ours);
    // It was heard long ago.
    states.said = Some((Joints::zeros(2), 0));
    states
}

fn moment(ms: u64) -> Moment {
    Moment {
        ours: Nanos::from_millis(10_000 + ms),
        ros: Duration::from_secs(START) + Duration::from_millis(ms),
        leapt_secs: None,
    }
}

fn stamp(ms: u64) -> Header {
    let stamp = Time { sec: START as i32 + (ms / 1000) as i32, nanosec: (ms % 1000) as u32 * 1_000_000 };
    Header { stamp, frame_id: String::new() }
}

/// Joints b, c and a, in that order.
fn message(ms: u64) -> JointState {
    let name = ["b", "c", "a"].map(String::from).to_vec();
    JointState {
        header: stamp(ms),
        name,
        position: vec![0.2, 9.0, 0.1],
        velocity: vec![0.02, 9.0, 0.01],
        effort: vec![],
    }
}

#[test]
fn joints_are_matched_by_name_and_extra_ones_ignored() {
    let state = states(None).take(&message(2), &moment(5)).unwrap().unwrap();
    assert_eq!((&*state.q, &*state.qd, &*state.tau_nm), (&[0.1, 0.2][..], &[0.01, 0.02][..], &[0.0, 0.0][..]));
    assert_eq!((state.stamp, state.gripper_width_m), (Nanos::from_millis(10_002), 0.08));
}

#[test]
fn sr31_fingers_of_which_nobody_tells_count_as_neither_open_nor_closed_until_they_are_told() {
    let gripper = GripperConfig { kind: GripperKind::Float64Array, ..Default::default() };
    let joint_names = ["a", "b"].map(String::from).to_vec();
    let config = ControlConfig { joint_names, gripper, ..Default::default() };
    let [mut states, mut watched] = [Role::Drives, Role::Watches].map(|role| States::new(&config, &[LIMITS; 2], role));
    let width_m =
        |states: &mut States, ms: u64| states.take(&message(ms), &moment(ms)).unwrap().unwrap().gripper_width_m;
    assert!((width_m(&mut states, 10) - 0.0768).abs() < 1e-9);
    states.told_width(0.08);
    assert_eq!(width_m(&mut states, 20), 0.08);
    // Nobody tells them anything where the arm is only watched.
    assert_eq!(width_m(&mut watched, 10), 0.08);
}

#[test]
fn what_cannot_be_true_is_refused_with_its_reason() {
    let refusal = |change: fn(&mut JointState)| {
        let mut states = states(None);
        states.take(&message(100), &moment(101)).unwrap();
        let mut msg = message(110);
        change(&mut msg);
        states.take(&msg, &moment(111)).unwrap_err().to_string()
    };
    for (text, part) in [
        (refusal(|m| m.name[0] = "x".into()), "joint b is missing"),
        (refusal(|m| m.name[1] = "a".into()), "joint a is there twice"),
        (refusal(|m| m.position[2] = f64::NAN), "position of joint a is not finite"),
        (refusal(|m| m.velocity[0] = f64::INFINITY), "velocity of joint b is not finite"),
        (refusal(|m| m.position.truncate(2)), "3 names, 2 positions"),
        (refusal(|m| m.velocity.truncate(1)), "1 velocities"),
        (refusal(|m| m.header = stamp(100)), "stands still"),
        (refusal(|m| m.header = stamp(90)), "went back by 0.010 s"),
        (refusal(|m| m.header = stamp(300)), "0.189 s ahead"),
    ] {
        assert!(text.contains(part), "{text} does not say {part}");
    }
    let late = states(None).take(&message(0), &moment(101)).unwrap_err().to_string();
    assert_eq!(late, "it is 0.101 s old, allowed is 0.1 s");
}

#[test]
fn velocities_that_are_left_out_are_differences_and_efforts_may_be_anything() {
    for absent in [vec![], vec![f64::NAN; 3]] {
        let mut states = states(None);
        let mut say = |ms: u64, q: f64| {
            let mut msg = message(ms);
            (msg.velocity, msg.position[2], msg.effort) = (absent.clone(), q, vec![f64::NAN, 0.0, 4.0]);
            states.take(&msg, &moment(ms)).unwrap().unwrap()
        };
        let (first, second) = (say(10, 0.1), say(20, 0.103));
        assert_eq!(&*first.qd, [0.0, 0.0]);
        assert!((second.qd[0] - 0.3).abs() < 1e-9 && second.qd[1] == 0.0, "{:?}", second.qd);
        assert_eq!(&*second.tau_nm, [4.0, 0.0]);
    }
}

#[test]
fn others_on_the_topic_are_ignored_while_the_arm_is_heard_and_misspelt_names_are_not() {
    let mut states = states(None);
    let mut other = message(10);
    other.name = ["x", "y", "z"].map(String::from).to_vec();
    assert_eq!(states.take(&other, &moment(10)).unwrap_err().to_string(), "joint a is missing");
    states.take(&message(20), &moment(20)).unwrap();
    assert_eq!(states.take(&other, &moment(30)), Ok(None));
    assert_eq!(states.take(&other, &moment(300)).unwrap_err().to_string(), "joint a is missing");
}

#[test]
fn the_gripper_may_be_told_of_apart_and_must_not_be_too_old() {
    let mut states = states(Some("f"));
    assert_eq!(states.take(&message(10), &moment(10)).unwrap_err().to_string(), "joint f is missing");
    let finger = JointState { name: vec!["f".into()], position: vec![0.03], ..Default::default() };
    assert_eq!(states.take(&finger, &moment(20)), Ok(None));
    assert_eq!(states.take(&message(30), &moment(30)).unwrap().unwrap().gripper_width_m, 0.06);
    for ms in (130..1000).step_by(100) {
        states.take(&message(ms), &moment(ms)).unwrap();
    }
    assert_eq!(states.take(&message(1100), &moment(1100)).unwrap_err().to_string(), "joint f is missing");
    let mut together = message(1110);
    together.name[1] = "f".into();
    together.position[1] = 0.02;
    assert_eq!(states.take(&together, &moment(1110)).unwrap().unwrap().gripper_width_m, 0.04);
}

#[test]
fn after_a_leap_of_the_clock_nothing_is_believed_until_the_arm_has_stopped() {
    let mut states = states(None);
    states.take(&message(10), &moment(10)).unwrap();
    let leapt = Moment { leapt_secs: Some(-3.0), ..moment(20) };
    assert!(states.take(&message(20), &leapt).unwrap_err().to_string().contains("leapt by -3.000 s"));
    // Longer than the time-out after which a state is too old.
    assert!(matches!(states.take(&message(150), &moment(150)), Err(StateRefusal::ClockLeapt { .. })));
    assert!(states.take(&message(230), &moment(230)).unwrap().is_some());
}

/// Its states come before our commands arrive there: an arm led on at once would leap to where it is told to be.
#[test]
fn a_robot_that_was_away_counts_once_it_has_had_time_to_find_this_node() {
    let mut states = states(None);
    states.take(&message(10), &moment(10)).unwrap();
    // A hiccup is none of that.
    assert!(states.take(&message(500), &moment(500)).unwrap().is_some());
    for (ms, left) in [(1100, "3.5 s"), (1500, "3.1 s"), (1501, "3.1 s")] {
        let refusal = states.take(&message(ms), &moment(ms)).unwrap_err().to_string();
        let known = format!(
            "the robot is only just heard: states count in {left}, \
             once it is known that it hears us and that nobody else speaks for it"
        );
        assert_eq!(refusal, known);
    }
    // It speaks all the while, whatever it says.
    for ms in (1600..4600).step_by(100) {
        let mut msg = message(ms);
        msg.position[0] = f64::NAN;
        assert!(matches!(states.take(&msg, &moment(ms)), Err(StateRefusal::NotFinite { .. })));
    }
    assert!(states.take(&message(4601), &moment(4601)).unwrap().is_some());
}

#[test]
fn a_robot_that_is_not_there_at_the_start_was_away() {
    let mut states = states(None);
    assert!(matches!(states.take(&message(600), &moment(600)), Err(StateRefusal::JustBack { .. })));
}

#[test]
fn others_on_the_topic_do_not_speak_for_a_robot_that_is_away() {
    let mut states = states(None);
    states.take(&message(10), &moment(10)).unwrap();
    for ms in (110..1000).step_by(100) {
        let mut other = message(ms);
        other.name = ["x", "y", "z"].map(String::from).to_vec();
        let _ = states.take(&other, &moment(ms));
    }
    assert!(matches!(states.take(&message(1010), &moment(1010)), Err(StateRefusal::JustBack { .. })));
}

#[test]
fn a_robot_that_is_only_watched_need_not_find_us() {
    let mut states = States { heard: None, ..states(None) };
    assert!(states.take(&message(600), &moment(600)).unwrap().is_some());
    assert!(states.take(&message(9000), &moment(9000)).unwrap().is_some());
}

/// A message with joint a there.
fn at(ms: u64, q: f64) -> JointState {
    let mut msg = message(ms);
    msg.position[2] = q;
    msg
}

#[test]
fn of_two_who_speak_for_the_same_joints_neither_is_believed() {
    let mut states = states(None);
    states.take(&at(10, 0.1), &moment(10)).unwrap().unwrap();
    // A second node says that the arm is elsewhere, with stamps of its own: between the others, the same, or before them.
    for (k, apart) in (20..1000).step_by(4).zip([2, 0, 6].into_iter().cycle()) {
        for (ms, q) in [(k + 2 - apart, 0.9), (k + 2, 0.1)] {
            // A third one, whose clock is wrong, does not hide that.
            let _ = states.take(&at(k + 1_000_000, 0.5), &moment(k + 2));
            let refusal = states.take(&at(ms, q), &moment(k + 2)).unwrap_err();
            assert!(matches!(refusal, StateRefusal::Leapt { .. }), "{refusal}");
        }
    }
    let text = states.take(&at(1002, 0.9), &moment(1002)).unwrap_err().to_string();
    assert!(text.starts_with("joint a leapt by 0.800 rad in 0.004 s, allowed is 0.058 rad: "), "{text}");
    // One of them is gone: the arm has stopped by then.
    assert!(states.take(&at(1201, 0.9), &moment(1201)).is_err());
    let state = states.take(&at(1202, 0.92), &moment(1202)).unwrap().unwrap();
    assert_eq!(state.q[0], 0.92);
}

#[test]
fn an_arm_as_fast_as_it_may_be_is_believed_and_one_that_is_elsewhere_all_at_once_after_a_while() {
    let mut states = states(None);
    for k in 0..100 {
        // Two states in each step of the stamps, as from a driver that is held up.
        let (ms, q) = (10 + 10 * (k / 2 * 2) + k % 2, 0.02 * k as f64 - 1.0);
        assert!(states.take(&at(ms, q), &moment(ms)).unwrap().is_some(), "{ms}");
    }
    // The driver was started again within moments, and the arm had been moved by hand.
    let taken = |ms: &u64| states.take(&at(*ms, -2.0), &moment(*ms)).is_ok();
    let since: Vec<u64> = (1010..1500).step_by(10).filter(taken).collect();
    assert_eq!(since, (1210..1500).step_by(10).collect::<Vec<_>>());
}

#[test]
fn a_short_time_out_does_not_shorten_the_time_in_which_another_speaker_is_heard() {
    let mut states = States { timeout_secs: 0.02, ..states(None) };
    states.take(&at(10, 0.1), &moment(10)).unwrap().unwrap();
    assert!(matches!(states.take(&at(12, 0.9), &moment(12)), Err(StateRefusal::Leapt { .. })));
    assert!(states.take(&at(211, 0.9), &moment(211)).is_err());
    assert!(states.take(&at(212, 0.9), &moment(212)).unwrap().is_some());
}

/// Whoever is heard first may be the wrong one.
#[test]
fn at_the_start_it_is_waited_for_somebody_who_contradicts() {
    let mut states = States { said: None, ..states(None) };
    let refusal = states.take(&at(10, 0.1), &moment(10)).unwrap_err().to_string();
    assert!(refusal.contains("only just heard: states count in 0.2 s"), "{refusal}");
    assert!(states.take(&at(209, 0.1), &moment(209)).is_err());
    assert!(states.take(&at(211, 0.1), &moment(211)).unwrap().is_some());
}

#[test]
fn whatever_comes_is_taken_whole_or_refused() {
    let mut random = Pcg64::seed_from_u64(3);
    // Leaps apart.
    let mut states = States { velocity_limits: vec![f64::MAX; 2], ..states(Some("f")) };
    let (mut taken, mut refused) = (0, 0);
    for tick in 0..20_000_u64 {
        let ms = 10 * tick;
        let mut msg = JointState { header: stamp(ms), ..Default::default() };
        let names = ["a", "b", "f", "", "a b", "c"];
        let count = random.random_range(0..6);
        msg.name = (0..count).map(|_| names[random.random_range(0..names.len())].to_string()).collect();
        if random.random_bool(0.3) {
            msg.name = ["f", "b", "a"].map(String::from).to_vec();
        }
        let mut numbers = |len: usize| -> Vec<f64> {
            let numbers = [0.0, 1.0, -2.0, 1e300, f64::NAN, f64::INFINITY];
            let wild = random.random_bool(0.2);
            (0..len).map(|_| numbers[random.random_range(0..if wild { 6 } else { 3 })]).collect()
        };
        let lens = [msg.name.len(), msg.name.len(), if tick % 3 == 0 { 0 } else { msg.name.len() }];
        [msg.position, msg.velocity, msg.effort] = lens.map(&mut numbers);
        if random.random_bool(0.1) {
            msg.header.stamp = Time { sec: random.random(), nanosec: random.random() };
        }
        match states.take(&msg, &moment(ms)) {
            Ok(Some(state)) => {
                assert!(state.q.is_finite() && state.qd.is_finite() && state.tau_nm.is_finite());
                assert!(state.gripper_width_m.is_finite() && (state.q.len(), state.qd.len()) == (2, 2));
                taken += 1;
            }
            Ok(None) => {}
            Err(refusal) => {
                assert!(!refusal.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
}
