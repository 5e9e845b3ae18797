//! From a fused cloud to the things on the table.
//!
//! First the [`Table`] is fitted, and points of the arm are set aside ([`crate::hand`]). What rises above the table hangs
//! together by cells of one hue ([`crate::cluster`]); what has no hue (furniture, white, grey, wood) counts as one more.
//! What lies in the table's plane counts only where it has a hue: plates. Parts are cleaned and put together
//! ([`crate::parts`]). Each gets a box, a colour and a shape; towers and rows of equal cubes are taken apart.

use nalgebra::Vector3;

use crate::{
    Fronts, Hand, Palette, SceneConfig, Shape, SightError, Table, Thing, bounding,
    cluster::clusters,
    hand::{ArmMask, Part as ArmPart},
    parts::{self, PLAIN, Part},
    shape,
    split::take_apart,
};

/// What one cloud shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// The table.
    pub table: Table,
    /// The things on it, in a fixed order: the largest cluster first.
    pub things: Vec<Thing>,
    /// Points that are the arm's.
    pub arm_points: usize,
    /// Points in clusters too small to be a thing.
    pub noise_points: usize,
}

/// Label of points that lie in the table's plane; added to a hue.
const FLAT: u8 = 16;

/// Finds the things in a cloud: positions in the world [m] and colours, any number of NaN among them.
///
/// Deterministic: equal clouds give equal things. Allocates; for a thread of its own.
///
/// # Errors
/// When there is no table, lengths differ, or the hand is nowhere.
pub fn segment(
    xyz_in_world: &[[f32; 3]],
    rgb: &[[u8; 3]],
    hand: Option<&Hand>,
    config: &SceneConfig,
    palette: &Palette,
) -> Result<Sight, SightError> {
    if xyz_in_world.len() != rgb.len() {
        return Err(SightError::Lengths { points: xyz_in_world.len(), colours: rgb.len() });
    }
    hand.map_or(Ok(()), Hand::validate)?;
    let table = Table::fit(xyz_in_world, config)?;

    // Points that can be things, each with its label and its colour.
    let mask = ArmMask::new(hand, config);
    let (mut labelled, mut colours, mut arm_points) = (Vec::new(), Vec::new(), 0);
    for (p, rgb) in xyz_in_world.iter().zip(rgb) {
        let p = p.map(f64::from);
        // NaN is inside nothing.
        if !(0..3).all(|k| p[k] > config.bounds_m[k] && p[k] < config.bounds_m[k + 3]) {
            continue;
        }
        let above = p[2] - table.z_at(p[0], p[1]);
        let hue = palette.hue(*rgb);
        if above < -table.band_m || (above < table.band_m && hue.is_none()) {
            continue;
        }
        match mask.part(&Vector3::from(p)) {
            None => {}
            Some(ArmPart::Wrist | ArmPart::Finger) if hue.is_some() => {}
            Some(_) => {
                arm_points += 1;
                continue;
            }
        }
        let flat = if above < table.band_m { FLAT } else { 0 };
        labelled.push((p, hue.map_or(PLAIN, |hue| hue as u8 + flat)));
        colours.push(*rgb);
    }

    // Parts: points that hang together.
    let mut noise_points = 0;
    let mut found = Vec::new();
    for set in clusters(&labelled, config.cell_m) {
        let Some((_, label)) = set.first().and_then(|i| labelled.get(*i)) else { continue };
        if set.len() < config.least_points {
            noise_points += set.len();
            continue;
        }
        let points = set.iter().map(|i| Vector3::from(labelled[*i].0)).collect();
        let rgb = set.iter().map(|i| colours[*i]).collect();
        found.extend(Part::new(points, rgb, *label & !FLAT, *label & FLAT != 0));
    }
    let tool = hand.map(Hand::tool_in_world);
    let before: usize = found.iter().map(|part| part.points.len()).sum();
    let found = parts::with_drawers(found, &table);
    let mut found = parts::without_arm(found, &table, tool.as_ref());
    arm_points += before - found.iter().map(|part| part.points.len()).sum::<usize>();
    found = parts::with_fringes(found, config.cell_m);
    found = parts::with_buttons(found, &table);
    parts::settle(&mut found, &table);

    let things = found.iter().flat_map(|part| take_apart(described(part, config, palette))).collect();
    Ok(Sight { table, things, arm_points, noise_points })
}

fn described(part: &Part, config: &SceneConfig, palette: &Palette) -> Thing {
    let bounds = part.fitted.bounds;
    let shape = match part.shape {
        Some(shape) => shape,
        None if part.plain && shape::is_covered_button(&part.fitted, &part.points) => Shape::Button,
        None => shape::name(&part.fitted, &part.points, part.flat),
    };
    // Of a button its cap counts: the foot is pale.
    let from_m = if shape == Shape::Button { bounds.bottom_m() + 0.75 * bounds.height_m() } else { f64::MIN };
    let shown = part.points.iter().zip(&part.rgb).filter(|(p, _)| p.z >= from_m).map(|(_, rgb)| *rgb);
    Thing {
        bounds,
        colour: palette.name(shown),
        shape,
        points: part.points.len(),
        top_seen: top_seen(&bounds, &part.points, config.cell_m),
        part_of: 1,
        fronts: if shape == Shape::Cabinet { Fronts::of(&part.points, config) } else { None },
    }
}

/// Part of the cells of the upper side in which there are points.
fn top_seen(bounds: &bounding::OrientedBox, points: &[Vector3<f64>], cell_m: f64) -> f64 {
    let count = |half: f64| ((2.0 * half / cell_m).round() as usize).max(1);
    let [nx, ny] = [count(bounds.half_m.x), count(bounds.half_m.y)];
    let from_m = bounds.top_m() - 0.6 * cell_m;
    let mut seen = vec![false; nx * ny];
    for p in points.iter().filter(|p| p.z >= from_m) {
        let own = bounds.inside(p);
        let cell = |v: f64, half: f64, n: usize| {
            let part = (v + half) / (2.0 * half).max(1e-9);
            ((part * n as f64) as usize).min(n - 1)
        };
        seen[cell(own.x, bounds.half_m.x, nx) * ny + cell(own.y, bounds.half_m.y, ny)] = true;
    }
    seen.iter().filter(|seen| **seen).count() as f64 / (nx * ny) as f64
}
