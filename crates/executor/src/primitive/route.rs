//! The key-frames of each skill, in the frames that [`crate::Sights`] describes.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose};
use neuraxis_plan::{Body, Class, ObjectId};

use super::PrimitiveConfig;
use crate::{
    Variation,
    skill::{Sights, SkillFault, Task},
    vary::GRASP_RANKS,
};

const MOST_FRAMES: usize = 8;
/// So far from upright the tool takes what lies under something, and so far before its middle [rad], [m].
const LEANS_RAD: [f64; 4] = [0.6, -0.6, 0.75, -0.75];
const BEFORE_M: f64 = 0.008;
/// A tool this near to a handle may have it between its fingers [m].
const AT_HANDLE_M: f64 = 0.06;
/// ... and draws back by so much before anything else [m].
const FROM_HANDLE_M: f64 = 0.09;

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

    /// Come to a handle from beside the drawers, take it, move the drawer until it is open by `to_m`, let go, and draw back
    /// as the hand came: a straight way to elsewhere might move what is open, or lead the wrist through a singularity.
    fn slide(
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

/// `X_WT` of a tool that points down, the fingers side by side along the world's y, turned by `yaw` [rad] about z.
fn tool_down(position_in_world: Vector3<f64>, yaw: f64) -> Isometry3<f64> {
    let down = Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), yaw);
    Isometry3::from_parts(position_in_world.into(), UnitQuaternion::from_rotation_matrix(&(turn * down)))
}

/// `R_HT`: the tool points into the cabinet (tool z along the handle's -x, tool x up, which is a quarter of a turn from
/// pointing down), the fingers left and right of a handle that stands upright, turned by `turn` about the handle's z and leaning down by `tilt` about its y [rad].
fn handle_from_tool(turn: f64, tilt: f64) -> UnitQuaternion<f64> {
    let into = Rotation3::from_matrix_unchecked(Matrix3::new(
        0.0, 0.0, -1.0, //
        0.0, 1.0, 0.0, //
        1.0, 0.0, 0.0,
    ));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), turn);
    let lean = Rotation3::from_axis_angle(&Vector3::y_axis(), -tilt);
    UnitQuaternion::from_rotation_matrix(&(turn * lean * into))
}

/// Yaw of the grasp across a thing that looks alike every quarter of a turn [rad].
fn across(world_from_thing: &Isometry3<f64>, variation: &Variation) -> f64 {
    let x = world_from_thing.rotation * Vector3::x();
    let yaw = x.y.atan2(x.x);
    let nearest = yaw - (yaw / FRAC_PI_2).round() * FRAC_PI_2;
    // The other pair of sides, by the way that turns the hand less.
    let rank = if nearest > 0.0 { -FRAC_PI_2 } else { FRAC_PI_2 };
    nearest + f64::from(variation.grasp_rank) * rank + variation.turn_rad
}

/// The tool across a thing, pointing down; across its other pair of sides, if the hand has room only there.
fn with_room(
    tool_in_world: Vector3<f64>,
    world_from_thing: &Isometry3<f64>,
    variation: &Variation,
    sights: &dyn Sights,
) -> Isometry3<f64> {
    let tool = |grasp_rank| tool_down(tool_in_world, across(world_from_thing, &Variation { grasp_rank, ..*variation }));
    let rank = variation.grasp_rank;
    let [first, other] = [tool(rank), tool((rank + 1) % GRASP_RANKS)];
    // Across an open drawer there is no room in any case.
    let may_turn = sights.crossing_z_in_world().is_none();
    if may_turn && !sights.hand_fits(&first) && sights.hand_fits(&other) { other } else { first }
}

/// Turned about the axis along which the fingers close [rad], and back from where it points then.
fn leaning(world_from_tool: &Isometry3<f64>, angle_rad: f64) -> Isometry3<f64> {
    let leaning = world_from_tool * UnitQuaternion::from_axis_angle(&Vector3::y_axis(), angle_rad);
    let points = leaning.rotation * Vector3::z();
    let level = Vector3::new(points.x, points.y, 0.0).normalize();
    Translation3::from(-BEFORE_M * level) * leaning
}

