//! Fits the friction network to nominal motion.

use neuraxis_core::{Joints, MAX_JOINTS};

use crate::contact::{
    ContactError, FrictionNet,
    dense::Dense,
    friction::{MOST_HIDDEN, PER_JOINT, Span, features},
};

/// One look at the arm while nothing touches it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Sample {
    /// Positions [rad].
    pub q: Joints,
    /// Velocities [rad/s].
    pub qd: Joints,
    /// What the observer saw then, best before its filter ([`super::Observer::at_once_nm`]): a state does not explain
    /// what is late [N m].
    pub outside_nm: Joints,
}

/// How to fit. The defaults are what was measured.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Training {
    /// Width of both hidden layers, 1 to 64.
    pub hidden: usize,
    /// Passes over all samples.
    pub epochs: usize,
    /// Samples in a step.
    pub batch: usize,
    /// First step size; it falls to zero as half a cosine.
    pub step_size: f64,
    /// Start of the random numbers.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { hidden: 24, epochs: 30, batch: 64, step_size: 3e-3, seed: 1 }
    }
}

/// Least squares by Adam (Kingma and Ba 2015, algorithm 1). The same seed gives the same network. Allocates.
pub fn train(samples: &[Sample], training: &Training) -> Result<FrictionNet, ContactError> {
    let joints = check(samples, training)?;
    let (inputs, hidden) = (PER_JOINT * joints, training.hidden);
    let mut random = Random(training.seed);
    let mut net = FrictionNet {
        inputs: spans(inputs, samples.iter().map(|s| features(&s.q, &s.qd))),
        outputs: spans(joints, samples.iter().map(|s| padded(&s.outside_nm))),
        layers: [random.layer(inputs, hidden), random.layer(hidden, hidden), random.layer(hidden, joints)],
    };
    let still = || [Dense::zeros(inputs, hidden), Dense::zeros(hidden, hidden), Dense::zeros(hidden, joints)];
    let (mut first, mut second) = (still(), still());
    let mut order: Vec<&Sample> = samples.iter().collect();
    let batches = samples.len().div_ceil(training.batch) * training.epochs;
    let mut taken = 0;
    for _ in 0..training.epochs {
        random.shuffle(&mut order);
        for batch in order.chunks(training.batch) {
            let mut gradient = still();
            for sample in batch {
                add_gradient(&net, sample, 1.0 / batch.len() as f64, &mut gradient);
            }
            let size = 0.5 * training.step_size * (1.0 + (std::f64::consts::PI * taken as f64 / batches as f64).cos());
            taken += 1;
            for (((layer, gradient), first), second) in
                net.layers.iter_mut().zip(&gradient).zip(&mut first).zip(&mut second)
            {
                adam(layer, gradient, first, second, size, taken);
            }
        }
    }
    Ok(net)
}

/// Number of joints, if every sample has it.
fn check(samples: &[Sample], training: &Training) -> Result<usize, ContactError> {
    let too_few = ContactError::Shape { what: "samples", given: samples.len(), wanted: 2 };
    let joints = samples.get(1).ok_or(too_few)?.q.len();
    for (what, value, most, allowed) in [
        ("hidden", training.hidden, MOST_HIDDEN, "1 to 64"),
        ("batch", training.batch, usize::MAX, "1 or more"),
        ("joints of a sample", joints, MAX_JOINTS, "1 to 16"),
    ] {
        if value == 0 || value > most {
            return Err(ContactError::Range { what, value: value as f64, allowed });
        }
    }
    for given in samples.iter().flat_map(|s| [s.q, s.qd, s.outside_nm]) {
        if given.len() != joints {
            return Err(ContactError::Shape { what: "joints of a sample", given: given.len(), wanted: joints });
        }
        if let Some(value) = given.iter().find(|value| !value.is_finite()) {
            return Err(ContactError::Range { what: "a sample", value: *value, allowed: "finite" });
        }
    }
    Ok(joints)
}

