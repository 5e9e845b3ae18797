//! Facts of the plan language from what is seen and felt: each true, false or unknown, with its margin and the reason.
//!
//! A fact is false only on evidence that it is: a block is not on a plate because it is seen elsewhere, never because it
//! is not seen. Every geometric limit has a band around it in which nothing is claimed.

use std::collections::BTreeMap;

use neuraxis_core::{Gripper, Nanos};
use neuraxis_plan::{Class, FactSet, ObjectId, Predicate, Scene, SceneError, State, Truth};

use crate::{Colour, Finding, Fronts, Grip, Names, Shape, Track, Tracker, Why, naming::Nameless};

/// What stands on another thing is this near to its upper side [m]; from twice that on it does not.
const TOUCH_M: f64 = 0.014;
/// Upper side that must be seen before it is called clear [0, 1].
const TOP_SEEN: f64 = 0.6;
/// The tool is above a thing between these heights over its upper side, if it is this near to its middle [m].
const ABOVE_M: [f64; 2] = [-0.03, 0.16];
const AT_M: f64 = 0.03;
/// Inside of a drawer: depth behind its front, half its width, half its height [m].
const DRAWER_M: [f64; 3] = [0.20, 0.12, 0.05];
/// Furniture stays as it was seen for so many times as long as other things.
const FURNITURE: f64 = 3.0;
/// A row of a front belongs to a drawer if it is this near to the drawer's height [m].
const DRAWER_ROWS_M: f64 = 0.035;

/// All facts of a scene.
#[derive(Clone, Debug)]
pub struct Findings {
    /// As the plan language has it; never contradicts itself.
    pub state: State,
    /// One for each fact, in the scene's order.
    pub findings: Vec<Finding>,
}

/// Reads facts; remembers which name means which thing, and where a drawer was that the hand hides.
#[derive(Clone, Debug, Default)]
pub struct FactReader {
    names: Names,
    heights_m: BTreeMap<ObjectId, f64>,
    fronts: BTreeMap<ObjectId, SeenFront>,
}

/// A drawer's front as it was seen last.
#[derive(Clone, Debug)]
pub struct SeenFront {
    /// When.
    pub at: Nanos,
    /// Of the cabinet.
    pub fronts: Fronts,
    /// Height of the drawer in the world [m].
    pub z_m: f64,
    /// How far it was out [m].
    pub out_m: f64,
}

/// Truth, margin and reason, before it is known which fact it is of.
struct Answer(Truth, Option<f64>, Why);

impl Answer {
    fn unknown(why: Why) -> Self {
        Self(Truth::Unknown, None, why)
    }

    fn is(holds: bool, why: Why) -> Self {
        Self(if holds { Truth::True } else { Truth::False }, None, why)
    }

    /// True from `band_m` above zero on, false from `band_m` below on.
    fn above(value_m: f64, band_m: f64, why: Why) -> Self {
        match value_m {
            v if v >= band_m => Self(Truth::True, Some(v), why),
            v if v <= -band_m => Self(Truth::False, Some(-v), why),
            v if v.is_finite() => Self(Truth::Unknown, Some(v.abs()), Why::Close),
            _ => Self::unknown(Why::Close),
        }
    }

    /// True if all are, false if one is; the margin is that of what decides.
    fn all<const N: usize>(answers: [Self; N]) -> Self {
        let mut answers: Vec<Self> = answers.into();
        let order = |answer: &Self| match answer.0 {
            Truth::False => 0,
            Truth::Unknown => 1,
            Truth::True => 2,
        };
        answers
            .sort_by(|a, b| order(a).cmp(&order(b)).then(a.1.unwrap_or(f64::MAX).total_cmp(&b.1.unwrap_or(f64::MAX))));
        answers.into_iter().next().unwrap_or(Self::unknown(Why::Missing("nothing to judge")))
    }
}

