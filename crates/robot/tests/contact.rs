//! The observer against dynamics that are known, and what it does with numbers that are none.

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;
mod shipped;

use std::sync::Arc;

use neuraxis_core::Joints;
use neuraxis_robot::{
    Gravity, Robot,
    contact::{
        Bank, Cells, ContactError, ContactFault, ContactModel, Detector, FrictionNet, HORIZONS_SECS, Measured,
        Observer, Sample, Scales, Training, train,
    },
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use shipped::robot;

const DT_SECS: f64 = 0.001;

/// A wave about home: positions, velocities, accelerations.
fn wave(robot: &Robot, secs: f64) -> [Joints; 3] {
    let home = robot.home();
    let w = |i: usize| 1.0 + 0.3 * i as f64;
    [
        Joints::from_fn(robot.dof(), |i| home[i] + 0.4 * (w(i) * secs).sin()),
        Joints::from_fn(robot.dof(), |i| 0.4 * w(i) * (w(i) * secs).cos()),
        Joints::from_fn(robot.dof(), |i| -0.4 * w(i) * w(i) * (w(i) * secs).sin()),
    ]
}

/// Torque from outside that the observer shows after `secs` of the wave when `outside(secs)` acts.
fn observed(name: &str, gravity: Gravity, dt_secs: f64, secs: f64, outside: impl Fn(f64) -> f64) -> (Joints, Joints) {
    let robot = Arc::new(robot(name));
    let mut observer = Observer::new(robot.clone(), 50.0, gravity).unwrap();
    let mut most = Joints::zeros(robot.dof());
    for tick in 0..(secs / dt_secs).round() as usize {
        let now = tick as f64 * dt_secs;
        let [q, qd, qdd] = wave(&robot, now);
        let needed = robot.inverse_dynamics(&q, &qd, &qdd, gravity);
        let tau = Joints::from_fn(robot.dof(), |i| needed[i] - if i == 3 { outside(now) } else { 0.0 });
        let seen = observer.step(&q, &qd, &tau, dt_secs).unwrap();
        most = Joints::from_fn(robot.dof(), |i| most[i].max(seen[i].abs()));
    }
    (observer.outside_nm(), most)
}

#[test]
fn an_arm_that_nothing_touches_shows_nothing_however_it_moves() {
    for name in ["fr3", "ur5e"] {
        for gravity in [Gravity::Included, Gravity::Compensated] {
            for (dt_secs, most_nm) in [(0.001, 1e-3), (0.005, 2e-2)] {
                let (_, most) = observed(name, gravity, dt_secs, 4.0, |_| 0.0);
                assert!(most.iter().all(|nm| *nm < most_nm), "{name} {gravity:?} {dt_secs}: {most:?}");
            }
        }
    }
}

#[test]
fn a_steady_torque_is_found_at_its_joint_and_with_the_delay_of_the_filter() {
    let step = |secs: f64| if secs >= 0.5 { 2.0 } else { 0.0 };
    let (settled, most) = observed("fr3", Gravity::Included, DT_SECS, 1.0, step);
    assert!((settled[3] - 2.0).abs() < 1e-3, "{settled:?}");
    assert!(most.iter().enumerate().all(|(i, nm)| i == 3 || *nm < 2e-3), "{most:?}");
    // One time constant of 20 ms after it began: 1 - 1/e, to the size of a step.
    let (early, _) = observed("fr3", Gravity::Included, DT_SECS, 0.521, step);
    assert!((early[3] / 2.0 - (1.0 - (-1.0_f64).exp())).abs() < 0.03, "{early:?}");
}

#[test]
fn numbers_that_are_none_are_refused_and_forgotten() {
    let robot = Arc::new(robot("fr3"));
    let scales = Scales::try_from([Joints::from_fn(7, |_| 1.0); HORIZONS_SECS.len()]).unwrap();
    let observer = Observer::new(robot.clone(), 50.0, Gravity::Included).unwrap();
    let mut detector = Detector::new(observer, Some(small_net()), scales).unwrap();
    let mut run = |from: usize, to: usize| {
        let steps = (from..to).map(|tick| {
            let [q, qd, qdd] = wave(&robot, tick as f64 * DT_SECS);
            let tau = robot.inverse_dynamics(&q, &qd, &qdd, Gravity::Included);
            detector.step(&q, &qd, &tau, DT_SECS).unwrap()
        });
        let last = steps.last().unwrap();
        let [q, qd, _] = wave(&robot, to as f64 * DT_SECS);
        let mut wrong = qd;
        for none in [f64::NAN, f64::INFINITY] {
            wrong[4] = none;
            for given in [(&wrong, &qd, &qd), (&q, &wrong, &qd), (&q, &qd, &wrong)] {
                let fault = detector.step(given.0, given.1, given.2, DT_SECS);
                assert_eq!(fault, Err(ContactFault::NotFinite));
            }
        }
        for dt_secs in [0.0, -1.0, 1.0, f64::NAN] {
            assert_eq!(detector.step(&q, &qd, &qd, dt_secs), Err(ContactFault::Period));
        }
        assert_eq!(detector.step(&q, &qd, &Joints::zeros(6), DT_SECS), Err(ContactFault::Length));
        assert!((0..7).all(|i| (detector.observer().outside_nm()[i]).abs() < 1e-3));
        last
    };
    // The second stretch begins 50 steps later: the jump in momentum is not taken for a torque.
    run(0, 100);
    let last = run(150, 400);
    assert!(last.means_nm.iter().all(Joints::is_finite) && last.score.score.is_finite(), "{last:?}");
}

/// Any finite numbers in, finite numbers out; a torque of 1e9 N m ends at four times the joint's own.
#[test]
fn the_estimate_is_bounded() {
    let robot = Arc::new(robot("fr3"));
    let mut observer = Observer::new(robot.clone(), 1000.0, Gravity::Included).unwrap();
    let mut rng = Pcg64::seed_from_u64(5);
    for _ in 0..2000 {
        let mut draw = |most: f64| Joints::from_fn(7, |_| rng.random_range(-most..most));
        let (q, qd, tau) = (draw(3.0), draw(1e3), draw(1e9));
        let seen = observer.step(&q, &qd, &tau, 0.005).unwrap();
        assert!(seen.iter().zip(robot.limits()).all(|(nm, limit)| nm.abs() <= 4.0 * limit.effort_nm), "{seen:?}");
    }
}

/// Friction of two joints, as samples.
fn samples(count: usize, seed: u64) -> Vec<Sample> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let sample = |_| {
        let mut draw = |most: f64| Joints::from_fn(2, |_| rng.random_range(-most..most));
        let (q, qd) = (draw(1.0), draw(0.5));
        let outside_nm = Joints::from_fn(2, |i| -(qd[i] / 0.03).tanh() * (1.0 + 0.2 * q[0].sin()) - 0.5 * qd[i]);
        Sample { q, qd, outside_nm }
    };
    (0..count).map(sample).collect()
}

