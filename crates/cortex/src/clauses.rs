//! From words to goals.
//!
//! ```text
//! THINGS [from PLACE] to PLACE      put the red block and the blue one in the top drawer
//! PLACE gets THING [with THING on it]
//! THING at the bottom, THING on it, THING on top;  from the bottom: THING, THING, ...
//! swap THING and THING              they change places
//! open DRAWER;  close DRAWER;  DRAWER closed;  close both, close everything
//! press BUTTON                      an event: all that was said before holds by then
//! ```
//! Verbs of putting are not looked at: things and places say it all. `it` is the block that was spoken of, and the
//! drawer where something is closed.

use neuraxis_plan::{Class, Fact, FactId, FactSet, ObjectId, Predicate, Scene};

use crate::{
    CortexError,
    words::{Token, Word, tokens},
};

/// What a sentence asks for, stage by stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goals {
    /// What holds when each stage is done; the last is what holds at the end.
    pub stages: Vec<FactSet>,
}

/// Understands a sentence about a scene.
pub fn read_goals(sentence: &str, scene: &Scene) -> Result<Goals, CortexError> {
    let tokens = tokens(sentence, scene)?;
    let mut reader = Reader { scene, tokens: &tokens, ..Reader::new(scene) };
    while reader.at < tokens.len() {
        reader.step()?;
    }
    reader.end_clause()?;
    if let Some(left) = reader.pending.first() {
        return Err(reader.lost(format!("where shall {} go?", scene.object_name(*left))));
    }
    if reader.stages.iter().all(Vec::is_empty) {
        return Err(reader.lost("nothing is asked for"));
    }
    Ok(Goals { stages: cumulative(&reader.stages, scene) })
}

struct Reader<'a> {
    scene: &'a Scene,
    tokens: &'a [Token],
    at: usize,
    /// Named, and not yet put anywhere.
    pending: Vec<ObjectId>,
    /// A preposition that waits for its place.
    relation: Option<Word>,
    /// A place that was named before what comes there.
    base: Option<ObjectId>,
    /// The block that was put somewhere last.
    last: Option<ObjectId>,
    /// Drawers in the order of mention.
    drawers: Vec<ObjectId>,
    /// What "closed" behind it would speak of.
    reference: Vec<ObjectId>,
    swap: bool,
    pile: bool,
    stages: Vec<Vec<FactId>>,
}

impl<'a> Reader<'a> {
    fn new(scene: &'a Scene) -> Self {
        Self {
            scene,
            tokens: &[],
            at: 0,
            pending: Vec::new(),
            relation: None,
            base: None,
            last: None,
            drawers: Vec::new(),
            reference: Vec::new(),
            swap: false,
            pile: false,
            stages: vec![Vec::new()],
        }
    }

    fn lost(&self, why: impl Into<String>) -> CortexError {
        let at = self.tokens.get(self.at.saturating_sub(1)).map_or(String::new(), |token| token.text.clone());
        CortexError::Meaning { at, why: why.into() }
    }

    fn step(&mut self) -> Result<(), CortexError> {
        let Some(token) = self.tokens.get(self.at) else { return Ok(()) };
        self.at += 1;
        match &token.word {
            Word::Thing(id) => self.thing(*id),
            Word::AllBlocks | Word::Everything => {
                self.pending = self.scene.of_class(Class::Block).collect();
                Ok(())
            }
            Word::TheDrawer => {
                let drawer = self.the_drawer()?;
                self.drawer(drawer)
            }
            Word::It => self.it(),
            Word::Both => {
                match self.next_word() {
                    Some(Word::Thing(_)) => {}
                    Some(Word::Close | Word::Open) => self.reference = self.both()?,
                    _ => return Err(self.lost("both of what?")),
                }
                Ok(())
            }
            Word::In if self.ends_here() => {
                let drawer = self.the_drawer()?;
                self.put(drawer)
            }
            Word::In | Word::On | Word::To | Word::From => {
                self.relation = Some(token.word.clone());
                Ok(())
            }
            Word::OnThat => {
                let on = self.last.ok_or_else(|| self.lost("on top of what?"))?;
                self.put(on)
            }
            Word::Base => {
                self.last = self.pending.pop().or(self.last);
                Ok(())
            }
            Word::Pile => {
                self.pile = true;
                Ok(())
            }
            Word::Swap => {
                self.swap = true;
                Ok(())
            }
            Word::With => self.put_on_base(),
            Word::Open => self.slide(Predicate::Open, Predicate::Closed),
            Word::Close => self.slide(Predicate::Closed, Predicate::Open),
            Word::Stop => self.end_clause(),
            Word::Gets | Word::Filler => Ok(()),
        }
    }