impl FactReader {
    /// With the heights of drawers' handles in the world [m]; of a drawer that is not among them the scene's position
    /// counts.
    #[must_use]
    pub fn with_heights(self, heights_m: BTreeMap<ObjectId, f64>) -> Self {
        Self { heights_m, ..self }
    }

    /// Which thing a name means.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A drawer's front as it was seen last.
    pub fn front(&self, drawer: ObjectId) -> Option<&SeenFront> {
        self.fronts.get(&drawer)
    }

    /// Reads every fact that can be said of a scene's objects.
    pub fn read(&mut self, scene: &Scene, tracker: &Tracker) -> Findings {
        let nameless = self.names.give(scene, tracker);
        self.look_at_drawers(scene, tracker);
        let (names, fronts, heights_m) = (&self.names, &self.fronts, &self.heights_m);
        let reading = Reading { scene, tracker, names, nameless: &nameless, fronts, heights_m };
        let mut findings: Vec<Finding> = scene
            .fact_ids()
            .filter_map(|fact| {
                let Answer(truth, margin_m, why) = reading.answer(scene.fact(fact)?.predicate, scene.fact(fact)?.of);
                Some(Finding { fact, truth, margin_m, why })
            })
            .collect();
        let state = consistent(scene, &mut findings);
        Findings { state, findings }
    }

    /// Takes the fronts that this look shows. What a hand hides that reaches in from above stays as it was: it does not have
    /// the handle.
    fn look_at_drawers(&mut self, scene: &Scene, tracker: &Tracker) {
        let (Some(now), true) = (tracker.now(), tracker.is_sighted()) else { return };
        for drawer in scene.of_class(Class::Drawer) {
            if let Ok((fronts, z_m, out_m)) = front(height_m(drawer, scene, &self.heights_m), tracker) {
                self.fronts.insert(drawer, SeenFront { at: now, fronts: fronts.clone(), z_m, out_m });
            }
        }
    }
}

/// Why a front is not seen.
enum Hiding {
    Unnamed,
    NoCabinet,
    Hidden,
}

/// Height of a drawer's handle in the world [m], as it was told, or as the scene has it.
fn height_m(drawer: ObjectId, scene: &Scene, told_m: &BTreeMap<ObjectId, f64>) -> Option<f64> {
    let in_scene = || scene.objects().get(drawer.index()).and_then(|object| object.position_in_world).map(|at| at.z);
    told_m.get(&drawer).copied().or_else(in_scene)
}

/// The front that is at a drawer's height, that height, and how far it is out [m].
fn front(height_m: Option<f64>, tracker: &Tracker) -> Result<(&Fronts, f64, f64), Hiding> {
    let z_m = height_m.ok_or(Hiding::Unnamed)?;
    let fronts = tracker.cabinet().and_then(|track| track.thing.fronts.as_ref()).ok_or(Hiding::NoCabinet)?;
    let out_m = fronts.out_m(z_m, DRAWER_ROWS_M).ok_or(Hiding::Hidden)?;
    // A hand that reaches into a drawer hides its front, and is no front itself.
    let tool = tracker.hand().map(crate::Hand::tool_in_world);
    let reaches_in = tool.is_some_and(|tool| {
        let [out, across] = fronts.own(&tool);
        let beside = across.abs() < fronts.half_width_m && tool.z > z_m - 0.1 && tool.z < z_m + 0.2;
        beside && out > -0.05 && out < out_m + 0.03
    });
    if reaches_in { Err(Hiding::Hidden) } else { Ok((fronts, z_m, out_m)) }
}

/// What is known, without those facts that contradict each other.
fn consistent(scene: &Scene, findings: &mut [Finding]) -> State {
    let mut probe = scene.clone();
    loop {
        let known = |truth| findings.iter().filter(move |f| f.truth == truth).map(|f| f.fact).collect::<FactSet>();
        let state = State::default().after(&known(Truth::True), &known(Truth::False));
        let Err(SceneError::Contradiction { first, second }) = probe.set_state(state) else { return state };
        let before = findings.iter().filter(|f| f.truth != Truth::Unknown).count();
        for finding in findings.iter_mut() {
            if [&first, &second].into_iter().any(|name| name == scene.name(finding.fact)) {
                (finding.truth, finding.why) = (Truth::Unknown, Why::Contradiction);
            }
        }
        // Each round makes two facts unknown; without that there is nothing to be said.
        if findings.iter().filter(|f| f.truth != Truth::Unknown).count() == before {
            return State::default();
        }
    }
}

