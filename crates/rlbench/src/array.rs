//! NumPy's arrays and scalars in a pickle.

use crate::pickle::{Id, Node, Pickle};

/// Modules that NumPy's helpers are in, before and since version 2.
const HELPERS: [&str; 2] = ["numpy.core.multiarray", "numpy._core.multiarray"];

/// Numbers of an array in row-major order, `most` of them at most, and its shape; a scalar has no axes.
///
/// # Errors
/// In words: something else, numbers of another type, or too many.
pub fn numbers(pickle: &Pickle<'_>, id: Id, most: usize) -> Result<(Vec<usize>, Vec<f64>), String> {
    if let Some(number) = pickle.number(id) {
        return Ok((Vec::new(), vec![number]));
    }
    let (module, name) = pickle.class(id).ok_or("no numbers")?;
    let Node::Object { args, state, .. } = pickle.node(id) else { return Err("no numbers".into()) };
    if !HELPERS.contains(&module) {
        return Err(format!("{module}.{name} in place of numbers"));
    }
    match (name, state) {
        // (dtype, bytes)
        ("scalar", _) => match pickle.items(*args) {
            Some([dtype, bytes]) => Ok((Vec::new(), read(pickle, *dtype, *bytes, most)?)),
            _ => Err("a scalar without its bytes".into()),
        },
        // (version, shape, dtype, is_fortran, bytes)
        ("_reconstruct", Some(state)) => {
            let Some([_, shape, dtype, order, bytes]) = pickle.items(*state) else {
                return Err("an array without its bytes".into());
            };
            let axes = pickle.items(*shape).ok_or("an array without a shape")?;
            let axis = |id: &Id| match pickle.node(*id) {
                Node::Int(n) => usize::try_from(*n).ok(),
                _ => None,
            };
            let shape: Vec<usize> = axes.iter().map(axis).collect::<Option<_>>().ok_or("an array with an odd shape")?;
            let values = read(pickle, *dtype, *bytes, most)?;
            if shape.iter().try_fold(1usize, |product, n| product.checked_mul(*n)) != Some(values.len()) {
                return Err(format!("an array of shape {shape:?} with {} numbers", values.len()));
            }
            match (pickle.node(*order), &shape[..]) {
                (Node::Bool(true), [rows, columns]) => Ok((shape.clone(), transposed(&values, *rows, *columns))),
                _ => Ok((shape, values)),
            }
        }
        _ => Err(format!("{module}.{name} in place of numbers")),
    }
}

/// Exactly `N` finite numbers.
///
/// # Errors
/// In words.
pub fn exactly<const N: usize>(pickle: &Pickle<'_>, id: Id) -> Result<[f64; N], String> {
    let (shape, values) = numbers(pickle, id, N)?;
    let values = <[f64; N]>::try_from(values).map_err(|_| format!("shape {shape:?}, wanted: {N} numbers"))?;
    match values.iter().find(|x| !x.is_finite()) {
        Some(value) => Err(format!("{value} is not finite")),
        None => Ok(values),
    }
}

/// Numbers from bytes, by the name of the type and its byte order.
fn read(pickle: &Pickle<'_>, dtype: Id, bytes: Id, most: usize) -> Result<Vec<f64>, String> {
    let Node::Bytes(bytes) = pickle.node(bytes) else { return Err("numbers without bytes".into()) };
    let Node::Object { args, state, .. } = pickle.node(dtype) else { return Err("numbers without a type".into()) };
    let name = pickle.items(*args).and_then(|args| args.first()).map(|name| pickle.node(*name));
    let order =
        state.and_then(|state| pickle.items(state)).and_then(|state| state.get(1)).map(|order| pickle.node(*order));
    if pickle.class(dtype) != Some(("numpy", "dtype")) || matches!(order, Some(Node::Text(">"))) {
        return Err("numbers of an odd type".into());
    }
    // An array that many fields share is not to be copied as often as it is named.
    fn all<const N: usize>(bytes: &[u8], most: usize, number: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, String> {
        match bytes.as_chunks::<N>() {
            (chunks, []) if chunks.len() > most => Err(format!("{} numbers, wanted: {most} at most", chunks.len())),
            (chunks, []) => Ok(chunks.iter().map(|chunk| number(*chunk)).collect()),
            (_, rest) => Err(format!("{} bytes too many", rest.len())),
        }
    }
    match name {
        Some(Node::Text("f8")) => all(bytes, most, f64::from_le_bytes),
        Some(Node::Text("f4")) => all(bytes, most, |b| f32::from_le_bytes(b).into()),
        Some(Node::Text("i8")) => all(bytes, most, |b| i64::from_le_bytes(b) as f64),
        Some(Node::Text("i4")) => all(bytes, most, |b| i32::from_le_bytes(b).into()),
        Some(Node::Text("b1" | "u1")) => all(bytes, most, |[b]| b.into()),
        other => Err(format!("numbers of type {other:?}")),
    }
}

/// Row-major numbers from column-major ones.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let at = |row: usize, column: usize| values.get(column * rows + row).copied().unwrap_or(0.0);
    (0..rows).flat_map(|row| (0..columns).map(move |column| at(row, column))).collect()
}
