//! What the arm's own state says about the torque that the observer sees.

use std::path::Path;

use neuraxis_core::{Joints, MAX_JOINTS};
use serde::{Deserialize, Serialize};

use crate::contact::{ContactError, dense::Dense, file};

/// Numbers that describe a joint's state.
pub(crate) const PER_JOINT: usize = 3;
pub(crate) const MOST_INPUTS: usize = PER_JOINT * MAX_JOINTS;
/// Widest hidden layer.
pub(crate) const MOST_HIDDEN: usize = 64;
/// Below this speed friction changes over from one sign to the other [rad/s].
const SLOW_RAD_S: f64 = 0.02;
/// Inputs are held within so many spreads of what was trained on.
const MOST_SPREADS: f64 = 3.0;

/// Mean and spread of one number.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    pub(crate) mean: f64,
    pub(crate) spread: f64,
}

/// Friction as a function of state, without memory: `(q, q̇, tanh(q̇ / 0.02 rad/s))` of all joints, each over its spread
/// and held within three, through two hidden layers of `tanh` to a torque per joint. It learns all that the state
/// explains, so errors of the model's masses as well. Outputs are bounded, whatever goes in.
///
/// Shapes: inputs `3 joints`, hidden `h <= 64`, outputs `joints`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct FrictionNet {
    pub(crate) inputs: Vec<Span>,
    pub(crate) outputs: Vec<Span>,
    pub(crate) layers: [Dense; 3],
}

/// As it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    inputs: Vec<Span>,
    outputs: Vec<Span>,
    layers: [Dense; 3],
}

impl TryFrom<Raw> for FrictionNet {
    type Error = ContactError;

    fn try_from(Raw { inputs, outputs, layers }: Raw) -> Result<Self, ContactError> {
        let (joints, [first, second, third]) = (outputs.len(), &layers);
        let hidden = first.bias.len();
        for (what, value, most) in
            [("friction network: joints", joints, MAX_JOINTS), ("friction network: hidden", hidden, MOST_HIDDEN)]
        {
            if value == 0 || value > most {
                let allowed = if most == MAX_JOINTS { "1 to 16" } else { "1 to 64" };
                return Err(ContactError::Range { what, value: value as f64, allowed });
            }
        }
        let wanted = PER_JOINT * joints;
        if inputs.len() != wanted {
            return Err(ContactError::Shape { what: "friction network: inputs", given: inputs.len(), wanted });
        }
        for span in inputs.iter().chain(&outputs) {
            if !(span.mean.is_finite() && span.spread.is_finite() && span.spread > 0.0) {
                let (what, allowed) = ("friction network: a spread", "finite, positive, around a finite mean");
                return Err(ContactError::Range { what, value: span.spread, allowed });
            }
        }
        first.check(wanted, hidden)?;
        second.check(hidden, hidden)?;
        third.check(hidden, joints)?;
        Ok(Self { inputs, outputs, layers })
    }
}

/// What each layer gave: `(hidden)`, `(hidden)`, `(joints)`.
pub(crate) struct Pass {
    pub(crate) first: [f64; MOST_HIDDEN],
    pub(crate) second: [f64; MOST_HIDDEN],
    pub(crate) third: [f64; MAX_JOINTS],
}

impl FrictionNet {
    /// Number of joints.
    pub fn dof(&self) -> usize {
        self.outputs.len()
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.numbers().count()).sum()
    }

    /// Torque that the observer shows at positions [rad] and velocities [rad/s] when nothing touches the arm [N m].
    /// NaN gives NaN. No allocation.
    pub fn torque(&self, q: &Joints, qd: &Joints) -> Joints {
        let pass = self.pass(&self.scaled(q, qd));
        let mut torque_nm = Joints::zeros(self.dof());
        for ((torque, span), out) in torque_nm.iter_mut().zip(&self.outputs).zip(&pass.third) {
            *torque = span.mean + span.spread * out;
        }
        torque_nm
    }

    /// Reads a network that [`FrictionNet::write`] wrote; fails on wrong shapes and on numbers that are none.
    pub fn read(path: &Path) -> Result<Self, ContactError> {
        file::read(path)
    }

    /// Writes JSON.
    pub fn write(&self, path: &Path) -> Result<(), ContactError> {
        file::write(path, self)
    }

    /// Inputs of the first layer.
    pub(crate) fn scaled(&self, q: &Joints, qd: &Joints) -> [f64; MOST_INPUTS] {
        let mut inputs = features(q, qd);
        for (input, span) in inputs.iter_mut().zip(&self.inputs) {
            *input = ((*input - span.mean) / span.spread).clamp(-MOST_SPREADS, MOST_SPREADS);
        }
        inputs
    }

    pub(crate) fn pass(&self, inputs: &[f64; MOST_INPUTS]) -> Pass {
        let mut pass = Pass { first: [0.0; _], second: [0.0; _], third: [0.0; _] };
        let [first, second, third] = &self.layers;
        let inputs = inputs.get(..self.inputs.len()).unwrap_or(&[]);
        // Sizes were checked when the network was made.
        let (Some(a), Some(b)) = (pass.first.get_mut(..first.bias.len()), pass.second.get_mut(..second.bias.len()))
        else {
            return pass;
        };
        first.apply(inputs, a);
        a.iter_mut().for_each(|a| *a = a.tanh());
        second.apply(a, b);
        b.iter_mut().for_each(|b| *b = b.tanh());
        if let Some(out) = pass.third.get_mut(..third.bias.len()) {
            third.apply(b, out);
        }
        pass
    }
}

/// State as numbers, joint by joint.
pub(crate) fn features(q: &Joints, qd: &Joints) -> [f64; MOST_INPUTS] {
    let mut features = [0.0; MOST_INPUTS];
    for ((slots, q), qd) in features.chunks_exact_mut(PER_JOINT).zip(q.iter()).zip(qd.iter()) {
        slots.copy_from_slice(&[*q, *qd, (qd / SLOW_RAD_S).tanh()]);
    }
    features
}
