//! What a Parquet file says of itself at its end: columns, and where their pages lie.

use std::collections::BTreeMap;

use super::thrift::Thrift;

const MAGIC: &[u8] = b"PAR1";
/// No table of ours describes itself at more length [bytes].
const MOST_FOOTER: usize = 64 << 20;
/// Most columns, and most parts of the schema.
const MOST_COLUMNS: usize = 10_000;
/// Deepest nesting of the schema.
const DEPTH: usize = 16;
/// Most pieces that rows are kept in.
const MOST_GROUPS: usize = 100_000;

/// A column that holds values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    /// Names from the outermost to its own, with points between.
    pub(super) path: String,
    pub(super) physical: i64,
    /// Level at which a value is there.
    pub(super) most_definition: u32,
    /// Depth of lists around it.
    pub(super) most_repetition: u32,
}

/// Where a column's pages of one group of rows lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub(super) codec: i64,
    pub(super) values: u64,
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// Some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) rows: u64,
    /// One for each leaf.
    pub(super) chunks: Vec<Chunk>,
}

/// A file whose end has been read.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) leaves: Vec<Leaf>,
    pub(super) groups: Vec<Group>,
    rows: u64,
    keys: BTreeMap<String, String>,
}

/// One line of the schema.
#[derive(Default)]
struct Element {
    physical: Option<i64>,
    repetition: i64,
    name: String,
    children: usize,
}

impl<'a> Table<'a> {
    /// Reads a whole file's end.
    ///
    /// # Errors
    /// In words.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let body = bytes.strip_prefix(MAGIC).and_then(|body| body.strip_suffix(MAGIC)).ok_or("no Parquet file")?;
        let (body, len) = body.split_last_chunk::<4>().ok_or("no Parquet file")?;
        let len = u32::from_le_bytes(*len) as usize;
        let start = body.len().checked_sub(len).filter(|_| len <= MOST_FOOTER);
        let footer = start.and_then(|start| body.get(start..)).ok_or(format!("a description of {len} bytes"))?;
        let mut table = Self { bytes, leaves: Vec::new(), groups: Vec::new(), rows: 0, keys: BTreeMap::new() };
        let mut schema: Vec<Element> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        Thrift::new(footer).fields(|thrift, id, kind| {
            match id {
                2 => thrift.list(kind, |thrift, kind| {
                    if schema.len() == MOST_COLUMNS {
                        return Err(format!("more than {MOST_COLUMNS} columns"));
                    }
                    let mut element = Element::default();
                    thrift.inner(kind, |thrift, id, kind| {
                        match id {
                            1 => element.physical = Some(thrift.int(kind)?),
                            3 => element.repetition = thrift.int(kind)?,
                            4 => element.name = thrift.text(kind)?,
                            5 => element.children = count(thrift.int(kind)?)? as usize,
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                    schema.push(element);
                    Ok(())
                })?,
                3 => table.rows = count(thrift.int(kind)?)?,
                4 => thrift.list(kind, |thrift, kind| {
                    if groups.len() == MOST_GROUPS {
                        return Err(format!("more than {MOST_GROUPS} groups of rows"));
                    }
                    groups.push(group(thrift, kind)?);
                    Ok(())
                })?,
                5 => thrift.list(kind, |thrift, kind| {
                    let (mut key, mut value) = (String::new(), String::new());
                    thrift.inner(kind, |thrift, id, kind| {
                        match id {
                            1 => key = thrift.text(kind)?,
                            2 => value = thrift.text(kind)?,
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                    table.keys.insert(key, value);
                    Ok(())
                })?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        table.leaves = leaves(&schema)?;
        let mut rows = 0u64;
        for group in &groups {
            rows = rows.checked_add(group.rows).ok_or("more rows than can be counted")?;
            if group.chunks.len() != table.leaves.len() {
                return Err(format!("{} columns in a group, {} in the schema", group.chunks.len(), table.leaves.len()));
            }
        }
        if rows != table.rows {
            return Err(format!("{} rows said, {rows} in the groups", table.rows));
        }
        table.groups = groups;
        Ok(table)
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Names of the columns; those inside of others with points between: `image.bytes`, `state.list.element`.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(|leaf| leaf.path.as_str())
    }

    /// What its writer noted.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }
}

/// A number that counts something.
pub(super) fn count(number: i64) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("{number} of something"))
}

fn group(thrift: &mut Thrift<'_>, kind: super::thrift::Kind) -> Result<Group, String> {
    let mut group = Group::default();
    thrift.inner(kind, |thrift, id, kind| {
        match id {
            1 => thrift.list(kind, |thrift, kind| {
                let mut chunk = Chunk::default();
                thrift.inner(kind, |thrift, id, kind| {
                    match id {
                        1 => return Err("pages in another file".into()),
                        3 => self::chunk(thrift, kind, &mut chunk)?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                group.chunks.push(chunk);
                Ok(())
            })?,
            3 => group.rows = count(thrift.int(kind)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(group)
}

fn chunk(thrift: &mut Thrift<'_>, kind: super::thrift::Kind, chunk: &mut Chunk) -> Result<(), String> {
    let mut dictionary = None;
    thrift.inner(kind, |thrift, id, kind| {
        match id {
            4 => chunk.codec = thrift.int(kind)?,
            5 => chunk.values = count(thrift.int(kind)?)?,
            7 => chunk.bytes = count(thrift.int(kind)?)?,
            9 => chunk.start = count(thrift.int(kind)?)?,
            11 => dictionary = Some(count(thrift.int(kind)?)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // Some writers note a dictionary at 0 where there is none.
    chunk.start = dictionary.filter(|at| *at > 0).map_or(chunk.start, |at| at.min(chunk.start));
    Ok(())
}

/// The schema is a tree in depth-first order; its leaves are the columns.
fn leaves(schema: &[Element]) -> Result<Vec<Leaf>, String> {
    let mut leaves = Vec::new();
    let (root, rest) = schema.split_first().ok_or("no columns")?;
    let mut elements = rest.iter();
    for _ in 0..root.children {
        descend(&mut elements, &[], (0, 0), &mut leaves)?;
    }
    if elements.next().is_some() { Err("a schema that does not add up".into()) } else { Ok(leaves) }
}

fn descend(
    elements: &mut std::slice::Iter<'_, Element>,
    above: &[&str],
    (definition, repetition): (u32, u32),
    leaves: &mut Vec<Leaf>,
) -> Result<(), String> {
    let element = elements.next().ok_or("a schema that does not add up")?;
    if above.len() == DEPTH {
        return Err("columns are nested too deeply".into());
    }
    // 0: once, 1: once or not at all, 2: any number of times.
    let levels = match element.repetition {
        0 => (definition, repetition),
        1 => (definition + 1, repetition),
        2 => (definition + 1, repetition + 1),
        other => return Err(format!("a column that is there in a way of {other}")),
    };
    let path: Vec<&str> = above.iter().copied().chain([element.name.as_str()]).collect();
    match element.physical {
        Some(physical) if element.children == 0 => {
            let (most_definition, most_repetition) = levels;
            leaves.push(Leaf { path: path.join("."), physical, most_definition, most_repetition });
            Ok(())
        }
        _ => (0..element.children).try_for_each(|_| descend(elements, &path, levels, leaves)),
    }
}
