//! Where no way leads: waiting does not help, the skill has to be tried otherwise.

use neuraxis_core::KeyFrame;

/// So many looks in a row at which no way was found are a failure: one may have seen the arm in the way.
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

    /// True once when no way was found to what is `wanted` at enough looks; counting begins anew after that, and when
    /// something else is wanted.
    pub fn is_reached(&mut self, wanted: Option<&KeyFrame>) -> bool {
        self.to = self.to.filter(|(to, _)| wanted.is_some_and(|wanted| is_same_place(wanted, to)));
        self.to.take_if(|(_, looks)| *looks >= LOOKS).is_some()
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
    fn enough_looks_without_a_way_are_one_failure_and_counting_begins_anew() {
        let mut dead_end = DeadEnd::default();
        for _ in 0..2 {
            for look in 1..=LOOKS {
                assert!(!dead_end.is_reached(Some(&at(0.3))), "before look {look}");
                // Seen a little elsewhere each time.
                dead_end.no_way(&at(0.3 + 0.005 * f64::from(look)));
            }
            assert!(dead_end.is_reached(Some(&at(0.3))));
            assert!(!dead_end.is_reached(Some(&at(0.3))));
        }
    }

    #[test]
    fn another_place_and_nothing_wanted_are_no_failure() {
        let mut dead_end = DeadEnd::default();
        (0..LOOKS).for_each(|_| dead_end.no_way(&at(0.3)));
        assert!(!dead_end.is_reached(Some(&at(0.4))));
        assert!(!dead_end.is_reached(Some(&at(0.3))), "it was forgotten");
        (0..LOOKS - 1).for_each(|_| dead_end.no_way(&at(0.3)));
        (0..LOOKS - 1).for_each(|_| dead_end.no_way(&at(0.5)));
        assert!(!dead_end.is_reached(Some(&at(0.5))));
        (0..LOOKS).for_each(|_| dead_end.no_way(&at(0.3)));
        assert!(!dead_end.is_reached(None));
        let closed = KeyFrame { gripper: Gripper::Closed, ..at(0.3) };
        (0..LOOKS).for_each(|_| dead_end.no_way(&at(0.3)));
        assert!(!dead_end.is_reached(Some(&closed)));
    }
}
