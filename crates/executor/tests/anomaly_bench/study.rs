//! Train on one day, calibrate on another or on several, test on yet another.

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::Joints;
use neuraxis_robot::{
    Robot,
    contact::{Cells, FrictionNet, HORIZONS_SECS, Sample, Training, train},
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::{
    arm::{Arm, TICK_SECS, Trouble},
    day::Day,
    rivals::{RIVALS, Rivals, observer},
};

/// Nominal runs last so long [s].
pub const RUN_SECS: f64 = 10.0;
/// Alarms closer together than this are one [s].
const QUIET_SECS: f64 = 1.0;
/// Until the means have settled [s].
const SETTLE_SECS: f64 = 1.5;

/// How much of everything.
#[derive(Copy, Clone, Debug)]
pub struct Size {
    pub train_minutes: f64,
    /// So many days, so many minutes each.
    pub calibrate_days: u64,
    pub calibrate_minutes: f64,
    pub test_minutes: f64,
    pub trials: usize,
    pub training: Training,
    /// Probability of an alarm in a nominal run.
    pub alpha: f64,
}

/// What happens, from a time on; the window is how long it may take to notice.
#[derive(Copy, Clone, Debug)]
pub enum Fault {
    Contact {
        force_n: f64,
    },
    Payload {
        kg: f64,
    },
    /// Friction rises to three times within 8 s.
    Friction,
}

pub const FAULTS: [(&str, Fault, f64); 5] = [
    ("4 N contact", Fault::Contact { force_n: 4.0 }, 1.0),
    ("8 N contact", Fault::Contact { force_n: 8.0 }, 1.0),
    ("+0.1 kg", Fault::Payload { kg: 0.1 }, 5.0),
    ("+0.3 kg", Fault::Payload { kg: 0.3 }, 5.0),
    ("friction x3", Fault::Friction, 10.0),
];

impl Fault {
    fn after(&self, direction: &Vector3<f64>, secs: f64) -> Trouble {
        let mut trouble = Trouble::default();
        match self {
            _ if secs < 0.0 => {}
            // A hand closes on it within 20 ms.
            Self::Contact { force_n } => trouble.force_n = direction * *force_n * (secs / 0.02).min(1.0),
            Self::Payload { kg } => trouble.payload_kg = *kg,
            Self::Friction => trouble.friction = 1.0 + 2.0 * (secs / 8.0).min(1.0),
        }
        trouble
    }
}

/// Results of one detector.
#[derive(Clone, Debug, Default)]
pub struct Result {
    pub false_alarms: usize,
    pub nominal_minutes: f64,
    /// By fault: delays of what was noticed [s].
    pub delays_secs: [Vec<f64>; FAULTS.len()],
    pub trials: [usize; FAULTS.len()],
}

impl Result {
    pub fn false_alarms_in_ten_minutes(&self) -> f64 {
        10.0 * self.false_alarms as f64 / self.nominal_minutes
    }

    pub fn share(&self, fault: usize) -> f64 {
        self.delays_secs[fault].len() as f64 / self.trials[fault].max(1) as f64
    }

    pub fn median_secs(&self, fault: usize) -> Option<f64> {
        let mut sorted = self.delays_secs[fault].clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    pub fn add(&mut self, other: &Self) {
        self.false_alarms += other.false_alarms;
        self.nominal_minutes += other.nominal_minutes;
        for (fault, delays) in other.delays_secs.iter().enumerate() {
            self.delays_secs[fault].extend(delays);
            self.trials[fault] += other.trials[fault];
        }
    }
}

/// A network from nominal motion.
pub fn friction(robot: &Arc<Robot>, day: Day, seed: u64, size: &Size) -> FrictionNet {
    let (mut arm, mut observer) = (Arm::new(robot.clone(), day, seed), observer(robot));
    let mut samples = Vec::new();
    for tick in 0..ticks(60.0 * size.train_minutes) {
        let seen = arm.tick(&Trouble::default());
        observer.step(&seen.q, &seen.qd, &seen.tau_nm, TICK_SECS).expect("finite numbers");
        // Neighbours say the same.
        if tick % 4 == 3 {
            samples.push(Sample { q: seen.q, qd: seen.qd, outside_nm: observer.at_once_nm() });
        }
    }
    train(&samples, &size.training).expect("samples")
}

/// One study; only the first `faults` of [`FAULTS`]. No day occurs in two studies or twice in one.
pub fn study(robot: &Arc<Robot>, number: u64, size: &Size, faults: usize) -> [Result; RIVALS.len()] {
    let seed = 1000 * number;
    let mut rivals = Rivals::new(robot, friction(robot, Day::new(seed), seed, size));
    let settle = |arm: &mut Arm, rivals: &mut Rivals| {
        rivals.reset();
        for _ in 0..ticks(SETTLE_SECS) {
            rivals.look(&arm.tick(&Trouble::default()));
        }
    };

    // Peaks of nominal runs.
    let mut peaks = Vec::new();
    for day in 0..size.calibrate_days {
        let mut arm = Arm::new(robot.clone(), Day::new(seed + 2 + day), seed + 2 + day);
        settle(&mut arm, &mut rivals);
        let runs = (60.0 * size.calibrate_minutes / RUN_SECS).round() as usize;
        peaks.extend((0..runs).map(|_| peak(&mut arm, &mut rivals)));
    }
    rivals.calibrate(&peaks, size.alpha);
    let (test_day, test_seed) = (Day::new(seed + 1), seed + 1);

    // Alarms for nothing.
    let mut results: [Result; RIVALS.len()] = Default::default();
    let mut arm = Arm::new(robot.clone(), test_day.clone(), test_seed);
    settle(&mut arm, &mut rivals);
    let mut alarms = [f64::NEG_INFINITY; RIVALS.len()];
    for tick in 0..ticks(60.0 * size.test_minutes) {
        let now_secs = tick as f64 * TICK_SECS;
        let scores = rivals.scores(&arm.tick(&Trouble::default()));
        for ((score, last_secs), result) in scores.iter().zip(&mut alarms).zip(&mut results) {
            if *score > 1.0 {
                result.false_alarms += usize::from(now_secs - *last_secs > QUIET_SECS);
                *last_secs = now_secs;
            }
        }
    }

    // Faults.
    let mut rng = Pcg64::seed_from_u64(test_seed);
    for (index, (_, fault, window_secs)) in FAULTS.iter().enumerate().take(faults) {
        for trial in 0..size.trials {
            let mut arm = Arm::new(robot.clone(), test_day.clone(), test_seed + 100 * (1 + trial as u64));
            settle(&mut arm, &mut rivals);
            let begins_secs = rng.random_range(1.0..4.0);
            let direction = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0)).normalize();
            let first = first_alarms(&mut arm, &mut rivals, begins_secs, begins_secs + window_secs, |secs| {
                fault.after(&direction, secs)
            });
            for (result, first_secs) in results.iter_mut().zip(first) {
                result.trials[index] += 1;
                // An alarm before the fault is no detection.
                result.delays_secs[index].extend(first_secs.filter(|secs| *secs >= 0.0));
            }
        }
    }
    results.iter_mut().for_each(|result| result.nominal_minutes = size.test_minutes);
    results
}

