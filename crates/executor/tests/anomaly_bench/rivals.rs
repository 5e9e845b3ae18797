//! Detectors side by side on one stream.

use std::sync::Arc;

use neuraxis_core::Joints;
use neuraxis_executor::monitor::conformal_threshold;
use neuraxis_robot::{
    Gravity, Robot,
    contact::{Cells, Contact, Detector, FrictionNet, HORIZONS_SECS, Observer, Scales},
};

use super::arm::{Measured, TICK_SECS};

/// Filter of the observer [1/s].
pub const RATE_HZ: f64 = 50.0;

/// Which detectors: the network takes friction off or nothing does; the bank averages or nothing does.
pub const RIVALS: [&str; 4] = ["observer alone", "observer + bank", "observer - MLP", "observer - MLP + bank"];

/// All of [`RIVALS`].
pub struct Rivals {
    alone: Detector,
    learned: Detector,
    /// Means at which each raises its alarm; `None` before calibration.
    scales: Option<[Scales; RIVALS.len()]>,
}

pub fn observer(robot: &Arc<Robot>) -> Observer {
    Observer::new(robot.clone(), RATE_HZ, Gravity::Included).expect("the robot has masses")
}

impl Rivals {
    pub fn new(robot: &Arc<Robot>, friction: FrictionNet) -> Self {
        let ones = || Scales::try_from([Joints::from_fn(7, |_| 1.0); HORIZONS_SECS.len()]).expect("positive");
        let alone = Detector::new(observer(robot), None, ones()).expect("shapes agree");
        let learned = Detector::new(observer(robot), Some(friction), ones()).expect("shapes agree");
        Self { alone, learned, scales: None }
    }

    /// Before another stream.
    pub fn reset(&mut self) {
        self.alone.reset();
        self.learned.reset();
    }

    /// What each compares with its scales.
    pub fn look(&mut self, seen: &Measured) -> [Cells; RIVALS.len()] {
        let [alone, learned] = [&mut self.alone, &mut self.learned]
            .map(|detector| detector.step(&seen.q, &seen.qd, &seen.tau_nm, TICK_SECS).expect("finite numbers"));
        let at_once = |contact: &Contact| {
            let mut cells = [Joints::zeros(7); HORIZONS_SECS.len()];
            cells[0] = contact.unexplained_nm;
            cells
        };
        [at_once(&alone), alone.means_nm, at_once(&learned), learned.means_nm]
    }

    /// Scores of the same, 1 at the alarm.
    pub fn scores(&mut self, seen: &Measured) -> [f64; RIVALS.len()] {
        let cells = self.look(seen);
        let scales = self.scales.as_ref().expect("calibrated");
        std::array::from_fn(|rival| scales[rival].score(&cells[rival]).score)
    }

    /// Scales from every other nominal run, and one factor on them from the rest by split conformal
    /// prediction: a further run exceeds it with a probability of at most `alpha`.
    pub fn calibrate(&mut self, peaks: &[[Cells; RIVALS.len()]], alpha: f64) {
        // Both halves know every day.
        let (first, second): (Vec<_>, Vec<_>) = peaks.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
        self.scales = Some(std::array::from_fn(|rival| {
            let of = |runs: &[[Cells; RIVALS.len()]]| runs.iter().map(|run| run[rival]).collect::<Vec<_>>();
            let scales = Scales::from_peaks(&of(&first)).expect("runs");
            let scores: Vec<f64> = of(&second).iter().map(|run| scales.score(run).score).collect();
            scales.times(conformal_threshold(&scores, alpha).expect("enough runs")).expect("positive")
        }));
    }
}
