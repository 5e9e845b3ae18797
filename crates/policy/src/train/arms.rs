//! Each arm of the dynamic stream on the way from a data set to predictions.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    CameraView, Gripper, Instruction, Intrinsics, Joints, Nanos, Observation, Policy, Pose, Prediction, Progress,
    TextEmbedder,
};
use neuraxis_vision::Cloud;
use tch::{Device, nn};

use super::{
    News, parameters,
    toy::{Letters, bits, files, run, same_start, samples, tiny},
};
use crate::{
    CorticalPolicy, DeviceChoice, PolicyConfig, TrainConfig,
    adopt::adopt,
    checkpoint::{About, Checkpoint, Described},
    choices::Dynamic,
    feed::Moment,
    gaze::{self, FrozenGaze, GazeConfig, GazeNet, GazeStream, GazeTraining, checkpoint::GazeCheckpoint},
    network::DynamicInput,
    recipe::Recipe,
    sample::Rows,
    views,
};

/// Features are 16 times as wide as the gaze network.
const WIDTH: i64 = 8;

/// A file of random gaze weights.
fn gaze_weights(dir: &Path, name: &str, width: i64) -> PathBuf {
    let config = GazeConfig { image_px: 64, width, kernel_px: 5, ..GazeConfig::small() };
    let store = nn::VarStore::new(Device::Cpu);
    let _net = GazeNet::new(&store.root(), &config).unwrap();
    let about = gaze::checkpoint::About {
        config,
        embodiment: "none".into(),
        command: "test".into(),
        commit: "none".into(),
        seed: 1,
        steps: 0,
        train_secs: 0.0,
        data: "none".into(),
        licence: "none".into(),
        // Of the scenes that the policy holds out it has seen none.
        recipe: Some(Recipe::new(&GazeTraining { holdout: tiny().holdout, ..GazeTraining::default() }, 1).unwrap()),
    };
    let path = dir.join(format!("{name}.safetensors"));
    GazeCheckpoint::write(&path, &about, &parameters(&store)).unwrap();
    path
}

fn arm(dynamic: Dynamic, gaze: Option<PathBuf>) -> TrainConfig {
    // So close a zoom stays within the bounds wherever weights that have learned nothing look.
    let policy = PolicyConfig { dynamic, gaze_dim: 16 * WIDTH, zoom: 200.0, ..tiny().policy };
    // Its centre is not moved further than it shows.
    TrainConfig { policy, gaze, steps: 2, evaluate_every: 2, center_noise_m: 0.0, ..tiny() }
}

/// One camera above the table that looks down on a bumpy, coloured ground.
fn observation(millis: u64) -> Observation {
    let side = 48;
    let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    let tool = Pose::from_parts(Vector3::new(0.2, 0.1, 1.0), down);
    let camera = CameraView {
        name: "front".into(),
        intrinsics: Intrinsics { width: side, height: side, fx: 60.0, fy: 60.0, cx: 23.5, cy: 23.5 },
        world_from_camera: Pose::from_parts(Vector3::new(0.2, 0.0, 1.75), down),
        rgb: (0..3 * side * side).map(|i| (i % 251) as u8).collect(),
        depth_m: (0..side * side).map(|i| 0.8 + 0.002 * (i % 60) as f32).collect(),
    };
    Observation {
        seq: 7,
        stamp: Nanos::from_millis(millis),
        cameras: vec![camera],
        q: Joints::zeros(7),
        world_from_tool: tool,
        gripper_width_m: 0.04,
        progress: Progress { reached_world_from_tool: tool, gripper: Gripper::Open, reached_count: 0 },
    }
}

fn predict(policy: &mut CorticalPolicy, millis: u64, epoch: u32) -> Prediction {
    let features = Some(Letters.embed("touch it").unwrap());
    policy.predict(&observation(millis), &Instruction { text: "touch it".into(), epoch, features }).unwrap()
}

