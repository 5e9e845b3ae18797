use std::{collections::HashMap, fs, path::Path, sync::Arc};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, PolicyError, Pose, TextEmbedder, TextFeatures};
use neuraxis_episode::dataset::{CloudSample, Dataset, DatasetWriter};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tch::Kind;

use super::*;
use crate::{
    ConsistencyConfig, DeviceChoice, PolicyConfig,
    checkpoint::{Checkpoint, Described},
    choices::{Dynamic, FeedForward, Head, Upsampling},
    rotation::rotation_from_angles,
    sample::{LabelledGoal, Record},
};

/// Words as numbers, one token each.
pub(super) struct Letters;

impl TextEmbedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }
    fn embed(&mut self, text: &str) -> std::result::Result<TextFeatures, PolicyError> {
        let words: Vec<&str> = text.split(' ').collect();
        let number =
            |word: &&str| (0..8).map(|i| f32::from(word.as_bytes()[i % word.len()]) / 100.0).collect::<Vec<_>>();
        let values: Arc<[f32]> = words.iter().flat_map(number).collect();
        Ok(TextFeatures { tokens: words.len(), width: 8, values })
    }
}

pub(super) fn tiny() -> TrainConfig {
    TrainConfig {
        policy: PolicyConfig {
            image_px: 32,
            pixel_dim: 8,
            dim: 16,
            heads: 2,
            depth_view: 1,
            depth_joint: 1,
            text_dim: 8,
            text_len: 6,
            ..PolicyConfig::default()
        },
        steps: 6,
        batch: 4,
        micro_batch: 4,
        workers: 1,
        lr: 3e-3,
        warmup: 2,
        bf16: false,
        checkpoint_every: 100,
        log_every: 2,
        evaluate_every: 3,
        relabel: 0.0,
        holdout: 0.3,
        ..TrainConfig::default()
    }
}

/// A red cube on a table; the key-frame is above it, or at it.
pub(super) fn samples(dir: &Path) -> Samples {
    samples_with(dir, true, 12)
}

/// With goals that say where their scripts end, or not; of so many scenes.
fn samples_with(dir: &Path, ends: bool, scenes: u64) -> Samples {
    let mut rng = Pcg64::seed_from_u64(3);
    let mut writer = DatasetWriter::create(dir, PolicyConfig::default().bounds_m, serde_json::json!({})).unwrap();
    for seed in 0..scenes {
        let cube = Vector3::new(rng.random_range(0.1..0.4), rng.random_range(-0.2..0.2), 0.76);
        let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
        for i in 0..400 {
            xyz.push([-0.2 + 0.04 * (i % 20) as f32, -0.4 + 0.04 * (i / 20) as f32, 0.75]);
            rgb.push([120, 110, 100]);
            let on = |i: i32| (i % 7) as f64 * 0.01;
            let face = [[on(i), on(i / 7), 0.06], [0.06, on(i), on(i / 7)], [on(i), 0.06, on(i / 7)]][i as usize % 3];
            xyz.push((cube + Vector3::from(face)).cast::<f32>().into());
            rgb.push([200, 20 + (i % 5) as u8 * 30, 20]);
        }
        for kind in 0..2 {
            let at = cube + Vector3::new(0.03, 0.03, if kind == 0 { 0.15 } else { 0.06 });
            let keyframe = KeyFrame {
                world_from_tool: Pose::from_parts(at, rotation_from_angles([0.3, 0.0, 0.0])),
                gripper: if kind == 0 { Gripper::Open } else { Gripper::Closed },
                ignore_collisions: kind == 1,
            };
            let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
            let body = Pose::from_parts(Vector3::new(0.3, 0.0, 1.1), down);
            let mut record = Record {
                task: "touch".into(),
                seed,
                kind,
                secs: f64::from(kind),
                world_from_tool: body,
                reached_world_from_tool: body,
                gripper: Gripper::Open,
                gripper_width_m: 0.08,
                goals: vec![LabelledGoal {
                    instruction: ["touch it", "touch the red cube"][seed as usize % 2].into(),
                    keyframe,
                    end_xyz_in_world: ends.then(|| (cube + Vector3::new(0.03, 0.03, 0.06)).into()),
                }],
            };
            if kind == 0 {
                let elsewhere = Pose::from_parts(at + Vector3::new(0.1, 0.0, 0.0), keyframe.world_from_tool.rotation());
                let keyframe = KeyFrame { world_from_tool: elsewhere, ..keyframe };
                record.goals.push(LabelledGoal {
                    instruction: "touch nothing".into(),
                    keyframe,
                    end_xyz_in_world: ends.then(|| elsewhere.position().into()),
                });
            }
            writer.push(&CloudSample { xyz_in_world: &xyz, rgb: &rgb, record: &record }).unwrap();
        }
    }
    writer.finish().unwrap();
    Samples::new(Dataset::open(dir).unwrap(), tiny().holdout, &mut Letters).unwrap()
}

