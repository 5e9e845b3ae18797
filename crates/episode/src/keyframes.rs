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
/// A tool this near to where it will rest is there [m], [rad].
const NEAR: [f64; 2] = [0.002, 0.01];
/// ... and this near to where it was found has only settled.
const SETTLED: [f64; 2] = [0.02, 0.1];

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

/// The key-frames of a recording in which the arm stands for as long as whoever leads it likes: of [`keyframes`], those of one
/// stand become one, at the first frame at which the tool is where it will rest; a stand at the beginning is none.
///
/// PerAct's heuristic sees a stop five times a second for as long as an arm stands, which episodes of a simulator never do
/// for long.
pub fn settled(moments: &[Moment]) -> Vec<usize> {
    let stands = |from: usize, to: usize| {
        let gripper = |t: usize| moments.get(t).map(|moment| moment.gripper);
        gripper(from) == gripper(to) && (from + 1..to).all(|t| is_slow(moments, t))
    };
    let mut found: Vec<usize> = Vec::new();
    // The stand that is looked at, from its first to its last key-frame; it may begin with the recording.
    let mut stand = (0, 0);
    for t in keyframes(moments) {
        if stands(stand.1, t) {
            stand.1 = t;
        } else {
            found.extend((stand.1 > 0).then(|| arrival(moments, stand)));
            stand = (t, t);
        }
    }
    // One that began with the recording is where the arm was found, unless it never left.
    let is_start = |t: &usize| stands(0, *t) && is_near(moments, 0, *t, SETTLED);
    found.extend((stand.1 > 0).then(|| arrival(moments, stand)));
    let whole = found.len();
    found.retain(|t| whole == 1 || !is_start(t));
    found
}

/// The first frame of a stand at which the tool is where it is at the stand's end.
fn arrival(moments: &[Moment], (first, last): (usize, usize)) -> usize {
    (first.max(1)..last).find(|t| is_near(moments, *t, last, NEAR)).unwrap_or(last)
}

fn is_near(moments: &[Moment], a: usize, b: usize, [far_m, far_rad]: [f64; 2]) -> bool {
    let pose = |t: usize| moments.get(t).and_then(|moment| moment.world_from_tool);
    let (Some(a), Some(b)) = (pose(a), pose(b)) else { return false };
    let apart = a.inverse() * b;
    apart.position().norm() <= far_m && apart.rotation().angle() <= far_rad
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

    /// A tool that is led along x: stands, goes, stands, closes, goes back, stands.
    fn led() -> Vec<Moment> {
        use Gripper::{Closed, Open};
        let stand = |x: f64, count, gripper| std::iter::repeat_n((x, 0.0, gripper), count);
        let way = |from: f64, to: f64, gripper| {
            (1..20).map(move |k| {
                let share = f64::from(k) / 20.0;
                let speed = 4.0 * share * (1.0 - share);
                (from + (to - from) * share * share * (3.0 - 2.0 * share), speed, gripper)
            })
        };
        let all = stand(0.0, 40, Open).chain(way(0.0, 0.3, Open)).chain(stand(0.3, 60, Open));
        let all = all.chain(stand(0.3, 30, Closed)).chain(way(0.3, 0.0, Closed)).chain(stand(0.0, 50, Closed));
        all.enumerate()
            .map(|(t, (x, speed, gripper))| Moment {
                stamp: Nanos::from_millis(50 * t as u64),
                gripper: Some(gripper),
                qd: Joints::from_slice(&[speed]),
                world_from_tool: Some(neuraxis_core::Pose::from_parts([x, 0.0, 0.0].into(), Default::default())),
                ..Moment::default()
            })
            .collect()
    }

    #[test]
    fn a_stand_is_one_key_frame_however_long_it_lasts() {
        let led = led();
        assert!(keyframes(&led).len() > 25, "as long as it stands it stops");
        let found = settled(&led);
        // Where it came to rest, where the fingers have closed, and where it came to rest again.
        assert_eq!(found.len(), 3, "{found:?}");
        let x = |t: usize| led[t].world_from_tool.unwrap().position().x;
        assert!((56..62).contains(&found[0]) && (x(found[0]) - 0.3).abs() < 0.003, "{found:?}");
        assert_eq!(found[1], 40 + 19 + 60);
        assert!((164..172).contains(&found[2]) && x(found[2]).abs() < 0.003, "{found:?}");
        // One that never moves is where it is at its end; a motion without a stand has its end.
        assert_eq!(settled(&led[..30]).len(), 1);
        assert_eq!(settled(&led[40..55]), [14]);
        assert_eq!(settled(&[]), [0usize; 0]);
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
