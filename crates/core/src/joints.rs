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

    /// Largest absolute difference to another vector of the same length.
    pub fn max_abs_diff(&self, other: &Self) -> f64 {
        self.iter().zip(other.iter()).fold(0.0, |m, (a, b)| f64::max(m, (a - b).abs()))
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
