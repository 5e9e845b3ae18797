//! Pages: heads, compression, levels, values.

use std::io::Read;

use super::{
    footer::{Leaf, count},
    thrift::Thrift,
};

/// A page of images may be large; a larger one is damage [bytes].
const MOST_BYTES: usize = 256 << 20;
/// Most values of a page: runs of equal ones take no room in the file.
const MOST_VALUES: usize = 4_000_000;
/// Snappy makes 64 bytes of three at best.
const SNAPPY_RATIO: usize = 22;

/// Values of a page or dictionary.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    /// Ranges of the bytes.
    Bytes(Vec<u8>, Vec<(u32, u32)>),
    /// Places in the dictionary.
    Indices(Vec<u32>),
}

/// A page of values, unpacked.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Empty: none is in a list.
    pub(super) repetition: Vec<u32>,
    /// Empty: all are there.
    pub(super) definition: Vec<u32>,
    pub(super) count: usize,
    pub(super) data: Data,
}

/// What the next page of a chunk is.
pub(super) enum Next {
    Dictionary(Data),
    Data(Page),
    /// Of no concern.
    Other,
}

#[derive(Default)]
struct Head {
    kind: i64,
    unpacked: usize,
    packed: usize,
    values: usize,
    encoding: i64,
    /// Of version 2: bytes of the two kinds of levels, and whether the rest is compressed.
    definition_bytes: usize,
    repetition_bytes: usize,
    is_compressed: bool,
}

