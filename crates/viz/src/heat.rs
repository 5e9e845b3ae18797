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
    fn nothing_to_show_is_no_picture_of_something() {
        assert_eq!(view(vec![]).overlay().unwrap(), vec![100; 6]);
        assert_eq!(view(vec![0.0, f32::NAN]).overlay().unwrap(), vec![100; 6]);
        assert_eq!(view(vec![1.0]).overlay(), None);
    }
}
