//! What three kinds of controllers make of their commands: where each joint shall be now. No ROS in here.

use std::collections::VecDeque;

use neuraxis_core::{Joints, Nanos, SegmentState};

/// Positions as commands have no velocity: it is their difference over this time.
const WINDOW: Nanos = Nanos::from_millis(10);
/// After this time without a command a position does not move.
const STALE: Nanos = Nanos::from_millis(40);

/// After this time without a command a velocity counts no more, and each joint brakes so hard [rad/s2]: what whoever takes
/// velocities must do, for who gives them may be killed.
const VELOCITY_TIMEOUT: Nanos = Nanos::from_millis(100);
const BRAKE_RAD_S2: f64 = 2.5;

/// A point of a trajectory.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// After the start of the trajectory.
    pub(crate) after: Nanos,
    pub(crate) q: Joints,
    pub(crate) qd: Joints,
}

/// What commands the arm now.
enum Course {
    Hold,
    Positions(VecDeque<(Nanos, Joints)>),
    Velocities(Nanos, Joints),
    Trajectory { start: Nanos, from: Point, points: Vec<Point> },
}

/// Where the arm shall be.
pub(crate) struct Setpoint {
    now: Nanos,
    state: SegmentState,
    course: Course,
}

impl Setpoint {
    pub(crate) fn new(now: Nanos, q: Joints) -> Self {
        Self { now, state: at_rest(q), course: Course::Hold }
    }

    /// A command of a position controller.
    pub(crate) fn position(&mut self, now: Nanos, q: Joints) {
        if !matches!(self.course, Course::Positions(_)) {
            self.course = Course::Positions(VecDeque::new());
        }
        if let Course::Positions(told) = &mut self.course {
            told.push_back((now, q));
            // The newest one that is a window old stays, to compare with.
            while told.len() > 2 && told.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
                told.pop_front();
            }
        }
    }

    /// A command of a velocity controller; it goes on until the next, or until it is too old.
    pub(crate) fn velocity(&mut self, now: Nanos, qd: Joints) {
        self.course = Course::Velocities(now, qd);
    }

    /// A command of a trajectory controller, from where the arm is; it ends at its last point.
    pub(crate) fn trajectory(&mut self, now: Nanos, points: Vec<Point>) {
        let from = Point { after: Nanos(0), q: self.state.q, qd: self.state.qd };
        self.course = Course::Trajectory { start: now, from, points };
    }

    /// Where it shall be now.
    pub(crate) fn at(&mut self, now: Nanos) -> SegmentState {
        let dt_secs = (now - self.now).secs();
        self.now = now;
        self.state = match &self.course {
            Course::Hold => at_rest(self.state.q),
            Course::Positions(told) => match (told.front(), told.back()) {
                (Some((first, before)), Some((last, q))) => {
                    let secs = (*last - *first).secs();
                    let moves = secs > 0.0 && now - *last < STALE;
                    let rate = |i: usize| if moves { (q[i] - before[i]) / secs } else { 0.0 };
                    SegmentState { qd: Joints::from_fn(q.len(), rate), ..at_rest(*q) }
                }
                _ => at_rest(self.state.q),
            },
            Course::Velocities(told, qd) => {
                let braked_rad_s = BRAKE_RAD_S2 * (now - (*told + VELOCITY_TIMEOUT)).secs();
                let left = |i: usize| qd[i].signum() * (qd[i].abs() - braked_rad_s).max(0.0);
                let qd = Joints::from_fn(qd.len(), left);
                let q = Joints::from_fn(qd.len(), |i| self.state.q[i] + dt_secs * qd[i]);
                SegmentState { qd, ..at_rest(q) }
            }
            Course::Trajectory { start, from, points } => along(from, points, now - *start),
        };
        self.state
    }
}

