//! What is between the fingers: told by their distance, and by which thing was there when they closed.

use nalgebra::{Isometry3, UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, Nanos};

use crate::{Hand, Shape, SightError, Thing, ThingId, Track, Tracker};

/// Closed fingers further apart than this hold something [m].
const HOLDS_M: f64 = 0.004;
/// Fingers are at rest if their distance has changed by less than this since the look before [m].
const AT_REST_M: f64 = 0.001;
/// What is held reaches this near to the tool [m].
const REACH_M: f64 = 0.015;

/// What the gripper feels.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Grip {
    /// It is open, or closed on nothing.
    Empty,
    /// Something keeps its fingers apart; `None`: nobody saw what.
    Holds(Option<ThingId>),
    /// It moves, or nobody knows.
    Unknown,
}

impl Tracker {
    /// Time, hand and what it holds.
    pub(crate) fn feel(&mut self, stamp: Nanos, hand: Option<&Hand>) -> Result<Option<Hand>, SightError> {
        if let Some(last) = self.now.filter(|last| *last > stamp) {
            return Err(SightError::Order { stamp_secs: stamp.secs(), last_secs: last.secs() });
        }
        self.now = Some(stamp);
        self.sighted = false;
        let valid = hand.map_or(Ok(()), Hand::validate);
        let hand = hand.copied().filter(|_| valid.is_ok());
        let rests = |hand: &Hand| self.last_width_m.is_some_and(|last| (last - hand.width_m).abs() < AT_REST_M);
        let grip = match &hand {
            Some(hand) if hand.gripper == Gripper::Open => Grip::Empty,
            Some(hand) if hand.width_m < HOLDS_M => Grip::Empty,
            Some(hand) if rests(hand) => Grip::Holds(None),
            // What was held is held while the fingers move a little.
            Some(_) if matches!(self.grip, Grip::Holds(_)) => Grip::Holds(None),
            _ => Grip::Unknown,
        };
        self.last_width_m = hand.map(|hand| hand.width_m);
        self.hand = hand;
        self.grip = match grip {
            Grip::Holds(_) => Grip::Holds(self.grasped()),
            other => other,
        };
        if self.grip == Grip::Empty {
            self.tracks.iter_mut().for_each(|track| track.held = None);
        }
        // What is held moves with the tool.
        if let Some(hand) = &self.hand {
            for track in &mut self.tracks {
                if let Some(tool_from_thing) = &track.held {
                    let world_from_thing = hand.world_from_tool.iso * tool_from_thing;
                    track.thing.bounds.centre_in_world = world_from_thing.translation.vector;
                    track.thing.bounds.yaw_rad = quarter_yaw(&world_from_thing);
                }
            }
        }
        valid?;
        Ok(hand)
    }

    /// What is between the closed fingers: the thing held before, or the one nearest to the tool. Nothing if two are as
    /// near, or none was ever seen there.
    fn grasped(&mut self) -> Option<ThingId> {
        if let Some(track) = self.tracks.iter().find(|track| track.held.is_some()) {
            return Some(track.id);
        }
        let hand = self.hand.as_ref()?;
        let tool = hand.tool_in_world();
        let graspable = |thing: &Thing| !matches!(thing.shape, Shape::Plate | Shape::Button | Shape::Cabinet);
        let near = |track: &&mut Track| graspable(&track.thing) && track.thing.bounds.distance_m(&tool) < REACH_M;
        let off = |track: &Track| (track.thing.bounds.centre_in_world - tool).norm();
        let mut candidates: Vec<&mut Track> = self.tracks.iter_mut().filter(near).collect();
        candidates.sort_by(|a, b| off(a).total_cmp(&off(b)));
        let mut candidates = candidates.into_iter();
        let (first, second) = (candidates.next()?, candidates.next());
        if second.is_some_and(|second| off(second) < off(first) + self.config.doubt_m) {
            return None;
        }
        let bounds = &first.thing.bounds;
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), bounds.yaw_rad);
        let world_from_thing = Isometry3::from_parts(bounds.centre_in_world.into(), turn);
        first.held = Some(hand.world_from_tool.iso.inverse() * world_from_thing);
        Some(first.id)
    }
}

/// Yaw of a box within an eighth of a turn of zero [rad].
fn quarter_yaw(world_from_thing: &Isometry3<f64>) -> f64 {
    let x = world_from_thing.rotation * Vector3::x();
    let (yaw, quarter) = (x.y.atan2(x.x), std::f64::consts::FRAC_PI_2);
    yaw - (yaw / quarter).round() * quarter
}
