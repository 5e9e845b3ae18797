//! What is said of blocks: where they shall go.

use neuraxis_plan::{Class, FactId, ObjectId, Predicate};

use super::{Reader, stages::places};
use crate::{CortexError, words::Word};

impl Reader<'_> {
    pub(super) fn place(&mut self, id: ObjectId) -> Result<(), CortexError> {
        match self.relation.take() {
            Some(Word::From) => Ok(()),
            Some(_) if !self.pending.is_empty() => self.put(id),
            None if self.next_word() != Some(&Word::Gets) => {
                Err(self.lost(format!("what about {}?", self.scene.object_name(id))))
            }
            _ => {
                self.base = Some(id);
                Ok(())
            }
        }
    }

    /// Everything pending goes to a place.
    pub(super) fn put(&mut self, place: ObjectId) -> Result<(), CortexError> {
        self.relation = None;
        let is_placed = |facts: &[Vec<FactId>], block| {
            facts.iter().flatten().any(|fact| self.scene.fact(*fact).is_some_and(|fact| places(fact, block)))
        };
        if self.scene.class(place) == Some(Class::Block) && self.base.is_some() && !is_placed(&self.stages, place) {
            // "On the plate build red on blue": blue is what stands on the plate.
            let pending = std::mem::replace(&mut self.pending, vec![place]);
            self.put_on_base()?;
            self.pending = pending;
        }
        if self.pending.is_empty() {
            return Err(self.lost(format!("what shall go to {}?", self.scene.object_name(place))));
        }
        for block in std::mem::take(&mut self.pending) {
            let fact = self.scene.find(Predicate::In, &[block, place]);
            let fact = fact.or_else(|| self.scene.find(Predicate::On, &[block, place]));
            let name = |id| self.scene.object_name(id);
            let fact = fact.ok_or_else(|| self.lost(format!("{} cannot go to {}", name(block), name(place))))?;
            let now = self.stages.last().map(Vec::as_slice).unwrap_or_default();
            if now.iter().any(|other| *other != fact && self.scene.fact(*other).is_some_and(|f| places(f, block))) {
                return Err(self.lost(format!("two places for {}", name(block))));
            }
            self.wish(fact);
            self.last = Some(block);
        }
        Ok(())
    }

    pub(super) fn put_on_base(&mut self) -> Result<(), CortexError> {
        match self.base.take_if(|_| !self.pending.is_empty()) {
            Some(place) => self.put(place),
            None => Ok(()),
        }
    }

    /// Where a block is known to be.
    pub(super) fn stands_on(&self, block: ObjectId) -> Result<ObjectId, CortexError> {
        let known = self.scene.state().holds().iter().filter_map(|fact| self.scene.fact(fact));
        let place = known.filter(|fact| places(fact, block)).find_map(|fact| fact.of[1]);
        place.ok_or_else(|| self.lost(format!("I do not know where {} is", self.scene.object_name(block))))
    }
}
