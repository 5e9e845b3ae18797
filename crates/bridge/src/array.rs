//! Arrays as they travel: a name, NumPy's name of the element type, a shape, and little-endian bytes.

use crate::MessageError;

/// Element types that the contract uses.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// `|u1`
    U8,
    /// `<f4`
    F32,
    /// `<f8`
    F64,
}

impl Dtype {
    /// From `numpy.dtype.str`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::U8, Self::F32, Self::F64].into_iter().find(|dtype| dtype.name() == text)
    }

    /// As `numpy.dtype.str` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "|u1",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
        }
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// An array with its bytes, row-major; their number is that of the shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    /// Of bytes that are known to fit.
    pub(crate) fn from_parts(name: String, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Self { name, dtype, shape, bytes }
    }

    /// Bytes; `shape` must multiply to their number.
    pub fn u8(name: &str, shape: &[usize], values: Vec<u8>) -> Self {
        Self { name: name.into(), dtype: Dtype::U8, shape: shape.into(), bytes: values }
    }

    /// Single precision; `shape` must multiply to their number.
    pub fn f32(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { name: name.into(), dtype: Dtype::F32, shape: shape.into(), bytes }
    }

    /// A vector in double precision.
    pub fn f64(name: &str, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { name: name.into(), dtype: Dtype::F64, shape: vec![values.len()], bytes }
    }

    /// Name, unique in its frame.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type of an element.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Length along each axis, the outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Consumes it for its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The numbers of a single-precision array.
    ///
    /// # Errors
    /// Of another type, or with a number that is not finite.
    pub fn to_f32(&self) -> Result<Vec<f32>, MessageError> {
        self.must_be(Dtype::F32)?;
        let values: Vec<f32> = self.bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        self.must_be_finite(values.iter().map(|x| f64::from(*x)))?;
        Ok(values)
    }

    /// The numbers of a double-precision vector.
    ///
    /// # Errors
    /// Of another type or shape, or with a number that is not finite.
    pub fn to_f64(&self) -> Result<Vec<f64>, MessageError> {
        self.must_be(Dtype::F64)?;
        if self.shape.len() != 1 {
            return Err(self.wrong("a vector".into()));
        }
        let values: Vec<f64> = self.bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        self.must_be_finite(values.iter().copied())?;
        Ok(values)
    }

    /// Refuses it, saying what was wanted.
    pub(crate) fn wrong(&self, wanted: String) -> MessageError {
        MessageError::Array { name: self.name.clone(), dtype: self.dtype.name(), shape: self.shape.clone(), wanted }
    }

    fn must_be(&self, dtype: Dtype) -> Result<(), MessageError> {
        if self.dtype == dtype { Ok(()) } else { Err(self.wrong(format!("dtype {}", dtype.name()))) }
    }

    fn must_be_finite(&self, mut values: impl Iterator<Item = f64>) -> Result<(), MessageError> {
        let mut last = 0.0;
        match values.position(|x| {
            last = x;
            !x.is_finite()
        }) {
            Some(index) => Err(MessageError::NotFinite { name: self.name.clone(), index, value: last }),
            None => Ok(()),
        }
    }
}