fn about(config: &TrainConfig) -> About {
    About {
        config: config.policy.clone(),
        text_encoder: "letters".into(),
        embodiment: "none".into(),
        cameras: Vec::new(),
        command: "test".into(),
        commit: "none".into(),
        seed: config.seed,
        steps: 0,
        train_secs: 0.0,
        data: "synthetic".into(),
        licence: "none".into(),
        recipe: None,
        gaze: None,
    }
}

pub(super) fn files(dir: &Path, name: &str) -> RunFiles {
    let dir = dir.join(name);
    fs::create_dir_all(&dir).unwrap();
    RunFiles { weights: dir.join("policy.safetensors"), state: dir.join("state.safetensors"), init: None }
}

pub(super) fn run(
    config: &TrainConfig,
    samples: &Samples,
    files: &RunFiles,
    go_on: impl Fn() -> bool,
) -> Result<(u64, Vec<News>)> {
    let mut news = Vec::new();
    let steps = train(config, samples, about(config), files, |n| news.push(n), go_on)?;
    Ok((steps, news))
}

/// Tensors of a file as bits.
pub(super) fn bits(path: &Path) -> HashMap<String, Vec<u32>> {
    let read = |t: &Tensor| Vec::<f32>::try_from(&t.view([-1])).unwrap().iter().map(|x| x.to_bits()).collect();
    Checkpoint::read(path).unwrap().tensors.iter().map(|(name, t)| (name.clone(), read(t))).collect()
}

/// Begins two runs with the same weights: other tests draw from torch's one generator at the same time.
pub(super) fn same_start(config: &TrainConfig, samples: &Samples, [one, other]: [&RunFiles; 2]) {
    run(config, samples, one, || false).unwrap();
    fs::copy(&one.state, &other.state).unwrap();
}

/// A learned heatmap of the dynamic view and the outlook, so that with the consistency every term is trained.
fn wrist_view() -> TrainConfig {
    let config = tiny();
    let policy = PolicyConfig { dynamic: Dynamic::WristView, ..config.policy.clone() };
    TrainConfig { policy, outlook: 0.5, ..config }
}

fn with_consistency(lambda: f64) -> ConsistencyConfig {
    ConsistencyConfig { lambda, keypoints: None }
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_last_bit_as_the_unbroken_one() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = TrainConfig { consistency: with_consistency(1.0), ..tiny() };
    let (unbroken, stopped) = (files(dir.path(), "unbroken"), files(dir.path(), "stopped"));
    same_start(&config, &samples, [&unbroken, &stopped]);
    assert_eq!(run(&config, &samples, &unbroken, || true).unwrap().0, 6);
    let left = std::cell::Cell::new(3);
    let three = || left.replace(left.get() - 1) > 0;
    assert_eq!(run(&config, &samples, &stopped, three).unwrap().0, 3);
    assert_ne!(bits(&unbroken.state), bits(&stopped.state));
    let (steps, news) = run(&config, &samples, &stopped, || true).unwrap();
    assert!(matches!(news[0], News::Resumed(3)) && steps == 6);
    assert_eq!(bits(&unbroken.state), bits(&stopped.state));
    assert_eq!(bits(&unbroken.weights), bits(&stopped.weights));
}

