//! What samples are drawn, and what of them a step of training is shown.

use std::{collections::BTreeMap, fs};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::Pose;
use neuraxis_episode::dataset::{CloudSample, Dataset, DatasetWriter};
use neuraxis_vision::OrthoView;
use tch::{Device, Tensor};

use super::{
    News, TERMS, copy_weights,
    toy::{Letters, files, run, samples, tiny},
    worker::Worker,
};
use crate::{
    ConsistencyConfig, PolicyConfig, TrainConfig,
    imported::ImportedKeypoints,
    rotation::{angles_from_rotation, bin_of_angle, rotation_from_angles},
    sample::Samples,
    views,
};

/// Keypoints of each record of a file.
const KEYPOINTS: usize = 40;

#[test]
fn with_every_scene_held_out_there_is_nothing_to_learn_from() {
    let dir = tempfile::tempdir().unwrap();
    samples(dir.path());
    let error = Samples::new(Dataset::open(dir.path()).unwrap(), 1.0, &mut Letters).err().unwrap().to_string();
    assert!(error.contains("all of the 12 scenes are held out"), "{error}");
}

#[test]
fn data_of_other_bounds_key_frames_outside_and_long_sentences_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(&dir.path().join("data"));
    let refused = |policy: PolicyConfig| {
        let config = TrainConfig { policy, ..tiny() };
        run(&config, &samples, &files(dir.path(), "run"), || true).unwrap_err().to_string()
    };
    let text = refused(PolicyConfig { bounds_m: [-0.3, -0.5, 0.7, 0.7, 0.5, 1.7], ..tiny().policy });
    assert!(text.contains("data/index.json: bounds_m = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6] m, but"), "{text}");
    assert!(text.ends_with("the network's is [-0.3, -0.5, 0.7, 0.7, 0.5, 1.7] m"), "{text}");
    let text = refused(PolicyConfig { plane_z_m: 0.7, ..tiny().policy });
    assert!(text.ends_with("data/index.json: plane_z_m = 0.75 m, but the network's is 0.7 m"), "{text}");

    let text = refused(PolicyConfig { text_len: 3, ..tiny().policy });
    assert!(text.contains("\"touch the red cube\" has 4 tokens, allowed: policy.text_len = 3"), "{text}");

    let Samples { dataset, mut records, .. } = samples;
    let last = records.len() - 1;
    let keyframe = &mut records[last].goals[0].keyframe;
    keyframe.world_from_tool = Pose::from_parts(Vector3::new(0.2, 0.0, 1.62), keyframe.world_from_tool.rotation());
    let high = dir.path().join("high");
    let mut writer = DatasetWriter::create(&high, PolicyConfig::default().bounds_m, serde_json::json!({})).unwrap();
    let (mut xyz, mut rgb) = Default::default();
    for (i, record) in records.iter().enumerate() {
        dataset.cloud_into(i, &mut xyz, &mut rgb).unwrap();
        writer.push(&CloudSample { xyz_in_world: &xyz, rgb: &rgb, record }).unwrap();
    }
    writer.finish().unwrap();
    let samples = Samples::new(Dataset::open(&high).unwrap(), tiny().holdout, &mut Letters).unwrap();
    let text = run(&tiny(), &samples, &files(dir.path(), "run"), || true).unwrap_err().to_string();
    assert!(text.contains(&format!("high: record {last}: the key-frame of \"touch")), "{text}");
    assert!(text.contains("at [0.200, 0.000, 1.620] m is outside policy.bounds_m = [-0.3"), "{text}");
}

#[test]
fn a_task_is_drawn_as_often_as_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let before = samples.drawn(&BTreeMap::new()).len();
    let times = BTreeMap::from([("touch".to_string(), 3)]);
    assert_eq!(samples.drawn(&times).len(), 3 * before);
    assert_eq!(samples.drawn(&BTreeMap::from([("other".to_string(), 3)])).len(), before);
    let error = samples.with_emphasis(&BTreeMap::from([("tuch".to_string(), 3)])).err().unwrap().to_string();
    assert!(error.contains("no task \"tuch\""), "{error}");
}

/// Strongly augmented, half of these labels would leave the cube.
#[test]
fn every_augmented_target_is_a_map_that_sums_to_one() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let config = TrainConfig { augment_yaw_deg: 45.0, augment_shift_m: 0.6, ..tiny() };
    for step in 0..8 {
        let targets = samples.training_batch(&config, None, step, 0..8).unwrap().targets;
        for heat in [&targets.heat_coarse, &targets.heat_fine] {
            let sums =
                Vec::<f32>::try_from(heat.sum_dim_intlist([2i64, 3].as_slice(), false, None).view([-1])).unwrap();
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-4), "{sums:?}");
        }
    }
}

