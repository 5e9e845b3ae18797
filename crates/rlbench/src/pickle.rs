//! Pickles as data: an arena of nodes, built from the opcodes that CPython's pickler writes (protocols 2 to 5).
//!
//! Nothing is imported or called: a class is a name, an object its class, its arguments and its state. Each opcode makes
//! one node at most, and what is shared stays shared, so a file makes no more nodes than it has bytes; opcodes that
//! copy, or that reach out of the file, are refused.

use std::collections::HashMap;

/// A place in the arena.
pub type Id = usize;

/// Most bytes of a file that is read.
pub const MOST_BYTES: u64 = 256 << 20;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// Whole numbers that fit.
    Int(i64),
    /// A float.
    Float(f64),
    /// `bytes`
    Bytes(&'a [u8]),
    /// `str`
    Text(&'a str),
    /// `list`
    List(Vec<Id>),
    /// `tuple`
    Tuple(Vec<Id>),
    /// `dict`, in the order of its making.
    Dict(Vec<(Id, Id)>),
    /// A class or function by name.
    Global(&'a str, &'a str),
    /// What calling `class` with `args` would make.
    Object {
        /// A [`Node::Global`].
        class: Id,
        /// A [`Node::Tuple`].
        args: Id,
        /// What it would be set to after that.
        state: Option<Id>,
    },
}

/// A whole pickle.
#[derive(Clone, Debug)]
pub struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle from its first byte to its stop.
    ///
    /// # Errors
    /// In words, with the place in the file.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine =
            Machine { bytes, at: 0, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        loop {
            let at = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Self { nodes: machine.nodes, root }),
                Err(reason) => return Err(format!("no pickle of a recording: byte {at}: {reason}")),
            }
        }
    }

    /// The value that it holds.
    pub fn root(&self) -> Id {
        self.root
    }

    /// A value.
    pub fn node(&self, id: Id) -> &Node<'a> {
        self.nodes.get(id).unwrap_or(&Node::None)
    }

    /// The elements of a list or tuple.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Module and name of an object's class.
    pub fn class(&self, id: Id) -> Option<(&'a str, &'a str)> {
        let Node::Object { class, .. } = self.node(id) else { return None };
        let Node::Global(module, name) = self.node(*class) else { return None };
        Some((module, name))
    }

    /// A field of an object, or a value of a dict; what was set last.
    pub fn field(&self, id: Id, name: &str) -> Option<Id> {
        let dict = match self.node(id) {
            Node::Object { state: Some(state), .. } => *state,
            _ => id,
        };
        let Node::Dict(entries) = self.node(dict) else { return None };
        entries
            .iter()
            .rev()
            .find(|(key, _)| matches!(self.node(*key), Node::Text(text) if *text == name))
            .map(|(_, v)| *v)
    }

    /// A number, whether it was written as whole, as float, or as a truth value.
    pub fn number(&self, id: Id) -> Option<f64> {
        match self.node(id) {
            Node::Int(whole) => Some(*whole as f64),
            Node::Float(number) => Some(*number),
            Node::Bool(is_so) => Some(f64::from(u8::from(*is_so))),
            _ => None,
        }
    }
}

type Step<T> = Result<T, String>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl<'a> Machine<'a> {
    /// One opcode; the root at the stop.
    fn step(&mut self) -> Step<Option<Id>> {
        let [opcode] = self.fixed()?;
        match opcode {
            0x80 => drop(self.fixed::<1>()?),
            0x95 => drop(self.fixed::<8>()?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'K' => {
                let [n] = self.fixed()?;
                self.push(Node::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.fixed()?);
                self.push(Node::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.fixed()?);
                self.push(Node::Int(n.into()));
            }
            0x8a => {
                let [len] = self.fixed()?;
                let whole = signed(self.take(len.into())?).ok_or("a whole number of more than 64 bits")?;
                self.push(Node::Int(whole));
            }
            b'G' => {
                let x = f64::from_be_bytes(self.fixed()?);
                self.push(Node::Float(x));
            }
            b'X' | 0x8c | 0x8d => {
                let len = self.length(match opcode {
                    0x8c => 1,
                    b'X' => 4,
                    _ => 8,
                })?;
                let text = std::str::from_utf8(self.take(len)?).map_err(|e| e.to_string())?;
                self.push(Node::Text(text));
            }
            b'C' | b'B' | 0x8e => {
                let len = self.length(match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                let bytes = self.take(len)?;
                self.push(Node::Bytes(bytes));
            }
            b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            0x85..=0x87 => {
                let height = self.stack.len().checked_sub(usize::from(opcode - 0x84)).ok_or("the stack is too low")?;
                let items = self.stack.split_off(height.max(self.floor()));
                self.push(Node::Tuple(items));
            }
            b't' => {
                let items = self.since_mark()?;
                self.push(Node::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.extend_list(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(vec![key, value])?;
            }
            b'u' => {
                let entries = self.since_mark()?;
                self.extend_dict(entries)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(Node::Text(module)), Some(Node::Text(name))) = (self.nodes.get(module), self.nodes.get(name))
                else {
                    return Err("a class without a name".into());
                };
                self.push(Node::Global(module, name));
            }
            b'R' | 0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.push(Node::Object { class, args, state: None });
            }
            b'b' => {
                let given = self.pop()?;
                match self.top()? {
                    Node::Object { state, .. } => *state = Some(given),
                    _ => return Err("a state for what is no object".into()),
                }
            }
            b'q' | b'r' => {
                let key = self.length(if opcode == b'q' { 1 } else { 4 })?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' | b'j' => {
                let key = self.length(if opcode == b'h' { 1 } else { 4 })?;
                let id = *self.memo.get(&key).ok_or("a value that was never kept")?;
                self.stack.push(id);
            }
            other => return Err(format!("opcode {other:#04x} is not part of a recording")),
        }
        Ok(None)
    }

    fn take(&mut self, len: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or("a length beyond all files")?;
        let taken = self.bytes.get(self.at..end).ok_or("the file ends too early")?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Step<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "the file ends too early".into())
    }

    /// An unsigned number of so many bytes.
    fn length(&mut self, bytes: usize) -> Step<usize> {
        let number = self.take(bytes)?.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(number).map_err(|e| e.to_string())
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == b'\n').ok_or("a name without an end")?;
        let line = std::str::from_utf8(self.take(len)?).map_err(|e| e.to_string())?;
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, node: Node<'a>) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    /// What is under the last mark is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Step<Id> {
        if self.stack.len() <= self.floor() {
            return Err("the stack is empty".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn top(&mut self) -> Step<&mut Node<'a>> {
        let id = self.stack.last().filter(|_| self.stack.len() > self.floor()).ok_or("the stack is empty")?;
        self.nodes.get_mut(*id).ok_or_else(|| "the stack is empty".into())
    }

    fn since_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn extend_list(&mut self, items: Vec<Id>) -> Step<()> {
        match self.top()? {
            Node::List(list) => list.extend(items),
            _ => return Err("items for what is no list".into()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, entries: Vec<Id>) -> Step<()> {
        let (pairs, rest) = entries.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        match self.top()? {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            _ => return Err("entries for what is no dict".into()),
        }
        Ok(())
    }

    fn remember(&mut self, key: usize) -> Step<()> {
        let id = *self.stack.last().filter(|_| self.stack.len() > self.floor()).ok_or("nothing to keep")?;
        self.memo.insert(key, id);
        Ok(())
    }
}

/// A two's complement number, least byte first.
fn signed(bytes: &[u8]) -> Option<i64> {
    let fill = if bytes.last().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 };
    let mut whole = [fill; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(whole))
}
