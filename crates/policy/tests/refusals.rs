//! What a loaded policy does with inputs that are not as they should be, and with answers that must not move an arm.

mod inputs;

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use inputs::tiny;
use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    CameraView, Gripper, Instruction, Intrinsics, Joints, Nanos, Observation, Policy, PolicyError, Pose, Progress,
    TextFeatures,
};
use neuraxis_policy::{
    CorticalPolicy, DeviceChoice, Error, PolicyConfig, StaticStream,
    checkpoint::{About, Checkpoint},
    choices::{Dynamic, RotationForm},
    train::parameters,
};
use neuraxis_vision::CameraFault;
use tch::{Device, Tensor, nn};

const CAMERAS: [&str; 2] = ["front", "wrist"];

fn about(config: &PolicyConfig) -> About {
    About {
        config: config.clone(),
        text_encoder: "none".into(),
        embodiment: "fr3".into(),
        cameras: CAMERAS.map(String::from).to_vec(),
        command: "test".into(),
        commit: "none".into(),
        seed: 0,
        steps: 0,
        train_secs: 0.0,
        data: "none".into(),
        licence: "Apache-2.0".into(),
        recipe: None,
        gaze: None,
    }
}

/// The generator that weights are drawn from is the whole process's: a seed holds only while no other test draws.
fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of random weights that is removed in the end.
struct Weights(PathBuf);

impl Weights {
    /// `change` may spoil the weights of `made` before they are written under the name of `named`.
    fn write(name: &str, named: &PolicyConfig, made: &PolicyConfig, change: impl Fn(&str, &Tensor)) -> Self {
        let drawing = alone();
        tch::manual_seed(2);
        let store = nn::VarStore::new(Device::Cpu);
        StaticStream::new(&store.root(), made).unwrap();
        drop(drawing);
        let _guard = tch::no_grad_guard();
        let tensors = parameters(&store);
        tensors.iter().for_each(|(name, tensor)| change(name, tensor));
        let path = std::env::temp_dir().join(format!("neuraxis-{}-{name}.safetensors", std::process::id()));
        Checkpoint::write(&path, &about(named), &tensors).unwrap();
        Self(path)
    }

    fn load(&self) -> neuraxis_policy::Result<CorticalPolicy> {
        let _drawing = alone();
        CorticalPolicy::load(&self.0, DeviceChoice::Cpu, "none")
    }
}

impl Drop for Weights {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn policy(name: &str, config: &PolicyConfig) -> CorticalPolicy {
    Weights::write(name, config, config, |_, _| ()).load().unwrap()
}

/// Two cameras above the table that look down on a bumpy, coloured ground.
fn observation() -> Observation {
    let side = 48;
    let cameras = CAMERAS.map(|name| CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width: side, height: side, fx: 60.0, fy: 60.0, cx: 23.5, cy: 23.5 },
        world_from_camera: Pose::from_parts(
            Vector3::new(0.2, 0.0, 1.75),
            UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI),
        ),
        rgb: (0..3 * side * side).map(|i| (i % 251) as u8).collect(),
        depth_m: (0..side * side).map(|i| 0.8 + 0.002 * (i % 60) as f32).collect(),
    });
    let tool = Pose::from_parts(Vector3::new(0.2, 0.1, 1.0), UnitQuaternion::identity());
    Observation {
        seq: 7,
        stamp: Nanos(0),
        cameras: cameras.to_vec(),
        q: Joints::zeros(7),
        world_from_tool: tool,
        gripper_width_m: 0.04,
        progress: Progress { reached_world_from_tool: tool, gripper: Gripper::Open, reached_count: 0 },
    }
}

fn instruction(tokens: usize) -> Instruction {
    let values: Vec<f32> = (0..8 * tokens).map(|i| (i as f32).sin()).collect();
    let features = TextFeatures { tokens, width: 8, values: values.into() };
    Instruction { text: "push the button".into(), epoch: 3, features: Some(features) }
}

