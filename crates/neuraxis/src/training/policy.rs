//! `neuraxis train policy`: the static stream, and the dynamic one if the settings have it.

use std::path::Path;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use neuraxis_core::TextEmbedder;
use neuraxis_policy::{
    StaticStream, TrainConfig,
    checkpoint::About,
    choices::Dynamic,
    imported::ImportedKeypoints,
    loss::TERMS,
    sample::Samples,
    text::MiniLm,
    train::{News, Progress, RunFiles, train},
};
use neuraxis_sim::tasks::retold;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::{
    Demonstrations, EarlyArgs, TrainArgs, TrainRun, bar, bf16,
    curves::Curves,
    early::{Early, Player},
    held_out, steps_in,
};
use crate::{
    config::{Config, read},
    progress,
};

/// Trains until the settings' steps are done, the time is over or somebody interrupts; goes on from a state in `out`.
pub fn run(config: &Config, args: TrainArgs, early: &EarlyArgs, init: Option<&Path>) -> Result<()> {
    let settings = settings(args.config.as_deref())?;
    let run = TrainRun::start(args)?;
    let out = &run.args.out;
    let mut embedder = crate::package::text_encoder(&config.root)?;
    let (samples, cameras) = samples(&run, &config.name, &settings, &mut embedder)?;
    let about = About {
        config: settings.policy.clone(),
        text_encoder: embedder.id().to_string(),
        embodiment: config.name.clone(),
        cameras,
        command: run.command(),
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: settings.seed,
        steps: 0,
        train_secs: 0.0,
        data: run.data(),
        licence: "Apache-2.0".into(),
        recipe: None,
        gaze: None,
    };
    let files = RunFiles {
        weights: out.join("policy.safetensors"),
        state: out.join("state.safetensors"),
        init: init.map(Into::into),
    };
    say!("network     {:.1} M numbers", StaticStream::count(&settings.policy)? as f64 / 1e6);
    let steps = steps_in(&files.state, |about: &About| about.steps);
    let mut curves = Curves::create(out, run.live(config), steps)?;
    let mut player = Player::new(early, config, out)?;
    let mut trouble = None;
    let bar = bar(settings.steps)?;
    let steps = train(
        &settings,
        &samples,
        about,
        &files,
        |news| {
            let kept = match &news {
                News::Gaze(note) => {
                    let file = settings.gaze.as_deref().map_or(String::new(), |file| file.display().to_string());
                    say!("{file}: {note}");
                    Ok(())
                }
                News::Warm(warm) => {
                    super::print_warm_start(init, warm);
                    Ok(())
                }
                News::Resumed(step) => {
                    say!("going on after step {step} of {}", files.state.display());
                    bar.set_position(*step);
                    bar.reset_eta();
                    Ok(())
                }
                News::Progress(progress) => {
                    show(&bar, progress, &settings);
                    curves.push(progress)
                }
                News::LeftOut(step) => {
                    bar.suspend(|| say!("step {step}: the gradient is not finite; left out"));
                    Ok(())
                }
                News::Evaluated(evaluation) => {
                    bar.suspend(|| held_out::print(evaluation));
                    curves.push_evaluation(evaluation)
                }
                News::Saved(step) => {
                    player.saved(*step, &files.weights).and_then(|early| tell_early(&bar, &curves, early.as_ref()))
                }
            };
            if let Err(error) = kept {
                trouble.get_or_insert(error);
            }
        },
        || run.goes_on(),
    )?;
    bar.finish();
    let waits = steps == settings.steps;
    let last = player.finish(waits).and_then(|early| tell_early(&bar, &curves, early.as_ref()));
    if let Some(error) = trouble.or(last.err()) {
        say_err!("the curves are incomplete: {error:#}");
    }
    curves.finish()?;
    run.print_end(&files.weights, steps, settings.steps);
    Ok(())
}

/// Says and draws what the episodes came to.
fn tell_early(bar: &ProgressBar, curves: &Curves, early: Option<&Early>) -> Result<()> {
    let Some(early) = early else { return Ok(()) };
    let tasks: Vec<String> = early.tasks.iter().map(|(task, won, of)| format!("{task} {won}/{of}")).collect();
    bar.suspend(|| say!("early       step {}: {}", early.step, tasks.join(", ")));
    curves.push_early(early)
}

fn settings(file: Option<&Path>) -> Result<TrainConfig> {
    let mut settings: TrainConfig = match file {
        Some(file) => read(file)?,
        None => TrainConfig::default(),
    };
    settings.validate()?;
    let device = settings.device.resolve()?;
    settings.bf16 = bf16(settings.bf16, device.is_cuda());
    say!("training on {device:?}");
    Ok(settings)
}

