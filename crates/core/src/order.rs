//! Tasks that come from outside: how they are told, and what is said about them.

/// What the arm shall do, as another program tells it. The newest counts: it ends what was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOrder {
    /// Names the task in reports; `None`: nobody wants to know.
    pub goal: Option<u32>,
    /// The task in words; `None`: what is under way ends, and the arm holds still.
    pub words: Option<String>,
}

/// How far a task is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Under way, or on its way to rest after it was told to end.
    Running,
    /// Its goal was seen to be met.
    Succeeded,
    /// It ended otherwise; nothing more is done about it.
    Failed,
    /// It was told to end, and the arm holds still.
    Cancelled,
}

/// How a task stands. The last one of a task is not [`TaskState::Running`].
#[derive(Clone, Debug, PartialEq)]
pub struct TaskReport {
    /// Which: [`TaskOrder::goal`].
    pub goal: u32,
    /// How far it is.
    pub state: TaskState,
    /// What it does now; at its end, why it ended so.
    pub words: String,
    /// Share of the steps of the plan in force that are done, 0 to 1. Where there is no plan, 0.
    pub progress: f32,
}