#[test]
fn each_arm_trains_is_evaluated_and_predicts_from_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let gaze = gaze_weights(dir.path(), "gaze", WIDTH);
    for (dynamic, gaze) in [(Dynamic::WristView, None), (Dynamic::FkHeatmap, None), (Dynamic::Gaze, Some(gaze))] {
        let (config, files) = (arm(dynamic, gaze.clone()), files(dir.path(), dynamic.name()));
        let (steps, news) = run(&config, &samples, &files, || true).unwrap();
        assert_eq!(steps, 2);
        let [News::Progress(progress), News::Evaluated(evaluation), News::Saved(2)] = &news[..] else {
            panic!("{} pieces of news", news.len())
        };
        assert_eq!(progress.terms[6] > 0.0, dynamic == Dynamic::WristView, "{:?}", progress.terms);
        assert!(evaluation.scores.len() == 2 && evaluation.scores.iter().all(|s| s.position_mm > 0.0));

        // The policy's file holds the gaze network as it was, and is all that is needed.
        let inside = bits(&files.weights);
        assert_eq!(Checkpoint::read(&files.weights).unwrap().about.gaze.is_some(), gaze.is_some());
        assert_eq!(inside.keys().any(|name| name.starts_with("gaze_net.")), gaze.is_some());
        if let Some(path) = &gaze {
            let own = GazeCheckpoint::read(path).unwrap();
            for (name, tensor) in &own.tensors {
                let values = Vec::<f32>::try_from(&tensor.view([-1])).unwrap();
                assert_eq!(inside[&format!("gaze_net.{name}")], values.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            }
            fs::remove_file(path).unwrap();
        }
        let mut policy = CorticalPolicy::load(&files.weights, DeviceChoice::Cpu, "letters").unwrap();
        let first = predict(&mut policy, 100, 1).keyframe;
        let look = policy.views().dynamic.clone().unwrap();
        let area = look.side * look.side;
        assert_eq!((look.rgb.len(), look.heat.len()), (3 * area, area));
        assert!((look.heat.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{}", look.heat.iter().sum::<f32>());
        assert!(look.rgb.iter().any(|value| *value > 100), "nothing is seen");
        let Some(seen) = look.gaze else {
            assert!(dynamic != Dynamic::Gaze && look.side == 32);
            continue;
        };
        assert_eq!((look.side, seen.previous_age_secs, &seen.before_rgb), (64, None, &look.rgb));
        assert!((seen.ray_in_world.norm() - 1.0).abs() < 1e-9 && seen.point_in_world.is_some());

        // The second has one before; another instruction forgets it and answers as at first.
        let age = |policy: &CorticalPolicy| policy.views().dynamic.as_ref()?.gaze.as_ref()?.previous_age_secs;
        predict(&mut policy, 200, 1);
        assert!((age(&policy).unwrap() - 0.1).abs() < 1e-9);
        assert_eq!(predict(&mut policy, 300, 2).keyframe, first);
        assert_eq!(age(&policy), None);
    }
}

#[test]
fn held_out_scenes_that_the_gaze_network_may_know_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let path = gaze_weights(dir.path(), "gaze", WIDTH);
    let notes = |holdout: f64| -> Vec<String> {
        let config = TrainConfig { holdout, ..arm(Dynamic::Gaze, Some(path.clone())) };
        let (_, news) = run(&config, &samples, &files(dir.path(), &format!("{holdout}")), || false).unwrap();
        news.into_iter().filter_map(|news| if let News::Gaze(note) = news { Some(note) } else { None }).collect()
    };
    assert_eq!(notes(0.3), Vec::<String>::new());
    let learned = "scenes that count as held out may have been learned";
    assert_eq!(notes(0.4), [format!("warning: trained with holdout 0.3, this is 0.4: {learned}")]);
    // One that does not say it has held out what is usual.
    let Described { about, tensors, .. } = GazeCheckpoint::read(&path).unwrap();
    let silent = gaze::checkpoint::About { recipe: None, ..about };
    let tensors: Vec<_> = tensors.into_iter().collect();
    GazeCheckpoint::write(&path, &silent, &tensors).unwrap();
    assert_eq!(notes(0.1), Vec::<String>::new());
    assert_eq!(notes(0.2), [format!("warning: does not say its holdout, this is 0.2: {learned}")]);
    // One of another robot.
    let foreign = gaze::checkpoint::About { embodiment: "ur5e".into(), ..silent };
    GazeCheckpoint::write(&path, &foreign, &tensors).unwrap();
    assert_eq!(notes(0.1), ["warning: trained with robot ur5e, this is none"]);
}

#[test]
fn training_and_inference_see_the_same_clip() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let path = gaze_weights(dir.path(), "gaze", WIDTH);
    let config = arm(Dynamic::Gaze, Some(path.clone())).policy;
    let frozen = FrozenGaze::load(&path, Device::Cpu).unwrap();
    let mut rows = Rows::new(&config, Some(frozen.config())).unwrap();
    let (mut scene, body) = (Cloud::default(), samples.record(0).unwrap().body());
    samples.scene_into(0, &mut scene).unwrap();
    let words = samples.sentence("touch it").unwrap();
    rows.stage(0, &Moment { cloud: &scene, before: None, body: &body }, &views::cube(&config), words).unwrap();
    let answer = frozen.answer(&rows.feed().clip().unwrap().unwrap(), config.image_px).unwrap();
    let mut stream = GazeStream::load(&path, DeviceChoice::Cpu).unwrap();
    let seen = stream.look(&scene, &body.world_from_tool, Nanos(0)).unwrap();
    let DynamicInput::Gaze { features, heat } = answer else { panic!("{answer:?}") };
    assert_eq!(features, seen.output.features);
    assert_eq!(heat, seen.output.saliency(config.image_px).unwrap());
    assert!(!features.requires_grad());
}

