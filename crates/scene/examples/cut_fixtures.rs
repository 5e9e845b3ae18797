//! Copies single records of a data set into a small one, for `tests/real_clouds.rs`.
//!
//! `cargo run --release -p neuraxis-scene --example cut_fixtures -- FROM TO RECORD...`
//!
//! What is above 1.26 m, higher than all things, is left out: it is the arm.

use std::path::PathBuf;

use neuraxis_episode::dataset::{CloudSample, Dataset, DatasetWriter};
use serde_json::{Value, json};

const HIGHEST_M: f32 = 1.26;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, records @ ..] = arguments.as_slice() else { return Err("write FROM TO RECORD...".into()) };
    let data = Dataset::open_all(&[PathBuf::from(from)])?;
    let meta = json!({ "command": format!("cut_fixtures {}", arguments.join(" ")) });
    let mut fixtures = DatasetWriter::create(&PathBuf::from(to), [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6], meta)?;
    let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
    for record in records {
        let i: usize = record.parse()?;
        let record: Value = data.record(i)?;
        data.cloud_into(i, &mut xyz, &mut rgb)?;
        let low = |p: &[f32; 3]| p[2] < HIGHEST_M;
        let colours: Vec<[u8; 3]> = xyz.iter().zip(&rgb).filter(|(p, _)| low(p)).map(|(_, rgb)| *rgb).collect();
        xyz.retain(low);
        fixtures.push(&CloudSample { xyz_in_world: &xyz, rgb: &colours, record: &record })?;
    }
    println!("{} clouds", fixtures.finish()?);
    Ok(())
}
