//! The key-frames of each skill, in the frames that [`crate::Sights`] describes.

mod drawer;
#[cfg(test)]
mod fixed;
mod posture;

use nalgebra::{Isometry3, Translation3, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose};
use neuraxis_plan::{Body, Class, ObjectId};

use self::posture::{LEANS_RAD, across, leaning, raised, shifted, tool_down, with_room};
use super::PrimitiveConfig;
use crate::{
    Variation,
    skill::{Sights, SkillFault, Task},
};

const MOST_FRAMES: usize = 8;

/// A row of key-frames in the world; no heap.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Route {
    frames: [Option<KeyFrame>; MOST_FRAMES],
    /// From this one on the tool is in contact: the row is not computed anew any more.
    pub contact: usize,
    /// At the end of this one the fingers must hold something.
    pub grips: Option<usize>,
    /// At this one the fingers open.
    pub releases: Option<usize>,
    /// On the way to this one the tool goes on until it meets resistance.
    pub pushes: Option<usize>,
}

impl Route {
    /// The key-frame of this place; `None` after the last.
    pub fn frame(&self, at: usize) -> Option<KeyFrame> {
        self.frames.get(at).copied().flatten()
    }

    /// Another key-frame in this place.
    pub(crate) fn replace(&mut self, at: usize, frame: KeyFrame) {
        if let Some(slot) = self.frames.get_mut(at) {
            *slot = Some(frame);
        }
    }

    /// The row of a task from where things are now. Tasks without motion have an empty one.
    pub fn of(
        task: &Task,
        variation: &Variation,
        config: &PrimitiveConfig,
        sights: &dyn Sights,
    ) -> Result<Self, SkillFault> {
        let seen = |object: ObjectId| sights.world_from_body(Body::Object(object)).ok_or(SkillFault::NotSeen);
        // Straight above, and high enough to cross over what stands out.
        let over = |tool: &Isometry3<f64>| {
            let high = sights.crossing_z_in_world().unwrap_or(f64::MIN);
            raised(tool, config.above_m.max(high - tool.translation.z))
        };
        match *task {
            Task::Reach { object, class, height_m } => {
                let thing = seen(object)?;
                // A drawer is reached above its handle as anything else is above its middle.
                let yaw = if class == Class::Drawer { 0.0 } else { across(&thing, variation) };
                let over = tool_down(thing.translation.vector + height_m * Vector3::z(), yaw);
                Ok(Self::new(&[free(over, Gripper::Open)], 1))
            }
            Task::Grasp { block, .. } => {
                let block = seen(block)?;
                let middle = shifted(block.translation.vector, variation);
                if sights.crossing_z_in_world().is_none() {
                    return Ok(Self::grasp(&with_room(middle, &block, variation, sights), &over));
                }
                // Across an open drawer there is no room for the hand, and under what is above it only aslant.
                let grasp = tool_down(middle, across(&block, &Variation { grasp_rank: 0, ..*variation }));
                if sights.hand_fits(&grasp) {
                    return Ok(Self::grasp(&grasp, &over));
                }
                let aslant = LEANS_RAD.map(|angle| leaning(&grasp, angle));
                Ok(match aslant.iter().find(|grasp| sights.hand_fits(grasp)) {
                    Some(grasp) => Self::grasp_aslant(grasp, config, &over),
                    None => Self::grasp(&grasp, &over),
                })
            }
            Task::Place { block, to } => {
                let seat = sights.world_from_seat(block, to).ok_or(SkillFault::NoRoom)?;
                let middle = shifted(seat.translation.vector, variation) + config.drop_m * Vector3::z();
                let place = with_room(middle, &seat, variation, sights);
                let frames = [
                    free(over(&place), Gripper::Closed),
                    contact(raised(&place, config.touch_m), Gripper::Closed),
                    contact(place, Gripper::Open),
                    contact(over(&place), Gripper::Open),
                ];
                // A block that has slipped in the hand touches down early.
                Ok(Self { releases: Some(2), pushes: Some(2), ..Self::new(&frames, 1) })
            }
            Task::Press { button } => {
                let top = shifted(seen(button)?.translation.vector, variation);
                let tool = tool_down(top, variation.turn_rad);
                let over = raised(&tool, config.over_button_m);
                let frames = [
                    free(over, Gripper::Closed),
                    contact(raised(&tool, config.tip_m + config.touch_m), Gripper::Closed),
                    contact(raised(&tool, config.tip_m - config.press_m), Gripper::Closed),
                    contact(over, Gripper::Open),
                ];
                Ok(Self { pushes: Some(2), ..Self::new(&frames, 1) })
            }
            Task::Shut { drawer } => {
                let route = Self::slide(drawer, config.shut_m, variation, config, sights)?;
                Ok(Self { pushes: Some(4), ..route })
            }
            Task::Pull { drawer } => Self::slide(drawer, config.open_m, variation, config, sights),
            Task::Look { .. } | Task::Hold { .. } | Task::Policy => Ok(Self::default()),
        }
    }