#[test]
fn a_good_observation_gives_a_key_frame_within_bounds() {
    for rotation in [RotationForm::Bins, RotationForm::SixD] {
        let config = PolicyConfig { rotation, ..tiny() };
        let mut policy = policy(&format!("good-{rotation:?}"), &config);
        let prediction = policy.predict(&observation(), &instruction(4)).unwrap();
        let p = prediction.keyframe.world_from_tool.position();
        assert!((0..3).all(|i| p[i] >= config.bounds_m[i] && p[i] <= config.bounds_m[i + 3]), "{p:?}");
        assert!((0.0..=1.0).contains(&prediction.confidence), "{}", prediction.confidence);
        assert!(prediction.keyframe.world_from_tool.is_valid());
        assert!(policy.views().masked.is_empty());
        assert_eq!((policy.views().rgb.len(), policy.views().heat.len()), (6, 6));
        // The same observation gives the same answer.
        let again = policy.predict(&observation(), &instruction(4)).unwrap();
        assert_eq!(again.keyframe, prediction.keyframe);
    }
}

#[test]
fn a_prediction_is_as_sure_as_its_heatmaps() {
    // So close a zoom stays within the bounds wherever these weights look.
    let config = PolicyConfig { zoom: 200.0, ..tiny() };
    let confidence = |name: &str, scale: f64| {
        let weights = Weights::write(name, &config, &config, |name, tensor| {
            if name.contains("upsample") {
                let _ = tensor.shallow_clone().f_mul_scalar_(scale).unwrap();
            }
        });
        weights.load().unwrap().predict(&observation(), &instruction(4)).unwrap().confidence
    };
    let [flat, torn] = [("none", 0.0), ("peaked", 300.0)].map(|(name, scale)| confidence(name, scale));
    // Of a flat map of 32 x 32 pixels: 2 pi e 1.5^2 of 1024. Of three views each of which is sure of another place: nothing.
    let expected = std::f32::consts::TAU * std::f32::consts::E * 2.25 / (32.0 * 32.0);
    assert!((flat - expected).abs() < 0.002, "{flat}, expected {expected}");
    assert!(torn < 0.1 * flat, "{torn}");
}

#[test]
fn sr19_a_camera_that_repeats_its_picture_while_the_arm_moves_is_left_out_and_named() {
    let mut policy = policy("frozen", &tiny());
    let mut seen = observation();
    policy.predict(&seen, &instruction(4)).unwrap();
    // The arm comes down in front of both; one sees it.
    seen.world_from_tool.iso.translation.z -= 0.05;
    seen.cameras[1].rgb[0] ^= 1;
    policy.predict(&seen, &instruction(4)).unwrap();
    let masked = policy.views().masked.clone();
    assert_eq!((masked.len(), &masked[0].name, &masked[0].fault), (1, &seen.cameras[0].name, &CameraFault::Frozen));
    seen.world_from_tool.iso.translation.z -= 0.05;
    let refused = policy.predict(&seen, &instruction(4)).unwrap_err().to_string();
    assert!(refused.contains("no camera can be used") && refused.contains("stands still"), "{refused}");
}

#[test]
fn dead_and_missing_cameras_are_left_out_and_named() {
    let mut policy = policy("masked", &tiny());
    let mut seen = observation();
    seen.cameras[1].depth_m.fill(f32::NAN);
    policy.predict(&seen, &instruction(4)).unwrap();
    let masked = policy.views().masked.clone();
    assert_eq!((masked.len(), &*masked[0].name, &masked[0].fault), (1, "wrist", &CameraFault::NoDepth));
    seen.cameras[1] = observation().cameras[1].clone();
    seen.cameras[1].rgb.fill(0);
    policy.predict(&seen, &instruction(4)).unwrap();
    assert_eq!(policy.views().masked[0].fault, CameraFault::Blank);
    seen.cameras.pop();
    policy.predict(&seen, &instruction(4)).unwrap();
    assert_eq!(policy.views().masked[0].to_string(), "wrist: not in the observation");
    // A picture with holes is no dead camera.
    let mut holes = observation();
    holes.cameras[0].depth_m.iter_mut().step_by(3).for_each(|z| *z = f32::NAN);
    policy.predict(&holes, &instruction(4)).unwrap();
    assert!(policy.views().masked.is_empty());
}

