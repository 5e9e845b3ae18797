//! The codec: `u32le total | u32le header_len | JSON header (UTF-8) | blobs`.
//!
//! `total` counts what follows it: 4 + `header_len` + all blobs. The header is an object; its field `arrays` lists
//! `[name, numpy.dtype.str, shape]` in the order of the blobs, which fill the frame to its last byte. Keys are written in
//! alphabetical order and without white space, so that equal frames are equal bytes in every language.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{Array, Dtype, FrameError};

/// Bytes before the header.
pub const PREFIX_LEN: usize = 8;
/// Axes of an array.
const MOST_AXES: usize = 4;
const LONGEST_NAME: usize = 64;

/// What a frame may cost, checked before anything is allocated.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after the first number.
    pub frame: u32,
    /// Bytes of the header.
    pub header: u32,
    /// Arrays.
    pub arrays: usize,
}

impl Limits {
    /// For answers: room for a dozen cameras of 1024 x 1024 pixels.
    pub const REPLY: Self = Self { frame: 96 << 20, header: 256 << 10, arrays: 64 };
    /// For requests, which have no arrays.
    pub const REQUEST: Self = Self { frame: 64 << 10, header: 60 << 10, arrays: 0 };
}

/// One message on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The header without its field `arrays`.
    pub header: Map<String, Value>,
    /// In the order of their bytes.
    pub arrays: Vec<Array>,
}

/// The two numbers before a header, checked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) header: usize,
    pub(crate) blobs: usize,
}

impl Prefix {
    pub(crate) fn parse([a, b, c, d, e, f, g, h]: [u8; PREFIX_LEN], limits: &Limits) -> Result<Self, FrameError> {
        let (total, header) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let limit = |part, size: u32, most: u32| {
            if size <= most { Ok(()) } else { Err(FrameError::TooLarge { part, size: size.into(), most: most.into() }) }
        };
        limit("whole", total, limits.frame)?;
        limit("header", header, limits.header)?;
        let blobs = total.checked_sub(4).and_then(|rest| rest.checked_sub(header));
        let blobs = blobs.ok_or(FrameError::Lengths { header: header.into(), total: total.into() })?;
        Ok(Self { header: header as usize, blobs: blobs as usize })
    }
}

/// What a header says of the blobs: they fill the frame exactly.
pub(crate) struct Layout {
    pub(crate) header: Map<String, Value>,
    pub(crate) entries: Vec<Entry>,
}

/// An array that is to come.
pub(crate) struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    pub(crate) len: usize,
}

impl Entry {
    /// With its bytes, of which there are `len`.
    pub(crate) fn fill(self, bytes: Vec<u8>) -> Array {
        Array::from_parts(self.name, self.dtype, self.shape, bytes)
    }

    fn parse(index: usize, value: &Value, most: usize) -> Result<Self, FrameError> {
        let wrong = || FrameError::Entry { index, found: shortened(value) };
        let [name, dtype, shape] = value.as_array().ok_or_else(wrong)?.as_slice() else { return Err(wrong()) };
        let (name, dtype) = name.as_str().zip(dtype.as_str()).ok_or_else(wrong)?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_word) {
            return Err(FrameError::Name(name.chars().take(LONGEST_NAME).collect()));
        }
        let unknown = || FrameError::Dtype { name: name.into(), dtype: dtype.chars().take(LONGEST_NAME).collect() };
        let dtype = Dtype::parse(dtype).ok_or_else(unknown)?;
        let odd = || FrameError::Shape { name: name.into(), shape: shortened(shape) };
        let axes = shape.as_array().filter(|axes| axes.len() <= MOST_AXES).ok_or_else(odd)?;
        let length = |axis: &Value| axis.as_u64().and_then(|n| usize::try_from(n).ok());
        let shape: Vec<usize> = axes.iter().map(length).collect::<Option<_>>().ok_or_else(odd)?;
        // A zero among huge numbers must not hide them: each axis has to fit on its own too.
        let fits = shape.iter().all(|n| *n <= most);
        let len = shape.iter().try_fold(dtype.size(), |product, n| product.checked_mul(*n));
        let len = len.filter(|len| fits && *len <= most).ok_or_else(odd)?;
        Ok(Self { name: name.into(), dtype, shape, len })
    }
}