/// The cube that the label stands on, the tool and the label are in one frame, whichever way the augmentation turned it.
#[test]
fn labels_are_turned_with_what_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let config = TrainConfig { augment_yaw_deg: 45.0, augment_shift_m: 0.0, center_noise_m: 0.0, ..tiny() };
    let (side, mut most, mut kinds) = (config.policy.image_px as usize, 0.0f64, [0; 2]);
    let numbers = |t: &Tensor| Vec::<f32>::try_from(t.contiguous().view([-1])).unwrap();
    for step in 0..10 {
        let batch = samples.training_batch(&config, None, step, 0..8).unwrap();
        assert!(batch.point_in_fine.abs().max().double_value(&[]) < 1e-4, "the zoom is around the label");
        for i in 0..8 {
            // The tool is at (0.3, 0, 1.1) m, 0.1 m in front of the cube's centre.
            let proprio = numbers(&batch.coarse.proprio.get(i));
            let yaw = -f64::from(proprio[6]).atan2(proprio[5].into());
            most = most.max(yaw.abs());
            let turned =
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), -yaw) * rotation_from_angles([0.3, 0.0, 0.0]);
            let wanted = turned.to_rotation_matrix().transpose();
            let told = numbers(&batch.targets.rotation.get(i));
            assert!(
                wanted.matrix().iter().zip(&told).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-5),
                "{wanted} {told:?}"
            );
            let bins = angles_from_rotation(&turned).map(|angle| bin_of_angle(angle, config.policy.rotation_bins));
            assert_eq!(Vec::<i64>::try_from(batch.targets.bins.get(i)).unwrap(), bins);

            let label = views::arg_max(&numbers(&batch.targets.heat_coarse.get(i)), side as i64).unwrap();
            let [u, v] =
                OrthoView::Top.pixel([label.x as f32, label.y as f32, label.z as f32], side).map(|x| x as usize);
            let seen = numbers(&batch.coarse.views.get(i).get(0));
            let is_red = |row: usize, column: usize| {
                let at = |channel: usize| seen[(channel * side + row) * side + column];
                at(3) - at(4) > 0.2
            };
            assert!((v - 1..=v + 1).any(|row| (u - 1..=u + 1).any(|column| is_red(row, column))), "{label}");
            // Above the cube the gripper is open and nothing may be touched; on it the opposite.
            let switch = |t: &Tensor| t.int64_value(&[i]);
            let (is_open, is_contact) = (switch(&batch.targets.gripper), switch(&batch.targets.collision));
            assert_eq!([is_open, is_contact], if label.z > -0.47 { [1, 0] } else { [0, 1] }, "{label}");
            kinds[is_open as usize] += 1;
        }
    }
    assert!(most > 0.5 && kinds.iter().all(|count| *count > 4), "{most} {kinds:?}");
}

#[test]
fn told_rotations_are_off_by_minus_two_to_one_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let jittered = TrainConfig { rotation_jitter: true, ..tiny() };
    let numbers = |t: &Tensor| Vec::<i64>::try_from(t.view([-1])).unwrap();
    let mut seen = [0; 4];
    for step in 0..20 {
        let [plain, off] = [&tiny(), &jittered].map(|config| samples.training_batch(config, None, step, 0..4).unwrap());
        assert_eq!(plain.told_bins, plain.targets.bins);
        assert_eq!((&off.targets.bins, &off.targets.rotation), (&plain.targets.bins, &plain.targets.rotation));
        assert_eq!((&off.coarse.views, &off.fine.views), (&plain.coarse.views, &plain.fine.views));
        for (told, bin) in numbers(&off.told_bins).iter().zip(numbers(&off.targets.bins)) {
            assert!((0..72).contains(told));
            seen[(told - bin + 2).rem_euclid(72) as usize] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 30), "{seen:?}");
    // It reaches the heads: from the same weights the second and third angle are named otherwise.
    let worker = Worker::new(&tiny(), Device::Cpu).unwrap();
    let rotation = |config: &TrainConfig| {
        worker.step(config, 0..4, |piece| samples.training_batch(config, None, 1, piece)).unwrap().terms[2]
    };
    assert_ne!(rotation(&tiny()), rotation(&jittered));
}

