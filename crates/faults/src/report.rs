//! What came out: for machines as JSON, for people as a grid.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{Cell, FaultKind, Source};

/// Result of a cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CellResult {
    /// Every assertion held.
    #[serde(rename = "ok")]
    Ok,
    /// One did not: `why` says which.
    #[serde(rename = "failed")]
    Failed,
    /// The fault cannot happen there: `why` says why not.
    #[serde(rename = "n/a")]
    NotApplicable,
}

/// One cell's line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellReport {
    /// Whose stream.
    pub source: Source,
    /// What happened to it.
    pub fault: FaultKind,
    /// How it went.
    pub result: CellResult,
    /// Messages, ticks or visits that the fault touched.
    pub delivered: u64,
    /// What was seen, what failed, or why the cell cannot apply.
    pub why: String,
}

/// Judgement of one run.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) ok: bool,
    pub(crate) delivered: u64,
    pub(crate) why: String,
}

impl CellReport {
    pub(crate) fn not_applicable(cell: Cell, why: &str) -> Self {
        let (source, fault) = (cell.source, cell.fault);
        Self { source, fault, result: CellResult::NotApplicable, delivered: 0, why: why.into() }
    }

    pub(crate) fn of(cell: Cell, verdict: Verdict) -> Self {
        let result = if verdict.ok { CellResult::Ok } else { CellResult::Failed };
        Self { source: cell.source, fault: cell.fault, result, delivered: verdict.delivered, why: verdict.why }
    }
}

/// The matrix, or the part of it that was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MatrixReport {
    /// Row by row.
    pub cells: Vec<CellReport>,
}

impl MatrixReport {
    /// Cells with a result.
    pub fn count(&self, result: CellResult) -> usize {
        self.cells.iter().filter(|cell| cell.result == result).count()
    }

    /// Rows are sources, columns faults: `ok`, `FAIL`, `-` for what cannot apply, blank for what was not run.
    pub fn grid(&self) -> String {
        let mut text = format!("{:<8}", "");
        for fault in FaultKind::ALL {
            let _ = write!(text, " {:>width$}", fault.name(), width = fault.name().len().max(4));
        }
        for source in Source::ALL {
            let _ = write!(text, "\n{:<8}", source.name());
            for fault in FaultKind::ALL {
                let cell = self.cells.iter().find(|cell| cell.source == *source && cell.fault == *fault);
                let word = match cell.map(|cell| cell.result) {
                    Some(CellResult::Ok) => "ok",
                    Some(CellResult::Failed) => "FAIL",
                    Some(CellResult::NotApplicable) => "-",
                    None => "",
                };
                let _ = write!(text, " {word:>width$}", width = fault.name().len().max(4));
            }
        }
        text + "\n"
    }
}