/// What one reading stands on.
struct Reading<'a> {
    scene: &'a Scene,
    tracker: &'a Tracker,
    names: &'a Names,
    nameless: &'a BTreeMap<ObjectId, Nameless>,
    fronts: &'a BTreeMap<ObjectId, SeenFront>,
    heights_m: &'a BTreeMap<ObjectId, f64>,
}

impl Reading<'_> {
    fn answer(&self, predicate: Predicate, of: [Option<ObjectId>; 2]) -> Answer {
        let answer = match (predicate, of) {
            (Predicate::HandEmpty, _) => Ok(self.hand_empty()),
            (Predicate::On, [Some(a), Some(b)]) => self.on(a, b),
            (Predicate::In, [Some(a), Some(d)]) => self.inside(a, d),
            (Predicate::Holding, [Some(a), _]) => self.holding(a),
            (Predicate::Open, [Some(d), _]) => self.opening(d, self.tracker.config().open_m),
            (Predicate::Closed, [Some(d), _]) => {
                self.opening(d, self.tracker.config().closed_m).map(|Answer(truth, margin, why)| {
                    let contrary = match truth {
                        Truth::True => Truth::False,
                        Truth::False => Truth::True,
                        Truth::Unknown => Truth::Unknown,
                    };
                    Answer(contrary, margin, why)
                })
            }
            (Predicate::Clear, [Some(a), _]) => self.clear(a),
            (Predicate::Pressed, [Some(k), _]) => self.pressed(k),
            (Predicate::Visible, [Some(a), _]) => self.visible(a),
            (Predicate::At, [Some(a), _]) => self.at(a),
            _ => Err(Why::Missing("an object")),
        };
        answer.unwrap_or_else(Answer::unknown)
    }

    /// The thing that a name means, if it is known well enough; and how it is known.
    fn thing(&self, object: ObjectId) -> Result<(&Track, Why), Why> {
        let track = self.names.get(object).and_then(|id| self.tracker.track(id));
        let Some(track) = track else {
            return Err(match self.nameless.get(&object) {
                Some(Nameless::Several(count)) => Why::Several(object, *count),
                _ => Why::NeverSeen(object),
            });
        };
        let doubts = self.names.doubts(object, self.scene, self.tracker);
        if !doubts.is_empty() {
            return Err(Why::Doubt(object, doubts));
        }
        if track.held.is_some() {
            return Ok((track, Why::Felt));
        }
        let Some(since) = self.tracker.unseen_since(track) else { return Ok((track, Why::Seen)) };
        let age_secs = self.tracker.now().map_or(f64::INFINITY, |now| now.secs_since(since));
        if age_secs > self.tracker.config().remember_secs {
            return Err(Why::UnseenSince(object, since));
        }
        Ok((track, Why::Remembered(age_secs)))
    }

    fn hand_empty(&self) -> Answer {
        match self.tracker.grip() {
            Grip::Empty => Answer::is(true, Why::Felt),
            Grip::Holds(_) => Answer::is(false, Why::Felt),
            Grip::Unknown => Answer::unknown(Why::Missing("hand at rest")),
        }
    }

    fn holding(&self, a: ObjectId) -> Result<Answer, Why> {
        let held = match self.tracker.grip() {
            Grip::Empty => return Ok(Answer::is(false, Why::Felt)),
            Grip::Holds(held) => held,
            Grip::Unknown => return Err(Why::Missing("hand at rest")),
        };
        let (track, why) = self.thing(a)?;
        match held {
            Some(id) => Ok(Answer::is(id == track.id, Why::Felt)),
            // Something is held, nobody saw what: not what is seen elsewhere.
            None => {
                let tool = self.tracker.hand().map(crate::Hand::tool_in_world).ok_or(Why::Missing("hand"))?;
                let far = why == Why::Seen && track.thing.bounds.distance_m(&tool) > 0.05;
                if far { Ok(Answer::is(false, why)) } else { Err(Why::Hidden) }
            }
        }
    }

    fn on(&self, a: ObjectId, b: ObjectId) -> Result<Answer, Why> {
        let (block, why) = self.thing(a)?;
        if block.held.is_some() {
            return Ok(Answer::is(false, Why::Felt));
        }
        if self.scene.class(b) == Some(Class::Table) {
            return self.on_table(block, why);
        }
        let (support, support_why) = self.thing(b)?;
        if support.held.is_some() {
            return Err(Why::Hidden);
        }
        let why = worse(why, support_why);
        Ok(Answer::all(self.carries(support, block, &why)))
    }

    /// Middle over the upper side, and touching it.
    fn carries(&self, support: &Track, block: &Track, why: &Why) -> [Answer; 2] {
        let (over, own) = (&support.thing.bounds, &block.thing.bounds);
        let depth_m = over.depth_m(&own.centre_in_world);
        let gap_m = (own.bottom_m() - over.top_m()).abs();
        [
            Answer::above(depth_m, self.tracker.config().margin_m, why.clone()),
            Answer::above(1.5 * TOUCH_M - gap_m, 0.5 * TOUCH_M, why.clone()),
        ]
    }

    fn on_table(&self, block: &Track, why: Why) -> Result<Answer, Why> {
        let table = self.tracker.table().ok_or(Why::Missing("table"))?;
        let at = block.thing.bounds.centre_in_world;
        let gap_m = (block.thing.bounds.bottom_m() - table.z_at(at.x, at.y)).abs();
        let touches = Answer::above(1.5 * TOUCH_M - gap_m, 0.5 * TOUCH_M, why);
        if touches.0 != Truth::True {
            return Ok(touches);
        }
        // What lies on a plate does not lie on the table, for a plate has no height.
        let mut answer = touches;
        for plate in self.scene.of_class(Class::Plate) {
            let (plate, plate_why) = self.thing(plate)?;
            let beside = -plate.thing.bounds.depth_m(&at);
            answer = Answer::all([answer, Answer::above(beside, self.tracker.config().margin_m, plate_why)]);
        }
        Ok(answer)
    }

    /// A drawer as it is seen, or was seen last; and how it is known.
    fn front(&self, drawer: ObjectId) -> Result<(&SeenFront, Why), Why> {
        let now = self.tracker.now().ok_or(Why::Missing("a look at the table"))?;
        let lost = || match front(height_m(drawer, self.scene, self.heights_m), self.tracker) {
            Err(Hiding::Unnamed) => Why::Missing("the drawer's height"),
            Err(Hiding::NoCabinet) => Why::Missing("the cabinet in view"),
            _ => Why::Hidden,
        };
        let seen = self.fronts.get(&drawer).ok_or_else(lost)?;
        let age_secs = now.secs_since(seen.at);
        match age_secs {
            0.0 => Ok((seen, Why::Seen)),
            age if age <= FURNITURE * self.tracker.config().remember_secs => Ok((seen, Why::Remembered(age))),
            _ => Err(lost()),
        }
    }

    fn opening(&self, drawer: ObjectId, limit_m: f64) -> Result<Answer, Why> {
        let (front, why) = self.front(drawer)?;
        Ok(Answer::above(front.out_m - limit_m, self.tracker.config().margin_m, why))
    }

    fn inside(&self, a: ObjectId, drawer: ObjectId) -> Result<Answer, Why> {
        let (block, why) = self.thing(a)?;
        if block.held.is_some() {
            return Ok(Answer::is(false, Why::Felt));
        }
        let (front, front_why) = self.front(drawer)?;
        let why = worse(why, front_why);
        let [out, across] = front.fronts.own(&block.thing.bounds.centre_in_world);
        let [depth, half_width, half_height] = DRAWER_M;
        let high = half_height - (block.thing.bounds.centre_in_world.z - front.z_m).abs();
        let within = [front.out_m - out, out - (front.out_m - depth), half_width - across.abs(), high];
        Ok(Answer::all(within.map(|v| Answer::above(v, self.tracker.config().margin_m, why.clone()))))
    }

    fn clear(&self, a: ObjectId) -> Result<Answer, Why> {
        let (track, why) = self.thing(a)?;
        let others = self.tracker.tracks().iter().filter(|other| other.id != track.id && other.held.is_none());
        for other in others.filter(|other| self.tracker.is_seen(other) && other.thing.shape != Shape::Plate) {
            let on = Answer::all(self.carries(track, other, &why));
            match on.0 {
                Truth::True => return Ok(Answer(Truth::False, on.1, on.2)),
                Truth::Unknown => return Ok(on),
                Truth::False => {}
            }
        }
        let seen = self.tracker.is_seen(track) && track.held.is_none() && track.thing.top_seen >= TOP_SEEN;
        if seen { Ok(Answer::is(true, why)) } else { Err(Why::Hidden) }
    }

    fn pressed(&self, button: ObjectId) -> Result<Answer, Why> {
        let track = self.names.get(button).and_then(|id| self.tracker.track(id));
        let is_certain = self.names.doubts(button, self.scene, self.tracker).is_empty();
        if track.is_some_and(|track| track.pressed) && is_certain {
            return Ok(Answer::is(true, Why::Seen));
        }
        let (track, why) = self.thing(button)?;
        let shows = track.thing.colour.is_some_and(Colour::has_hue) && track.thing.top_seen >= TOP_SEEN;
        if why == Why::Seen && shows { Ok(Answer::is(false, why)) } else { Err(Why::Hidden) }
    }

    fn visible(&self, a: ObjectId) -> Result<Answer, Why> {
        if !self.tracker.is_sighted() {
            return Err(Why::Missing("a look at the table"));
        }
        let Some(track) = self.names.get(a).and_then(|id| self.tracker.track(id)) else {
            return self.thing(a).map(|(_, why)| Answer::unknown(why));
        };
        let doubts = self.names.doubts(a, self.scene, self.tracker);
        if !doubts.is_empty() {
            return Err(Why::Doubt(a, doubts));
        }
        let why = if self.tracker.is_seen(track) { Why::Seen } else { Why::UnseenSince(a, track.seen_at) };
        Ok(Answer::is(self.tracker.is_seen(track), why))
    }

    fn at(&self, a: ObjectId) -> Result<Answer, Why> {
        let hand = self.tracker.hand().ok_or(Why::Missing("hand"))?;
        if hand.gripper != Gripper::Open {
            return Ok(Answer::is(false, Why::Felt));
        }
        if self.scene.class(a) == Some(Class::Drawer) {
            return Err(Why::Missing("a measure of being at a drawer"));
        }
        let (track, why) = self.thing(a)?;
        let (bounds, tool) = (&track.thing.bounds, hand.tool_in_world());
        let (off, over) = ((bounds.centre_in_world - tool).xy().norm(), tool.z - bounds.top_m());
        let band = self.tracker.config().margin_m;
        Ok(Answer::all([AT_M - off, over - ABOVE_M[0], ABOVE_M[1] - over].map(|v| Answer::above(v, band, why.clone()))))
    }
}

/// The less certain of two reasons to know something.
fn worse(a: Why, b: Why) -> Why {
    match (&a, &b) {
        (Why::Remembered(x), Why::Remembered(y)) => Why::Remembered(x.max(*y)),
        (_, Why::Remembered(_)) => b,
        _ => a,
    }
}