#[test]
fn observations_that_show_nothing_are_refused_with_the_reason() {
    let mut policy = policy("blind", &tiny());
    let refusal = |policy: &mut CorticalPolicy, seen: &Observation| {
        let error = policy.predict(seen, &instruction(4)).unwrap_err();
        assert!(matches!(error, PolicyError::Observation { seq: 7, .. }), "{error:?}");
        error.to_string()
    };
    let mut seen = observation();
    seen.cameras.iter_mut().for_each(|camera| camera.depth_m.fill(f32::NAN));
    let text = refusal(&mut policy, &seen);
    assert!(
        text.contains("no camera can be used: front: hardly any depth reading; wrist: hardly any depth reading"),
        "{text}"
    );
    let masked = |policy: &CorticalPolicy| policy.views().masked.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(masked(&policy), ["front: hardly any depth reading", "wrist: hardly any depth reading"]);
    seen.cameras.clear();
    assert!(refusal(&mut policy, &seen).contains("the observation holds none"));
    assert_eq!(masked(&policy), CAMERAS.map(|name| format!("{name}: not in the observation")));
    let mut far = observation();
    far.cameras.iter_mut().flat_map(|camera| &mut camera.depth_m).for_each(|z| *z = 40.0);
    assert!(refusal(&mut policy, &far).contains("0 points inside the bounds"));
    let mut lost = observation();
    lost.gripper_width_m = f64::NAN;
    assert!(refusal(&mut policy, &lost).contains("pose or gripper width is not finite"));
    // And it goes on afterwards.
    policy.predict(&observation(), &instruction(4)).unwrap();
}

#[test]
fn a_warmed_up_policy_answers_as_a_cold_one_and_hopeless_weights_are_found() {
    for dynamic in [Dynamic::Off, Dynamic::FkHeatmap] {
        let config = PolicyConfig { dynamic, ..tiny() };
        let weights = Weights::write(&format!("warm-{dynamic:?}"), &config, &config, |_, _| ());
        let (mut cold, mut warm) = (weights.load().unwrap(), weights.load().unwrap());
        warm.warm_up(3).unwrap();
        let [cold, warm] =
            [&mut cold, &mut warm].map(|policy| policy.predict(&observation(), &instruction(4)).unwrap());
        assert_eq!((cold.seq, cold.keyframe, cold.confidence), (warm.seq, warm.keyframe, warm.confidence));
    }
    let weights = Weights::write("hopeless", &tiny(), &tiny(), |name, tensor| {
        if name == "fine.upsample.weight" || name == "fine.merge.weight" {
            let _ = tensor.shallow_clone().fill_(1e30);
        }
    });
    let error = weights.load().unwrap().warm_up(1).unwrap_err();
    assert!(error.to_string().contains("the fine heatmap is not finite"), "{error}");
}

#[test]
fn instructions_without_usable_features_are_refused() {
    let mut policy = policy("mute", &tiny());
    let mut refusal = |words: &Instruction| {
        let error = policy.predict(&observation(), words).unwrap_err();
        assert!(matches!(error, PolicyError::Instruction { .. }), "{error:?}");
        error.to_string()
    };
    assert!(refusal(&instruction(0)).contains("its text features are empty"));
    assert!(refusal(&Instruction { features: None, ..instruction(1) }).contains("it has no text features"));
    let wide = TextFeatures { tokens: 1, width: 9, values: vec![0.0; 9].into() };
    assert!(refusal(&Instruction { features: Some(wide), ..instruction(1) }).contains("9 wide, the network expects 8"));
    // What it would not read of a sentence may be what the sentence is about.
    assert!(refusal(&instruction(7)).contains("it has 7 tokens, this policy reads 6 (policy.text_len)"));
    let nan = TextFeatures { tokens: 1, width: 8, values: vec![f32::NAN; 8].into() };
    assert!(refusal(&Instruction { features: Some(nan), ..instruction(1) }).contains("not finite"));
}

