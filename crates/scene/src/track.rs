//! Things over time: each keeps its number while it moves, is out of sight, or is held.

use std::fmt;

use nalgebra::Isometry3;
use neuraxis_core::Nanos;

use crate::{
    Grip, Hand, Palette, SceneConfig, Shape, Sight, SightError, Table, Thing,
    assign::{NEVER, assign},
    segment,
};

/// Number of a thing that is followed; never given twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThingId(pub u32);

impl fmt::Display for ThingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thing {}", self.0)
    }
}

/// A thing that is followed.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its number.
    pub id: ThingId,
    /// As it was seen last; while it is held, carried along with the tool.
    pub thing: Thing,
    /// When a camera saw it last.
    pub seen_at: Nanos,
    /// Looks that have shown it.
    pub looks: u32,
    /// It is between the fingers: `X_TO`, the box's middle and yaw seen from the tool.
    pub held: Option<Isometry3<f64>>,
    /// It may be one of these instead: they look the same and came too close, or moved while out of sight. Stays until
    /// [`Tracker::settle`].
    pub doubts: Vec<ThingId>,
    /// A button whose cap has turned black.
    pub pressed: bool,
    /// Size and points of the look that showed most of it; points fade, so that a mistake is given up after some seconds.
    pub(crate) whole: (f64, f64),
}

/// Follows things from look to look.
pub struct Tracker {
    pub(crate) config: SceneConfig,
    pub(crate) palette: Palette,
    pub(crate) tracks: Vec<Track>,
    pub(crate) next: u32,
    pub(crate) now: Option<Nanos>,
    pub(crate) hand: Option<Hand>,
    pub(crate) last_width_m: Option<f64>,
    pub(crate) grip: Grip,
    pub(crate) table: Option<Table>,
    /// The last look showed the table: what it did not show is out of sight.
    pub(crate) sighted: bool,
}

/// What falls out of the hand, or was moved while out of sight, may be this many gates away.
const LOST_GATES: f64 = 2.5;
/// A thing can seem this much larger than before [-]; smaller is always possible, when it is hidden in part.
const GROWTH: f64 = 1.5;
/// What a look has shown counts less by this with every later one.
const FADES: f64 = 0.98;
/// What fewer looks than this have shown, and the last not, was noise.
const LEAST_LOOKS: u32 = 2;
/// Most things that are followed; of more, those unseen for longest go.
const MOST: usize = 64;

impl Tracker {
    /// Knows nothing yet.
    pub fn new(config: SceneConfig) -> Result<Self, SightError> {
        config.validate()?;
        Ok(Self {
            config,
            palette: Palette::default(),
            tracks: Vec::new(),
            next: 0,
            now: None,
            hand: None,
            last_width_m: None,
            grip: Grip::Unknown,
            table: None,
            sighted: false,
        })
    }

    /// A look: a cloud of all cameras that can be used, positions in the world [m]; and the hand at that time.
    ///
    /// # Errors
    /// When the look shows no table, the hand is nowhere, or time goes backwards. What was known stays as it was and
    /// ages; after the last of these nothing has changed at all.
    pub fn look(
        &mut self,
        stamp: Nanos,
        xyz_in_world: &[[f32; 3]],
        rgb: &[[u8; 3]],
        hand: Option<&Hand>,
    ) -> Result<(), SightError> {
        let hand = self.feel(stamp, hand)?;
        let sight = segment(xyz_in_world, rgb, hand.as_ref(), &self.config, &self.palette);
        self.recognise(stamp, sight?);
        Ok(())
    }

    /// A look at things that were segmented elsewhere.
    pub fn look_at(&mut self, stamp: Nanos, sight: Sight, hand: Option<&Hand>) -> Result<(), SightError> {
        self.feel(stamp, hand)?;
        self.recognise(stamp, sight);
        Ok(())
    }

