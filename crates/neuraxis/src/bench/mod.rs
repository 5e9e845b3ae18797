//! `neuraxis bench`: measurements beside a peer or the physical limit, in one run. Numbers are printed, never asserted.

mod control_loop;
mod kernels;
mod machine;
mod policy;

pub use control_loop::{LoopPlan, control_loop};
pub use kernels::{channels, kinematics, motion};
pub use machine::Machine;
use neuraxis_brainstem::Percentiles;
use neuraxis_core::Nanos;
pub use policy::policy;
use serde::Serialize;

/// One measured distribution.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    name: String,
    unit: &'static str,
    mean: Option<f64>,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Box<Measured>>,
}

impl Measured {
    fn micros(name: &str, p: &Percentiles) -> Self {
        let us = |t: Nanos| t.secs() * 1e6;
        let (p50, p99, p999, max) = (us(p.p50), us(p.p99), us(p.p999), us(p.max));
        Self { name: name.into(), unit: "us", mean: None, p50, p99, p999, max, peer: None }
    }

    fn samples(name: &str, unit: &'static str, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |q: f64| samples.get(((samples.len() as f64 * q) as usize).min(samples.len() - 1)).copied();
        let at = |q| at(q).unwrap_or(f64::NAN);
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
        Self { name: name.into(), unit, mean: Some(mean), p50, p99, p999, max, peer: None }
    }

    fn beside(self, peer: Measured) -> Self {
        Self { peer: Some(Box::new(peer)), ..self }
    }

    /// One line, and one for the peer with the ratio.
    pub fn print(&self) {
        let row = |m: &Measured| {
            let mean = m.mean.map_or(String::new(), |mean| format!("mean {mean:9.2}  "));
            format!("{mean}p50 {:9.2}  p99 {:9.2}  p99.9 {:9.2}  max {:9.2} {}", m.p50, m.p99, m.p999, m.max, m.unit)
        };
        println!("{:<30} {}", self.name, row(self));
        if let Some(peer) = &self.peer {
            println!("  beside {:<21} {}", peer.name, row(peer));
            println!("  ratio {:<22} p50 {:9.2}  p99 {:9.2}", "", self.p50 / peer.p50, self.p99 / peer.p99);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
