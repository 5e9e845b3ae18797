//! What an episode learned, kept back until its outcome is known (rule R9): dropped before, it never was.

use neuraxis_plan::{Class, Scene, Truth};

use crate::{
    Anomaly, Attempt, Cause, Embedding, Leaf, MemoryError, Mending, Outcome, Result, Seen, Stamp, Working,
    episode::{MOST_RECORDS, json},
    seen, text,
    words::Wording,
};

/// An episode that runs. In memory only; allocates, takes no lock, touches no disk.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(crate) instruction: String,
    pub(crate) wording: Wording,
    pub(crate) embedding: Embedding,
    pub(crate) embodiment: String,
    pub(crate) objects: Vec<(String, Class)>,
    pub(crate) start_facts: Vec<String>,
    pub(crate) started: Stamp,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) anomalies: Vec<Anomaly>,
    pub(crate) mendings: Vec<Mending>,
    pub(crate) seen: Vec<(Stamp, Cause, Seen)>,
    pub(crate) vlm_calls: u32,
    pub(crate) log: Option<String>,
    working: Working,
}

/// An episode whose outcome is known; only such a one is remembered.
#[derive(Clone, Debug)]
pub struct Concluded {
    pub(crate) draft: Draft,
    pub(crate) goal: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) ended: Stamp,
}

impl Concluded {
    /// How it ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// Why an episode cannot be concluded yet. It is handed back: look again, or give it up.
#[derive(Debug, thiserror::Error)]
#[error("the outcome of {:?} is not known: {}", draft.instruction, if unknown.is_empty() { "no goal is given".into() } else { unknown.join(", ") })]
pub struct Undecided {
    /// The episode.
    pub draft: Box<Draft>,
    /// Goals of which nothing is known, or that cannot be said of the scene; empty: there was no goal.
    pub unknown: Vec<String>,
}

impl Draft {
    pub(crate) fn new(
        instruction: &str,
        embedding: Embedding,
        scene: &Scene,
        embodiment: &str,
        started: Stamp,
    ) -> Result<Self> {
        let instruction = text::sentence("instruction", instruction)?;
        let objects: Vec<_> = scene.objects().iter().map(|object| (object.id.clone(), object.class)).collect();
        let facts = |holds: &Seen| holds.holds.then(|| holds.triple.to_string());
        let mut draft = Self {
            wording: Wording::of(&instruction, objects.iter().map(|(id, class)| (id.as_str(), *class))),
            instruction,
            embedding,
            embodiment: text::name("embodiment", embodiment)?,
            objects,
            start_facts: seen(scene).iter().filter_map(facts).collect(),
            started,
            attempts: Vec::new(),
            leaves: Vec::new(),
            anomalies: Vec::new(),
            mendings: Vec::new(),
            seen: Vec::new(),
            vlm_calls: 0,
            log: None,
            working: Working::default(),
        };
        draft.see(scene, started, Cause::Start)?;
        Ok(draft)
    }

    /// Short-term memory of this episode.
    pub fn working(&self) -> &Working {
        &self.working
    }

    /// A plan is tried from now on; the one before it, if any, has not led to the goal.
    pub fn attempt(&mut self, mut attempt: Attempt, at: Stamp) -> Result<()> {
        attempt.source = text::name("source", &attempt.source)?;
        json("plan", &attempt.plan)?;
        room("plans", self.attempts.len(), 64)?;
        self.working.happened(at, format!("a plan by {}", attempt.source));
        self.attempts.push(attempt);
        Ok(())
    }

    /// The language model was asked.
    pub fn vlm_called(&mut self) {
        self.vlm_calls = self.vlm_calls.saturating_add(1);
    }

    /// Where the recording of this episode lies.
    pub fn recorded_in(&mut self, log: &str) -> Result<()> {
        self.log = Some(text::sentence("recording", log)?);
        Ok(())
    }

    /// What the cameras see while or after node `node` ran.
    pub fn observe(&mut self, scene: &Scene, node: u16, at: Stamp) -> Result<()> {
        self.see(scene, at, Cause::Leaf(node))
    }

    /// A leaf has ended.
    pub fn leaf(&mut self, leaf: Leaf, at: Stamp) -> Result<()> {
        let leaf = leaf.checked()?;
        room("leaves", self.leaves.len(), MOST_RECORDS)?;
        match (leaf.observed, &leaf.failure) {
            (Truth::True, _) => self.working.settled(at, leaf.node),
            (_, Some(failure)) => self.working.happened(at, format!("node {}: failed, {failure}", leaf.node)),
            _ => self.working.happened(at, format!("node {}: failed", leaf.node)),
        }
        self.leaves.push(leaf);
        Ok(())
    }

