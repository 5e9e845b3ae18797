//! Which frames of a recording are its key-frames.
//!
//! PerAct's heuristic (Shridhar, Manuelli, Fox 2022, section 3.2; James and Davison 2022 before): frames at which the
//! gripper has changed, at which the arm stands while the gripper does not change, and the last one. Unlike PerAct's, the
//! first two frames are never compared with the last two.

use crate::Frame;

/// Joints that are slower stand [rad/s].
const STILL_RAD_S: f64 = 0.1;
/// After a stop no other one is seen for this many frames.
const DEAD_FRAMES: u32 = 4;

/// Numbers of the key-frames, increasing.
pub fn keyframes(frames: &[Frame]) -> Vec<usize> {
    let gripper = |t: usize| frames.get(t).map(|frame| frame.gripper);
    let count = frames.len();
    let mut found: Vec<usize> = Vec::new();
    let mut before = gripper(0);
    let mut dead = 0u32;
    for (t, frame) in frames.iter().enumerate() {
        let is_slow = frame.joint_velocities.iter().all(|qd| qd.abs() <= STILL_RAD_S);
        let is_calm = t >= 2 && t + 2 < count && [t - 2, t - 1, t + 1].iter().all(|u| gripper(*u) == gripper(t));
        let stands = dead == 0 && is_slow && is_calm;
        dead = if stands { DEAD_FRAMES } else { dead.saturating_sub(1) };
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

#[cfg(test)]
mod tests {
    use neuraxis_core::{Gripper, Pose};

    use super::*;

    /// From speed [rad/s] and gripper of each frame.
    fn frames(of: impl IntoIterator<Item = (f64, Gripper)>) -> Vec<Frame> {
        of.into_iter()
            .map(|(speed, gripper)| Frame {
                world_from_tool: Pose::identity(),
                gripper,
                gripper_width_m: 0.08,
                joint_velocities: [0.0, speed, 0.0, -speed, 0.0, 0.0, 0.0],
                ignore_collisions: None,
                cameras: Vec::new(),
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
        assert_eq!(keyframes(&frames(script)), [10, 20, 22, 27]);
        // A change in the frame before the last one is the last one.
        assert_eq!(keyframes(&frames(fast(9, Open).chain(fast(2, Closed)))), [10]);
        // One that stands all the time stops every five frames.
        assert_eq!(keyframes(&frames(still(14, Open))), [2, 7, 13]);
        assert_eq!(keyframes(&frames(still(1, Open))), [0usize; 0]);
        assert_eq!(keyframes(&[]), [0usize; 0]);
    }
}
