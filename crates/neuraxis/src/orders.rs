//! Tasks that another program (ROS) gives as goals: what it is told of them, and when they are over.

use neuraxis_brainstem::{BodyState, Mode};
use neuraxis_channel::{MailboxReader, RingReceiver, RingSender};
use neuraxis_core::{Joints, Nanos, TaskOrder, TaskReport, TaskState};

use crate::{realtime::Drive, threads::Shared};

/// An arm that is told to move slower than this is told to hold still [rad/s].
const TOLD_STILL_RAD_S: f64 = 1e-3;
/// An arm that measures less than this holds still: encoders are noisy [rad/s].
const STILL_RAD_S: f64 = 0.02;
/// By then the body has heard that a task is to end.
const HEARD: Nanos = Nanos::from_millis(50);
/// An arm that was told to hold still, and is still measured to move after this, is said to.
const PATIENCE: Nanos = Nanos::from_millis(3000);
/// Why an arm that somebody else leads, or nobody, has no goals here.
const ONLY_WATCHED: &str = "the arm is only watched and nothing is sent to it, so that no goal is carried out; \
    an instruction on the topic shows what the policy wants (`--shadow`, or weights that do not fit: `differs`)";

/// How a task goes.
pub struct Account {
    /// What is being done; at the end, why it ended so.
    pub words: String,
    /// Share of the plan's steps that are done, 0 to 1.
    pub progress: f32,
    /// Whether its goal was met, once it is over.
    pub ended: Option<bool>,
}

/// When a policy's task is over: it does not know itself.
pub struct Judge {
    /// The only sentence that the simulator judges: the scene's own. On a real arm there is none.
    pub instruction: Option<String>,
    /// Longest that a task may take.
    pub limit: Nanos,
}

impl Judge {
    fn account(&self, words: &str, taken: Nanos, reached: u32, shared: &Shared) -> Account {
        let is_judged = self.instruction.as_deref() == Some(words);
        let (words, ended) = if is_judged && shared.succeeded.is_raised() {
            ("the simulator's judge has seen the goal met".into(), Some(true))
        } else if is_judged && shared.failed.is_raised() {
            ("the simulator's judge says that the goal can no longer be met".into(), Some(false))
        } else if taken > self.limit {
            let secs = self.limit.secs();
            (
                format!("no end was seen in {secs:.0} s; a policy without a brain does not know when it is done"),
                Some(false),
            )
        } else {
            (format!("on the way to key-frame {}", reached + 1), None)
        };
        if ended == Some(false) {
            shared.task_failed.raise();
        }
        Account { words, progress: if ended == Some(true) { 1.0 } else { 0.0 }, ended }
    }
}

/// The thread that thinks takes orders here, and says here how they go.
pub struct Orders {
    /// From outside.
    pub orders: RingReceiver<TaskOrder>,
    /// To whom gave the task.
    pub reports: RingSender<TaskReport>,
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    drive: Drive,
    /// The task under way, if somebody wants to know.
    current: Option<Assignment>,
}

struct Assignment {
    goal: u32,
    words: String,
    since: Nanos,
    /// Latches of the arm until then.
    latches: u32,
    /// Since when it is to end.
    ending: Option<Nanos>,
}

impl Orders {
    /// With nothing under way.
    pub fn new(
        orders: RingReceiver<TaskOrder>,
        reports: RingSender<TaskReport>,
        body: MailboxReader<Option<BodyState>>,
    ) -> Self {
        Self { orders, reports, body, drive: Drive::default(), current: None }
    }

    /// Of a run in which this moves the arm; the program's own thinker, unless it is said.
    pub fn of(mut self, drive: Drive) -> Self {
        self.drive = drive;
        self
    }

