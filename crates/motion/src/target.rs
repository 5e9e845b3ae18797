//! A jerk-limited approach of a target that may move: a thin face on rsruckig (Berscheid & Kröger 2021).

use neuraxis_core::Fault;
use rsruckig::prelude::*;

/// Position, velocity, acceleration.
type Motion<const N: usize> = ([f64; N], [f64; N], [f64; N]);

/// Position, velocity and acceleration of `N` numbers, driven towards a target at rest.
pub(crate) struct Approach<const N: usize> {
    ruckig: Ruckig<N, ThrowErrorHandler>,
    input: InputParameter<N>,
    output: OutputParameter<N>,
    period_secs: f64,
    done: bool,
}

impl<const N: usize> Approach<N> {
    pub(crate) fn new(period_secs: f64, velocity: [f64; N], acceleration: [f64; N], jerk: [f64; N]) -> Self {
        let mut approach = Self {
            ruckig: Ruckig::new(None, period_secs),
            input: InputParameter::new(None),
            output: OutputParameter::new(None),
            period_secs,
            done: true,
        };
        approach.limit(velocity, acceleration, jerk);
        approach
    }

    /// Changes the limits.
    pub(crate) fn limit(&mut self, velocity: [f64; N], acceleration: [f64; N], jerk: [f64; N]) {
        for i in 0..N {
            self.input.max_velocity[i] = velocity[i];
            self.input.max_acceleration[i] = acceleration[i];
            self.input.max_jerk[i] = jerk[i];
        }
    }

    /// All numbers keep their ratio on the way, wherever the start allows it: a straight line.
    pub(crate) fn straight(mut self) -> Self {
        self.input.synchronization = Synchronization::Phase;
        self
    }

    /// Starts from a state; the target is where it stands until [`Approach::aim`].
    pub(crate) fn start(&mut self, position: [f64; N], velocity: [f64; N], acceleration: [f64; N]) {
        for i in 0..N {
            let within = |value: f64, most: f64| value.clamp(-most, most);
            self.input.current_position[i] = position[i];
            self.input.current_velocity[i] = within(velocity[i], self.input.max_velocity[i]);
            self.input.current_acceleration[i] = within(acceleration[i], self.input.max_acceleration[i]);
            self.input.target_position[i] = position[i];
            self.input.target_velocity[i] = 0.0;
            self.input.target_acceleration[i] = 0.0;
        }
        self.done = false;
    }

    /// Where it is now.
    pub(crate) fn position(&self) -> [f64; N] {
        std::array::from_fn(|i| self.input.current_position[i])
    }

    /// Changes the target without a stop.
    pub(crate) fn aim(&mut self, position: [f64; N]) {
        for (i, value) in position.into_iter().enumerate() {
            self.input.target_position[i] = value;
        }
        self.done = false;
    }

    /// One period further, on a clock that runs at `pace` (above 0 to 1): the path stays what it is, all of it slower.
    ///
    /// No allocation, unless it fails: rsruckig words an error on the heap, whoever handles it, and it is freed here. A
    /// failure ends the motion, so that this is once per motion at most.
    pub(crate) fn step(&mut self, pace: f64) -> Result<Motion<N>, Fault> {
        self.ruckig.delta_time = pace * self.period_secs;
        match self.ruckig.update(&self.input, &mut self.output) {
            Ok(RuckigResult::Working) => {}
            Ok(RuckigResult::Finished) => self.done = true,
            _ => return Err(Fault::Unreachable),
        }
        self.output.pass_to_input(&mut self.input);
        Ok((
            std::array::from_fn(|i| self.output.new_position[i]),
            std::array::from_fn(|i| pace * self.output.new_velocity[i]),
            std::array::from_fn(|i| pace * pace * self.output.new_acceleration[i]),
        ))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }
}
