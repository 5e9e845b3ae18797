//! What clusters are parts of: the arm, an edge that the pixels blurred, a button of two colours, a tower.

use nalgebra::Vector3;

use crate::{
    Shape, Table,
    bounding::{self, Fitted},
};

/// Points that hang together and have one hue, or none.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// In the world [m].
    pub(crate) points: Vec<Vector3<f64>>,
    /// Their colours.
    pub(crate) rgb: Vec<[u8; 3]>,
    /// Box around them.
    pub(crate) fitted: Fitted,
    /// Number of its hue, or [`PLAIN`].
    pub(crate) label: u8,
    /// Without hue.
    pub(crate) plain: bool,
    /// In the table's plane.
    pub(crate) flat: bool,
    /// What it is, if putting it together has told.
    pub(crate) shape: Option<Shape>,
}

/// Label of points without hue.
pub(crate) const PLAIN: u8 = 15;
/// What hangs in the air higher than this above all else, and has no hue, is the arm's [m].
const FLOATING_M: f64 = 0.06;
/// What is wider than this is furniture; its lowest visible point may be so high [m].
const WIDE_M: f64 = 0.2;
const FURNITURE_M: f64 = 0.16;
/// Least height and depth of a cabinet, and how far from it a drawer's middle can be [m].
const CABINET_M: [f64; 2] = [0.25, 0.12];
const DRAWER_OUT_M: f64 = 0.25;
/// What is this near to the tool may be held [m].
const HELD_M: f64 = 0.05;
/// A thing reaches down to what is this far below its lowest point: low points are seen badly [m].
const SETTLE_M: f64 = 0.022;
/// ... and from an upper side of which nothing below is seen, as far as a block is high: [thickness, depth] [m].
const SLAB_M: [f64; 2] = [0.008, 0.042];
/// What is thinner than this is somebody's surface [m].
const SURFACE_M: f64 = 0.005;
/// A button: middles of cap and foot apart, height of the foot, of the whole, of the cap over its foot [m].
const BUTTON_OFF_M: f64 = 0.012;
const BUTTON_FOOT_M: [f64; 2] = [0.012, 0.040];
const BUTTON_M: [f64; 2] = [0.025, 0.065];
/// Two feet side by side are at most this long [m].
const FEET_M: f64 = 0.19;
/// Of a round foot: its longer side over the shorter at most, and the ground plan that it fills at most [-].
const FOOT_EVEN: f64 = 1.3;
const FOOT_FILL: f64 = 0.95;
const BUTTON_CAP_M: f64 = 0.028;

impl Part {
    /// `None` without points.
    pub(crate) fn new(points: Vec<Vector3<f64>>, rgb: Vec<[u8; 3]>, label: u8, flat: bool) -> Option<Self> {
        let fitted = bounding::fit(&points)?;
        Some(Self { points, rgb, fitted, label, plain: label == PLAIN, flat, shape: None })
    }

    fn join(&mut self, other: Self) {
        self.points.extend(other.points);
        self.rgb.extend(other.rgb);
        if let Some(fitted) = bounding::fit(&self.points) {
            self.fitted = fitted;
        }
    }
}

/// True if a part reaches down to the table, as far as can be seen: of furniture the foot is often hidden.
fn stands(part: &Part, table: &Table) -> bool {
    let own = &part.fitted.bounds;
    let most = if own.sides_m()[1] > WIDE_M { FURNITURE_M } else { FLOATING_M };
    own.bottom_m() - table.z_at(own.centre_in_world.x, own.centre_in_world.y) < most
}

/// Joins drawers that are pulled out to their cabinet: pieces that hang in the air in front of furniture, lower than it
/// and nearly as wide. An arm is narrower.
pub(crate) fn with_drawers(mut parts: Vec<Part>, table: &Table) -> Vec<Part> {
    let is_cabinet = |part: &Part| {
        let own = &part.fitted.bounds;
        part.plain && stands(part, table) && own.height_m() > CABINET_M[0] && own.sides_m()[1] > CABINET_M[1]
    };
    let Some(at) = parts.iter().position(is_cabinet) else { return parts };
    let mut cabinet = parts.remove(at);
    let furniture = cabinet.fitted.bounds;
    let (drawers, mut rest): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| {
        let own = &part.fitted.bounds;
        let near = furniture.distance_m(&own.centre_in_world) < DRAWER_OUT_M;
        let low = own.top_m() < furniture.top_m() && own.height_m() < 0.5 * furniture.height_m();
        part.plain && !stands(part, table) && near && low && own.sides_m()[0] > 0.7 * furniture.sides_m()[1]
    });
    drawers.into_iter().for_each(|drawer| cabinet.join(drawer));
    rest.insert(at, cabinet);
    rest
}

/// Leaves out pieces of the arm that the mask does not cover: they have no hue, and nothing carries them. What is
/// between the fingers (`tool_in_world`) is kept.
pub(crate) fn without_arm(parts: Vec<Part>, table: &Table, tool_in_world: Option<&Vector3<f64>>) -> Vec<Part> {
    let boxes: Vec<_> = parts.iter().map(|part| part.fitted.bounds).collect();
    let keep = |(i, part): (usize, &Part)| {
        let own = &part.fitted.bounds;
        let at = own.centre_in_world;
        let held = tool_in_world.is_some_and(|tool| own.distance_m(tool) < HELD_M && own.half_m.max() < 0.1);
        let carried = || {
            let mut others = boxes.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
            others.any(|other| other.depth_m(&at) > 0.0 && (own.bottom_m() - other.top_m()).abs() < 0.03)
        };
        !part.plain || held || stands(part, table) || carried()
    };
    let kept: Vec<bool> = parts.iter().enumerate().map(keep).collect();
    parts.into_iter().zip(kept).filter_map(|(part, kept)| kept.then_some(part)).collect()
}

