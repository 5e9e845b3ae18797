//! How episodes ended, to look at: a picture of each, and all of them on one sheet.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuraxis_core::CameraView;

use super::Report;
use crate::film::{read_png, write_png};

/// Width of a picture's frame, green for success and red for none [px].
const FRAME: usize = 3;
const GREEN: [u8; 3] = [40, 160, 60];
const RED: [u8; 3] = [210, 40, 40];
/// Pictures of a row; further episodes are left out of the sheet.
const MOST_COLUMNS: usize = 25;

/// Keeps the end of an episode as DIR/TASK-SEED.png: up to four cameras in a square.
pub fn save(dir: &Path, task: &str, seed: u64, views: &[CameraView]) -> Result<()> {
    let side = views.iter().map(|view| view.intrinsics.width as usize).max().context("no camera")?;
    let mut pixels = vec![0u8; 3 * (2 * side) * (2 * side)];
    for (k, view) in views.iter().take(4).enumerate() {
        let (left, top, width) = (k % 2 * side, k / 2 * side, view.intrinsics.width as usize);
        for (y, row) in view.rgb.chunks_exact(3 * width).take(side).enumerate() {
            let at = 3 * ((top + y) * 2 * side + left);
            pixels[at..at + row.len()].copy_from_slice(row);
        }
    }
    write_png(&file(dir, task, seed), 2 * side, &pixels)
}

/// DIR/sheet.png: a row for each task of the report, an episode in each column.
pub fn compose(dir: &Path, report: &Report) -> Result<PathBuf> {
    let mut cells = Vec::new();
    let (mut side, mut columns) = (1, 1);
    for (row, (task, table)) in report.tasks.iter().enumerate() {
        for (column, episode) in table.rows.iter().take(MOST_COLUMNS).enumerate() {
            let (width, rgb) = read_png(&file(dir, task, episode.seed))?;
            (side, columns) = (side.max(width), columns.max(column + 1));
            cells.push((row, column, episode.success, width, rgb));
        }
    }
    let cell = side + 2 * FRAME;
    let (width, height) = (columns * cell, report.tasks.len().max(1) * cell);
    let mut pixels = vec![255u8; 3 * width * height];
    let mut paint = |x: usize, y: usize, colour: &[u8]| {
        let at = 3 * (y * width + x);
        if let Some(pixel) = pixels.get_mut(at..at + 3) {
            pixel.copy_from_slice(colour);
        }
    };
    for (row, column, success, width, rgb) in &cells {
        let (left, top) = (column * cell, row * cell);
        for i in 0..cell * cell {
            paint(left + i % cell, top + i / cell, if *success { &GREEN } else { &RED });
        }
        for (i, colour) in rgb.chunks_exact(3).enumerate() {
            paint(left + FRAME + i % width, top + FRAME + i / width, colour);
        }
    }
    let out = dir.join("sheet.png");
    write_png(&out, width, &pixels)?;
    Ok(out)
}

fn file(dir: &Path, task: &str, seed: u64) -> PathBuf {
    dir.join(format!("{task}-{seed}.png"))
}
