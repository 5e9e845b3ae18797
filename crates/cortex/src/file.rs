//! Plans that somebody wrote down.

use std::path::PathBuf;

use crate::{CortexError, PlanRequest, Planner, Proposal};

/// Proposes the plan in a JSON file, whatever the instruction.
#[derive(Clone, Debug)]
pub struct PlanFile {
    path: PathBuf,
}

impl PlanFile {
    /// The file is read anew for every plan.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Planner for PlanFile {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        let error = |why: String| CortexError::File { path: self.path.display().to_string(), why };
        let text = std::fs::read_to_string(&self.path).map_err(|e| error(e.to_string()))?;
        let plan = serde_json::from_str(&text).map_err(|e| error(e.to_string()))?;
        Ok(Proposal { epoch: request.epoch, plan, source: "file" })
    }
}