/// Joins to a part the smaller ones that lie inside its box: edges whose pixels are mixed with the background, the lowest
/// layer of its sides, which lies in the table's plane, and patches of another hue without thickness, which are its
/// surface: a label, or wood in the shade.
pub(crate) fn with_fringes(mut parts: Vec<Part>, cell_m: f64) -> Vec<Part> {
    // What lies in the table's plane comes last, whatever its size: it is joined to what rises above it.
    parts.sort_by_key(|part| (part.flat, std::cmp::Reverse(part.points.len())));
    let mut whole: Vec<Part> = Vec::new();
    for part in parts {
        let fringe = |of: &&mut Part| {
            let inside = part.fitted.bounds.is_within(&of.fitted.bounds, cell_m) && !of.flat;
            // Another hue inside a box is a thing in another one, a block in a jar; so is a plain thing in a plain one.
            let [_, thin] = part.fitted.bounds.sides_m();
            let surface = !part.flat && thin.min(part.fitted.bounds.height_m()) < SURFACE_M;
            let edge = part.plain && !of.plain;
            let foot = part.flat && part.label == of.label;
            inside && (foot || (edge || surface) && 3 * part.points.len() < of.points.len())
        };
        match whole.iter_mut().find(fringe) {
            Some(of) => of.join(part),
            None => whole.push(part),
        }
    }
    whole
}

/// Joins caps with hue to the pale feet around them.
pub(crate) fn with_buttons(parts: Vec<Part>, table: &Table) -> Vec<Part> {
    let mut feet: Vec<Part> = Vec::new();
    let mut rest: Vec<Part> = Vec::new();
    for part in parts {
        let own = &part.fitted.bounds;
        let at = own.centre_in_world;
        let high = own.top_m() - table.z_at(at.x, at.y);
        let [long, short] = own.sides_m();
        let is_low = |most_m: f64| part.plain && high > BUTTON_FOOT_M[0] && high < most_m;
        if is_low(BUTTON_FOOT_M[1]) && long < 0.11 && short > 0.04 {
            feet.push(part);
        } else if is_low(BUTTON_M[1]) && long < FEET_M && long > 1.6 * short {
            // Feet side by side hang together in the cells, and so do caps that are black.
            match halves(&part) {
                Some(both) => {
                    for half in both {
                        let own = &half.fitted.bounds;
                        let high = own.top_m() - table.z_at(own.centre_in_world.x, own.centre_in_world.y);
                        if high < BUTTON_FOOT_M[1] { feet.push(half) } else { rest.push(half) }
                    }
                }
                None => rest.push(part),
            }
        } else {
            rest.push(part);
        }
    }
    for part in &mut rest {
        let own = part.fitted.bounds;
        let at = own.centre_in_world;
        let high = own.top_m() - table.z_at(at.x, at.y);
        if part.plain || part.flat || !(high > BUTTON_M[0] && high < BUTTON_M[1]) {
            continue;
        }
        let around = |foot: &Part| {
            let bounds = &foot.fitted.bounds;
            let off = (bounds.centre_in_world - at).xy().norm();
            let over = own.top_m() - bounds.top_m();
            let narrower = own.sides_m()[0] < bounds.sides_m()[0] + 0.002;
            off < BUTTON_OFF_M && over > 0.0 && over < BUTTON_CAP_M && narrower
        };
        if let Some(foot) = feet.iter().position(around) {
            part.join(feet.remove(foot));
            part.shape = Some(Shape::Button);
        }
    }
    rest.extend(feet);
    rest.sort_by_key(|part| std::cmp::Reverse(part.points.len()));
    rest
}

/// Two parts of one, cut across its longer side, if both are round.
fn halves(part: &Part) -> Option<[Part; 2]> {
    let bounds = part.fitted.bounds;
    let along = |p: &Vector3<f64>| {
        let own = bounds.inside(p);
        if bounds.half_m.x > bounds.half_m.y { own.x } else { own.y }
    };
    let side = |positive: bool| {
        let own = part.points.iter().zip(&part.rgb).filter(|(p, _)| (along(p) > 0.0) == positive);
        let (points, rgb) = own.map(|(p, rgb)| (*p, *rgb)).unzip();
        let half = Part::new(points, rgb, part.label, part.flat)?;
        let [long, short] = half.fitted.bounds.sides_m();
        (long < FOOT_EVEN * short && long > 0.04 && half.fitted.fill < FOOT_FILL).then_some(half)
    };
    Some([side(false)?, side(true)?])
}

/// Lets boxes reach down to what they stand on: the highest part below their middle, or the table.
pub(crate) fn settle(parts: &mut [Part], table: &Table) {
    let boxes: Vec<_> = parts.iter().map(|part| part.fitted.bounds).collect();
    for (i, part) in parts.iter_mut().enumerate() {
        let own = part.fitted.bounds;
        let at = own.centre_in_world;
        let floor = table.z_at(at.x, at.y);
        if part.flat {
            part.fitted.bounds = own.between(floor, own.top_m().max(floor + 1e-4));
            continue;
        }
        let below = |other: &bounding::OrientedBox| {
            (other.depth_m(&at) > 0.0 && other.top_m() < own.bottom_m() + 0.008).then_some(other.top_m())
        };
        let others = boxes.iter().enumerate().filter(|(j, _)| *j != i);
        let support = others.filter_map(|(_, other)| below(other)).fold(floor, f64::max);
        let reach_m = if own.height_m() < SLAB_M[0] { SLAB_M[1] } else { SETTLE_M };
        if own.bottom_m() - support < reach_m && support < own.top_m() {
            part.fitted.bounds = own.between(support, own.top_m());
        }
    }
}