/// Opens the data sets, and says which cameras saw them; a damaged record is an error, unless it is to be left out.
fn samples(
    run: &TrainRun,
    robot: &str,
    settings: &TrainConfig,
    embedder: &mut MiniLm,
) -> Result<(Samples, Vec<String>)> {
    let Demonstrations { dataset, left_out, cameras } = run.demonstrations(robot)?;
    ensure!(
        left_out == 0 || settings.consistency.keypoints.is_none(),
        "keypoints from a file go by record number, and records were left out: repair the data set, or leave out \
         consistency.keypoints"
    );
    let imported = match &settings.consistency.keypoints {
        Some(file) => Some(ImportedKeypoints::read(file, dataset.len(), &settings.policy.bounds_m)?),
        None => None,
    };
    let mut samples = Samples::new(dataset, settings.holdout, embedder)?.with_emphasis(&settings.emphasis)?;
    if settings.wordings > 0 {
        let mut rng = Pcg64::seed_from_u64(settings.seed);
        let bar = progress::bar(samples.counts().1 as u64);
        bar.set_message("sentences told in other words");
        samples = samples.with_wordings(embedder, |task, sentence| {
            bar.inc(1);
            (0..settings.wordings).filter_map(|_| retold(task, sentence, &mut rng)).collect()
        })?;
        bar.finish_and_clear();
        ensure!(
            samples.wordings() > 0,
            "wordings: none of the tasks in the data has other wordings (tasks of the suite do)"
        );
    }
    let samples = match imported {
        Some(imported) => samples.with_keypoints(imported),
        None => samples,
    };
    let (observations, sentences) = samples.counts();
    say!(
        "{observations} observations, {} held out, {sentences} sentences, {} more wordings, {} steps of {}",
        samples.validation().len(),
        samples.wordings(),
        settings.steps,
        settings.batch
    );
    Ok((samples, cameras))
}

fn show(bar: &ProgressBar, p: &Progress, settings: &TrainConfig) {
    bar.set_position(p.step);
    let trained = |name: &str| match name {
        "consistency" => settings.consistency.lambda > 0.0,
        "outlook" => settings.outlook > 0.0,
        "dynamic" => settings.policy.dynamic == Dynamic::WristView,
        _ => true,
    };
    let terms = TERMS.iter().zip(p.terms).filter(|(name, _)| trained(name));
    let terms: Vec<String> = terms.map(|(name, term)| format!("{name} {term:.3}")).collect();
    let line = format!("{} | {:.0} samples/s", terms.join(" "), p.samples_per_sec);
    if bar.is_hidden() {
        say!("step {:>6}/{}  {line}  lr {:.2e}  grad {:.2}", p.step, p.steps, p.lr, p.grad_norm);
    }
    bar.set_message(line);
}

#[cfg(test)]
mod tests {
    use neuraxis_policy::{PolicyConfig, gaze::GazeTraining, preset::PRESETS};
    use neuraxis_sim::{
        Setup, SimConfig, Spec,
        tasks::{kinds, unseen},
    };

    use super::*;
    use crate::config::workspace_root;

    /// Recipes below configs/ that are of a gaze network.
    const OF_A_GAZE: [&str; 1] = ["look.yaml"];

    #[test]
    fn every_recipe_that_is_shipped_can_be_trained() {
        let root = workspace_root().unwrap().join("configs");
        let mut count = 0;
        for folder in ["ablation", "weights"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|ending| ending != "yaml") {
                    continue;
                }
                let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
                if OF_A_GAZE.iter().any(|name| path.ends_with(name)) {
                    let gaze: GazeTraining = read(&path).unwrap();
                    gaze.validate().unwrap_or_else(|e| panic!("{}", named(&e)));
                } else {
                    let policy: TrainConfig = read(&path).unwrap();
                    policy.validate().unwrap_or_else(|e| panic!("{}", named(&e)));
                }
                count += 1;
            }
        }
        assert!(count >= 12, "{count} recipes");
    }

    /// Errors tell which words to put into a recipe.
    #[test]
    fn a_recipe_understands_the_words_in_which_a_network_is_said() {
        let presets = PRESETS.map(|name| PolicyConfig::preset(name).unwrap());
        let gazing = PolicyConfig { dynamic: Dynamic::Gaze, fovea: 0.6, ..PolicyConfig::full() };
        for policy in presets.into_iter().chain([gazing]) {
            let text = format!("policy: {}", policy.in_words());
            let recipe: TrainConfig = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(recipe.policy, policy, "{text}");
        }
    }

    /// Those of the data, those that training tells them in, and those that evaluation has not shown it.
    #[test]
    fn orders_of_the_suite_in_all_their_wordings_are_english_and_short_enough() {
        let root = workspace_root().unwrap();
        let mut embedder = crate::package::text_encoder(&root).unwrap();
        let mut rng = Pcg64::seed_from_u64(2);
        let most = TrainConfig::default().policy.text_len as usize;
        let mut count = 0;
        for kind in kinds().iter().filter(|kind| !kind.is_long()) {
            for seed in 0..4 {
                let spec = Spec { task: kind.name.into(), seed, variation: None };
                let setup = Setup::new(&spec, &SimConfig::default()).unwrap();
                let goals = std::iter::once(setup.goal()).chain(setup.alternatives());
                for sentence in goals.map(|goal| &goal.instruction) {
                    let mut all = vec![sentence.clone()];
                    all.extend((0..10).filter_map(|_| retold(kind.name, sentence, &mut rng)));
                    all.extend((0..2).filter_map(|seed| unseen(kind.name, sentence, seed)));
                    for text in all {
                        let features = embedder.embed_order(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
                        assert!(features.tokens <= most, "{text}: {} tokens", features.tokens);
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 1000, "{count} sentences");
    }
}
