//! From clouds to a [`Look`]: which things there are, what they are called, where they are, and which facts hold.

use std::collections::BTreeMap;

use neuraxis_core::Nanos;
use neuraxis_executor::Observed;
use neuraxis_plan::{Class, FactId, ObjectFile, Scene, SceneFile, State, Truth, Unlisted};
use neuraxis_scene::{FactReader, Finding, Hand, Shape, SightError, ThingId, Track, Tracker, Why, scene_file};

use crate::{
    BrainConfig, BrainError, Furniture, Look, Place,
    permanence::Permanence,
    room,
    seat::{self, Front},
    told::{Told, told},
};

/// The open front of a drawer from here on is in the way [m].
const OUT_M: f64 = 0.03;

/// Looks at the scene; in a thread of its own. Cameras, the hand's pose and the gripper are all that it knows.
pub struct Perception {
    furniture: Furniture,
    tracker: Tracker,
    reader: FactReader,
    scene: Option<Scene>,
    permanence: Permanence,
    /// Blocks that earlier tasks have seen in drawers, by the names that they had there.
    kept: Vec<Told>,
    last: Look,
    findings: Vec<Finding>,
    spot: Option<usize>,
    looks: u32,
    /// Facts that a model was asked about: whether they hold, and when it was.
    believed: BTreeMap<FactId, (bool, Nanos)>,
}

impl Perception {
    /// Knows nothing yet.
    pub fn new(config: &BrainConfig) -> Result<Self, BrainError> {
        config.validate()?;
        Ok(Self {
            furniture: config.furniture.clone(),
            tracker: Tracker::new(config.scene.clone())?,
            reader: FactReader::default(),
            scene: None,
            permanence: Permanence::default(),
            kept: Vec::new(),
            last: Look::default(),
            findings: Vec::new(),
            spot: None,
            looks: 0,
            believed: BTreeMap::new(),
        })
    }

    /// One cloud of all cameras that can be used, positions in the world [m], and the hand at that time.
    ///
    /// # Errors
    /// As [`Tracker::look`]; facts then age until they are unknown.
    pub fn look(
        &mut self,
        stamp: Nanos,
        xyz_in_world: &[[f32; 3]],
        rgb: &[[u8; 3]],
        hand: &Hand,
    ) -> Result<(), SightError> {
        self.tracker.look(stamp, xyz_in_world, rgb, Some(hand))?;
        self.looks += 1;
        Ok(())
    }

    /// Looks that have shown the table.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// What is followed.
    pub fn tracks(&self) -> &[Track] {
        self.tracker.tracks()
    }

    /// The scene that names were given for, if a task has begun.
    pub fn scene(&self) -> Option<&Scene> {
        self.scene.as_ref()
    }

    /// Begins a task: gives a name to everything that is in view, was so not long ago, or was seen in a drawer, and takes the
    /// sentence's word for what else it names. Names stay until the next task begins. Facts are those of the last look.
    pub fn begin(&mut self, sentence: &str) -> Result<Scene, BrainError> {
        self.end();
        let mut file = scene_file(&self.tracker);
        if self.tracker.cabinet().is_some() {
            // The table is last, and stays so.
            let at = file.objects.len().saturating_sub(1);
            let drawers = self.furniture.drawers.iter().map(|drawer| ObjectFile {
                id: drawer.id.clone(),
                class: Class::Drawer,
                // As it is seen, and not before.
                position_m: None,
            });
            file.objects.splice(at..at, drawers);
        }
        let unseen = |told: &Told| ObjectFile { id: told.block.clone(), class: Class::Block, position_m: None };
        let in_drawers: Vec<_> = self.kept.iter().filter(|kept| kept.is_hidden(&file.objects)).map(unseen).collect();
        file.objects.extend(in_drawers);
        let told = told(sentence, &file.objects)?;
        file.objects.extend(told.iter().map(unseen));
        let scene = Scene::try_from(file)?;
        let drawers = self.furniture.drawers.iter();
        let heights_m = drawers.filter_map(|drawer| Some((scene.object(&drawer.id)?, drawer.z_m))).collect();
        self.reader = FactReader::default().with_heights(heights_m);
        (self.permanence, self.spot) = (Permanence::default(), None);
        self.believed.clear();
        let named = |told: &Told| scene.object(&told.block).zip(scene.object(&told.drawer));
        told.iter().filter_map(named).for_each(|(block, drawer)| self.permanence.tell(block, drawer));
        self.kept.iter().filter_map(named).for_each(|(block, drawer)| self.permanence.recall(block, drawer));
        self.last = Look::default();
        self.scene = Some(scene);
        self.read();
        self.present()
    }