#[test]
fn a_run_goes_on_with_the_settings_and_the_data_that_it_was_begun_with() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let files = files(dir.path(), "run");
    run(&tiny(), &samples, &files, || false).unwrap();
    let refused = |config: &TrainConfig, about: About| {
        let text = train(config, &samples, about, &files, |_| (), || false).unwrap_err().to_string();
        assert!(text.contains("state.safetensors: was made with ") && text.contains("; give another --out"), "{text}");
        text
    };
    for (config, words) in [
        (TrainConfig { seed: 2, ..tiny() }, "seed 1, this is 2"),
        (TrainConfig { batch: 8, ..tiny() }, "batch 4, this is 8"),
        (TrainConfig { lr: 1e-3, ..tiny() }, "lr 0.003, this is 0.001"),
        (TrainConfig { holdout: 0.2, ..tiny() }, "holdout 0.3, this is 0.2"),
        (TrainConfig { workers: 2, ..tiny() }, "workers 1, this is 2"),
        (TrainConfig { policy: PolicyConfig { zoom: 3.0, ..tiny().policy }, ..tiny() }, "policy.zoom 4.0, this is 3.0"),
    ] {
        let text = refused(&config, about(&config));
        assert!(text.contains(&format!("was made with {words}; give")), "{text}");
    }
    let text = refused(&tiny(), About { text_encoder: "words".into(), ..about(&tiny()) });
    assert!(text.contains("text encoder letters, this is words"), "{text}");
    let text = refused(&tiny(), About { data: "other".into(), ..about(&tiny()) });
    assert!(text.contains("data synthetic, this is other"), "{text}");
    let more = samples_with(&dir.path().join("more"), true, 13);
    let text = train(&tiny(), &more, about(&tiny()), &files, |_| (), || false).unwrap_err().to_string();
    assert!(text.contains("observations 24, this is 26"), "{text}");

    let free = TrainConfig {
        steps: 8,
        micro_batch: 2,
        checkpoint_every: 3,
        log_every: 1,
        evaluate_every: 4,
        evaluate_per_kind: 1,
        ..tiny()
    };
    run(&free, &samples, &files, || false).unwrap();
    // A state from before settings were kept.
    let Described { about: mut old, tensors, .. } = Checkpoint::read(&files.state).unwrap();
    assert!(old.recipe.take().is_some());
    Checkpoint::write(&files.state, &old, &tensors.into_iter().collect::<Vec<_>>()).unwrap();
    run(&tiny(), &samples, &files, || false).unwrap();
    // What is for use says what it was trained with, too.
    let said = Checkpoint::read(&files.weights).unwrap().about.recipe.unwrap();
    assert_eq!(said.settings::<TrainConfig>().unwrap(), tiny());
}

#[test]
fn micro_batches_and_workers_give_the_same_gradient() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let config = TrainConfig { consistency: with_consistency(0.7), ..wrist_view() };
    tch::manual_seed(1);
    let worker = Worker::new(&config, Device::Cpu).unwrap();
    let gradient = |micro_batch: usize, workers: usize| {
        let config = TrainConfig { micro_batch, ..config.clone() };
        let batch = |piece| samples.training_batch(&config, None, 5, piece);
        let share = |rank: usize| rank * 4 / workers..(rank + 1) * 4 / workers;
        let parts: Vec<_> = (0..workers).map(|rank| worker.step(&config, share(rank), batch).unwrap()).collect();
        let n = parts.len() as f64;
        let mean = |i: usize| parts.iter().map(|p| &p.grads[i] / n).reduce(|a, b| a + b).unwrap();
        let terms: Vec<f64> = (0..TERMS.len()).map(|i| parts.iter().map(|p| p.terms[i] / n).sum()).collect();
        ((0..worker.parameters().len()).map(mean).collect::<Vec<_>>(), terms)
    };
    let whole = gradient(4, 1);
    assert!(whole.1.iter().all(|term| *term > 0.0), "{:?}", whole.1);
    for (name, other) in
        [("pieces of 1", gradient(1, 1)), ("pieces of 3 and 1", gradient(3, 1)), ("two workers", gradient(2, 2))]
    {
        for (i, (a, b)) in whole.0.iter().zip(&other.0).enumerate() {
            let scale = a.abs().max().double_value(&[]).max(1e-3);
            let off = (a - b).abs().max().double_value(&[]) / scale;
            assert!(off < 1e-4, "{name}: {} differs by {off}", worker.parameters()[i].0);
        }
        for (a, b) in whole.1.iter().zip(&other.1) {
            assert!((a - b).abs() < 1e-5, "{name}: {:?} {:?}", whole.1, other.1);
        }
    }
}

