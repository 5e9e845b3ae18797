//! What the brain is doing: its tree, its monitors with their limits, what it knows, and the things it sees.

use nalgebra::Vector3;
use neuraxis_core::Nanos;
use neuraxis_episode::{BrainPanel, Monitor, SeenThing};
use rerun::{Boxes3D, Color, Quaternion, Scalars, SeriesLines, TextDocument};

use crate::{Viz, VizError, paths};

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
            self.put(path, &TextDocument::from_markdown(text.as_str()))?;
        }
        Ok(())
    }

    /// Numbers that are watched, each beside its limit.
    pub fn log_monitors(&mut self, stamp: Nanos, monitors: &[Monitor]) -> Result<(), VizError> {
        self.at(stamp);
        for Monitor { name, value, limit } in monitors {
            let path = format!("{}/{name}", paths::BRAIN_MONITORS);
            self.put_static(&path, &SeriesLines::new().with_names([name.as_str()]))?;
            self.put(&path, &Scalars::new([*value]))?;
            if let Some(limit) = limit {
                let path = format!("{path}/limit");
                let line = SeriesLines::new()
                    .with_names([format!("{name}: limit")])
                    .with_colors([Color::from([235u8, 80, 80])]);
                self.put_static(&path, &line)?;
                self.put(&path, &Scalars::new([*limit]))?;
            }
        }
        Ok(())
    }

    /// The things of the last look, as boxes; those of the plan with their names.
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
        // What has no part in the plan would only cover what has.
        .with_labels(things.iter().map(|thing| if thing.is_named || thing.is_held { thing.name.as_str() } else { "" }));
        self.put(paths::THINGS, &boxes)
    }
}
