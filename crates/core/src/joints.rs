//! A joint vector with room for sixteen joints and no heap.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Room for an arm and its tools.
pub const MAX_JOINTS: usize = 16;

/// One number per joint, in the order of the robot's joints. Dereferences to a slice.
#[derive(Copy, Clone, PartialEq)]
pub struct Joints {
    values: [f64; MAX_JOINTS],
    len: u8,
}

impl Joints {
    /// `len` zeros; at most [`MAX_JOINTS`].
    pub fn zeros(len: usize) -> Self {
        Self { values: [0.0; MAX_JOINTS], len: len.min(MAX_JOINTS) as u8 }
    }

    /// Copies a slice; `None` if it is longer than [`MAX_JOINTS`].
    pub fn from_slice(values: &[f64]) -> Option<Self> {
        let mut joints = Self::zeros(values.len());
        if values.len() > MAX_JOINTS {
            return None;
        }
        joints.copy_from_slice(values);
        Some(joints)
    }

    /// One value per joint from its index.
    pub fn from_fn(len: usize, f: impl FnMut(usize) -> f64) -> Self {
        let mut joints = Self::zeros(len);
        let mut f = f;
        for (i, value) in joints.iter_mut().enumerate() {
            *value = f(i);
        }
        joints
    }

    /// True if no value is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.iter().all(|x| x.is_finite())
    }

    /// Largest absolute difference to another vector of the same length; NaN if one of the differences is: compare it so
    /// that NaN is refused.
    pub fn max_abs_diff(&self, other: &Self) -> f64 {
        let differences = self.iter().zip(other.iter()).map(|(a, b)| (a - b).abs());
        // `f64::max` would drop a NaN.
        differences.fold(0.0, |most, x| if x > most || x.is_nan() { x } else { most })
    }
}

impl Deref for Joints {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        self.values.get(..self.len as usize).unwrap_or(&[])
    }
}

impl DerefMut for Joints {
    fn deref_mut(&mut self) -> &mut [f64] {
        self.values.get_mut(..self.len as usize).unwrap_or(&mut [])
    }
}

impl fmt::Debug for Joints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Serialize for Joints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Joints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<f64>::deserialize(deserializer)?;
        Self::from_slice(&values)
            .ok_or_else(|| D::Error::custom(format!("{} joints given, at most {MAX_JOINTS} fit", values.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_difference_is_nan_wherever_one_is() {
        let of = |values: [f64; 3]| {
            let joints = Joints::from_fn(3, |i| values.get(i).copied().unwrap_or(0.0));
            joints.max_abs_diff(&Joints::zeros(3))
        };
        assert_eq!((of([1.0, -3.0, 2.0]), of([0.0; 3]), of([f64::INFINITY, 1.0, 0.0])), (3.0, 0.0, f64::INFINITY));
        for values in [[f64::NAN, -3.0, 2.0], [1.0, f64::NAN, 2.0], [1.0, -3.0, f64::NAN]] {
            assert!(of(values).is_nan(), "{values:?}");
        }
    }
}
