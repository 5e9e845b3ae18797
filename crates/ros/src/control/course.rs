//! What is published, tick by tick, when the loop speaks, falls silent or comes back. No ROS in here.

use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos, SegmentState};
use neuraxis_motion::StopProfile;
use neuraxis_robot::JointLimits;

use super::arm::Given;

/// A course begins with a command this near to the measured position [rad].
const BEGIN_RAD: f64 = 0.05;
/// Commands that come back while the node brakes go on from there within these two [rad], [rad/s]: a loop that was held
/// up for a moment, not one that was away.
const RESUME_RAD: f64 = 0.005;
const RESUME_RAD_S: f64 = 0.05;

/// A command from which a course may begin anew at a measured position.
pub(crate) fn begins_at(command: &ArmCommand, measured: &Joints) -> bool {
    is_near(command, measured) && command.qd.iter().all(|qd| *qd == 0.0)
}

fn is_near(command: &ArmCommand, measured: &Joints) -> bool {
    command.q.max_abs_diff(measured) <= BEGIN_RAD
}

/// What is to be published.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing: no command was ever published.
    Nothing,
    /// This.
    Move(SegmentState),
    /// The arm stands where it was told to; whoever commands velocities says zero.
    Rest,
}

/// Times that something was noticed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// The loop fell silent.
    pub(crate) silences: u64,
    /// It came back before the arm was at rest, and went on.
    pub(crate) resumed: u64,
    /// Commands not published.
    pub(crate) refused: u64,
}

#[expect(clippy::large_enum_variant, reason = "there is one")]
#[derive(Copy, Clone, Debug)]
enum Stage {
    /// Nothing was published yet.
    Waiting,
    /// The loop's commands go out.
    Following,
    /// The node brakes by itself.
    Braking { profile: StopProfile, since: Nanos },
    /// At rest, and nothing goes out but zeros.
    Resting,
}

/// The course of the commands.
pub(crate) struct Course {
    stage: Stage,
    limits: Vec<JointLimits>,
    /// The loop is silent after this long without a command.
    silence: Nanos,
    last: SegmentState,
    is_refusing: bool,
    pub(crate) noticed: Noticed,
}

impl Course {
    pub(crate) fn new(limits: &[JointLimits], silence: Nanos) -> Self {
        let zero = Joints::zeros(limits.len());
        let last = SegmentState { q: zero, qd: zero, qdd: zero };
        let limits = limits.to_vec();
        Self { stage: Stage::Waiting, limits, silence, last, is_refusing: false, noticed: Noticed::default() }
    }

    /// The loop's commands are not published.
    pub(crate) fn is_refusing(&self) -> bool {
        self.is_refusing
    }

    /// Nothing moves by our doing.
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Resting)
    }

    /// `given`: the newest command, fresh or not; `None`: there shall be no more. `measured`: a state that is not too old.
    pub(crate) fn step(
        &mut self,
        now: Nanos,
        given: Option<&Given>,
        measured: Option<&ArmState>,
        has_rivals: bool,
    ) -> Step {
        let fresh = given.filter(|given| now - given.at <= self.silence).map(|given| &given.command);
        match self.stage {
            Stage::Waiting | Stage::Resting => {
                // The loop has only just begun, at the measured position too, and may be a step ahead by now; one that was
                // away must begin at rest.
                let rule: fn(&ArmCommand, &Joints) -> bool =
                    if matches!(self.stage, Stage::Waiting) { is_near } else { begins_at };
                let begins = |command: &&ArmCommand| measured.is_some_and(|state| rule(command, &state.q));
                match (fresh, measured) {
                    (None, _) => {}
                    (Some(_), Some(state)) if !has_rivals && fresh.as_ref().is_some_and(begins) => {
                        (self.stage, self.is_refusing) = (Stage::Following, false);
                        // The first command is the measured position itself.
                        return self.say(at_rest(&state.q));
                    }
                    _ => self.refuse(),
                }
                if matches!(self.stage, Stage::Waiting) { Step::Nothing } else { Step::Rest }
            }
            Stage::Following => match fresh {
                Some(command) => {
                    self.say(state_of(command));
                    if has_rivals && command.qd.iter().all(|qd| *qd == 0.0) {
                        // The loop has come to rest; from here on the arm is left to whoever else commands it.
                        self.stage = Stage::Resting;
                        self.refuse();
                    }
                    Step::Move(self.last)
                }
                None => {
                    // A loop that was told to end is not silent by mistake.
                    self.noticed.silences += u64::from(given.is_some());
                    let profile = StopProfile::from_state(&self.last, &self.limits);
                    self.stage = Stage::Braking { profile, since: now };
                    self.brake(now, profile, now)
                }
            },
            Stage::Braking { profile, since } => {
                let here = profile.at((now - since).secs());
                match fresh {
                    Some(command) if !has_rivals && continues(command, &here) => {
                        (self.stage, self.is_refusing) = (Stage::Following, false);
                        self.noticed.resumed += 1;
                        self.say(state_of(command))
                    }
                    Some(_) => {
                        self.refuse();
                        self.brake(since, profile, now)
                    }
                    None => self.brake(since, profile, now),
                }
            }
        }
    }

    fn brake(&mut self, since: Nanos, profile: StopProfile, now: Nanos) -> Step {
        let secs = (now - since).secs();
        if secs >= profile.secs() {
            self.stage = Stage::Resting;
            return self.say(at_rest(&profile.end()));
        }
        self.say(profile.at(secs))
    }

    fn say(&mut self, state: SegmentState) -> Step {
        self.last = state;
        Step::Move(state)
    }

    fn refuse(&mut self) {
        self.is_refusing = true;
        self.noticed.refused += 1;
    }
}

