//! `neuraxis train gaze`: data sets in, a gaze network out, its errors on held-out scenes beside what needs no learning.

use std::path::PathBuf;

use anyhow::Result;
use indicatif::ProgressBar;
use neuraxis_policy::{
    DeviceChoice,
    gaze::{
        GazeStream, GazeTraining,
        checkpoint::About,
        evaluate,
        samples::ClipSamples,
        train::{News, Progress, RunFiles, train},
    },
};

use super::{TrainArgs, TrainRun, bar, bf16, sheets, steps_in};
use crate::{
    config::{Config, read},
    curves::{Curves, Drawn},
};

/// Columns of `curves.csv` after the step, and how the viewer shows them.
const DRAWN: Drawn = Drawn {
    title: "neuraxis train gaze",
    names: &["loss/kl", "speed", "held_out/median", "held_out/near", "held_out/mass"],
    plots: &[
        &[("loss", "+ /loss/**"), ("clips per second", "+ /speed")],
        &[("held out: median error [widths]", "+ /held_out/median")],
        &[("held out: peaks and mass within 5 % of the label", "+ /held_out/near\n+ /held_out/mass")],
    ],
};

/// Trains, then prints the table of errors.
pub fn run(config: &Config, args: TrainArgs, init: Option<PathBuf>, choice: DeviceChoice) -> Result<()> {
    let mut settings: GazeTraining = match &args.config {
        Some(file) => read(file)?,
        None => GazeTraining::default(),
    };
    settings.validate()?;
    let device = choice.resolve()?;
    settings.bf16 = bf16(settings.bf16, device.is_cuda());
    let run = TrainRun::start(args)?;
    let out = &run.args.out;
    let dataset = run.demonstrations(&config.name)?.dataset;
    let samples = ClipSamples::new(dataset, settings.holdout)?;
    say!(
        "{} observations, {} held out, label {}, {} steps of {} on {device:?}",
        samples.len(),
        samples.validation().len(),
        settings.gaze.label,
        settings.steps,
        settings.batch
    );
    let about = About {
        config: settings.gaze.clone(),
        embodiment: config.name.clone(),
        command: run.command(),
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: settings.seed,
        steps: 0,
        train_secs: 0.0,
        data: run.data(),
        licence: "Apache-2.0".into(),
        recipe: None,
    };
    let files = RunFiles { weights: out.join("gaze.safetensors"), state: out.join("state.safetensors"), init };
    let steps = steps_in(&files.state, |about: &About| about.steps);
    let mut curves = Curves::create(out, &DRAWN, run.live(config), steps)?;
    sheets::show_again(curves.rerun(), out)?;
    let mut trouble = None;
    let bar = bar(settings.steps)?;
    let tell = |news| {
        let kept = match news {
            News::Progress(progress) => {
                show(&bar, &progress, settings.steps);
                curves.push(progress.step, &values(&progress))
            }
            News::Warm(warm) => {
                super::print_warm_start(files.init.as_deref(), &warm);
                Ok(())
            }
            News::LeftOut(step) => {
                bar.suspend(|| say!("step {step}: the gradient is not finite; left out"));
                Ok(())
            }
            News::Looked { step, pictures } => sheets::push(curves.rerun(), out, step, &pictures),
        };
        if let Err(error) = kept {
            trouble.get_or_insert(error);
        }
    };
    let steps = train(&settings, &samples, about, &files, device, tell, || run.goes_on())?;
    bar.finish();
    if let Some(error) = trouble {
        say_err!("the curves are incomplete: {error:#}");
    }
    curves.finish()?;
    run.print_end(&files.weights, steps, settings.steps);
    table(&files, choice, &samples)
}

fn show(bar: &ProgressBar, p: &Progress, steps: u64) {
    bar.set_position(p.step);
    let seen = p.held_out.map_or(String::new(), |s| {
        format!(" | held out: median {:.1} %, near {:.0} %", 100.0 * s.median, 100.0 * s.near)
    });
    let line = format!("loss {:.3}{seen} | {:.0} clips/s", p.loss, p.clips_per_sec);
    if bar.is_hidden() {
        say!("step {:>6}/{steps}  {line}  lr {:.2e}  grad {:.2}", p.step, p.lr, p.grad_norm);
    }
    bar.set_message(line);
}

/// In the order of the columns; shorter before anything was measured.
fn values(p: &Progress) -> Vec<f64> {
    let held_out = p.held_out.into_iter().flat_map(|s| [s.median, s.near, s.mass]);
    [p.loss, p.clips_per_sec].into_iter().chain(held_out).collect()
}

/// Errors on every held-out observation.
fn table(files: &RunFiles, choice: DeviceChoice, samples: &ClipSamples) -> Result<()> {
    let stream = GazeStream::load(&files.weights, choice)?;
    let held_out = samples.validation();
    let score = evaluate::score(stream.net(), samples, held_out, choice.resolve()?)?;
    let baselines = evaluate::baselines(stream.config(), samples, held_out)?;
    let Some((score, baselines)) = score.zip(baselines) else {
        say!("no scene is held out, or no label of one is in the image: nothing to measure");
        return Ok(());
    };
    say!("held-out scenes, label {} (in the image: {:.1} %):", stream.config().label, 100.0 * baselines.in_image);
    say!("  gaze      {score}");
    say!("  constant  {}", baselines.constant);
    say!("  tool      {}", baselines.tool);
    Ok(())
}
