//! What a sentence means where it speaks of the past: "put it back where it was" is about what memory knows.

use neuraxis_brain::{BrainError, put_back_instruction};
use neuraxis_plan::Scene;

use super::BrainPilot;

impl BrainPilot {
    /// Begins a task in what is seen: its sentence, which speaks of the present, and its scene.
    pub(super) fn begin(&mut self, said: &str) -> Result<(String, Scene), BrainError> {
        if let Some(memory) = &self.memory {
            // What is to be put back need not be in view: the sentence names nothing yet.
            let scene = self.perception.begin("")?;
            if let Some(plain) = put_back_instruction(memory.store(), &scene, said)? {
                let line = format!("{said}: that is, {plain}");
                if self.story.lines.last() != Some(&line) {
                    self.story.lines.push(line);
                }
                let scene = self.perception.begin(&plain)?;
                return Ok((plain, scene));
            }
        }
        Ok((said.to_string(), self.perception.begin(said)?))
    }
}