fn shifted(point_in_world: Vector3<f64>, variation: &Variation) -> Vector3<f64> {
    let [x, y] = variation.shift_in_world_m;
    point_in_world + Vector3::new(x, y, 0.0)
}

fn raised(world_from_tool: &Isometry3<f64>, metres: f64) -> Isometry3<f64> {
    Translation3::new(0.0, 0.0, metres) * world_from_tool
}

#[cfg(test)]
mod tests {
    use neuraxis_plan::{Scene, SceneFile, Senses};

    use super::*;

    /// Everything in one place, and how high to cross.
    struct Fixed(Isometry3<f64>, Option<f64>);

    impl Senses for Fixed {
        fn world_from_body(&self, _: Body) -> Option<Isometry3<f64>> {
            Some(self.0)
        }
        fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
            None
        }
        fn force_in_world(&self) -> Option<Vector3<f64>> {
            None
        }
        fn grip_width_m(&self) -> Option<f64> {
            None
        }
    }

    impl Sights for Fixed {
        fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
            None
        }
        fn opening_m(&self, _: ObjectId) -> Option<f64> {
            Some(0.03)
        }
        fn crossing_z_in_world(&self) -> Option<f64> {
            self.1
        }
    }

    fn object(name: &str) -> ObjectId {
        let file: SceneFile = serde_yaml::from_str(include_str!("../../../../sim/scenes/workbench.yaml")).unwrap();
        Scene::try_from(file).unwrap().object(name).unwrap()
    }

    fn turned(x: f64, y: f64, z: f64, yaw: f64) -> Isometry3<f64> {
        Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(0.0, 0.0, yaw))
    }

    fn close(a: Vector3<f64>, b: Vector3<f64>) {
        assert!((a - b).norm() < 1e-9, "{a} {b}");
    }

    #[test]
    fn a_grasp_comes_from_above_with_the_fingers_across_a_side() {
        let task = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        let (config, sights) = (PrimitiveConfig::default(), Fixed(turned(0.1, 0.2, 0.77, 1.7), None));
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
        let side = sights.0.rotation * Vector3::y();
        let other = sights.0.rotation * Vector3::x();
        assert!((fingers.dot(&side).abs() - 1.0).abs() < 1e-9 || (fingers.dot(&other).abs() - 1.0).abs() < 1e-9);
        // The second grasp is across the other pair.
        let second = Variation { attempt: 1, grasp_rank: 1, ..Default::default() };
        let second = Route::of(&task, &second, &config, &sights).unwrap().frame(1).unwrap();
        assert!((second.world_from_tool.rotation() * Vector3::y()).dot(&fingers).abs() < 1e-9);
    }

    #[test]
    fn a_drawer_is_pulled_along_its_axis_by_what_it_lacks() {
        // The cabinet looks towards the world's -x.
        let sights = Fixed(turned(0.4, 0.0, 1.1, std::f64::consts::PI), None);
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
    fn what_stands_out_is_crossed_over() {
        let task = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        let sights = Fixed(turned(0.1, 0.2, 0.77, 0.0), Some(1.2));
        let route = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), &sights).unwrap();
        let heights = [0, 1, 2].map(|i| route.frame(i).unwrap().world_from_tool.position().z);
        assert_eq!(heights.map(|z| (z * 1e6).round() / 1e6), [1.2, 0.77, 1.2]);
    }

    /// As [`Fixed`], with room only for fingers that lie along the world's x.
    struct Narrow(Fixed);

    impl Senses for Narrow {
        fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
            self.0.world_from_body(body)
        }
        fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
            None
        }
        fn force_in_world(&self) -> Option<Vector3<f64>> {
            None
        }
        fn grip_width_m(&self) -> Option<f64> {
            None
        }
    }

    impl Sights for Narrow {
        fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
            Some(self.0.0)
        }
        fn opening_m(&self, _: ObjectId) -> Option<f64> {
            None
        }
        fn hand_fits(&self, world_from_tool: &Isometry3<f64>) -> bool {
            (world_from_tool.rotation * Vector3::y()).x.abs() > 0.9
        }
        fn handle_distance_m(&self) -> Option<f64> {
            Some(0.02)
        }
    }

    #[test]
    fn beside_what_stands_there_the_hand_turns_its_narrow_side() {
        let sights = Narrow(Fixed(turned(0.1, 0.2, 0.77, 0.1), None));
        let [block, table] = ["red_block", "table"].map(object);
        for task in [Task::Grasp { block, from: table, force_n: 35.0 }, Task::Place { block, to: table }] {
            let fingers = |sights: &dyn Sights| {
                let route = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), sights).unwrap();
                route.frame(0).unwrap().world_from_tool.rotation() * Vector3::y()
            };
            assert!(fingers(&sights).x.abs() > 0.9);
            let grasp = Task::Grasp { block, from: table, force_n: 35.0 };
            assert!(task != grasp || fingers(&sights.0).x.abs() < 0.2);
        }
    }

    #[test]
    fn what_lies_under_something_in_a_drawer_is_taken_aslant() {
        /// There is room for what points to +x.
        struct Under(Fixed);
        impl Senses for Under {
            fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
                self.0.world_from_body(body)
            }
            fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
                None
            }
            fn force_in_world(&self) -> Option<Vector3<f64>> {
                None
            }
            fn grip_width_m(&self) -> Option<f64> {
                None
            }
        }
        impl Sights for Under {
            fn world_from_seat(&self, _: ObjectId, _: ObjectId) -> Option<Isometry3<f64>> {
                None
            }
            fn opening_m(&self, _: ObjectId) -> Option<f64> {
                None
            }
            fn crossing_z_in_world(&self) -> Option<f64> {
                self.0.1
            }
            fn hand_fits(&self, world_from_tool: &Isometry3<f64>) -> bool {
                (world_from_tool.rotation * Vector3::z()).x > 0.5
            }
        }
        let sights = Under(Fixed(turned(0.43, 0.0, 1.03, 0.1), Some(1.16)));
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
    fn a_hand_at_a_handle_lets_go_of_it_and_draws_back() {
        let tool = turned(0.3, 0.0, 1.05, 0.0);
        let config = PrimitiveConfig::default();
        let shut = Task::Shut { drawer: object("top_drawer") };
        assert_eq!(Route::lead(&shut, &config, &Fixed(tool, None)), None);
        let [open, back] = Route::lead(&shut, &config, &Narrow(Fixed(tool, None))).unwrap();
        assert_eq!((open.gripper, back.gripper), (Gripper::Open, Gripper::Open));
        close(open.world_from_tool.position(), tool.translation.vector);
        close(back.world_from_tool.position(), Vector3::new(0.3, 0.0, 1.05 - FROM_HANDLE_M));
        // Out of a drawer it goes up first.
        let [up, _] = Route::lead(&shut, &config, &Fixed(tool, Some(1.16))).unwrap();
        close(up.world_from_tool.position(), Vector3::new(0.3, 0.0, 1.16));
        let grasp = Task::Grasp { block: object("red_block"), from: object("table"), force_n: 35.0 };
        assert_eq!(Route::lead(&grasp, &config, &Fixed(tool, Some(1.16))), None);
    }

    #[test]
    fn without_room_there_is_no_way() {
        let task = Task::Place { block: object("red_block"), to: object("table") };
        let sights = Fixed(Isometry3::identity(), None);
        let none = Route::of(&task, &Variation::default(), &PrimitiveConfig::default(), &sights);
        assert_eq!(none, Err(SkillFault::NoRoom));
    }
}