    /// From above.
    fn grasp(grasp: &Isometry3<f64>, over: &dyn Fn(&Isometry3<f64>) -> Isometry3<f64>) -> Self {
        let frames =
            [free(over(grasp), Gripper::Open), contact(*grasp, Gripper::Closed), contact(over(grasp), Gripper::Closed)];
        Self { grips: Some(1), ..Self::new(&frames, 1) }
    }

    /// Down to before it, along the tool, and back the same way.
    fn grasp_aslant(
        grasp: &Isometry3<f64>,
        config: &PrimitiveConfig,
        over: &dyn Fn(&Isometry3<f64>) -> Isometry3<f64>,
    ) -> Self {
        let before = grasp * Translation3::new(0.0, 0.0, -config.above_m);
        let frames = [
            free(over(&before), Gripper::Open),
            contact(before, Gripper::Open),
            contact(*grasp, Gripper::Closed),
            contact(before, Gripper::Closed),
            contact(over(&before), Gripper::Closed),
        ];
        Self { grips: Some(2), ..Self::new(&frames, 1) }
    }

    fn new(frames: &[KeyFrame], contact: usize) -> Self {
        let mut route = Self { contact, ..Self::default() };
        for (slot, frame) in route.frames.iter_mut().zip(frames) {
            *slot = Some(*frame);
        }
        route
    }
}

fn free(world_from_tool: Isometry3<f64>, gripper: Gripper) -> KeyFrame {
    KeyFrame { world_from_tool: Pose::new(world_from_tool), gripper, ignore_collisions: false }
}

fn contact(world_from_tool: Isometry3<f64>, gripper: Gripper) -> KeyFrame {
    KeyFrame { world_from_tool: Pose::new(world_from_tool), gripper, ignore_collisions: true }
}

#[cfg(test)]
mod tests {
    use super::{
        fixed::{Fixed, close, object, turned},
        posture::BEFORE_M,
        *,
    };

    #[test]
    fn a_grasp_comes_from_above_with_the_fingers_across_a_side() {
        let task = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        let (config, sights) = (PrimitiveConfig::default(), Fixed::at(turned(0.1, 0.2, 0.77, 1.7), None));
        let route = Route::of(&task, &Variation::default(), &config, &sights).unwrap();
        let [over, grasp, lift] = [0, 1, 2].map(|i| route.frame(i).unwrap());
        assert_eq!(route.frame(3), None);
        close(over.world_from_tool.position(), Vector3::new(0.1, 0.2, 0.87));
        close(grasp.world_from_tool.position(), Vector3::new(0.1, 0.2, 0.77));
        close(grasp.world_from_tool.rotation() * Vector3::z(), -Vector3::z());
        assert_eq!((over.gripper, grasp.gripper, lift.gripper), (Gripper::Open, Gripper::Closed, Gripper::Closed));
        assert!(!over.ignore_collisions && grasp.ignore_collisions);
        // The fingers close along a side, whichever of the four is near.
        let fingers = grasp.world_from_tool.rotation() * Vector3::y();
        let side = sights.at.rotation * Vector3::y();
        let other = sights.at.rotation * Vector3::x();
        assert!((fingers.dot(&side).abs() - 1.0).abs() < 1e-9 || (fingers.dot(&other).abs() - 1.0).abs() < 1e-9);
        // The second grasp is across the other pair.
        let second = Variation { attempt: 1, grasp_rank: 1, ..Default::default() };
        let second = Route::of(&task, &second, &config, &sights).unwrap().frame(1).unwrap();
        assert!((second.world_from_tool.rotation() * Vector3::y()).dot(&fingers).abs() < 1e-9);
    }