    /// What is to be done from now on, if that has changed: a task in words, or `None`: nothing, the arm holds still.
    ///
    /// An arm that was stopped and latched has nothing to do for its goal any more: a reset must not set it going again, however
    /// soon it came.
    pub fn news(&mut self, now: Nanos) -> Option<Option<String>> {
        let body = self.body.latest();
        let latches = body.map_or(0, |body| body.latches);
        let mut newest = None;
        while let Some(TaskOrder { goal, words }) = self.orders.pop() {
            if let (Drive::Shadow, Some(goal), Some(_)) = (self.drive, goal, &words) {
                // What is shown goes on.
                self.report(goal, TaskState::Failed, ONLY_WATCHED.into(), 0.0);
                continue;
            }
            match &words {
                Some(text) => {
                    self.conclude(TaskState::Failed, "another instruction took its place".into(), 0.0);
                    let words = text.clone();
                    self.current = goal.map(|goal| Assignment { goal, words, since: now, latches, ending: None });
                }
                None => match self.current.as_mut().filter(|assignment| Some(assignment.goal) == goal) {
                    Some(assignment) => assignment.ending = Some(now),
                    // It has ended already.
                    None => continue,
                },
            }
            newest = Some(words);
        }
        if let (Some(assignment), Some(body)) = (&self.current, body)
            && (body.mode == Mode::Latched || latches != assignment.latches)
        {
            let since = body.fault.map_or("was reset".into(), |fault| format!("holds until a reset: {fault}"));
            self.conclude(TaskState::Failed, format!("the arm was stopped and {since}"), 0.0);
            newest = Some(None);
        }
        newest
    }

    /// As [`Orders::tell`], for a policy that has reached so many key-frames.
    pub fn tell_of_policy(&mut self, now: Nanos, reached: u32, judge: &Judge, shared: &Shared) -> bool {
        let account = |words: &str, taken| judge.account(words, taken, reached, shared);
        self.tell_each(now, account)
    }

    /// Tells how it goes, if there is somebody to be told. True if the task is over with that.
    pub fn tell(&mut self, now: Nanos, account: impl FnOnce() -> Account) -> bool {
        self.tell_each(now, |_, _| account())
    }

    fn tell_each(&mut self, now: Nanos, account: impl FnOnce(&str, Nanos) -> Account) -> bool {
        let Some(Assignment { goal, words, since, ending, .. }) = &self.current else { return false };
        if let Some(ending) = *ending {
            let fastest = |qd: &Joints| qd.iter().fold(0.0, |most: f64, qd| most.max(qd.abs()));
            let body = self.body.latest();
            let (told, moves) = body.map_or((0.0, 0.0), |b| (fastest(&b.commanded.qd), fastest(&b.state.qd)));
            let is_told = now - ending > HEARD && told < TOLD_STILL_RAD_S;
            if is_told && moves < STILL_RAD_S {
                self.conclude(TaskState::Cancelled, "told to end; the arm holds still".into(), 0.0);
            } else if is_told && now - ending > PATIENCE {
                let words = format!("told to end; the arm was told to hold still, and moves with {moves:.3} rad/s");
                self.conclude(TaskState::Cancelled, words, 0.0);
            } else {
                self.report(*goal, TaskState::Running, "comes to rest".into(), 0.0);
            }
            // What was under way has been ended when the order came.
            return false;
        }
        let Account { words, progress, ended } = account(words, now - *since);
        match ended {
            None => self.report(*goal, TaskState::Running, words, progress),
            Some(true) => self.conclude(TaskState::Succeeded, words, progress),
            Some(false) => self.conclude(TaskState::Failed, words, progress),
        }
        ended.is_some()
    }

    /// What was given last cannot be done, and why.
    pub fn refuse(&mut self, why: String) {
        self.conclude(TaskState::Failed, why, 0.0);
    }

    fn conclude(&mut self, state: TaskState, words: String, progress: f32) {
        if let Some(assignment) = self.current.take() {
            self.report(assignment.goal, state, words, progress);
        }
    }

