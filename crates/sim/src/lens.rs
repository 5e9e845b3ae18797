//! Cameras that are not perfect: noise on all of them, one that is dead, frozen or blurred.

use neuraxis_core::CameraView;
use rand::Rng;
use rand_pcg::Pcg64;

use crate::{Factor, Setup};

/// What the perturbation of a scene does to its images, in the order in which they are rendered.
pub(crate) struct Lens {
    noise: Option<(Pcg64, f64, f64)>,
    faulty: String,
    is_dead: bool,
    is_frozen: bool,
    blur_px: Option<usize>,
    first: Option<CameraView>,
}

impl Lens {
    pub(crate) fn new(setup: &Setup) -> Self {
        let perturbation = &setup.perturbation;
        let draws = perturbation.draws(Factor::CameraNoise, setup.spec().seed);
        Self {
            noise: draws.map(|rng| (rng, perturbation.noise_rgb, perturbation.noise_depth_m)),
            faulty: perturbation.faulty_camera.clone(),
            is_dead: perturbation.has(Factor::CameraDead),
            is_frozen: perturbation.has(Factor::CameraFrozen),
            blur_px: perturbation.has(Factor::CameraBlurred).then_some(perturbation.blur_px),
            first: None,
        }
    }

    pub(crate) fn spoil(&mut self, views: &mut [CameraView]) {
        if let Some((rng, rgb, depth_m)) = &mut self.noise {
            for view in views.iter_mut() {
                add_noise(view, rng, *rgb, *depth_m);
            }
        }
        let Some(view) = views.iter_mut().find(|view| *view.name == *self.faulty) else { return };
        if let Some(side) = self.blur_px {
            blur(view, side);
        }
        if self.is_frozen {
            let first = self.first.get_or_insert_with(|| view.clone());
            view.rgb.clone_from(&first.rgb);
            view.depth_m.clone_from(&first.depth_m);
        }
        if self.is_dead {
            view.rgb.fill(0);
            view.depth_m.fill(0.0);
        }
    }
}

/// The sum of three uniform draws between -1 and 1: deviation 1, bounded.
pub fn bell(rng: &mut Pcg64) -> f64 {
    (0..3).map(|_| rng.random_range(-1.0..1.0)).sum()
}

fn add_noise(view: &mut CameraView, rng: &mut Pcg64, rgb: f64, depth_m: f64) {
    for value in &mut view.rgb {
        *value = (f64::from(*value) + 255.0 * rgb * bell(rng)).clamp(0.0, 255.0) as u8;
    }
    for z in &mut view.depth_m {
        *z += (depth_m * f64::from(*z * *z) * bell(rng)) as f32;
    }
}

/// Each pixel becomes the mean of the square around it; depth stays, as that of a sensor beside the lens.
fn blur(view: &mut CameraView, side: usize) {
    let (width, height) = (view.intrinsics.width as usize, view.intrinsics.height as usize);
    let sharp = view.rgb.clone();
    let reach = side / 2;
    for row in 0..height {
        for column in 0..width {
            let rows = row.saturating_sub(reach)..(row + reach + 1).min(height);
            let columns = column.saturating_sub(reach)..(column + reach + 1).min(width);
            let count = rows.len() * columns.len();
            for channel in 0..3 {
                let at = |row: usize, column: usize| usize::from(sharp[3 * (row * width + column) + channel]);
                let sum: usize = rows.clone().map(|r| columns.clone().map(|c| at(r, c)).sum::<usize>()).sum();
                view.rgb[3 * (row * width + column) + channel] = (sum / count) as u8;
            }
        }
    }
}