#[test]
fn weights_that_only_training_needs_stay_in_the_state_and_are_not_built_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let with = TrainConfig { steps: 1, consistency: with_consistency(1.0), outlook: 0.5, ..tiny() };
    let without = TrainConfig { consistency: with_consistency(0.0), outlook: 0.0, ..with.clone() };
    let (a, b) = (files(dir.path(), "with"), files(dir.path(), "without"));
    run(&with, &samples, &a, || true).unwrap();
    run(&without, &samples, &b, || true).unwrap();
    let names = |path: &Path| {
        let mut names: Vec<String> = bits(path).into_keys().collect();
        names.sort();
        names
    };
    assert!(names(&a.state).contains(&"weight.consistency.coarse.weight".to_string()));
    assert!(names(&a.state).contains(&"weight.outlook.weight".to_string()));
    assert_eq!(names(&a.weights), names(&b.weights));
    assert!(!names(&b.state).iter().any(|name| name.contains("consistency") || name.contains("outlook")));
    let text = run(&without, &samples, &a, || true).unwrap_err().to_string();
    assert!(text.contains("was made with consistency.lambda above 0"), "{text}");
    let text = run(&with, &samples, &b, || true).unwrap_err().to_string();
    assert!(text.contains("was made with consistency.lambda 0; give another --out"), "{text}");
    let text = run(&TrainConfig { outlook: 0.5, ..without }, &samples, &b, || true).unwrap_err().to_string();
    assert!(text.contains("was made with outlook 0; give another --out"), "{text}");
}

#[test]
fn the_outlook_is_learned_where_the_data_says_how_scripts_end_and_otherwise_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig { steps: 12, outlook: 1.0, ..tiny() };
    let (_, news) = run(&config, &samples(&dir.path().join("data")), &files(dir.path(), "run"), || true).unwrap();
    let term = TERMS.iter().position(|name| *name == "outlook").unwrap();
    let losses: Vec<f64> =
        news.iter().filter_map(|n| if let News::Progress(p) = n { Some(p.terms[term]) } else { None }).collect();
    // A map of 8 x 8 cells that says nothing has log 64.
    assert!(losses[0] > 3.0 && *losses.last().unwrap() < losses[0], "{losses:?}");

    let old = samples_with(&dir.path().join("old"), false, 12);
    let text = run(&config, &old, &files(dir.path(), "old run"), || true).unwrap_err().to_string();
    assert!(text.contains("the data does not say where scripts end"), "{text}");
}

#[test]
fn a_warm_start_takes_what_fits_and_says_what_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = TrainConfig { steps: 1, ..tiny() };
    let first = files(dir.path(), "first");
    run(&config, &samples, &first, || true).unwrap();
    let deeper =
        TrainConfig { policy: PolicyConfig { depth_view: 2, text_len: 5, ..config.policy.clone() }, ..config.clone() };
    let second = RunFiles { init: Some(first.weights.clone()), ..files(dir.path(), "second") };
    // Stopped at once: the state holds what it starts from.
    let (steps, news) = run(&deeper, &samples, &second, || false).unwrap();
    assert_eq!(steps, 0);
    let [News::Warm(warm)] = &news[..] else { panic!("{news:?}") };
    let why = |name: &str| warm.fresh.iter().find(|(n, _)| n == name).map(|(_, why)| why.as_str());
    assert_eq!(why("coarse.in_view.1.norm_mlp.bias"), Some("is not there"));
    assert_eq!(why("fine.text_position"), Some("is [1, 6, 16] there, [1, 5, 16] here"));
    assert_eq!(why("coarse.stem.weight"), None);
    let (old, new) = (bits(&first.weights), bits(&second.state));
    for prefix in ["weight", "average"] {
        assert_eq!(old["coarse.stem.weight"], new[&format!("{prefix}.coarse.stem.weight")]);
    }
    assert_eq!(warm.filled + warm.fresh.len(), bits(&second.weights).len());

    let nothing = dir.path().join("nothing.safetensors");
    Checkpoint::write(&nothing, &about(&config), &[("x".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)))])
        .unwrap();
    let third = RunFiles { init: Some(nothing), ..files(dir.path(), "third") };
    let text = run(&config, &samples, &third, || true).unwrap_err().to_string();
    assert!(text.contains("nothing.safetensors: no tensor fits this network"), "{text}");
}