fn error_nm(net: &FrictionNet, samples: &[Sample]) -> f64 {
    let off = |s: &Sample| net.torque(&s.q, &s.qd).max_abs_diff(&s.outside_nm).powi(2);
    (samples.iter().map(off).sum::<f64>() / samples.len() as f64).sqrt()
}

fn small_net() -> FrictionNet {
    let mut rng = Pcg64::seed_from_u64(1);
    let sample = |_| {
        let mut draw = || Joints::from_fn(7, |_| rng.random_range(-1.0..1.0));
        Sample { q: draw(), qd: draw(), outside_nm: draw() }
    };
    let samples: Vec<Sample> = (0..64).map(sample).collect();
    train(&samples, &Training { hidden: 4, epochs: 1, ..Training::default() }).unwrap()
}

#[test]
fn the_network_learns_friction_that_it_has_not_seen_and_the_same_one_each_time() {
    let training = Training { epochs: 20, ..Training::default() };
    let net = train(&samples(4000, 1), &training).unwrap();
    let unseen = samples(500, 2);
    let blind = train(&samples(4000, 1), &Training { epochs: 0, ..training }).unwrap();
    let (learned, untrained) = (error_nm(&net, &unseen), error_nm(&blind, &unseen));
    assert!(learned < 0.1 && untrained > 0.7, "{learned} {untrained}");
    assert_eq!(net, train(&samples(4000, 1), &training).unwrap());
    // Far outside of what it saw it gives what it gives at the edge.
    let far = net.torque(&Joints::from_fn(2, |_| 1e6), &Joints::from_fn(2, |_| 1e6));
    assert!(far.iter().all(|nm| nm.abs() < 5.0), "{far:?}");
}