    /// Ends the task: names are forgotten, but of blocks in drawers; things are followed on.
    pub fn end(&mut self) {
        let Some(scene) = self.scene.take() else { return };
        // Of a block that it named this task knows better than those before.
        self.kept.retain(|kept| scene.object(&kept.block).is_none());
        let name = |object| scene.object_name(object).to_string();
        let seen = self.permanence.seen().map(|(block, drawer)| Told { block: name(block), drawer: name(drawer) });
        self.kept.extend(seen);
    }

    /// The scene with the facts of the last look, and blocks and handles of drawers where it shows them: for a plan that goes
    /// on from here, and for memory. Numbers of things and facts stay as they were.
    pub fn present(&self) -> Result<Scene, BrainError> {
        let scene = self.scene.as_ref().ok_or(BrainError::NoTask)?;
        let objects = scene.objects().iter().zip(&self.last.places).map(|(object, place)| {
            // Where a block lay at first says nothing once it has been moved, nor where a drawer was once it is open.
            let position_in_world = match object.class {
                Class::Block | Class::Drawer => place.map(|place| place.world_from_thing.translation.vector),
                _ => object.position_in_world,
            };
            ObjectFile { id: object.id.clone(), class: object.class, position_m: position_in_world.map(Into::into) }
        });
        let file = SceneFile { objects: objects.collect(), facts: Vec::new(), unlisted: Unlisted::Unknown };
        let mut present = Scene::try_from(file)?;
        present.set_state(self.last.observed.state)?;
        Ok(present)
    }

    /// What the last look has shown, by the names of the present task.
    pub fn read(&mut self) -> Look {
        let (Some(scene), Some(stamp)) = (&self.scene, self.tracker.now()) else { return Look::default() };
        let findings = self.reader.read(scene, &self.tracker);
        let state = self.permanence.complete(stamp, scene, findings.state);
        let state = self.with_believed(stamp, scene, state);
        self.findings = findings.findings;
        let is_shown =
            |finding: &&Finding| finding.truth != Truth::Unknown && matches!(finding.why, Why::Seen | Why::Felt);
        let shown = self.findings.iter().filter(is_shown).map(|finding| finding.fact).collect();
        let mut look = Look { observed: Observed { state, shown, stamp }, ..Look::default() };
        let mut crossing: Option<f64> = None;
        look.high = room::high(self.tracker.tracks(), self.tracker.table());
        look.stands_high = look.high.iter().any(Option::is_some);
        let furniture = self.tracker.tracks().iter().filter(|track| track.thing.shape == Shape::Cabinet);
        let top_m = furniture.map(|track| track.thing.bounds.top_m()).max_by(f64::total_cmp);
        for object in scene.object_ids() {
            let i = object.index();
            let (place, seat) = match scene.class(object) {
                Some(Class::Drawer) => {
                    // A front that a hand hides is where it was, and so is the room behind it.
                    let seen = self.reader.front(object);
                    let front = seen.map(Front::of);
                    let seat = match (seen, &front) {
                        (Some(seen), Some(front)) if seen.at == stamp => {
                            seat::in_drawer(front, &self.furniture, self.tracker.tracks())
                        }
                        _ => self.last.seats.get(i).copied().flatten(),
                    };
                    if let Some(front) = front.as_ref().filter(|front| front.out_m > OUT_M) {
                        let high = front.edge_in_world.z + self.furniture.cross_m;
                        crossing = Some(crossing.map_or(high, |z: f64| z.max(high)));
                    }
                    if let (Some(seen), Some(front), Some(top_m)) = (seen, &front, top_m) {
                        let half_width_m = seen.fronts.half_width_m;
                        room::with_drawer(&mut look.high, front, &self.furniture, half_width_m, top_m);
                    }
                    let place = front.map(|front| drawer(&front, &self.furniture));
                    (place, seat)
                }
                Some(Class::Table) => {
                    let tracks = self.tracker.tracks();
                    let table = self.tracker.table();
                    let found = table.and_then(|table| seat::on_table(table, &self.furniture, tracks, self.spot));
                    self.spot = found.map(|(spot, _)| spot);
                    (None, found.map(|(_, seat)| seat))
                }
                class => {
                    let track = self.reader.names().get(object).and_then(|id| self.tracker.track(id));
                    let known = track.filter(|track| {
                        self.tracker.is_known(track)
                            && self.reader.names().doubts(object, scene, &self.tracker).is_empty()
                    });
                    (
                        known.map(|track| self.thing(track, class, i)),
                        known.map(|track| seat::on_top(&track.thing.bounds)),
                    )
                }
            };
            if let (Some(slot), Some(of_seat)) = (look.places.get_mut(i), look.seats.get_mut(i)) {
                (*slot, *of_seat) = (place, seat);
            }
        }
        look.crossing_z_in_world = crossing;
        self.last = look;
        look
    }

