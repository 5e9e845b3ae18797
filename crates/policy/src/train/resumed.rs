//! A run that goes on: where it stopped, to the last bit, and with nothing but what it was begun with.

use std::path::Path;

use super::{
    News,
    toy::{about, bits, files, run, same_start, samples, samples_with, tiny, with_consistency},
    train,
};
use crate::{
    PolicyConfig, TrainConfig,
    checkpoint::{About, Checkpoint, Described},
};

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
