//! Anything that is recorded, into the window: the live run and its replay come through here alike.

use neuraxis_core::Nanos;
use neuraxis_episode::Record;

use crate::{Viz, VizError, sink::Latency};

/// The loop's wake latency is shown as the worst of this time.
const LATENCY_EVERY: Nanos = Nanos::from_millis(10);

impl Viz {
    /// Shows one record. Records of a kind that this window does not know are left out.
    pub fn show(&mut self, record: &Record) -> Result<(), VizError> {
        match record {
            Record::State(state) => self.log_state(state),
            Record::Command(command) => self.log_command(command),
            Record::Tick(tick) => {
                let Latency { worst, next } = &mut self.latency;
                *worst = (*worst).max(tick.wake_latency);
                if tick.inputs.now < *next {
                    return Ok(());
                }
                let latency = std::mem::take(worst);
                *next = tick.inputs.now + LATENCY_EVERY;
                self.log_wake_latency(tick.inputs.now, latency.secs())
            }
            Record::Observation(observation) => self.log_observation(observation),
            Record::Prediction(_, prediction) => self.log_prediction(prediction),
            Record::Detail(stamp, detail) => self.log_detail(*stamp, detail),
            Record::Cloud(stamp, points) => self.log_cloud(*stamp, points),
            Record::Phase(stamp, phase) => self.log_phase(*stamp, phase),
            Record::Brain(stamp, panel) => self.log_brain(*stamp, panel),
            Record::Things(stamp, things) => self.log_things(*stamp, things),
            Record::Monitors(stamp, monitors) => self.log_monitors(*stamp, monitors),
            Record::Instruction { stamp, text, .. } => self.log_instruction(*stamp, text),
            Record::Event(stamp, level, text) => self.log_event(*stamp, *level, text),
            Record::Summary(stamp, summary) => match summary["success"].as_bool() {
                Some(success) => self.log_success(*stamp, success),
                None => Ok(()),
            },
            // Counters, told at the end of a run.
            _ => Ok(()),
        }
    }
}
