//! A dense layer, forwards and backwards.

use serde::{Deserialize, Serialize};

use crate::contact::ContactError;

/// `y = W x + b`. Weights stand by input, so that a pass is a sum of columns: `(inputs, outputs)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dense {
    pub(crate) weights: Vec<f64>,
    pub(crate) bias: Vec<f64>,
}

impl Dense {
    pub(crate) fn zeros(inputs: usize, outputs: usize) -> Self {
        Self { weights: vec![0.0; inputs * outputs], bias: vec![0.0; outputs] }
    }

    /// Its sizes are these, and every number is one.
    pub(crate) fn check(&self, inputs: usize, outputs: usize) -> Result<(), ContactError> {
        for (what, given, wanted) in [
            ("friction network: weights of a layer", self.weights.len(), inputs * outputs),
            ("friction network: bias of a layer", self.bias.len(), outputs),
        ] {
            if given != wanted {
                return Err(ContactError::Shape { what, given, wanted });
            }
        }
        match self.numbers().find(|number| !number.is_finite()) {
            Some(value) => {
                Err(ContactError::Range { what: "friction network: a weight", value: *value, allowed: "finite" })
            }
            None => Ok(()),
        }
    }

    /// Fills `y`.
    pub(crate) fn apply(&self, x: &[f64], y: &mut [f64]) {
        y.copy_from_slice(&self.bias);
        for (x, column) in x.iter().zip(self.weights.chunks_exact(self.bias.len())) {
            for (y, weight) in y.iter_mut().zip(column) {
                *y += x * weight;
            }
        }
    }

    /// Adds the gradient of this layer at `x` to `sum`, and fills `to_x` with that of its input, both from that of its
    /// output.
    pub(crate) fn pull(&self, x: &[f64], from_y: &[f64], sum: &mut Self, to_x: &mut [f64]) {
        let outputs = self.bias.len();
        for (sum, from) in sum.bias.iter_mut().zip(from_y) {
            *sum += from;
        }
        let columns = self.weights.chunks_exact(outputs).zip(sum.weights.chunks_exact_mut(outputs));
        for ((x, to), (column, sums)) in x.iter().zip(to_x).zip(columns) {
            for (sum, from) in sums.iter_mut().zip(from_y) {
                *sum += x * from;
            }
            *to = column.iter().zip(from_y).map(|(weight, from)| weight * from).sum();
        }
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = &f64> {
        self.weights.iter().chain(&self.bias)
    }

    pub(crate) fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        self.weights.iter_mut().chain(&mut self.bias)
    }
}
