//! Draws a scene's four cameras side by side: `cargo run -p neuraxis-sim --example look -- TASK SEED OUT.png`.

use neuraxis_sim::{CameraRig, Plant, Setup, SimConfig, Spec};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, task, seed, out] = args.as_slice() else {
        return Err("usage: look TASK SEED OUT.png".into());
    };
    let setup = Setup::new(&Spec { task: task.clone(), seed: seed.parse()?, variation: None }, &SimConfig::default())?;
    println!("{}", setup.goal().instruction);
    let plant = Plant::new(&setup)?;
    let views = CameraRig::new(&setup)?.render(&plant)?;
    let (side, width) = (128, 128 * views.len());
    let mut pixels = vec![0u8; 2 * 3 * side * width];
    for (i, view) in views.iter().enumerate() {
        for row in 0..side {
            for column in 0..side {
                let from = row * side + column;
                let to = row * width + i * side + column;
                pixels[3 * to..3 * to + 3].copy_from_slice(&view.rgb[3 * from..3 * from + 3]);
                let shade = (255.0 * (view.depth_m[from] / 2.5).min(1.0)) as u8;
                let below = to + side * width;
                pixels[3 * below..3 * below + 3].fill(shade);
            }
        }
    }
    let mut encoder = png::Encoder::new(std::fs::File::create(out)?, width as u32, 2 * side as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
