//! Rows of a column, page by page.

use std::ops::Range;

use super::{
    Table,
    footer::{Chunk, Leaf},
    page::{self, Data, Next, Page},
};

/// Most values that are read at once, and most rows.
const MOST_VALUES: usize = 16_000_000;
/// Most bytes of them.
const MOST_BYTES: usize = 256 << 20;

/// Values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers, and truth values as 0 and 1.
    Ints(Vec<i64>),
    /// Floats.
    Floats(Vec<f64>),
    /// Texts and whatever else is bytes.
    Bytes(Vec<Vec<u8>>),
}

/// Rows of a column; a row without a value is empty, one of a list has as many values as the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    values: Values,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Column {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, row: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        Some(start..end)
    }

    /// The numbers of a row, whole ones as floats too; `None`: there is no such row, or it holds bytes.
    pub fn floats(&self, row: usize) -> Option<Vec<f64>> {
        let range = self.range(row)?;
        match &self.values {
            Values::Floats(floats) => floats.get(range).map(<[f64]>::to_vec),
            Values::Ints(ints) => Some(ints.get(range)?.iter().map(|int| *int as f64).collect()),
            Values::Bytes(_) => None,
        }
    }

    /// The only number of a row.
    pub fn int(&self, row: usize) -> Option<i64> {
        match (&self.values, self.range(row)?) {
            (Values::Ints(ints), range) if range.len() == 1 => ints.get(range.start).copied(),
            _ => None,
        }
    }

    /// The texts of a row, if they are UTF-8.
    pub fn texts(&self, row: usize) -> Option<Vec<&str>> {
        let Values::Bytes(bytes) = &self.values else { return None };
        bytes.get(self.range(row)?)?.iter().map(|text| std::str::from_utf8(text).ok()).collect()
    }

    /// The bytes of a row's only value.
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        let (Values::Bytes(bytes), range) = (&self.values, self.range(row)?) else { return None };
        bytes.get(range).and_then(|row| if let [only] = row { Some(only.as_slice()) } else { None })
    }
}

impl<'a> Table<'a> {
    /// Some rows of a column, all at once.
    ///
    /// # Errors
    /// In words: no such column, damage, or more than is read at once.
    pub fn read(&self, column: &str, rows: Range<u64>) -> Result<Column, String> {
        let mut scan = self.scan(column, rows)?;
        // Rows without values are none of the values, and take no room in the file.
        if scan.left > MOST_VALUES as u64 {
            return Err(format!("{} rows, read at once: {MOST_VALUES}", scan.left));
        }
        let mut read = Column { values: scan.empty()?, ends: Vec::new() };
        let mut bytes = 0;
        while scan.next_into(&mut read, &mut bytes)? {}
        Ok(read)
    }

    /// Some rows of a column, one after another.
    ///
    /// # Errors
    /// In words: no such column, or rows that are not there.
    pub fn each(
        &self,
        column: &str,
        rows: Range<u64>,
    ) -> Result<impl Iterator<Item = Result<Column, String>> + use<'a>, String> {
        let mut scan = self.scan(column, rows)?;
        let empty = scan.empty()?;
        let mut is_done = false;
        Ok(std::iter::from_fn(move || {
            let mut row = Column { values: empty.clone(), ends: Vec::new() };
            let found = if is_done { Ok(false) } else { scan.next_into(&mut row, &mut 0) };
            is_done = !matches!(found, Ok(true));
            found.map(|there| there.then_some(row)).transpose()
        }))
    }

    /// The column of a name: itself, or the values of its lists.
    pub fn leaf(&self, name: &str) -> Option<&str> {
        let list = format!("{name}.list.");
        self.columns().find(|path| *path == name || path.starts_with(&list))
    }

    fn scan(&self, column: &str, rows: Range<u64>) -> Result<Scan<'a>, String> {
        let index =
            self.leaves.iter().position(|leaf| leaf.path == column).ok_or_else(|| format!("no column {column:?}"))?;
        if rows.end > self.rows() || rows.start > rows.end {
            return Err(format!("rows {} to {} of {}", rows.start, rows.end, self.rows()));
        }
        let leaf = self.leaves.get(index).ok_or("no column")?;
        if leaf.most_repetition > 1 {
            return Err(format!("column {column:?} holds lists of lists"));
        }
        // Whole groups before the first row need not be looked at.
        let (mut skip, mut chunks) = (rows.start, Vec::new());
        for group in &self.groups {
            let chunk = group.chunks.get(index).ok_or("a column is gone")?;
            match group.rows {
                rows if chunks.is_empty() && rows <= skip => skip -= rows,
                rows => chunks.push((rows, chunk.clone())),
            }
        }
        Ok(Scan {
            bytes: self.bytes,
            leaf: leaf.clone(),
            chunks: chunks.into_iter(),
            group_rows: 0,
            chunk: &[],
            codec: 0,
            chunk_values: 0,
            dictionary: None,
            page: None,
            at: 0,
            value: 0,
            skip,
            left: rows.end - rows.start,
        })
    }
}

/// Where reading of a column stands.
struct Scan<'a> {
    bytes: &'a [u8],
    leaf: Leaf,
    /// Of each group: its rows, and where the column's pages lie.
    chunks: std::vec::IntoIter<(u64, Chunk)>,
    /// Rows of the group that have not begun.
    group_rows: u64,
    chunk: &'a [u8],
    codec: i64,
    /// Values of the chunk that have not been unpacked.
    chunk_values: u64,
    dictionary: Option<Data>,
    page: Option<Page>,
    /// Next level and next value of the page.
    at: usize,
    value: usize,
    skip: u64,
    left: u64,
}

