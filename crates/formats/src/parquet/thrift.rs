//! Thrift's compact protocol, as far as Parquet's heads use it: fields are looked at one by one, and skipped if nobody
//! wants them.

/// Deepest nesting of what is skipped.
const DEPTH: usize = 16;

/// Where reading stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thrift<'a> {
    left: &'a [u8],
}

/// What a field or an element of a list is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    const STRUCT: Self = Self(12);

    fn is_whole(self) -> bool {
        (4..=6).contains(&self.0)
    }
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// What has not been read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.left
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.left.split_first().ok_or("a head ends too early")?;
        self.left = rest;
        Ok(*first)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than 64 bits".into())
    }

    fn zigzag(&mut self) -> Result<i64, String> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A whole number of any width.
    pub(super) fn int(&mut self, kind: Kind) -> Result<i64, String> {
        if kind.is_whole() { self.zigzag() } else { Err("no whole number where one belongs".into()) }
    }

    /// A truth value, which stands in the kind of its field.
    pub(super) fn bool(kind: Kind) -> Result<bool, String> {
        match kind {
            Kind::TRUE => Ok(true),
            Kind::FALSE => Ok(false),
            _ => Err("no truth value where one belongs".into()),
        }
    }

    pub(super) fn bytes(&mut self, kind: Kind) -> Result<&'a [u8], String> {
        if kind != Kind::BINARY {
            return Err("no text where one belongs".into());
        }
        let len = usize::try_from(self.varint()?).map_err(|e| e.to_string())?;
        let (bytes, rest) = self.left.split_at_checked(len).ok_or("a text ends too early")?;
        self.left = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self, kind: Kind) -> Result<String, String> {
        Ok(String::from_utf8_lossy(self.bytes(kind)?).into_owned())
    }

    /// Each field of a structure by its number; what `take` does not want it leaves by returning false.
    pub(super) fn fields(
        &mut self,
        mut take: impl FnMut(&mut Self, i16, Kind) -> Result<bool, String>,
    ) -> Result<(), String> {
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            let kind = Kind(head & 0x0f);
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|e| e.to_string())?,
                step => id.checked_add(i16::from(step)).ok_or("a field's number is too large")?,
            };
            if !take(self, id, kind)? {
                self.skip(kind, DEPTH)?;
            }
        }
    }

    /// Fields of a structure inside of another.
    pub(super) fn inner(
        &mut self,
        kind: Kind,
        take: impl FnMut(&mut Self, i16, Kind) -> Result<bool, String>,
    ) -> Result<(), String> {
        if kind == Kind::STRUCT { self.fields(take) } else { Err("no structure where one belongs".into()) }
    }

    /// Each element of a list.
    pub(super) fn list(
        &mut self,
        kind: Kind,
        mut take: impl FnMut(&mut Self, Kind) -> Result<(), String>,
    ) -> Result<(), String> {
        if kind != Kind::LIST {
            return Err("no list where one belongs".into());
        }
        let (count, kind) = self.list_head()?;
        (0..count).try_for_each(|_| take(self, kind))
    }

    fn list_head(&mut self) -> Result<(usize, Kind), String> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.varint()?).map_err(|e| e.to_string())?,
            few => few.into(),
        };
        // Each element takes a byte at least.
        if count > self.left.len() {
            return Err(format!("a list of {count} elements in {} bytes", self.left.len()));
        }
        Ok((count, Kind(head & 0x0f)))
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Result<(), String> {
        let deeper = depth.checked_sub(1).ok_or("a head is nested too deeply")?;
        match kind {
            Kind::TRUE | Kind::FALSE => Ok(()),
            Kind::BYTE => self.byte().map(drop),
            whole if whole.is_whole() => self.varint().map(drop),
            Kind::DOUBLE => (0..8).try_for_each(|_| self.byte().map(drop)),
            Kind::BINARY => self.bytes(kind).map(drop),
            Kind::LIST | Kind::SET => {
                let (count, kind) = self.list_head()?;
                (0..count).try_for_each(|_| self.skip_element(kind, deeper))
            }
            Kind::MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                (0..count).try_for_each(|_| {
                    self.skip_element(Kind(kinds >> 4), deeper)?;
                    self.skip_element(Kind(kinds & 0x0f), deeper)
                })
            }
            Kind::STRUCT => loop {
                let head = self.byte()?;
                if head == 0 {
                    return Ok(());
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(Kind(head & 0x0f), deeper)?;
            },
            Kind(other) => Err(format!("a field of unknown kind {other}")),
        }
    }

    /// Truth values take a byte inside of lists.
    fn skip_element(&mut self, kind: Kind, depth: usize) -> Result<(), String> {
        match kind {
            Kind::TRUE | Kind::FALSE => self.byte().map(drop),
            other => self.skip(other, depth),
        }
    }
}
