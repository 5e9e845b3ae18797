//! Which frames of a recording are its key-frames.
//!
//! PerAct's heuristic (Shridhar, Manuelli, Fox 2022, section 3.2; James and Davison 2022 before): frames at which the
//! gripper has changed, at which the arm stands while the gripper does not change, and the last one. Unlike PerAct's, the
//! first two frames are never compared with the last two, and the pause after a stop is a time, because not everybody
//! records 20 frames a second.

use neuraxis_core::Nanos;

use crate::Moment;

/// Joints that are slower stand [rad/s].
const STILL_RAD_S: f64 = 0.1;
/// After a stop no other one is seen for so long: more than four of RLBench's frames, less than five [s].
const DEAD_SECS: f64 = 0.225;

/// Numbers of the key-frames, increasing. Without velocities the arm's speed is taken from its positions; without
/// those, no stop is seen.
pub fn keyframes(moments: &[Moment]) -> Vec<usize> {
    let gripper = |t: usize| moments.get(t).map(|moment| moment.gripper);
    let count = moments.len();
    let mut found: Vec<usize> = Vec::new();
    let mut before = gripper(0);
    let mut stopped: Option<Nanos> = None;
    for (t, moment) in moments.iter().enumerate() {
        let is_calm = t >= 2 && t + 2 < count && [t - 2, t - 1, t + 1].iter().all(|u| gripper(*u) == gripper(t));
        let is_rested = stopped.is_none_or(|at| moment.stamp.secs_since(at) > DEAD_SECS);
        let stands = is_rested && is_calm && is_slow(moments, t);
        if stands {
            stopped = Some(moment.stamp);
        }
        let is_last = t + 1 == count;
        if t > 0 && (gripper(t) != before || is_last || stands) {
            found.push(t);
        }
        before = gripper(t);
    }
    // The last frame is no second key-frame after a change just before it.
    if let [.., second, last] = found[..]
        && last == second + 1
    {
        found.remove(found.len() - 2);
    }
    found
}

/// True if every joint is known to be slow.
fn is_slow(moments: &[Moment], t: usize) -> bool {
    let Some(moment) = moments.get(t) else { return false };
    if let Some(qd) = &moment.qd {
        return qd.iter().all(|speed| speed.abs() <= STILL_RAD_S);
    }
    let (Some(next), Some(last)) = (moments.get(t + 1), t.checked_sub(1).and_then(|t| moments.get(t))) else {
        return false;
    };
    let (Some(q), Some(q_before)) = (&next.q, &last.q) else { return false };
    let secs = next.stamp.secs_since(last.stamp);
    secs > 0.0
        && q.len() == q_before.len()
        && q.iter().zip(q_before.iter()).all(|(a, b)| (a - b).abs() <= STILL_RAD_S * secs)
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Gripper, Joints};

    use super::*;

    /// From speed [rad/s] and gripper of each frame, 20 a second.
    fn moments(of: impl IntoIterator<Item = (f64, Gripper)>) -> Vec<Moment> {
        of.into_iter()
            .enumerate()
            .map(|(t, (speed, gripper))| Moment {
                stamp: Nanos::from_millis(50 * t as u64),
                gripper: Some(gripper),
                qd: Joints::from_slice(&[0.0, speed, 0.0, -speed, 0.0, 0.0, 0.0]),
                ..Moment::default()
            })
            .collect()
    }

    #[test]
    fn changes_stops_and_the_end_are_key_frames() {
        use Gripper::{Closed, Open};
        // Moves, stands for three frames, moves, closes, moves to the end.
        let fast = |count, gripper| std::iter::repeat_n((0.5, gripper), count);
        let still = |count, gripper| std::iter::repeat_n((0.01, gripper), count);
        let script =
            fast(10, Open).chain(still(3, Open)).chain(fast(7, Open)).chain(still(3, Closed)).chain(fast(5, Closed));
        assert_eq!(keyframes(&moments(script)), [10, 20, 22, 27]);
        // A change in the frame before the last one is the last one.
        assert_eq!(keyframes(&moments(fast(9, Open).chain(fast(2, Closed)))), [10]);
        // One that stands all the time stops every five frames.
        assert_eq!(keyframes(&moments(still(14, Open))), [2, 7, 13]);
        assert_eq!(keyframes(&moments(still(1, Open))), [0usize; 0]);
        assert_eq!(keyframes(&[]), [0usize; 0]);
    }

    #[test]
    fn speed_comes_from_positions_where_it_was_not_recorded() {
        let at = |t: u64, q: Option<f64>| Moment {
            stamp: Nanos::from_millis(50 * t),
            q: q.and_then(|q| Joints::from_slice(&[q])),
            ..Moment::default()
        };
        // Moves, stands for four frames, moves on; a frame beside which nothing is known is no stop.
        let positions = [0.0, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 0.4, 0.5];
        let known: Vec<Moment> = positions.iter().enumerate().map(|(t, q)| at(t as u64, Some(*q))).collect();
        assert_eq!(keyframes(&known), [4, 8]);
        let unknown: Vec<Moment> = (0..9).map(|t| at(t, None)).collect();
        assert_eq!(keyframes(&unknown), [8]);
    }
}