    /// A model was asked about a fact that nothing else tells: it is believed for as long as things out of sight are, until a
    /// look says something about it.
    pub fn believe(&mut self, fact: FactId, holds: bool) {
        if let Some(now) = self.tracker.now() {
            self.believed.insert(fact, (holds, now));
        }
    }

    /// What is believed of what is not known, where it contradicts nothing.
    fn with_believed(&self, now: Nanos, scene: &Scene, state: State) -> State {
        let remember_secs = self.tracker.config().remember_secs;
        let fresh = self.believed.iter().filter(|(_, (_, since))| now.secs_since(*since) <= remember_secs);
        fresh.fold(state, |state, (fact, (holds, _))| {
            let with = state.with(*fact, *holds);
            let is_news = state.truth(*fact) == Truth::Unknown && scene.clone().set_state(with).is_ok();
            if is_news { with } else { state }
        })
    }

    /// What a thing is called in the plan.
    pub fn name_of(&self, thing: ThingId) -> Option<&str> {
        let scene = self.scene.as_ref()?;
        let named = scene.object_ids().find(|object| self.reader.names().get(*object) == Some(thing))?;
        Some(scene.object_name(named))
    }

    /// The thing that a name means.
    pub fn thing_named(&self, name: &str) -> Option<&Track> {
        let object = self.scene.as_ref()?.object(name)?;
        self.tracker.track(self.reader.names().get(object)?)
    }

    /// What the last look found out about a fact.
    pub fn finding(&self, fact: FactId) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.fact == fact)
    }

    fn thing(&self, track: &Track, class: Option<Class>, i: usize) -> Place {
        let mut bounds = track.thing.bounds;
        if class == Some(Class::Block) {
            // Of what stands in a drawer the lower part is hidden: a block is taken to be as high as it is wide, at least.
            let half_m = bounds.half_m.x.min(bounds.half_m.y).max(bounds.half_m.z);
            bounds = bounds.between(bounds.top_m() - 2.0 * half_m, bounds.top_m());
        }
        let world_from_thing = match class {
            Some(Class::Plate | Class::Button) => seat::on_top(&bounds),
            _ => seat::middle(&bounds),
        };
        let before = self.last.places.get(i).copied().flatten();
        let secs = self.tracker.now().map_or(0.0, |now| now.secs_since(self.last.observed.stamp));
        let velocity_in_world_m_s = match before {
            Some(before) if secs > 0.0 => {
                (world_from_thing.translation.vector - before.world_from_thing.translation.vector) / secs
            }
            _ => nalgebra::Vector3::zeros(),
        };
        Place { world_from_thing, half_height_m: bounds.half_m.z, velocity_in_world_m_s, opening_m: None }
    }
}

fn drawer(front: &Front, furniture: &Furniture) -> Place {
    Place {
        world_from_thing: front.handle(furniture),
        half_height_m: 0.0,
        velocity_in_world_m_s: nalgebra::Vector3::zeros(),
        opening_m: Some(front.out_m),
    }
}