impl Layout {
    pub(crate) fn parse(header: &[u8], blobs: usize, limits: &Limits) -> Result<Self, FrameError> {
        let parsed = serde_json::from_slice(header).map_err(|e| FrameError::Header(e.to_string()))?;
        let mut header = match parsed {
            Value::Object(object) => object,
            other => return Err(FrameError::Header(shortened(&other))),
        };
        let listed = match header.remove("arrays") {
            Some(Value::Array(listed)) => listed,
            Some(other) => return Err(FrameError::Arrays(shortened(&other))),
            None => return Err(FrameError::Arrays("missing".into())),
        };
        if listed.len() > limits.arrays {
            return Err(FrameError::TooMany { count: listed.len(), most: limits.arrays });
        }
        let parse = |(index, value)| Entry::parse(index, value, blobs);
        let entries: Vec<Entry> = listed.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = entries.iter().find(|entry| !names.insert(entry.name.as_str())) {
            return Err(FrameError::Name(twice.name.clone()));
        }
        let announced: u64 = entries.iter().map(|entry| entry.len as u64).sum();
        if announced != blobs as u64 {
            return Err(FrameError::Blobs { announced, present: blobs as u64 });
        }
        Ok(Self { header, entries })
    }
}

impl Frame {
    /// All its bytes.
    ///
    /// # Errors
    /// Larger than `limits` allow, or an array whose shape is not that of its bytes.
    pub fn encode(&self, limits: &Limits) -> Result<Vec<u8>, FrameError> {
        let listed: Vec<Value> =
            self.arrays.iter().map(|array| json!([array.name(), array.dtype().name(), array.shape()])).collect();
        let listed = Value::Array(listed);
        let is_odd = |array: &&Array| {
            let len = array.shape().iter().try_fold(array.dtype().size(), |product, n| product.checked_mul(*n));
            len != Some(array.bytes().len())
        };
        if let Some(odd) = self.arrays.iter().find(is_odd) {
            return Err(FrameError::Shape { name: odd.name().into(), shape: format!("{:?}", odd.shape()) });
        }
        let mut fields: BTreeMap<&str, &Value> = self.header.iter().map(|(key, value)| (key.as_str(), value)).collect();
        fields.insert("arrays", &listed);
        let header = serde_json::to_vec(&fields).map_err(|e| FrameError::Header(e.to_string()))?;
        let blobs: usize = self.arrays.iter().map(|array| array.bytes().len()).sum();
        let total = 4 + header.len() as u64 + blobs as u64;
        let too_large = FrameError::TooLarge { part: "whole", size: total, most: limits.frame.into() };
        let total = u32::try_from(total).map_err(|_| too_large)?;
        let mut bytes = Vec::with_capacity(4 + total as usize);
        bytes.extend(total.to_le_bytes());
        bytes.extend((header.len() as u32).to_le_bytes());
        // What the other end would refuse is not sent.
        let prefix = bytes.first_chunk().copied().ok_or(FrameError::Length { announced: 8, present: 0 })?;
        Prefix::parse(prefix, limits)?;
        Layout::parse(&header, blobs, limits)?;
        bytes.extend(header);
        for array in &self.arrays {
            bytes.extend(array.bytes());
        }
        Ok(bytes)
    }

    /// A whole frame and nothing else.
    ///
    /// # Errors
    /// Anything that is not exactly one frame within `limits`.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, FrameError> {
        let short = FrameError::Length { announced: PREFIX_LEN as u64, present: bytes.len() as u64 };
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX_LEN>().ok_or(short)?;
        let prefix = Prefix::parse(*prefix, limits)?;
        if rest.len() != prefix.header + prefix.blobs {
            let announced = (PREFIX_LEN + prefix.header + prefix.blobs) as u64;
            return Err(FrameError::Length { announced, present: bytes.len() as u64 });
        }
        let (header, mut blobs) = rest.split_at(prefix.header);
        let layout = Layout::parse(header, prefix.blobs, limits)?;
        let mut arrays = Vec::with_capacity(layout.entries.len());
        for entry in layout.entries {
            let (blob, others) = blobs.split_at(entry.len);
            blobs = others;
            arrays.push(entry.fill(blob.to_vec()));
        }
        Ok(Self { header: layout.header, arrays })
    }
}