impl<'a> Scan<'a> {
    fn empty(&self) -> Result<Values, String> {
        match self.leaf.physical {
            0..=2 => Ok(Values::Ints(Vec::new())),
            4 | 5 => Ok(Values::Floats(Vec::new())),
            6 => Ok(Values::Bytes(Vec::new())),
            other => Err(format!("column {:?} has values of type {other}", self.leaf.path)),
        }
    }

    /// Makes sure that a level is there to be looked at; false at the column's end.
    fn fill(&mut self) -> Result<bool, String> {
        loop {
            if self.page.as_ref().is_some_and(|page| self.at < page.count) {
                return Ok(true);
            }
            self.page = None;
            if self.chunk_values == 0 {
                if self.group_rows > 0 {
                    return Err(format!("column {:?} has too few values", self.leaf.path));
                }
                let Some((rows, chunk)) = self.chunks.next() else { return Ok(false) };
                let range = usize::try_from(chunk.start).ok().zip(usize::try_from(chunk.bytes).ok());
                let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
                self.chunk = range.and_then(|range| self.bytes.get(range)).ok_or("pages lie outside of the file")?;
                (self.codec, self.chunk_values, self.group_rows) = (chunk.codec, chunk.values, rows);
                self.dictionary = None;
                continue;
            }
            if self.chunk.is_empty() {
                return Err(format!("column {:?} has too few pages", self.leaf.path));
            }
            match page::next(&mut self.chunk, self.codec, &self.leaf)? {
                Next::Dictionary(dictionary) => self.dictionary = Some(dictionary),
                Next::Data(page) => {
                    self.chunk_values =
                        self.chunk_values.checked_sub(page.count as u64).ok_or("a page has too many values")?;
                    (self.at, self.value) = (0, 0);
                    self.page = Some(page);
                }
                Next::Other => {}
            }
        }
    }

    /// The next row that is wanted goes to the end of a column; false after the last.
    fn next_into(&mut self, out: &mut Column, bytes: &mut usize) -> Result<bool, String> {
        while self.left > 0 && self.fill()? {
            self.group_rows = self.group_rows.checked_sub(1).ok_or("a group has too many rows")?;
            let is_wanted = self.skip == 0;
            let mut is_first = true;
            // A row begins at repetition 0 and may go on in the next page.
            while self.chunk_has_more()? && (is_first || self.repeats()) {
                self.take(is_wanted.then_some((&mut *out, &mut *bytes)))?;
                is_first = false;
            }
            if is_first {
                return Err("a row without a beginning".into());
            }
            if is_wanted {
                out.ends.push(match &out.values {
                    Values::Ints(values) => values.len(),
                    Values::Floats(values) => values.len(),
                    Values::Bytes(values) => values.len(),
                });
                self.left -= 1;
                return Ok(true);
            }
            self.skip -= 1;
        }
        if self.left > 0 { Err(format!("column {:?} has too few rows", self.leaf.path)) } else { Ok(false) }
    }

    /// A level of the same group; rows do not go from one group to the next.
    fn chunk_has_more(&mut self) -> Result<bool, String> {
        if self.page.as_ref().is_some_and(|page| self.at < page.count) {
            return Ok(true);
        }
        if self.chunk_values == 0 { Ok(false) } else { self.fill() }
    }

    fn repeats(&self) -> bool {
        self.page.as_ref().and_then(|page| page.repetition.get(self.at)).is_some_and(|level| *level > 0)
    }

    /// Takes one level, and the value that it may stand for.
    fn take(&mut self, out: Option<(&mut Column, &mut usize)>) -> Result<(), String> {
        let page = self.page.as_ref().ok_or("no page")?;
        let is_there = page.definition.get(self.at).is_none_or(|level| *level == self.leaf.most_definition);
        let repeats = page.repetition.get(self.at).is_some_and(|level| *level > 0);
        self.at += 1;
        if !is_there {
            return if repeats { Err("a list with nothing in place of a value".into()) } else { Ok(()) };
        }
        let place = self.value;
        self.value += 1;
        let Some((out, bytes)) = out else { return Ok(()) };
        let (data, place) = match (&page.data, &self.dictionary) {
            (Data::Indices(indices), Some(dictionary)) => {
                (dictionary, *indices.get(place).ok_or("too few values")? as usize)
            }
            (Data::Indices(_), None) => return Err("a page without its dictionary".into()),
            (data, _) => (data, place),
        };
        let few = "too few values";
        let count = match (&mut out.values, data) {
            (Values::Ints(out), Data::Ints(values)) => {
                out.push(*values.get(place).ok_or(few)?);
                out.len()
            }
            (Values::Floats(out), Data::Floats(values)) => {
                out.push(*values.get(place).ok_or(few)?);
                out.len()
            }
            (Values::Bytes(out), Data::Bytes(body, ranges)) => {
                let (start, len) = *ranges.get(place).ok_or(few)?;
                let value = body.get(start as usize..).and_then(|rest| rest.get(..len as usize)).ok_or(few)?;
                *bytes += value.len();
                if *bytes > MOST_BYTES {
                    return Err(format!("more than {MOST_BYTES} bytes"));
                }
                out.push(value.to_vec());
                out.len()
            }
            _ => return Err("values of two types in one column".into()),
        };
        if count > MOST_VALUES { Err(format!("more than {MOST_VALUES} values")) } else { Ok(()) }
    }
}