    #[test]
    fn what_stands_out_is_crossed_over() {
        let task = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        let sights = Fixed::at(turned(0.1, 0.2, 0.77, 0.0), Some(1.2));
        let route = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), &sights).unwrap();
        let heights = [0, 1, 2].map(|i| route.frame(i).unwrap().world_from_tool.position().z);
        assert_eq!(heights.map(|z| (z * 1e6).round() / 1e6), [1.2, 0.77, 1.2]);
    }

    #[test]
    fn beside_what_stands_there_the_hand_turns_its_narrow_side() {
        let place = turned(0.1, 0.2, 0.77, 0.1);
        let [block, table] = ["red_block", "table"].map(object);
        for task in [Task::Grasp { block, from: table, force_n: 35.0 }, Task::Place { block, to: table }] {
            let fingers = |sights: &dyn Sights| {
                let route = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), sights).unwrap();
                route.frame(0).unwrap().world_from_tool.rotation() * Vector3::y()
            };
            assert!(fingers(&Fixed::narrow(place)).x.abs() > 0.9);
            let grasp = Task::Grasp { block, from: table, force_n: 35.0 };
            assert!(task != grasp || fingers(&Fixed::at(place, None)).x.abs() < 0.2);
        }
    }

    #[test]
    fn what_lies_under_something_in_a_drawer_is_taken_aslant() {
        // There is room for what points to +x.
        let hand_fits = |world_from_tool: &Isometry3<f64>| (world_from_tool.rotation * Vector3::z()).x > 0.5;
        let sights = Fixed { hand_fits, opening_m: None, ..Fixed::at(turned(0.43, 0.0, 1.03, 0.1), Some(1.16)) };
        let task = Task::Grasp { block: object("red_block"), from: object("middle_drawer"), force_n: 35.0 };
        let config = PrimitiveConfig::default();
        let route = Route::of(&task, &Variation::default(), &config, &sights).unwrap();
        let tool = |i: usize| route.frame(i).unwrap().world_from_tool;
        let points = tool(2).rotation() * Vector3::z();
        assert!((tool(2).position() - Vector3::new(0.43 - BEFORE_M, 0.0, 1.03)).norm() < 1e-3);
        assert!(points.x > 0.5 && points.z < -0.5 && (tool(2).rotation() * Vector3::y()).z.abs() < 1e-9);
        // Along the tool to it and back, straight up and down before that.
        close(tool(1).position(), tool(2).position() - config.above_m * points);
        close(tool(3).position(), tool(1).position());
        assert!((tool(0).position() - tool(1).position()).xy().norm() < 1e-9 && tool(4).position().z > 1.19);
        assert_eq!((route.grips, route.frame(1).unwrap().gripper), (Some(2), Gripper::Open));
    }

    #[test]
    fn without_room_there_is_no_way() {
        let task = Task::Place { block: object("red_block"), to: object("table") };
        let sights = Fixed::at(Isometry3::identity(), None);
        let none = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), &sights);
        assert_eq!(none, Err(SkillFault::NoRoom));
    }
}
