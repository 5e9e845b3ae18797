//! How well the gaze finds its label, beside what needs no learning.

use neuraxis_core::upper_median;
use tch::{Device, Kind, Tensor};

use crate::{
    PredictionViews, Result,
    gaze::{GazeConfig, GazeNet, Mode, samples::ClipSamples},
    train::Picture,
};

/// Near: within this part of the image's width.
const NEAR: f64 = 0.05;
/// Clips per forward pass.
const CHUNK: usize = 16;
/// Training observations from which the constant prediction is made.
const MOST_FOR_CONSTANT: usize = 500;

/// Errors over clips whose label is in the image, in parts of the image's width.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Score {
    /// Clips measured.
    pub clips: usize,
    /// Median distance of the saliency's peak from the label.
    pub median: f64,
    /// Median distance of the peak from the tool point, of the clips that show it.
    pub median_to_tool: Option<f64>,
    /// Share of peaks within 5 % of the label.
    pub near: f64,
    /// Mean probability within 5 % of the label.
    pub mass: f64,
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "median error {:5.1} % of the width ({} from the tool point), peak within 5 %: {:5.1} %, mass within 5 %: {:5.1} %, {} clips",
            100.0 * self.median,
            self.median_to_tool.map_or("-".into(), |x| format!("{:5.1} %", 100.0 * x)),
            100.0 * self.near,
            100.0 * self.mass,
            self.clips
        )
    }
}

/// The network on given observations; `None` if no label is in the image.
pub fn score(net: &GazeNet, samples: &ClipSamples, indices: &[usize], device: Device) -> Result<Option<Score>> {
    let _guard = tch::no_grad_guard();
    let mut tally = Tally::new(net.config());
    for chunk in indices.chunks(CHUNK) {
        let batch = samples.plain_batch(net.config(), chunk)?;
        let output = net.forward(&batch.clip.f_to_device(device)?, Mode::Use)?;
        let maps = values(&output.saliency(net.config().map_px())?)?;
        let area = maps.len() / chunk.len();
        for (i, map) in maps.chunks(area).enumerate() {
            tally.add(map, None, batch.label[i], batch.tool[i]);
        }
    }
    Ok(tally.finish())
}

/// For each of given observations both frames of the clip with the network's saliency over them, and the current one with
/// the label over it.
pub fn pictures(net: &GazeNet, samples: &ClipSamples, indices: &[usize], device: Device) -> Result<Vec<Picture>> {
    let _guard = tch::no_grad_guard();
    let side = net.config().image_px;
    let mut pictures = Vec::new();
    for &index in indices {
        let batch = samples.plain_batch(net.config(), &[index])?;
        let output = net.forward(&batch.clip.f_to_device(device)?, Mode::Use)?;
        let saliency = output.log_saliency()?.f_exp()?.f_to_device(Device::Cpu)?;
        let maps = Tensor::f_cat(&[saliency, batch.target.f_narrow(1, 1, 1)?], 1)?;
        let maps = values(&maps.f_upsample_bilinear2d([side, side], false, None, None)?)?;
        let colours = values(&batch.clip.f_select(0, 0)?.f_permute([0, 2, 3, 1])?.f_mul_scalar(255.0)?)?;
        let colours: Vec<u8> = colours.iter().map(|x| x.round() as u8).collect();
        let area = (side * side) as usize;
        let (before, now) = colours.split_at(3 * area);
        let rgb = [before, now, now].map(<[u8]>::to_vec).into();
        let heat = maps.chunks(area).map(<[f32]>::to_vec).collect();
        let views = PredictionViews { side: side as usize, rgb, heat, ..PredictionViews::default() };
        pictures.push(Picture { name: samples.name(index).unwrap_or_default(), views });
    }
    Ok(pictures)
}

/// What needs no learning, on the same observations.
#[derive(Copy, Clone, Debug)]
pub struct Baselines {
    /// The mean of the training maps everywhere, its peak put at the median of the training labels.
    pub constant: Score,
    /// The tool point of forward kinematics, as the label's map would show it.
    pub tool: Score,
    /// Part of the observations whose label is in the image.
    pub in_image: f64,
}