    /// Nothing could be seen: time passes, and what is held moves on.
    pub fn blind(&mut self, stamp: Nanos, hand: Option<&Hand>) -> Result<(), SightError> {
        self.feel(stamp, hand)?;
        Ok(())
    }

    /// All things, in the order of their numbers.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// One of them.
    pub fn track(&self, id: ThingId) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// Time of the last look.
    pub fn now(&self) -> Option<Nanos> {
        self.now
    }

    /// The hand at the last look.
    pub fn hand(&self) -> Option<&Hand> {
        self.hand.as_ref()
    }

    /// The cabinet in view, if there is one.
    pub fn cabinet(&self) -> Option<&Track> {
        let cabinets = self.tracks.iter().filter(|track| track.thing.shape == Shape::Cabinet && self.is_seen(track));
        cabinets.max_by_key(|track| track.thing.points)
    }

    /// What the gripper feels.
    pub fn grip(&self) -> Grip {
        self.grip
    }

    /// The table as it was seen last.
    pub fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// True if the last look has shown the table, so that what it did not show was out of sight.
    pub fn is_sighted(&self) -> bool {
        self.sighted
    }

    /// The settings.
    pub fn config(&self) -> &SceneConfig {
        &self.config
    }

    /// True if the last look showed it.
    pub fn is_seen(&self, track: &Track) -> bool {
        self.sighted && self.now == Some(track.seen_at)
    }

    /// True if it is held, or has been out of sight for no longer than facts about it stay as they were.
    pub fn is_known(&self, track: &Track) -> bool {
        let is_fresh = |now: Nanos| now.secs_since(track.seen_at) <= self.config.remember_secs;
        track.held.is_some() || self.now.is_some_and(is_fresh)
    }

    /// Since when no camera has seen it; `None` while one does.
    pub fn unseen_since(&self, track: &Track) -> Option<Nanos> {
        (!self.is_seen(track)).then_some(track.seen_at)
    }

    /// Somebody who knows has said which is which, or that it does not matter: doubts about it are dropped.
    pub fn settle(&mut self, id: ThingId) {
        for track in &mut self.tracks {
            if track.id == id {
                track.doubts.clear();
            }
            track.doubts.retain(|other| *other != id);
        }
    }

    /// Gives the things of a sight to those known, and numbers to the others.
    fn recognise(&mut self, stamp: Nanos, sight: Sight) {
        (self.table, self.sighted) = (Some(sight.table), true);
        let costs: Vec<Vec<f64>> = self
            .tracks
            .iter()
            .map(|track| sight.things.iter().map(|thing| self.cost(track, thing)).collect())
            .collect();
        let found = assign(&costs, sight.things.len(), self.config.doubt_m);
        for (a, b) in &found.doubtful {
            // What is held is known by the hand.
            if self.tracks[*a].held.is_none() && self.tracks[*b].held.is_none() {
                let [a_id, b_id] = [self.tracks[*a].id, self.tracks[*b].id];
                doubt(&mut self.tracks[*a], b_id);
                doubt(&mut self.tracks[*b], a_id);
            }
        }
        let first_new = self.next;
        let mut number_of: Vec<Option<ThingId>> = vec![None; sight.things.len()];
        for (track, seen) in self.tracks.iter_mut().zip(&found.seen_of_known) {
            if let Some(thing) = seen.and_then(|j| sight.things.get(j)) {
                track.update(thing, stamp);
                seen.and_then(|j| number_of.get_mut(j)).into_iter().for_each(|number| *number = Some(track.id));
            }
        }
        for (thing, number) in sight.things.into_iter().zip(&mut number_of) {
            if number.is_none() {
                let id = ThingId(self.next);
                self.next += 1;
                *number = Some(id);
                let pressed = false;
                let whole = (thing.bounds.half_m.norm(), thing.points as f64);
                self.tracks.push(Track {
                    whole,
                    id,
                    thing,
                    seen_at: stamp,
                    looks: 1,
                    held: None,
                    doubts: Vec::new(),
                    pressed,
                });
            }
        }
        for (known, seen) in found.rivals {
            let Some(rival) = number_of.get(seen).copied().flatten().filter(|id| id.0 >= first_new) else { continue };
            // What is held is known by the hand; what else is seen there is a piece of it.
            if self.tracks[known].held.is_some() {
                continue;
            }
            let id = self.tracks[known].id;
            doubt(&mut self.tracks[known], rival);
            self.tracks.iter_mut().filter(|track| track.id == rival).for_each(|track| doubt(track, id));
        }
        self.tracks.retain(|track| track.seen_at == stamp || track.looks >= LEAST_LOOKS || track.held.is_some());
        while self.tracks.len() > MOST {
            let Some(oldest) = (0..self.tracks.len()).min_by_key(|i| self.tracks[*i].seen_at) else { break };
            self.tracks.remove(oldest);
        }
    }