/// Adds a sample's gradient of `share |out - target|² / 2`.
fn add_gradient(net: &FrictionNet, sample: &Sample, share: f64, gradient: &mut [Dense; 3]) {
    let ([_, second, third], [to_first, to_second, to_third]) = (&net.layers, gradient);
    let inputs = net.scaled(&sample.q, &sample.qd);
    let pass = net.pass(&inputs);
    let mut from_out = [0.0; MAX_JOINTS];
    for (((from, out), span), target) in
        from_out.iter_mut().zip(&pass.third).zip(&net.outputs).zip(sample.outside_nm.iter())
    {
        *from = share * (out - (target - span.mean) / span.spread);
    }
    let (mut from_second, mut from_first, mut unused) = ([0.0; MOST_HIDDEN], [0.0; MOST_HIDDEN], inputs);
    let hidden = second.bias.len();
    let slope = |from: &mut [f64], values: &[f64]| {
        from.iter_mut().zip(values).for_each(|(from, value)| *from *= 1.0 - value * value);
    };
    let (Some(a), Some(b)) = (pass.first.get(..hidden), pass.second.get(..hidden)) else { return };
    let Some(from_out) = from_out.get(..third.bias.len()) else { return };
    third.pull(b, from_out, to_third, &mut from_second);
    slope(&mut from_second, b);
    let Some(from_second) = from_second.get(..hidden) else { return };
    second.pull(a, from_second, to_second, &mut from_first);
    slope(&mut from_first, a);
    let Some(from_first) = from_first.get(..hidden) else { return };
    let inputs = inputs.get(..net.inputs.len()).unwrap_or(&[]);
    net.layers[0].pull(inputs, from_first, to_first, &mut unused);
}

/// One step of the algorithm, on one layer.
fn adam(layer: &mut Dense, gradient: &Dense, first: &mut Dense, second: &mut Dense, size: f64, taken: usize) {
    const FIRST: f64 = 0.9;
    const SECOND: f64 = 0.999;
    let (first_share, second_share) = (1.0 - FIRST.powf(taken as f64), 1.0 - SECOND.powf(taken as f64));
    let moments = first.numbers_mut().zip(second.numbers_mut());
    for ((number, gradient), (first, second)) in layer.numbers_mut().zip(gradient.numbers()).zip(moments) {
        *first += (1.0 - FIRST) * (gradient - *first);
        *second += (1.0 - SECOND) * (gradient * gradient - *second);
        *number -= size * (*first / first_share) / ((*second / second_share).sqrt() + 1e-8);
    }
}

fn padded(values: &Joints) -> [f64; MAX_JOINTS] {
    let mut padded = [0.0; MAX_JOINTS];
    padded.iter_mut().zip(values.iter()).for_each(|(slot, value)| *slot = *value);
    padded
}

/// Mean and spread of each of the first `count` numbers; a number that does not vary has spread one.
fn spans<const N: usize>(count: usize, rows: impl Iterator<Item = [f64; N]>) -> Vec<Span> {
    let (mut sums, mut squares, mut seen) = ([0.0; N], [0.0; N], 0.0);
    for row in rows {
        seen += 1.0;
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(&row) {
            // Mean and sum of squared deviations so far (Welford 1962).
            let off = value - *sum;
            *sum += off / seen;
            *square += off * (value - *sum);
        }
    }
    let spread = |square: f64| (square / seen).sqrt();
    let span = |(mean, square): (&f64, &f64)| Span {
        mean: *mean,
        spread: Some(spread(*square)).filter(|spread| *spread > 1e-9).unwrap_or(1.0),
    };
    sums.iter().zip(&squares).take(count).map(span).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for first weights and an order.
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// First weights (Glorot and Bengio 2010, eq. 16).
    fn layer(&mut self, inputs: usize, outputs: usize) -> Dense {
        let mut layer = Dense::zeros(inputs, outputs);
        let most = (6.0 / (inputs + outputs) as f64).sqrt();
        layer.weights.iter_mut().for_each(|weight| *weight = most * (2.0 * self.share() - 1.0));
        layer
    }

    fn shuffle<T>(&mut self, of: &mut [T]) {
        for i in (1..of.len()).rev() {
            of.swap(i, ((i + 1) as f64 * self.share()) as usize);
        }
    }
}