fn head(thrift: &mut Thrift<'_>) -> Result<Head, String> {
    let mut head = Head { is_compressed: true, ..Head::default() };
    thrift.fields(|thrift, id, kind| {
        match id {
            1 => head.kind = thrift.int(kind)?,
            2 => head.unpacked = count(thrift.int(kind)?)? as usize,
            3 => head.packed = count(thrift.int(kind)?)? as usize,
            5 | 7 => thrift.inner(kind, |thrift, id, kind| {
                match id {
                    1 => head.values = count(thrift.int(kind)?)? as usize,
                    2 => head.encoding = thrift.int(kind)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            8 => thrift.inner(kind, |thrift, id, kind| {
                match id {
                    1 => head.values = count(thrift.int(kind)?)? as usize,
                    4 => head.encoding = thrift.int(kind)?,
                    5 => head.definition_bytes = count(thrift.int(kind)?)? as usize,
                    6 => head.repetition_bytes = count(thrift.int(kind)?)? as usize,
                    7 => head.is_compressed = Thrift::bool(kind)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(head)
}

/// Takes a page off the front of a chunk.
pub(super) fn next(left: &mut &[u8], codec: i64, leaf: &Leaf) -> Result<Next, String> {
    let mut thrift = Thrift::new(left);
    let head = head(&mut thrift)?;
    let (packed, rest) = thrift.rest().split_at_checked(head.packed).ok_or("a page ends too early")?;
    *left = rest;
    if head.unpacked > MOST_BYTES || head.values > MOST_VALUES {
        return Err(format!("a page of {} values in {} bytes", head.values, head.unpacked));
    }
    match head.kind {
        2 => {
            let bytes = unpack(packed, codec, head.unpacked)?;
            Ok(Next::Dictionary(plain(leaf.physical, bytes, 0, head.values)?))
        }
        0 => {
            let bytes = unpack(packed, codec, head.unpacked)?;
            let mut at = 0;
            let mut levels = |most: u32| -> Result<Vec<u32>, String> {
                if most == 0 {
                    return Ok(Vec::new());
                }
                let rest = bytes.get(at..).unwrap_or_default();
                let (len, rest) = rest.split_first_chunk::<4>().ok_or("levels end too early")?;
                let len = u32::from_le_bytes(*len) as usize;
                at += 4 + len;
                runs(rest.get(..len).ok_or("levels end too early")?, width(most), head.values)
            };
            let (repetition, definition) = (levels(leaf.most_repetition)?, levels(leaf.most_definition)?);
            page(leaf, &head, repetition, definition, bytes, at).map(Next::Data)
        }
        3 => {
            let (repetition, rest) = packed.split_at_checked(head.repetition_bytes).ok_or("levels end too early")?;
            let (definition, rest) = rest.split_at_checked(head.definition_bytes).ok_or("levels end too early")?;
            let levels = |most: u32, bytes: &[u8]| match most {
                0 => Ok(Vec::new()),
                most => runs(bytes, width(most), head.values),
            };
            let levels = (levels(leaf.most_repetition, repetition)?, levels(leaf.most_definition, definition)?);
            let len = head.unpacked.checked_sub(repetition.len() + definition.len()).ok_or("levels end too early")?;
            let codec = if head.is_compressed { codec } else { 0 };
            page(leaf, &head, levels.0, levels.1, unpack(rest, codec, len)?, 0).map(Next::Data)
        }
        _ => Ok(Next::Other),
    }
}

fn page(
    leaf: &Leaf,
    head: &Head,
    repetition: Vec<u32>,
    definition: Vec<u32>,
    bytes: Vec<u8>,
    at: usize,
) -> Result<Page, String> {
    let there = match definition.is_empty() {
        true => head.values,
        false => definition.iter().filter(|level| **level == leaf.most_definition).count(),
    };
    let data = match head.encoding {
        0 => plain(leaf.physical, bytes, at, there)?,
        2 | 8 => match bytes.get(at..).and_then(<[u8]>::split_first) {
            None if there == 0 => Data::Indices(Vec::new()),
            None => return Err("places in the dictionary end too early".into()),
            Some((width, rest)) => Data::Indices(runs(rest, u32::from(*width), there)?),
        },
        // Truth values of version 2, after their length.
        3 if leaf.physical == 0 => {
            let rest = bytes.get(at..).and_then(|rest| rest.get(4..)).ok_or("truth values end too early")?;
            Data::Ints(runs(rest, 1, there)?.into_iter().map(i64::from).collect())
        }
        other => return Err(format!("values are encoded in a way of {other}, known: plain, dictionary")),
    };
    Ok(Page { repetition, definition, count: head.values, data })
}

fn unpack(packed: &[u8], codec: i64, len: usize) -> Result<Vec<u8>, String> {
    let bytes = match codec {
        0 => packed.to_vec(),
        1 => {
            let said = snap::raw::decompress_len(packed).map_err(|e| format!("Snappy: {e}"))?;
            if said != len || said > SNAPPY_RATIO * packed.len() + 64 {
                return Err(format!("Snappy: {said} bytes said in {}", packed.len()));
            }
            snap::raw::Decoder::new().decompress_vec(packed).map_err(|e| format!("Snappy: {e}"))?
        }
        6 => {
            let reader = zstd::stream::read::Decoder::with_buffer(packed).map_err(|e| format!("Zstandard: {e}"))?;
            let mut bytes = Vec::new();
            reader.take(len as u64 + 1).read_to_end(&mut bytes).map_err(|e| format!("Zstandard: {e}"))?;
            bytes
        }
        other => return Err(format!("compressed in a way of {other}, known: not at all, Snappy, Zstandard")),
    };
    if bytes.len() != len {
        return Err(format!("a page has {} bytes, {len} said", bytes.len()));
    }
    Ok(bytes)
}

/// Values one after another, from a place of the bytes on.
fn plain(physical: i64, bytes: Vec<u8>, at: usize, count: usize) -> Result<Data, String> {
    let body = bytes.get(at..).unwrap_or_default();
    fn all<const N: usize, T>(body: &[u8], count: usize, value: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let chunks = body.as_chunks::<N>().0.get(..count).ok_or("values end too early")?;
        Ok(chunks.iter().map(|chunk| value(*chunk)).collect())
    }
    Ok(match physical {
        0 => {
            if body.len() < count.div_ceil(8) {
                return Err("values end too early".into());
            }
            let bit = |i: usize| body.get(i / 8).map_or(0, |byte| i64::from(byte >> (i % 8) & 1));
            Data::Ints((0..count).map(bit).collect())
        }
        1 => Data::Ints(all(body, count, |b| i32::from_le_bytes(b).into())?),
        2 => Data::Ints(all(body, count, i64::from_le_bytes)?),
        4 => Data::Floats(all(body, count, |b| f32::from_le_bytes(b).into())?),
        5 => Data::Floats(all(body, count, f64::from_le_bytes)?),
        6 => {
            let mut ranges = Vec::new();
            let mut place = at;
            for _ in 0..count {
                let head = bytes.get(place..).and_then(<[u8]>::first_chunk::<4>).ok_or("values end too early")?;
                let len = u32::from_le_bytes(*head);
                place += 4;
                if len as usize > bytes.len() - place {
                    return Err("values end too early".into());
                }
                ranges.push((place as u32, len));
                place += len as usize;
            }
            Data::Bytes(bytes, ranges)
        }
        other => return Err(format!("values of type {other}, known: numbers, truth values, bytes")),
    })
}

/// Bits that a level needs.
fn width(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// Runs of equal numbers, and numbers of a few bits side by side; exactly `count` of them.
fn runs(mut bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>, String> {
    if width == 0 {
        return Ok(vec![0; count]);
    }
    if width > 32 {
        return Err(format!("numbers of {width} bits"));
    }
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let mut head = 0u64;
        let mut shift = 0;
        loop {
            let (byte, rest) = bytes.split_first().ok_or("numbers end too early")?;
            bytes = rest;
            head |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
            if shift > 56 {
                return Err("a run of more than 64 bits".into());
            }
        }
        let left = count - numbers.len();
        let len = usize::try_from(head >> 1).map_err(|e| e.to_string())?;
        if head & 1 == 0 {
            let (value, rest) = bytes.split_at_checked(width.div_ceil(8) as usize).ok_or("numbers end too early")?;
            bytes = rest;
            let value = value.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
            numbers.extend(std::iter::repeat_n(value, len.min(left)));
            if len == 0 {
                return Err("an empty run".into());
            }
        } else {
            // Groups of eight; the last may stand for fewer, and some writers leave its end away.
            let packed = len.checked_mul(width as usize).ok_or("numbers end too early")?.min(bytes.len());
            let (group, rest) = bytes.split_at(packed);
            bytes = rest;
            let there = (8 * group.len() / width as usize).min(left);
            if there == 0 {
                return Err("numbers end too early".into());
            }
            let (mut bits, mut held) = (0u64, 0);
            let mut source = group.iter();
            for _ in 0..there {
                while held < width {
                    bits |= u64::from(*source.next().ok_or("numbers end too early")?) << held;
                    held += 8;
                }
                numbers.push((bits & ((1u64 << width) - 1)) as u32);
                bits >>= width;
                held -= width;
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_those_of_the_format() {
        // The format's own example: 0 to 7 in three bits each.
        assert_eq!(runs(&[3, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8), Ok((0..8).collect()));
        // Five times 4, then one group of ones in one bit.
        assert_eq!(runs(&[10, 4, 2, 7], 3, 6), Ok(vec![4, 4, 4, 4, 4, 7]));
        assert_eq!(runs(&[], 0, 3), Ok(vec![0; 3]));
        for (bytes, width) in [(&[3u8, 1][..], 3), (&[10], 3), (&[0, 1], 3), (&[0xff; 12], 3), (&[1], 40)] {
            assert!(runs(bytes, width, 8).is_err(), "{bytes:?}");
        }
    }
}
