//! Drawers: a hand comes to a handle, moves the drawer along its way, lets go and draws back.

use nalgebra::{Translation3, Vector3};
use neuraxis_core::{Gripper, KeyFrame};
use neuraxis_plan::{Body, ObjectId};

use super::{
    Route, contact, free,
    posture::{handle_from_tool, raised, tool_down},
};
use crate::{
    PrimitiveConfig, Variation,
    skill::{Sights, SkillFault, Task},
};

/// A tool this near to a handle may have it between its fingers [m].
const AT_HANDLE_M: f64 = 0.06;
/// ... and draws back by so much before anything else [m].
const FROM_HANDLE_M: f64 = 0.09;

impl Route {
    /// What comes before anything else: away from a handle that the tool is at, for a row that began there would drag the
    /// drawer along; and up out of an open drawer, before another is gone to.
    pub(crate) fn lead(task: &Task, config: &PrimitiveConfig, sights: &dyn Sights) -> Option<[KeyFrame; 2]> {
        let tool = sights.world_from_body(Body::Tool)?;
        if sights.handle_distance_m().is_some_and(|distance_m| distance_m < AT_HANDLE_M) {
            let back = tool * Translation3::new(0.0, 0.0, -FROM_HANDLE_M);
            return Some([contact(tool, Gripper::Open), contact(back, Gripper::Open)]);
        }
        let high = sights.crossing_z_in_world()? - tool.translation.z;
        let slides = matches!(task, Task::Shut { .. } | Task::Pull { .. });
        let up = contact(raised(&tool, high), Gripper::Open);
        (slides && high > config.reached_m).then_some([up, up])
    }

    /// Come to a handle from beside the drawers, take it, move the drawer until it is open by `to_m`, let go, and draw back
    /// as the hand came: a straight way to elsewhere might move what is open, or lead the wrist through a singularity.
    pub(super) fn slide(
        drawer: ObjectId,
        to_m: f64,
        variation: &Variation,
        config: &PrimitiveConfig,
        sights: &dyn Sights,
    ) -> Result<Self, SkillFault> {
        let world_from_handle = sights.world_from_body(Body::Object(drawer)).ok_or(SkillFault::NotSeen)?;
        let opening_m = sights.opening_m(drawer).ok_or(SkillFault::NotSeen)?;
        let [_, aside_m] = variation.shift_in_world_m;
        // On the way the arm may come near a singularity, or near itself: each try has another posture.
        let [low, high] = config.handle_tilt_rad;
        let is_high = world_from_handle.translation.z >= config.handle_high_m;
        let [own, other] = if is_high { [high, low] } else { [low, high] };
        let tilt_rad = match variation.attempt % 3 {
            0 => own,
            1 => other,
            _ => 0.5 * (own + other),
        };
        let lean = handle_from_tool(variation.turn_rad, tilt_rad);
        let out = |by_m: f64| world_from_handle * Translation3::new(by_m, aside_m, 0.0) * lean;
        let (here_m, there_m) = (0.0, to_m - opening_m);
        // Shut, it ends where nobody knows exactly: the last bit is longer.
        let last_m = if there_m < 0.0 { (2.0 * config.touch_m).min(-there_m) } else { config.touch_m };
        let [back_m, up_m] = config.away_m;
        let away = |by_m: f64| raised(&out(by_m + back_m), up_m);
        let clear = |by_m: f64| {
            let [forward_m, higher_m] = config.clear_m;
            let at = world_from_handle.rotation * Vector3::new(forward_m, 0.0, higher_m);
            let x = world_from_handle.rotation * Vector3::x();
            let yaw = (-x.y).atan2(-x.x);
            tool_down(away(by_m).translation.vector + at, yaw)
        };
        let frames = [
            free(clear(here_m), Gripper::Open),
            free(out(here_m + config.before_handle_m), Gripper::Open),
            contact(out(here_m), Gripper::Closed),
            contact(out(there_m - there_m.signum() * last_m), Gripper::Closed),
            contact(out(there_m), Gripper::Closed),
            contact(out(there_m), Gripper::Open),
            contact(away(there_m), Gripper::Open),
            free(clear(there_m), Gripper::Open),
        ];
        Ok(Self { grips: Some(2), releases: Some(5), ..Self::new(&frames, 2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::route::fixed::{Fixed, close, object, turned};

    #[test]
    fn a_drawer_is_pulled_along_its_axis_by_what_it_lacks() {
        // The cabinet looks towards the world's -x.
        let sights = Fixed::at(turned(0.4, 0.0, 1.1, std::f64::consts::PI), None);
        let config = PrimitiveConfig::default();
        let pull = Task::Pull { drawer: object("top_drawer") };
        let route = Route::of(&pull, &Variation::default(), &config, &sights).unwrap();
        let position = |i: usize| route.frame(i).unwrap().world_from_tool.position();
        close(position(1), Vector3::new(0.4 - config.before_handle_m, 0.0, 1.1));
        close(position(2), Vector3::new(0.4, 0.0, 1.1));
        // It was open by 0.03 m.
        close(position(3), Vector3::new(0.4 - (config.open_m - 0.03 - config.touch_m), 0.0, 1.1));
        close(position(4), Vector3::new(0.4 - (config.open_m - 0.03), 0.0, 1.1));
        let (sin, cos) = config.handle_tilt_rad[1].sin_cos();
        let tool = route.frame(2).unwrap().world_from_tool.rotation();
        close(tool * Vector3::z(), Vector3::new(cos, 0.0, -sin));
        close(tool * Vector3::y(), -Vector3::y());
        // Beside the drawers the tool points down, and is out and up from the handle.
        let last = route.frame(7).unwrap();
        close(last.world_from_tool.rotation() * Vector3::z(), -Vector3::z());
        close(position(7), position(4) + Vector3::new(-0.05 - 0.06, 0.0, 0.09 + 0.06));
        assert_eq!(route.frame(8), None);
        let shut = Task::Shut { drawer: object("top_drawer") };
        let shut = Route::of(&shut, &Variation::default(), &config, &sights).unwrap();
        close(shut.frame(4).unwrap().world_from_tool.position(), Vector3::new(0.43 - config.shut_m, 0.0, 1.1));
    }

    #[test]
    fn a_hand_at_a_handle_lets_go_of_it_and_draws_back() {
        let tool = turned(0.3, 0.0, 1.05, 0.0);
        let config = PrimitiveConfig::default();
        let shut = Task::Shut { drawer: object("top_drawer") };
        assert_eq!(Route::lead(&shut, &config, &Fixed::at(tool, None)), None);
        let [open, back] = Route::lead(&shut, &config, &Fixed::narrow(tool)).unwrap();
        assert_eq!((open.gripper, back.gripper), (Gripper::Open, Gripper::Open));
        close(open.world_from_tool.position(), tool.translation.vector);
        close(back.world_from_tool.position(), Vector3::new(0.3, 0.0, 1.05 - FROM_HANDLE_M));
        // Out of a drawer it goes up first.
        let [up, _] = Route::lead(&shut, &config, &Fixed::at(tool, Some(1.16))).unwrap();
        close(up.world_from_tool.position(), Vector3::new(0.3, 0.0, 1.16));
        let grasp = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        assert_eq!(Route::lead(&grasp, &config, &Fixed::at(tool, Some(1.16))), None);
    }
}