    /// A monitor has tripped.
    pub fn anomaly(&mut self, anomaly: Anomaly) -> Result<()> {
        let anomaly = anomaly.checked()?;
        room("anomalies", self.anomalies.len(), MOST_RECORDS)?;
        self.working.tripped(anomaly.at, anomaly.node, &anomaly.monitor);
        self.anomalies.push(anomaly);
        Ok(())
    }

    /// Something was done about a failed leaf.
    pub fn mended(&mut self, mut mending: Mending, at: Stamp) -> Result<()> {
        mending.failure = text::name("failure", &mending.failure)?;
        if mending.leaf.skill.is_none() || mending.nodes.is_empty() {
            let reason = "it needs a leaf that does a skill, and nodes".into();
            return Err(MemoryError::Text { what: "repair", reason });
        }
        json("repair", &mending.nodes)?;
        room("repairs", self.mendings.len(), MOST_RECORDS)?;
        self.working.happened(at, format!("node {}: a repair for {}", mending.leaf.id, mending.failure));
        self.mendings.push(mending);
        Ok(())
    }

    /// Ends by what is observed (rule R8): success only if every goal is seen to hold, failure if one is seen not to.
    ///
    /// `goal`: facts or their contraries, as in a plan.
    pub fn conclude(mut self, scene: &Scene, goal: &[String], at: Stamp) -> Result<Concluded, Undecided> {
        let truth = |goal: &String| match scene.literal(goal) {
            Ok(literal) => match (scene.state().truth(literal.fact), literal.holds) {
                (Truth::Unknown, _) => Truth::Unknown,
                (truth, true) => truth,
                (Truth::True, false) => Truth::False,
                (Truth::False, false) => Truth::True,
            },
            Err(_) => Truth::Unknown,
        };
        let of = |wanted: Truth| goal.iter().filter(|g| truth(g) == wanted).cloned().collect::<Vec<_>>();
        let (failed, unknown) = (of(Truth::False), of(Truth::Unknown));
        let outcome = if !failed.is_empty() {
            Outcome::Failure { why: shortened(&format!("not so at the end: {}", failed.join(", "))) }
        } else if unknown.is_empty() && !goal.is_empty() {
            Outcome::Success
        } else {
            return Err(Undecided { draft: Box::new(self), unknown });
        };
        self.last_look(scene, at);
        Ok(self.concluded(goal.to_vec(), outcome, at))
    }

    /// Ends in failure, whatever is seen: given up, stopped, or its outcome could not be found out.
    pub fn give_up(mut self, scene: Option<&Scene>, why: &str, at: Stamp) -> Concluded {
        if let Some(scene) = scene {
            self.last_look(scene, at);
        }
        let goal = self.attempts.last().map(|attempt| attempt.plan.goal.clone()).unwrap_or_default();
        self.concluded(goal, Outcome::Failure { why: shortened(why) }, at)
    }

    fn concluded(self, goal: Vec<String>, outcome: Outcome, at: Stamp) -> Concluded {
        // A clock that stepped back makes an episode of no length.
        let ended = at.max(self.started);
        Concluded { draft: self, goal, outcome, ended }
    }

    fn see(&mut self, scene: &Scene, at: Stamp, cause: Cause) -> Result<()> {
        for seen in seen(scene) {
            // At the start also what does not hold is news: it may have been remembered as holding.
            if self.working.see(at, &seen) || cause == Cause::Start {
                room("changes", self.seen.len(), 8 * MOST_RECORDS)?;
                self.seen.push((at, cause, seen));
            }
        }
        Ok(())
    }

    /// As [`Self::see`], at the end: an episode that saw too much changes keeps the others.
    fn last_look(&mut self, scene: &Scene, at: Stamp) {
        for seen in seen(scene) {
            if self.working.see(at, &seen) {
                self.seen.push((at, Cause::End, seen));
            }
        }
    }
}

fn room(what: &'static str, count: usize, most: usize) -> Result<()> {
    if count < most { Ok(()) } else { Err(MemoryError::TooMany { what, most }) }
}

/// Text of our own or of an error elsewhere, brought to a length that is taken.
fn shortened(why: &str) -> String {
    let plain: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(text::MOST_SENTENCE).collect();
    if plain.trim().is_empty() { "given up".into() } else { plain.trim().into() }
}
