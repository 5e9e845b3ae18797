//! What calls are for, how many a task may make (R5), and what they cost.

use std::{collections::BTreeMap, time::Duration};

use super::{error::VlmError, reply::Reply};

/// What a call is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Which dialect the server speaks. Belongs to no task.
    Probe,
    /// A plan.
    Plan,
    /// A plan again, with what was wrong with the first.
    Repair,
    /// Which things are in view. The brain does not ask this: its things come from clouds.
    Ground,
    /// Whether a fact holds that nothing else can tell (M4).
    Check,
}

impl Purpose {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Plan => "plan",
            Self::Repair => "repair",
            Self::Ground => "ground",
            Self::Check => "check",
        }
    }
}

/// Calls that a task has left.
#[derive(Clone, Debug)]
pub struct Budget {
    most: u32,
    spent: u32,
}

impl Budget {
    /// Of so many calls.
    pub fn new(most: u32) -> Self {
        Self { most, spent: 0 }
    }

    /// Takes one call out of it.
    pub fn take(&mut self, purpose: Purpose) -> Result<(), VlmError> {
        if purpose == Purpose::Probe {
            return Ok(());
        }
        if self.spent >= self.most {
            return Err(VlmError::Budget { purpose, most: self.most });
        }
        self.spent += 1;
        Ok(())
    }

    /// Calls that are left.
    pub fn left(&self) -> u32 {
        self.most - self.spent
    }

    /// A new task: full again.
    pub fn refill(&mut self) {
        self.spent = 0;
    }
}

/// What the calls for one purpose cost.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls.
    pub calls: u32,
    /// Requests that were sent, second tries included.
    pub requests: u32,
    /// Calls without a readable answer.
    pub failures: u32,
    /// Tokens read by the model, as the server counts them.
    pub tokens_in: u64,
    /// Tokens written by it.
    pub tokens_out: u64,
    /// Time of all calls.
    pub time: Duration,
    /// Time of the longest.
    pub longest: Duration,
}

/// Costs by purpose, since the client was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs(BTreeMap<Purpose, Cost>);

impl Costs {
    /// For one purpose.
    pub fn of(&self, purpose: Purpose) -> Cost {
        self.0.get(&purpose).copied().unwrap_or_default()
    }

    /// Calls within tasks: the probe is none.
    pub fn calls(&self) -> u32 {
        self.total().calls
    }

    /// Of all calls within tasks, whatever for.
    pub fn total(&self) -> Cost {
        let within = self.0.iter().filter(|(purpose, _)| **purpose != Purpose::Probe);
        within.fold(Cost::default(), |sum, (_, cost)| Cost {
            calls: sum.calls + cost.calls,
            requests: sum.requests + cost.requests,
            failures: sum.failures + cost.failures,
            tokens_in: sum.tokens_in + cost.tokens_in,
            tokens_out: sum.tokens_out + cost.tokens_out,
            time: sum.time + cost.time,
            longest: sum.longest.max(cost.longest),
        })
    }

    pub(super) fn add(&mut self, purpose: Purpose, requests: u32, time: Duration, reply: Option<&Reply>) {
        let cost = self.0.entry(purpose).or_default();
        cost.calls += 1;
        cost.requests += requests;
        cost.failures += u32::from(reply.is_none());
        cost.tokens_in += reply.map_or(0, |reply| u64::from(reply.tokens_in));
        cost.tokens_out += reply.map_or(0, |reply| u64::from(reply.tokens_out));
        cost.time += time;
        cost.longest = cost.longest.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_so_many_calls_and_probes_are_none_of_them() {
        let mut budget = Budget::new(2);
        assert_eq!(budget.take(Purpose::Probe), Ok(()));
        assert_eq!(budget.take(Purpose::Plan), Ok(()));
        assert_eq!(budget.take(Purpose::Repair), Ok(()));
        let error = budget.take(Purpose::Check).unwrap_err();
        assert_eq!(error.to_string(), "no check call: the 2 calls of this task are spent");
        budget.refill();
        assert_eq!(budget.left(), 2);
    }
}