#[test]
fn a_stopped_run_with_a_gaze_goes_on_to_the_last_bit_and_with_another_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = TrainConfig { steps: 4, ..arm(Dynamic::Gaze, Some(gaze_weights(dir.path(), "gaze", WIDTH))) };
    let (unbroken, stopped) = (files(dir.path(), "unbroken"), files(dir.path(), "stopped"));
    same_start(&config, &samples, [&unbroken, &stopped]);
    run(&config, &samples, &unbroken, || true).unwrap();
    let left = Cell::new(2);
    assert_eq!(run(&config, &samples, &stopped, || left.replace(left.get() - 1) > 0).unwrap().0, 2);
    assert_ne!(bits(&unbroken.state), bits(&stopped.state));
    let other = TrainConfig { gaze: Some(gaze_weights(dir.path(), "other", WIDTH)), ..config.clone() };
    let text = run(&other, &samples, &stopped, || true).unwrap_err().to_string();
    assert!(text.contains("was made with another gaze network; give another --out"), "{text}");
    run(&config, &samples, &stopped, || true).unwrap();
    assert_eq!(bits(&unbroken.state), bits(&stopped.state));
    assert_eq!(bits(&unbroken.weights), bits(&stopped.weights));

    // Weights with a gaze network inside start a run without one, and a policy's file is none of a gaze network.
    let second = super::RunFiles { init: Some(stopped.weights.clone()), ..files(dir.path(), "second") };
    let (_, news) = run(&arm(Dynamic::Off, None), &samples, &second, || false).unwrap();
    let [News::Warm(warm)] = &news[..] else { panic!("{news:?}") };
    assert!(warm.fresh.iter().all(|(name, _)| !name.contains("gaze")), "{:?}", warm.fresh);
    assert_eq!(warm.notes, ["warning: trained with a gaze network, here is none"]);
    // With another one inside they start, too, and it is said.
    for (config, name, notes) in [(&config, "same", 0), (&other, "another", 1)] {
        let third = super::RunFiles { init: Some(stopped.weights.clone()), ..files(dir.path(), name) };
        let (_, news) = run(config, &samples, &third, || false).unwrap();
        let [News::Warm(warm)] = &news[..] else { panic!("{news:?}") };
        assert_eq!(warm.notes.len(), notes, "{:?}", warm.notes);
        assert!(warm.notes.iter().all(|note| note.starts_with("warning: trained with another gaze network")));
    }
    let text = FrozenGaze::load(&stopped.weights, Device::Cpu).err().unwrap().to_string();
    assert!(text.contains("no `neuraxis_gaze`: not weights of a gaze network"), "{text}");
}

