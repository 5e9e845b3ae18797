//! A run that starts from the weights of another: what is taken over, and what is refused.

use std::fs;

use tch::{Device, Kind, Tensor};

use super::{
    News, RunFiles,
    toy::{about, bits, files, run, samples, tiny},
    train,
};
use crate::{
    PolicyConfig, TrainConfig,
    checkpoint::{About, Checkpoint},
};

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
