//! What is said: instructions, what the cerebellum is doing, lines in the log.

use neuraxis_core::Nanos;
use neuraxis_episode::Level;
use rerun::{StateChange, TextDocument, TextLog, TextLogLevel};

use super::Viz;
use crate::{VizError, paths};

impl Viz {
    /// What the cerebellum is doing; logged when it changes.
    pub fn log_phase(&mut self, stamp: Nanos, phase: &str) -> Result<(), VizError> {
        if self.phase != phase {
            self.phase = phase.to_owned();
            self.at(stamp);
            self.put(paths::PHASE, &StateChange::single(phase))?;
        }
        Ok(())
    }

    /// A new instruction (empty: nothing is to be done): shown in large, and in the log. Starts a new trail of key-frames.
    pub fn log_instruction(&mut self, stamp: Nanos, text: &str) -> Result<(), VizError> {
        self.keyframes.clear();
        self.keyframe = None;
        self.at(stamp);
        let (text, event) = match text {
            "" => ("no instruction", "no instruction".to_string()),
            text => (text, format!("instruction: {text}")),
        };
        self.told.push((stamp, text.to_string()));
        self.put_instruction(text)?;
        self.log_event(stamp, Level::Info, &event)
    }

    fn put_instruction(&mut self, text: &str) -> Result<(), VizError> {
        // A heading would take half of the view.
        let told = format!("**{text}**\n\n{}", self.config.subtitle);
        self.put(paths::INSTRUCTION, &TextDocument::from_markdown(told.trim_end()))
    }

    /// Another line below every instruction: how the run ended, say, which is known late.
    pub fn log_subtitle(&mut self, subtitle: &str) -> Result<(), VizError> {
        self.config.subtitle = subtitle.to_owned();
        for (stamp, text) in self.told.clone() {
            self.at(stamp);
            self.put_instruction(&text)?;
        }
        Ok(())
    }

    /// A line in the log.
    pub fn log_event(&mut self, stamp: Nanos, level: Level, text: &str) -> Result<(), VizError> {
        self.at(stamp);
        let level = match level {
            Level::Info => TextLogLevel::INFO,
            Level::Warning => TextLogLevel::WARN,
            Level::Error => TextLogLevel::ERROR,
        };
        self.put(paths::LOG, &TextLog::new(text).with_level(level))?;
        Ok(())
    }

    /// How the task ended.
    pub fn log_success(&mut self, stamp: Nanos, success: bool) -> Result<(), VizError> {
        let (level, text) = if success { (Level::Info, "success") } else { (Level::Error, "no success") };
        self.log_event(stamp, level, text)
    }
}
