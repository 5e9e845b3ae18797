//! The meaning of a sentence as a vector of length one.

use neuraxis_core::TextFeatures;

use crate::{MemoryError, Result};

/// Most numbers of an embedding.
pub const MOST_WIDTH: usize = 4096;

/// `(width,)`, f32, finite, of Euclidean length one: the dot product of two is their cosine.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// The direction of `values`; refused if one is not finite, all are zero, or there are none or too many.
    pub fn new(values: &[f32]) -> Result<Self> {
        let refused = |why: String| Err(MemoryError::Vector(why));
        if values.is_empty() || values.len() > MOST_WIDTH {
            return refused(format!("{} numbers, 1 to {MOST_WIDTH} are taken", values.len()));
        }
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return refused(format!("number {at} is not finite"));
        }
        // In f64: squares of large f32 do not overflow.
        let length = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if length < 1e-12 {
            return refused("all numbers are zero".into());
        }
        Ok(Self(values.iter().map(|x| (f64::from(*x) / length) as f32).collect()))
    }

    /// The mean over a sentence's tokens, brought to length one (as sentence transformers pool: Reimers and Gurevych
    /// 2019, section 3).
    pub fn pooled(features: &TextFeatures) -> Result<Self> {
        let TextFeatures { tokens, width, values } = features;
        if *tokens == 0 || *width == 0 || tokens.checked_mul(*width) != Some(values.len()) {
            return Err(MemoryError::Vector(format!("{} numbers for {tokens} tokens of {width}", values.len())));
        }
        let mut mean = vec![0.0; *width];
        for token in values.chunks_exact(*width) {
            mean.iter_mut().zip(token).for_each(|(sum, x)| *sum += x / *tokens as f32);
        }
        Self::new(&mean)
    }

    /// Its numbers.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// How many numbers it has.
    pub fn width(&self) -> usize {
        self.0.len()
    }

    /// As it is stored: f32, little endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// From its stored form; refused unless it has `width` numbers of length one.
    pub(crate) fn from_bytes(bytes: &[u8], width: usize) -> Result<Self> {
        if bytes.len() != 4 * width {
            return Err(MemoryError::Vector(format!("{} bytes for {width} numbers", bytes.len())));
        }
        let read = |b: &[u8]| b.try_into().map_or(f32::NAN, f32::from_le_bytes);
        let values: Box<[f32]> = bytes.chunks_exact(4).map(read).collect();
        let squared: f64 = values.iter().map(|x| f64::from(*x).powi(2)).sum();
        // Also false for NaN.
        if (squared - 1.0).abs() < 1e-3 {
            Ok(Self(values))
        } else {
            Err(MemoryError::Vector(format!("its length is {}, not 1", squared.sqrt())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_averaged_and_the_length_is_one() {
        let features = TextFeatures { tokens: 2, width: 2, values: vec![3.0, 0.0, 3.0, 8.0].into() };
        assert_eq!(Embedding::pooled(&features).unwrap().values(), [0.6, 0.8]);
        let large = Embedding::new(&[3e38, 0.0, 3e38]).unwrap();
        assert!((large.values()[0] - 0.5f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_direction_is_refused() {
        let refusal = |values: &[f32]| Embedding::new(values).unwrap_err().to_string();
        assert_eq!(refusal(&[]), "embedding refused: 0 numbers, 1 to 4096 are taken");
        assert_eq!(refusal(&[1.0, f32::NAN]), "embedding refused: number 1 is not finite");
        assert_eq!(refusal(&[f32::INFINITY]), "embedding refused: number 0 is not finite");
        assert_eq!(refusal(&[0.0, 0.0]), "embedding refused: all numbers are zero");
        let short = TextFeatures { tokens: 2, width: 2, values: vec![1.0; 3].into() };
        assert_eq!(
            Embedding::pooled(&short).unwrap_err().to_string(),
            "embedding refused: 3 numbers for 2 tokens of 2"
        );
    }

    #[test]
    fn bytes_are_read_back_and_damaged_ones_refused() {
        let embedding = Embedding::new(&[1.0, -2.0, 0.5]).unwrap();
        let bytes = embedding.to_bytes();
        assert_eq!(Embedding::from_bytes(&bytes, 3).unwrap(), embedding);
        assert!(Embedding::from_bytes(&bytes, 4).is_err());
        assert!(Embedding::from_bytes(&[0; 12], 3).is_err());
        assert!(Embedding::from_bytes(&f32::NAN.to_le_bytes().repeat(3), 3).is_err());
    }
}
