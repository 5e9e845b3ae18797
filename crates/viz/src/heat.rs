//! A virtual view and its heatmap as one picture.

use neuraxis_episode::{GazeRay, VirtualView};

/// As far as the point seen, or 1 m.
pub(crate) fn gaze_vector(gaze: &GazeRay) -> [f32; 3] {
    let length =
        gaze.point_in_world.map_or(1.0, |p| (0..3).map(|i| (p[i] - gaze.eye_in_world[i]).powi(2)).sum::<f32>().sqrt());
    gaze.direction.map(|x| x * length)
}

/// The view, dimmed, with its heatmap glowing over it from red to white; `None` if the lengths do not fit the size.
pub fn overlay(view: &VirtualView) -> Option<Vec<u8>> {
    let pixels = view.size[0] as usize * view.size[1] as usize;
    if view.rgb.len() != 3 * pixels || !(view.heat.is_empty() || view.heat.len() == pixels) {
        return None;
    }
    let largest = view.heat.iter().copied().filter(|heat| heat.is_finite()).fold(0.0, f32::max);
    if largest <= 0.0 {
        return Some(view.rgb.clone());
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
    Some(view.rgb.as_chunks::<3>().0.iter().zip(&view.heat).flat_map(blend).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(heat: Vec<f32>) -> VirtualView {
        VirtualView { name: "top".into(), size: [2, 1], rgb: vec![100; 6], heat }
    }

    #[test]
    fn the_peak_glows_and_the_rest_is_dimmed() {
        let picture = overlay(&view(vec![0.0, 5.0])).unwrap();
        assert_eq!(picture[..3], [80, 80, 80]);
        assert!(picture[3..].iter().all(|value| *value > 200), "{picture:?}");
    }

    #[test]
    fn a_gaze_reaches_the_point_that_it_sees() {
        let ray = GazeRay { eye_in_world: [1.0, 0.0, 0.0], direction: [0.0, 0.6, 0.8], point_in_world: None };
        assert_eq!(gaze_vector(&ray), [0.0, 0.6, 0.8]);
        let ray = GazeRay { point_in_world: Some([1.0, 1.2, 1.6]), ..ray };
        assert!((gaze_vector(&ray)[1] - 1.2).abs() < 1e-6 && (gaze_vector(&ray)[2] - 1.6).abs() < 1e-6);
    }

    #[test]
    fn nothing_to_show_is_no_picture_of_something() {
        assert_eq!(overlay(&view(vec![])).unwrap(), vec![100; 6]);
        assert_eq!(overlay(&view(vec![0.0, f32::NAN])).unwrap(), vec![100; 6]);
        assert_eq!(overlay(&view(vec![1.0])), None);
    }
}
