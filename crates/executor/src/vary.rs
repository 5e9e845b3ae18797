//! What a retry does otherwise: typed, bounded, and the same each time.

use neuraxis_plan::{Skill, Vary};

/// Greatest turn of the approach [rad].
pub const MOST_TURN_RAD: f64 = 0.5;
/// Greatest shift to the side [m].
pub const MOST_SHIFT_M: f64 = 0.012;
/// Grasps that are told apart: across one side of a block, and across the other.
pub const GRASP_RANKS: u8 = 2;

/// How one try of a skill differs from the first.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Variation {
    /// Tries before.
    pub attempt: u8,
    /// Which of the grasps, best first; 0 to [`GRASP_RANKS`] - 1.
    pub grasp_rank: u8,
    /// The approach turned about the world's z, at most [`MOST_TURN_RAD`] either way [rad].
    pub turn_rad: f64,
    /// To the side in the world's x and y, together at most [`MOST_SHIFT_M`] [m].
    pub shift_in_world_m: [f64; 2],
}

impl Variation {
    /// Of the try after `attempt` others; the first is not varied.
    pub(crate) fn of(vary: Option<Vary>, attempt: u8) -> Self {
        let plain = Self { attempt, ..Self::default() };
        let (Some(vary), 1..) = (vary, attempt) else { return plain };
        // 1, -1, 2, -2, 3 .. times a third: each side by turns, further each time.
        let side = f64::from(attempt.div_ceil(2)) / 3.0 * if attempt % 2 == 1 { 1.0 } else { -1.0 };
        match vary {
            Vary::GraspRank => Self { grasp_rank: attempt % GRASP_RANKS, ..plain },
            Vary::Approach => Self { turn_rad: MOST_TURN_RAD * side.clamp(-1.0, 1.0), ..plain },
            Vary::Offset => {
                // Golden angle: no direction is tried twice.
                let (sin, cos) = (2.399_963 * f64::from(attempt)).sin_cos();
                let radius_m = MOST_SHIFT_M * (f64::from(attempt) / 3.0).min(1.0);
                Self { shift_in_world_m: [radius_m * cos, radius_m * sin], ..plain }
            }
            Vary::Speed => plain,
        }
    }

    /// The speed of a try: each is slower by a third, within the range that the skill's signature gives.
    pub(crate) fn speed(skill: Skill, speed: f64, vary: Option<Vary>, attempt: u8) -> f64 {
        let slower = if vary == Some(Vary::Speed) { speed * 0.67_f64.powi(i32::from(attempt)) } else { speed };
        let range = skill.numbers().iter().find(|number| number.key == "speed");
        range.map_or(1.0, |range| slower.clamp(range.low, range.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variation_is_bounded_and_tries_differ() {
        for vary in Vary::ALL {
            let mut before = None;
            for attempt in 0..=u8::MAX {
                let v = Variation::of(Some(vary), attempt);
                assert!(v.turn_rad.abs() <= MOST_TURN_RAD && v.grasp_rank < GRASP_RANKS);
                assert!(v.shift_in_world_m[0].hypot(v.shift_in_world_m[1]) <= MOST_SHIFT_M + 1e-12);
                for skill in Skill::ALL {
                    let speed = Variation::speed(skill, 0.8, Some(vary), attempt);
                    assert!((0.05..=1.0).contains(&speed), "{skill:?} {speed}");
                }
                let told = (v.grasp_rank, v.turn_rad, v.shift_in_world_m);
                let speed = Variation::speed(Skill::Reach, 0.8, Some(vary), attempt);
                // A plan allows five tries at most.
                assert!(attempt > 5 || before.replace((told, speed)) != Some((told, speed)), "{vary:?} {attempt}");
            }
        }
        assert_eq!(Variation::of(Some(Vary::Offset), 0), Variation::default());
        assert_eq!(Variation::of(None, 3), Variation { attempt: 3, ..Variation::default() });
    }
}