#[test]
fn weights_that_see_otherwise_are_refused_with_the_remedy_unless_that_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let foveated = TrainConfig { steps: 1, policy: PolicyConfig { fovea: 0.6, ..tiny().policy }, ..tiny() };
    let first = files(dir.path(), "first");
    run(&foveated, &samples, &first, || false).unwrap();
    let second = RunFiles { init: Some(first.weights.clone()), ..files(dir.path(), "second") };
    let refused = |config: &TrainConfig| run(config, &samples, &second, || false).unwrap_err().to_string();
    let text = refused(&tiny());
    assert!(
        text.contains("policy.safetensors: trained with policy.fovea 0.6, this is 1: put `policy: {preset: small, ")
    );
    assert!(text.contains("fovea: 0.6") && text.contains("` into --config") && !text.contains("encoder"), "{text}");
    let closer = TrainConfig { policy: PolicyConfig { zoom: 5.0, ..foveated.policy.clone() }, ..foveated.clone() };
    assert!(refused(&closer).contains("trained with policy.zoom 4, this is 5: put"), "{}", refused(&closer));

    let warm = |config: &TrainConfig, about: About| {
        let mut warm = None;
        let keep = |news| {
            if let News::Warm(found) = news {
                warm = Some(found);
            }
        };
        let third = RunFiles { state: dir.path().join("none"), ..second.clone() };
        train(config, &samples, about, &third, keep, || false).unwrap();
        fs::remove_file(third.state).unwrap();
        warm.unwrap()
    };
    let meant = TrainConfig { init_differs: true, ..tiny() };
    let found = warm(&meant, about(&meant));
    assert_eq!(
        (found.fresh.len(), &found.notes[..]),
        (0, &["trained with policy.fovea 0.6, this is 1".to_string()][..])
    );
    assert_eq!(warm(&foveated, about(&foveated)).notes, Vec::<String>::new());
    // Another encoder means other features, and no shape of the network changes it.
    let refused_in_other_words = |config: &TrainConfig| {
        let other = About { text_encoder: "words".into(), ..about(config) };
        train(config, &samples, other, &second, |_| (), || false).unwrap_err().to_string()
    };
    let remedy = "these weights read another text encoder: init_differs: true starts from them all the same";
    let text = refused_in_other_words(&foveated);
    assert!(text.ends_with(&format!(": trained with text encoder letters, this is words: {remedy}")), "{text}");
    let text = refused_in_other_words(&tiny());
    assert!(text.contains("this is 1; text encoder letters, this is words: put `policy: {"), "{text}");
    assert!(text.ends_with(&format!(" into --config (or init_differs: true, where it is meant); {remedy}")), "{text}");
    let other = About { text_encoder: "words".into(), ..about(&foveated) };
    let notes = warm(&TrainConfig { init_differs: true, ..foveated.clone() }, other).notes;
    assert_eq!(notes, ["trained with text encoder letters, this is words"]);
    // Other cameras give a cloud all the same, and another robot is seen in it.
    let other = About { cameras: vec!["front".into()], ..about(&foveated) };
    assert_eq!(warm(&foveated, other).notes, ["trained with cameras , here are front"]);
    let other = About { embodiment: "ur5e".into(), ..about(&foveated) };
    assert_eq!(warm(&foveated, other).notes, ["warning: trained with robot none, this is ur5e"]);
    let stricter = TrainConfig { holdout: 0.4, ..foveated.clone() };
    let notes = warm(&stricter, about(&stricter)).notes;
    assert!(
        matches!(&notes[..], [note] if note.starts_with("warning: trained with holdout 0.3, this is 0.4")),
        "{notes:?}"
    );
}