fn ticks(secs: f64) -> usize {
    (secs / TICK_SECS).round() as usize
}

/// Greatest means of a nominal run.
fn peak(arm: &mut Arm, rivals: &mut Rivals) -> [Cells; RIVALS.len()] {
    let mut peaks = [[Joints::zeros(7); HORIZONS_SECS.len()]; RIVALS.len()];
    for _ in 0..ticks(RUN_SECS) {
        let cells = rivals.look(&arm.tick(&Trouble::default()));
        for (peak, value) in peaks.iter_mut().flatten().zip(cells.iter().flatten()) {
            *peak = Joints::from_fn(7, |i| peak[i].max(value[i].abs()));
        }
    }
    peaks
}

/// Time of each one's first alarm, from the beginning of the fault on.
fn first_alarms(
    arm: &mut Arm,
    rivals: &mut Rivals,
    begins_secs: f64,
    ends_secs: f64,
    trouble: impl Fn(f64) -> Trouble,
) -> [Option<f64>; RIVALS.len()] {
    let mut first = [None; RIVALS.len()];
    for tick in 0..ticks(ends_secs) {
        let since_secs = (tick + 1) as f64 * TICK_SECS - begins_secs;
        let scores = rivals.scores(&arm.tick(&trouble(since_secs)));
        for (first, score) in first.iter_mut().zip(scores) {
            *first = first.or(Some(since_secs).filter(|_| score > 1.0));
        }
    }
    first
}