fn continues(command: &ArmCommand, here: &SegmentState) -> bool {
    command.q.max_abs_diff(&here.q) <= RESUME_RAD && command.qd.max_abs_diff(&here.qd) <= RESUME_RAD_S
}

fn state_of(command: &ArmCommand) -> SegmentState {
    SegmentState { q: command.q, qd: command.qd, qdd: command.qdd }
}

fn at_rest(q: &Joints) -> SegmentState {
    let zero = Joints::zeros(q.len());
    SegmentState { q: *q, qd: zero, qdd: zero }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JointLimits = JointLimits {
        lower_rad: -3.0,
        upper_rad: 3.0,
        velocity_rad_s: 2.0,
        acceleration_rad_s2: 5.0,
        jerk_rad_s3: 500.0,
        effort_nm: 10.0,
    };
    const PERIOD: Nanos = Nanos::from_millis(2);

    struct Rig {
        course: Course,
        now: Nanos,
        measured: Option<ArmState>,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                course: Course::new(&[LIMITS], Nanos::from_millis(20)),
                now: Nanos::from_millis(1000),
                measured: Some(measured(0.3)),
            }
        }

        fn step(&mut self, command: Option<ArmCommand>, has_rivals: bool) -> Step {
            self.now = self.now + PERIOD;
            let given = command.map(|command| Given { command, at: self.now });
            let old = Given { command: moving(0.3, 0.0), at: Nanos(0) };
            self.course.step(self.now, given.as_ref().or(Some(&old)), self.measured.as_ref(), has_rivals)
        }
    }

    fn one(value: f64) -> Joints {
        Joints::from_slice(&[value]).unwrap()
    }

    fn measured(q: f64) -> ArmState {
        let zero = Joints::zeros(1);
        ArmState { stamp: Nanos(0), q: one(q), qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None }
    }

    fn moving(q: f64, qd: f64) -> ArmCommand {
        ArmCommand { qd: one(qd), ..ArmCommand::hold(one(q), 0.08, 20.0) }
    }

    /// Brakes until rest and checks the limits on the way; returns where it ended.
    fn until_rest(rig: &mut Rig, mut q: f64, mut qd: f64) -> f64 {
        for _ in 0..1000 {
            match rig.step(None, false) {
                Step::Move(state) => {
                    let dt = PERIOD.secs();
                    assert!(
                        (state.qd[0] - qd).abs() <= LIMITS.acceleration_rad_s2 * dt + 1e-9,
                        "{qd} to {}",
                        state.qd[0]
                    );
                    assert!((state.q[0] - q).abs() <= (qd.abs() + 0.02) * dt, "{q} to {} at {qd}", state.q[0]);
                    (q, qd) = (state.q[0], state.qd[0]);
                }
                Step::Rest => {
                    assert_eq!(qd, 0.0, "at rest only after a command at rest");
                    return q;
                }
                Step::Nothing => panic!("something was published before"),
            }
        }
        panic!("never at rest");
    }

    #[test]
    fn nothing_goes_out_before_the_first_state_and_the_first_command_is_the_measured_position() {
        let mut rig = Rig::new();
        rig.measured = None;
        assert_eq!(rig.step(Some(moving(0.31, 0.0)), false), Step::Nothing);
        rig.measured = Some(measured(0.3));
        assert_eq!(rig.step(None, false), Step::Nothing);
        // Far away: no beginning.
        assert_eq!(rig.step(Some(moving(0.4, 0.0)), false), Step::Nothing);
        assert!(rig.course.is_refusing());
        assert_eq!(rig.step(Some(moving(0.31, 0.05)), false), Step::Move(at_rest(&one(0.3))));
        assert!(!rig.course.is_refusing());
        assert_eq!(rig.step(Some(moving(0.311, 0.1)), false), Step::Move(state_of(&moving(0.311, 0.1))));
        assert_eq!(rig.course.noticed.refused, 2);
    }

    #[test]
    fn a_loop_that_falls_silent_in_motion_is_braked_within_the_limits_and_then_rests() {
        let mut rig = Rig::new();
        rig.step(Some(moving(0.3, 0.0)), false);
        rig.step(Some(moving(0.3, 1.0)), false);
        let end = until_rest(&mut rig, 0.3, 1.0);
        assert!((0.38..0.45).contains(&end), "{end}");
        assert_eq!((rig.course.noticed.silences, rig.course.is_at_rest()), (1, true));
        // It comes back at speed somewhere else: refused, until it begins at the measured position.
        rig.measured = Some(measured(end));
        assert_eq!(rig.step(Some(moving(end + 0.5, 1.0)), false), Step::Rest);
        assert_eq!(rig.step(Some(moving(end, 0.1)), false), Step::Rest);
        assert!(rig.course.is_refusing());
        assert_eq!(rig.step(Some(moving(end, 0.0)), false), Step::Move(at_rest(&one(end))));
        assert!(!rig.course.is_refusing());
    }

    #[test]
    fn a_loop_that_was_held_up_for_a_moment_goes_on() {
        let mut rig = Rig::new();
        rig.step(Some(moving(0.3, 0.0)), false);
        rig.step(Some(moving(0.3, 0.5)), false);
        rig.step(None, false);
        let on_course = moving(0.301, 0.5);
        assert_eq!(rig.step(Some(on_course), false), Step::Move(state_of(&on_course)));
        assert_eq!((rig.course.noticed.silences, rig.course.noticed.resumed), (1, 1));
    }

    #[test]
    fn beside_a_rival_the_loop_comes_to_rest_and_then_nothing_goes_out() {
        let mut rig = Rig::new();
        assert_eq!(rig.step(Some(moving(0.3, 0.0)), true), Step::Nothing);
        rig.step(Some(moving(0.3, 0.0)), false);
        let braking = moving(0.31, 0.2);
        assert_eq!(rig.step(Some(braking), true), Step::Move(state_of(&braking)));
        let rest = moving(0.32, 0.0);
        assert_eq!(rig.step(Some(rest), true), Step::Move(state_of(&rest)));
        assert_eq!(rig.step(Some(rest), true), Step::Rest);
        // They are gone, and the loop holds where the arm is.
        assert_eq!(rig.step(Some(moving(0.3, 0.0)), false), Step::Move(at_rest(&one(0.3))));
    }

    #[test]
    fn a_run_that_ends_brakes_without_a_complaint() {
        let mut rig = Rig::new();
        rig.step(Some(moving(0.3, 0.0)), false);
        rig.step(Some(moving(0.3, 0.5)), false);
        rig.now = rig.now + PERIOD;
        assert!(matches!(rig.course.step(rig.now, None, None, false), Step::Move(_)));
        assert!(!rig.course.is_at_rest());
        until_rest(&mut rig, 0.3, 0.5);
        assert_eq!(rig.course.noticed.silences, 0);
    }
}
