//! The next thing to do for a fact, as key-frames from the present state.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Point3, Vector3};
use neuraxis_core::{Gripper, KeyFrame};

use super::{
    super::{
        buttons::{self, TOP_M},
        drawer,
        script::{keyframe, moved, pick, put, smallest, tool_down, yaw},
    },
    bench::{BLOCKS, HALF_M, INSIDE_X_M, INSIDE_Z_M, SLOTS},
    facts::{Fact, Facts},
};
use crate::{model::TABLE_Z_M, plant::WorldData};

/// The tool crosses an open drawer this far above its handle's middle [m].
const CROSS_M: f64 = 0.11;

pub(super) fn next(fact: &Fact, facts: &Facts, world: &WorldData) -> Vec<KeyFrame> {
    let skills = Skills { facts, world };
    match *fact {
        Fact::Opened(drawer) => skills.open(drawer),
        Fact::Closed(drawer) => skills.close(drawer),
        Fact::Inside { block, drawer } => skills.stow(block, drawer),
        Fact::On { block, plate } => match facts.occupant(plate, world) {
            Some(other) => skills.aside(other),
            None => {
                let plate = world.pose(facts.plates[plate]);
                skills.carry(block, &moved(&plate, 0.0, 0.0, skills.half_m()))
            }
        },
        Fact::Stacked { block, on } => match facts.above(on, world) {
            Some(other) => skills.aside(other),
            None => skills.carry(block, &moved(&facts.block(on, world), 0.0, 0.0, 2.0 * skills.half_m())),
        },
        Fact::Pressed(button) => skills.press(button),
    }
}

struct Skills<'a> {
    facts: &'a Facts,
    world: &'a WorldData,
}

impl Skills<'_> {
    /// Half a block's side [m].
    fn half_m(&self) -> f64 {
        HALF_M * self.world.sizes().thing
    }

    fn is_open(&self, drawer: usize) -> bool {
        self.facts.hold(&Fact::Opened(drawer), self.world)
    }

    fn open(&self, drawer: usize) -> Vec<KeyFrame> {
        self.slide(drawer, drawer::WIDE_M)
    }

    fn close(&self, drawer: usize) -> Vec<KeyFrame> {
        self.slide(drawer, 0.0)
    }

    /// Take a handle, move the drawer, let go, and point the tool down again.
    fn slide(&self, drawer: usize, to: f64) -> Vec<KeyFrame> {
        let cabinet = self.world.pose(self.facts.cabinet);
        let from = self.facts.opening_m(drawer, self.world).max(0.0);
        let handle = |out: f64| cabinet * drawer::handle(drawer, out);
        let clear = |out: f64| drawer::clear(&cabinet, drawer, out);
        vec![
            keyframe(clear(from), Gripper::Open, false),
            keyframe(handle(from + drawer::BEFORE_M), Gripper::Open, false),
            keyframe(handle(from), Gripper::Closed, true),
            keyframe(handle(to), Gripper::Closed, true),
            keyframe(handle(to), Gripper::Open, true),
            keyframe(drawer::away(&cabinet, drawer, to), Gripper::Open, true),
            // On a straight line this turn would lead through the wrist's singularity.
            keyframe(clear(to), Gripper::Open, false),
        ]
    }

    /// Into a drawer. A drawer above another would be in the way of the hand: one is open at a time.
    fn stow(&self, block: usize, drawer: usize) -> Vec<KeyFrame> {
        if self.facts.holder(block, self.world).is_some_and(|holder| holder != drawer) {
            return self.aside(block);
        }
        if let Some(other) =
            (0..3).find(|other| *other != drawer && !self.facts.hold(&Fact::Closed(*other), self.world))
        {
            return self.close(other);
        }
        if !self.is_open(drawer) {
            return self.open(drawer);
        }
        let side = 0.06 * (block as f64 - 0.5 * (BLOCKS - 1) as f64);
        let inside = self.facts.drawer(drawer, self.world);
        let at = inside * Point3::new(INSIDE_X_M, side, INSIDE_Z_M * self.world.sizes().thing + 0.004);
        self.carry(block, &Isometry3::from_parts(at.coords.into(), inside.rotation))
    }

    /// To the nearest place with room.
    fn aside(&self, block: usize) -> Vec<KeyFrame> {
        let others: Vec<_> =
            (0..BLOCKS).filter(|i| *i != block).map(|i| self.facts.block(i, self.world).translation.vector).collect();
        let room = |[x, y]: &[f64; 2]| others.iter().map(|o| (o.x - x).hypot(o.y - y)).fold(f64::INFINITY, f64::min);
        let here = self.facts.block(block, self.world).translation.vector;
        // Of places with room, the nearest.
        let far = |at: &[f64; 2]| (at[0] - here.x).hypot(at[1] - here.y) + if room(at) < 0.09 { 10.0 } else { 0.0 };
        let [x, y] = SLOTS.into_iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(SLOTS[0]);
        let there = Isometry3::translation(x, y, TABLE_Z_M + self.half_m());
        self.carry(block, &there)
    }

    /// From wherever the block is to a pose of its own.
    fn carry(&self, block: usize, there: &Isometry3<f64>) -> Vec<KeyFrame> {
        if let Some(other) = self.facts.above(block, self.world) {
            return self.aside(other);
        }
        let holder = self.facts.holder(block, self.world);
        if let Some(drawer) = holder.filter(|drawer| !self.is_open(*drawer)) {
            return self.open(drawer);
        }
        let drop = self.facts.block(block, self.world);
        let grasp = tool_down(drop.translation.vector, smallest(yaw(&drop), FRAC_PI_2));
        let place = moved(&tool_down(there.translation.vector, smallest(yaw(there), FRAC_PI_2)), 0.0, 0.0, 0.002);
        let open = (0..3).rfind(|drawer| !self.facts.hold(&Fact::Closed(*drawer), self.world));
        let Some(open) = open else {
            let mut script = pick(moved(&grasp, 0.0, 0.0, 0.10), grasp, 0.12);
            script.extend(put(moved(&place, 0.0, 0.0, 0.09), place, 0.10));
            return script;
        };
        // High enough to cross over an open drawer, and straight up and down on both sides of it.
        let high = TABLE_Z_M + drawer::HANDLE_Z_M[open] + CROSS_M;
        let over = |tool: &Isometry3<f64>| moved(tool, 0.0, 0.0, high - tool.translation.z);
        vec![
            keyframe(over(&grasp), Gripper::Open, false),
            keyframe(grasp, Gripper::Closed, true),
            keyframe(over(&grasp), Gripper::Closed, true),
            keyframe(over(&place), Gripper::Closed, false),
            keyframe(place, Gripper::Open, true),
            keyframe(over(&place), Gripper::Open, true),
        ]
    }

    fn press(&self, button: usize) -> Vec<KeyFrame> {
        let at = self.world.body_position(self.facts.buttons[button]);
        let away = tool_down(at + Vector3::new(0.0, 0.0, TOP_M + 0.10), 0.0);
        buttons::press(at, self.world.sizes().thing)
            .into_iter()
            .chain([keyframe(away, Gripper::Closed, true)])
            .collect()
    }
}
