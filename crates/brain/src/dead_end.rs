//! Where the planner finds no way: waiting does not help, the hand goes there as it does without one, and carefully.

use neuraxis_core::KeyFrame;

/// At so many looks in a row no way must have been found: one may have seen the arm in the way.
const LOOKS: u32 = 4;
/// Key-frames this near to each other are the same place: things are seen a little elsewhere in each look [m], [rad].
const SAME_M: f64 = 0.03;
const SAME_RAD: f64 = 0.2;

/// Do both lead to the same place, with the same fingers?
pub fn is_same_place(a: &KeyFrame, b: &KeyFrame) -> bool {
    let (metres, radians) = a.world_from_tool.distance(&b.world_from_tool);
    metres < SAME_M && radians < SAME_RAD && a.gripper == b.gripper
}

/// Counts at how many looks no way was found to a key-frame. Does not allocate.
#[derive(Copy, Clone, Debug, Default)]
pub struct DeadEnd {
    to: Option<(KeyFrame, u32)>,
}

impl DeadEnd {
    /// No way was found to this key-frame.
    pub fn no_way(&mut self, to: &KeyFrame) {
        let before = self.to.filter(|(keyframe, _)| is_same_place(keyframe, to));
        self.to = Some((*to, before.map_or(0, |(_, looks)| looks) + 1));
    }

    /// True when no way was found to what is `wanted` at enough looks, until something else is wanted.
    pub fn is_at(&mut self, wanted: Option<&KeyFrame>) -> bool {
        self.to = self.to.filter(|(to, _)| wanted.is_some_and(|wanted| is_same_place(wanted, to)));
        self.to.is_some_and(|(_, looks)| looks >= LOOKS)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Pose};

    use super::*;

    fn at(x_m: f64) -> KeyFrame {
        KeyFrame {
            world_from_tool: Pose::from_parts(Vector3::new(x_m, 0.0, 1.0), UnitQuaternion::identity()),
            gripper: Gripper::Open,
            ignore_collisions: false,
        }
    }

    #[test]
    fn after_enough_looks_without_a_way_it_is_one_until_something_else_is_wanted() {
        let mut dead_end = DeadEnd::default();
        for _ in 0..2 {
            for look in 1..=LOOKS {
                assert!(!dead_end.is_at(Some(&at(0.3))), "before look {look}");
                // Seen a little elsewhere each time.
                dead_end.no_way(&at(0.3 + 0.005 * f64::from(look)));
            }
            assert!(dead_end.is_at(Some(&at(0.3))) && dead_end.is_at(Some(&at(0.31))));
            assert!(!dead_end.is_at(None));
        }
    }

    #[test]
    fn another_place_and_other_fingers_are_none() {
        let mut dead_end = DeadEnd::default();
        (0..LOOKS).for_each(|_| dead_end.no_way(&at(0.3)));
        assert!(!dead_end.is_at(Some(&at(0.4))));
        assert!(!dead_end.is_at(Some(&at(0.3))), "it was forgotten");
        (0..LOOKS - 1).for_each(|_| dead_end.no_way(&at(0.3)));
        (0..LOOKS - 1).for_each(|_| dead_end.no_way(&at(0.5)));
        assert!(!dead_end.is_at(Some(&at(0.5))), "looks for different places do not add up");
        let closed = KeyFrame { gripper: Gripper::Closed, ..at(0.3) };
        (0..LOOKS).for_each(|_| dead_end.no_way(&at(0.3)));
        assert!(!dead_end.is_at(Some(&closed)));
    }
}
