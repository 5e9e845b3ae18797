//! What is said of drawers: which ones are meant, and that they shall be open or closed.

use neuraxis_plan::{Class, ObjectId, Predicate};

use super::Reader;
use crate::{CortexError, words::Word};

impl Reader<'_> {
    pub(super) fn drawer(&mut self, id: ObjectId) -> Result<(), CortexError> {
        self.drawers.retain(|drawer| *drawer != id);
        self.drawers.push(id);
        match self.next_word() {
            _ if self.relation.is_some() => self.place(id),
            Some(Word::Gets) => self.place(id),
            // "The top and the middle drawer closed."
            Some(Word::Close | Word::Open) => {
                self.reference.push(id);
                Ok(())
            }
            Some(Word::Thing(next)) if self.scene.class(*next) == Some(Class::Drawer) => {
                self.reference.push(id);
                Ok(())
            }
            _ => Err(self.lost(format!("what about {}?", self.scene.object_name(id)))),
        }
    }

    /// Opens or closes what is named next, or else what was named before.
    pub(super) fn slide(&mut self, wanted: Predicate, contrary: Predicate) -> Result<(), CortexError> {
        let named = self.named_next()?;
        let before = std::mem::take(&mut self.reference);
        let drawers = match (named.is_empty(), before.is_empty()) {
            (false, _) => named,
            (true, false) => before,
            (true, true) => vec![self.the_drawer()?],
        };
        for drawer in drawers {
            let contrary = self.scene.find(contrary, &[drawer]);
            if let Some(stage) = self.stages.last_mut() {
                stage.retain(|fact| Some(*fact) != contrary);
            }
            if let Some(fact) = self.scene.find(wanted, &[drawer]) {
                self.wish(fact);
            }
            if !self.drawers.contains(&drawer) {
                self.drawers.push(drawer);
            }
        }
        Ok(())
    }

    /// The drawers that stand directly behind "open" and "close"; goes on behind them.
    fn named_next(&mut self) -> Result<Vec<ObjectId>, CortexError> {
        let mut named = Vec::new();
        let mut ahead = self.at;
        while let Some(token) = self.tokens.get(ahead) {
            ahead += 1;
            match &token.word {
                Word::Filler if token.text == "the" => continue,
                Word::Filler if !named.is_empty() && ["and", ","].contains(&token.text.as_str()) => continue,
                Word::Thing(id) if self.scene.class(*id) == Some(Class::Drawer) => {
                    if self.tokens.get(ahead).is_some_and(|next| next.word == Word::Gets) {
                        break;
                    }
                    named.push(*id);
                }
                Word::Both if named.is_empty() => {
                    let is_list = matches!(self.tokens.get(ahead..), Some([the, next, ..])
                        if the.text == "the" && matches!(next.word, Word::Thing(_)));
                    if is_list {
                        continue;
                    }
                    named = self.both()?;
                }
                Word::It | Word::TheDrawer if named.is_empty() => named.push(self.the_drawer()?),
                Word::Everything if named.is_empty() => named = self.scene.of_class(Class::Drawer).collect(),
                _ => break,
            }
            self.at = ahead;
        }
        Ok(named)
    }

    /// The drawer named last, or the only one.
    pub(super) fn the_drawer(&self) -> Result<ObjectId, CortexError> {
        let mut all = self.scene.of_class(Class::Drawer);
        let only = all.next().filter(|_| all.next().is_none());
        self.drawers.last().copied().or(only).ok_or_else(|| self.lost("which drawer?"))
    }

    pub(super) fn both(&self) -> Result<Vec<ObjectId>, CortexError> {
        if self.drawers.len() == 2 { Ok(self.drawers.clone()) } else { Err(self.lost("both of which two drawers?")) }
    }
}