#[test]
fn held_out_observations_are_scored_by_keyframe_the_same_way_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let (_, news) = run(&tiny(), &samples, &files(dir.path(), "run"), || true).unwrap();
    let evaluations: Vec<&Evaluation> =
        news.iter().filter_map(|n| if let News::Evaluated(e) = n { Some(e) } else { None }).collect();
    assert_eq!(evaluations.iter().map(|e| e.step).collect::<Vec<_>>(), [3, 6]);
    let held_out = samples.validation().len() / 2;
    assert!(held_out > 1);
    for evaluation in &evaluations {
        let [first, second] = &evaluation.scores[..] else { panic!("{evaluation:?}") };
        assert_eq!(
            (first.kind, first.observations, second.kind, second.observations),
            (0, held_out, 1, held_out.min(4))
        );
        assert!(first.choice.is_some() && second.choice.is_none());
        assert!(evaluation.scores.iter().all(|s| s.position_mm > 0.0 && s.rotation_deg >= 0.0));
        let [picture] = &evaluation.pictures[..] else { panic!("pictures") };
        assert_eq!((picture.views.rgb.len(), picture.views.rgb[0].len(), picture.views.heat[5].len()), (6, 3072, 1024));
        assert!(picture.views.heat.iter().all(|heat| (heat.iter().sum::<f32>() - 1.0).abs() < 1e-3));
    }
    // Training does not move the observations: the same weights score the same.
    tch::manual_seed(1);
    let worker = Worker::new(&tiny(), Device::Cpu).unwrap();
    let evaluate =
        || Evaluator::new(&tiny(), &samples, Device::Cpu).unwrap().evaluate(&samples, 0, worker.parameters());
    assert_eq!(evaluate().unwrap().scores, evaluate().unwrap().scores);
}

#[test]
fn a_network_shaped_like_the_large_one_learns_from_every_term() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let base = wrist_view();
    let policy = PolicyConfig {
        pixel_path: false,
        feature_dim: 8,
        feed_forward: FeedForward::Geglu,
        dropout: 0.1,
        upsampling: Upsampling::Convex,
        head: Head::Deep,
        ..base.policy.clone()
    };
    let config = TrainConfig { steps: 2, policy, consistency: with_consistency(1.0), ..base };
    let (steps, news) = run(&config, &samples, &files(dir.path(), "run"), || true).unwrap();
    let terms = news.iter().find_map(|n| if let News::Progress(p) = n { Some(p.terms) } else { None }).unwrap();
    assert!(steps == 2 && terms.iter().all(|term| *term > 0.0), "{terms:?}");
}

#[test]
fn losses_fall() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = TrainConfig {
        steps: 60,
        log_every: 10,
        evaluate_every: 60,
        consistency: with_consistency(1.0),
        ..wrist_view()
    };
    let (_, news) = run(&config, &samples, &files(dir.path(), "run"), || true).unwrap();
    let terms: Vec<_> =
        news.iter().filter_map(|n| if let News::Progress(p) = n { Some(p.terms) } else { None }).collect();
    let (first, last) = (terms[0], terms[terms.len() - 1]);
    for (i, name) in TERMS.iter().enumerate() {
        assert!(last[i] < first[i], "{name}: {} to {}", first[i], last[i]);
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    if tch::Cuda::is_available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = TrainConfig { device: DeviceChoice::Cuda(0), ..tiny() };
    let text = run(&config, &samples, &files(dir.path(), "run"), || true).unwrap_err().to_string();
    assert!(text.contains("cuda:0: this LibTorch sees 0 CUDA devices"), "{text}");
}