/// Scores of the baselines; `None` if no label is in the image.
pub fn baselines(config: &GazeConfig, samples: &ClipSamples, indices: &[usize]) -> Result<Option<Baselines>> {
    let (g, scale) = (config.map_px() as usize, config.image_px as f64 / config.map_px() as f64);
    let (mut mean, mut seen) = (vec![0.0; g * g], [Vec::new(), Vec::new()]);
    let training = samples.some_training(MOST_FOR_CONSTANT);
    for chunk in training.chunks(CHUNK) {
        let batch = samples.plain_batch(config, chunk)?;
        for map in values(&batch.target.f_select(1, 1)?)?.chunks(g * g) {
            mean.iter_mut().zip(map).for_each(|(sum, x)| *sum += x / training.len() as f32);
        }
        for pixel in batch.label.iter().flatten() {
            seen[0].push(pixel[0]);
            seen[1].push(pixel[1]);
        }
    }
    let [Some(u), Some(v)] = seen.map(|mut labels| upper_median(&mut labels)) else { return Ok(None) };
    let middle = [u, v];
    let (mut constant, mut tool, mut inside) = (Tally::new(config), Tally::new(config), 0);
    for chunk in indices.chunks(CHUNK) {
        let batch = samples.plain_batch(config, chunk)?;
        for (label, tool_pixel) in batch.label.iter().zip(&batch.tool) {
            inside += usize::from(label.is_some());
            constant.add(&mean, Some(middle), *label, *tool_pixel);
            let mut map = vec![0.0; g * g];
            if let Some([u, v]) = tool_pixel {
                map[(v / scale) as usize * g + (u / scale) as usize] = 1.0;
            }
            tool.add(&map, *tool_pixel, *label, *tool_pixel);
        }
    }
    let in_image = inside as f64 / indices.len().max(1) as f64;
    let scores = constant.finish().zip(tool.finish());
    Ok(scores.map(|(constant, tool)| Baselines { constant, tool, in_image }))
}

/// Collects the errors of single clips.
struct Tally {
    side: usize,
    image_px: f64,
    errors: Vec<f64>,
    from_tool: Vec<f64>,
    mass: f64,
}

impl Tally {
    fn new(config: &GazeConfig) -> Self {
        let (side, image_px) = (config.map_px() as usize, config.image_px as f64);
        Self { side, image_px, errors: Vec::new(), from_tool: Vec::new(), mass: 0.0 }
    }

    /// `peak`: where the prediction points, if not at the map's greatest pixel. Pixels are those of the image.
    fn add(&mut self, map: &[f32], peak: Option<[f64; 2]>, label: Option<[f64; 2]>, tool: Option<[f64; 2]>) {
        let Some(label) = label else { return };
        let scale = self.image_px / self.side as f64;
        let centre = |i: usize| [i % self.side, i / self.side].map(|x| (x as f64 + 0.5) * scale);
        let apart = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) / self.image_px;
        let peak = peak.unwrap_or_else(|| centre(greatest(map)));
        self.errors.push(apart(peak, label));
        self.from_tool.extend(tool.map(|tool| apart(peak, tool)));
        let near = map.iter().enumerate().filter(|(i, _)| apart(centre(*i), label) <= NEAR);
        self.mass += near.map(|(_, p)| f64::from(*p)).sum::<f64>();
    }

    fn finish(mut self) -> Option<Score> {
        let clips = self.errors.len();
        let near = self.errors.iter().filter(|e| **e <= NEAR).count();
        Some(Score {
            clips,
            near: near as f64 / clips as f64,
            mass: self.mass / clips as f64,
            median: upper_median(&mut self.errors)?,
            median_to_tool: upper_median(&mut self.from_tool),
        })
    }
}

/// Index of the greatest value.
pub(crate) fn greatest(map: &[f32]) -> usize {
    map.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i)
}

fn values(maps: &Tensor) -> Result<Vec<f32>> {
    let flat = maps.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?;
    Ok(Vec::<f32>::try_from(&flat)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_parts_of_the_width() {
        // Map of 8 px for an image of 32: pixel (2, 5) has its centre at (10, 22).
        let config = GazeConfig { image_px: 32, ..GazeConfig::small() };
        let mut tally = Tally::new(&config);
        let mut map = vec![0.0; 64];
        map[5 * 8 + 2] = 0.75;
        map[0] = 0.25;
        tally.add(&map, None, Some([10.0, 22.0]), Some([10.0, 30.0]));
        tally.add(&map, None, Some([14.0, 22.0]), None);
        tally.add(&map, None, None, None);
        let score = tally.finish().unwrap();
        assert_eq!((score.clips, score.median, score.median_to_tool), (2, 4.0 / 32.0, Some(8.0 / 32.0)));
        assert_eq!((score.near, score.mass), (0.5, 0.375));
        let text = score.to_string();
        assert!(text.contains("median error  12.5 % of the width"), "{text}");
        assert_eq!(Tally::new(&config).finish(), None);
    }
}
