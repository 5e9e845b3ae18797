//! Keypoints made elsewhere, from a safetensors file: `record.N` is the (M, 3) f32 array of world points [m] of record N
//! of the data set, in the order in which its folders are given; every record has one, with 1 to 96 points.

use std::{collections::HashMap, fs, path::Path};

use neuraxis_vision::{Cloud, KeypointProvider, Renderer, VisionError, keypoints::MOST_KEYPOINTS};
use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result};

/// Points by record.
#[derive(Clone, Debug)]
pub struct ImportedKeypoints {
    xyz_in_world: Vec<Vec<[f32; 3]>>,
}

impl ImportedKeypoints {
    /// Reads the points of `records` records, all inside `bounds_m` (lower x, y, z, upper x, y, z in the world).
    pub fn read(path: &Path, records: usize, bounds_m: &[f64; 6]) -> Result<Self> {
        let refuse = |reason: String| Error::Keypoints { path: path.into(), reason };
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| refuse(format!("not a safetensors file: {e}")))?;
        let mut found: HashMap<usize, Vec<[f32; 3]>> = HashMap::new();
        for (name, view) in file.tensors() {
            let record = name.strip_prefix("record.").and_then(|n| n.parse().ok()).filter(|n| *n < records);
            let Some(record) = record else {
                return Err(refuse(format!("tensor {name}, allowed are record.0 to record.{}", records.max(1) - 1)));
            };
            let shape = view.shape();
            if view.dtype() != Dtype::F32
                || shape.len() != 2
                || shape[1] != 3
                || !(1..=MOST_KEYPOINTS).contains(&shape[0])
            {
                let (kind, expected) = (view.dtype(), format!("F32 of (1 to {MOST_KEYPOINTS}, 3)"));
                return Err(refuse(format!("tensor {name} is {kind:?} of {shape:?}, expected {expected}")));
            }
            let numbers: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let points = numbers.as_chunks::<3>().0.to_vec();
            let inside =
                |p: &[f32; 3]| (0..3).all(|a| f64::from(p[a]) >= bounds_m[a] && f64::from(p[a]) <= bounds_m[a + 3]);
            if let Some(i) = points.iter().position(|p| !inside(p)) {
                let p = points[i];
                return Err(refuse(format!("tensor {name}: point {i} at {p:?} m is outside the bounds {bounds_m:?}")));
            }
            found.insert(record, points);
        }
        let xyz_in_world = (0..records)
            .map(|i| found.remove(&i).ok_or_else(|| refuse(format!("tensor record.{i} is missing"))))
            .collect::<Result<_>>()?;
        Ok(Self { xyz_in_world })
    }
}

impl KeypointProvider for ImportedKeypoints {
    fn points(&self, record: usize, _: &Cloud, _: &Renderer) -> std::result::Result<Vec<[f32; 3]>, VisionError> {
        let (given, expected) = (self.xyz_in_world.len(), record + 1);
        self.xyz_in_world.get(record).cloned().ok_or(VisionError::Size {
            what: "records with keypoints",
            given,
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_vision::RenderConfig;
    use safetensors::tensor::TensorView;

    use super::*;

    const BOUNDS: [f64; 6] = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];

    fn read(tensors: &[(&str, &[f32], usize)], records: usize) -> Result<ImportedKeypoints> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keypoints.safetensors");
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|(_, x, _)| x.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = tensors.iter().zip(&bytes).map(|((name, values, width), bytes)| {
            let view = TensorView::new(Dtype::F32, vec![values.len() / width, *width], bytes).unwrap();
            (name.to_string(), view)
        });
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        ImportedKeypoints::read(&path, records, &BOUNDS)
    }

    #[test]
    fn points_come_back_by_record() {
        let (a, b) = ([0.1, 0.2, 0.8], [0.0, 0.0, 1.0, 0.3, -0.2, 0.9]);
        let keypoints = read(&[("record.1", &b, 3), ("record.0", &a, 3)], 2).unwrap();
        let drawn = Renderer::new(RenderConfig { side: 32, splat_px: 1.0 });
        let points = |i| keypoints.points(i, &Cloud::default(), &drawn);
        assert_eq!(points(0).unwrap(), [[0.1, 0.2, 0.8]]);
        assert_eq!(points(1).unwrap(), [[0.0, 0.0, 1.0], [0.3, -0.2, 0.9]]);
        assert!(points(2).unwrap_err().to_string().contains("records with keypoints: 2 given, 3 expected"));
    }

    #[test]
    fn files_that_do_not_fit_are_refused_by_name() {
        let good = [0.1, 0.2, 0.8];
        let refused = |tensors: &[(&str, &[f32], usize)], records| read(tensors, records).unwrap_err().to_string();
        let text = refused(&[("record.0", &good, 3)], 2);
        assert!(text.contains("keypoints.safetensors: tensor record.1 is missing"), "{text}");
        let text = refused(&[("record.0", &good, 3), ("record.1", &good, 3)], 1);
        assert!(text.contains("tensor record.1, allowed are record.0 to record.0"), "{text}");
        let text = refused(&[("points", &good, 3)], 1);
        assert!(text.contains("tensor points, allowed"), "{text}");
        let text = refused(&[("record.0", &[0.0; 4], 2)], 1);
        assert!(text.contains("tensor record.0 is F32 of [2, 2], expected F32 of (1 to 96, 3)"), "{text}");
        let text = refused(&[("record.0", &[0.5; 97 * 3], 3)], 1);
        assert!(text.contains("[97, 3]"), "{text}");
        let text = refused(&[("record.0", &[0.1, f32::NAN, 0.8], 3)], 1);
        assert!(text.contains("tensor record.0: point 0 at [0.1, NaN, 0.8] m is outside"), "{text}");
        let text = refused(&[("record.0", &[0.1, 0.2, 1.7], 3)], 1);
        assert!(text.contains("outside the bounds"), "{text}");
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.safetensors");
        let text = ImportedKeypoints::read(&path, 1, &BOUNDS).unwrap_err().to_string();
        assert!(text.contains("k.safetensors"), "{text}");
        fs::write(&path, b"nonsense").unwrap();
        let text = ImportedKeypoints::read(&path, 1, &BOUNDS).unwrap_err().to_string();
        assert!(text.contains("not a safetensors file"), "{text}");
    }
}
