//! What a real arm's cameras saw, joined with where the arm was then: the work of thread `cameras` on a robot.

use std::sync::Arc;

use anyhow::Result;
use neuraxis_brainstem::BodyState;
use neuraxis_channel::{MailboxReader, MailboxWriter, RingReceiver, mailbox};
use neuraxis_core::{CameraView, Joints, Nanos, Observation, Pose, Tool, World};
use neuraxis_robot::Robot;

use crate::threads::{CameraLinks, Rate, Shared, newest, periodic};

/// The body is looked at this often.
const LOOK: Nanos = Nanos::from_millis(5);
/// States kept: longer than a picture may be old.
const KEPT: usize = 256;
/// Without cameras an observation is made this often [Hz].
const BLIND_HZ: f64 = 20.0;

/// Where the arm was in the last second or so; travels in a mailbox.
#[derive(Copy, Clone)]
pub struct Whereabouts {
    /// Stamp, joint positions [rad] and finger distance [m], in order of time; the ring's oldest is at `next`.
    past: [(Nanos, Joints, f64); KEPT],
    next: usize,
    len: usize,
}

impl Whereabouts {
    /// Nothing is known yet.
    pub fn new(dof: usize) -> Self {
        Self { past: [(Nanos(0), Joints::zeros(dof), 0.0); KEPT], next: 0, len: 0 }
    }

    /// A state seen later than all others; one seen before is not kept twice.
    pub fn note(&mut self, stamp: Nanos, q: Joints, gripper_width_m: f64) {
        if self.at(self.len.saturating_sub(1)).is_some_and(|newest| newest.0 >= stamp) {
            return;
        }
        self.past[self.next] = (stamp, q, gripper_width_m);
        self.next = (self.next + 1) % KEPT;
        self.len = (self.len + 1).min(KEPT);
    }

    /// The i-th oldest.
    fn at(&self, i: usize) -> Option<&(Nanos, Joints, f64)> {
        (i < self.len).then(|| &self.past[(self.next + KEPT - self.len + i) % KEPT])
    }

    /// Joint positions [rad] and finger distance [m] at a time, between the two states around it; `None` before the
    /// oldest, and more than two looks after the newest.
    pub fn then(&self, time: Nanos) -> Option<(Joints, f64)> {
        let after = (0..self.len).find(|i| self.at(*i).is_some_and(|state| state.0 >= time));
        let Some(after) = after else {
            let newest = self.at(self.len.checked_sub(1)?)?;
            return (time - newest.0 <= LOOK + LOOK).then_some((newest.1, newest.2));
        };
        let b = self.at(after)?;
        if b.0 == time {
            return Some((b.1, b.2));
        }
        let a = self.at(after.checked_sub(1)?)?;
        let share = time.secs_since(a.0) / b.0.secs_since(a.0);
        let between = |a: f64, b: f64| a + share * (b - a);
        Some((Joints::from_fn(a.1.len(), |i| between(a.1[i], b.1[i])), between(a.2, b.2)))
    }
}

/// The two ends of where the arm was: for [`look`], and for whoever wants to know where the tool was.
pub fn whereabouts(dof: usize) -> (MailboxWriter<Whereabouts>, MailboxReader<Whereabouts>) {
    mailbox(Whereabouts::new(dof))
}

/// Where the tool was, X_WT.
pub fn tool_at(robot: &Robot, seen: &mut MailboxReader<Whereabouts>, time: Nanos) -> Option<Pose<World, Tool>> {
    seen.latest().then(time).map(|(q, _)| robot.world_from_tool(&q))
}

/// Views of one moment, and when that was.
pub type Views = (Nanos, Vec<CameraView>);

/// Makes observations of what the cameras saw, until the run is done. `wanted_hz` is for the report.
pub fn look(
    mut views: impl FnMut() -> Option<Views>,
    robot: &Robot,
    wanted_hz: f64,
    mut whereabouts: MailboxWriter<Whereabouts>,
    mut links: CameraLinks,
    shared: &Shared,
) -> Result<Rate> {
    let mut past = Whereabouts::new(robot.dof());
    let mut seq = 0;
    let rate = periodic("cameras", LOOK, &shared.done, |_| {
        let Some(body) = links.body.latest() else { return Ok(false) };
        note(&mut past, &body);
        whereabouts.write(past);
        let (Some(mind), Some((stamp, cameras))) = (links.minds.latest(), views()) else { return Ok(false) };
        // Seen before the arm was heard of: nobody knows where it was.
        let Some((q, gripper_width_m)) = past.then(stamp) else { return Ok(false) };
        let world_from_tool = robot.world_from_tool(&q);
        let progress = mind.progress;
        let observation = Observation { seq, stamp, cameras, q, world_from_tool, gripper_width_m, progress };
        seq += 1;
        links.give(observation);
        Ok(true)
    })?;
    Ok(Rate { wanted_hz, ..rate })
}

/// The newest set of a ring, as [`look`] takes it.
pub fn newest_of<S: Send>(ring: RingReceiver<S>, views: impl Fn(S) -> Views) -> impl FnMut() -> Option<Views> {
    move || newest(&ring).map(&views)
}

/// Observations without images, for what needs none.
pub fn blind(robot: Arc<Robot>, mut links: CameraLinks, shared: &Shared) -> Result<Rate> {
    let mut seq = 0;
    periodic("cameras", Nanos::from_secs(1.0 / BLIND_HZ), &shared.done, |_| {
        let (Some(body), Some(mind)) = (links.body.latest(), links.minds.latest()) else { return Ok(false) };
        let (stamp, q, gripper_width_m) = (body.state.stamp, body.state.q, body.state.gripper_width_m);
        let (world_from_tool, progress) = (robot.world_from_tool(&q), mind.progress);
        let cameras = Vec::new();
        links.give(Observation { seq, stamp, cameras, q, world_from_tool, gripper_width_m, progress });
        seq += 1;
        Ok(true)
    })
}

fn note(past: &mut Whereabouts, body: &BodyState) {
    if body.state.q.is_finite() {
        past.note(body.state.stamp, body.state.q, body.state.gripper_width_m);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    #[test]
    fn where_the_arm_was_is_found_between_states_and_not_beyond_them() {
        let mut past = Whereabouts::new(1);
        assert_eq!(past.then(ms(5)), None);
        for n in 0..1000 {
            past.note(ms(5 * n), Joints::from_fn(1, |_| n as f64), 0.01);
            past.note(ms(5 * n), Joints::from_fn(1, |_| -1.0), 0.01);
        }
        let q = |time| past.then(time).map(|(q, _)| q[0]);
        assert_eq!((q(ms(4995)), q(ms(4990))), (Some(999.0), Some(998.0)));
        assert!((q(ms(4988)).unwrap() - 997.6).abs() < 1e-9);
        assert_eq!((q(ms(5003)), q(ms(5006))), (Some(999.0), None));
        // 256 states of 5 ms.
        assert_eq!((q(ms(5 * 744)), q(ms(5 * 744 - 1))), (Some(744.0), None));
    }
}
