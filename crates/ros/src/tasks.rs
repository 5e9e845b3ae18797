//! Tasks as goals of the action: which are taken, what is handed on, and what the client is told.

use std::time::{Duration, Instant};

use neuraxis_channel::{RingReceiver, RingSender};
use neuraxis_core::{TaskOrder, TaskReport, TaskState};
use r2r::{
    Node,
    builtin_interfaces::msg::Time,
    neuraxis_msgs::action::ExecuteTask::{Action, Feedback, Result as TaskResult},
};

use crate::{
    RosConfig, RosError, RosStats,
    action::{ActionServer, Ended, GoalRequest},
    instruction,
    lifecycle::State,
    topics,
};

/// Feedback goes out at this period.
const FEEDBACK: Duration = Duration::from_millis(200);
/// Who carries tasks out reports at its own rate; one that says nothing for this long is not there any more.
const SILENCE: Duration = Duration::from_secs(5);

/// One task at a time, told as a goal.
pub(crate) struct Tasks {
    server: ActionServer<Action>,
    orders: RingSender<TaskOrder>,
    reports: RingReceiver<TaskReport>,
    running: Option<Running>,
    goals: u32,
    max_chars: usize,
    logger: String,
}

/// What the client is told next.
struct Running {
    goal: u32,
    began: Instant,
    heard: Instant,
    fed_back: Instant,
    doing: String,
    progress: f32,
}

impl Tasks {
    pub(crate) fn new(
        node: &mut Node,
        config: &RosConfig,
        orders: RingSender<TaskOrder>,
        reports: RingReceiver<TaskReport>,
    ) -> Result<Self, RosError> {
        Ok(Self {
            server: ActionServer::new(node, topics::EXECUTE_TASK)?,
            orders,
            reports,
            running: None,
            goals: 0,
            max_chars: config.instruction_max_chars,
            logger: node.logger().to_string(),
        })
    }

    /// Longest instruction taken from here on [characters].
    pub(crate) fn set_max_chars(&mut self, max_chars: usize) {
        self.max_chars = max_chars;
    }

    /// Takes what has arrived; returns how many requests that were.
    pub(crate) fn gather(&mut self) -> usize {
        self.server.gather()
    }

    /// Acts on what was gathered and on what was reported. `stamp`: now, as messages have it. `is_replaced`: an
    /// instruction on the topic was just handed on, and ends the goal that ran.
    pub(crate) fn act(&mut self, stamp: &Time, state: State, is_replaced: bool, stats: &mut RosStats) {
        self.hear(stats);
        if is_replaced {
            let ended = if self.server.is_canceling() { Ended::Canceled } else { Ended::Aborted };
            self.finish(ended, "an instruction on the topic took its place", stats);
        }
        for request in self.server.take_goals() {
            self.consider(request, stamp, state, stats);
        }
        if self.server.answer_cancels(stats) {
            self.hand_on(None, stats);
        }
        self.server.answer_results(stats);
        self.feed_back(stats);
    }

    /// Nothing more will be done. True if a goal was under way: its client may yet ask for the result.
    pub(crate) fn close(&mut self, stats: &mut RosStats) -> bool {
        let was_busy = self.server.is_busy();
        self.finish(Ended::Aborted, "the program ends", stats);
        was_busy
    }

    /// Answers those who ask how a goal ended, and nothing else.
    pub(crate) fn say_farewell(&mut self, stats: &mut RosStats) {
        self.server.gather();
        self.server.answer_results(stats);
    }

    fn hear(&mut self, stats: &mut RosStats) {
        while let Some(TaskReport { goal, state, words, progress }) = self.reports.pop() {
            // What is said of a goal that has ended comes late.
            let Some(running) = self.running.as_mut().filter(|running| running.goal == goal) else { continue };
            let ended = match state {
                TaskState::Running => {
                    (running.doing, running.progress, running.heard) = (words, progress, Instant::now());
                    continue;
                }
                TaskState::Succeeded => Ended::Succeeded,
                TaskState::Failed => Ended::Aborted,
                TaskState::Cancelled => Ended::Canceled,
            };
            self.finish(ended, &words, stats);
        }
        if self.running.as_ref().is_some_and(|running| running.heard.elapsed() > SILENCE) {
            self.finish(Ended::Aborted, "nothing was heard of it for 5 s", stats);
            self.hand_on(None, stats);
        }
    }

    fn consider(&mut self, request: GoalRequest<Action>, stamp: &Time, state: State, stats: &mut RosStats) {
        let words = instruction::accept(&request.goal().instruction, self.max_chars, state).map(str::to_string);
        let words = match words.map_err(|refusal| refusal.to_string()) {
            Ok(_) if self.server.is_busy() => Err("another goal runs; cancel it first".to_string()),
            checked => checked,
        };
        match words {
            Ok(words) => {
                self.goals = self.goals.wrapping_add(1);
                let now = Instant::now();
                let (goal, doing) = (self.goals, String::from("begins"));
                self.running = Some(Running { goal, began: now, heard: now, fed_back: now, doing, progress: 0.0 });
                self.hand_on(Some(words), stats);
                self.server.accept(request, stamp.clone(), stats);
                stats.goals += 1;
            }
            Err(why) => {
                stats.goals_refused += 1;
                // As with instructions: a flood of them must not become a flood of lines.
                if stats.goals_refused.is_power_of_two() {
                    let start: String = request.goal().instruction.chars().take(64).collect();
                    let count = stats.goals_refused;
                    r2r::log_warn!(&self.logger, "goal {start:?} refused: {why} ({count} refused so far)");
                }
                self.server.refuse(request, stamp.clone(), stats);
            }
        }
    }

    fn hand_on(&self, words: Option<String>, stats: &mut RosStats) {
        // What it pushes out nobody had read, and it would have ended it.
        if !self.orders.push_newest(TaskOrder { goal: Some(self.goals), words }) {
            stats.instructions_superseded += 1;
        }
    }

    fn feed_back(&mut self, stats: &mut RosStats) {
        let Some(running) = self.running.as_mut().filter(|running| running.fed_back.elapsed() >= FEEDBACK) else {
            return;
        };
        running.fed_back = Instant::now();
        let Running { doing, progress, began, .. } = &*running;
        let elapsed_secs = began.elapsed().as_secs_f64();
        self.server.publish_feedback(Feedback { doing: doing.clone(), progress: *progress, elapsed_secs }, stats);
    }

    fn finish(&mut self, ended: Ended, reason: &str, stats: &mut RosStats) {
        let Some(Running { began, .. }) = self.running.take() else { return };
        let (success, counter) = match ended {
            Ended::Succeeded => (true, &mut stats.goals_succeeded),
            Ended::Canceled => (false, &mut stats.goals_canceled),
            Ended::Aborted => (false, &mut stats.goals_aborted),
        };
        *counter += 1;
        let secs = began.elapsed().as_secs_f64();
        self.server.finish(ended, TaskResult { success, reason: reason.into(), secs }, stats);
    }
}
