//! What notices a touch, a weight, or friction that grows: the momentum observer alone, with averages, with a learned
//! friction model, with both (`neuraxis_robot::contact`).
//!
//!     cargo run --release -p neuraxis-executor --example anomaly -- [--studies 4] [--days 4]
//!
//! An FR3 of rigid bodies, with friction that differs by a tenth from day to day, reaches about its home without end. In
//! each study the network learns from ten minutes of one day, thresholds for one false alarm in ten minutes come from
//! twenty minutes each of so many other days, faults and twenty nominal minutes are those of yet another. Rows pool all
//! studies. Rigid bodies are this workspace's own: no other simulator is asked. About a minute of processor time.
//!
//! Measured (4 studies; detected % / median delay ms of 80 trials; false alarms in 10 minutes):
//!
//! | thresholds of 4 days | 4 N | 8 N | +0.1 kg | +0.3 kg | friction x3 | false alarms |
//! |---|---|---|---|---|---|---|
//! | observer alone | 82 / 61 | 100 / 29 | 16 / 3145 | 100 / 676 | 100 / 2308 | 0.75 |
//! | observer + bank | 82 / 64 | 100 / 37 | 20 / 3050 | 100 / 686 | 100 / 2211 | 0.88 |
//! | observer - MLP | 100 / 24 | 100 / 16 | 38 / 2420 | 100 / 34 | 100 / 1480 | 0.50 |
//! | observer - MLP + bank | 100 / 31 | 100 / 21 | 69 / 1628 | 100 / 37 | 100 / 1434 | 0.38 |
//!
//! With thresholds of one day only, false alarms on another are 0.88, 1.00, 0.50 and 1.75, and 9 in 20 minutes in the
//! worst study of the last row: friction that shifts is a bias, which long averages see best. Calibrate on several days.

#[path = "../tests/anomaly_bench/mod.rs"]
mod anomaly_bench;

use std::{hint::black_box, time::Instant};

use anomaly_bench::{
    day::Day,
    fr3,
    rivals::{RIVALS, observer},
    study::{FAULTS, RUN_SECS, Result, Size, friction, study},
};
use neuraxis_core::Joints;
use neuraxis_robot::contact::{Detector, HORIZONS_SECS, Scales, Training};

fn main() {
    let (mut studies, mut days) = (4, 4);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        match (flag.as_str(), arguments.next().map(|n| n.parse())) {
            ("--studies", Some(Ok(n))) => studies = n,
            ("--days", Some(Ok(n))) => days = n,
            _ => return eprintln!("usage: anomaly [--studies N] [--days N]"),
        }
    }
    let size = Size {
        train_minutes: 10.0,
        calibrate_days: days,
        calibrate_minutes: 20.0,
        test_minutes: 20.0,
        trials: 20,
        training: Training::default(),
        alpha: RUN_SECS / 600.0,
    };
    let (robot, began) = (fr3(), Instant::now());
    let mut pooled: [Result; RIVALS.len()] = Default::default();
    for number in 0..studies {
        let results = study(&robot, number, &size, FAULTS.len());
        pooled.iter_mut().zip(&results).for_each(|(sum, result)| sum.add(result));
        let (alarms, secs) = (results.map(|r| r.false_alarms), began.elapsed().as_secs_f64());
        eprintln!("study {number}: false alarms {alarms:?} in 20 minutes, {secs:.0} s");
    }
    println!("detected % / median delay ms of {} trials; false alarms in 10 minutes", studies as usize * size.trials);
    print!("{:<22}", "");
    FAULTS.iter().for_each(|(name, ..)| print!("{name:>14}"));
    println!("{:>14}", "false alarms");
    for (name, result) in RIVALS.iter().zip(&pooled) {
        print!("{name:<22}");
        for fault in 0..FAULTS.len() {
            let delay = result.median_secs(fault).map_or("-".to_owned(), |secs| format!("{:.0}", 1e3 * secs));
            print!("{:>14}", format!("{:.0} / {delay}", 100.0 * result.share(fault)));
        }
        println!("{:>14.2}", result.false_alarms_in_ten_minutes());
    }
    println!("observer, network, bank: {:.2} us a step", step_micros(&size));
}

/// Mean time of a step of the whole chain.
fn step_micros(size: &Size) -> f64 {
    let robot = fr3();
    let net = friction(&robot, Day::new(0), 0, &Size { train_minutes: 0.2, ..*size });
    let scales = Scales::try_from([Joints::from_fn(7, |_| 1.0); HORIZONS_SECS.len()]).expect("positive");
    let mut detector = Detector::new(observer(&robot), Some(net), scales).expect("shapes agree");
    let (q, began) = (robot.home(), Instant::now());
    for _ in 0..100_000 {
        let _ = black_box(detector.step(black_box(&q), &q, &q, 0.005));
    }
    began.elapsed().as_secs_f64() * 10.0
}
