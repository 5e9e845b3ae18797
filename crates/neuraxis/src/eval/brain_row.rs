//! What an evaluation of the brain tells beside success: plans, alarms, how soon a disturbance was noticed.

use neuraxis_brain::Peak;
use neuraxis_core::{Nanos, upper_median};
use neuraxis_executor::{Event, Reason, What};
use serde::{Deserialize, Serialize};

use crate::{brain::Story, lockstep::Outcome};

/// One episode's brain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainRow {
    /// Plans asked for, the first included.
    pub plans: u32,
    /// Calls of a vision-language model.
    pub vlm_calls: u32,
    /// Of these, after the first plan.
    #[serde(default)]
    pub vlm_recovery_calls: u32,
    /// Plans that were asked of it in vain.
    #[serde(default)]
    pub vlm_failures: u32,
    /// Why, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlm_why: Option<String>,
    /// Plans that came when nobody waited for them any more, and were not used.
    #[serde(default)]
    pub late_plans: u32,
    /// How it ended, by the brain's own account.
    #[serde(default)]
    pub ended: String,
    /// How far the tool went from where it was at first [m].
    #[serde(default)]
    pub tool_moved_m: f64,
    /// The first plan came from memory.
    pub reused: bool,
    /// Failures that were noticed: a guard, a maintained fact, a postcondition, the skill's own word.
    pub alarms: u32,
    /// Of these, before anything was disturbed.
    pub false_alarms: u32,
    /// Recoveries by level, L2 to L6.
    pub recoveries: [u32; 5],
    /// When something was disturbed [s].
    pub disturbed_at_secs: Option<f64>,
    /// From then to the first alarm [s].
    pub detect_secs: Option<f64>,
    /// Time without a disturbance [s].
    pub nominal_secs: f64,
    /// Highest scores of skills in which nothing went wrong, for `neuraxis calibrate`.
    pub peaks: Vec<Peak>,
}

/// A task's brain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainTable {
    /// Calls of a vision-language model.
    pub vlm_calls: u32,
    /// Of these, after the first plan.
    #[serde(default)]
    pub vlm_recovery_calls: u32,
    /// Plans that were asked of it in vain.
    #[serde(default)]
    pub vlm_failures: u32,
    /// Plans that came too late and were not used.
    #[serde(default)]
    pub late_plans: u32,
    /// Plans an episode.
    pub mean_plans: f64,
    /// Episodes whose first plan came from memory.
    pub reused: u32,
    /// Episodes in which something was disturbed, and in which an alarm followed.
    pub disturbed: u32,
    /// See `disturbed`.
    pub detected: u32,
    /// Median time to the alarm where there was one [s].
    pub detect_secs: Option<f64>,
    /// Alarms without a disturbance.
    pub false_alarms: u32,
    /// The same in ten minutes.
    pub false_alarms_per_ten_minutes: f64,
    /// Recoveries by level, L2 to L6.
    pub recoveries: [u32; 5],
}

/// Nobody can say that this is nothing: a try has failed.
fn is_alarm(event: &Event) -> bool {
    let about_recovery = matches!(event.reason, Some(Reason::NoAnswer | Reason::Budget(_) | Reason::Human));
    event.what == What::Failed && !about_recovery
}

impl BrainRow {
    /// From what happened, and when something was disturbed in truth.
    pub fn of(story: &Story, disturbed_at: Option<Nanos>, outcome: &Outcome) -> Self {
        let alarms = || story.told.iter().map(|(event, _)| event).filter(|event| is_alarm(event));
        let before = |event: &&Event| disturbed_at.is_none_or(|at| event.at < at);
        let detected =
            disturbed_at.and_then(|at| alarms().find(|event| event.at >= at).map(|event| event.at.secs_since(at)));
        Self {
            plans: story.plans,
            vlm_calls: story.model.calls,
            vlm_recovery_calls: story.model.calls - story.first_calls,
            vlm_failures: story.model.failures,
            vlm_why: story.model.why.clone(),
            late_plans: story.late_plans,
            ended: story.ended.clone(),
            tool_moved_m: (story.tool_moved_m * 1e4).round() / 1e4,
            reused: story.reused,
            alarms: alarms().count() as u32,
            false_alarms: alarms().filter(before).count() as u32,
            recoveries: story.recoveries,
            disturbed_at_secs: disturbed_at.map(Nanos::secs),
            detect_secs: detected,
            nominal_secs: disturbed_at.map_or(outcome.secs, Nanos::secs),
            peaks: story.peaks.iter().cloned().collect(),
        }
    }
}

impl BrainTable {
    /// Of the rows that have a brain; `None` if none has.
    pub fn of<'a>(rows: impl Iterator<Item = &'a BrainRow>) -> Option<Self> {
        let rows: Vec<&BrainRow> = rows.collect();
        let mut delays: Vec<f64> = rows.iter().filter_map(|row| row.detect_secs).collect();
        let sum = |of: fn(&BrainRow) -> u32| rows.iter().map(|row| of(row)).sum::<u32>();
        let nominal_secs: f64 = rows.iter().map(|row| row.nominal_secs).sum();
        let false_alarms = sum(|row| row.false_alarms);
        let mut recoveries = [0; 5];
        for (level, count) in recoveries.iter_mut().enumerate() {
            *count = rows.iter().map(|row| row.recoveries[level]).sum();
        }
        (!rows.is_empty()).then(|| Self {
            vlm_calls: sum(|row| row.vlm_calls),
            vlm_recovery_calls: sum(|row| row.vlm_recovery_calls),
            vlm_failures: sum(|row| row.vlm_failures),
            late_plans: sum(|row| row.late_plans),
            reused: rows.iter().filter(|row| row.reused).count() as u32,
            mean_plans: f64::from(sum(|row| row.plans)) / rows.len() as f64,
            disturbed: rows.iter().filter(|row| row.disturbed_at_secs.is_some()).count() as u32,
            detected: delays.len() as u32,
            detect_secs: upper_median(&mut delays),
            false_alarms,
            false_alarms_per_ten_minutes: 600.0 * f64::from(false_alarms) / nominal_secs.max(1e-9),
            recoveries,
        })
    }

    /// One line of the table that people read.
    pub fn line(&self) -> String {
        let [l2, l3, l4, l5, l6] = self.recoveries;
        let delay = self.detect_secs.map_or("-".into(), |secs| format!("{secs:.2} s"));
        format!(
            "plans {:.1} ({} from memory)  VLM calls {} ({} in recovery), plans in vain {}, late {}  noticed {}/{} after {delay}  false alarms {} ({:.1} in 10 min)  L2 {l2} L3 {l3} L4 {l4} L5 {l5} L6 {l6}",
            self.mean_plans,
            self.reused,
            self.vlm_calls,
            self.vlm_recovery_calls,
            self.vlm_failures,
            self.late_plans,
            self.detected,
            self.disturbed,
            self.false_alarms,
            self.false_alarms_per_ten_minutes,
        )
    }
}