#[test]
fn answers_that_must_not_move_an_arm_are_refused() {
    // Weights so large that the heatmap overflows.
    let config = tiny();
    let weights = Weights::write("huge", &config, &config, |name, tensor| {
        if name == "fine.upsample.weight" || name == "fine.merge.weight" {
            let _ = tensor.shallow_clone().fill_(1e30);
        }
    });
    let error = weights.load().unwrap().predict(&observation(), &instruction(4)).unwrap_err();
    assert_eq!(error, PolicyError::Answer("the fine heatmap is not finite".into()));

    // A bound that cuts off the corner of the cube that flat heatmaps point at, whichever it is.
    let flat = PolicyConfig { bounds_m: [0.1, -0.1, 0.6, 0.3, 0.1, 1.6], ..tiny() };
    let weights = Weights::write("flat", &flat, &flat, |name, tensor| {
        if name.contains("upsample") {
            let _ = tensor.shallow_clone().zero_();
        }
    });
    let error = weights.load().unwrap().predict(&observation(), &instruction(4)).unwrap_err();
    let PolicyError::Answer(text) = &error else { panic!("{error:?}") };
    assert!(text.starts_with("key-frame at [") && text.contains("outside the bounds [0.1, -0.1, 0.6"), "{text}");

    // Six numbers that are no rotation: the head undoes the tool that points down.
    let six = PolicyConfig { rotation: RotationForm::SixD, ..tiny() };
    let weights = Weights::write("six", &six, &six, |name, tensor| match name {
        "heads.six_d.down.weight" => drop(tensor.shallow_clone().zero_()),
        "heads.six_d.down.bias" => {
            tensor.shallow_clone().copy_(&Tensor::from_slice(&[-1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]))
        }
        _ => (),
    });
    let error = weights.load().unwrap().predict(&observation(), &instruction(4)).unwrap_err();
    assert!(matches!(&error, PolicyError::Answer(text) if text.contains("span no plane")), "{error:?}");
}

#[test]
fn files_of_another_shape_or_cut_short_are_refused() {
    let wider = PolicyConfig { dim: 64, ..tiny() };
    let text = Weights::write("other", &tiny(), &wider, |_, _| ()).load().err().unwrap().to_string();
    assert!(text.contains("tensors do not fit: ") && text.contains("expected [") && text.contains("more"), "{text}");
    let gaze = PolicyConfig { dynamic: Dynamic::Gaze, ..tiny() };
    let text = Weights::write("unused", &tiny(), &gaze, |_, _| ()).load().err().unwrap().to_string();
    assert!(text.contains("coarse.gaze.position is not used by this network"), "{text}");

    let weights = Weights::write("short", &tiny(), &tiny(), |_, _| ());
    let bytes = std::fs::read(&weights.0).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&weights.0, &bytes[..length]).unwrap();
        let text = weights.load().err().unwrap().to_string();
        assert!(text.contains("short.safetensors: not a safetensors file"), "{length}: {text}");
    }
    let text = CorticalPolicy::load(&weights.0, DeviceChoice::Cpu, "other").err().unwrap().to_string();
    assert!(text.contains("not a safetensors file"), "{text}");
}

#[test]
fn configurations_whose_inputs_are_not_made_are_refused_by_part() {
    let config = PolicyConfig { proprio_dim: 4, ..tiny() };
    let error = Weights::write("unwired", &config, &config, |_, _| ()).load().err().unwrap();
    assert!(matches!(error, Error::NotWired { .. }), "{error:?}");
    assert!(error.to_string().contains("proprio_dim = 4: this program makes 12 numbers"), "{error}");
    let config = PolicyConfig { dynamic: Dynamic::Gaze, ..tiny() };
    let text = Weights::write("blind", &config, &config, |_, _| ()).load().err().unwrap().to_string();
    assert!(text.contains("blind.safetensors: its policy has dynamic = gaze, but it holds no gaze network"), "{text}");
}