    /// How unlikely it is that a known thing is a seen one, as a distance [m]; [`NEVER`] if it cannot be.
    fn cost(&self, track: &Track, thing: &Thing) -> f64 {
        let off = (track.thing.bounds.centre_in_world - thing.bounds.centre_in_world).norm();
        let gone = !track.seen_at_least(self.now) && track.held.is_none();
        let gate = if gone { LOST_GATES * self.config.gate_m } else { self.config.gate_m };
        let presses = track.thing.shape == Shape::Button && thing.shape == Shape::Button && off < 0.015;
        let colours = match (track.thing.colour, thing.colour) {
            (Some(a), Some(b)) => a == b || presses,
            _ => true,
        };
        let flat = |thing: &Thing| thing.shape == Shape::Plate;
        let size = |thing: &Thing| thing.bounds.half_m.x + thing.bounds.half_m.y + thing.bounds.half_m.z;
        let grown = size(thing) > GROWTH * size(&track.thing) + 0.01;
        if off > gate || !colours || flat(&track.thing) != flat(thing) || grown {
            return NEVER;
        }
        // A name that is missing on one side counts like a centimetre.
        let unnamed = track.thing.colour.is_some() != thing.colour.is_some();
        off + if unnamed { 0.01 } else { 0.0 } + if track.thing.shape != thing.shape { 0.005 } else { 0.0 }
    }
}

impl Track {
    /// Was it seen in the look before this one? The tracker's clock already shows the new look.
    fn seen_at_least(&self, now: Option<Nanos>) -> bool {
        now.is_some_and(|now| now.secs_since(self.seen_at) < 0.5)
    }

    fn update(&mut self, thing: &Thing, stamp: Nanos) {
        let before = std::mem::replace(&mut self.thing, thing.clone());
        if before.shape == Shape::Button && thing.shape == Shape::Button && before.colour != thing.colour {
            // The cap is covered once it has been pressed; its old colour is its name.
            self.pressed |= thing.colour == Some(crate::Colour::Black);
            self.thing.colour = before.colour;
        }
        // A hand in front hides part of it: what is hidden has not shrunk, not even bit by bit.
        let (size_m, points) = (thing.bounds.half_m.norm(), thing.points as f64);
        let hidden = size_m < 0.8 * self.whole.0 && points < self.whole.1;
        self.whole.1 *= FADES;
        if !hidden {
            self.whole = (size_m, points.max(self.whole.1));
        }
        if self.held.is_some() || hidden {
            self.thing.bounds = before.bounds;
            self.thing.shape = before.shape;
            self.thing.colour = before.colour.or(thing.colour);
        } else if thing.colour.is_none() {
            self.thing.colour = before.colour;
        }
        self.seen_at = stamp;
        self.looks += 1;
    }
}

fn doubt(track: &mut Track, other: ThingId) {
    if !track.doubts.contains(&other) {
        track.doubts.push(other);
    }
}