#[test]
fn a_network_is_the_same_after_a_file_and_another_shape_is_refused() {
    let net = small_net();
    assert_eq!(net.parameters(), 21 * 4 + 4 + 4 * 4 + 4 + 4 * 7 + 7);
    let file = std::env::temp_dir().join(format!("neuraxis-friction-{}.json", std::process::id()));
    net.write(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let back = FrictionNet::read(&file).unwrap();
    // Decimal fractions come back to the last bit or next to it.
    let q = Joints::from_fn(7, |i| 0.1 * i as f64);
    assert!(back.torque(&q, &q).max_abs_diff(&net.torque(&q, &q)) < 1e-12);

    std::fs::write(&file, text.replacen("\"bias\":[", "\"bias\":[0.0,", 1)).unwrap();
    let error = FrictionNet::read(&file).unwrap_err();
    assert!(error.to_string().contains("weights of a layer: 84 given, 105 wanted"), "{error}");
    std::fs::remove_file(&file).unwrap();
    let error = FrictionNet::read(&file).unwrap_err();
    assert!(matches!(error, ContactError::File { .. }), "{error}");
}

#[test]
fn averages_settle_in_the_order_of_their_horizons_and_scores_name_the_joint() {
    let mut bank = Bank::new(3);
    let torque = Joints::from_slice(&[0.0, -2.0, 0.5]).unwrap();
    let mut cells: Cells = bank.step(&torque, 0.005).unwrap();
    for _ in 0..19 {
        cells = bank.step(&torque, 0.005).unwrap();
    }
    for (means, horizon_secs) in cells.iter().zip(HORIZONS_SECS) {
        let settled = 1.0 - (-0.1_f64 / horizon_secs).exp();
        assert!((means[1] + 2.0 * settled).abs() < 1e-12, "{means:?}");
    }
    let before = bank;
    assert_eq!(bank.step(&Joints::from_fn(3, |_| f64::NAN), 0.005), Err(ContactFault::NotFinite));
    assert_eq!(bank, before);

    let runs: Vec<Cells> = (1..=20).map(|run| [Joints::from_fn(3, |_| 0.05 * f64::from(run)); 4]).collect();
    let scales = Scales::from_peaks(&runs).unwrap();
    let score = scales.score(&cells);
    assert_eq!((score.joint, score.horizon), (1, 0));
    assert!((score.score - 2.0 / 0.9).abs() < 1e-3, "two of twenty runs are above 0.9: {score:?}");
    assert!(scales.times(f64::NAN).is_err() && Scales::from_peaks(&[]).is_err());
}

#[test]
fn a_step_does_not_touch_the_heap() {
    heap::check_that_it_counts();
    let robot = Arc::new(robot("fr3"));
    let scales = Scales::try_from([Joints::from_fn(7, |_| 1.0); HORIZONS_SECS.len()]).unwrap();
    let observer = Observer::new(robot.clone(), 50.0, Gravity::Included).unwrap();
    let mut detector = Detector::new(observer, Some(small_net()), scales).unwrap();
    let (q, none) = (robot.home(), Joints::from_fn(7, |_| f64::NAN));
    let before = heap::calls();
    for _ in 0..100 {
        assert!(detector.step(&q, &q, &q, 0.005).is_ok());
        assert!(detector.step(&q, &none, &q, 0.005).is_err());
    }
    assert_eq!(heap::calls() - before, 0);
}

/// Half a minute of the wave from `from_secs` on with friction, as a recording.
fn recording(robot: &Robot, from_secs: f64, outside: impl Fn(f64) -> f64) -> Vec<Measured> {
    let seen = |tick: usize| {
        let secs = tick as f64 * 0.005;
        let [q, qd, qdd] = wave(robot, from_secs + secs);
        let needed = robot.inverse_dynamics(&q, &qd, &qdd, Gravity::Compensated);
        let friction = |qd: f64| 1.5 * (qd / 0.02).tanh() + 0.8 * qd;
        let touch = |i: usize| if i == 3 { outside(secs) } else { 0.0 };
        let tau_nm = Joints::from_fn(robot.dof(), |i| needed[i] + friction(qd[i]) - touch(i));
        Measured { secs, q, qd, tau_nm }
    };
    (0..6000).map(seen).collect()
}

#[test]
fn a_model_learned_from_recordings_takes_friction_for_nothing_and_a_touch_for_something() {
    let robot = Arc::new(robot("fr3"));
    let nominal: Vec<_> = (0..4).map(|i| recording(&robot, 31.0 * f64::from(i), |_| 0.0)).collect();
    let training = Training { epochs: 8, ..Training::default() };
    let learn = |runs: &[Vec<Measured>]| ContactModel::learn(&robot, runs, &training, "a test".into());
    let error = learn(&nominal[..1]).unwrap_err().to_string();
    assert!(error.contains("recordings: 1 given, 2 wanted"), "{error}");

    let model = learn(&nominal).unwrap();
    let path = std::env::temp_dir().join(format!("neuraxis-contact-{}.json", std::process::id()));
    model.write(&path).unwrap();
    let read = ContactModel::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();

    let most = |outside: fn(f64) -> f64| {
        let mut detector = read.detector(&robot).unwrap();
        let scores = recording(&robot, 200.0, outside).into_iter().map(|seen| {
            let contact = detector.step(&seen.q, &seen.qd, &seen.tau_nm, 0.005).unwrap();
            if seen.secs > 2.0 { contact.score } else { Default::default() }
        });
        scores.max_by(|a, b| a.score.total_cmp(&b.score)).unwrap()
    };
    assert!(most(|_| 0.0).score < 2.0, "{:?}", most(|_| 0.0));
    let touched = most(|secs| if secs > 20.0 { 4.0 } else { 0.0 });
    assert!(touched.score > 4.0 && touched.joint == 3, "{touched:?}");
}