/// Cubic between the points, at rest after the last.
fn along(from: &Point, points: &[Point], after: Nanos) -> SegmentState {
    let mut before = from;
    for point in points {
        if after < point.after {
            let secs = (point.after - before.after).secs();
            let s = (after - before.after).secs() / secs;
            let (a, b) = (before, point);
            let q = |i: usize| {
                let (rest, slope_a, slope_b) = (b.q[i] - a.q[i], secs * a.qd[i], secs * b.qd[i]);
                a.q[i]
                    + s * (slope_a + s * (3.0 * rest - 2.0 * slope_a - slope_b + s * (slope_a + slope_b - 2.0 * rest)))
            };
            let qd = |i: usize| {
                let (rest, slope_a, slope_b) = (b.q[i] - a.q[i], secs * a.qd[i], secs * b.qd[i]);
                let bend = 2.0 * (3.0 * rest - 2.0 * slope_a - slope_b) + 3.0 * s * (slope_a + slope_b - 2.0 * rest);
                (slope_a + s * bend) / secs
            };
            let dof = a.q.len();
            return SegmentState { q: Joints::from_fn(dof, q), qd: Joints::from_fn(dof, qd), qdd: Joints::zeros(dof) };
        }
        before = point;
    }
    at_rest(before.q)
}

fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f64) -> Joints {
        Joints::from_slice(&[value]).unwrap()
    }

    fn ms(ms: u64) -> Nanos {
        Nanos::from_millis(ms)
    }

    #[test]
    fn positions_are_followed_with_their_own_speed_and_held_in_silence() {
        let mut setpoint = Setpoint::new(ms(0), one(1.0));
        assert_eq!(setpoint.at(ms(5)), at_rest(one(1.0)));
        for k in 0..20 {
            setpoint.position(ms(10 + 2 * k), one(1.0 + 0.001 * k as f64));
        }
        let state = setpoint.at(ms(49));
        assert_eq!(state.q, one(1.019));
        assert!((state.qd[0] - 0.5).abs() < 1e-9, "{}", state.qd[0]);
        assert_eq!(setpoint.at(ms(200)), at_rest(one(1.019)));
    }

    #[test]
    fn velocities_are_added_up_until_the_next() {
        let mut setpoint = Setpoint::new(ms(0), one(1.0));
        setpoint.velocity(ms(0), one(0.5));
        assert!((setpoint.at(ms(100)).q[0] - 1.05).abs() < 1e-9);
        setpoint.velocity(ms(100), one(0.0));
        assert!((setpoint.at(ms(200)).q[0] - 1.05).abs() < 1e-9);
    }

    #[test]
    fn a_velocity_that_nobody_repeats_is_braked_to_rest() {
        let mut setpoint = Setpoint::new(ms(0), one(1.0));
        setpoint.velocity(ms(0), one(-0.5));
        let mut qd = -0.5;
        // 100 ms of patience, 200 ms of braking.
        for k in 1..=30 {
            let state = setpoint.at(ms(10 * k));
            assert!((state.qd[0] - qd).abs() <= BRAKE_RAD_S2 * 0.01 + 1e-9 && state.qd[0] <= 0.0, "{qd}, {state:?}");
            qd = state.qd[0];
            assert!(k > 10 || qd == -0.5, "braked after {k}0 ms");
        }
        let end = setpoint.at(ms(310));
        assert!((end.q[0] - 0.9).abs() < 0.01 && end.qd == one(0.0), "{end:?}");
        assert_eq!(setpoint.at(ms(5000)), at_rest(end.q));
    }

    #[test]
    fn a_trajectory_that_brakes_evenly_does_and_ends_at_rest() {
        let mut setpoint = Setpoint::new(ms(0), one(0.0));
        let (start, end) =
            (Point { after: ms(100), q: one(0.0), qd: one(1.0) }, Point { after: ms(300), q: one(0.1), qd: one(0.0) });
        setpoint.trajectory(ms(0), vec![start, end]);
        let before = setpoint.at(ms(100));
        assert!((before.qd[0] - 1.0).abs() < 1e-9);
        for k in 1..=20 {
            let state = setpoint.at(ms(100 + 10 * k));
            assert!((state.qd[0] - (1.0 - 0.05 * k as f64)).abs() < 1e-9, "{k}: {}", state.qd[0]);
        }
        assert_eq!(setpoint.at(ms(400)), at_rest(one(0.1)));
    }
}
