//! What the brain is doing: its tree, its monitors with their limits, what it knows, and the things it sees.

use nalgebra::Vector3;
use neuraxis_core::Nanos;
use rerun::{Boxes3D, Color, Quaternion, Scalars, SeriesLines, TextDocument};

use crate::{Viz, VizError, paths};

/// The brain at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrainPanel {
    /// The tree with the state of each node, as Markdown.
    pub tree: String,
    /// What is known and not known, as Markdown.
    pub facts: String,
    /// Plans, calls, recoveries and their cost, memory's part, as Markdown.
    pub costs: String,
    /// Numbers that are watched: name, value, and the limit at which they trip.
    pub monitors: Vec<(String, f64, Option<f64>)>,
}

/// A thing of the scene as the brain sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenThing {
    /// What it is called.
    pub name: String,
    /// Middle of its box in the world [m].
    pub centre_in_world: Vector3<f64>,
    /// Half its sides [m].
    pub half_m: Vector3<f64>,
    /// Turn about z [rad].
    pub yaw_rad: f64,
    /// It has a name in the plan.
    pub is_named: bool,
    /// It is in the hand.
    pub is_held: bool,
}

const NAMED: [u8; 3] = [90, 205, 90];
const UNNAMED: [u8; 3] = [150, 150, 150];
const HELD: [u8; 3] = [240, 160, 60];

impl Viz {
    /// The state of the brain, whenever it has changed.
    pub fn log_brain(&mut self, stamp: Nanos, panel: &BrainPanel) -> Result<(), VizError> {
        self.at(stamp);
        for (path, text) in
            [(paths::BRAIN_TREE, &panel.tree), (paths::BRAIN_FACTS, &panel.facts), (paths::BRAIN_COSTS, &panel.costs)]
        {
            self.rec.log(path, &TextDocument::from_markdown(text.as_str()))?;
        }
        self.log_monitors(stamp, &panel.monitors)
    }

    /// Numbers that are watched, each beside its limit.
    pub fn log_monitors(&mut self, stamp: Nanos, monitors: &[(String, f64, Option<f64>)]) -> Result<(), VizError> {
        self.at(stamp);
        for (name, value, limit) in monitors {
            let path = format!("{}/{name}", paths::BRAIN_MONITORS);
            self.rec.log_static(path.as_str(), &SeriesLines::new().with_names([name.as_str()]))?;
            self.rec.log(path.as_str(), &Scalars::new([*value]))?;
            if let Some(limit) = limit {
                let path = format!("{path}/limit");
                let line = SeriesLines::new()
                    .with_names([format!("{name}: limit")])
                    .with_colors([Color::from([235u8, 80, 80])]);
                self.rec.log_static(path.as_str(), &line)?;
                self.rec.log(path.as_str(), &Scalars::new([*limit]))?;
            }
        }
        Ok(())
    }

    /// The things of the last look, as boxes with their names.
    pub fn log_things(&mut self, stamp: Nanos, things: &[SeenThing]) -> Result<(), VizError> {
        self.at(stamp);
        let point = |v: &Vector3<f64>| [v.x as f32, v.y as f32, v.z as f32];
        let turn = |yaw: f64| Quaternion::from_xyzw([0.0, 0.0, (0.5 * yaw).sin() as f32, (0.5 * yaw).cos() as f32]);
        let colour = |thing: &SeenThing| match (thing.is_held, thing.is_named) {
            (true, _) => HELD,
            (_, true) => NAMED,
            _ => UNNAMED,
        };
        let boxes = Boxes3D::from_centers_and_half_sizes(
            things.iter().map(|thing| point(&thing.centre_in_world)),
            things.iter().map(|thing| point(&thing.half_m)),
        )
        .with_quaternions(things.iter().map(|thing| turn(thing.yaw_rad)))
        .with_colors(things.iter().map(|thing| Color::from(colour(thing))))
        .with_labels(things.iter().map(|thing| thing.name.as_str()));
        self.rec.log(paths::THINGS, &boxes)?;
        Ok(())
    }
}