#[test]
fn a_policy_of_others_is_taken_over_with_its_gaze_network() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let config = arm(Dynamic::Gaze, Some(gaze_weights(dir.path(), "gaze", WIDTH)));
    let ours = files(dir.path(), "ours");
    run(&config, &samples, &ours, || false).unwrap();
    // As another program would write it: without a description.
    let bytes = fs::read(&ours.weights).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__").unwrap();
    let header = serde_json::to_vec(&header).unwrap();
    let (bare, taken) = (dir.path().join("bare.safetensors"), dir.path().join("taken.safetensors"));
    fs::write(&bare, [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat()).unwrap();

    let about = Checkpoint::read(&ours.weights).unwrap().about;
    adopt(&bare, &about, &taken).unwrap();
    assert_eq!(bits(&taken), bits(&ours.weights));
    let mut policy = CorticalPolicy::load(&taken, DeviceChoice::Cpu, "letters").unwrap();
    predict(&mut policy, 100, 1);

    let refused = |about: &About| adopt(&bare, about, &taken).unwrap_err().to_string();
    let text = refused(&About { gaze: None, ..about.clone() });
    assert!(text.contains("dynamic = gaze: the gaze network that lies in the same file is not described"), "{text}");
    let mut wider = about.clone();
    wider.gaze.as_mut().unwrap().config.width = 2 * WIDTH;
    assert!(refused(&wider).contains("gaze_net."), "{}", refused(&wider));
    let off = PolicyConfig { dynamic: Dynamic::Off, ..about.config.clone() };
    assert!(refused(&About { config: off, ..about }).contains("goes with dynamic: gaze alone"));
}

#[test]
fn gaze_weights_that_are_missing_do_not_fit_or_are_not_needed_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let refused =
        |config: &TrainConfig| run(config, &samples, &files(dir.path(), "run"), || true).unwrap_err().to_string();
    let text = refused(&arm(Dynamic::Gaze, None));
    assert!(text.contains("gaze = none, allowed: weights of `neuraxis train gaze`"), "{text}");
    let path = gaze_weights(dir.path(), "gaze", WIDTH);
    for dynamic in [Dynamic::Off, Dynamic::WristView, Dynamic::FkHeatmap] {
        let text = refused(&arm(dynamic, Some(path.clone())));
        assert!(text.contains("gaze.safetensors, allowed: none, unless policy.dynamic is gaze"), "{text}");
    }
    let text = refused(&arm(Dynamic::Gaze, Some(gaze_weights(dir.path(), "wide", 2 * WIDTH))));
    assert_eq!(text, "policy.gaze_dim = 128, but the features of this gaze network are 256 wide");
    let text = refused(&arm(Dynamic::Gaze, Some(dir.path().join("nowhere.safetensors"))));
    assert!(text.contains("nowhere.safetensors"), "{text}");

    // A policy's file whose gaze network was lost.
    let config = arm(Dynamic::Gaze, Some(path));
    let whole = files(dir.path(), "whole");
    run(&config, &samples, &whole, || false).unwrap();
    let Described { about, tensors, .. } = Checkpoint::read(&whole.weights).unwrap();
    let kept: Vec<_> = tensors.into_iter().filter(|(name, _)| !name.starts_with("gaze_net.")).collect();
    Checkpoint::write(&whole.weights, &about, &kept).unwrap();
    let text = CorticalPolicy::load(&whole.weights, DeviceChoice::Cpu, "letters").err().unwrap().to_string();
    assert!(text.contains("gaze_net.") && text.contains("is missing"), "{text}");
}
