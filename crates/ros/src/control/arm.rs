//! The brainstem's end.

use std::sync::Arc;

use neuraxis_channel::{MailboxReader, MailboxWriter};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, Pacing};

use super::{ControlConfig, Role, course};

/// A command and when the loop gave it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub(crate) command: ArmCommand,
    pub(crate) at: Nanos,
}

/// What the node thinks of the loop's commands.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// They do not continue from where the arm is: they are not published.
    pub(crate) refused: Level,
    /// Somebody else commands the arm.
    pub(crate) rivals: Level,
    /// The fingers are not where they were told to be.
    pub(crate) gripper: Level,
}

/// Up or down, set by one thread and read by another. Orders nothing else.
#[derive(Debug, Default)]
pub(crate) struct Level(std::sync::atomic::AtomicBool);

impl Level {
    pub(crate) fn set(&self, up: bool) {
        // Relaxed: only the level itself is read; no other memory is published through it.
        self.0.store(up, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn is_up(&self) -> bool {
        // Relaxed: see `set`.
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// An arm behind ros2_control, for the brainstem's thread. Neither locks nor allocates.
///
/// Its rhythm is the clock's: the newest state counts, and a state that is older than the time-out is a failed read.
pub struct ControlArm {
    dof: usize,
    role: Role,
    timeout: Nanos,
    clock: Arc<dyn Clock>,
    states: MailboxReader<Option<ArmState>>,
    commands: MailboxWriter<Option<Given>>,
    verdict: Arc<Verdict>,
}

impl ControlArm {
    pub(crate) fn new(
        config: &ControlConfig,
        role: Role,
        clock: Arc<dyn Clock>,
        states: MailboxReader<Option<ArmState>>,
        commands: MailboxWriter<Option<Given>>,
        verdict: Arc<Verdict>,
    ) -> Self {
        let timeout = Nanos::from_secs(config.state_timeout_secs);
        Self { dof: config.joint_names.len(), role, timeout, clock, states, commands, verdict }
    }
}

impl Arm for ControlArm {
    fn dof(&self) -> usize {
        self.dof
    }

    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }

    fn is_real(&self) -> bool {
        true
    }

    /// Not finite until the first good state: the loop waits for it and latches nothing. Fails once the newest good state
    /// is older than the time-out.
    fn read(&mut self) -> Result<ArmState, Fault> {
        match self.states.latest() {
            None => Ok(unknown(self.dof)),
            Some(state) if self.clock.now() - state.stamp > self.timeout => Err(Fault::ReadFailed),
            Some(state) => Ok(state),
        }
    }

    /// Fails where the arm is only watched; and while the node does not publish what it is given, others command the same arm,
    /// or a gripper that says how its commands end has not done what it was told: then the command is left for the node
    /// nevertheless, it may be part of the way to rest.
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        let is_sound = |joints: &Joints| joints.len() == self.dof && joints.is_finite();
        let vectors = [&command.q, &command.qd, &command.qdd];
        let is_sound = vectors.into_iter().all(is_sound) && command.gripper_width_m.is_finite();
        if !is_sound || self.role == Role::Watches {
            return Err(Fault::WriteFailed);
        }
        self.commands.write(Some(Given { command: *command, at: self.clock.now() }));
        // The first command after a reset is one that the node will take, though it has not seen it yet.
        let begins_anew = |measured: ArmState| course::begins_at(command, &measured.q);
        let is_refused = self.verdict.refused.is_up() && !self.states.latest().is_some_and(begins_anew);
        if is_refused || self.verdict.rivals.is_up() || self.verdict.gripper.is_up() {
            Err(Fault::WriteFailed)
        } else {
            Ok(())
        }
    }
}

fn unknown(dof: usize) -> ArmState {
    let nan = Joints::from_fn(dof, |_| f64::NAN);
    ArmState { stamp: Nanos(0), q: nan, qd: nan, tau_nm: nan, gripper_width_m: f64::NAN, grip_force_n: None }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use neuraxis_channel::mailbox;

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Nanos {
            Nanos(self.0.load(Ordering::Relaxed))
        }
    }

    fn joints(values: [f64; 2]) -> Joints {
        Joints::from_slice(&values).unwrap()
    }

    type Rig = (ControlArm, Arc<Hand>, MailboxWriter<Option<ArmState>>, MailboxReader<Option<Given>>, Arc<Verdict>);

    fn rig() -> Rig {
        rig_of(Role::Drives)
    }

    fn rig_of(role: Role) -> Rig {
        let clock = Arc::new(Hand::default());
        let config = ControlConfig { joint_names: vec!["a".into(), "b".into()], ..Default::default() };
        let ((states_in, states), (commands_in, commands)) = (mailbox(None), mailbox(None));
        let verdict = Arc::new(Verdict::default());
        (
            ControlArm::new(&config, role, clock.clone(), states, commands_in, verdict.clone()),
            clock,
            states_in,
            commands,
            verdict,
        )
    }

    fn state(q: [f64; 2], stamp: Nanos) -> ArmState {
        let zero = Joints::zeros(2);
        ArmState { stamp, q: joints(q), qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None }
    }

    #[test]
    fn before_the_first_state_nothing_is_known_and_later_an_old_one_is_a_failed_read() {
        let (mut arm, clock, mut states, ..) = rig();
        assert!(arm.is_real() && !arm.read().unwrap().q.is_finite());
        states.write(Some(state([0.1, 0.2], Nanos(0))));
        clock.0.store(Nanos::from_millis(100).0, Ordering::Relaxed);
        assert_eq!(arm.read().unwrap().q, joints([0.1, 0.2]));
        clock.0.store(Nanos::from_millis(101).0, Ordering::Relaxed);
        assert_eq!(arm.read(), Err(Fault::ReadFailed));
    }

    #[test]
    fn an_arm_that_is_watched_is_read_and_takes_no_command() {
        let (mut arm, _, mut states, mut commands, _) = rig_of(Role::Watches);
        states.write(Some(state([0.1, 0.2], Nanos(0))));
        assert_eq!(arm.read().unwrap().q, joints([0.1, 0.2]));
        assert_eq!(arm.write(&ArmCommand::hold(joints([0.1, 0.2]), 0.08, 20.0)), Err(Fault::WriteFailed));
        assert_eq!(commands.fresh(), None);
    }

    #[test]
    fn a_command_is_left_for_the_node_and_nonsense_is_not() {
        let (mut arm, _, mut states, mut commands, verdict) = rig();
        states.write(Some(state([0.1, 0.2], Nanos(0))));
        let hold = ArmCommand::hold(joints([0.1, 0.2]), 0.08, 20.0);
        assert_eq!(arm.write(&ArmCommand { q: joints([f64::NAN, 0.0]), ..hold }), Err(Fault::WriteFailed));
        assert_eq!(arm.write(&ArmCommand { qd: Joints::zeros(3), ..hold }), Err(Fault::WriteFailed));
        assert_eq!(commands.fresh(), None);
        assert_eq!(arm.write(&hold), Ok(()));
        assert_eq!(commands.fresh().flatten().unwrap().command, hold);
        // What the node refuses fails, unless it begins anew at the measured position.
        verdict.refused.set(true);
        let far = ArmCommand { q: joints([0.5, 0.2]), ..hold };
        assert_eq!((arm.write(&far), arm.write(&hold)), (Err(Fault::WriteFailed), Ok(())));
        // Beside a rival everything fails, and goes out nevertheless.
        verdict.rivals.set(true);
        assert_eq!(arm.write(&hold), Err(Fault::WriteFailed));
        verdict.rivals.set(false);
        verdict.gripper.set(true);
        assert_eq!(arm.write(&hold), Err(Fault::WriteFailed));
        assert_eq!(commands.fresh().flatten().unwrap().command, hold);
    }
}