    fn report(&self, goal: u32, state: TaskState, words: String, progress: f32) {
        self.reports.push_newest(TaskReport { goal, state, words, progress });
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_channel::{MailboxWriter, mailbox, ring};
    use neuraxis_core::{ArmState, Fault, SegmentState};

    use super::*;

    struct Outside {
        orders: RingSender<TaskOrder>,
        reports: RingReceiver<TaskReport>,
        body: MailboxWriter<Option<BodyState>>,
    }

    fn orders() -> (Orders, Outside) {
        let ((orders, orders_out), (reports_in, reports)) = (ring(4), ring(4));
        let (body, body_out) = mailbox(None);
        (Orders::new(orders_out, reports_in, body_out), Outside { orders, reports, body })
    }

    fn order(goal: Option<u32>, words: Option<&str>) -> TaskOrder {
        TaskOrder { goal, words: words.map(String::from) }
    }

    fn at(ms: u64) -> Nanos {
        Nanos::from_millis(ms)
    }

    fn body(mode: Mode, qd: f64) -> Option<BodyState> {
        let (zeros, moving) = (Joints::zeros(7), Joints::from_slice(&[qd; 7]).unwrap());
        Some(BodyState {
            now: at(0),
            state: ArmState {
                stamp: at(0),
                q: zeros,
                qd: moving,
                tau_nm: zeros,
                gripper_width_m: 0.08,
                grip_force_n: None,
            },
            commanded: SegmentState { q: zeros, qd: moving, qdd: zeros },
            feed_forward_nm: zeros,
            gripper_width_m: 0.08,
            mode,
            fault: (mode == Mode::Latched).then_some(Fault::StopRequested),
            latches: 0,
            speed_scale: 1.0,
        })
    }

    fn doing() -> Account {
        Account { words: "lifts".into(), progress: 0.5, ended: None }
    }

    fn heard(outside: &Outside) -> (u32, TaskState, String) {
        let report = outside.reports.pop().expect("a report");
        (report.goal, report.state, report.words)
    }

    #[test]
    fn a_goal_is_reported_until_it_ends_and_a_sentence_without_one_is_not() {
        let (mut orders, outside) = orders();
        outside.orders.push(order(None, Some("open the drawer")));
        assert_eq!(orders.news(at(0)), Some(Some("open the drawer".into())));
        assert!(!orders.tell(at(0), doing) && outside.reports.pop().is_none());
        outside.orders.push(order(Some(3), Some("close it")));
        assert_eq!(orders.news(at(10)), Some(Some("close it".into())));
        assert!(!orders.tell(at(10), doing));
        assert_eq!(heard(&outside), (3, TaskState::Running, "lifts".into()));
        assert!(orders.tell(at(20), || Account { words: "done".into(), progress: 1.0, ended: Some(true) }));
        assert_eq!(heard(&outside), (3, TaskState::Succeeded, "done".into()));
        assert!(!orders.tell(at(30), doing) && outside.reports.pop().is_none(), "it is over");
    }

    #[test]
    fn a_sentence_that_nobody_can_read_ends_its_goal_with_the_reason() {
        let (mut orders, outside) = orders();
        outside.orders.push(order(Some(2), Some("?")));
        let _ = orders.news(at(0));
        orders.refuse("it has no words".into());
        assert_eq!(heard(&outside), (2, TaskState::Failed, "it has no words".into()));
        assert!(!orders.tell(at(10), doing) && outside.reports.pop().is_none(), "it is over");
    }

    #[test]
    fn a_cancelled_goal_is_over_when_the_arm_holds_still() {
        let (mut orders, mut outside) = orders();
        outside.body.write(body(Mode::Track, 0.3));
        outside.orders.push(order(Some(1), Some("close it")));
        outside.orders.push(order(Some(1), None));
        assert_eq!(orders.news(at(0)), Some(None), "the newest counts");
        for (ms, qd, state) in
            [(20, 0.0, TaskState::Running), (100, 0.3, TaskState::Running), (200, 0.0, TaskState::Cancelled)]
        {
            outside.body.write(body(Mode::Track, qd));
            assert!(!orders.tell(at(ms), doing));
            assert_eq!(heard(&outside).1, state, "{ms} ms");
        }
        outside.orders.push(order(Some(1), None));
        assert_eq!(orders.news(at(300)), None, "it has ended already");
    }

    #[test]
    fn an_arm_that_is_told_to_hold_still_and_does_not_is_said_to() {
        let (mut orders, mut outside) = orders();
        let mut drifts = body(Mode::Track, 0.0).unwrap();
        drifts.state.qd = Joints::from_slice(&[0.1; 7]).unwrap();
        outside.body.write(Some(drifts));
        outside.orders.push(order(Some(1), Some("close it")));
        outside.orders.push(order(Some(1), None));
        orders.news(at(0));
        orders.tell(at(2900), doing);
        assert_eq!(heard(&outside).1, TaskState::Running);
        orders.tell(at(3100), doing);
        let (_, state, words) = heard(&outside);
        assert!(state == TaskState::Cancelled && words.contains("moves with 0.100 rad/s"), "{words}");
    }

    #[test]
    fn another_order_and_a_stop_end_a_goal_with_their_reasons() {
        let (mut orders, mut outside) = orders();
        outside.orders.push(order(Some(1), Some("close it")));
        outside.orders.push(order(None, Some("open it")));
        assert_eq!(orders.news(at(0)), Some(Some("open it".into())));
        let (goal, state, why) = heard(&outside);
        assert!(goal == 1 && state == TaskState::Failed && why.contains("another instruction"), "{why}");
        outside.orders.push(order(Some(2), Some("close it")));
        outside.body.write(body(Mode::Latched, 0.0));
        assert_eq!(orders.news(at(0)), Some(None), "nothing is left to do after the reset");
        let (goal, state, why) = heard(&outside);
        assert!(goal == 2 && state == TaskState::Failed && why.contains("StopRequested"), "{why}");
        assert_eq!(orders.news(at(0)), None, "said once");
    }

    #[test]
    fn sr08_a_stop_that_was_reset_before_anybody_looked_ends_a_goal_all_the_same() {
        let (mut orders, mut outside) = orders();
        outside.body.write(body(Mode::Track, 0.3));
        outside.orders.push(order(Some(1), Some("close it")));
        let _ = orders.news(at(0));
        let reset = body(Mode::Hold, 0.0).map(|body| BodyState { latches: 1, ..body });
        outside.body.write(body(Mode::Latched, 0.0).map(|body| BodyState { latches: 1, ..body }));
        outside.body.write(reset);
        assert_eq!(orders.news(at(100)), Some(None), "nothing is left to do");
        let (goal, state, why) = heard(&outside);
        assert!(goal == 1 && state == TaskState::Failed && why == "the arm was stopped and was reset", "{why}");
        // The next goal has nothing to do with that latch.
        outside.orders.push(order(Some(2), Some("close it")));
        assert_eq!(orders.news(at(200)), Some(Some("close it".into())));
        assert_eq!(orders.news(at(300)), None);
        assert!(!orders.tell(at(300), doing));
        assert_eq!(heard(&outside).1, TaskState::Running);
    }

    #[test]
    fn an_arm_that_is_only_watched_refuses_goals_at_once_and_takes_instructions() {
        let (orders, mut outside) = orders();
        let mut orders = orders.of(Drive::Shadow);
        outside.orders.push(order(None, Some("open the drawer")));
        assert_eq!(orders.news(at(0)), Some(Some("open the drawer".into())));
        // Somebody leads it away.
        outside.body.write(body(Mode::Latched, 0.3).map(|body| BodyState { latches: 1, ..body }));
        outside.orders.push(order(Some(1), Some("close it")));
        assert_eq!(orders.news(at(10)), None, "what is shown goes on");
        let (goal, state, why) = heard(&outside);
        assert!(goal == 1 && state == TaskState::Failed && why.contains("the arm is only watched"), "{why}");
        outside.orders.push(order(Some(1), None));
        assert_eq!(orders.news(at(20)), None, "it has ended already");
        outside.orders.push(order(None, Some("close it")));
        assert_eq!(orders.news(at(30)), Some(Some("close it".into())));
    }

    #[test]
    fn a_policy_is_judged_for_the_scenes_own_sentence_only_and_ends_at_its_limit() {
        let judge = Judge { instruction: Some("push the red button".into()), limit: at(1000) };
        let shared = Shared::default();
        assert_eq!(judge.account("push the red button", at(10), 2, &shared).ended, None);
        assert!(judge.account("push the red button", at(10), 2, &shared).words.ends_with("key-frame 3"));
        shared.succeeded.raise();
        assert_eq!(judge.account("push the red button", at(10), 2, &shared).ended, Some(true));
        assert_eq!(judge.account("push the blue button", at(10), 2, &shared).ended, None, "nobody judges that");
        let late = judge.account("push the blue button", at(1001), 2, &shared);
        assert!(late.ended == Some(false) && late.words.contains("1 s"), "{}", late.words);
    }
}
