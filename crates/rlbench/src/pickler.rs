//! Writes pickles (protocol 4): the few values that RLBench's recordings are made of.
//!
//! Classes are written by name, as CPython's pickler does; NumPy's arrays by the names that every version of it knows.

const PROTOCOL: u8 = 4;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// `str`
    Text(String),
    /// `list`
    List(Vec<Value>),
    /// `dict` with text for keys, and so the attributes of an object.
    Dict(Vec<(String, Value)>),
    /// An instance of a class, by module and name, with its attributes.
    Object(&'static str, &'static str, Vec<(String, Value)>),
    /// `numpy.ndarray` of float64: shape, and numbers in row-major order.
    Array(Vec<usize>, Vec<f64>),
}

/// A whole pickle.
pub fn pickle(value: &Value) -> Vec<u8> {
    let mut out = vec![0x80, PROTOCOL];
    write(&mut out, value);
    out.push(b'.');
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::None => out.push(b'N'),
        Value::Bool(is_so) => out.push(if *is_so { 0x88 } else { 0x89 }),
        Value::Int(whole) => match i32::try_from(*whole) {
            Ok(short) => {
                out.push(b'J');
                out.extend(short.to_le_bytes());
            }
            Err(_) => {
                out.extend([0x8a, 8]);
                out.extend(whole.to_le_bytes());
            }
        },
        Value::Float(number) => {
            out.push(b'G');
            out.extend(number.to_be_bytes());
        }
        Value::Text(text) => self::text(out, text),
        Value::List(items) => {
            out.extend(b"](");
            items.iter().for_each(|item| write(out, item));
            out.push(b'e');
        }
        Value::Dict(entries) => dict(out, entries),
        Value::Object(module, name, attributes) => {
            global(out, module, name);
            // No arguments, made without its constructor, then its attributes.
            out.extend([b')', 0x81]);
            dict(out, attributes);
            out.push(b'b');
        }
        Value::Array(shape, numbers) => array(out, shape, numbers),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Nothing of a recording's text comes near 4 GB; a longer one is cut.
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.push(b'X');
    out.extend(len.to_le_bytes());
    out.extend(text.bytes().take(len as usize));
}

fn bytes(out: &mut Vec<u8>, bytes: impl ExactSizeIterator<Item = u8>) {
    out.push(0x8e);
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

fn dict(out: &mut Vec<u8>, entries: &[(String, Value)]) {
    out.extend(b"}(");
    for (key, value) in entries {
        text(out, key);
        write(out, value);
    }
    out.push(b'u');
}

fn global(out: &mut Vec<u8>, module: &str, name: &str) {
    text(out, module);
    text(out, name);
    out.push(0x93);
}

fn array(out: &mut Vec<u8>, shape: &[usize], numbers: &[f64]) {
    global(out, "numpy.core.multiarray", "_reconstruct");
    global(out, "numpy", "ndarray");
    write(out, &Value::Int(0));
    out.push(0x85);
    bytes(out, [b'b'].into_iter());
    out.extend([0x87, b'R']);
    // Its state: version, shape, type, whether columns come first, numbers.
    out.push(b'(');
    write(out, &Value::Int(1));
    out.push(b'(');
    shape.iter().for_each(|axis| write(out, &Value::Int(*axis as i64)));
    out.push(b't');
    global(out, "numpy", "dtype");
    text(out, "f8");
    out.extend([0x89, 0x88, 0x87, b'R']);
    // The type's state: version, byte order, no parts, no size of its own, no flags.
    out.push(b'(');
    write(out, &Value::Int(3));
    text(out, "<");
    out.extend(b"NNN");
    [-1, -1, 0].into_iter().for_each(|n| write(out, &Value::Int(n)));
    out.extend(b"tb");
    out.push(0x89);
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes(out, raw.into_iter());
    out.extend(b"tb");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{array::numbers, pickle::Node, pickle::Pickle};

    #[test]
    fn our_reader_finds_what_was_written() {
        let fields = vec![
            ("whole".to_string(), Value::Int(-7)),
            ("large".to_string(), Value::Int(1 << 40)),
            ("text".to_string(), Value::Text("grün".into())),
            ("is".to_string(), Value::Bool(true)),
            ("list".to_string(), Value::List(vec![Value::None, Value::Float(0.25)])),
            ("k".to_string(), Value::Array(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.5])),
        ];
        let written = pickle(&Value::Object("rlbench.demo", "Demo", fields));
        let read = Pickle::parse(&written).unwrap();
        let root = read.root();
        assert_eq!(read.class(root), Some(("rlbench.demo", "Demo")));
        let field = |name: &str| read.field(root, name).unwrap();
        assert_eq!(read.number(field("whole")), Some(-7.0));
        assert_eq!(read.number(field("large")), Some((1u64 << 40) as f64));
        assert_eq!(*read.node(field("text")), Node::Text("grün"));
        assert_eq!(*read.node(field("is")), Node::Bool(true));
        assert_eq!(read.items(field("list")).map(<[_]>::len), Some(2));
        assert_eq!(numbers(&read, field("k"), 6), Ok((vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.5])));
    }
}
