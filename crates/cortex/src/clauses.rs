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

mod blocks;
mod drawers;
mod stages;

use neuraxis_plan::{Class, FactId, FactSet, ObjectId, Predicate, Scene};

use self::stages::cumulative;
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

    fn press(&mut self, button: ObjectId) -> Result<(), CortexError> {
        self.end_clause()?;
        let pressed = self.scene.find(Predicate::Pressed, &[button]);
        let pressed = pressed.ok_or_else(|| self.lost("this cannot be pressed"))?;
        self.stages.extend([vec![pressed], Vec::new()]);
        Ok(())
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