#[test]
fn half_of_the_samples_are_told_in_other_words_and_evaluation_in_the_datas_own() {
    let dir = tempfile::tempdir().unwrap();
    let (config, plain) = (tiny(), samples(&dir.path().join("plain")));
    let retold = samples(&dir.path().join("retold"))
        .with_wordings(&mut Letters, |task, sentence| vec![format!("{task}! {sentence}")])
        .unwrap();
    assert_eq!((plain.wordings(), retold.wordings()), (0, 3));
    let words = |samples: &Samples| -> Vec<Tensor> {
        let batch = |step| samples.training_batch(&config, None, step, 0..1).unwrap().coarse.text;
        (0..40).map(batch).collect()
    };
    // The wording is drawn last, so that the observations are the same.
    let longer = words(&plain).iter().zip(&words(&retold)).filter(|(own, told)| told.size()[1] > own.size()[1]).count();
    assert!((10..=30).contains(&longer), "{longer} of 40");
    assert_eq!(retold.sentence("touch it").unwrap().tokens, plain.sentence("touch it").unwrap().tokens);
}

#[test]
fn keypoints_of_a_file_are_what_is_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    let geometric = samples(&dir.path().join("data"));
    let file = dir.path().join("keypoints.safetensors");
    // Of each scene the first points of its cloud: some of the table, some of the cube.
    let count = geometric.counts().0;
    let mut scene = neuraxis_vision::Cloud::default();
    let points: Vec<Vec<[f32; 3]>> = (0..count)
        .map(|i| {
            geometric.scene_into(i, &mut scene).unwrap();
            scene.xyz_in_world[..KEYPOINTS].to_vec()
        })
        .collect();
    let bytes: Vec<Vec<u8>> =
        points.iter().map(|points| points.iter().flatten().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = bytes.iter().enumerate().map(|(i, bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![KEYPOINTS, 3], bytes).unwrap();
        (format!("record.{i}"), view)
    });
    fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
    let consistency = ConsistencyConfig { lambda: 1.0, keypoints: Some(file.clone()) };
    let still =
        TrainConfig { augment_yaw_deg: 0.0, augment_shift_m: 0.0, steps: 1, log_every: 1, consistency, ..tiny() };
    let imported = ImportedKeypoints::read(&file, count, &still.policy.bounds_m).unwrap();
    let samples = geometric.with_keypoints(imported);

    let cube = crate::views::cube(&still.policy);
    let batch = samples.training_batch(&still, None, 1, 0..4).unwrap();
    let [coarse, _] = batch.keypoints.as_ref().unwrap();
    assert_eq!(coarse.point.size(), [4, KEYPOINTS as i64, 3]);
    let found = Vec::<f32>::try_from(coarse.point.contiguous().view([-1])).unwrap();
    for sample in found.chunks_exact(3 * KEYPOINTS) {
        let is_of = |points: &Vec<[f32; 3]>| {
            let in_cube = points.iter().flat_map(|p| {
                let p = cube.cube_from_world(&Vector3::from(*p).cast::<f64>());
                [p.x, p.y, p.z]
            });
            in_cube.zip(sample).all(|(p, found)| (p - f64::from(*found)).abs() < 1e-5)
        };
        assert!(points.iter().any(is_of), "{sample:?}");
    }
    let (_, news) = run(&still, &samples, &files(dir.path(), "run"), || true).unwrap();
    let terms = news.iter().find_map(|n| if let News::Progress(p) = n { Some(p.terms) } else { None }).unwrap();
    let consistency = TERMS.iter().position(|name| *name == "consistency").unwrap();
    assert!(terms[consistency] > 0.0, "{terms:?}");
}

#[test]
fn bf16_points_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples(dir.path());
    let configs = [false, true].map(|bf16| TrainConfig { bf16, ..tiny() });
    let workers = configs.each_ref().map(|config| Worker::new(config, Device::Cpu).unwrap());
    copy_weights(workers[0].parameters(), &workers[1].weights()).unwrap();
    let share = |i: usize| {
        let batch = |piece| samples.training_batch(&configs[i], None, 1, piece);
        workers[i].step(&configs[i], 0..4, batch).unwrap()
    };
    let [plain, half] = [share(0), share(1)];
    let sum = |terms: &[f64]| terms.iter().sum::<f64>();
    let (a, b) = (sum(&plain.terms), sum(&half.terms));
    assert!((a / b - 1.0).abs() < 0.02 && a != b, "{a} {b}");
    let flat = |grads: &[Tensor]| Tensor::cat(&grads.iter().map(|g| g.view([-1])).collect::<Vec<_>>(), 0);
    let [a, b] = [flat(&plain.grads), flat(&half.grads)];
    let cosine = (a.dot(&b) / (a.norm() * b.norm())).double_value(&[]);
    assert!(cosine > 0.98, "{cosine}");
}
