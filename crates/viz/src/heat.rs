//! A virtual view and its heatmap as one picture.

/// One rendered view of a policy with the heatmap it put on it.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualView {
    /// Name of the view, e.g. `top`.
    pub name: String,
    /// Width and height [px].
    pub size: [u32; 2],
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
    /// (height, width), any non-negative scale: it is shown relative to its largest value. Empty: no heatmap.
    pub heat: Vec<f32>,
}

/// What a policy saw and thought on the way to a prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionDetail {
    /// Its views.
    pub views: Vec<VirtualView>,
    /// Where its gaze rested, if it has one.
    pub gaze: Option<GazeRay>,
}

/// Where a gaze rests in the scene.
#[derive(Clone, Debug, PartialEq)]
pub struct GazeRay {
    /// The eye in the world [m].
    pub eye_in_world: [f32; 3],
    /// Direction in the world, of length one.
    pub direction: [f32; 3],
    /// The point that is seen there, in the world [m].
    pub point_in_world: Option<[f32; 3]>,
}

impl GazeRay {
    /// As far as the point seen, or 1 m.
    pub fn vector(&self) -> [f32; 3] {
        let length = self
            .point_in_world
            .map_or(1.0, |p| (0..3).map(|i| (p[i] - self.eye_in_world[i]).powi(2)).sum::<f32>().sqrt());
        self.direction.map(|x| x * length)
    }
}

impl VirtualView {
    /// The view, dimmed, with its heatmap glowing over it from red to white; `None` if the lengths do not fit the size.
    pub fn overlay(&self) -> Option<Vec<u8>> {
        let pixels = self.size[0] as usize * self.size[1] as usize;
        if self.rgb.len() != 3 * pixels || !(self.heat.is_empty() || self.heat.len() == pixels) {
            return None;
        }
        let largest = self.heat.iter().copied().filter(|heat| heat.is_finite()).fold(0.0, f32::max);
        if largest <= 0.0 {
            return Some(self.rgb.clone());
        }
        let blend = |(pixel, heat): (&[u8; 3], &f32)| {
            // The square root makes the flanks of a sharp peak visible.
            let t = (heat / largest).clamp(0.0, 1.0).sqrt();
            let t = if t.is_finite() { t } else { 0.0 };
            let glow = [(3.0 * t).min(1.0), (3.0 * t - 1.0).clamp(0.0, 1.0), (3.0 * t - 2.0).clamp(0.0, 1.0)];
            let opacity = (1.5 * t).min(0.9);
            let mix = |k: usize| f32::from(pixel[k]) * 0.8 * (1.0 - opacity) + 255.0 * glow[k] * opacity;
            [mix(0) as u8, mix(1) as u8, mix(2) as u8]
        };
        Some(self.rgb.as_chunks::<3>().0.iter().zip(&self.heat).flat_map(blend).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(heat: Vec<f32>) -> VirtualView {
        VirtualView { name: "top".into(), size: [2, 1], rgb: vec![100; 6], heat }
    }

    #[test]
    fn the_peak_glows_and_the_rest_is_dimmed() {
        let picture = view(vec![0.0, 5.0]).overlay().unwrap();
        assert_eq!(picture[..3], [80, 80, 80]);
        assert!(picture[3..].iter().all(|value| *value > 200), "{picture:?}");
    }

    #[test]
    fn a_gaze_reaches_the_point_that_it_sees() {
        let ray = GazeRay { eye_in_world: [1.0, 0.0, 0.0], direction: [0.0, 0.6, 0.8], point_in_world: None };
        assert_eq!(ray.vector(), [0.0, 0.6, 0.8]);
        let ray = GazeRay { point_in_world: Some([1.0, 1.2, 1.6]), ..ray };
        assert!((ray.vector()[1] - 1.2).abs() < 1e-6 && (ray.vector()[2] - 1.6).abs() < 1e-6);
    }

    #[test]
    fn nothing_to_show_is_no_picture_of_something() {
        assert_eq!(view(vec![]).overlay().unwrap(), vec![100; 6]);
        assert_eq!(view(vec![0.0, f32::NAN]).overlay().unwrap(), vec![100; 6]);
        assert_eq!(view(vec![1.0]).overlay(), None);
    }
}
