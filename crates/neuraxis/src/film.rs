//! `neuraxis tasks film`: one lockstep episode as a sheet of pictures, a column for each key-frame reached.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::Path,
};

use anyhow::{Context, Result};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{ArmCommand, CameraView, Observation};
use neuraxis_sim::{CameraRig, Factor, Perturbation, Plant, Setup, SimConfig, Spec};

use crate::{
    episode_run::{Studio, instruction},
    lockstep::{Outcome, Witness},
    script::Expert,
};

/// Between pictures [px].
const GAP: usize = 4;
/// Cameras shown, from the top.
const SHOWN: [&str; 3] = ["front", "left_shoulder", "wrist"];
/// Columns of a sheet; the rest of a longer episode is left out.
const MOST_COLUMNS: usize = 16;

/// Films the expert at a scene; also returns what was asked for.
pub fn film(studio: &Studio, task: &str, seed: u64, zoom: usize, file: &Path) -> Result<(String, Outcome)> {
    let setup = studio.setup(task, seed)?;
    let mut rig = CameraRig::new(&setup)?;
    let mut lockstep = studio.lockstep(&setup, false)?;
    let goal = setup.goal().clone();
    let mut expert = Expert::new(&setup, goal.clone(), studio.script(&setup, &lockstep, &goal)?);
    let mut reel = Reel::default();
    let words = instruction(&goal, None)?;
    let outcome = lockstep.run(&mut expert, &words, &goal, Some(&mut rig), &mut reel)?;
    reel.columns.push(rig.render(lockstep.plant())?);
    write_sheet(file, zoom, &reel.columns)?;
    Ok((goal.instruction, outcome))
}

/// The start of a scene without and with each factor, a column for each.
pub fn perturbed(studio: &Studio, task: &str, seed: u64, file: &Path) -> Result<()> {
    let spec = Spec { task: task.into(), seed, variation: None };
    let mut columns = Vec::new();
    for factor in std::iter::once(None).chain(Factor::ALL.into_iter().map(Some)) {
        let perturbation = Perturbation { factors: factor.into_iter().collect(), ..Perturbation::default() };
        let setup = Setup::new(&spec, &SimConfig { perturbation, ..studio.sim.clone() })?;
        let mut plant = Plant::new(&setup)?;
        let mut rig = CameraRig::new(&setup)?;
        // A frozen camera shows what was before; everything comes to rest.
        rig.render(&plant)?;
        let still = ArmCommand::hold(plant.state().q, plant.state().gripper_width_m, 35.0);
        for _ in 0..200 {
            plant.step(&still);
        }
        columns.push(rig.render(&plant)?);
    }
    write_sheet(file, 1, &columns)
}

/// Keeps the first images after each key-frame.
#[derive(Default)]
struct Reel {
    columns: Vec<Vec<CameraView>>,
    reached: Option<u32>,
}

impl Witness for Reel {
    fn wants_images(&mut self, mind: &CerebellumTick) -> bool {
        self.columns.len() + 1 < MOST_COLUMNS && self.reached != Some(mind.progress.reached_count)
    }

    fn observation(&mut self, observation: &Observation, mind: &CerebellumTick) -> Result<()> {
        if !observation.cameras.is_empty() {
            self.reached = Some(mind.progress.reached_count);
            self.columns.push(observation.cameras.clone());
        }
        Ok(())
    }
}

/// Columns of camera views as one PNG; each image pixel becomes a square of side `zoom`.
fn write_sheet(file: &Path, zoom: usize, columns: &[Vec<CameraView>]) -> Result<()> {
    let side = columns.iter().flatten().map(|view| view.intrinsics.width as usize).max().unwrap_or(1);
    let cell = side * zoom + GAP;
    let (width, height) = (columns.len() * cell - GAP, SHOWN.len() * cell - GAP);
    let mut pixels = vec![255u8; 3 * width * height];
    for (i, views) in columns.iter().enumerate() {
        for (j, name) in SHOWN.iter().enumerate() {
            let Some(view) = views.iter().find(|view| &*view.name == *name) else { continue };
            for row in 0..side * zoom {
                for column in 0..side * zoom {
                    let from = 3 * (row / zoom * side + column / zoom);
                    let to = 3 * ((j * cell + row) * width + i * cell + column);
                    if let (Some(to), Some(from)) = (pixels.get_mut(to..to + 3), view.rgb.get(from..from + 3)) {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
    write_png(file, width, &pixels)
}

/// An RGB picture; makes its folder.
pub fn write_png(file: &Path, width: usize, rgb: &[u8]) -> Result<()> {
    let named = || file.display().to_string();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let out = BufWriter::new(File::create(file).with_context(named)?);
    encode_png(out, width, rgb).with_context(named)
}

/// A picture of so many pixels a row, as PNG.
pub fn encode_png(out: impl std::io::Write, width: usize, rgb: &[u8]) -> Result<()> {
    let mut encoder = png::Encoder::new(out, width as u32, (rgb.len() / 3 / width.max(1)) as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    // Dropped, it would not say that the disk is full.
    Ok(writer.finish()?)
}

/// Width and pixels of a picture that [`write_png`] made.
pub fn read_png(file: &Path) -> Result<(usize, Vec<u8>)> {
    let named = || file.display().to_string();
    let mut reader = png::Decoder::new(BufReader::new(File::open(file).with_context(named)?)).read_info()?;
    let mut rgb = vec![0; reader.output_buffer_size().with_context(named)?];
    let info = reader.next_frame(&mut rgb).with_context(named)?;
    Ok((info.width as usize, rgb))
}

#[cfg(test)]
mod tests {
    use std::io::{BufWriter, ErrorKind};

    use super::*;

    #[test]
    fn a_disk_that_is_full_at_the_last_byte_is_told() {
        // Small enough to lie in the buffer until the end.
        let full = BufWriter::new(File::options().write(true).open("/dev/full").unwrap());
        let error = encode_png(full, 2, &[0; 12]).unwrap_err();
        let Some(png::EncodingError::IoError(why)) = error.downcast_ref() else { panic!("{error}") };
        assert_eq!(why.kind(), ErrorKind::StorageFull);
    }
}
