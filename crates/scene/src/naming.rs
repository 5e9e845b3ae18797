//! Which thing a name of the plan language means, and what names things get when nobody has given any.

use std::collections::BTreeMap;

use neuraxis_plan::{Class, ObjectFile, ObjectId, Scene, SceneFile, Unlisted};

use crate::{Colour, Shape, ThingId, Track, Tracker};

/// Of two that fit, the nearer to the place that the scene gives must be nearer by this much [m].
const NEARER_M: f64 = 0.03;

/// Names that have been given; a name stays with its thing.
#[derive(Clone, Debug, Default)]
pub struct Names {
    of: BTreeMap<ObjectId, ThingId>,
}

/// Why a name means nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nameless {
    /// Nothing that fits has been seen, or not for long.
    NeverSeen,
    /// So many fit.
    Several(usize),
}

impl Names {
    /// The thing that a name means.
    pub fn get(&self, object: ObjectId) -> Option<ThingId> {
        self.of.get(&object).copied()
    }

    /// The things that a name may mean instead of its own. The only thing of its colour and kind among those named cannot be
    /// mistaken for another, unless a second one is in view.
    pub fn doubts(&self, object: ObjectId, scene: &Scene, tracker: &Tracker) -> Vec<ThingId> {
        let Some(track) = self.get(object).and_then(|id| tracker.track(id)) else { return Vec::new() };
        let unique = is_unique(object, scene);
        let counts = |id: &&ThingId| !unique || tracker.track(**id).is_some_and(|other| tracker.is_seen(other));
        track.doubts.iter().filter(counts).copied().collect()
    }

    /// Gives names to things that fit by colour and shape, if one alone does, or one is clearly nearest to the place that
    /// the scene gives. A name whose thing is no longer followed is free again; one that only one thing can have goes to the
    /// thing in view when its own has gone out of sight.
    pub(crate) fn give(&mut self, scene: &Scene, tracker: &Tracker) -> BTreeMap<ObjectId, Nameless> {
        self.of.retain(|_, id| tracker.track(*id).is_some());
        let mut nameless = BTreeMap::new();
        for object in scene.object_ids() {
            if let Some(track) = self.of.get(&object).and_then(|id| tracker.track(*id)) {
                let gone = !tracker.is_seen(track) && track.held.is_none() && is_unique(object, scene);
                if gone && let Ok(Some(id)) = self.fitting(object, scene, tracker, true) {
                    self.of.insert(object, id);
                }
                continue;
            }
            match self.fitting(object, scene, tracker, false) {
                Ok(Some(id)) => drop(self.of.insert(object, id)),
                Ok(None) => drop(nameless.insert(object, Nameless::NeverSeen)),
                Err(count) => drop(nameless.insert(object, Nameless::Several(count))),
            }
        }
        nameless
    }

    /// The free thing that fits, of those in view or of all that are known.
    fn fitting(
        &self,
        object: ObjectId,
        scene: &Scene,
        tracker: &Tracker,
        in_view: bool,
    ) -> Result<Option<ThingId>, usize> {
        let Some(colour) = colour_of(object, scene) else { return Ok(None) };
        let fits = |track: &&Track| {
            let free = if in_view { tracker.is_seen(track) } else { tracker.is_known(track) };
            let free = free && !self.of.values().any(|id| *id == track.id);
            let class = class_of(track.thing.shape);
            free && track.thing.colour == Some(colour) && class.is_some() && class == scene.class(object)
        };
        let mut fitting: Vec<&Track> = tracker.tracks().iter().filter(fits).collect();
        if fitting.len() < 2 {
            return Ok(fitting.first().map(|track| track.id));
        }
        let place = scene.objects().get(object.index()).and_then(|object| object.position_in_world);
        let Some(place) = place else { return Err(fitting.len()) };
        let off = |track: &Track| (track.thing.bounds.centre_in_world - place).xy().norm();
        fitting.sort_by(|a, b| off(a).total_cmp(&off(b)));
        match fitting[..] {
            [first, second, ..] if off(first) + NEARER_M < off(second) => Ok(Some(first.id)),
            _ => Err(fitting.len()),
        }
    }
}

fn colour_of(object: ObjectId, scene: &Scene) -> Option<Colour> {
    scene.object_name(object).split('_').find_map(Colour::parse)
}

/// No other object of the scene has its colour and kind.
fn is_unique(object: ObjectId, scene: &Scene) -> bool {
    let looks = |object: ObjectId| (colour_of(object, scene), scene.class(object));
    scene.object_ids().all(|other| other == object || looks(other) != looks(object))
}

/// Kind of the plan language for a shape.
pub(crate) fn class_of(shape: Shape) -> Option<Class> {
    match shape {
        Shape::Cube | Shape::Brick => Some(Class::Block),
        Shape::Plate => Some(Class::Plate),
        Shape::Button => Some(Class::Button),
        _ => None,
    }
}

/// A scene of the plan language with everything that is known and has a colour and a kind, and the table: `red_block`, and
/// `red_block_2` for the second. What has been out of sight for long may have been taken away, and is left out. Nothing is
/// claimed: facts come from [`crate::FactReader`]. Drawers are not listed, for a camera does not see what a cabinet's parts
/// are called.
pub fn scene_file(tracker: &Tracker) -> SceneFile {
    let mut objects: Vec<ObjectFile> = Vec::new();
    for track in tracker.tracks().iter().filter(|track| tracker.is_known(track)) {
        let thing = &track.thing;
        let (Some(colour), Some(class)) = (thing.colour, class_of(thing.shape)) else { continue };
        let name = format!("{colour}_{}", class.name());
        let is_same = |object: &&ObjectFile| object.id == name || object.id.starts_with(&format!("{name}_"));
        let id = match objects.iter().filter(is_same).count() {
            0 => name,
            before => format!("{name}_{}", before + 1),
        };
        objects.push(ObjectFile { id, class, position_m: Some(thing.bounds.centre_in_world.into()) });
    }
    objects.truncate(neuraxis_plan::MOST_OBJECTS - 1);
    objects.push(ObjectFile { id: "table".into(), class: Class::Table, position_m: None });
    SceneFile { objects, facts: Vec::new(), unlisted: Unlisted::Unknown }
}