/// A value as an error shows it.
pub(crate) fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(77).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let header = json!({"kind": "x", "n": 1.5}).as_object().unwrap().clone();
        let arrays = vec![Array::u8("a", &[2, 1], vec![7, 8]), Array::f32("b", &[1], &[0.5]), Array::f64("c", &[2.0])];
        Frame { header, arrays }
    }

    /// With this header in place of the encoder's, and these blobs.
    fn raw(header: &str, blobs: &[u8]) -> Vec<u8> {
        let total = (4 + header.len() + blobs.len()) as u32;
        [&total.to_le_bytes(), &(header.len() as u32).to_le_bytes(), header.as_bytes(), blobs].concat()
    }

    fn refusal(bytes: &[u8]) -> String {
        Frame::decode(bytes, &Limits::REPLY).unwrap_err().to_string()
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let bytes = frame().encode(&Limits::REPLY).unwrap();
        assert_eq!(Frame::decode(&bytes, &Limits::REPLY), Ok(frame()));
        let header = br#"{"arrays":[["a","|u1",[2,1]],["b","<f4",[1]],["c","<f8",[1]]],"kind":"x","n":1.5}"#;
        assert_eq!(&bytes[8..8 + header.len()], header);
        assert_eq!(bytes.len(), 8 + header.len() + 2 + 4 + 8);
    }

    #[test]
    fn every_lie_about_sizes_is_told() {
        let mut bytes = frame().encode(&Limits::REPLY).unwrap();
        bytes.push(0);
        assert!(refusal(&bytes).contains("by its length it has"));
        assert!(refusal(&bytes[..5]).contains("5 bytes, by its length it has 8"));
        let huge = [u32::MAX.to_le_bytes(), 2u32.to_le_bytes()].concat();
        assert!(refusal(&huge).contains("its whole has 4294967295 bytes, allowed: 100663296 at most"));
        let head = [1_000_000u32.to_le_bytes(), 900_000u32.to_le_bytes()].concat();
        assert!(refusal(&head).contains("its header has 900000 bytes, allowed: 262144 at most"));
        let crossed = [10u32.to_le_bytes(), 7u32.to_le_bytes()].concat();
        assert!(refusal(&crossed).contains("a header of 7 bytes does not fit into a frame of 10"));
        assert!(refusal(&[0; 8]).contains("does not fit into a frame of 0"));
        let blobs = raw(r#"{"arrays":[["a","|u1",[3]]]}"#, &[0; 4]);
        assert!(refusal(&blobs).contains("3 bytes by their shapes, the frame has 4"));
    }

    #[test]
    fn every_lie_about_arrays_is_told() {
        let with = |arrays: &str| refusal(&raw(&format!("{{\"arrays\":{arrays}}}"), &[0; 8]));
        assert!(refusal(&raw("{}", &[])).contains("header.arrays is missing"));
        assert!(with("7").contains("header.arrays is 7"));
        assert!(with("[[1,2]]").contains("header.arrays[0] is [1,2]"));
        assert!(with(r#"[["a","<i4",[2]]]"#).contains("array a has dtype \"<i4\""));
        assert!(with(r#"[["a","object",[1]]]"#).contains("dtype \"object\""));
        assert!(with(r#"[["a","|u1",[9]]]"#).contains("array a has shape [9]"));
        assert!(with(r#"[["a","|u1",[-8]]]"#).contains("shape [-8]"));
        assert!(with(r#"[["a","|u1",[2,2,2,1,1]]]"#).contains("shape [2,2,2,1,1]"));
        assert!(with(r#"[["a","<f8",[4611686018427387904,4]]]"#).contains("shape [4611686018427387904,4]"));
        assert!(with(r#"[["a","<f8",[0,4611686018427387904]]]"#).contains("shape [0,4611686018427387904]"));
        assert!(with(r#"[["a b","|u1",[8]]]"#).contains("array name \"a b\""));
        assert!(with(r#"[["a","|u1",[4]],["a","|u1",[4]]]"#).contains("array name \"a\""));
        assert!(refusal(&raw("[1]", &[])).contains("no JSON object"));
        assert!(refusal(&raw("{\"x\":NaN,\"arrays\":[]}", &[])).contains("no JSON object"));
        let many = vec![r#"["a","|u1",[0]]"#; 65].join(",");
        assert!(refusal(&raw(&format!("{{\"arrays\":[{many}]}}"), &[])).contains("65 entries, allowed: 64"));
        let request = frame().encode(&Limits::REQUEST).unwrap_err();
        assert_eq!(request, FrameError::TooMany { count: 3, most: 0 });
    }

    #[test]
    fn an_array_whose_shape_is_not_its_bytes_is_not_sent() {
        let frame = Frame { header: Map::new(), arrays: vec![Array::u8("a", &[3], vec![1, 2])] };
        assert_eq!(frame.encode(&Limits::REPLY), Err(FrameError::Shape { name: "a".into(), shape: "[3]".into() }));
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!("{{\"arrays\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(refusal(&raw(&deep, &[])).contains("recursion limit"));
    }
}
