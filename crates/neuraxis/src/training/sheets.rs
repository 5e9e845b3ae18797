//! Sheets of pictures of a run: what its network saw at each evaluation, in `pictures/` and in Rerun.

use std::path::Path;

use anyhow::{Context, Result};
use neuraxis_policy::train::Picture;
use neuraxis_viz::{Curves, VirtualView, overlay};

use crate::{
    curves::PICTURES,
    film::{read_png, write_png},
};

/// Between pictures of a sheet [px].
const GAP: usize = 2;

/// Writes and shows the sheet of a step; without pictures there is none.
pub fn push(rerun: &Curves, out: &Path, step: u64, pictures: &[Picture]) -> Result<()> {
    let Some((width, rgb)) = sheet(pictures)? else { return Ok(()) };
    write_png(&out.join(format!("{PICTURES}/{step:06}.png")), width, &rgb)?;
    show(rerun, step, width, &rgb)
}

/// Shows the sheets that earlier runs wrote.
pub fn show_again(rerun: &Curves, out: &Path) -> Result<()> {
    let Ok(pictures) = std::fs::read_dir(out.join(PICTURES)) else { return Ok(()) };
    let mut pictures: Vec<_> = pictures.flatten().map(|entry| entry.path()).collect();
    pictures.sort();
    for path in pictures {
        let step = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some(step) = step else { continue };
        let (width, rgb) = read_png(&path)?;
        show(rerun, step, width, &rgb)?;
    }
    Ok(())
}

fn show(rerun: &Curves, step: u64, width: usize, rgb: &[u8]) -> Result<()> {
    let height = rgb.len() / (3 * width.max(1));
    Ok(rerun.push_picture(step, PICTURES, rgb, [width as u32, height as u32])?)
}

/// The views of each observation beside each other, heatmaps glowing over them; so many observations in a row that the
/// sheet is about square.
fn sheet(pictures: &[Picture]) -> Result<Option<(usize, Vec<u8>)>> {
    let Some(first) = pictures.first() else { return Ok(None) };
    let (side, views) = (first.views.side, first.views.rgb.len());
    let in_a_row = (pictures.len() as f64 / views.max(1) as f64).sqrt().ceil() as usize;
    let (width, height) = (in_a_row * views * (side + GAP), pictures.len().div_ceil(in_a_row) * (side + GAP));
    let mut sheet = vec![255u8; 3 * width * height];
    for (i, picture) in pictures.iter().enumerate() {
        let (row, first_column) = (i / in_a_row, i % in_a_row * views);
        for (view, (rgb, heat)) in picture.views.rgb.iter().zip(&picture.views.heat).enumerate() {
            let size = [side as u32; 2];
            let drawn = VirtualView { name: picture.name.clone(), size, rgb: rgb.clone(), heat: heat.clone() };
            let overlay = overlay(&drawn).context("a view and its heatmap differ in size")?;
            for (line, pixels) in overlay.chunks_exact(3 * side).enumerate() {
                let at = 3 * ((row * (side + GAP) + line) * width + (first_column + view) * (side + GAP));
                sheet[at..at + pixels.len()].copy_from_slice(pixels);
            }
        }
    }
    Ok(Some((width, sheet)))
}

#[cfg(test)]
mod tests {
    use neuraxis_policy::PredictionViews;

    use super::*;

    #[test]
    fn every_view_of_every_observation_has_its_place_on_the_sheet() {
        let picture = |shade: u8| {
            let rgb = (0..6).map(|column| vec![shade + column; 3 * 4]).collect();
            let views = PredictionViews { side: 2, rgb, heat: vec![Vec::new(); 6], ..PredictionViews::default() };
            Picture { name: "t".into(), views }
        };
        let (width, rgb) = sheet(&[picture(10), picture(20)]).unwrap().unwrap();
        assert_eq!((width, rgb.len()), (6 * 4, 3 * 24 * 8));
        let at = |row: usize, column: usize| rgb[3 * (row * 4 * width + column * 4)];
        for column in 0..6 {
            assert_eq!((at(0, column), at(1, column)), (10 + column as u8, 20 + column as u8));
        }
        assert_eq!(rgb[3 * 2], 255);
        assert!(sheet(&[]).unwrap().is_none());

        let many: Vec<_> = (0..24).map(|i| picture(10 * i)).collect();
        let (width, rgb) = sheet(&many).unwrap().unwrap();
        assert_eq!((width, rgb.len()), (12 * 4, 3 * 48 * 48));
        assert_eq!(rgb[3 * (4 * width + 6 * 4)], 30, "the fourth is the second of the second row");
    }
}