    fn thing(&mut self, id: ObjectId) -> Result<(), CortexError> {
        match self.scene.class(id) {
            Some(Class::Block) => match self.relation.take() {
                None => self.pending.push(id),
                Some(Word::From) => {}
                Some(_) => return self.put(id),
            },
            Some(Class::Button) => return self.press(id),
            Some(Class::Drawer) => return self.drawer(id),
            Some(Class::Plate | Class::Table) | None => return self.place(id),
        }
        Ok(())
    }

    fn drawer(&mut self, id: ObjectId) -> Result<(), CortexError> {
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

    fn place(&mut self, id: ObjectId) -> Result<(), CortexError> {
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

    fn it(&mut self) -> Result<(), CortexError> {
        match self.relation.take() {
            Some(Word::In) => {
                let drawer = self.the_drawer()?;
                return self.put(drawer);
            }
            Some(Word::On | Word::To) => {
                let on = self.last.ok_or_else(|| self.lost("nothing was named that it could mean"))?;
                return self.put(on);
            }
            _ => {}
        }
        if matches!(self.next_word(), Some(Word::Close | Word::Open)) {
            self.reference = vec![self.the_drawer()?];
        } else if self.pending.is_empty() {
            let last = self.last.ok_or_else(|| self.lost("nothing was named that it could mean"))?;
            self.pending.push(last);
        }
        Ok(())
    }

    /// Everything pending goes to a place.
    fn put(&mut self, place: ObjectId) -> Result<(), CortexError> {
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

    fn put_on_base(&mut self) -> Result<(), CortexError> {
        match self.base.take_if(|_| !self.pending.is_empty()) {
            Some(place) => self.put(place),
            None => Ok(()),
        }
    }

    fn press(&mut self, button: ObjectId) -> Result<(), CortexError> {
        self.end_clause()?;
        let pressed = self.scene.find(Predicate::Pressed, &[button]);
        let pressed = pressed.ok_or_else(|| self.lost("this cannot be pressed"))?;
        self.stages.extend([vec![pressed], Vec::new()]);
        Ok(())
    }

    /// Opens or closes what is named next, or else what was named before.
    fn slide(&mut self, wanted: Predicate, contrary: Predicate) -> Result<(), CortexError> {
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

    fn end_clause(&mut self) -> Result<(), CortexError> {
        self.put_on_base()?;
        if self.pile && self.pending.len() > 1 {
            let pile = std::mem::take(&mut self.pending);
            for (below, above) in pile.iter().zip(pile.iter().skip(1)) {
                self.pending = vec![*above];
                self.put(*below)?;
            }
        }
        if let (true, [a, b]) = (self.swap, &self.pending[..]) {
            let (a, b) = (*a, *b);
            let (of_a, of_b) = (self.stands_on(a)?, self.stands_on(b)?);
            for (block, place) in [(a, of_b), (b, of_a)] {
                self.pending = vec![block];
                self.put(place)?;
            }
        }
        if self.relation.is_some() {
            return Err(self.lost("a place is missing"));
        }
        self.base = None;
        Ok(())
    }

    /// Where a block is known to be.
    fn stands_on(&self, block: ObjectId) -> Result<ObjectId, CortexError> {
        let known = self.scene.state().holds().iter().filter_map(|fact| self.scene.fact(fact));
        let place = known.filter(|fact| places(fact, block)).find_map(|fact| fact.of[1]);
        place.ok_or_else(|| self.lost(format!("I do not know where {} is", self.scene.object_name(block))))
    }

    /// The drawer named last, or the only one.
    fn the_drawer(&self) -> Result<ObjectId, CortexError> {
        let mut all = self.scene.of_class(Class::Drawer);
        let only = all.next().filter(|_| all.next().is_none());
        self.drawers.last().copied().or(only).ok_or_else(|| self.lost("which drawer?"))
    }

    fn both(&self) -> Result<Vec<ObjectId>, CortexError> {
        if self.drawers.len() == 2 { Ok(self.drawers.clone()) } else { Err(self.lost("both of which two drawers?")) }
    }

    fn wish(&mut self, fact: FactId) {
        if let Some(stage) = self.stages.last_mut().filter(|stage| !stage.contains(&fact)) {
            stage.push(fact);
        }
    }

    /// The next word that says something.
    fn next_word(&self) -> Option<&'a Word> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        rest.iter().map(|token| &token.word).find(|word| **word != Word::Filler)
    }

    /// True if the preposition just read stands at the end of its clause: "drop it in, and push the drawer shut".
    fn ends_here(&self) -> bool {
        let next = self.tokens.get(self.at);
        next.is_none_or(|token| token.word == Word::Stop || [",", "and", ":"].contains(&token.text.as_str()))
    }
}

/// True if the fact says where the block is.
fn places(fact: &Fact, block: ObjectId) -> bool {
    matches!(fact.predicate, Predicate::On | Predicate::In) && fact.of[0] == Some(block)
}

/// Each stage with what earlier ones brought about and it does not replace; empty stages are left out.
fn cumulative(stages: &[Vec<FactId>], scene: &Scene) -> Vec<FactSet> {
    let mut so_far = FactSet::default();
    let mut all = Vec::new();
    for stage in stages.iter().filter(|stage| !stage.is_empty()) {
        for wished in stage {
            let Some(new) = scene.fact(*wished) else { continue };
            let replaced = |old: &Fact| match new.predicate {
                Predicate::On | Predicate::In => new.of[0].is_some_and(|block| places(old, block)),
                Predicate::Open | Predicate::Closed => {
                    matches!(old.predicate, Predicate::Open | Predicate::Closed) && old.of == new.of
                }
                _ => false,
            };
            so_far = so_far.iter().filter(|fact| !scene.fact(*fact).is_some_and(replaced)).collect();
            so_far.insert(*wished);
        }
        all.push(so_far);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench;

    fn stages(sentence: &str) -> Vec<String> {
        let scene = workbench();
        let goals = read_goals(sentence, &scene).unwrap_or_else(|error| panic!("{sentence}: {error}"));
        goals.stages.iter().map(|stage| scene.names(stage).join(" ")).collect()
    }

    fn error(sentence: &str) -> String {
        read_goals(sentence, &workbench()).unwrap_err().to_string()
    }

    #[test]
    fn pressing_is_an_event_in_its_place() {
        assert_eq!(
            stages("press the pink button, put red on the yellow plate, and push the cyan button"),
            [
                "pressed(pink_button)",
                "on(red_block,yellow_plate) pressed(pink_button)",
                "on(red_block,yellow_plate) pressed(pink_button) pressed(cyan_button)",
            ]
        );
    }

    #[test]
    fn what_is_said_later_replaces_what_was_said_before() {
        assert_eq!(stages("open the top drawer and close it"), ["closed(top_drawer)"]);
        assert_eq!(
            stages("put red on blue, press the pink button, then move it to the table"),
            [
                "on(red_block,blue_block)",
                "on(red_block,blue_block) pressed(pink_button)",
                "on(red_block,table) pressed(pink_button)",
            ]
        );
    }

    #[test]
    fn single_skills_are_sentences_too() {
        assert_eq!(stages("Open the top drawer."), ["open(top_drawer)"]);
        assert_eq!(stages("pull the top drawer open"), ["open(top_drawer)"]);
        assert_eq!(stages("push the cyan button"), ["pressed(cyan_button)"]);
        let both = ["closed(middle_drawer) closed(top_drawer)"];
        assert_eq!(stages("close both the top and the middle drawer"), both);
        assert_eq!(stages("close the top drawer, the middle drawer"), both);
        assert_eq!(stages("leave the top and the middle drawer closed"), both);
        assert_eq!(stages("close everything")[0].split(' ').count(), 3);
    }

    #[test]
    fn sentences_that_say_nothing_are_refused_where_they_break() {
        assert_eq!(error("put the red block"), r#"at "red block": where shall red_block go?"#);
        assert_eq!(error("put the red block on"), r#"at "on": a place is missing"#);
        assert_eq!(error("please"), r#"at "please": nothing is asked for"#);
        assert_eq!(error("close it"), r#"at "close": which drawer?"#);
        assert_eq!(error("the yellow plate"), r#"at "yellow plate": what about yellow_plate?"#);
        assert_eq!(
            error("put red on the yellow plate and it on the purple plate"),
            r#"at "purple plate": two places for red_block"#
        );
        assert_eq!(
            error("put red in the top drawer and the bottom drawer"),
            r#"at "bottom drawer": what about bottom_drawer?"#
        );
        assert_eq!(error("put red on top"), r#"at "on top": on top of what?"#);
    }
}
