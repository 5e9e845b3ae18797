//! What a run learns from its batches, and how that is measured.

use super::{
    toy::{files, run, samples, samples_with, tiny, with_consistency, wrist_view},
    *,
};
use crate::{
    DeviceChoice, PolicyConfig,
    choices::{FeedForward, Head, Upsampling},
};

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
